"""Instances with a penalty other than l1, and with an inner solve for T: their families are those without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fedmm.problem import Problem
from problems.least_squares import LeastSquares
from problems.logistic import Logistic
from problems.penalties import Box, ElasticNet, GroupLasso
from theory_checks.beds import samples
from theory_checks.families.base import Family
from theory_checks.landscape import Landscape, landscape

__all__ = ["FAMILIES", "INSTANCES", "SMOOTH"]


FAMILIES: dict[type[Problem], Callable[[Any], Family]] = {}
"""Nothing that `theory_checks.families.core` has not: the penalty is in neither phi nor psi."""


def _boehning(seed: int) -> Landscape:
    return landscape(Logistic(ridge=0.1, surrogate="boehning"), samples(seed, labels=True))


def _boehning_l1(seed: int) -> Landscape:
    return landscape(Logistic(ridge=0.1, l1=0.05, surrogate="boehning", tolerance=1e-13), samples(seed, labels=True))


def _penalty_elastic_net(seed: int) -> Landscape:
    return landscape(LeastSquares(g=ElasticNet(0.3, 0.2)), samples(seed))


def _penalty_ridge(seed: int) -> Landscape:
    return landscape(LeastSquares(g=ElasticNet(0.0, 0.2)), samples(seed))


def _penalty_box(seed: int) -> Landscape:
    return landscape(LeastSquares(g=Box(-0.5, 2.0)), samples(seed))


def _penalty_group_lasso(seed: int) -> Landscape:
    return landscape(Logistic(g=GroupLasso(0.1, 3)), samples(seed, labels=True))


INSTANCES: dict[str, Callable[[int], Landscape]] = {
    "boehning": _boehning,
    "boehning-l1": _boehning_l1,
    "penalty-box": _penalty_box,
    "penalty-elastic-net": _penalty_elastic_net,
    "penalty-group-lasso": _penalty_group_lasso,
    "penalty-ridge": _penalty_ridge,
}
"""A small random instance of each, from a seed."""

SMOOTH = ("boehning", "penalty-ridge")
"""Those whose T is differentiable."""
