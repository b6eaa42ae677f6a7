r"""phi and psi of the regression families with a curvature of their own: reweighted least squares, probit.

| family | psi | phi |
|---|---|---|
| reweighted least squares (Huber, robust) | :math:`(\lambda/2)\|\theta\|^2` | :math:`(\theta,-\theta\theta^\top)` |
| probit by expectation-maximisation | :math:`(\lambda/2)\|\theta\|^2` | :math:`(\theta,-\theta\theta^\top/2)` |

Symmetric matrices are packed as in `fedmm.symmetric`; the gradient surrogates are those of `theory_checks.families.core`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedmm.problem import Problem
from fedmm.symmetric import pack
from problems.huber import Huber
from problems.probit import Probit
from problems.robust import Robust
from theory_checks.beds import samples
from theory_checks.families.base import Family
from theory_checks.families.core import GradientFamily
from theory_checks.landscape import Landscape, landscape

__all__ = ["FAMILIES", "INSTANCES", "SMOOTH", "QuadraticFamily"]


@dataclass(frozen=True)
class QuadraticFamily:
    """Quadratic majorisers of curvature `scale` x s2, with the ridge in psi."""

    scale: float
    ridge: float

    def phi(self, theta: np.ndarray) -> np.ndarray:
        """(theta, -scale theta theta' / 2)."""
        return np.concatenate([theta, -0.5 * self.scale * pack(np.outer(theta, theta))])

    def psi(self, theta: np.ndarray) -> float:
        """(ridge/2) |theta|^2."""
        return 0.5 * self.ridge * float(theta @ theta)


def _either(problem: Any, scale: float) -> Family:
    return GradientFamily(problem.rho) if problem.surrogate == "gradient" else QuadraticFamily(scale, problem.ridge)


def _reweighted(problem: Huber | Robust) -> Family:
    return _either(problem, 2.0)


def _probit_family(problem: Probit) -> Family:
    return _either(problem, 1.0)


FAMILIES: dict[type[Problem], Callable[[Any], Family]] = {
    Huber: _reweighted,
    Probit: _probit_family,
    Robust: _reweighted,
}
"""How to find the family of a settled problem, by its class."""


def _huber(seed: int) -> Landscape:
    return landscape(Huber(delta=1.0, ridge=0.1), samples(seed))


def _huber_l1(seed: int) -> Landscape:
    return landscape(Huber(delta=1.0, l1=0.1, surrogate="gradient"), samples(seed))


def _probit(seed: int) -> Landscape:
    return landscape(Probit(ridge=0.1), samples(seed, labels=True))


def _probit_l1(seed: int) -> Landscape:
    return landscape(Probit(l1=0.05, surrogate="gradient"), samples(seed, labels=True))


def _robust(seed: int) -> Landscape:
    return landscape(Robust(epsilon=0.5, ridge=0.1), samples(seed))


def _robust_gradient(seed: int) -> Landscape:
    return landscape(Robust(epsilon=0.5, surrogate="gradient"), samples(seed))


INSTANCES: dict[str, Callable[[int], Landscape]] = {
    "huber": _huber,
    "huber-l1": _huber_l1,
    "probit": _probit,
    "probit-l1": _probit_l1,
    "robust": _robust,
    "robust-gradient": _robust_gradient,
}
"""A small random instance of each, from a seed."""

SMOOTH = ("huber", "probit", "robust", "robust-gradient")
"""Those whose T is differentiable."""
