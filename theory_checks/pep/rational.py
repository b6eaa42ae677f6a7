"""Exact linear algebra on fractions: just what a certificate needs."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

__all__ = ["independent", "repaired", "rounded"]

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


def independent(matrices: np.ndarray) -> np.ndarray:
    """Which coordinates of symmetric matrices (J, n, n) matter: a mask (n,).

    Vectors that every matrix sends to 0 are directions in which the problem does not change (a shift of all the clients'
    gradients, say). A combination of the matrices is positive semidefinite exactly if its part on the marked coordinates is.
    """
    n = matrices.shape[-1]
    stack = matrices.reshape(len(matrices) * n, n)
    stack = stack[stack.any(axis=1)]
    if not len(stack):
        return np.zeros(n, dtype=bool)
    if np.linalg.matrix_rank(np.asarray(stack, dtype=float), tol=1e-7) == n:
        return np.ones(n, dtype=bool)
    rows = [list(row) for row in dict.fromkeys(map(tuple, stack))]
    mask, r = np.zeros(n, dtype=bool), 0
    for j in range(n):
        found = next((i for i in range(r, len(rows)) if rows[i][j]), None)
        if found is not None:
            rows[r], rows[found] = rows[found], rows[r]
            _eliminate(rows, r, j)
            mask[j], r = True, r + 1
    return mask


def _eliminate(rows: list[list[Fraction]], r: int, j: int) -> None:
    """Make row r the only one with an entry in column j, and that entry 1."""
    pivot = rows[r][j]
    rows[r] = [v / pivot for v in rows[r]]
    for i, row in enumerate(rows):
        if i != r and row[j]:
            factor = row[j]
            rows[i] = [v - factor * w for v, w in zip(row, rows[r], strict=True)]
