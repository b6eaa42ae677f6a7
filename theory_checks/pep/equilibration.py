r"""Units for two linear matrix inequalities in the same unknowns.

An inequality :math:`\sum_jx_jA_j\succeq0` says the same

- without a symbol whose row is, in every :math:`A_j`, one combination of the other symbols' rows: with it no solution is an
  interior one, and solvers stop short;
- with :math:`c_jTA_jT` in place of :math:`A_j`, for T diagonal and positive and c > 0.

T (one for each inequality) and c are chosen so that the logarithms of all nonzero entries are as near 0 as possible, in least
squares. The result does not depend on the units in which the matrices came.

Sources: A. Curtis, J. Reid, *On the automatic scaling of matrices for Gaussian elimination* (1972), for least squares;
D. Ruiz (2001) for entries of largest size 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np

from theory_checks.pep.conic import unsvec

__all__ = ["Needed", "Scaling", "independent"]

NOISE = 1e-13
"""Relative size of entries that are rounding errors."""

RANK = 1e-9
"""Relative size below which what is left of a symbol's row is a rounding error."""

SWEEPS = 8
"""Of the iteration towards entries of largest size 1."""


class Needed:
    """The rows of one inequality that are needed: equalities first, then the triangles of its blocks.

    Parameters
    ----------
    rows : array of int
        Their numbers.
    zero : int
        How many are equalities.
    sides : list of int
        Of the blocks that are left.
    """

    def __init__(self, rows: np.ndarray, zero: int, sides: list[int]) -> None:
        self.rows, self.zero, self.sides = rows, zero, sides


class Scaling:
    """Units of the symbols, of each inequality apart, and of the unknowns and the right side, which the two share.

    Parameters
    ----------
    equalities : int
        The first rows of each inequality are equalities.
    sides : list of int
        Of the blocks, whose triangles (`svec`) follow.
    typical : two sequences of arrays (rows, columns)
        The inequalities' coefficients at some values of what they depend on; an entry that is 0 in all of them is always 0.
    """

    def __init__(self, equalities: int, sides: list[int], typical: Sequence[Sequence[np.ndarray]]) -> None:
        self.pairs, symbols = _symbols(equalities, sides)
        self.starts, self.columns = (0, symbols), 2 * symbols
        sizes = [np.max(np.abs(group), axis=0) for group in typical]
        self.count = self.columns + sizes[0].shape[1]
        self.entries = np.concatenate([self._entries(start, sizes[0].shape) for start in self.starts])
        self.present = np.concatenate([size.ravel() for size in sizes]) > 0
        rough = self.largest_one(sizes)
        self.needed = [
            self._needed(equalities, sides, group, start, rough) for group, start in zip(typical, self.starts, strict=True)
        ]
        # rounding errors and what is left out do not count
        count = np.concatenate([np.isin(np.arange(len(self.pairs)), each.rows) for each in self.needed])
        large = _logs(sizes) + self._total(rough) > np.log(NOISE)
        self.counted = np.repeat(count, sizes[0].shape[1]) & self.present & large
        self.project = _least_squares(self.entries[self.counted], self.count)

    def least_squares(self, matrices: Sequence[np.ndarray]) -> np.ndarray:
        """The logarithm of every unit with which entries are near 1 on average."""
        logs = _logs(matrices)[self.counted]
        return self.project @ np.where(np.isfinite(logs), logs, 0.0)

    def largest_one(self, matrices: Sequence[np.ndarray]) -> np.ndarray:
        """The logarithm of every unit with which the largest entry of every symbol and column is near 1."""
        entries, logs = self.entries[self.present], _logs(matrices)[self.present]
        units = np.zeros(self.count)
        for _ in range(SWEEPS):
            total = logs + _sum(entries, units)
            largest = np.full(self.count, -np.inf)
            for k in range(3):
                used = entries[:, k] >= 0
                np.maximum.at(largest, entries[used, k], total[used])
            units -= np.where(np.isfinite(largest), largest, 0.0) / 2.5
        return units

    def scaled(self, A: np.ndarray, which: int, units: np.ndarray) -> np.ndarray:
        """The needed rows of an inequality in these units."""
        rows = self.needed[which].rows
        by_row = _sum(np.where(self.pairs >= 0, self.pairs + self.starts[which], -1)[rows], units)
        return A[rows] * np.exp(by_row[:, None] + units[self.columns :])

    def unknowns(self, units: np.ndarray) -> np.ndarray:
        """What unknowns in these units are multiplied by, so that they are in the original ones."""
        return np.exp(units[self.columns : -1] - units[-1])

    def around(self, units: np.ndarray, x: np.ndarray, remainders: Sequence[np.ndarray]) -> np.ndarray:
        """Units in which a solution x and the diagonals of its remainders (needed rows of each inequality) are near 1."""
        new = units.copy()
        new[self.columns : -1] += np.log(np.clip(np.abs(x), 1e-4, 1e6))
        for each, start, remainder in zip(self.needed, self.starts, remainders, strict=True):
            pairs = self.pairs[each.rows]
            diagonal = pairs[:, 0] == pairs[:, 1]
            new[pairs[diagonal, 0] + start] -= 0.5 * np.log(np.clip(remainder[diagonal], 1e-6, 1e6))
        return new

    def _entries(self, start: int, shape: tuple[int, ...]) -> np.ndarray:
        """For every entry the numbers of its three units: two symbols and a column."""
        rows, columns = np.indices(shape).reshape(2, -1)
        pairs = np.where(self.pairs >= 0, self.pairs + start, -1)[rows]
        return np.column_stack([pairs, self.columns + columns])

    def _total(self, units: np.ndarray) -> np.ndarray:
        return _sum(self.entries, units)

    def _needed(self, equalities: int, sides: list[int], group: Sequence[np.ndarray], start: int, units: np.ndarray) -> Needed:
        by_row = np.exp(_sum(np.where(self.pairs >= 0, self.pairs + start, -1), units))
        A = np.concatenate(group, axis=1) * by_row[:, None]
        A = A / np.maximum(np.abs(A).max(axis=0), 1e-300)
        A = np.where(np.abs(A) > NOISE, A, 0.0)
        rows, kept, at = [np.flatnonzero(A[:equalities].any(axis=1))], [], equalities
        for side in sides:
            j, i = np.tril_indices(side)
            symbols = independent(np.array([unsvec(column, side) for column in A[at : at + len(i)].T]))
            rows.append(at + np.flatnonzero(np.isin(i, symbols) & np.isin(j, symbols)))
            kept.append(len(symbols))
            at += len(i)
        return Needed(np.concatenate(rows), len(rows[0]), kept)


def independent(matrices: np.ndarray) -> np.ndarray:
    """The numbers of symbols that suffice: the rows of the others are combinations of theirs.

    Parameters
    ----------
    matrices : array (J, n, n)
        Symmetric, with entries of about one size.
    """
    from scipy.linalg import qr

    n = matrices.shape[-1]
    if not matrices.any():
        return np.arange(0)
    R, order = cast("tuple[np.ndarray, np.ndarray]", qr(matrices.reshape(-1, n), mode="r", pivoting=True))
    sizes = np.abs(np.diag(R[:n]))
    return np.sort(order[: len(sizes)][sizes > RANK * sizes[0]])


def _symbols(equalities: int, sides: list[int]) -> tuple[np.ndarray, int]:
    """(the two symbols of every row (the second is -1 for an equality), how many symbols)."""
    pairs, at = [np.stack([np.arange(equalities), np.full(equalities, -1)], axis=1)], equalities
    for side in sides:
        j, i = np.tril_indices(side)
        pairs.append(np.stack([at + i, at + j], axis=1))
        at += side
    return np.concatenate(pairs), at


def _least_squares(entries: np.ndarray, count: int) -> np.ndarray:
    """The matrix from logarithms of entries to the units that bring them nearest to 0."""
    B = np.zeros((len(entries), count))
    for k in range(3):
        used = np.flatnonzero(entries[:, k] >= 0)
        B[used, entries[used, k]] += 1.0
    return -np.linalg.pinv(B.T @ B, rcond=1e-10, hermitian=True) @ B.T


def _logs(matrices: Sequence[np.ndarray]) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(np.abs(np.concatenate([A.ravel() for A in matrices])))


def _sum(numbers: np.ndarray, units: np.ndarray) -> np.ndarray:
    """The sum of the units with these numbers, -1 for none, along the last axis."""
    return np.append(units, 0.0)[numbers].sum(axis=-1)
