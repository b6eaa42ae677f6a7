"""Multinomial logistic regression: two classes are the binary problem, labels are checked, sparse equals dense, T's cases."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from fedmm import MM, solve
from fedmm.errors import DataError, SpecError
from fedmm.federation import Federation, Samples
from fedmm.keys import Key
from fedmm.symmetric import pack, unpack
from fedmm.types import Batch, HasGradient, HasSurrogate
from problems import Box, ElasticNet, GroupLasso, Logistic, Multinomial

BOTH = (HasGradient, HasSurrogate)


def samples(n: int = 9, d: int = 3, classes: int = 3, seed: int = 5) -> Samples:
    rng = np.random.default_rng(seed)
    return Samples(rng.standard_normal((n, d)), (np.arange(n) % classes).astype(float))


def test_two_classes_are_the_binary_problem() -> None:
    """With Theta = (-theta/2, theta/2) the probability of class 1 is sigma(x' theta)."""
    X, y = samples(classes=2)
    theta, binary = np.array([0.3, -1.0, 0.5]), Samples(X, 2 * y - 1)
    both = np.stack([-theta / 2, theta / 2], axis=1).ravel()
    problem = Multinomial(2)
    assert problem.value(Samples(X, y), both) == pytest.approx(float(Logistic().value(binary, theta)), rel=1e-14)
    slopes = problem.gradient(Samples(X, y), both).reshape(3, 2)
    np.testing.assert_allclose(slopes[:, 1], Logistic().gradient(binary, theta), rtol=1e-13)
    np.testing.assert_allclose(slopes.sum(axis=1), 0, atol=1e-16)
    np.testing.assert_allclose(problem.predict_proba(both, X)[:, 1], Logistic().predict_proba(theta, X), rtol=1e-13)


def test_extreme_scores_do_not_overflow() -> None:
    data = Samples(np.array([[1.0]]), np.array([0.0]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for size in (1e4, -1e4):
            theta = np.array([size, 0.0, -size])
            assert Multinomial(3).value(data, theta) == pytest.approx(0.0 if size > 0 else 2e4)
            np.testing.assert_allclose(Multinomial(3).gradient(data, theta), [0, 0, 0] if size > 0 else [-1, 0, 1])


def test_boehning_statistic_is_the_tables() -> None:
    """S = (B tau - grad, B) with B = X'X/(2n) (x) C formed in full, and T solves (B + ridge I) theta = s1."""
    data, rng = samples(), np.random.default_rng(0)
    problem, plain = Multinomial(3, ridge=0.2, surrogate="boehning"), Multinomial(3)
    tau = rng.standard_normal(9)
    G, C = data.X.T @ data.X / 18, np.eye(3) - 1 / 3
    B = np.kron(G, C)
    s1 = B @ tau - plain.gradient(data, tau)
    stat = problem.statistic(data, tau)[0]
    np.testing.assert_allclose(stat, np.concatenate([s1, pack(G)]), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(problem.statistic(data, tau, warm=problem.cold(data))[0], stat, rtol=1e-15)
    np.testing.assert_allclose((B + 0.2 * np.eye(9)) @ problem.minimize(stat), s1, atol=1e-13)
    off = stat + np.concatenate([np.ones(9), np.zeros(6)])  # a statistic that is not centred
    np.testing.assert_allclose((B + 0.2 * np.eye(9)) @ problem.minimize(off), s1 + 1, atol=1e-13)
    np.testing.assert_allclose(problem.project(off), stat, atol=1e-13)
    least = Multinomial(3, surrogate="boehning").minimize(stat)
    np.testing.assert_allclose(least, np.linalg.lstsq(B, s1)[0], rtol=1e-10)
    assert np.linalg.eigvalsh(B - unpack(plain.hessian(data, tau)))[0] >= -1e-14


@pytest.mark.parametrize("fields", [{}, {"surrogate": "boehning"}], ids=str)
def test_sparse_equals_dense(fields: Any) -> None:
    X, y = samples()
    X = X * (np.abs(X) > 0.5)
    dense, sparse = Samples(X, y), Samples(csr_array(X), y)
    problem = Multinomial(3, ridge=0.1, rho=0.3, **fields)
    theta, at = np.random.default_rng(1).standard_normal((2, 9))
    for batch in (None, Batch(3, Key(0))):
        np.testing.assert_allclose(problem.gradient(sparse, theta, batch), problem.gradient(dense, theta, batch), rtol=1e-13)
        np.testing.assert_allclose(*(problem.statistic(data, theta, batch)[0] for data in (sparse, dense)), rtol=1e-12)
    for oracle in (problem.value, problem.hessian):
        np.testing.assert_allclose(oracle(sparse, theta), oracle(dense, theta), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(problem.majorizer(sparse, theta, at), problem.majorizer(dense, theta, at), rtol=1e-13)
    np.testing.assert_allclose(problem.predict_proba(theta, sparse.X), problem.predict_proba(theta, X), rtol=1e-13)


def test_classes_are_counted_and_labels_checked() -> None:
    data = Federation([samples(classes=2), samples(classes=4)])
    assert Multinomial().settle(data, BOTH).classes == 4
    assert Multinomial(6).settle(data, BOTH).start(data).shape == (18,)
    with pytest.raises(DataError, match=r"classes=3, labels 0 to 2, but client 1 has 3"):
        Multinomial(3).settle(data, BOTH)
    for label in (-1.0, 0.5):
        X, y = samples()
        with pytest.raises(DataError, match=rf"whole numbers, got {label:g} for client 0"):
            Multinomial().settle(Federation([Samples(X, np.where(y == 1, label, y))]), BOTH)
    X, y = samples()
    sparse = Federation([Samples(X, 1e9 * y)])  # a mistake: theta would have 6e9 coordinates
    with pytest.raises(DataError, match=r"largest label, 2e\+09 among 9 samples; renumber, or give classes"):
        Multinomial().settle(sparse, BOTH)
    assert Multinomial(50).settle(data, BOTH).classes == 50
    with pytest.raises(SpecError, match="classes is not known yet"):
        Multinomial().start(data)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Multinomial(1), "multinomial.classes >= 2, got 1"),
        (lambda: Multinomial(l1=0.1, g=Box()), r"both l1=0\.1 and g=box"),
        (lambda: Multinomial(tolerance=2.0), r"multinomial.tolerance in \(0, 1\), got 2"),
        (lambda: Multinomial(g=GroupLasso(1.0, 2)).settle(Federation([samples()]), BOTH), "size = 2, got length 9"),
        (lambda: Multinomial(l1=0.1, surrogate="boehning").settle(Federation([samples()]), BOTH), "l1 0.1 needs ridge > 0"),
        (lambda: Multinomial(surrogate="boehning").settle(Federation([samples(2)]), BOTH), "got rank 2 of 3"),
    ],
)
def test_bad_configurations_are_refused(make: Any, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        make()


def test_a_strongly_convex_penalty_makes_up_for_the_ridge() -> None:
    data = Federation([samples()])
    for g in (ElasticNet(0.0, 0.1), ElasticNet(0.05, 0.1)):
        with_g = Multinomial(g=g, surrogate="boehning", tolerance=1e-14).settle(data, BOTH)
        with_ridge = Multinomial(ridge=0.1, l1=g.l1, surrogate="boehning", tolerance=1e-14).settle(data, BOTH)
        s = with_g.statistic(data[0], np.ones(9) * 0.1)[0]
        np.testing.assert_allclose(with_g.minimize(s), with_ridge.minimize(s), atol=1e-12)
    with pytest.raises(np.linalg.LinAlgError, match="need not be unique"):
        Multinomial(3, l1=0.1, surrogate="boehning").minimize(s)
    with pytest.raises(ValueError, match="with K = 3, got length 10"):
        Multinomial(3, surrogate="boehning").minimize(np.ones(10))
    problem = Multinomial(3, ridge=0.1, surrogate="boehning")
    with pytest.raises(DataError, match="moves among centred theta"):
        problem.lift(np.ones(9))
    np.testing.assert_array_equal(problem.nil(np.ones((2, 9))), np.zeros((2, 15)))
    shifted = solve(problem, data, MM(), np.ones(9), rounds=3)  # MM lifts nothing: any start will do
    centred = solve(problem, data, MM(), np.zeros(9), rounds=3)
    np.testing.assert_allclose(shifted.theta, centred.theta, atol=1e-14)


def test_facts() -> None:
    data = Federation([samples(seed=1), samples(n=6, seed=2)], "samples")
    facts = Multinomial(ridge=0.1).facts(data)
    L = [np.linalg.norm(X, 2) ** 2 / (2 * len(y)) + 0.1 for X, y in data]
    norms = [np.linalg.norm(X, axis=1) for X, _ in data]
    assert facts.smoothness == pytest.approx(max(L), rel=1e-13)
    assert facts.oracle_variance == pytest.approx([2 * np.mean(r**2) / max(L) ** 2 for r in norms], rel=1e-13)
    assert facts.hessian_lipschitz == pytest.approx(max(np.mean((2**0.5 * r) ** 3) for r in norms) / (6 * 3**0.5))
    curved = Multinomial(ridge=0.1, surrogate="boehning").facts(data)
    assert curved.v_min is None
    assert curved.unconstrained is False


def test_the_hessian_bounds_are_attained() -> None:
    """Two classes with scores 0 have Hessian |x|^2/2 along (x, -x); the third derivative peaks at p = (1 +- 1/sqrt 3)/2."""
    data = Samples(np.array([[1.0]]), np.array([0.0]))
    facts, problem = Multinomial(2).facts(Federation([data])), Multinomial(2)
    assert facts.smoothness is not None
    assert facts.hessian_lipschitz is not None
    assert np.linalg.eigvalsh(unpack(problem.hessian(data, np.zeros(2))))[-1] == pytest.approx(facts.smoothness)
    m, v, h = np.log((1 + 3**-0.5) / (1 - 3**-0.5)), np.array([1.0, -1.0]) / 2**0.5, 1e-4
    at = np.array([m, 0.0])
    change = unpack(problem.hessian(data, at + h * v) - problem.hessian(data, at - h * v)) / (2 * h)
    assert np.linalg.norm(change, 2) == pytest.approx(facts.hessian_lipschitz, rel=1e-6)


def test_predictions() -> None:
    theta, X = np.array([[1.0, 0.0, -1.0], [0.0, 2.0, 0.0]]).ravel(), np.array([[2.0, 0.0], [0.0, 1.0], [-2.0, 0.0]])
    np.testing.assert_array_equal(Multinomial().predict(theta, X), [0.0, 1.0, 2.0])
    np.testing.assert_allclose(Multinomial(3).predict_proba(theta, X).sum(axis=1), 1, rtol=1e-15)
    with pytest.raises(DataError, match="of the width it was solved for"):
        Multinomial(4).predict(theta, X)
