r"""phi and psi of multinomial logistic regression.

| family | psi | phi |
|---|---|---|
| Boehning, K classes, C = I - 11'/K | :math:`(\lambda/2)\|\Theta\|^2` | :math:`(\Theta,-\frac12\Theta C\Theta^\top)` |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedmm.federation import Federation, Samples
from fedmm.problem import Problem
from fedmm.symmetric import pack
from problems.multinomial import Multinomial
from theory_checks.beds import samples
from theory_checks.families.base import Family
from theory_checks.families.core import GradientFamily
from theory_checks.landscape import Landscape, landscape

__all__ = ["FAMILIES", "INSTANCES", "SMOOTH", "MultinomialBoehning"]


@dataclass(frozen=True)
class MultinomialBoehning:
    """Boehning's family for so many classes, with the ridge in psi."""

    classes: int
    ridge: float

    def phi(self, theta: np.ndarray) -> np.ndarray:
        """(Theta, -Theta C Theta' / 2)."""
        A = theta.reshape(-1, self.classes)
        C = np.eye(self.classes) - 1.0 / self.classes
        return np.concatenate([theta, -0.5 * pack(A @ C @ A.T)])

    def psi(self, theta: np.ndarray) -> float:
        """(ridge/2) |Theta|^2."""
        return 0.5 * self.ridge * float(theta @ theta)


def _family(problem: Multinomial) -> Family:
    if problem.surrogate == "gradient":
        return GradientFamily(problem.rho or 0.0)
    return MultinomialBoehning(problem.classes or 0, problem.ridge)


FAMILIES: dict[type[Problem], Callable[[Any], Family]] = {Multinomial: _family}
"""How to find the family of a settled problem, by its class."""


def _classes(seed: int) -> Federation:
    """The samples of the bed with one of three classes each, all classes met."""
    rng = np.random.default_rng([seed, 4])
    clients = [
        Samples(X, np.arange(len(X)) % 3.0 if i == 0 else rng.integers(0, 3, len(X)).astype(float))
        for i, (X, _) in enumerate(samples(seed, d=2))
    ]
    return Federation(clients, samples(seed, d=2).weights)


def _multinomial(seed: int) -> Landscape:
    return landscape(Multinomial(ridge=0.1), _classes(seed))


def _multinomial_l1(seed: int) -> Landscape:
    return landscape(Multinomial(l1=0.05), _classes(seed))


def _multinomial_boehning(seed: int) -> Landscape:
    return landscape(Multinomial(ridge=0.1, surrogate="boehning"), _classes(seed))


def _multinomial_boehning_l1(seed: int) -> Landscape:
    return landscape(Multinomial(ridge=0.1, l1=0.05, surrogate="boehning", tolerance=1e-13), _classes(seed))


def _multinomial_boehning_no_ridge(seed: int) -> Landscape:
    return landscape(Multinomial(surrogate="boehning"), _classes(seed))


INSTANCES: dict[str, Callable[[int], Landscape]] = {
    "multinomial": _multinomial,
    "multinomial-l1": _multinomial_l1,
    "multinomial-boehning": _multinomial_boehning,
    "multinomial-boehning-l1": _multinomial_boehning_l1,
    "multinomial-boehning-no-ridge": _multinomial_boehning_no_ridge,
}
"""A small random instance of each, from a seed."""

SMOOTH = ("multinomial", "multinomial-boehning", "multinomial-boehning-no-ridge")
"""Those whose T is differentiable."""
