r"""phi and psi of the families given as CVXPY programs that the library ships.

| family | psi | phi |
|---|---|---|
| non-negative logistic (`problems.monotone`) | 0 | :math:`(-\theta\theta^\top/2,\theta)` |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedmm.federation import Federation, Samples
from fedmm.problem import Problem
from fedmm.symmetric import pack
from problems.custom import Custom
from problems.monotone import monotone
from theory_checks.families.base import Family
from theory_checks.landscape import Landscape, landscape

__all__ = ["FAMILIES", "INSTANCES", "SMOOTH", "Boehning"]


@dataclass(frozen=True)
class Boehning:
    """Quadratic surrogates of one curvature a client."""

    def phi(self, theta: np.ndarray) -> np.ndarray:
        """(-theta theta'/2, theta)."""
        return np.concatenate([-0.5 * pack(np.outer(theta, theta)), theta])

    def psi(self, theta: np.ndarray) -> float:
        """0."""
        return 0.0


def _monotone(seed: int) -> Landscape:
    rng = np.random.default_rng(seed)
    clients = []
    for _ in range(2):
        X = rng.lognormal() * rng.standard_normal((5, 2))
        clients.append(Samples(X, np.where(rng.random(5) < 0.5, 1.0, -1.0)))
    return landscape(Custom(monotone(2)), Federation(clients, rng.dirichlet((3.0, 3.0)).tolist(), normalize=True))


def _family(problem: Any) -> Family:
    return Boehning()


FAMILIES: dict[type[Problem], Callable[[Any], Family]] = {Custom: _family}

INSTANCES: dict[str, Callable[[int], Landscape]] = {"custom-monotone": _monotone}

SMOOTH: tuple[str, ...] = ()
"""T has a kink where a coefficient reaches zero."""
