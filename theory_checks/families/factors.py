r"""phi and psi of the factorisations without a regulariser of their own.

| family | psi | phi |
|---|---|---|
| principal components | 0 | V |
| non-negative factors | 0 | (log W, -column sums of W) |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedmm.federation import Federation, Samples
from fedmm.problem import Problem
from problems.dictionary import Dictionary
from problems.nmf import NMF
from problems.pca import PCA
from theory_checks.beds import samples
from theory_checks.families.base import Family
from theory_checks.landscape import Landscape, landscape

__all__ = ["FAMILIES", "INSTANCES", "SMOOTH", "LinearFamily", "LogFamily"]


@dataclass(frozen=True)
class LinearFamily:
    """Surrogates linear in theta, on a domain that keeps them bounded."""

    def phi(self, theta: np.ndarray) -> np.ndarray:
        """theta."""
        return theta

    def psi(self, theta: np.ndarray) -> float:
        """0."""
        return 0.0


@dataclass(frozen=True)
class LogFamily:
    """Positive factors of so many atoms."""

    components: int

    def phi(self, theta: np.ndarray) -> np.ndarray:
        """(log W, -column sums of W)."""
        return np.concatenate([np.log(theta), -theta.reshape(-1, self.components).sum(axis=0)])

    def psi(self, theta: np.ndarray) -> float:
        """0."""
        return 0.0


def _nmf_family(problem: NMF) -> Family:
    return LogFamily(problem.components)


def _pca_family(problem: PCA) -> Family:
    return LinearFamily()


FAMILIES: dict[type[Problem], Callable[[Any], Family]] = {NMF: _nmf_family, PCA: _pca_family}
"""How to find the family of a settled problem, by its class."""


def _dictionary_nonnegative(seed: int) -> Landscape:
    rng = np.random.default_rng([seed, 4])
    clients = [Samples(rng.lognormal() * rng.gamma(1.0, 1.0, (5 + i, 3))) for i in range(3)]
    problem = Dictionary(2, l1=0.05, l2=0.1, iterations=300, nonnegative=True, tolerance=1e-13)
    return landscape(problem, Federation(clients, "samples"))


def _nmf(seed: int) -> Landscape:
    rng = np.random.default_rng([seed, 3])
    clients = [Samples(rng.lognormal() * rng.gamma(1.0, 1.0, (5 + i, 5))) for i in range(3)]
    return landscape(NMF(2, 0.5, 0.1, codes="coordinate", iterations=100), Federation(clients, "samples"))


def _pca(seed: int) -> Landscape:
    return landscape(PCA(2), samples(seed))


INSTANCES: dict[str, Callable[[int], Landscape]] = {"dictionary-nonnegative": _dictionary_nonnegative, "nmf": _nmf, "pca": _pca}
"""A small random instance of each, from a seed."""

SMOOTH = ("nmf", "pca")
"""Those whose T is differentiable, here where a statistic has full rank, as almost all have."""
