"""`solve_many`: each run is that of its own `solve`; the axes, the table, the picture, the folder."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from fedmm import (
    MM,
    Batched,
    Below,
    Bernoulli,
    Dither,
    FedAvg,
    Federation,
    FedMM,
    FedPM,
    FedSGD,
    FixedSize,
    InverseSqrt,
    Mask,
    Naive,
    Objective,
    RandK,
    Samples,
    SpecError,
    StochasticMM,
    UpdateSizes,
    solve,
    solve_many,
)
from fedmm.algorithm import Algorithm
from fedmm.algorithms import CATALOG
from fedmm.errors import CompositionError, DataError
from fedmm.sweep.grid import bundles, points
from problems import Dictionary, LeastSquares, Logistic, Quadratic
from theory_checks.beds import bed, samples

LABELLED, PLAIN = samples(0, n=4, labels=True), samples(1, n=4)
SPARSE = Federation([Samples(csr_array(X), y) for X, y in LABELLED])
LOGISTIC = Logistic(ridge=0.1)

SIDE_BY_SIDE: dict[str, tuple[Any, Federation, Algorithm, dict[str, Any], dict[str, Any]]] = {
    "fedavg": (LOGISTIC, LABELLED, FedAvg(step=0.1), {"step": [0.1, 0.5, 2.0], "server_step": [0.5, 1.0]}, {}),
    "fedavg-batches": (LOGISTIC, LABELLED, FedAvg(batch=2), {"step": [0.1, 0.5], "seed": [0, 1, 2]}, {}),
    "fedavg-epochs": (LOGISTIC, LABELLED, FedAvg(batch=2, local_epochs=2), {"step": [0.1, 0.5], "seed": [0, 1]}, {}),
    "sparse-batches": (LOGISTIC, SPARSE, FedMM(batch=2), {"step": [0.1, 0.5], "seed": [0, 1]}, {}),
    "fedsgd-theory": (LOGISTIC, LABELLED, FedSGD(), {"step": ["theory", 0.1, InverseSqrt(0.3)]}, {}),
    "fedpm": (LOGISTIC, LABELLED, FedPM(local_steps=2), {"step": [0.3, 1.0]}, {}),
    "stochastic-mm": (LOGISTIC, LABELLED, StochasticMM(batch=2), {"step": [0.1, 0.9], "seed": [3, 4]}, {}),
    "fedmm": (LeastSquares(l1=0.2), PLAIN, FedMM(), {"step": [0.1, 0.4, 1.0], "a": [0.1, "theory"]}, {}),
    "fedmm-exact-memories": (LOGISTIC, LABELLED, FedMM(memories="exact"), {"step": [0.1, 0.4]}, {"channel": RandK(2)}),
    "fedmm-compressed": (LOGISTIC, LABELLED, FedMM(), {"step": [0.1, 0.4], "seed": [0, 5]}, {"channel": Mask(0.5)}),
    "fedmm-cohorts": (
        LOGISTIC,
        LABELLED,
        FedMM(batch=3),
        {"seed": [0, 1, 2, 3], "step": [0.2, 0.5]},
        {"participation": Bernoulli(0.4), "channel": Dither(4), "downlink": RandK(2)},
    ),
    "fedavg-cohorts": (LOGISTIC, LABELLED, FedAvg(), {"seed": [0, 1], "step": [0.2, 0.5]}, {"participation": FixedSize(2)}),
    "naive": (LeastSquares(l1=0.2), PLAIN, Naive(), {"step": [0.1, 0.4]}, {"participation": Bernoulli((0.3, 0.9, 0.5, 1.0))}),
    "dictionary-codes": (
        Dictionary(2, iterations=30),
        PLAIN,
        FedMM(batch=3),
        {"step": [0.1, 0.4], "seed": [0, 1]},
        {"participation": Bernoulli(0.5)},
    ),
    "quadratic-noise": (Quadratic(ridge=0.1, noise=0.3), bed(3, 4), FedMM(batch=1), {"seed": [0, 1], "step": [0.1, 0.2]}, {}),
    "loops": (LOGISTIC, LABELLED, FedAvg(step=0.2), {"problem.ridge": [0.1, 1.0], "local_steps": [1, 3], "step": [0.1, 0.2]}, {}),
    "whole-parts": (
        LOGISTIC,
        LABELLED,
        FedMM(),
        {"method": [FedMM(step=0.3), Naive(step=0.3)], "channel": [RandK(2), Mask(0.5)], "step": [0.1, 0.2]},
        {},
    ),
    "another-executor": (LOGISTIC, LABELLED, FedAvg(), {"step": [0.1, 0.2]}, {"executor": Batched()}),
    "no-field-to-sweep": (LOGISTIC, LABELLED, MM(), {"seed": [0, 1]}, {}),
}


def test_every_method_that_sweeps_is_tried() -> None:
    tried = {type(one) for case in SIDE_BY_SIDE.values() for one in (case[2], *case[3].get("method", ()))}
    assert {cls for cls in CATALOG if cls.sweeps} <= tried


@pytest.mark.parametrize("name", SIDE_BY_SIDE)
def test_each_run_is_that_of_its_own_solve(name: str) -> None:
    problem, federation, method, over, how = SIDE_BY_SIDE[name]
    metrics = (Objective(every=2), UpdateSizes())
    many = solve_many(problem, federation, method, over=over, rounds=5, metrics=metrics, **how)
    parts = [point.parts for point in points(many[0].parts, over)]
    assert len(many) == len(parts) > 1
    for result, part in zip(many, parts, strict=True):
        own = solve(
            part.problem,
            federation,
            part.algorithm,
            rounds=5,
            seed=part.seed,
            channel=part.channel,
            downlink=part.downlink,
            participation=part.participation,
            metrics=metrics,
            progress=False,
        )
        assert result.status == own.status
        assert repr(result.parts.algorithm) == repr(part.algorithm)
        np.testing.assert_allclose(result.theta, own.theta, rtol=0, atol=1e-11 * (1 + np.abs(own.theta).max()))
        for column in set(own.trace.columns) - {"seconds"}:
            np.testing.assert_allclose(result.trace[column], own.trace[column], rtol=1e-8, atol=1e-11, err_msg=column)
        assert result.memories.keys() == own.memories.keys()


@pytest.mark.parametrize("name", ["fedmm-cohorts", "fedavg-batches", "dictionary-codes"])
def test_a_swept_run_goes_on_by_solve(name: str) -> None:
    problem, federation, method, over, how = SIDE_BY_SIDE[name]
    half = solve_many(problem, federation, method, over=over, rounds=3, **how)
    whole = solve_many(problem, federation, method, over=over, rounds=6, **how)
    for part, want in zip(half, whole, strict=True):
        p = part.parts
        more = solve(
            p.problem,
            federation,
            p.algorithm,
            rounds=3,
            seed=p.seed,
            channel=p.channel,
            downlink=p.downlink,
            participation=p.participation,
            resume=part,
            progress=False,
        )
        np.testing.assert_allclose(more.theta, want.theta, rtol=0, atol=1e-10 * (1 + np.abs(want.theta).max()))


def test_lanes_share_the_passes_over_the_data() -> None:
    """64 steps cost each client as many gradients as one does."""
    calls = {"n": 0}

    class Counting(Logistic):
        def gradient(self, data: Any, theta: Any, batch: Any = None) -> Any:
            calls["n"] += 1
            return Logistic.gradient(self, data, theta, batch)

    solve_many(Counting(ridge=0.1), LABELLED, FedAvg(local_steps=2), over={"step": np.linspace(0.1, 1, 64)}, rounds=3, metrics=())
    assert calls["n"] == 4 * 2 * 3


def test_a_diverging_run_leaves_the_others_alone() -> None:
    over = {"step": [0.1, 1e200, 0.2, 1e200 / 3]}
    many = solve_many(LOGISTIC, LABELLED, FedAvg(), over=over, rounds=6)
    codes = [result.status.code for result in many]
    assert codes == ["completed", "diverged", "completed", "diverged"]
    for result, step in zip(many, over["step"], strict=True):
        own = solve(LOGISTIC, LABELLED, FedAvg(step=step), rounds=6, throw=False, progress=False)
        assert result.status == own.status
        assert result.rounds == own.rounds
        np.testing.assert_allclose(result.theta, own.theta, rtol=1e-9, atol=1e-12)
    assert many.best() in (many[0], many[2])


class Fragile(Quadratic):
    """Its statistic cannot be computed far from the origin."""

    def statistic(self, data: Any, theta: Any, batch: Any = None, warm: Any = None) -> Any:
        if np.abs(theta).max() > 2.0:
            raise FloatingPointError("too far")
        return Quadratic.statistic(self, data, theta, batch, warm)


def test_a_failing_run_leaves_the_others_alone() -> None:
    federation = bed(3, 4)
    over = {"step": [0.05, 0.9, 0.02, 0.8]}
    method = FedMM(start="lift")
    many = solve_many(Fragile(ridge=0.1), federation, method, over=over, rounds=25, metrics=())
    codes = {result.status.code for result in many}
    for result, step in zip(many, over["step"], strict=True):
        own = solve(Fragile(ridge=0.1), federation, FedMM(step=step, start="lift"), rounds=25, metrics=(), throw=False)
        assert result.status == own.status
        assert len(result.trace) == len(own.trace)
        np.testing.assert_allclose(result.theta, own.theta, rtol=1e-9, atol=1e-12)
    assert codes == {"completed", "failed"}


def test_stop_rules_end_runs_one_by_one() -> None:
    over = {"step": [0.02, 0.5, 2.0]}
    many = solve_many(LOGISTIC, LABELLED, FedAvg(), over=over, rounds=40, stop=Below(0.68))
    for result, step in zip(many, over["step"], strict=True):
        own = solve(LOGISTIC, LABELLED, FedAvg(step=step), rounds=40, stop=Below(0.68), progress=False)
        assert (result.status, result.rounds) == (own.status, own.rounds)
    assert len({result.rounds for result in many}) > 1


def test_torch_gives_the_same() -> None:
    torch = pytest.importorskip("torch")
    for federation in (LABELLED, LABELLED.to(torch.asarray)):
        many = solve_many(LOGISTIC, federation, FedMM(), over={"step": [0.1, 0.4], "seed": [0, 1]}, rounds=3, channel=Mask(0.5))
        thetas = np.array([np.asarray(result.theta) for result in many])
        if federation is LABELLED:
            want = thetas
    np.testing.assert_allclose(thetas, want, rtol=1e-10, atol=1e-12)


def test_float32_stays_float32() -> None:
    federation = LABELLED.to(lambda x: x.astype(np.float32))
    many = solve_many(LOGISTIC, federation, FedMM(), over={"step": [0.1, 0.4], "a": [0.1, 0.2]}, rounds=3)
    assert {result.theta.dtype for result in many} == {np.dtype(np.float32)}


def test_bundles_hold_what_differs_in_seeds_and_swept_fields() -> None:
    parts = solve_many(LOGISTIC, LABELLED, FedAvg(), over={"step": [0.1, 0.2]}, rounds=0)[0].parts
    found = points(parts, {"local_steps": [1, 2], "seed": [0, 1], "step": [0.1, 0.2], "problem.ridge": [0.1, 0.2]})
    groups = bundles(found)
    assert sorted(len(group) for group in groups) == [4, 4, 4, 4]
    for group in groups:
        assert len({(found[k].parts.algorithm.local_steps, found[k].parts.problem.ridge) for k in group}) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ({}, "at least one axis"),
        ({"step": []}, "at least one value"),
        ({"step": 0.1}, r"write \[0.1\]"),
        ({"step": "0.1"}, "as a list"),
        ({"step": [0.1, 0.1]}, "given twice"),
        ({"step": [0.1, -0.2]}, "step > 0"),
        ({"stepp": [0.1]}, "Did you mean 'step'"),
        ({"method.k": [1]}, "no field 'k'"),
        ({"seed": [0.5]}, "as an integer"),
        ({"step": [0.1, float("nan")]}, "finite"),
        ({"channel": ["rand-k:3"]}, "channel"),
        ([("step", [0.1])], "as a mapping"),
    ],
)
def test_bad_axes_are_refused(over: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        solve_many(LOGISTIC, LABELLED, FedAvg(step=0.1), over=over, rounds=2)


def test_refusals_say_which_run() -> None:
    with pytest.raises(CompositionError, match=r"in the run with method=mm, seed=0"):
        solve_many(
            LOGISTIC,
            LABELLED,
            FedMM(),
            over={"method": [FedMM(), MM()], "seed": [0, 1]},
            rounds=2,
            participation=Bernoulli(0.5),
        )


def test_table_best_and_bands() -> None:
    over = {"step": [0.05, 0.5], "seed": [0, 1, 2]}
    many = solve_many(LOGISTIC, LABELLED, FedAvg(batch=2), over=over, rounds=8)
    first, second = many.ranked()
    assert first.values == {"step": 0.5}
    assert first.last()[0] < second.last()[0]
    finals = [result.objective for result in first.results]
    assert first.last() == pytest.approx((np.mean(finals), np.std(finals)))
    assert many.best().objective == min(finals)
    x, mean, std = second.band()
    assert x.tolist() == list(range(9))
    assert mean[-1] == pytest.approx(second.last()[0])
    assert std[0] == 0.0 < std[-1]
    table = many.to_pandas()
    assert table["seed"].tolist() == [0, 1, 2, 0, 1, 2]
    assert table["objective"].tolist() == [result.objective for result in many]
    lines = many.summary().splitlines()
    assert lines[0].startswith("step  objective, mean and std of 3 seeds")
    assert lines[1].startswith("0.5 ")
    with pytest.raises(SpecError, match="has a column"):
        many.ranked("gap")


def test_picture_and_folder(tmp_path: Any) -> None:
    from fedmm import load

    many = solve_many(LOGISTIC, LABELLED, FedAvg(), over={"step": [0.05, 0.5, 1e200], "seed": [0, 1]}, rounds=4)
    figure = many.plot()
    curves, ends = figure.axes[:2]
    assert len(curves.get_lines()) >= 2
    assert ends.get_xlabel() == "step"
    assert any(np.isfinite(line.get_ydata()).all() for line in ends.get_lines())
    low, high = curves.get_ylim()
    assert 0.0 < low < high < 10.0  # the diverging run does not squeeze the others
    folder = many.save(tmp_path / "sweep")
    assert {path.name for path in folder.iterdir()} == {"sweep.csv", "traces.csv", "sweep.png", "best"}
    assert load(str(folder / "best"), LABELLED).objective == many.best().objective
    import pandas

    table = pandas.read_csv(folder / "traces.csv")
    assert len(table) == sum(len(result.trace) for result in many)
    with pytest.raises(DataError, match="not an empty folder"):
        many.save(folder)
    many.save(folder, overwrite=True)


def test_a_sweep_without_metrics_still_saves(tmp_path: Any) -> None:
    many = solve_many(LOGISTIC, LABELLED, FedAvg(), over={"step": [0.05, 0.5]}, rounds=2, metrics=())
    many.save(tmp_path / "sweep")
    assert not (tmp_path / "sweep" / "sweep.png").exists()
