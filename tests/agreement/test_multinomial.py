"""Multinomial logistic regression at the optimum, against scikit-learn, with certificates that need nobody.

The objective is recomputed here with plain NumPy; parameters agree within the distance that strong convexity allows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp, softmax

from fedmm.algorithms import MM, FedMM, FedPM
from fedmm.federation import Federation
from fedmm.solve import solve
from problems import GroupLasso, Multinomial
from problems.data import IID, Digits

linear_model: Any = pytest.importorskip("sklearn.linear_model")
RIDGE = 1e-2


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """600 digits with three of four pixels left out, so that the exact Hessian is small."""
    X, y = Digits("digit").load(None, 0)
    return X[:600, ::3], y[:600]


def federate(X: np.ndarray, y: np.ndarray) -> Federation:
    return Federation.from_arrays(X, y, IID(3), weights="samples")


def objective(X: np.ndarray, y: np.ndarray, ridge: float, l1: float) -> Callable[[np.ndarray], float]:
    def F(theta: np.ndarray) -> float:
        Z = X @ theta.reshape(X.shape[1], -1)
        losses = logsumexp(Z, axis=1) - Z[np.arange(len(y)), y.astype(int)]
        return float(losses.mean() + 0.5 * ridge * theta @ theta + l1 * np.abs(theta).sum())

    return F


def slope(X: np.ndarray, y: np.ndarray, ridge: float, theta: np.ndarray) -> np.ndarray:
    P = softmax(X @ theta.reshape(X.shape[1], -1), axis=1) - np.eye(10)[y.astype(int)]
    return (X.T @ P / len(y)).ravel() + ridge * theta


def test_ridge(digits: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = digits
    n = len(y)
    model = linear_model.LogisticRegression(C=1 / (n * RIDGE), solver="lbfgs", fit_intercept=False, tol=1e-10, max_iter=20000)
    want = model.fit(X, y).coef_.T.ravel()
    F = objective(X, y, RIDGE, 0.0)
    for problem, method, rounds in (
        (Multinomial(ridge=RIDGE), FedPM(), 9),
        (Multinomial(ridge=RIDGE, surrogate="boehning"), FedMM(step=1.0), 400),
    ):
        result = solve(problem, federate(X, y), method, rounds=rounds, metrics=(), progress=False)
        ours = np.asarray(result.theta)
        g = slope(X, y, RIDGE, ours)
        gap = float(g @ g) / (2 * RIDGE)  # F(ours) - F* is at most this
        assert gap <= 1e-10 * F(ours)
        assert F(ours) <= F(want) * (1 + 1e-10)
        np.testing.assert_allclose(ours, want, atol=1e-4 * np.abs(want).max())
        predicted = result.problem.predict(result.theta, X)
        np.testing.assert_array_equal(predicted, model.predict(X))
        np.testing.assert_allclose(result.problem.predict_proba(result.theta, X), model.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize("surrogate", ["gradient", "boehning"])
def test_l1(digits: tuple[np.ndarray, np.ndarray], surrogate: Any) -> None:
    X, y = digits
    n, l1 = len(y), 2e-3
    options = {"l1_ratio": l1 / (l1 + RIDGE), "C": 1 / (n * (l1 + RIDGE)), "solver": "saga", "tol": 1e-8, "max_iter": 3000}
    want = linear_model.LogisticRegression(fit_intercept=False, **options).fit(X, y).coef_.T.ravel()
    F = objective(X, y, RIDGE, l1)
    problem = Multinomial(ridge=RIDGE, l1=l1, surrogate=surrogate)
    rounds = 6000 if surrogate == "gradient" else 200
    ours = np.asarray(solve(problem, federate(X, y), MM(), rounds=rounds, metrics=(), progress=False).theta)
    g = slope(X, y, RIDGE, ours)
    left = np.where(ours != 0, g + l1 * np.sign(ours), np.maximum(np.abs(g) - l1, 0))
    assert left @ left / (2 * RIDGE) <= 1e-9 * F(ours)  # F is RIDGE-strongly convex: this bounds F(ours) - F*
    assert F(ours) <= F(want) * (1 + 1e-9)
    np.testing.assert_allclose(ours, want, atol=1e-3 * np.abs(want).max())
    assert 0.1 < np.mean(ours == 0) < 0.9


def test_group_lasso_drops_features(digits: tuple[np.ndarray, np.ndarray]) -> None:
    cp = pytest.importorskip("cvxpy")
    X, y = digits[0][:80, ::4], digits[1][:80]
    weight = 0.02
    Theta = cp.Variable((X.shape[1], 10))
    Y = np.eye(10)[y.astype(int)]
    loss = (cp.sum(cp.log_sum_exp(X @ Theta, axis=1)) - cp.sum(cp.multiply(Y, X @ Theta))) / len(y)
    groups = sum(cp.norm(Theta[j]) for j in range(X.shape[1]))
    tight = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), 1e-11)
    cp.Problem(cp.Minimize(loss + 0.5 * RIDGE * cp.sum_squares(Theta) + weight * groups)).solve(solver=cp.CLARABEL, **tight)
    problem = Multinomial(ridge=RIDGE, g=GroupLasso(weight, 10), surrogate="boehning")
    ours = solve(problem, federate(X, y), MM(), rounds=300, metrics=(), progress=False).theta
    np.testing.assert_allclose(np.asarray(ours).reshape(-1, 10), Theta.value, atol=1e-6)
    kept = np.linalg.norm(np.asarray(ours).reshape(-1, 10), axis=1) > 0
    assert 0 < kept.sum() < len(kept)
