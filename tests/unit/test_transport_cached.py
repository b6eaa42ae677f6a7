"""The kept law of the plan changes the time of a round of transport, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp

from fedmm.algorithms import MM, FedMM
from fedmm.executors import Batched, InProcess
from fedmm.federation import Federation, Samples
from fedmm.keys import Key
from fedmm.participation import Bernoulli
from fedmm.solve import solve
from fedmm.types import Batch
from problems import Transport
from problems.transport import DRIFT, Law


def instance(m: int = 6, sizes: tuple[int, ...] = (5, 8, 6, 8)) -> Federation:
    """Clients around different centres, some of equal size, and m public atoms of unequal masses."""
    rng = np.random.default_rng(0)
    clients = [Samples(rng.standard_normal((n, 2)) + 0.5 * i) for i, n in enumerate(sizes)]
    return Federation(clients, "samples", public={"atoms": rng.standard_normal((m, 2)), "masses": rng.dirichlet(np.full(m, 2.0))})


def solved(federation: Federation, epsilon: float, cached: bool, **options: Any) -> Any:
    options = {"algorithm": MM(), "rounds": 60, "metrics": (), **options}
    method = options.pop("algorithm")
    return solve(Transport(epsilon, cached=cached), federation, method, **options)


@pytest.mark.parametrize("epsilon", [0.05, 0.5])
@pytest.mark.parametrize("executor", [InProcess(), Batched()])
def test_iterates_are_the_same(epsilon: float, executor: Any) -> None:
    federation = instance()
    want = solved(federation, epsilon, cached=False).theta
    got = solved(federation, epsilon, cached=True, executor=executor).theta
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-11)
    assert np.ptp(want) > 0.1


@pytest.mark.parametrize("batch", [None, 3])
def test_fedmm_with_absent_clients_and_batches_is_the_same(batch: int | None) -> None:
    options = {"algorithm": FedMM(step=0.5, batch=batch), "participation": Bernoulli(0.5), "seed": 3}
    want, got = (solved(instance(), 0.5, cached, **options).theta for cached in (False, True))
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-10)


def test_the_law_is_kept_until_the_potential_has_drifted() -> None:
    federation = instance()
    problem = Transport(0.01, cached=True, reach=1.0).settle(federation, ())
    data, rng = federation[1], np.random.default_rng(1)
    theta = 0.1 * rng.standard_normal(6)
    _, first = problem.statistic(data, theta)
    assert first is not None
    np.testing.assert_allclose(first.P.sum(axis=1), 1.0, rtol=1e-12)
    for drift, kept in ((0.99, True), (1.01, False)):
        moved = theta + DRIFT * 0.01 * drift * np.array([1, -0.5, 0, 0.2, -1, 0.3])
        s, law = problem.statistic(data, moved, warm=first)
        assert law is not None
        assert (law is first) == kept
        np.testing.assert_allclose(law.b, theta if kept else moved)
        np.testing.assert_allclose(s, replace(problem, cached=False).statistic(data, moved)[0], rtol=1e-11)


@pytest.mark.parametrize("theta", [[0.0, 0.0, 2.0], [0.68, 0.0, 0.0]], ids=["overflow", "underflow"])
def test_numbers_below_the_normal_range_are_dropped_and_atoms_out_of_sight_are_not(theta: list[float]) -> None:
    """exp(b_j/eps) overflows, or every p_j underflows: the statistic needs its exponentials joined."""
    public = {"atoms": np.array([[0.0], [1.0], [1.4]]), "masses": np.array([0.5, 0.25, 0.25])}
    federation = Federation([Samples(np.linspace(0.8, 1.0, 40)[:, None])], public=public)
    plain, cached = (Transport(0.002, cached=c, reach=0.6).settle(federation, ()) for c in (False, True))
    data, at = federation[0], np.array(theta)
    s, law = cached.statistic(data, at)
    assert law is not None
    assert (law.P[:, np.argmax(at)] == 0).sum() > 20
    assert not ((law.P > 0) & (np.finfo(float).smallest_normal > law.P)).any()
    scores = data.X @ public["atoms"].T / 0.002 + np.log(public["masses"])
    want = np.log(np.mean(np.exp(scores - logsumexp(scores - at / 0.002, axis=1, keepdims=True)), axis=0))
    for got in (s, plain.statistic(data, at)[0]):
        np.testing.assert_allclose(np.log(got), want, rtol=1e-12, atol=1e-12)
    again = cached.statistic(data, at + 0.001, warm=law)[0]
    np.testing.assert_allclose(np.log(again), np.log(plain.statistic(data, at + 0.001)[0]), rtol=1e-12, atol=1e-12)


def test_batches_leave_the_law_alone_and_float32_stays() -> None:
    federation = instance()
    problem = Transport(0.5, cached=True).settle(federation, ())
    theta = np.zeros(6)
    _, law = problem.statistic(federation[1], theta)
    s, same = problem.statistic(federation[1], theta + 0.1, Batch(3, Key(0)), law)
    assert same is law
    np.testing.assert_array_equal(s, replace(problem, cached=False).statistic(federation[1], theta + 0.1, Batch(3, Key(0)))[0])
    small = federation.to(lambda x: x.astype(np.float32))
    problem = Transport(0.5, cached=True).settle(small, ())
    s, law = problem.statistic(small[1], theta.astype(np.float32))
    t, law = problem.statistic(small[1], np.full(6, 0.1, dtype=np.float32), warm=law)
    assert isinstance(law, Law)
    assert {x.dtype for x in (s, t, law.P, law.b)} == {np.dtype(np.float32)}
    assert Transport(0.5).settle(federation, ()).cold(federation[0]) is None
