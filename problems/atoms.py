r"""Atoms in the unit ball from a statistic, by block-coordinate descent: the dictionary update of Mairal et al.

    min_D  1/2 tr(D A D') - tr(D' B),   |d_k| <= 1 for every atom                         A = s1 + ridge I (PSD), B = s2
    repeat, for k = 1, ..., K:   d_k <- Pi(d_k + (B_k - D A_k) / A_kk),   Pi(u) = u / max(1, |u|)
    stop after a sweep with |V| <= tolerance (|B| + |A| |D|),   V_k = sum_{j > k} A_jk (what the sweep added to d_j)

Each step minimises over one atom. V certifies: it lies in the subdifferential of the objective at D, so that D is exact for
(A, B + V). Where A is singular the solution need not be unique, and the descent finds one that depends on where it begins; an
atom that no sample uses (A_kk = 0, and then B_k = 0) stays where it was.

| argument | symbol |
|---|---|
| A, B | above, (..., K, K) and (..., p, K) |
| start | the first D, (..., p, K) |

Source: J. Mairal, F. Bach, J. Ponce, G. Sapiro, "Online learning for matrix factorization and sparse coding", JMLR 11, 2010,
algorithm 2; the stop is derived here.
"""

from __future__ import annotations

import numpy as np

from fedmm.arrays import Array, as_like, namespace, norm2

__all__ = ["atoms_in_ball", "norms", "onto_ball"]

LIMIT = 20_000
"""Sweeps after which the descent is given up."""

ROUNDING = 64
"""Machine epsilons below which no residual can be asked to fall."""

SMALLEST = 1e-12
"""Least curvature of an atom, relative to the largest: a step that assumes more of it than there is still descends."""


def norms(D: Array) -> Array:
    """The norms of the atoms of `D` (..., p, K), shape (..., 1, K)."""
    xp = namespace(D)
    return xp.sqrt(xp.sum(D * D, axis=-2, keepdims=True))


def onto_ball(D: Array) -> Array:
    """`D` (..., p, K) with every atom projected onto the unit ball."""
    size = norms(D)
    return D / namespace(D).where(size > 1, size, 0.0 * size + 1.0)


def atoms_in_ball(A: Array, B: Array, start: Array, tolerance: float) -> Array:
    """D of the module's docstring, shape (..., p, K).

    Raises
    ------
    ArithmeticError
        If the tolerance is not met after 20,000 sweeps.
    """
    xp, K = namespace(B), B.shape[-1]
    tolerance = max(tolerance, ROUNDING * float(xp.finfo(B.dtype).eps))
    rows = xp.linalg.matrix_transpose(onto_ball(start + 0.0 * B)) + 0.0  # a copy, atoms as rows: (..., K, p)
    pull = xp.linalg.matrix_transpose(B)
    used = [A[..., k, k, None] for k in range(K)]
    top = xp.max(xp.stack(used), axis=0)
    top = xp.where(top > 0, top, xp.ones_like(top))
    curved = [xp.where(a > SMALLEST * top, a, SMALLEST * top) for a in used]
    after = A * as_like(np.triu(np.ones((K, K)), 1), A)  # row k: A_kj for the atoms j > k
    size_A, size_B = _size(A), _size(B)
    for _ in range(LIMIT):
        before = rows + 0.0
        for k in range(K):
            u = rows[..., k, :] + (pull[..., k, :] - (A[..., k, None, :] @ rows)[..., 0, :]) / curved[k]
            length = xp.sqrt(norm2(u))[..., None]
            rows[..., k, :] = u / xp.where(length > 1, length, xp.ones_like(length))
        if bool(xp.all(_size(after @ (rows - before)) <= tolerance * (size_B + size_A * _size(rows)))):
            return xp.linalg.matrix_transpose(rows)
    raise ArithmeticError(
        f"The atoms of T(s) did not settle to tolerance {tolerance:g} in {LIMIT} sweeps; raise the tolerance or the ridge."
    )


def _size(M: Array) -> Array:
    """The Frobenius norm, shape (...)."""
    xp = namespace(M)
    return xp.sqrt(xp.sum(M * M, axis=(-2, -1)))
