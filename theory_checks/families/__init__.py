r"""The functions phi and psi of the surrogate families :math:`U_s=g+\psi-\langle s,\phi\rangle`, which no method needs.

Methods only ever average statistics and minimise; the theory also speaks of phi and psi. They are written here a second time,
from the tables rather than from the oracles, so that `majorizer` and `minimize` of a problem can be held against them.

Every module of this package holds `FAMILIES` (how to find the family of a settled problem, by its class), `INSTANCES` (small
random landscapes by name, from a seed) and `SMOOTH` (the names of those whose T is differentiable).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import numpy as np

from fedmm.problem import Problem
from theory_checks.families.base import Family
from theory_checks.landscape import Landscape

__all__ = ["FAMILIES", "INSTANCES", "SMOOTH", "Family", "conjugate", "family_of"]

FAMILIES: dict[type[Problem], Callable[[Any], Family]] = {}
"""How to find the family of a settled problem, by its class."""

INSTANCES: dict[str, Callable[[int], Landscape]] = {}
"""A small random instance of every family, from a seed."""

SMOOTH: tuple[str, ...] = ()
"""Instances whose T is differentiable."""

for _module in iter_modules(__path__):
    if _module.name != "base":
        _found = import_module(f"{__name__}.{_module.name}")
        FAMILIES |= _found.FAMILIES
        INSTANCES |= _found.INSTANCES
        SMOOTH += tuple(_found.SMOOTH)


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
