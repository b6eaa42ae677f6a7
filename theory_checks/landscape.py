r"""A problem on its federation as the theory sees it: W, the mean statistic, the mean field.

| name | symbol |
|---|---|
| objective | :math:`W(\theta)=\sum_i\mu_i f_i(\theta)+g(\theta)` |
| statistic | :math:`\bar s(\theta)=\sum_i\mu_i\bar S_i(\theta)` |
| field | :math:`h(s)=\bar s(T(s))-s` |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fedmm.federation import Federation
from fedmm.problem import Problem

__all__ = ["Landscape", "landscape"]


@dataclass(frozen=True, eq=False)
class Landscape:
    """A settled problem with NumPy data; every method takes and gives flat float64 vectors.

    Parameters
    ----------
    problem : Problem
        Settled, and offering a surrogate.
    federation : Federation
        The clients.
    """

    problem: Any
    federation: Federation

    def objective(self, theta: np.ndarray) -> float:
        r""":math:`W(\theta)`."""
        return self.problem.objective(self.federation, theta)

    def minimize(self, s: np.ndarray) -> np.ndarray:
        """T(s), shape (d,)."""
        return self.problem.minimize(s)

    def value(self, s: np.ndarray) -> float:
        """W(T(s))."""
        return self.objective(self.minimize(s))

    def statistics(self, theta: np.ndarray) -> np.ndarray:
        r""":math:`\bar S_i(\theta)` of every client, shape (n, q)."""
        return np.stack([self.problem.statistic(data, theta)[0] for data in self.federation])

    def statistic(self, theta: np.ndarray) -> np.ndarray:
        r""":math:`\bar s(\theta)`, shape (q,)."""
        return np.asarray(self.federation.weights) @ self.statistics(theta)

    def fields(self, s: np.ndarray) -> np.ndarray:
        r""":math:`h_i(s)=\bar S_i(T(s))-s` of every client, shape (n, q)."""
        return self.statistics(self.minimize(s)) - s

    def field(self, s: np.ndarray) -> np.ndarray:
        """h(s), shape (q,)."""
        return self.statistic(self.minimize(s)) - s

    def gradient(self, theta: np.ndarray) -> np.ndarray:
        r""":math:`\nabla f(\theta)` of the smooth part, shape (d,)."""
        pairs = zip(self.federation.weights, self.federation, strict=True)
        return np.asarray(sum(w * self.problem.gradient(data, theta) for w, data in pairs))


def landscape(problem: Problem, federation: Federation) -> Landscape:
    """`problem` settled on `federation`, with every oracle it offers.

    Raises
    ------
    DataError
        If the data are not of the kind the problem understands.
    """
    return Landscape(problem.settle(federation, problem.oracles), federation)
