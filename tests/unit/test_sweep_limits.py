"""Sweeps at their edges: what cannot go side by side, how lanes end, Ctrl-C."""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import Any

import numpy as np
import pytest

from fedmm import Batched, FedAvg, Federation, FedMM, Objective, Samples, UpdateSizes, solve, solve_many
from fedmm.keys import Key
from fedmm.sweep.grid import bundles, points
from problems import Dictionary, Logistic, Poisson, Quadratic
from theory_checks.beds import bed, samples

LABELLED = samples(0, n=4, labels=True)
LOGISTIC = Logistic(ridge=0.1)


class Fragile(Quadratic):
    """Its statistic cannot be computed far from the origin."""

    def statistic(self, data: Any, theta: Any, batch: Any = None, warm: Any = None) -> Any:
        if np.abs(theta).max() > 2.0:
            raise FloatingPointError("too far")
        return Quadratic.statistic(self, data, theta, batch, warm)


class Steep(Quadratic):
    """Its statistic is infinite far from the origin."""

    def statistic(self, data: Any, theta: Any, batch: Any = None, warm: Any = None) -> Any:
        S, warm = Quadratic.statistic(self, data, theta, batch, warm)
        return np.where(np.abs(theta).max(-1, keepdims=True) > 2.0, np.inf, S), warm


@pytest.mark.parametrize(("problem", "code"), [(Fragile(ridge=0.1), "failed"), (Steep(ridge=0.1), "diverged")])
def test_the_last_row_of_a_lane_that_ends_badly_measures_its_last_move(problem: Any, code: str) -> None:
    """Metrics that are not due every round are measured where a run ends: here the move into the last good round."""
    metrics = (Objective(every=100), UpdateSizes(every=100))
    steps = [0.05, 0.9, 0.02, 0.8, 0.3]
    many = solve_many(problem, bed(3, 4), FedMM(start="lift"), over={"step": steps}, rounds=25, metrics=metrics)
    for result, step in zip(many, steps, strict=True):
        own = solve(problem, bed(3, 4), FedMM(step=step, start="lift"), rounds=25, metrics=metrics, throw=False)
        assert (result.status, result.rounds) == (own.status, own.rounds)
        for column in ("objective", "parameter_step", "surrogate_step"):
            np.testing.assert_allclose(result.trace[column], own.trace[column], rtol=1e-8, err_msg=f"{column} at {step}")
    assert {result.status.code for result in many} == {"completed", code}


def test_a_diverged_row_of_a_block_leaves_the_others_alone() -> None:
    """T(s) of a block is NaN where the row's statistic is not finite, and nowhere else."""
    rng = Key(7).generator()
    counts = Federation([Samples(rng.random((6, 3)), rng.poisson(2.0, 6) * 1.0)])
    signs = Federation([Samples(rng.standard_normal((6, 3)), np.where(np.arange(6) % 2, 1.0, -1.0))])
    cases = [(Poisson(), counts), (Logistic(ridge=0.1, surrogate="boehning"), signs), (Dictionary(2, ball=True), signs)]
    for problem, federation in cases:
        settled: Any = problem.settle(federation, problem.oracles)
        stats = np.stack([settled.statistic(federation[0], settled.start(federation))[0]] * 3)
        stats[1, :] = np.inf
        found = settled.minimize(stats)
        np.testing.assert_array_equal(np.isfinite(found).all(axis=-1), [True, False, True], err_msg=problem.name)
        np.testing.assert_array_equal(found[0], settled.minimize(stats[0]), err_msg=problem.name)


def test_constrained_atoms_take_the_path_they_take_alone() -> None:
    """A descent to a loose tolerance does not go on because another lane's has to."""
    over = {"step": [0.05, 1.0], "seed": [0, 1]}
    problem, federation = Dictionary(2, ball=True, tolerance=1e-2, iterations=30), samples(1, n=4)
    many = solve_many(problem, federation, FedMM(batch=3), over=over, rounds=6)
    for values, result in zip(many.values, many, strict=True):
        own = solve(problem, federation, FedMM(batch=3, step=values["step"]), rounds=6, seed=values["seed"])
        np.testing.assert_allclose(result.theta, own.theta, rtol=0, atol=1e-11 * (1 + np.abs(own.theta).max()))


class Refusing(Quadratic):
    """A client of offset beyond 10 cannot answer."""

    def statistic(self, data: Any, theta: Any, batch: Any = None, warm: Any = None) -> Any:
        raise ArithmeticError("never")


def test_a_failing_opening_is_told_as_by_solve() -> None:
    many = solve_many(Refusing(), bed(3, 4), FedMM(), over={"step": [0.1, 0.2]}, rounds=3)
    for result, step in zip(many, (0.1, 0.2), strict=True):
        own = solve(Refusing(), bed(3, 4), FedMM(step=step), rounds=3, throw=False)
        assert result.status == own.status
        assert result.trace.rows[0].keys() == own.trace.rows[0].keys()
        assert result.objective == pytest.approx(own.objective)


def normalised(shape: tuple[int, ...], outputs: int, plain: bool) -> Any:
    """A layer, batch normalisation unless `plain`, a layer."""
    from torch import nn

    middle = nn.Tanh() if plain else nn.BatchNorm1d(3)
    return nn.Sequential(nn.Linear(shape[0], 3), middle, nn.Linear(3, outputs))


@pytest.mark.parametrize("plain", [True, False])
def test_networks_with_and_without_buffers(plain: bool) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    from fedmm.nn import Network

    generator = Key(3).generator()
    clients = Federation([Samples(generator.normal(size=(6, 4)), np.arange(6) % 3 * 1.0) for _ in range(3)])
    problem = Network(partial(normalised, plain=plain))
    over = {"step": [0.1, 0.5], "seed": [0, 1]}
    many = solve_many(problem, clients, FedAvg(local_steps=2, batch=3), over=over, rounds=3)
    for values, result in zip(many.values, many, strict=True):
        method = FedAvg(local_steps=2, batch=3, step=values["step"])
        own = solve(problem, clients, method, rounds=3, seed=values["seed"])
        np.testing.assert_allclose(result.theta, own.theta, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(result.trace["objective"], own.trace["objective"], rtol=1e-9)
        assert result.trace["bits_down"].tolist() == own.trace["bits_down"].tolist()
        assert (result.buffers is None) == (own.buffers is None) == plain
        if result.buffers is not None and own.buffers is not None:
            np.testing.assert_allclose(result.buffers.averaged, own.buffers.averaged, rtol=1e-9)


def test_sparse_rows_drawn_for_several_seeds_are_not_stacked() -> None:
    parts = solve_many(LOGISTIC, LABELLED, FedAvg(), over={"step": [0.1, 0.2]}, rounds=0)[0].parts
    found = points(parts, {"seed": [0, 1], "step": [0.1, 0.2]})
    assert bundles(found) == [[0, 1, 2, 3]]
    assert bundles(found, seeds_apart=True) == [[0, 1], [2, 3]]


class Interrupting(Logistic):
    """Somebody presses Ctrl-C as the objective is first evaluated away from the start."""

    def value(self, data: Any, theta: Any) -> Any:
        if np.any(theta) and not pressed:
            pressed.append(True)
            os.kill(os.getpid(), signal.SIGINT)
        return Logistic.value(self, data, theta)


pressed: list[bool] = []


@pytest.mark.parametrize("executor", [None, Batched()], ids=["side by side", "one by one"])
@pytest.mark.parametrize("rounds", [1, 4])
def test_one_interrupt_ends_the_sweep(executor: Any, rounds: int) -> None:
    """Also where it comes in the last round of a run that `solve` carries out: no further run begins."""
    pressed.clear()
    over = {"local_steps": [1, 2, 3], "step": [0.1, 0.2]}
    many = solve_many(Interrupting(ridge=0.1), LABELLED, FedAvg(), over=over, rounds=rounds, executor=executor)
    together = executor is None
    assert len(many) == (2 if together else 1)
    assert many.left == 6 - len(many)
    assert {result.status.code for result in many} == {"interrupted" if rounds > 1 else "completed"}
    assert all(result.rounds == 1 for result in many)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
