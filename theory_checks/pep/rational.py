"""Exact linear algebra on fractions: just what a certificate needs."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

__all__ = ["relevant", "repaired", "rounded"]

DENOMINATOR = 10**12
"""Of rounded multipliers: finer than what a solver knows of them."""


def rounded(x: np.ndarray) -> list[Fraction]:
    """The nearest multiples of 10^-12."""
    return [Fraction(round(float(one) * DENOMINATOR), DENOMINATOR) for one in x]


def repaired(A: np.ndarray, b: np.ndarray, x: Sequence[Fraction], order: Sequence[int]) -> list[Fraction] | None:
    """x, corrected so that A x = b exactly; None if no correction does it.

    Gauss-Jordan elimination of [A | b - A x], with the columns in the given order: the first independent ones absorb
    the correction.

    Parameters
    ----------
    A, b : array (k, J), array (k,) of Fraction
        The equalities.
    x : sequence of J Fractions
        A solution but for rounding.
    order : sequence of int
        Columns, those that take a correction best first.
    """
    residual = [b[i] - sum((a * v for a, v in zip(A[i], x, strict=True) if a), Fraction(0)) for i in range(len(b))]
    rows = [[Fraction(v) for v in A[i]] + [residual[i]] for i in range(len(b))]
    pivots: list[int] = []
    for j in order:
        r = len(pivots)
        if r == len(rows):
            break
        found = next((i for i in range(r, len(rows)) if rows[i][j]), None)
        if found is None:
            continue
        rows[r], rows[found] = rows[found], rows[r]
        _eliminate(rows, r, j)
        pivots.append(j)
    if any(row[-1] for row in rows[len(pivots) :]):
        return None
    fixed = list(x)
    for row, j in zip(rows, pivots, strict=False):
        fixed[j] += row[-1]
    return fixed


def relevant(matrices: np.ndarray, F: np.ndarray) -> np.ndarray:
    r"""The directions in which combinations of symmetric matrices, with function values that cancel, change at all.

    A shift of all the clients' gradients, say, changes nothing: all combinations :math:`S=\sum_jz_jA_j` with
    :math:`\sum_jz_jF_j=0` send it to 0. Then S = B'S_BB for the reduced rows B returned here, with S_B the part of S on B's
    pivot columns; S is positive semidefinite exactly if S_B is.

    Parameters
    ----------
    matrices : array (J, n, n) of Fraction
        Symmetric.
    F : array (J, k) of Fraction
        Coefficients of the function values.

    Returns
    -------
    array (q, n) of float
        B; the identity where every direction matters.
    """
    n = matrices.shape[-1]
    if n == 0:
        return np.zeros((0, 0))
    guess = np.tensordot(_kernel(np.asarray(F, dtype=float)), np.asarray(matrices, dtype=float), 1)
    if np.linalg.matrix_rank(guess.reshape(len(guess) * n, n), tol=1e-6) == n:
        return np.eye(n)
    pivots, rows = _reduced([list(column) for column in F.T])
    combinations = []
    for j in sorted(set(range(len(F))) - set(pivots)):
        S = matrices[j]
        for i, row in zip(pivots, rows, strict=True):
            if row[j]:
                S = S - row[j] * matrices[i]
        combinations += [tuple(row) for row in S if any(row)]
    reduced = _reduced([list(row) for row in dict.fromkeys(combinations)])[1]
    return np.array(reduced, dtype=float).reshape(len(reduced), n)


def _kernel(F: np.ndarray) -> np.ndarray:
    """An orthonormal basis of the z with z F = 0, as rows."""
    if not F.size:
        return np.eye(len(F))
    U, sizes, _ = np.linalg.svd(F)
    return U[:, np.sum(sizes > 1e-9) :].T


def _reduced(rows: list[list[Fraction]]) -> tuple[list[int], list[list[Fraction]]]:
    """(pivot columns, rows) of the reduced row echelon form, without rows of zeros."""
    pivots: list[int] = []
    for j in range(len(rows[0]) if rows else 0):
        r = len(pivots)
        found = next((i for i in range(r, len(rows)) if rows[i][j]), None)
        if found is not None:
            rows[r], rows[found] = rows[found], rows[r]
            _eliminate(rows, r, j)
            pivots.append(j)
    return pivots, rows[: len(pivots)]


def _eliminate(rows: list[list[Fraction]], r: int, j: int) -> None:
    """Make row r the only one with an entry in column j, and that entry 1."""
    pivot = rows[r][j]
    rows[r] = [v / pivot for v in rows[r]]
    for i, row in enumerate(rows):
        if i != r and row[j]:
            factor = row[j]
            rows[i] = [v - factor * w for v, w in zip(row, rows[r], strict=True)]
