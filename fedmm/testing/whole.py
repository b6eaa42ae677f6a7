r"""The laws of the whole: what FedMM must do with any surrogate when nothing disturbs it.

| law | what is checked, with full batches, full participation and exact uploads |
|---|---|
| descends | W(T(s_t)) never increases, for steps gamma in (0, 1] |
| centralises | with gamma = 1 the iterates are those of centralised MM |
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from fedmm.algorithm import Algorithm
from fedmm.algorithms import MM, FedMM
from fedmm.arrays import Array
from fedmm.solve import solve
from fedmm.testing.cases import NO_SURROGATE, Case, assert_below, assert_close
from fedmm.types import HasSurrogate

__all__ = ["LAWS"]

ROUNDS = 6
"""Enough to leave the start, and cheap for every family."""


def descends(case: Case) -> str | None:
    """The objective never increases along FedMM."""
    if HasSurrogate not in case.oracles:
        return NO_SURROGATE
    theta0 = _start(case)
    for gamma in (0.1, 0.5, 1.0):
        values = [case.objective(theta) for theta in _iterates(case, FedMM(step=gamma), theta0)]
        for t, (before, after) in enumerate(itertools.pairwise(values)):
            what = f"the objective after round {t + 1} of FedMM with step {gamma}, and before it"
            assert_below(what, after, before, 1e-9 + case.accuracy)


def centralises(case: Case) -> str | None:
    """FedMM with step 1 is MM: its opening is the first step."""
    if HasSurrogate not in case.oracles:
        return NO_SURROGATE
    theta0 = _start(case)
    ours, central = _iterates(case, FedMM(step=1.0), theta0), _iterates(case, MM(), theta0)
    for t, (one, other) in enumerate(zip(ours, central[1:], strict=False)):
        what = f"theta after round {t} of FedMM with step 1, and after {t + 1} steps of MM"
        assert_close(what, one, other, 1e-8 + ROUNDS * case.accuracy)


def _start(case: Case) -> Array:
    """A parameter in the range of T."""
    return case.problem.minimize(case.problem.statistic(case.clients[0], case.points(1)[0])[0])


def _iterates(case: Case, method: Algorithm, theta0: Array) -> list[Array]:
    """theta after every round, round 0 included."""
    found: list[Array] = []
    solve(
        case.given,
        case.federation,
        method,
        theta0,
        rounds=ROUNDS,
        metrics=(),
        callbacks=lambda snapshot, row: found.append(np.array(snapshot.theta)),
        progress=False,
    )
    return found


LAWS: dict[str, Callable[[Case], str | None]] = {"descends": descends, "centralises": centralises}
"""The laws of the whole by name."""
