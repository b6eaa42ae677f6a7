"""An instance of the dictionary with atoms in the unit ball: its family is that of the ridge, for the ball is in g."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fedmm.problem import Problem
from problems.dictionary import Dictionary
from theory_checks.beds import samples
from theory_checks.families.base import Family
from theory_checks.landscape import Landscape, landscape

__all__ = ["FAMILIES", "INSTANCES", "SMOOTH"]

FAMILIES: dict[type[Problem], Callable[[Any], Family]] = {}
"""Nothing that `theory_checks.families.core` has not."""


def _ball(seed: int) -> Landscape:
    problem = Dictionary(components=2, l1=0.05, l2=0.1, ridge=0.0, iterations=600, ball=True, tolerance=1e-13)
    return landscape(problem, samples(seed))


INSTANCES: dict[str, Callable[[int], Landscape]] = {"dictionary-ball": _ball}
"""A small random instance, from a seed."""

SMOOTH = ()
"""None: a projection has kinks."""
