r"""phi and psi of mixtures, from the tables in `problems.covariances`, with matrices in place of packed moments.

| family | psi | phi of a component |
|---|---|---|
| Gaussian mixture | 0 | natural parameters of N(m, Sigma), beside :math:`\log\pi-(\log\det\Sigma+m^\top\Sigma^{-1}m)/2` |
| Poisson mixture | 0 | :math:`(\log\pi-\sum_l\lambda_l,\log\lambda)` |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedmm.federation import Federation, Samples
from fedmm.problem import Problem
from fedmm.symmetric import pack
from problems.gaussian_mixture import GaussianMixture
from problems.poisson_mixture import PoissonMixture
from theory_checks.families.base import Family
from theory_checks.landscape import Landscape, landscape

__all__ = ["FAMILIES", "INSTANCES", "SMOOTH", "GaussianMixtureFamily", "PoissonMixtureFamily"]


@dataclass(frozen=True, eq=False)
class GaussianMixtureFamily:
    """Gaussian components, whatever their covariances, which are spelled out as matrices here."""

    problem: GaussianMixture

    def phi(self, theta: np.ndarray) -> np.ndarray:
        """The natural parameters, one component after the other."""
        weights, means, _ = self.problem.components_of(theta)
        return np.concatenate([self._natural(*part) for part in zip(weights, means, self._matrices(theta), strict=True)])

    def psi(self, theta: np.ndarray) -> float:
        """0."""
        return 0.0

    def _matrices(self, theta: np.ndarray) -> np.ndarray:
        _, means, covariances = self.problem.components_of(theta)
        eye = np.eye(means.shape[-1])
        if covariances is None:
            return np.stack([eye] * len(means))
        return np.stack([c if np.ndim(c) == 2 else c * eye for c in covariances])

    def _natural(self, weight: float, m: np.ndarray, covariance: np.ndarray) -> np.ndarray:
        P = np.linalg.inv(covariance)
        level = np.log(weight) - 0.5 * np.linalg.slogdet(covariance)[1] - 0.5 * m @ P @ m
        last = {"unit": [], "spherical": -0.5 * P[:1, 0], "diagonal": -0.5 * np.diag(P), "full": -0.5 * pack(P)}
        scale = 1.0 if self.problem.covariance == "unit" else 2.0**0.5  # of the second part of the statistic
        return np.concatenate([[level], P @ m / scale, last[self.problem.covariance]])


@dataclass(frozen=True, eq=False)
class PoissonMixtureFamily:
    """Components of independent Poisson counts."""

    problem: PoissonMixture

    def phi(self, theta: np.ndarray) -> np.ndarray:
        """(log pi - sum lam, log lam), one component after the other."""
        weights, rates = self.problem.components_of(theta)
        return np.concatenate([np.r_[np.log(w) - lam.sum(), np.log(lam)] for w, lam in zip(weights, rates, strict=True)])

    def psi(self, theta: np.ndarray) -> float:
        """0."""
        return 0.0


FAMILIES: dict[type[Problem], Callable[[Any], Family]] = {
    GaussianMixture: GaussianMixtureFamily,
    PoissonMixture: PoissonMixtureFamily,
}
"""How to find the family of a settled problem, by its class."""


def _points(seed: int) -> Federation:
    """Three clients around centres of their own, in the plane."""
    rng = np.random.default_rng([seed, 5])
    clients = [Samples(rng.standard_normal((6 + i, 2)) + rng.standard_normal(2)) for i in range(3)]
    return Federation(clients, rng.dirichlet(np.full(3, 3.0)).tolist(), normalize=True)


def _gaussian_unit(seed: int) -> Landscape:
    return landscape(GaussianMixture(2, "unit", a=0.1, b=0.1), _points(seed))


def _gaussian_spherical(seed: int) -> Landscape:
    return landscape(GaussianMixture(2, "spherical", a=0.1, b=0.1, c=0.2), _points(seed))


def _gaussian_diagonal(seed: int) -> Landscape:
    return landscape(GaussianMixture(2, "diagonal", a=0.1, b=0.1, c=0.2), _points(seed))


def _gaussian_full(seed: int) -> Landscape:
    return landscape(GaussianMixture(2, "full", a=0.1, b=0.1, c=0.2), _points(seed))


def _poisson(seed: int) -> Landscape:
    rng = np.random.default_rng([seed, 6])
    clients = [Samples(rng.poisson(rng.exponential(4.0, 2), (6 + i, 2)).astype(float)) for i in range(3)]
    federation = Federation(clients, rng.dirichlet(np.full(3, 3.0)).tolist(), normalize=True)
    return landscape(PoissonMixture(2, a=0.1, b=0.3, c=0.2, scale=4.0), federation)


INSTANCES: dict[str, Callable[[int], Landscape]] = {
    "gaussian-mixture-unit": _gaussian_unit,
    "gaussian-mixture-spherical": _gaussian_spherical,
    "gaussian-mixture-diagonal": _gaussian_diagonal,
    "gaussian-mixture-full": _gaussian_full,
    "poisson-mixture": _poisson,
}
"""A small random instance of each, from a seed."""

SMOOTH = tuple(INSTANCES)
"""Those whose T is differentiable: all."""
