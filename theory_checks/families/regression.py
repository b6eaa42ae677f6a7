r"""phi and psi of the regression families: reweighted least squares, probit, Poisson.

| family | psi | phi |
|---|---|---|
| reweighted least squares (Huber, robust) | :math:`(\lambda/2)\|\theta\|^2` | :math:`(\theta,-\theta\theta^\top)` |
| probit by expectation-maximisation | :math:`(\lambda/2)\|\theta\|^2` | :math:`(\theta,-\theta\theta^\top/2)` |
| Poisson, identity link | :math:`(\lambda/2)\|\theta\|^2` | :math:`(\log\theta,-\theta)` |

Symmetric matrices are packed as in `fedmm.symmetric`; the gradient surrogates are those of `theory_checks.families.core`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedmm.federation import Federation, Samples
from fedmm.problem import Problem
from fedmm.symmetric import pack
from problems.huber import Huber
from problems.poisson import Poisson
from problems.probit import Probit
from problems.robust import Robust
from theory_checks.beds import samples
from theory_checks.families.base import Family
from theory_checks.families.core import GradientFamily
from theory_checks.landscape import Landscape, landscape

__all__ = ["FAMILIES", "INSTANCES", "SMOOTH", "MultiplicativeFamily", "QuadraticFamily"]


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


@dataclass(frozen=True)
class MultiplicativeFamily:
    """Poisson regression with the identity link, the ridge in psi."""

    ridge: float

    def phi(self, theta: np.ndarray) -> np.ndarray:
        """(log theta, -theta)."""
        return np.concatenate([np.log(theta), -theta])

    def psi(self, theta: np.ndarray) -> float:
        """(ridge/2) |theta|^2."""
        return 0.5 * self.ridge * float(theta @ theta)


def _either(problem: Any, scale: float) -> Family:
    return GradientFamily(problem.rho) if problem.surrogate == "gradient" else QuadraticFamily(scale, problem.ridge)


def _reweighted(problem: Huber | Robust) -> Family:
    return _either(problem, 2.0)


def _poisson_family(problem: Any) -> Family:
    return GradientFamily(problem.rho) if problem.link == "log" else MultiplicativeFamily(problem.ridge)


def _probit_family(problem: Probit) -> Family:
    return _either(problem, 1.0)


FAMILIES: dict[type[Problem], Callable[[Any], Family]] = {
    Huber: _reweighted,
    Poisson: _poisson_family,
    Probit: _probit_family,
    Robust: _reweighted,
}
"""How to find the family of a settled problem, by its class."""


def _huber(seed: int) -> Landscape:
    return landscape(Huber(delta=1.0, ridge=0.1), samples(seed))


def _huber_l1(seed: int) -> Landscape:
    return landscape(Huber(delta=1.0, ridge=0.1, l1=0.1, tolerance=1e-13), samples(seed))


def _counts(seed: int, signed: bool = False) -> Federation:
    rng = np.random.default_rng([seed, 3])
    clients = []
    for X, _ in samples(seed):
        if signed:  # 1/rho grows like exp(radius |x|_1): longer rows would drown P1 in rounding
            X = X / np.maximum(1.0, np.abs(X).sum(axis=1, keepdims=True) / 6.0)
        features = X if signed else np.abs(X)
        clients.append(Samples(features, rng.poisson(np.abs(X) @ np.array([0.5, 1.0, 2.0])).astype(float)))
    return Federation(clients, rng.dirichlet(np.full(3, 3.0)).tolist(), normalize=True)


def _poisson(seed: int) -> Landscape:
    return landscape(Poisson(), _counts(seed))


def _poisson_penalties(seed: int) -> Landscape:
    return landscape(Poisson(ridge=0.1, l1=0.2, lower=0.05), _counts(seed))


def _poisson_log(seed: int) -> Landscape:
    return landscape(Poisson("log", l1=0.05, radius=0.5), _counts(seed, signed=True))


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
    "poisson": _poisson,
    "poisson-penalties": _poisson_penalties,
    "poisson-log": _poisson_log,
    "probit": _probit,
    "probit-l1": _probit_l1,
    "robust": _robust,
    "robust-gradient": _robust_gradient,
}
"""A small random instance of each, from a seed."""

SMOOTH = ("huber", "poisson", "probit", "robust", "robust-gradient")
"""Those whose T is differentiable."""
