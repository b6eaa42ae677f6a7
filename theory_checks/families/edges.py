"""Instances where statements about surrogates are attained, or nearly.

A quadratic on a line has the surrogate's own curvature; the one in the plane has half of it along one axis. A mixture of a
single component leaves nothing to guess. Logistic losses of tiny features have the curvature 1/4 that Boehning's surrogate
takes. Their families are those of their problems.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fedmm.federation import Federation, Samples
from fedmm.problem import Problem
from problems.gaussian_mixture import GaussianMixture
from problems.logistic import Logistic
from problems.quadratic import Quad, Quadratic
from theory_checks.beds import samples
from theory_checks.families.base import Family
from theory_checks.landscape import Landscape, landscape

__all__ = ["FAMILIES", "INSTANCES", "SMOOTH"]

FAMILIES: dict[type[Problem], Callable[[Any], Family]] = {}
"""Nothing that `theory_checks.families.core` and `theory_checks.families.mixtures` have not."""


def _line(seed: int) -> Landscape:
    A, b = np.random.default_rng([seed, 9]).normal(size=2)
    return landscape(Quadratic(ridge=0.1), Federation([Quad(np.array([[0.2 + A * A]]), np.array([b]))]))


def _plane(seed: int) -> Landscape:
    b = np.random.default_rng([seed, 12]).normal(size=2)
    return landscape(Quadratic(ridge=0.1), Federation([Quad(np.diag([1.0, 0.5]), b)]))


def _single_component(seed: int) -> Landscape:
    rng = np.random.default_rng([seed, 10])
    clients = [Samples(rng.standard_normal((6 + i, 2)) + rng.standard_normal(2)) for i in range(3)]
    return landscape(GaussianMixture(1, "full", a=0.1, b=0.1, c=0.2), Federation(clients, "samples"))


def _tiny_features(seed: int) -> Landscape:
    clients = [Samples(1e-3 * X, y) for X, y in samples(seed, labels=True)]
    weights = samples(seed, labels=True).weights
    return landscape(Logistic(ridge=1e-6, surrogate="boehning"), Federation(clients, weights))


INSTANCES: dict[str, Callable[[int], Landscape]] = {
    "line": _line,
    "plane": _plane,
    "single-component": _single_component,
    "tiny-features": _tiny_features,
}
"""A small random instance of each, from a seed."""

SMOOTH = ("line", "plane", "single-component")
"""Those whose T is differentiable, and varies slowly enough for differences."""
