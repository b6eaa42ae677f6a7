"""The loop: resuming, divergence, failures, interruption, stop rules, callbacks, metrics."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from fedmm import (
    MM,
    Batched,
    Below,
    Bernoulli,
    Budget,
    CompositionError,
    Dither,
    FedAvg,
    Federation,
    FedMM,
    FedPM,
    FedSGD,
    Field,
    FixedSize,
    Full,
    Identity,
    Mask,
    Naive,
    Objective,
    RandK,
    RunError,
    Samples,
    Stalled,
    StochasticMM,
    UpdateSizes,
    solve,
)
from fedmm.algorithms import CATALOG
from fedmm.arrays import Array
from fedmm.errors import SpecError
from fedmm.metrics import Snapshot
from fedmm.participation import Participation
from fedmm.problem import Problem
from fedmm.testing.federations import sample_federation
from fedmm.testing.runs import assert_same_run
from fedmm.testing.scripted import PlayedCohorts
from fedmm.types import Batch, HasGradient
from problems import Dictionary, Huber, LeastSquares, Logistic, Quadratic
from theory_checks.beds import bed

REAL, LABELS = sample_federation(), sample_federation(labels=True)
FEDMM, RIDGE, JJ = FedMM(), Logistic(ridge=0.1), Logistic(ridge=0.1, surrogate="jaakkola-jordan")


def run(algorithm: Any = FEDMM, problem: Any = RIDGE, federation: Any = LABELS, *args: Any, **options: Any) -> Any:
    return solve(problem, federation, algorithm, *args, **({"rounds": 3, "progress": False} | options))


HARD: dict[str, Any] = {"participation": Bernoulli((0.3, 0.9, 0.5, 1.0)), "channel": Dither(2)}
RESUMED: tuple[tuple[Any, Any, Any, dict[str, Any]], ...] = (
    (MM(), LeastSquares(l1=0.1), REAL, {}),
    (StochasticMM(batch=2), JJ, LABELS, {}),
    (FedMM(batch=2, memories="exact"), JJ, LABELS, HARD),
    (FedMM(step=0.3, batch=3), Dictionary(components=2, iterations=20), REAL, HARD | {"channel": Mask(0.5)}),
    (FedMM(step="theory"), Quadratic(ridge=0.1, noise=1.0), bed(4, 3), HARD | {"channel": RandK(1)}),
    (FedMM(step=0.05, batch=1), Quadratic(ridge=0.1, noise=1.0), bed(4, 3), HARD | {"downlink": Mask(0.9)}),
    (Naive(batch=2), LeastSquares(l1=0.1), REAL, HARD),
    (FedSGD(step=0.1, batch=2), RIDGE, LABELS, HARD),
    (FedAvg(batch=2), RIDGE, LABELS, HARD | {"participation": FixedSize(2)}),
    (FedPM(step=0.5), RIDGE, LABELS, {"participation": Bernoulli(0.5)}),
)


def test_every_method_is_resumed() -> None:
    assert {type(algorithm) for algorithm, *_ in RESUMED} == set(CATALOG)


@pytest.mark.parametrize("index", range(len(RESUMED)), ids=[f"{a.name}-{i}" for i, (a, *_) in enumerate(RESUMED)])
@pytest.mark.parametrize("batched", [False, True])
def test_100_and_100_rounds_are_200_bit_for_bit(index: int, batched: bool) -> None:
    algorithm, problem, federation, options = RESUMED[index]
    options = options | ({"executor": Batched(cache_bytes=1)} if batched else {})
    whole = run(algorithm, problem, federation, rounds=200, **options)
    half = run(algorithm, problem, federation, rounds=100, **options)
    assert len(half.trace) == 101
    assert_same_run(
        "100 + 100 rounds against 200", run(algorithm, problem, federation, rounds=100, resume=half, **options), whole
    )


def test_resume_needs_the_same_parts_and_data() -> None:
    half = run()
    with pytest.raises(CompositionError, match="A continued run needs the same algorithm"):
        run(FedMM(step=0.1), resume=half)
    with pytest.raises(CompositionError, match="A continued run needs the same seed"):
        run(resume=half, seed=1)
    with pytest.raises(CompositionError, match="needs the same data"):
        run(federation=sample_federation(labels=True, seed=3), resume=half)
    with pytest.raises(CompositionError, match="leave theta0 out"):
        run(theta0=np.zeros(3), resume=half)
    same = Federation(list(LABELS), LABELS.weights)
    assert run(federation=same, resume=half).rounds == 6


def test_divergence_keeps_the_trace_and_says_what_to_try() -> None:
    with pytest.raises(RunError, match="gave values that are not finite") as caught:
        run(FedSGD(step=1e200), LeastSquares(), REAL, rounds=50)
    result = caught.value.result
    assert result.status.code == "diverged"
    assert not result.status.ok
    last = int(result.trace["round"][-1])
    assert 1 <= last < 50
    assert f"Round {last + 1} gave" in result.status.message
    assert "Try a smaller step" in result.status.message
    assert np.isfinite(result.theta).all()
    quiet = run(FedSGD(step=1e200), LeastSquares(), REAL, rounds=50, throw=False)
    assert_same_run("throw=False against the error's result", quiet, result)


@dataclass(frozen=True)
class Fragile(Problem):
    """Least squares whose gradient fails where the first target exceeds `limit`, in a way of one's choice."""

    limit: float
    error: type[Exception] = FloatingPointError
    exact: LeastSquares = LeastSquares()

    name: ClassVar[str] = "fragile"

    def value(self, data: Samples, theta: Array) -> Array:
        return self.exact.value(data, theta)

    def start(self, federation: Federation) -> Array:
        return self.exact.start(federation)

    def gradient(self, data: Samples, theta: Array, batch: Batch | None = None) -> Array:
        if np.any(data.y[..., 0] > self.limit) and np.any(theta != 0):
            raise self.error("the target is too large")
        return self.exact.gradient(data, theta)


def fragile_clients() -> Federation:
    return Federation([Samples(data.X, data.y + (100.0 if i == 2 else 0.0)) for i, data in enumerate(REAL)])


@pytest.mark.parametrize("executor", [None, Batched()], ids=str)
def test_a_failing_client_is_named_and_nothing_is_lost(executor: Any) -> None:
    result = run(FedSGD(step=0.01), Fragile(50.0), fragile_clients(), executor=executor, throw=False)
    assert result.status.code == "failed"
    assert "Client 2 failed in round 2: FloatingPointError: the target is too large" in result.status.message
    assert "those of round 1" in result.status.message
    assert len(result.trace) == 2
    assert np.any(result.theta != 0)
    with pytest.raises(RunError, match="Client 2 failed in round 2"):
        run(FedSGD(step=0.01), Fragile(50.0), fragile_clients(), executor=executor)


@dataclass(frozen=True)
class Tolerant(Participation):
    """Everyone is asked; a round goes on without those who fail."""

    name: ClassVar[str] = "tolerant"

    def draw(self, weights: Any, round: int, state: Any, key: Any) -> Any:
        return Full().draw(weights, round, state, key)

    def facts(self, n: int) -> Any:
        return Full().facts(n)

    def tolerates(self, cohort: Any, failures: Any) -> bool:
        return True


@pytest.mark.parametrize("executor", [None, Batched()], ids=str)
def test_a_participation_may_go_on_without_those_who_fail(executor: Any) -> None:
    federation, method = fragile_clients(), FedAvg(local_steps=1, step=0.01)
    others = Federation([data for i, data in enumerate(federation) if i != 2])
    options = {"executor": executor, "participation": Tolerant(), "rounds": 1}
    first = run(method, Fragile(50.0), federation, **options)  # at theta = 0 nobody fails
    second = run(method, Fragile(50.0), federation, resume=first, **options)
    want = run(method, Fragile(50.0), others, first.theta, rounds=1)
    np.testing.assert_allclose(second.theta, want.theta, rtol=1e-12)
    assert second.trace["clients"].tolist() == [0, len(federation), len(federation) - 1]


def test_a_round_in_which_everyone_fails_is_an_empty_one() -> None:
    result = run(FedSGD(step=0.01), Fragile(-1e9), fragile_clients(), participation=Tolerant(), rounds=3)
    assert result.trace["clients"].tolist() == [0, len(REAL), 0, 0]
    assert result.status.code == "completed"


def test_programming_errors_propagate() -> None:
    with pytest.raises(KeyError, match="too large"):
        run(FedSGD(step=0.01), Fragile(50.0, KeyError), fragile_clients(), throw=False)


def test_a_server_that_cannot_compute_is_a_status() -> None:
    """Two clients, of which only the first has rank 2: whenever it is away, the mean Hessian is singular."""
    rank = Federation([Samples(np.eye(2), np.ones(2)), Samples(np.array([[1.0, 0.0]]), np.ones(1))])
    played = PlayedCohorts(((0, 1), (1,)), (0.5, 0.5))
    result = run(FedPM(), LeastSquares(), rank, rounds=2, participation=played, throw=False)
    assert result.status.code == "failed"
    assert "The server failed in round 2" in result.status.message
    assert "not positive definite" in result.status.message
    assert len(result.trace) == 2


def test_a_failed_opening_is_opened_again_by_resume() -> None:
    """A result from before round 0 was done goes through round 0 when it is continued."""

    federation = Federation([Samples(np.abs(data.X) + 2.0, np.full(data.X.shape[0], 1e308)) for data in REAL])
    result = run(FedMM(step=0.5), LeastSquares(), federation, throw=False)
    assert result.status.code == "diverged"
    assert "Nothing was computed" in result.status.message
    assert len(result.trace) == 1
    again = run(FedMM(step=0.5), LeastSquares(), federation, resume=result, throw=False)
    assert again.status == result.status
    assert len(again.trace) == 1


def test_ctrl_c_ends_after_the_current_round_with_a_usable_result() -> None:
    def interrupt(snapshot: Snapshot, row: dict[str, float]) -> None:
        if snapshot.round == 4:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    options: dict[str, Any] = {"participation": Bernoulli(0.5), "channel": RandK(1)}
    part = run(FedMM(batch=2), rounds=10, callbacks=(interrupt,), **options)
    assert signal.getsignal(signal.SIGINT) is before
    assert part.status.code == "interrupted"
    assert part.status.message == "Interrupted after round 4 of 10; resume to go on."
    assert part.rounds == 4
    rest = run(FedMM(batch=2), rounds=6, resume=part, **options)
    assert_same_run("interrupted and resumed", rest, run(FedMM(batch=2), rounds=10, **options))


def test_a_second_ctrl_c_acts_at_once() -> None:
    def interrupt(snapshot: Snapshot, row: dict[str, float]) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run(callbacks=(interrupt,))


def test_solve_works_outside_the_main_thread() -> None:
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(run()))
    thread.start()
    thread.join()
    assert_same_run("in a thread", results[0], run())


@pytest.mark.parametrize("algorithm", [FedMM(step=0.3), Naive(step=0.3)], ids=lambda a: a.name)
def test_empty_cohorts_move_by_v_alone(algorithm: Any) -> None:
    """Two rounds of everyone, then nobody: s (or theta) moves by gamma v, and v stays."""
    states: list[Any] = []
    played = PlayedCohorts(((0, 1, 2, 3),) * 2 + ((),), (0.5,) * 4)
    run(
        algorithm,
        problem=LeastSquares(),
        federation=REAL,
        participation=played,
        callbacks=(lambda s, row: states.append(s.server),),
    )
    before, after = states[-2], states[-1]
    assert np.any(before.v != 0)
    assert np.array_equal(after.v, before.v)
    assert np.allclose(after[0], before[0] + 0.3 * before.v, rtol=1e-14, atol=0)


@pytest.mark.parametrize("algorithm", [FedSGD(step=0.1), FedAvg(), FedPM()], ids=lambda a: a.name)
def test_empty_cohorts_leave_parameter_methods_put(algorithm: Any) -> None:
    result = run(algorithm, participation=PlayedCohorts(((0, 1, 2, 3), (), ()), (0.5,) * 4))
    once = run(algorithm, participation=PlayedCohorts(((0, 1, 2, 3),), (0.5,) * 4), rounds=1)
    assert np.array_equal(result.theta, once.theta)
    assert list(result.trace["clients"]) == [0, 4, 0, 0]
    assert list(np.diff(result.trace["bits_up"])[1:]) == [0, 0]


def test_stop_rules() -> None:
    full = run(FedSGD(), rounds=60)
    objective = full.trace["objective"]
    target = float(objective[5])
    result = run(FedSGD(), rounds=60, stop=Below(target))
    assert result.status.code == "stopped"
    assert result.rounds == 5
    assert result.status.message.startswith("Stopped after round 5: objective ")
    stalled = run(FedPM(), rounds=60, stop=[Stalled(rounds=3, rtol=1e-12), Below(-1.0)])
    assert stalled.status.code == "stopped"
    assert stalled.rounds < 20
    bits = float(full.trace["bits_up"][1] + full.trace["bits_down"][1])
    assert run(FedSGD(), rounds=60, stop=Budget(bits=2.5 * bits)).rounds == 3
    assert run(FedSGD(), rounds=60, stop=Budget(seconds=0.0)).rounds == 1
    assert run(FedSGD(), rounds=3, stop=Below(-1.0)).status.code == "completed"


def test_bits_are_counted_both_ways() -> None:
    """d = 3: a vector of float64 is 192 bits; FedPM sends d(d+1)/2 + d numbers; rand-1 sends one."""
    assert list(run(FedSGD(), rounds=2).trace["bits_up"]) == [0, 4 * 192, 8 * 192]
    assert list(run(FedSGD(), rounds=2).trace["bits_down"]) == [0, 4 * 192, 8 * 192]
    assert list(run(FedPM(), rounds=1).trace["bits_up"]) == [0, 4 * 64 * 9]
    opened = run(FedMM(memories="exact"), rounds=1, channel=RandK(1))
    assert list(opened.trace["bits_up"]) == [2 * 4 * 192, 2 * 4 * 192 + 4 * 64]
    assert list(opened.trace["exchanges"]) == [2, 3]


def test_callbacks_see_every_round_and_the_row_they_may_extend() -> None:
    seen: list[int] = []

    def look(snapshot: Snapshot, row: dict[str, float]) -> None:
        seen.append(snapshot.round)
        row["norm"] = float(np.linalg.norm(snapshot.theta))

    result = run(FedSGD(), rounds=4, callbacks=(look,))
    assert seen == [0, 1, 2, 3, 4]
    assert result.trace["norm"][-1] == np.linalg.norm(result.theta)


def test_metrics_are_measured_every_k_rounds_and_last() -> None:
    result = run(FedMM(), rounds=7, metrics=(Objective(every=3), Field(), UpdateSizes(every=2)))
    assert np.flatnonzero(~np.isnan(result.trace["objective"])).tolist() == [0, 3, 6, 7]
    assert np.flatnonzero(~np.isnan(result.trace["field"])).tolist() == list(range(8))
    assert np.flatnonzero(~np.isnan(result.trace["surrogate_step"])).tolist() == [2, 4, 6, 7]
    assert "objective" not in run(metrics=()).trace.columns


def test_metrics_do_not_change_the_run() -> None:
    with_metrics = run(FedMM(batch=2), metrics=(Objective(), Field(), UpdateSizes()))
    assert np.array_equal(with_metrics.theta, run(FedMM(batch=2), metrics=()).theta)


def test_zero_rounds_is_the_start() -> None:
    result = run(FedSGD(), rounds=0)
    assert result.status.code == "completed"
    assert np.array_equal(result.theta, np.zeros(3))
    assert len(result.trace) == 1
    assert result.trace["objective"][0] == pytest.approx(np.log(2.0))


def test_identity_options_are_the_defaults() -> None:
    assert_same_run("explicit defaults", run(channel=Identity(), downlink=Identity()), run())


@pytest.mark.parametrize("algorithm", [FedSGD(), FedAvg(), FedPM(), Naive(), FedMM(), MM(), StochasticMM()], ids=lambda a: a.name)
def test_a_compressed_downlink_changes_what_clients_see(algorithm: Any) -> None:
    """Every method survives one; the broadcast of d numbers (q = d here) is half its size on average."""
    plain, masked = run(algorithm, rounds=5), run(algorithm, rounds=5, downlink=Mask(0.5))
    assert not np.array_equal(masked.theta, plain.theta)
    assert 0 < masked.trace["bits_down"][-1] < plain.trace["bits_down"][-1]
    assert list(masked.trace["bits_up"]) == list(plain.trace["bits_up"])


def test_a_metric_without_its_oracle_is_refused_and_one_with_it_is_settled_for() -> None:
    federation = Federation([Samples(np.eye(2), np.array([1.0, -1.0]))])
    result = solve(Logistic(), federation, FedAvg(), rounds=1, metrics=UpdateSizes(), progress=False)
    assert np.isfinite(result.trace.last("surrogate_step"))

    class Gradients(Logistic):
        oracles = (HasGradient,)

    with pytest.raises(SpecError, match="field needs the oracle HasSurrogate, which logistic does not offer"):
        solve(Gradients(), federation, FedAvg(), rounds=1, metrics=Field())


def test_a_run_that_ends_above_its_start_says_so() -> None:
    """Too long a step on a loss that grows linearly: nothing overflows, and nothing is minimised."""
    federation = sample_federation()
    short, long = (solve(Huber(), federation, FedSGD(step=step), rounds=3, progress=False) for step in (0.1, 1e6))
    assert short.status.message == "All 3 rounds done."
    assert long.status.ok
    assert "but the objective rose from" in long.status.message
