"""Every method of the catalog obeys the laws, is the centralised method for one client, and reaches its own limit point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pytest

from fedmm import (
    MM,
    Bernoulli,
    FedAvg,
    Federation,
    FedMM,
    FedPM,
    FedSGD,
    Full,
    Identity,
    Mask,
    Naive,
    Problem,
    RandK,
    Samples,
    StochasticMM,
    solve,
)
from fedmm.algorithm import Algorithm
from fedmm.algorithms import CATALOG
from fedmm.arrays import Array
from fedmm.channels import Channel
from fedmm.errors import DataError
from fedmm.keys import Key
from fedmm.participation import FixedSize, Participation
from fedmm.result import RunError
from fedmm.schedules import InverseSqrt
from fedmm.symmetric import unpack
from fedmm.testing.algorithms import LAWS, check_algorithm, check_one_client, check_variates
from fedmm.testing.federations import sample_federation
from fedmm.testing.runs import Trial
from fedmm.types import Batch, Cohort, HasGradient, Ticket
from problems import Dictionary, LeastSquares, Logistic, Quadratic
from theory_checks.beds import bed
from theory_checks.families import INSTANCES

REAL, LABELS = sample_federation(), sample_federation(labels=True)
SPARSE = sample_federation(labels=True, sparse=True)
JJ = Logistic(ridge=0.1, surrogate="jaakkola-jordan")
ATOMS = Dictionary(components=2, iterations=60)

CASES: tuple[tuple[Algorithm, Problem, Federation], ...] = (
    (MM(), LeastSquares(ridge=0.1, l1=0.1), REAL),
    (MM(), ATOMS, REAL),
    (StochasticMM(), Logistic(ridge=0.1), LABELS),
    (StochasticMM(step=0.5, batch=3), JJ, LABELS),
    (FedMM(), LeastSquares(l1=0.1), REAL),
    (FedMM(batch=3, memories="exact"), JJ, LABELS),
    (FedMM(step=0.3, control_variates=False, batch=1), Quadratic(ridge=0.1, noise=0.5), bed(4, 3)),
    (FedMM(step="theory", start="lift"), Quadratic(ridge=0.1), bed(4, 3)),
    (FedMM(step=0.3, batch=3), ATOMS, REAL),
    (FedMM(step=0.3), INSTANCES["transport"](0).problem, INSTANCES["transport"](0).federation),
    (FedMM(), Logistic(l1=0.01), SPARSE),
    (Naive(), LeastSquares(l1=0.1), REAL),
    (Naive(step=0.3, batch=2), ATOMS, REAL),
    (FedSGD(), Logistic(ridge=0.1), LABELS),
    (FedSGD(step=0.1, batch=2), LeastSquares(ridge=0.1), REAL),
    (FedAvg(), Logistic(ridge=0.1), LABELS),
    (FedAvg(local_steps=2, step=InverseSqrt(0.1), batch=2, server_step=0.8), Logistic(ridge=0.1), LABELS),
    (FedPM(), Logistic(ridge=0.1), LABELS),
    (FedPM(local_steps=3, step=0.5), Logistic(ridge=0.1), LABELS),
    (FedPM(step=0.5), LeastSquares(ridge=0.1), REAL),
    (FedPM(), Logistic(ridge=0.1), SPARSE),
)


def test_every_method_has_a_case() -> None:
    assert {type(algorithm) for algorithm, _, _ in CASES} == set(CATALOG)
    assert {type(algorithm) for algorithm, *_ in ONE_CLIENT} == set(CATALOG)
    assert len({algorithm.name for algorithm in CATALOG}) == len(CATALOG)


@pytest.mark.parametrize(
    ("algorithm", "problem", "federation"), CASES, ids=[f"{a.name}-{p.name}-{i}" for i, (a, p, _) in enumerate(CASES)]
)
def test_laws(algorithm: Algorithm, problem: Problem, federation: Federation) -> None:
    check_algorithm(algorithm, problem, federation)


@pytest.mark.parametrize("method", [FedMM, Naive])
@pytest.mark.parametrize("batch", [None, 3])
@pytest.mark.parametrize("participation", [Full(), Bernoulli((0.3, 0.9, 0.5, 1.0)), FixedSize(2)], ids=str)
@pytest.mark.parametrize("channel", [Identity(), RandK(1), Mask(0.3)], ids=str)
def test_v_is_the_mean_of_the_variates(
    method: type[FedMM | Naive], batch: int | None, participation: Participation, channel: Channel
) -> None:
    for problem, federation in ((LeastSquares(l1=0.1), REAL), (JJ, LABELS)):
        check_variates(method(step=0.3, batch=batch), problem, federation, participation, channel)


def test_v_is_the_mean_of_exact_memories() -> None:
    check_variates(FedMM(step=0.3, memories="exact"), JJ, LABELS, Bernoulli((0.3, 0.9, 0.5, 1.0)), RandK(2))


def test_check_variates_catches_the_literal_rule_for_unequal_p() -> None:
    """V_i += alpha q_i without the scale 1/p_i breaks the invariant where the p_i differ."""
    with pytest.raises(AssertionError, match="sum w_i V_i"):
        check_variates(Unscaled(), LeastSquares(), REAL, Bernoulli((0.3, 0.9, 0.5, 1.0)), Identity())


# One client is the centralised method. Each reference is a loop over theta, on the settled problem P and its data.


def mm_loop(P: Any, data: Any, theta: Array) -> Iterator[Array]:
    while True:
        yield theta
        theta = P.minimize(P.statistic(data, theta)[0])


def ssmm_loop(P: Any, data: Any, theta: Array) -> Iterator[Array]:
    s, t = P.lift(theta), 0
    while True:
        yield theta
        t += 1
        s = (1 - 0.5 / t**0.5) * s + 0.5 / t**0.5 * P.statistic(data, theta, Batch(3, Key(1, t, 0)))[0]
        theta = P.minimize(s)


def opened_sa_loop(P: Any, data: Any, theta: Array) -> Iterator[Array]:
    s = P.statistic(data, theta)[0]
    while True:
        theta = P.minimize(s)
        yield theta
        s = s + 0.6 * (P.statistic(data, theta)[0] - s)


def naive_loop(P: Any, data: Any, theta: Array) -> Iterator[Array]:
    while True:
        yield theta
        theta = theta + 0.6 * (P.minimize(P.statistic(data, theta)[0]) - theta)


def gd_loop(P: Any, data: Any, theta: Array, K: int = 1) -> Iterator[Array]:
    while True:
        yield theta
        for _ in range(K):
            theta = theta - 0.1 * P.gradient(data, theta)


def k_gd_loop(P: Any, data: Any, theta: Array) -> Iterator[Array]:
    return gd_loop(P, data, theta, K=4)


def newton_loop(P: Any, data: Any, theta: Array) -> Iterator[Array]:
    while True:
        yield theta
        theta = theta - np.linalg.solve(unpack(P.hessian(data, theta)), P.gradient(data, theta))


ONE_CLIENT: tuple[tuple[Algorithm, Problem, Callable[[Any, Any, Array], Iterator[Array]], float], ...] = (
    (MM(), JJ, mm_loop, 1e-12),
    (StochasticMM(step=InverseSqrt(0.5), batch=3), JJ, ssmm_loop, 1e-12),
    (FedMM(step=0.6), JJ, opened_sa_loop, 1e-12),
    (FedMM(step=0.6, memories="exact"), JJ, opened_sa_loop, 1e-12),
    (Naive(step=0.6), JJ, naive_loop, 1e-12),
    (FedSGD(step=0.1), Logistic(ridge=0.1), gd_loop, 1e-13),
    (FedAvg(step=0.1, local_steps=4), Logistic(ridge=0.1), k_gd_loop, 1e-13),
    (FedPM(), Logistic(ridge=0.1), newton_loop, 1e-13),
)


@pytest.mark.parametrize(("algorithm", "problem", "loop", "rtol"), ONE_CLIENT, ids=lambda x: str(x)[:60])
def test_one_client_is_the_centralised_method(algorithm: Algorithm, problem: Any, loop: Any, rtol: float) -> None:
    federation = Federation([LABELS[2]])
    ready = problem.settle(federation, problem.oracles)
    steps = loop(ready, federation[0], ready.start(federation))
    check_one_client(algorithm, problem, federation, [next(steps) for _ in range(8)], rtol)


def test_fedpm_is_newton_on_the_mean_for_any_number_of_clients() -> None:
    problem, theta = Logistic(ridge=0.1), np.array([0.3, -0.2, 0.1])
    result = solve(problem, LABELS, FedPM(), theta, rounds=1, progress=False)
    pairs = list(zip(LABELS.weights, LABELS, strict=True))
    H = sum(w * unpack(problem.hessian(data, theta)) for w, data in pairs)
    g = sum(w * problem.gradient(data, theta) for w, data in pairs)
    assert np.abs(result.theta - (theta - np.linalg.solve(H, g))).max() <= 1e-13


# Limit points.


@pytest.mark.parametrize("p", [0.5, (0.3, 0.9, 0.5, 1.0)], ids=str)
@pytest.mark.parametrize("channel", [RandK(1), Mask(0.5)], ids=str)
def test_fedmm_reaches_the_optimum_under_sampling_and_compression(p: Any, channel: Channel) -> None:
    federation, problem = bed(4, 3), Quadratic(ridge=0.1)
    star = problem.solution(federation)
    result = solve(
        problem,
        federation,
        FedMM(step=0.15),
        rounds=2500,
        participation=Bernoulli(p),
        channel=channel,
        metrics=(),
        progress=False,
    )
    assert np.abs(result.theta - star).max() <= 1e-10 * (1 + np.abs(star).max())


@pytest.mark.parametrize("K", [1, 2, 3])
@pytest.mark.parametrize("eta", [0.3, 0.5, 0.9])
def test_fedpm_contracts_quadratics_by_exactly_1_minus_eta_to_the_K(K: int, eta: float) -> None:
    federation, problem = bed(5, 4), Quadratic()
    star = problem.solution(federation)
    errors = []

    def look(snapshot: Any, row: Any) -> None:
        errors.append(snapshot.theta - star)

    solve(problem, federation, FedPM(local_steps=K, step=eta), star + 100.0, rounds=2, callbacks=(look,), progress=False)
    for before, after in pairwise(errors):
        assert np.abs(after - (1 - eta) ** K * before).max() <= 1e-12 * np.abs(before).max()


def test_fedpm_solves_quadratics_in_one_round() -> None:
    federation, problem = bed(5, 4), Quadratic()
    star = problem.solution(federation)
    result = solve(problem, federation, FedPM(local_steps=2), rounds=1, progress=False)
    assert np.abs(result.theta - star).max() <= 1e-12 * (1 + np.abs(star).max())


@pytest.mark.parametrize("K", [1, 5])
def test_fedavg_reaches_its_own_fixed_point(K: int) -> None:
    """sum w_i (I - E_i^K)(theta - theta_i) = 0 with E_i = I - gamma A_i: the optimum for K = 1 only."""
    federation, problem, gamma = bed(4, 3), Quadratic(), 0.1
    E = [np.linalg.matrix_power(np.eye(3) - gamma * data.A, K) for data in federation]
    P = [w * (np.eye(3) - e) for w, e in zip(federation.weights, E, strict=True)]
    own = [np.linalg.solve(data.A, data.b) for data in federation]
    limit = np.linalg.solve(sum(P), sum(p @ theta for p, theta in zip(P, own, strict=True)))
    result = solve(problem, federation, FedAvg(local_steps=K, step=gamma), rounds=2000, metrics=(), progress=False)
    assert np.abs(result.theta - limit).max() <= 1e-10 * (1 + np.abs(limit).max())
    bias = np.linalg.norm(limit - problem.solution(federation))
    assert bias < 1e-10 if K == 1 else bias > 1e-2


def phishing(path: Path) -> Federation:
    """100 clients of 110 rows in file order."""
    from problems.data.libsvm import LibSVM

    X, y = LibSVM(str(path), n_features=68, dense=True).load(None, 0)
    return Federation([Samples(X[i : i + 110], y[i : i + 110]) for i in range(0, 11000, 110)])


def test_fedpm_with_two_local_steps_stops_at_a_biased_limit(fedmm_data: Callable[[str], Path]) -> None:
    """phishing, lambda = 1e-3: |x - x*| = .514 and f - f* = 4.4e-4, where K = 1 reaches the optimum."""
    federation = phishing(fedmm_data("libsvm/phishing.xz"))
    problem = Logistic(ridge=1e-3)
    star = solve(problem, federation, FedPM(), rounds=9, metrics=(), progress=False)
    f_star = problem.objective(federation, star.theta)
    assert f_star == pytest.approx(0.313592639182, abs=1e-12)
    assert np.linalg.norm(star.theta) == pytest.approx(12.64, abs=5e-3)
    biased = solve(problem, federation, FedPM(local_steps=2), rounds=25, metrics=(), progress=False)
    more = solve(problem, federation, FedPM(local_steps=2), rounds=2, resume=biased, metrics=(), progress=False)
    assert np.linalg.norm(more.theta - biased.theta) < 1e-6
    assert np.linalg.norm(biased.theta - star.theta) == pytest.approx(0.514, abs=5e-4)
    assert problem.objective(federation, biased.theta) - f_star == pytest.approx(4.4e-4, abs=5e-6)


# The laws catch broken methods. Every mutant below is gradient descent with one fault.


@dataclass(frozen=True)
class Mutant(Algorithm):
    """Averaged gradient steps, with one thing wrong."""

    fault: str
    calls: list = field(default_factory=list, compare=False)

    name: ClassVar[str] = "mutant"
    requires: ClassVar[tuple[type, ...]] = (HasGradient,)
    averages: ClassVar[Literal["increments", "models"]] = "increments"

    def __hash__(self) -> int:
        return hash(self.fault)

    def init(self, problem: Problem, theta: Array) -> Array:
        return theta

    def broadcast(self, problem: Problem, server: Array, cohort: Cohort) -> Array:
        return server

    def local(self, problem: Any, data: Any, model: Array, memory: None, ticket: Ticket) -> tuple[Array, None]:
        g = problem.gradient(data, model)
        if self.fault == "keeps a counter":
            self.calls.append(0)
            return g * (1.0 + 1e-6 * len(self.calls)), None
        if self.fault == "writes into the model":
            model -= 0.01 * g
        if self.fault == "writes into the data":
            data.y[...] *= 1.0 + 1e-3
        if self.fault == "normalises a block as one vector":
            return g / float((g * g).sum()) ** 0.5, None
        if self.fault == "uses its slot":
            return g * (
                1.0 + 0.1 * np.asarray(ticket.slot, dtype=float).reshape(-1, 1) if g.ndim > 1 else 1.0 + 0.1 * ticket.slot
            ), None
        if self.fault == "forgets that weights are given":
            return g * (1.0 / (ticket.weight * 4)), None
        if self.fault == "widens":
            return g * np.float64(0.5), None
        return g, None

    def nothing(self, problem: Problem, server: Array) -> Array:
        zero = 0.0 * server
        return zero[:-1] if self.fault == "sends less than it says" else zero + 1.0 if self.fault == "is not silent" else zero

    def server(self, problem: Problem, server: Array, model: Array, combined: Array, cohort: Cohort) -> Array:
        if self.fault == "stands still":
            return server
        if self.fault == "cannot be alone" and not cohort.tickets:
            return server / 0.0
        return server - 0.05 * combined

    def solution(self, problem: Problem, server: Array) -> Array:
        return server


@dataclass(frozen=True)
class Unscaled(Algorithm):
    """FedMM whose memories take the literal rule, without 1/p_i."""

    inner: FedMM = FedMM(step=0.3, a=0.2, start="lift")

    name: ClassVar[str] = "unscaled"
    requires: ClassVar[tuple[type, ...]] = FedMM.requires
    averages: ClassVar[Literal["increments", "models"]] = "increments"

    def init(self, problem: Any, theta: Array) -> Any:
        return self.inner.init(problem, theta)

    def broadcast(self, problem: Any, server: Any, cohort: Cohort) -> Any:
        return self.inner.broadcast(problem, server, cohort)

    def receive(self, problem: Any, delivered: Any) -> Any:
        return self.inner.receive(problem, delivered)

    def first_memory(self, problem: Any, data: Any, model: Any) -> Any:
        return self.inner.first_memory(problem, data, model)

    def local(self, problem: Any, data: Any, model: Any, memory: Any, ticket: Ticket) -> tuple[Any, Any]:
        return self.inner.local(problem, data, model, memory, ticket)

    def remember(self, memory: Any, model: Any, kept: Any, sent: Any, ticket: Ticket) -> Any:
        return self.inner.remember(memory, model, kept, sent, ticket._replace(scale=1.0))

    def nothing(self, problem: Any, server: Any) -> Any:
        return self.inner.nothing(problem, server)

    def server(self, problem: Any, server: Any, model: Any, combined: Any, cohort: Cohort) -> Any:
        return self.inner.server(problem, server, model, combined, cohort)

    def solution(self, problem: Any, server: Any) -> Array:
        return self.inner.solution(problem, server)


def test_the_mutant_is_sound_without_a_fault() -> None:
    check_algorithm(Mutant("none"), Logistic(ridge=0.1), sample_federation(labels=True))


@pytest.mark.parametrize(
    ("fault", "law"),
    [
        ("keeps a counter", "repeats"),
        ("stands still", "repeats"),
        ("writes into the data", "pure"),
        ("writes into the model", "pure"),
        ("sends less than it says", "silent"),
        ("is not silent", "silent"),
        ("cannot be alone", "survives"),
        ("keeps a counter", "resumes"),
        ("uses its slot", "orders"),
        ("forgets that weights are given", "orders"),
        ("normalises a block as one vector", "stacks"),
        ("normalises a block as one vector", "batches"),
        ("writes into the data", "libraries"),
        ("widens", "keeps_width"),
    ],
)
def test_laws_catch(fault: str, law: str) -> None:
    """The law itself fails, and so does the whole check, which names a law."""
    trial = Trial(Mutant(fault), Logistic(ridge=0.1), sample_federation(labels=True))
    with pytest.raises((AssertionError, RunError, DataError)):
        LAWS[law](trial)
    with pytest.raises(AssertionError, match="mutant, law '"):
        check_algorithm(Mutant(fault), Logistic(ridge=0.1), sample_federation(labels=True))
