r"""Constrained atoms from a statistic, by block-coordinate descent: the dictionary update of Mairal et al.

    min_D  1/2 tr(D A D') - tr(D' B),   every atom d_k in C                               A = s1 + ridge I (PSD), B = s2
    repeat, for k = 1, ..., K:   d_k <- Pi(d_k + (B_k - D A_k) / A_kk),   Pi the projection onto C:
        u / max(1, |u|) for the unit ball,   max(u, 0) for the orthant,   one after the other for what they share
    stop after a sweep with |V| <= tolerance (|B| + |A| |D|),   V_k = sum_{j > k} A_jk (what the sweep added to d_j)

Each step minimises over one atom. V certifies: it lies in the subdifferential of the objective at D, so that D is exact for
(A, B + V). Where A is singular the solution need not be unique, and the descent finds one that depends on where it begins; an
atom that no sample uses (A_kk = 0, and then B_k = 0) stays where it was.

| argument | symbol |
|---|---|
| A, B | above, (..., K, K) and (..., p, K) |
| start | the first D, (..., p, K) |

Source: J. Mairal, F. Bach, J. Ponce, G. Sapiro, "Online learning for matrix factorization and sparse coding", JMLR 11, 2010,
algorithm 2; the stop is derived here. For the orthant it is the hierarchical least squares of A. Cichocki and A.-H. Phan, 2009.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fedmm.arrays import Array, as_like, namespace

__all__ = ["Shape", "constrained_atoms", "norms"]

LIMIT = 20_000
"""Sweeps after which the descent is given up."""

ROUNDING = 64
"""Machine epsilons below which no residual can be asked to fall."""

SMALLEST = 1e-12
"""Least curvature of an atom, relative to the largest: a step that assumes more of it than there is still descends."""


@dataclass(frozen=True)
class Shape:
    """C: where an atom may lie.

    Parameters
    ----------
    ball : bool
        In the unit ball.
    nonnegative : bool
        In the non-negative orthant.
    """

    ball: bool = False
    nonnegative: bool = False

    def nearest(self, D: Array) -> Array:
        """`D` (..., p, K) with every atom projected onto C."""
        xp = namespace(D)
        if self.nonnegative:
            D = xp.maximum(D, 0.0)
        if not self.ball:
            return D
        size = norms(D)
        return D / xp.where(size > 1, size, xp.ones_like(size))

    def excludes(self, D: Array) -> Array:
        """Whether an atom of `D` (..., p, K) is outside C, beyond what rounding explains; shape (...)."""
        xp = namespace(D)
        outside = xp.min(D, axis=(-2, -1)) < (0.0 if self.nonnegative else -float("inf"))
        if self.ball:
            outside = outside | xp.any(norms(D) > 1.0 + 64 * float(xp.finfo(D.dtype).eps), axis=(-2, -1))
        return outside


def norms(D: Array) -> Array:
    """The norms of the atoms of `D` (..., p, K), shape (..., 1, K)."""
    xp = namespace(D)
    return xp.sqrt(xp.sum(D * D, axis=-2, keepdims=True))


def constrained_atoms(A: Array, B: Array, start: Array, tolerance: float, shape: Shape) -> Array:
    """D of the module's docstring, shape (..., p, K).

    Raises
    ------
    ArithmeticError
        If the tolerance is not met after 20,000 sweeps.
    """
    xp, K = namespace(B), B.shape[-1]
    tolerance = max(tolerance, ROUNDING * float(xp.finfo(B.dtype).eps))
    rows = xp.linalg.matrix_transpose(shape.nearest(start + 0.0 * B)) + 0.0  # a copy, atoms as rows: (..., K, p)
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
            rows[..., k, :] = shape.nearest(u[..., None])[..., 0]
        if bool(xp.all(_size(after @ (rows - before)) <= tolerance * (size_B + size_A * _size(rows)))):
            return xp.linalg.matrix_transpose(rows)
    raise ArithmeticError(
        f"The atoms of T(s) did not settle to tolerance {tolerance:g} in {LIMIT} sweeps; raise the tolerance or the ridge."
    )


def _size(M: Array) -> Array:
    """The Frobenius norm, shape (...)."""
    xp = namespace(M)
    return xp.sqrt(xp.sum(M * M, axis=(-2, -1)))
