"""Logistic regression: stable at extreme margins, labels checked, both surrogates, facts, dense = sparse."""

from __future__ import annotations

import warnings
from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy.sparse import csr_array

from fedmm.errors import DataError, SpecError
from fedmm.federation import Federation, Samples
from fedmm.keys import Key
from fedmm.symmetric import pack
from fedmm.types import Batch, HasGradient, HasSurrogate
from problems import Box, Logistic
from problems.jaakkola_jordan import lam


def samples(n: int = 8, d: int = 3, seed: int = 5) -> Samples:
    rng = np.random.default_rng(seed)
    return Samples(rng.standard_normal((n, d)), np.where(rng.random(n) < 0.5, 1.0, -1.0))


@pytest.mark.parametrize("margin", [0.0, 1.0, -1.0, 40.0, -40.0, 1e4, -1e4])
def test_value_gradient_and_hessian_at_extreme_margins(margin: float) -> None:
    data, theta = Samples(np.array([[1.0]]), np.array([1.0])), np.array([margin])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value, gradient, hessian = (f(data, theta) for f in (Logistic().value, Logistic().gradient, Logistic().hessian))
    with localcontext(prec=60):
        e = (-Decimal(margin)).exp()
        assert value == pytest.approx(float((1 + e).ln()), rel=1e-15, abs=1e-300)
        assert gradient[0] == pytest.approx(float(-e / (1 + e)), abs=2e-16)
        assert hessian[0] == pytest.approx(float(e / (1 + e) ** 2), abs=2e-16)


def test_lam_keeps_its_digits() -> None:
    assert lam(np.zeros(1))[0] == 0.125
    for c in (1e-300, 1e-12, 1e-6, 1e-4, 1e-2, 1.0, -1.0, 50.0):
        with localcontext(prec=400):
            e = Decimal(c).exp()
            want = (e - 1) / (e + 1) / (4 * Decimal(c))
        assert lam(np.array([c]))[0] == pytest.approx(float(want), rel=1e-14)


def test_jaakkola_jordan_statistic_is_the_tables() -> None:
    data, tau = samples(), np.array([0.3, -1.0, 0.5])
    stat = Logistic(ridge=0.2, surrogate="jaakkola-jordan").statistic(data, tau)[0]
    c = np.abs(data.X @ tau)
    lam = np.tanh(c / 2) / (4 * c)
    s1 = (data.y[:, None] * data.X / 2).mean(axis=0)
    s2 = sum(l * np.outer(x, x) for l, x in zip(lam, data.X, strict=True)) / len(c)
    np.testing.assert_allclose(stat, np.concatenate([s1, pack(s2)]), rtol=1e-13)
    T = Logistic(ridge=0.2, surrogate="jaakkola-jordan").minimize(stat)
    np.testing.assert_allclose((2 * s2 + 0.2 * np.eye(3)) @ T, s1, rtol=1e-12)


@pytest.mark.parametrize("surrogate", ["gradient", "jaakkola-jordan"])
def test_sparse_equals_dense(surrogate: str) -> None:
    X, y = samples()
    X = X * (np.abs(X) > 0.5)
    dense, sparse = Samples(X, y), Samples(csr_array(X), y)
    problem = Logistic(ridge=0.1, surrogate=surrogate, rho=0.3)  # type: ignore[arg-type]
    theta, at = np.array([0.3, -1.0, 0.5]), np.array([1.0, 0.0, 2.0])
    for batch in (None, Batch(3, Key(0))):
        np.testing.assert_allclose(problem.gradient(sparse, theta, batch), problem.gradient(dense, theta, batch), rtol=1e-13)
        pair = (problem.statistic(data, theta, batch)[0] for data in (sparse, dense))
        np.testing.assert_allclose(*pair, rtol=1e-13)
    for oracle in (problem.value, problem.hessian):
        np.testing.assert_allclose(oracle(sparse, theta), oracle(dense, theta), rtol=1e-13)
    np.testing.assert_allclose(problem.majorizer(sparse, theta, at), problem.majorizer(dense, theta, at), rtol=1e-13)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([0.0, 1.0, 1.0], r"got 0, 1 for client 1; use 2 \* y - 1"),
        ([1.0, 2.0, 2.0], "got 1, 2 for client 1; map one class"),
        ([1.0, -1.0, 0.5], "got -1, 0.5, 1 for client 1"),
    ],
)
def test_labels_are_checked(labels: list[float], words: str) -> None:
    clients = [samples(), Samples(np.ones((3, 3)), np.array(labels))]
    with pytest.raises(DataError, match=words):
        Logistic().settle(Federation(clients), (HasGradient,))


def test_bad_configurations_are_refused() -> None:
    with pytest.raises(SpecError, match="Did you mean 'jaakkola-jordan'"):
        Logistic(surrogate="jaakkola")  # type: ignore[arg-type]
    with pytest.raises(SpecError, match=r"has both l1=0\.1 and g=box"):
        Logistic(l1=0.1, g=Box())
    with pytest.raises(SpecError, match=r"logistic\.tolerance in \(0, 1\)"):
        Logistic(tolerance=0.0)
    with pytest.raises(SpecError, match=r"logistic\.ridge >= 0"):
        Logistic(ridge=-1.0)
    with pytest.raises(ValueError, match="length 4"):
        Logistic(surrogate="jaakkola-jordan").minimize(np.ones(4))


def test_jaakkola_jordan_without_ridge_needs_full_rank() -> None:
    X, y = samples()
    deficient = Federation([Samples(np.column_stack([X, X[:, 0]]), y)])
    problem = Logistic(surrogate="jaakkola-jordan")
    with pytest.raises(SpecError, match="rank 3 of 4"):
        problem.settle(deficient, (HasSurrogate,))
    assert problem.settle(deficient, (HasGradient,)) == problem
    assert problem.settle(Federation([Samples(X, y)]), (HasSurrogate,)) == problem
    with pytest.raises(np.linalg.LinAlgError, match=r"jaakkola-jordan.*add a ridge"):
        problem.minimize(np.concatenate([np.ones(3), np.zeros(6)]))


def test_facts() -> None:
    data = Federation([samples(seed=1), samples(n=5, seed=2)], "samples")
    facts = Logistic(ridge=0.1).facts(data)
    L = [np.linalg.norm(X, 2) ** 2 / (4 * len(y)) + 0.1 for X, y in data]
    norms = [np.linalg.norm(X, axis=1) for X, _ in data]
    assert facts.smoothness == pytest.approx(max(L), rel=1e-13)
    assert facts.v_min == facts.v_max == pytest.approx(max(L), rel=1e-13)
    assert facts.field_lipschitz == pytest.approx([one / max(L) for one in L], rel=1e-13)
    assert facts.oracle_variance == pytest.approx([np.mean(r**2) / max(L) ** 2 for r in norms], rel=1e-13)
    assert facts.hessian_lipschitz == pytest.approx(max(np.mean(r**3) for r in norms) / (6 * np.sqrt(3)), rel=1e-13)
    assert facts.strong_convexity == 0.1
    given = Logistic(rho=0.01).facts(data)
    assert given.v_min == pytest.approx(100.0)
    curved = Logistic(ridge=0.1, surrogate="jaakkola-jordan").facts(data)
    assert curved.v_min is curved.field_lipschitz is None
    assert curved.unconstrained is False
    assert "jaakkola-jordan" in curved.notes["v_min"]


def test_predictions() -> None:
    theta, X = np.array([2.0, 0.0]), np.array([[1.0, 5.0], [-1.0, 0.0], [0.0, 3.0]])
    problem = Logistic()
    np.testing.assert_array_equal(problem.predict(theta, X), [1.0, -1.0, 1.0])
    np.testing.assert_allclose(problem.predict_proba(theta, X), 1 / (1 + np.exp([-2.0, 2.0, 0.0])), rtol=1e-14)


@pytest.mark.parametrize("surrogate", ["jaakkola-jordan", "boehning"])
def test_a_curvature_singular_to_rounding_is_refused(surrogate: str) -> None:
    """Without a ridge features in a hyperplane are refused, also where rounding lets Cholesky through: of these 20, some."""
    problem = Logistic(surrogate=surrogate)
    rng = np.random.default_rng(0)
    for _ in range(20):
        X = rng.standard_normal((10, 3)) @ rng.standard_normal((3, 4))
        stat = np.concatenate([X.mean(axis=0), pack(X.T @ X / 10)])
        for given in (stat, np.stack([stat, stat])):
            with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
                problem.minimize(given)
