r"""The functions phi and psi of the surrogate families :math:`U_s=g+\psi-\langle s,\phi\rangle`, which no method needs.

Methods only ever average statistics and minimise; the theory also speaks of phi and psi. They are written here a second time,
from the tables rather than from the oracles, so that `majorizer` and `minimize` of a problem can be held against them.

| family | psi | phi |
|---|---|---|
| gradient | :math:`\|\theta\|^2/(2\rho)` | :math:`\theta/\rho` |
| Jaakkola-Jordan | :math:`(\lambda/2)\|\theta\|^2` | :math:`(\theta,-\theta\theta^\top)` |
| dictionary | 0 | :math:`(-\theta^\top\theta/2,\theta)` |
| transport | :math:`\langle\theta,\nu\rangle` | :math:`-\epsilon e^{-\theta/\epsilon}` |

Symmetric matrices are packed as in `fedmm.symmetric`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from fedmm.problem import Problem
from fedmm.symmetric import pack
from problems.dictionary import Dictionary
from problems.least_squares import LeastSquares
from problems.logistic import Logistic
from problems.quadratic import Quadratic
from problems.transport import Transport
from theory_checks.landscape import Landscape

__all__ = ["DictionaryFamily", "Family", "GradientFamily", "JaakkolaJordan", "TransportFamily", "conjugate", "family_of"]


class Family(Protocol):
    """phi and psi of one family."""

    def phi(self, theta: np.ndarray) -> np.ndarray:
        """phi(theta), shape (q,)."""
        ...

    def psi(self, theta: np.ndarray) -> float:
        """psi(theta)."""
        ...


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


def _logistic(problem: Logistic) -> Family:
    return JaakkolaJordan(problem.ridge) if problem.surrogate == "jaakkola-jordan" else _gradient(problem)


def _dictionary(problem: Dictionary) -> Family:
    return DictionaryFamily(problem.components)


def _transport(problem: Transport) -> Family:
    return TransportFamily(problem.epsilon, np.asarray(problem.masses))


FAMILIES: dict[type[Problem], Callable[[Any], Family]] = {
    Quadratic: _gradient,
    LeastSquares: _gradient,
    Logistic: _logistic,
    Dictionary: _dictionary,
    Transport: _transport,
}
"""How to find the family of a settled problem, by its class."""


def family_of(problem: Problem) -> Family:
    """The family of a settled problem.

    Raises
    ------
    KeyError
        If no family is written down for its class.
    """
    return FAMILIES[type(problem)](problem)


def conjugate(at: Landscape, family: Family, s: np.ndarray) -> float:
    r""":math:`G^*(s)=\max_\theta\langle s,\phi(\theta)\rangle-g(\theta)-\psi(\theta)`, attained at T(s)."""
    theta = at.minimize(s)
    return float(s @ family.phi(theta)) - float(at.problem.penalty(theta)) - family.psi(theta)
