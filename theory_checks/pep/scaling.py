r"""Units for an ill-scaled worst-case problem.

A solver works to an absolute accuracy, so R = 1e7 or L = 1e9 would be lost in it. With units :math:`e^{\sigma_i}` of the symbols
and factors :math:`e^{\rho_j}` of the inequalities, found by least squares over every coefficient (Curtis and Reid 1972),

.. math:: \min_{\rho,\sigma}\sum_{j,i,i'}\big(\log|A^j_{ii'}|+\rho_j+\sigma_i+\sigma_{i'}\big)^2
   +\sum_{j,k}\big(\log|a^j_k|+\rho_j+\tau_k\big)^2+\sum_j\big(\log|c^j|+\rho_j\big)^2,

where all sums are over what is not zero, the coefficients come as near 1 as they can, and the problem stays the same: M becomes
:math:`e^{-\sigma}Me^{-\sigma}`, and so on. What rescaling x or f spoils, units repair; a ratio such as R/(zeta/L) = 1e-9 stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from theory_checks.pep.assemble import Rows

__all__ = ["Units", "ordinary", "spread", "units"]

ORDINARY = (0.5, 50.0)
"""Smoothness at which gradients are of the size of the points, or ten times it: problems are solved as they are."""

TINY = 1e-13
"""Coefficients below this share of their row's largest are rounding."""


class Units(NamedTuple):
    """Units of the mean symbols (n,), deviation symbols (r, m) and values (k,), and the inequalities' factors (J,)."""

    M: np.ndarray
    D: np.ndarray
    F: np.ndarray
    rows: np.ndarray

    def of(self, A: Rows) -> Rows:
        """The inequalities in these units."""
        M, D, F, const = _scaled(A, self, self.rows)
        return Rows(M, D, F, const, A.labels)

    def goal(self, C: Rows) -> tuple[Rows, float]:
        """The objective in these units, its largest coefficient 1, and the factor to multiply its value with."""
        M, D, F, const = _scaled(C, self, np.ones(1))
        size = max(float(np.abs(part).max(initial=0.0)) for part in (M, D, F, const)) or 1.0
        return Rows(M / size, D / size, F / size, const / size, C.labels), size

    def back(
        self, answer: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], size: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(multipliers, M, D, F) of the original problem."""
        y, M, D, F = answer
        outer = self.D[:, :, None] * self.D[:, None, :]
        return y * self.rows * size, M * np.outer(self.M, self.M), D * outer, F * self.F


def ordinary(L: Sequence[Any]) -> bool:
    """Whether gradients and points are of one size, for these smoothness constants of the classes."""
    return bool(ORDINARY[0] <= max(L) <= ORDINARY[1])


def spread(A: Rows) -> float:
    """How far apart the inequalities' largest coefficients are, and their constants: 1 to infinity."""
    J = len(A.const)
    if not J:
        return 1.0
    largest = np.concatenate([A.M.reshape(J, -1), A.D.reshape(J, -1), A.F], axis=1)
    top = np.abs(largest).max(axis=1, initial=0.0)
    sizes = np.concatenate([top, np.abs(A.const)])
    sizes = sizes[sizes > 0]
    return float(sizes.max() / sizes.min()) if sizes.size else 1.0


def units(A: Rows) -> Units:
    """Units in which the coefficients of these inequalities are near 1."""
    J, n, (r, m), k = len(A.const), A.M.shape[1], A.D.shape[1:3], A.F.shape[1]
    row, first, second, size = (np.concatenate(parts) for parts in zip(*_entries(A, n, r, m, k), strict=True))
    count = n + r * m + k + 1  # the last symbol is the constant 1, whose unit is 1
    logs, entry = np.log(size), np.arange(len(size))
    B = np.zeros((len(size), count))
    np.add.at(B, (entry, first), 1.0)
    np.add.at(B, (entry, second), 1.0)
    B = B[:, :-1]
    many = np.maximum(np.bincount(row, minlength=J), 1)[:, None]
    sums = np.zeros((J, count - 1))
    np.add.at(sums, row, B)
    total = np.bincount(row, logs, minlength=J)[:, None]
    H, pull = B.T @ B - sums.T @ (sums / many), B.T @ logs - (sums.T @ (total / many))[:, 0]
    sigma = -np.linalg.lstsq(H, pull, rcond=1e-12)[0]  # the least-norm one, where units are free
    rho = -((total + sums @ sigma[:, None]) / many)[:, 0]
    s = np.exp(sigma)
    return Units(s[:n], s[n : n + r * m].reshape(r, m), s[n + r * m :], np.exp(rho))


def _entries(A: Rows, n: int, r: int, m: int, k: int) -> list[tuple[np.ndarray, ...]]:
    """(row, symbol, symbol, size) of every coefficient that is not rounding; values and constants pair with the constant 1."""
    found = []
    top = np.maximum.reduce([np.abs(x.reshape(len(A.const), -1)).max(axis=1, initial=0.0) for x in (A.M, A.D, A.F)])

    def add(values: np.ndarray, first: int, second: int | None) -> None:
        where = np.nonzero(np.abs(values) > TINY * top.reshape(-1, *[1] * (values.ndim - 1)))
        i = where[1] + first
        j = where[2] + first if second is None else np.full_like(i, second)
        found.append((where[0], i, j, np.abs(values[where])))

    last = n + r * m + k
    add(A.M, 0, None)
    for c in range(r):
        add(A.D[:, c], n + c * m, None)
    add(A.F, n + r * m, last)
    found.append((rows := np.nonzero(A.const)[0], np.full_like(rows, last), np.full_like(rows, last), np.abs(A.const[rows])))
    return found


def _scaled(A: Rows, by: Units, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    M = A.M * rows[:, None, None] * np.outer(by.M, by.M)
    D = A.D * rows[:, None, None, None] * (by.D[:, :, None] * by.D[:, None, :])
    return M, D, A.F * rows[:, None] * by.F, A.const * rows
