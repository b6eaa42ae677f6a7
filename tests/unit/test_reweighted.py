"""Huber and robust regression: the losses by their definitions, the tables' statistics, facts, refusals, dense = sparse."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_array
from scipy.special import huber, pseudo_huber

from fedmm.errors import DataError, SpecError
from fedmm.federation import Federation, Samples
from fedmm.keys import Key
from fedmm.symmetric import pack
from fedmm.types import Batch, HasGradient, HasHessian, HasSurrogate
from problems import Box, GroupLasso, Huber, Robust


def samples(n: int = 9, d: int = 3, seed: int = 5) -> Samples:
    rng = np.random.default_rng(seed)
    return Samples(rng.standard_normal((n, d)), 3.0 * rng.standard_normal(n))


def test_losses_are_those_of_scipy() -> None:
    X, y = samples()
    theta = np.array([0.3, -1.0, 0.5])
    r, ridge = y - X @ theta, 0.1 * theta @ theta
    assert 0 < np.sum(np.abs(r) > 1.5) < len(r)
    assert Huber(delta=1.5, ridge=0.2).value(Samples(X, y), theta) == pytest.approx(huber(1.5, r).mean() + ridge, rel=1e-14)
    pseudo = pseudo_huber(0.5**0.5, r) / 0.5**0.5 + 0.5**0.5  # sqrt(r^2 + eps) is this with delta = sqrt(eps)
    assert Robust(epsilon=0.5, ridge=0.2).value(Samples(X, y), theta) == pytest.approx(pseudo.mean() + ridge, rel=1e-14)


@pytest.mark.parametrize("residual", [0.0, 1.0, -1.0, 1e-200, -1e8, 1e100])
@pytest.mark.parametrize("problem", [Huber(delta=1.0), Robust(epsilon=1.0)])
def test_extreme_residuals(problem: Any, residual: float) -> None:
    data, theta = Samples(np.array([[1.0]]), np.array([residual])), np.zeros(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value, slope = problem.value(data, theta), problem.gradient(data, theta)[0]
        s1, s2 = problem.statistic(data, theta)[0]
    robust = isinstance(problem, Robust)
    weight = 1.0 / np.hypot(residual, 1.0) if robust else min(1.0, 1.0 / max(abs(residual), 1e-300))
    assert value == pytest.approx(np.hypot(residual, 1.0) if robust else huber(1.0, residual), rel=1e-15)
    assert slope == pytest.approx(-weight * residual, rel=1e-15, abs=1e-300)
    assert (s1, s2) == pytest.approx((weight * residual, 0.5 * weight), rel=1e-15)


@pytest.mark.parametrize("problem", [Huber(delta=1.5, ridge=0.2), Robust(epsilon=0.3, ridge=0.2)])
def test_statistic_is_the_tables(problem: Any) -> None:
    X, y = samples()
    tau = np.array([0.3, -1.0, 0.5])
    r = y - X @ tau
    w = 1.0 / np.sqrt(r**2 + 0.3) if problem.name == "robust" else np.minimum(1.0, 1.5 / np.abs(r))
    s1 = (w * y) @ X / len(y)
    s2 = (w * X.T) @ X / (2 * len(y))
    stat = problem.statistic(Samples(X, y), tau)[0]
    np.testing.assert_allclose(stat, np.concatenate([s1, pack(s2)]), rtol=1e-13)
    weighted = np.linalg.lstsq(  # one step is one weighted ridge regression
        np.vstack([np.sqrt(w)[:, None] * X, np.sqrt(0.2 * len(y)) * np.eye(3)]), np.concatenate([np.sqrt(w) * y, np.zeros(3)])
    )[0]
    np.testing.assert_allclose(problem.minimize(stat), weighted, rtol=1e-12)


@pytest.mark.parametrize("surrogate", ["irls", "gradient"])
@pytest.mark.parametrize("cls", [Huber, Robust])
def test_sparse_equals_dense(cls: Any, surrogate: str) -> None:
    X, y = samples()
    X = X * (np.abs(X) > 0.5)
    dense, sparse = Samples(X, y), Samples(csr_array(X), y)
    problem = cls(ridge=0.1, surrogate=surrogate, rho=0.05)
    theta, at = np.array([0.3, -1.0, 0.5]), np.array([1.0, 0.0, 2.0])
    for batch in (None, Batch(3, Key(0))):
        np.testing.assert_allclose(problem.gradient(sparse, theta, batch), problem.gradient(dense, theta, batch), rtol=1e-13)
        pair = (problem.statistic(data, theta, batch)[0] for data in (sparse, dense))
        np.testing.assert_allclose(*pair, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(problem.value(sparse, theta), problem.value(dense, theta), rtol=1e-13)
    np.testing.assert_allclose(problem.majorizer(sparse, theta, at), problem.majorizer(dense, theta, at), rtol=1e-13)
    if cls is Robust:
        np.testing.assert_allclose(problem.hessian(sparse, theta), problem.hessian(dense, theta), rtol=1e-13)


def test_huber_has_no_hessian() -> None:
    assert HasHessian not in Huber().oracles
    assert HasHessian in Robust().oracles


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Huber(delta=0.0), r"huber\.delta > 0 and finite, got 0\.0"),
        (lambda: Huber(delta=float("inf")), r"huber\.delta > 0"),
        (lambda: Huber(l1=0.1, g=Box()), r"huber has both l1=0\.1 and g="),
        (lambda: Huber(tolerance=0.0), r"huber\.tolerance"),
        (lambda: Huber(ridge=-1.0), r"huber\.ridge >= 0"),
        (lambda: Huber(surrogate="irsl"), "Did you mean 'irls'"),  # type: ignore[arg-type]
        (lambda: Robust(epsilon=0.0), r"robust\.epsilon > 0 and finite, got 0\.0"),
        (lambda: Robust(epsilon=float("nan")), r"robust\.epsilon > 0"),
        (lambda: Robust(l1=0.1, g=Box()), r"robust has both l1=0\.1 and g="),
        (lambda: Robust(rho=0.0), r"robust\.rho > 0"),
    ],
)
def test_bad_configurations_are_refused(make: Any, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        make()


@pytest.mark.parametrize("cls", [Huber, Robust])
def test_bad_data_are_refused(cls: Any) -> None:
    X, y = samples()
    with pytest.raises(DataError, match="Samples without y; give both"):
        cls().settle(Federation([Samples(X)]), (HasGradient,))
    deficient = Federation([Samples(np.column_stack([X, X[:, 0]]), y)])
    with pytest.raises(SpecError, match="'irls' and ridge 0 needs features of full rank, got rank 3 of 4"):
        cls().settle(deficient, (HasSurrogate,))
    assert cls().settle(deficient, (HasGradient,)) == cls()
    with pytest.raises(SpecError, match="got length 3; choose a divisor"):
        cls(g=GroupLasso(0.1, 2)).settle(Federation([Samples(X, y)]), (HasGradient,))
    assert cls(ridge=0.1).settle(deficient, (HasSurrogate,)) == cls(ridge=0.1)
    with pytest.raises(np.linalg.LinAlgError, match=r"irls.*add a ridge"):
        cls().minimize(np.concatenate([np.ones(3), np.zeros(6)]))
    with pytest.raises(ValueError, match="length 4"):
        cls().minimize(np.ones(4))


def test_facts() -> None:
    data = Federation([samples(seed=1), samples(n=5, seed=2)], "samples")
    gram = [np.linalg.norm(X, 2) ** 2 / len(y) for X, y in data]
    norms = [np.linalg.norm(X, axis=1) for X, _ in data]
    facts = Huber(delta=2.0, ridge=0.1).facts(data)
    assert facts.smoothness == pytest.approx(max(gram) + 0.1, rel=1e-13)
    assert facts.hessian_lipschitz is None
    want = [np.mean(y**2 * r**2 + r**4 / 4) for (_, y), r in zip(data, norms, strict=True)]
    assert facts.oracle_variance == pytest.approx(want, rel=1e-13)
    assert (facts.lower_bound, facts.strong_convexity, facts.unconstrained) == (0.0, 0.1, False)

    by_gradient = Huber(delta=2.0, surrogate="gradient").facts(data)
    assert by_gradient.v_min == by_gradient.v_max == pytest.approx(max(gram), rel=1e-13)
    want = [4.0 * np.mean(r**2) / max(gram) ** 2 for r in norms]
    assert by_gradient.oracle_variance == pytest.approx(want, rel=1e-13)

    robust = Robust(epsilon=0.25).facts(data)
    assert robust.smoothness == pytest.approx(2.0 * max(gram), rel=1e-13)
    assert robust.lower_bound == 0.5
    steepest = minimize_scalar(lambda r: -3 * 0.25 * r * (r * r + 0.25) ** -2.5, bounds=(0.0, 2.0), options={"xatol": 1e-10})
    jerk = -steepest.fun  # sup |l'''|, found by search
    assert robust.hessian_lipschitz == pytest.approx(jerk * max(np.mean(r**3) for r in norms), rel=1e-9)


def test_predictions() -> None:
    for cls in (Huber, Robust):
        assert cls().predict(np.array([1.0, 2.0]), np.array([[3.0, 4.0]])) == 11.0
        with pytest.raises(DataError, match="of the width it was solved for"):
            cls().predict(np.ones(3), np.ones((2, 2)))
