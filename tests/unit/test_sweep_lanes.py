"""What lanes keep apart: memories, the state of their participation, their last moves; and what stays out of bundles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from fedmm import Bernoulli, FedMM, Objective, UpdateSizes, solve, solve_many
from fedmm.arrays import leaves
from fedmm.keys import Key
from fedmm.participation import Participation
from fedmm.participation.base import ParticipationFacts, cohort_of
from fedmm.stopping import StopRule
from fedmm.sweep.grid import bundles, points
from fedmm.types import Cohort, Failure
from problems import GaussianMixture, Quadratic
from theory_checks.beds import bed


class Steep(Quadratic):
    """Its statistic is infinite far from the origin, and so is f a little nearer."""

    def statistic(self, data: Any, theta: Any, batch: Any = None, warm: Any = None) -> Any:
        S, warm = Quadratic.statistic(self, data, theta, batch, warm)
        return np.where(np.abs(theta).max(-1, keepdims=True) > 2.0, np.inf, S), warm


class Walled(Quadratic):
    """f is infinite far from the origin."""

    def value(self, data: Any, theta: Any) -> Any:
        return np.where(np.abs(theta).max(-1) > 1.0, np.inf, Quadratic.value(self, data, theta))


@dataclass(frozen=True)
class InTurn(Participation):
    """Everyone but one client: its number depends on the seed, and on how many have replied. Scales depend on the seed."""

    def start(self, n: int) -> int:
        return 0

    def draw(self, weights: Sequence[float], round: int, state: Any, key: Key) -> Cohort:
        out = (key.seed + state) % len(weights)
        clients = [i for i in range(len(weights)) if i != out]
        return cohort_of(clients, [1.0 + 0.5 * key.seed] * len(clients), weights, round, key)

    def observe(self, state: Any, replied: Iterable[int]) -> int:
        return state + len(tuple(replied)) + 1

    def facts(self, n: int) -> ParticipationFacts:
        return ParticipationFacts((1.0 - 1.0 / n,) * n, independent=False)


@dataclass(frozen=True)
class Patient(Participation):
    """Everyone, and whoever fails is left out."""

    def draw(self, weights: Sequence[float], round: int, state: Any, key: Key) -> Cohort:
        return cohort_of(range(len(weights)), [1.0] * len(weights), weights, round, key)

    def tolerates(self, cohort: Cohort, failures: Sequence[Failure]) -> bool:
        return True

    def facts(self, n: int) -> ParticipationFacts:
        return ParticipationFacts((1.0,) * n, independent=True)


class Absent(Quadratic):
    """One client fails far from the origin."""

    def statistic(self, data: Any, theta: Any, batch: Any = None, warm: Any = None) -> Any:
        if float(data.A[0, 0]) == float(BED[0].A[0, 0]) and np.abs(theta).max() > 0.5:
            raise ArithmeticError("away")
        return Quadratic.statistic(self, data, theta, batch, warm)


BED = bed(3, 4)


@dataclass(frozen=True)
class Settled(StopRule):
    """Stop where the objective changes little."""

    reads = ("objective",)

    def reason(self, rows: Any) -> str | None:
        return "enough." if len(rows) > 2 and abs(rows[-1]["objective"] - rows[-2]["objective"]) < 0.02 else None


def same(result: Any, own: Any) -> None:
    assert (result.status, result.rounds) == (own.status, own.rounds)
    assert result.sampling == own.sampling
    np.testing.assert_allclose(result.theta, own.theta, rtol=1e-9, atol=1e-12)
    for column in set(own.trace.columns) - {"seconds"}:
        np.testing.assert_allclose(result.trace[column], own.trace[column], rtol=1e-7, atol=1e-12, err_msg=column)
    assert result.memories.keys() == own.memories.keys()
    for client, memory in own.memories.items():
        for (_, a), (_, b) in zip(leaves(result.memories[client]), leaves(memory), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-12, err_msg=f"memory of client {client}")


@pytest.mark.parametrize(
    ("problem", "participation"),
    [(Quadratic(ridge=0.1), InTurn()), (Steep(ridge=0.1), Bernoulli(0.7)), (Steep(ridge=0.1), InTurn()), (Absent(), Patient())],
    ids=["state and scales", "diverging", "both", "failures tolerated"],
)
def test_lanes_keep_to_themselves(problem: Any, participation: Any) -> None:
    metrics, over = (Objective(), UpdateSizes(every=100)), {"step": [0.05, 0.5, 0.3, 0.9, 0.8], "seed": [0, 1, 3]}
    kept: dict[str, Any] = {"participation": participation, "metrics": metrics, "stop": Settled()}
    many = solve_many(problem, BED, FedMM(), over=over, rounds=12, **kept)
    for values, result in zip(many.values, many, strict=True):
        method = FedMM(step=values["step"])
        same(result, solve(problem, BED, method, rounds=12, seed=values["seed"], throw=False, **kept))
        assert result.rounds == 0 or result.trace["seconds"][-1] > 0
    assert len({(result.status.code, result.rounds) for result in many}) > 2


def test_an_infinite_objective_at_the_end_is_a_divergence() -> None:
    over = {"step": [1e-3, 0.9]}
    many = solve_many(Walled(ridge=0.1), BED, FedMM(start="lift"), over=over, rounds=3)
    assert [result.status.code for result in many] == ["completed", "diverged"]
    for step, result in zip(over["step"], many, strict=True):
        method = FedMM(step=step, start="lift")
        assert result.status == solve(Walled(ridge=0.1), BED, method, rounds=3, throw=False).status


def test_a_field_of_the_problem_named_like_a_swept_one_is_a_loop() -> None:
    parts = solve_many(Quadratic(), BED, FedMM(), over={"step": [0.1, 0.2]}, rounds=0)[0].parts
    found = points(parts, {"problem": [GaussianMixture(2)], "problem.a": [0.1, 0.2], "method.a": [0.1, 0.2]})
    assert bundles(found) == [[0, 1], [2, 3]]
