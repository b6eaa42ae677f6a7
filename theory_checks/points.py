"""Where claims about surrogates are measured: instances, points of S and runs of the library, by plain numbers.

Everything is a function of words and numbers, so that a counter-example is a line of JSON; the last instances and runs are kept.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from fedmm import solve
from fedmm.algorithm import Algorithm
from fedmm.federation import Federation
from fedmm.problem import Problem
from theory_checks.beds import random_statistic
from theory_checks.families import INSTANCES, Family, family_of
from theory_checks.landscape import Landscape

__all__ = ["Moment", "instance", "landmark", "points", "rounded", "steps", "trajectory"]


class Moment(NamedTuple):
    """A run after a round: the server's state, and the solution it stands for."""

    server: Any
    theta: np.ndarray


@lru_cache(maxsize=512)
def instance(family: str, seed: int) -> tuple[Landscape, Family]:
    """The instance of this name and seed, with its phi and psi."""
    at = INSTANCES[family](seed)
    return at, family_of(at.problem)


@lru_cache(maxsize=512)
def points(family: str, seed: int, spread: float) -> tuple[np.ndarray, np.ndarray]:
    """Two random points of S, shape (q,) each."""
    at, _ = instance(family, seed)
    rng = np.random.default_rng([seed, 2])
    return random_statistic(at, rng, spread), random_statistic(at, rng, spread)


def rounded(x: float) -> float:
    """x, or 0 where nothing is left of it but rounding (1e-12)."""
    return x if abs(x) > 1e-12 else 0.0


def steps(
    problem: Problem, federation: Federation, method: Algorithm, rounds: int, theta0: np.ndarray | None = None, **options: Any
) -> list[Moment]:
    """The library's own run, round by round, the start included; options are those of `fedmm.solve`."""
    seen: list[Moment] = []

    def look(snapshot: Any, row: Any) -> None:
        seen.append(Moment(snapshot.server, np.array(snapshot.theta)))

    solve(problem, federation, method, theta0, rounds=rounds, callbacks=(look,), metrics=(), progress=False, **options)
    return seen


@lru_cache(maxsize=512)
def trajectory(family: str, seed: int, method: Algorithm, rounds: int) -> list[Moment]:
    """`steps` of a deterministic method on an instance, from a random parameter of its domain."""
    at, _ = instance(family, seed)
    return steps(at.problem, at.federation, method, rounds, at.minimize(points(family, seed, 1.0)[0]))


def landmark(x: np.ndarray, seed: int) -> float:
    """The distance of x to a random point of the seed: one positive number that tells vectors apart."""
    return float(np.linalg.norm(x - np.random.default_rng([seed, 13]).standard_normal(x.shape)))
