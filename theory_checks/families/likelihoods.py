r"""phi and psi of likelihoods whose parameters must not be averaged.

| family | psi | phi |
|---|---|---|
| censored exponential | :math:`-\log\theta` | :math:`-\theta` |
| Gaussian precision | :math:`-\frac12\log\det P` | :math:`-\frac12P` |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedmm.federation import Federation, Samples
from fedmm.problem import Problem
from fedmm.symmetric import pack, unpack
from problems.censored_exponential import CensoredExponential
from problems.gaussian_precision import GaussianPrecision
from theory_checks.families.base import Family
from theory_checks.landscape import Landscape, landscape

__all__ = ["FAMILIES", "INSTANCES", "SMOOTH", "ExponentialFamily", "PrecisionFamily"]


@dataclass(frozen=True)
class ExponentialFamily:
    """Lifetimes."""

    def phi(self, theta: np.ndarray) -> np.ndarray:
        """-theta."""
        return -theta

    def psi(self, theta: np.ndarray) -> float:
        """-log theta."""
        return -float(np.log(theta[0]))


@dataclass(frozen=True)
class PrecisionFamily:
    """Centred Gaussians; theta is the precision matrix, or its inverse."""

    inverted: bool

    def phi(self, theta: np.ndarray) -> np.ndarray:
        """-P/2."""
        P = unpack(theta)
        return -0.5 * pack(np.linalg.inv(P) if self.inverted else P)

    def psi(self, theta: np.ndarray) -> float:
        """-log det P / 2."""
        half = 0.5 * float(np.linalg.slogdet(unpack(theta))[1])
        return half if self.inverted else -half


def _exponential(problem: CensoredExponential) -> Family:
    return ExponentialFamily()


def _precision(problem: GaussianPrecision) -> Family:
    return PrecisionFamily(problem.parameter == "covariance")


FAMILIES: dict[type[Problem], Callable[[Any], Family]] = {CensoredExponential: _exponential, GaussianPrecision: _precision}
"""How to find the family of a settled problem, by its class."""


def _censored_exponential(seed: int) -> Landscape:
    rng = np.random.default_rng([seed, 7])
    clients = [Samples(0.1 + rng.exponential(size=(5 + i, 1)), (rng.random(5 + i) < 0.7).astype(float)) for i in range(3)]
    clients.append(Samples(np.ones((2, 1)), np.ones(2)))  # an event whatever the seed
    return landscape(
        CensoredExponential(floor=0.01), Federation(clients, rng.dirichlet(np.full(4, 3.0)).tolist(), normalize=True)
    )


def _samples(seed: int) -> Federation:
    rng = np.random.default_rng([seed, 8])
    clients = [Samples(rng.lognormal() * rng.standard_normal((6 + i, 2))) for i in range(3)]
    return Federation(clients, rng.dirichlet(np.full(3, 3.0)).tolist(), normalize=True)


def _gaussian_precision(seed: int) -> Landscape:
    return landscape(GaussianPrecision(c=0.2), _samples(seed))


def _gaussian_covariance(seed: int) -> Landscape:
    return landscape(GaussianPrecision("covariance", c=0.2), _samples(seed))


INSTANCES: dict[str, Callable[[int], Landscape]] = {
    "censored-exponential": _censored_exponential,
    "gaussian-precision": _gaussian_precision,
    "gaussian-covariance": _gaussian_covariance,
}
"""A small random instance of each, from a seed."""

SMOOTH = tuple(INSTANCES)
"""Those whose T is differentiable: all."""
