r"""phi and psi of the first families: gradient, Boehning, Jaakkola-Jordan, dictionary, transport.

| family | psi | phi |
|---|---|---|
| gradient | :math:`\|\theta\|^2/(2\rho)` | :math:`\theta/\rho` |
| Boehning | :math:`(\lambda/2)\|\theta\|^2` | :math:`(\theta,-\frac12\theta\theta^\top)` |
| Jaakkola-Jordan | :math:`(\lambda/2)\|\theta\|^2` | :math:`(\theta,-\theta\theta^\top)` |
| dictionary | 0 | :math:`(-\theta^\top\theta/2,\theta)` |
| transport | :math:`\langle\theta,\nu\rangle` | :math:`-\epsilon e^{-\theta/\epsilon}` |

Symmetric matrices are packed as in `fedmm.symmetric`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedmm.federation import Federation, Samples
from fedmm.problem import Problem
from fedmm.symmetric import pack
from problems.dictionary import Dictionary
from problems.least_squares import LeastSquares
from problems.logistic import Logistic
from problems.quadratic import Quadratic
from problems.transport import Transport
from theory_checks.beds import bed, samples
from theory_checks.families.base import Family
from theory_checks.landscape import Landscape, landscape

__all__ = [
    "FAMILIES",
    "INSTANCES",
    "SMOOTH",
    "Boehning",
    "DictionaryFamily",
    "GradientFamily",
    "JaakkolaJordan",
    "TransportFamily",
]


@dataclass(frozen=True)
class GradientFamily:
    """The gradient family with step rho."""

    rho: float

    def phi(self, theta: np.ndarray) -> np.ndarray:
        """theta / rho."""
        return theta / self.rho

    def psi(self, theta: np.ndarray) -> float:
        """|theta|^2 / (2 rho)."""
        return float(theta @ theta) / (2 * self.rho)


@dataclass(frozen=True)
class JaakkolaJordan:
    """Jaakkola and Jordan's family, with the ridge in psi."""

    ridge: float

    def phi(self, theta: np.ndarray) -> np.ndarray:
        """(theta, -theta theta')."""
        return np.concatenate([theta, -pack(np.outer(theta, theta))])

    def psi(self, theta: np.ndarray) -> float:
        """(ridge/2) |theta|^2."""
        return 0.5 * self.ridge * float(theta @ theta)


@dataclass(frozen=True)
class Boehning:
    """Boehning's family, with the ridge in psi."""

    ridge: float

    def phi(self, theta: np.ndarray) -> np.ndarray:
        """(theta, -theta theta' / 2)."""
        return np.concatenate([theta, -0.5 * pack(np.outer(theta, theta))])

    def psi(self, theta: np.ndarray) -> float:
        """(ridge/2) |theta|^2."""
        return 0.5 * self.ridge * float(theta @ theta)


@dataclass(frozen=True)
class DictionaryFamily:
    """Dictionaries of so many atoms."""

    components: int

    def phi(self, theta: np.ndarray) -> np.ndarray:
        """(-D'D/2, D)."""
        D = theta.reshape(-1, self.components)
        return np.concatenate([-0.5 * pack(D.T @ D), theta])

    def psi(self, theta: np.ndarray) -> float:
        """0."""
        return 0.0


@dataclass(frozen=True, eq=False)
class TransportFamily:
    """Potentials of atoms with these masses, at temperature epsilon."""

    epsilon: float
    masses: np.ndarray

    def phi(self, theta: np.ndarray) -> np.ndarray:
        """-epsilon exp(-theta / epsilon)."""
        return -self.epsilon * np.exp(-theta / self.epsilon)

    def psi(self, theta: np.ndarray) -> float:
        """<theta, nu>."""
        return float(theta @ self.masses)


def _gradient(problem: Any) -> Family:
    return GradientFamily(problem.rho)


def _logistic_family(problem: Logistic) -> Family:
    if problem.surrogate == "gradient":
        return _gradient(problem)
    return Boehning(problem.ridge) if problem.surrogate == "boehning" else JaakkolaJordan(problem.ridge)


def _dictionary_family(problem: Dictionary) -> Family:
    return DictionaryFamily(problem.components)


def _transport_family(problem: Transport) -> Family:
    return TransportFamily(problem.epsilon, np.asarray(problem.masses))


FAMILIES: dict[type[Problem], Callable[[Any], Family]] = {
    Quadratic: _gradient,
    LeastSquares: _gradient,
    Logistic: _logistic_family,
    Dictionary: _dictionary_family,
    Transport: _transport_family,
}
"""How to find the family of a settled problem, by its class."""


def _quadratic(seed: int) -> Landscape:
    return landscape(Quadratic(ridge=0.1), bed(3, 4, seed))


def _least_squares(seed: int) -> Landscape:
    return landscape(LeastSquares(), samples(seed))


def _least_squares_ridge(seed: int) -> Landscape:
    return landscape(LeastSquares(ridge=0.3), samples(seed))


def _least_squares_l1(seed: int) -> Landscape:
    return landscape(LeastSquares(l1=0.5), samples(seed))


def _logistic(seed: int) -> Landscape:
    return landscape(Logistic(), samples(seed, labels=True))


def _logistic_ridge(seed: int) -> Landscape:
    return landscape(Logistic(ridge=0.1), samples(seed, labels=True))


def _logistic_l1(seed: int) -> Landscape:
    return landscape(Logistic(l1=0.05), samples(seed, labels=True))


def _jaakkola_jordan(seed: int) -> Landscape:
    return landscape(Logistic(ridge=0.1, surrogate="jaakkola-jordan"), samples(seed, labels=True))


def _dictionary(seed: int) -> Landscape:
    return landscape(Dictionary(components=2, l1=0.05, l2=0.1, iterations=600), samples(seed))


def _transport(seed: int) -> Landscape:
    rng = np.random.default_rng([seed, 1])
    public = {"atoms": rng.standard_normal((4, 2)), "masses": rng.dirichlet(np.full(4, 3.0))}
    clients = [Samples(rng.standard_normal((5 + i, 2)) + rng.standard_normal(2)) for i in range(3)]
    return landscape(Transport(epsilon=0.5), Federation(clients, "samples", public=public))


INSTANCES: dict[str, Callable[[int], Landscape]] = {
    "quadratic": _quadratic,
    "least-squares": _least_squares,
    "least-squares-ridge": _least_squares_ridge,
    "least-squares-l1": _least_squares_l1,
    "logistic": _logistic,
    "logistic-ridge": _logistic_ridge,
    "logistic-l1": _logistic_l1,
    "jaakkola-jordan": _jaakkola_jordan,
    "dictionary": _dictionary,
    "transport": _transport,
}
"""A small random instance of each, from a seed."""

SMOOTH = ("quadratic", "least-squares", "logistic", "logistic-ridge", "jaakkola-jordan", "dictionary", "transport")
"""Those whose T is differentiable."""
