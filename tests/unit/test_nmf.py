"""Non-negative factors: the coders against the optimality conditions, the surrogate against its formulas, refusals."""

from __future__ import annotations

from collections import UserList
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from fedmm.algorithms import MM, FedMM
from fedmm.errors import DataError, SpecError
from fedmm.federation import Federation, Samples
from fedmm.keys import Key
from fedmm.solve import solve
from fedmm.types import Batch, HasGradient
from problems import NMF, Quad
from problems.batches import rows
from problems.nonnegative_coding import divergence, encode_coordinate, encode_multiplicative

CODERS = (encode_multiplicative, encode_coordinate)


def instance(n: int = 20, p: int = 8, K: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Samples (n, p), some entries 0, and atoms (p, K)."""
    rng = np.random.default_rng(seed)
    W = rng.gamma(0.5, 1.0, (p, K)) + 1e-3
    return rng.poisson(2.0 * rng.gamma(0.5, 1.0, (n, K)) @ W.T + 0.1).astype(float), W


@pytest.mark.parametrize("l1", [0.0, 0.1, 1.0])
def test_coordinate_codes_meet_the_optimality_conditions(l1: float) -> None:
    Z, W = instance()
    Z[3] = 0.0
    H = encode_coordinate(Z, W, l1, 300, np.ones((20, 3)))
    slope = W.sum(axis=0) + l1 - (Z / np.maximum(H @ W.T, 1e-30)) @ W
    assert (H >= 0).all()
    assert np.abs(H * slope).max() < 1e-9
    assert (slope >= -1e-7).all()
    assert (H < 1e-12).any()
    assert (H > 0.1).any()


@pytest.mark.parametrize("coder", CODERS)
def test_codes_never_get_worse(coder: Any) -> None:
    Z, W = instance()
    for scale in (1e-3, 1.0, 1e3):  # from far left and far right of the minimiser
        H = np.full((20, 3), scale)
        values = [divergence(Z, W, coder(Z, W, 0.1, k, H), 0.1) for k in range(12)]
        for before, after in pairwise(values):
            assert np.all(after <= before + 1e-9 * (1.0 + np.abs(before)))


def test_coders_agree_and_the_coordinate_one_is_faster() -> None:
    Z, W = instance()
    ones = np.ones((20, 3))
    exact = divergence(Z, W, encode_coordinate(Z, W, 0.1, 500, ones), 0.1)
    slow = divergence(Z, W, encode_multiplicative(Z, W, 0.1, 20000, ones), 0.1)
    np.testing.assert_allclose(slow, exact, atol=1e-5)
    errors = [(divergence(Z, W, coder(Z, W, 0.1, 20, ones), 0.1) - exact).max() for coder in CODERS]
    assert 0 <= errors[1] + 1e-12 < 1e-2 * errors[0]


@pytest.mark.parametrize("coder", CODERS)
@pytest.mark.parametrize("start", [1e-2, 1.0, 1e3])
def test_one_atom_has_its_code_after_one_step(coder: Any, start: float) -> None:
    Z, W = instance(K=1)
    want = Z.sum(axis=1, keepdims=True) / (W.sum() + 0.3)
    np.testing.assert_allclose(coder(Z, W, 0.3, 1, np.full((20, 1), start)), want, rtol=1e-12)


@pytest.mark.parametrize("coder", CODERS)
def test_coders_treat_every_sample_and_client_alone(coder: Any) -> None:
    Z, W = instance()
    H = coder(Z, W, 0.1, 7, np.ones((20, 3)))
    for j in (0, 11):
        np.testing.assert_allclose(coder(Z[j : j + 1], W, 0.1, 7, np.ones((1, 3))), H[j : j + 1], rtol=1e-10)
    both = coder(Z, np.stack([W, 2.0 * W]), 0.1, 7, np.ones((20, 3)))
    np.testing.assert_allclose(both[0], H, rtol=1e-12)
    np.testing.assert_allclose(both[1], coder(Z, 2.0 * W, 0.1, 7, np.ones((20, 3))), rtol=1e-12)


def test_statistic_and_minimiser_are_those_of_the_formulas() -> None:
    Z, W = instance()
    problem = NMF(3, shape=0.2, rate=0.4, iterations=5)
    s, H = problem.statistic(Samples(Z), W.ravel())
    s1 = sum(W * np.outer(z / (W @ h), h) for z, h in zip(Z, H, strict=True)) / len(Z)
    np.testing.assert_allclose(s, np.concatenate([s1.ravel(), H.mean(axis=0)]), rtol=1e-12)
    want = (s1 + 0.2) / (H.mean(axis=0) + 0.4)
    np.testing.assert_allclose(problem.minimize(s), want.ravel(), rtol=1e-12)
    np.testing.assert_array_equal(problem.transform(W.ravel(), Z), H)


def test_value_is_the_divergence_of_the_samples() -> None:
    from scipy.special import kl_div

    Z, W = instance()
    H = NMF(3).transform(W.ravel(), Z)
    want = kl_div(Z, H @ W.T).sum(axis=1).mean() + 0.1 * H.sum(axis=1).mean()
    assert float(NMF(3).value(Samples(Z), W.ravel())) == pytest.approx(want, rel=1e-13)


def test_inexact_codes_still_majorise() -> None:
    Z, W = instance()
    rough, exact = NMF(3, iterations=2), NMF(3, codes="coordinate", iterations=300)
    rng, data = np.random.default_rng(2), Samples(Z)
    for scale in (0.01, 0.1, 1.0):
        theta = (W * np.exp(scale * rng.standard_normal(W.shape))).ravel()
        assert exact.value(data, theta) < rough.majorizer(data, theta, W.ravel())
    assert rough.value(data, W.ravel()) == pytest.approx(rough.majorizer(data, W.ravel(), W.ravel()), rel=1e-14)


def test_majorizer_is_infinite_where_an_atom_loses_what_it_explains() -> None:
    Z, W = instance()
    gone = W.copy()
    gone[0, 0] = 0.0
    problem = NMF(3, shape=0.0)
    assert float(problem.majorizer(Samples(Z), gone.ravel(), W.ravel())) == np.inf
    assert np.isfinite(float(problem.majorizer(Samples(Z), gone.ravel(), gone.ravel())))


def test_domain() -> None:
    theta = np.array([0.0, 1.0, -2.0, 3.0])
    assert float(NMF(2, shape=0.0).penalty(theta)) == np.inf
    assert float(NMF(2, shape=0.0).penalty(np.abs(theta))) == pytest.approx(0.6)
    assert float(NMF(2).penalty(np.abs(theta))) == np.inf  # log 0
    np.testing.assert_array_equal(NMF(2, shape=0.0).restrict(theta), [0, 1, 0, 3])
    assert np.isfinite(float(NMF(2).penalty(NMF(2).restrict(theta))))


def test_features_that_are_always_zero_keep_positive_atoms() -> None:
    Z, _ = instance()
    Z[:, 2] = 0.0
    result = solve(NMF(3, shape=0.01), Federation([Samples(Z)]), MM(), rounds=50)
    W = np.asarray(result.theta).reshape(8, 3)
    assert (W > 0).all()
    assert W[2].max() < 0.1 * W.max()


def test_a_batch_renews_only_its_own_codes() -> None:
    Z, W = instance()
    problem, batch = NMF(3, iterations=50), Batch(7, Key(0, 3, 1))
    drawn = rows(batch, len(Z))
    known = np.random.default_rng(3).uniform(size=(len(Z), 3))
    _, codes = problem.statistic(Samples(Z), W.ravel(), batch, known)
    others = np.setdiff1d(np.arange(len(Z)), drawn)
    np.testing.assert_array_equal(codes[others], known[others])
    np.testing.assert_allclose(codes[drawn], encode_multiplicative(Z[drawn], W, 0.1, 50, known[drawn]), rtol=1e-12)


@pytest.mark.parametrize("method", [MM(), FedMM(step=0.5)])
def test_descends_on_unlike_clients_with_few_warm_iterations(method: Any) -> None:
    clients = [Samples(instance(40, 8, 3, seed)[0]) for seed in range(3)]
    problem = NMF(3, codes="coordinate", iterations=100, warm_iterations=1)
    result = solve(problem, Federation(clients, (0.5, 0.3, 0.2)), method, rounds=30)
    objectives = np.asarray(result.trace.to_pandas()["objective"])
    assert np.all(np.diff(objectives) <= 1e-9)
    assert objectives[-1] < 0.8 * objectives[0]


def test_start_is_public() -> None:
    Z, _ = instance()
    starts = [NMF(3).start(Federation([Samples(scale * Z)])) for scale in (1.0, 5.0)]
    np.testing.assert_array_equal(*starts)
    assert (starts[0] > 0).all()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"components": 0}, "components >= 1"),
        ({"l1": -0.1}, "nmf.l1 >= 0"),
        ({"shape": float("inf")}, "nmf.shape >= 0"),
        ({"rate": 0.0}, "nmf.rate > 0"),
        ({"codes": "exact"}, "nmf.codes"),
        ({"iterations": 0}, "iterations >= 1"),
        ({"warm_iterations": 0}, "warm_iterations >= 1"),
    ],
)
def test_wrong_parameters_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        NMF(**fields)


def test_wrong_data_are_refused() -> None:
    Z, W = instance()
    for data, message in (
        (Samples(csr_array(Z)), "client 0, got a sparse one"),
        (Quad(np.eye(6), np.ones(6)), "client 0, got Quad"),
        (Samples(Z - 1.0), "expects X >= 0 for client 0, its least entry is -1;"),
    ):
        with pytest.raises(DataError, match=message):
            NMF(3).settle(Federation(UserList([data]), check=False), ())
    for theta, message in ((W.ravel()[:-1], r"p \* 3\), got \(23,\)"), (0.0 * W.ravel(), "theta > 0, got 0")):
        with pytest.raises(ValueError, match=message):
            NMF(3).lift(theta)
    assert HasGradient not in NMF(3).oracles
