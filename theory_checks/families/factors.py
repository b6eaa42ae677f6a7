r"""phi and psi of the factorisations without a regulariser of their own.

| family | psi | phi |
|---|---|---|
| principal components | 0 | V |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fedmm.problem import Problem
from problems.pca import PCA
from theory_checks.beds import samples
from theory_checks.families.base import Family
from theory_checks.landscape import Landscape, landscape

__all__ = ["FAMILIES", "INSTANCES", "SMOOTH", "LinearFamily"]


@dataclass(frozen=True)
class LinearFamily:
    """Surrogates linear in theta, on a domain that keeps them bounded."""

    def phi(self, theta: np.ndarray) -> np.ndarray:
        """theta."""
        return theta

    def psi(self, theta: np.ndarray) -> float:
        """0."""
        return 0.0


def _pca_family(problem: PCA) -> Family:
    return LinearFamily()


FAMILIES: dict[type[Problem], Callable[[Any], Family]] = {PCA: _pca_family}
"""How to find the family of a settled problem, by its class."""


def _pca(seed: int) -> Landscape:
    return landscape(PCA(2), samples(seed))


INSTANCES: dict[str, Callable[[int], Landscape]] = {"pca": _pca}
"""A small random instance of each, from a seed."""

SMOOTH = ("pca",)
"""Those whose T is differentiable, here where a statistic has full rank, as almost all have."""
