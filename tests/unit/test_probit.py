"""Probit regression: extreme margins, the statistic is that of expectation-maximisation, facts, refusals, dense = sparse."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.sparse import csr_array
from scipy.stats import norm, truncnorm

from fedmm.errors import DataError, SpecError
from fedmm.federation import Federation, Samples
from fedmm.keys import Key
from fedmm.symmetric import pack
from fedmm.types import Batch, HasGradient, HasSurrogate
from problems import Box, Probit


def samples(n: int = 8, d: int = 3, seed: int = 5) -> Samples:
    rng = np.random.default_rng(seed)
    return Samples(rng.standard_normal((n, d)), np.where(rng.random(n) < 0.5, 1.0, -1.0))


@pytest.mark.parametrize("margin", [0.0, 1.0, -1.0, 40.0, -40.0, 1e4, -1e4])
def test_every_oracle_at_extreme_margins(margin: float) -> None:
    data, theta, problem = Samples(np.array([[1.0]]), np.array([1.0])), np.array([margin]), Probit()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value, gradient, hessian = (np.ravel(f(data, theta))[0] for f in (problem.value, problem.gradient, problem.hessian))
        s1, s2 = problem.statistic(data, theta)[0]
    assert value == pytest.approx(-norm.logcdf(margin), rel=1e-13)
    assert gradient == pytest.approx(-np.exp(norm.logpdf(margin) - norm.logcdf(margin)), rel=1e-7)  # as SciPy's difference is
    assert 0.0 <= hessian <= 1.0
    assert 0.0 <= s1 >= margin
    assert s2 == 1.0


def test_statistic_is_the_mean_latent_variable() -> None:
    """E[z given the sign of z], z normal around x' tau: by SciPy's truncated normal, and one by quadrature."""
    X, y = samples()
    tau = np.array([0.3, -1.0, 0.5])
    problem = Probit(ridge=0.2)
    score = X @ tau
    low, high = np.where(y > 0, -score, -np.inf), np.where(y > 0, np.inf, -score)
    latent = score + truncnorm.mean(low, high)
    first = quad(lambda z: z * norm.pdf(z - score[0]), *((0, np.inf) if y[0] > 0 else (-np.inf, 0)))[0]
    assert latent[0] == pytest.approx(first / norm.cdf(y[0] * score[0]), rel=1e-8)
    B = X.T @ X / len(y)
    stat = problem.statistic(Samples(X, y), tau)[0]
    np.testing.assert_allclose(stat, np.concatenate([latent @ X / len(y), pack(B)]), rtol=1e-9)
    slope = problem.gradient(Samples(X, y), tau) - 0.2 * tau  # of the loss alone
    np.testing.assert_allclose(stat[:3], B @ tau - slope, rtol=1e-12)  # and this is the quadratic bound's
    warm = problem.cold(Samples(X, y))
    kept, again = problem.statistic(Samples(X, y), tau, warm=warm)
    np.testing.assert_array_equal(kept, stat)  # what a client forms once is what it would form again
    assert again is warm
    batch = problem.statistic(Samples(X, y), tau, Batch(3, Key(0)), warm)[0]  # but a batch has a curvature of its own
    np.testing.assert_array_equal(batch, problem.statistic(Samples(X, y), tau, Batch(3, Key(0)))[0])
    np.testing.assert_allclose((B + 0.2 * np.eye(3)) @ problem.minimize(stat), stat[:3], rtol=1e-12)


@pytest.mark.parametrize("surrogate", ["em", "gradient"])
def test_sparse_equals_dense(surrogate: str) -> None:
    X, y = samples()
    X = X * (np.abs(X) > 0.5)
    dense, sparse = Samples(X, y), Samples(csr_array(X), y)
    problem = Probit(ridge=0.1, surrogate=surrogate, rho=0.3)  # type: ignore[arg-type]
    theta, at = np.array([0.3, -1.0, 0.5]), np.array([1.0, 0.0, 2.0])
    for batch in (None, Batch(3, Key(0))):
        np.testing.assert_allclose(problem.gradient(sparse, theta, batch), problem.gradient(dense, theta, batch), rtol=1e-13)
        pair = (problem.statistic(data, theta, batch)[0] for data in (sparse, dense))
        np.testing.assert_allclose(*pair, rtol=1e-13, atol=1e-15)
    for oracle in (problem.value, problem.hessian):
        np.testing.assert_allclose(oracle(sparse, theta), oracle(dense, theta), rtol=1e-13)
    np.testing.assert_allclose(problem.majorizer(sparse, theta, at), problem.majorizer(dense, theta, at), rtol=1e-13)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Probit(l1=0.1, g=Box()), r"probit has both l1=0\.1 and g="),
        (lambda: Probit(ridge=-1.0), r"probit\.ridge >= 0"),
        (lambda: Probit(surrogate="emm"), "Did you mean 'em'"),  # type: ignore[arg-type]
    ],
)
def test_bad_configurations_are_refused(make: Any, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        make()


def test_bad_data_are_refused() -> None:
    X, y = samples()
    with pytest.raises(DataError, match=r"got 0, 1 for client 1; use 2 \* y - 1"):
        Probit().settle(Federation([Samples(X, y), Samples(X, 0.5 * (y + 1.0))]), (HasGradient,))
    deficient = Federation([Samples(np.column_stack([X, X[:, 0]]), y)])
    with pytest.raises(SpecError, match="'em' and ridge 0 needs features of full rank, got rank 3 of 4"):
        Probit().settle(deficient, (HasSurrogate,))
    assert Probit().settle(deficient, (HasGradient,)) == Probit()
    with pytest.raises(np.linalg.LinAlgError, match=r"em surrogate.*add a ridge"):
        Probit().minimize(np.concatenate([np.ones(3), np.zeros(6)]))


def test_facts() -> None:
    data = Federation([samples(seed=1), samples(n=5, seed=2)], "samples")
    facts = Probit(ridge=0.1).facts(data)
    assert facts.smoothness == pytest.approx(max(np.linalg.norm(X, 2) ** 2 / len(y) for X, y in data) + 0.1, rel=1e-13)
    cubes = max(np.mean(np.linalg.norm(X, axis=1) ** 3) for X, _ in data)
    assert facts.hessian_lipschitz == pytest.approx(0.2958 * cubes, rel=1e-13)
    assert facts.oracle_variance is facts.v_min is None
    assert "grows with theta" in facts.notes["oracle_variance"]
    given = Probit(surrogate="gradient", rho=0.01).facts(data)
    assert given.v_min == pytest.approx(100.0)


def test_predictions() -> None:
    theta, X = np.array([2.0, 0.0]), np.array([[1.0, 5.0], [-1.0, 0.0], [0.0, 3.0]])
    np.testing.assert_array_equal(Probit().predict(theta, X), [1.0, -1.0, 1.0])
    np.testing.assert_allclose(Probit().predict_proba(theta, X), norm.cdf([2.0, -2.0, 0.0]), rtol=1e-14)
