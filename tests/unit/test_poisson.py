"""Poisson regression: closed forms, the domain, zero counts, columns and rows, facts, refusals, dense = sparse."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import xlogy
from scipy.stats import poisson

from fedmm import MM, FedMM, FedPM, solve
from fedmm.errors import DataError, SpecError
from fedmm.federation import Federation, Samples
from fedmm.keys import Key
from fedmm.types import Batch, HasGradient, HasSurrogate
from problems import Poisson


def samples(n: int = 9, seed: int = 5, signed: bool = False) -> Samples:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 3)) if signed else rng.exponential(size=(n, 3)) * (rng.random((n, 3)) < 0.8) + 0.01
    return Samples(X, rng.poisson(np.abs(X) @ np.array([1.0, 2.0, 0.5])).astype(float))


@pytest.mark.parametrize("link", ["identity", "log"])
def test_value_is_the_likelihood(link: Any) -> None:
    """The deviance from the saturated model, in which the logarithms of the factorials cancel."""
    X, y = samples()
    theta = np.array([0.3, 1.0, 0.5])
    rate = X @ theta if link == "identity" else np.exp(X @ theta)
    saturated = np.where(y > 0, y, 1e-300)
    deviance = np.mean(poisson.logpmf(y, saturated) - poisson.logpmf(y, rate))
    value = Poisson(link).value(Samples(X, y), theta) - np.mean(y - xlogy(y, y))
    assert value == pytest.approx(deviance, rel=1e-12)


def test_one_step_is_multiplicative() -> None:
    """theta_k <- theta_k (sum_j y_j x_jk / rate_j) / sum_j x_jk, over all clients."""
    clients = [samples(seed=1), samples(6, seed=2)]
    data = Federation(clients, "samples")
    X, y = (np.concatenate(parts) for parts in zip(*clients, strict=True))
    theta = np.array([1.0, 0.5, 2.0])
    want = theta * (X.T @ (y / (X @ theta))) / X.sum(axis=0)
    result = solve(Poisson(), data, MM(), theta, rounds=1, progress=False)
    np.testing.assert_allclose(result.theta, want, rtol=1e-13)
    # Every full step keeps the fitted total equal to the counted one.
    assert np.sum(X @ np.asarray(result.theta)) == pytest.approx(y.sum(), rel=1e-13)


def test_ridge_solves_the_quadratic_equation() -> None:
    problem, s = Poisson(ridge=0.4, l1=0.3), np.array([2.0, 0.0, 1e-8, 1.0, 0.5, 3.0])
    theta = problem.minimize(s)
    np.testing.assert_allclose(0.4 * theta[[0, 2]] ** 2 + (s[[3, 5]] + 0.3) * theta[[0, 2]], s[[0, 2]], rtol=1e-14)
    assert theta[1] == problem.lower


def test_zeros_are_treated() -> None:
    """Zero counts, a column of zeros, a row of zeros, a feature that no count needs: no warning, and the right limit."""
    X = np.array([[1.0, 0.0, 0.0], [2.0, 0.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 2.0]])
    data = Federation([Samples(X, np.array([3.0, 5.0, 0.0, 0.0]))])
    problem = Poisson()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = solve(problem, data, MM(), rounds=2000, progress=False)
        facts = problem.facts(data)
    theta = np.asarray(result.theta)
    # Column 1 is unknown, and column 2 only adds to rates that are too large: both at the lower end; then theta_0 = 8/4.
    np.testing.assert_allclose(theta, [2.0, problem.lower, problem.lower], rtol=1e-8)
    assert result.objective == pytest.approx((8.0 - 3 * np.log(2.0) - 5 * np.log(4.0)) / 4.0, rel=1e-8)
    assert facts.lower_bound == pytest.approx((8.0 - 3 * np.log(3.0) - 5 * np.log(5.0)) / 4.0)
    nothing = Federation([Samples(X, np.zeros(4))])
    assert np.all(np.asarray(solve(problem, nothing, MM(), rounds=1, progress=False).theta) == problem.lower)


def test_the_domain() -> None:
    problem, X = Poisson(l1=0.5, lower=0.1), np.ones((1, 2))
    assert problem.penalty(np.array([1.0, 0.1])) == pytest.approx(0.55)
    assert problem.penalty(np.array([1.0, 0.09])) == np.inf
    np.testing.assert_array_equal(problem.restrict(np.array([-1.0, 2.0])), [0.1, 2.0])
    assert problem.value(Samples(X, np.ones(1)), np.array([-1.0, 0.5])) == np.inf
    box = Poisson("log", radius=0.5)
    assert box.penalty(np.array([0.5, -0.6])) == np.inf
    np.testing.assert_array_equal(box.restrict(np.array([-1.0, 0.2])), [-0.5, 0.2])
    np.testing.assert_array_equal(problem.project(np.array([-1.0, 2.0, 3.0, -4.0])), [0.0, 2.0, 3.0, 0.0])
    np.testing.assert_array_equal(box.project(np.array([-1.0, 2.0])), [-1.0, 2.0])
    for one in (problem, box):
        with pytest.raises(ValueError, match="for every coordinate of theta"):
            one.lift(np.array([0.05, 0.7]))
    with pytest.raises(DataError, match=r"outside it; use problem\.restrict"):
        solve(problem, Federation([samples()]), MM(), np.zeros(3), rounds=1)


def test_noise_does_not_trap_a_coordinate() -> None:
    """From `lower` everywhere, as after a step that lost all counts, the iterates come back."""
    data = Federation([samples(40), samples(30, seed=7)])
    low, usual = (solve(Poisson(), data, MM(), t, rounds=500, progress=False) for t in (np.full(3, 1e-9), np.ones(3)))
    np.testing.assert_allclose(low.theta, usual.theta, rtol=1e-9)


def test_an_infinite_step_is_refused() -> None:
    with pytest.raises(ArithmeticError, match="a feature whose mean is 0"):
        Poisson().minimize(np.array([1.0, 2.0, 1.0, 0.0]))
    assert Poisson().minimize(np.array([1.0, 0.0, 1.0, 0.0]))[1] == 1e-9
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.all(np.isnan(Poisson().minimize(np.array([1.0, np.inf, 1.0, np.inf]))))
    with pytest.raises(ValueError, match="length 2d, got length 3"):
        Poisson().minimize(np.ones(3))


@pytest.mark.parametrize("problem", [Poisson(ridge=0.1), Poisson("log", radius=0.5, rho=0.1)])
def test_sparse_equals_dense(problem: Any) -> None:
    X, y = samples(signed=problem.link == "log")
    X = X * (np.abs(X) > 0.3)
    y = y * (np.abs(X).sum(axis=1) > 0)
    dense, sparse = Samples(X, y), Samples(csr_array(X), y)
    theta, at = np.array([0.3, 0.1, 0.5]), np.array([0.2, 0.4, 0.1])
    for batch in (None, Batch(3, Key(0))):
        np.testing.assert_allclose(problem.gradient(sparse, theta, batch), problem.gradient(dense, theta, batch), rtol=1e-13)
        pair = (problem.statistic(data, theta, batch)[0] for data in (sparse, dense))
        np.testing.assert_allclose(*pair, rtol=1e-13)
    for oracle in (problem.value, problem.hessian):
        np.testing.assert_allclose(oracle(sparse, theta), oracle(dense, theta), rtol=1e-13)
    np.testing.assert_allclose(problem.majorizer(sparse, theta, at), problem.majorizer(dense, theta, at), rtol=1e-13)
    facts = [problem.facts(Federation([data])) for data in (dense, sparse)]
    assert facts[0].smoothness == pytest.approx(facts[1].smoothness, rel=1e-12)


def test_the_log_link_without_a_box_has_no_surrogate() -> None:
    data, problem = Federation([samples(seed=i, signed=True) for i in range(3)]), Poisson("log", ridge=0.1)
    for method in (FedMM(), MM()):
        with pytest.raises(SpecError, match="exp has no quadratic majoriser that holds everywhere"):
            solve(problem, data, method, rounds=1)
    assert HasSurrogate not in problem.oracles
    assert HasSurrogate in Poisson("log", radius=1.0).oracles
    theta = np.asarray(solve(problem, data, FedPM(), rounds=8, progress=False).theta)
    slope = sum(problem.gradient(client, theta) for client in data) / 3
    assert np.linalg.norm(slope) < 1e-10
    assert problem.facts(data).smoothness is None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"lower": 0.0}, r"poisson\.lower > 0 and finite, got 0\.0; a multiplicative step never leaves 0"),
        ({"radius": 1.0}, r"poisson\.radius is for link='log' only, got 1\.0"),
        ({"rho": 1.0}, r"poisson\.rho is for link='log' only"),
        ({"link": "log", "lower": 0.1}, r"poisson\.lower is for link='identity' only, got 0\.1"),
        ({"link": "log", "radius": 0.0}, r"poisson\.radius > 0 and finite, got 0\.0"),
        ({"link": "logit"}, "Did you mean 'log'"),
        ({"ridge": -1.0}, r"poisson\.ridge >= 0"),
    ],
)
def test_bad_configurations_are_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        Poisson(**fields)


@pytest.mark.parametrize(
    ("problem", "X", "y", "words"),
    [
        (Poisson(), np.ones((2, 1)), [1.0, -2.0], "counts y >= 0, got -2 for client 0"),
        (Poisson("log"), np.ones((2, 1)), [1.0, -2.0], "counts y >= 0, got -2 for client 0"),
        (Poisson(), np.array([[1.0], [-0.5]]), [1.0, 2.0], "features >= 0, got -0.5 for client 0; use link='log'"),
        (Poisson(), csr_array([[1.0], [-0.5]]), [1.0, 2.0], "features >= 0, got -0.5"),
        (Poisson(), np.array([[1.0], [0.0]]), [1.0, 2.0], "row 1 of client 0 rate 0.*append a column of ones"),
        (Poisson("log", radius=100.0), 10 * np.ones((2, 1)), [1.0, 2.0], r"up to exp\(1000\) .*take radius <= 35\.5"),
    ],
)
def test_bad_data_are_refused(problem: Any, X: Any, y: list[float], words: str) -> None:
    with pytest.raises(DataError, match=words):
        problem.settle(Federation([Samples(X, np.array(y))]), (HasGradient,))


def test_counts_need_not_be_whole() -> None:
    X, y = samples()
    data = Federation([Samples(X, 0.5 * y)])
    half = solve(Poisson(), data, MM(), rounds=500, progress=False)
    whole = solve(Poisson(), Federation([Samples(X, y)]), MM(), rounds=500, progress=False)
    np.testing.assert_allclose(2 * np.asarray(half.theta), whole.theta, rtol=1e-6, atol=1e-8)  # rates scale with the counts


def test_facts() -> None:
    data = Federation([samples(seed=1), samples(6, seed=2)], "samples")
    tops, variances, jerks = [], [], []
    for X, y in data:
        rate = 0.2 * X.sum(axis=1)
        jerks.append(np.mean(2 * y * np.linalg.norm(X, axis=1) ** 3 / rate**3))
        tops.append(np.linalg.eigvalsh((X.T * (y / rate**2)) @ X / len(y))[-1])
        variances.append(np.mean(y**2 + np.sum(X**2, axis=1)))
    facts = Poisson(lower=0.2).facts(data)
    assert facts.smoothness == pytest.approx(max(tops), rel=1e-12)
    assert facts.oracle_variance == pytest.approx(variances, rel=1e-13)
    assert facts.hessian_lipschitz == pytest.approx(max(jerks), rel=1e-13)
    assert facts.unconstrained is False
    box = Poisson("log", ridge=0.1, radius=0.3).facts(data)
    tops = [np.linalg.eigvalsh((X.T * np.exp(0.3 * X.sum(axis=1))) @ X / len(y))[-1] + 0.1 for X, y in data]
    assert box.smoothness == pytest.approx(max(tops), rel=1e-12)
    cubes = [np.mean(np.exp(0.3 * X.sum(axis=1)) * np.linalg.norm(X, axis=1) ** 3) for X, _ in data]
    assert box.hessian_lipschitz == pytest.approx(max(cubes), rel=1e-13)
    assert box.unconstrained is True
    assert "clips to the box" in box.notes["v_min"]
    assert box.lower_bound == facts.lower_bound


def test_predictions() -> None:
    X = np.array([[1.0, 2.0]])
    assert Poisson().predict(np.array([3.0, 0.5]), X) == 4.0
    assert Poisson("log").predict(np.array([1.0, 0.5]), X) == pytest.approx(np.exp(2.0))
