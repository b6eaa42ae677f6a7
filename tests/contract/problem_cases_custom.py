"""Families given as CVXPY programs: the shipped example, and a family without a lift whose domain is a simplex."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fedmm.arrays import Array
from fedmm.federation import Federation, Samples
from fedmm.problem import Problem
from problems.custom import Custom
from problems.monotone import monotone

WEIGHTS = f"{Path(__file__).with_name('family_of_weights.py')}:WEIGHTS"
"""By its address, as the command line would: these files are not importable by name."""


class Example(NamedTuple):
    """A problem, the federation to run it on, where to look, and parameters outside the range of T."""

    problem: Problem
    federation: Federation
    theta: Array | None = None
    outside: tuple[Array, ...] = ()


def labelled(d: int = 4) -> Federation:
    """Clients of 7, 9 and 7 samples of unlike scales, labels -1 and +1."""
    rng = np.random.default_rng(4)
    clients = []
    for n, scale in ((7, 1.0), (9, 2.0), (7, 0.5)):
        X = scale * rng.standard_normal((n, d))
        clients.append(Samples(X, np.where(X.sum(axis=1) + rng.standard_normal(n) > 0, 1.0, -1.0)))
    return Federation(clients, "samples")


def densities(K: int = 3) -> Federation:
    """Densities of K components at the samples of three clients."""
    rng = np.random.default_rng(5)
    return Federation([Samples(rng.gamma(2.0, size=(n, K))) for n in (6, 8, 6)], "samples")


EXAMPLES: dict[str, Callable[[], Example]] = {
    "custom-monotone": lambda: Example(Custom(monotone(4)), labelled(), np.array([0.5, 0.2, 0.8, 0.4]), outside=(-np.ones(4),)),
    "custom-weights": lambda: Example(Custom(WEIGHTS), densities(), np.array([0.5, 0.2, 0.3])),
}
