"""Penalties at the optimum, against scikit-learn (elastic net), SciPy (bounds), CVXPY (group lasso) and each other.

Parameters agree to 1e-6 of their size or better; objectives, recomputed here, to 1e-9.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fedmm.algorithms import MM
from fedmm.federation import Federation
from fedmm.problem import Problem
from fedmm.solve import solve
from problems import Box, ElasticNet, GroupLasso, LeastSquares, Logistic
from problems.data import IID, BreastCancer, Diabetes


def diabetes() -> tuple[np.ndarray, np.ndarray]:
    return Diabetes().load(None, 0)


def optimum(problem: Problem, X: np.ndarray, y: np.ndarray, rounds: int) -> np.ndarray:
    data = Federation.from_arrays(X, y, IID(3), weights="samples")
    return np.asarray(solve(problem, data, MM(), rounds=rounds, metrics=(), progress=False).theta)


def test_elastic_net() -> None:
    from sklearn.linear_model import ElasticNet as Reference

    X, y = diabetes()
    a, b = 0.05, 0.02
    model = Reference(alpha=a + b, l1_ratio=a / (a + b), fit_intercept=False, tol=1e-14, max_iter=100000).fit(X, y)
    ours = optimum(LeastSquares(g=ElasticNet(a, b)), X, y, 2000)
    np.testing.assert_allclose(ours, model.coef_, atol=1e-9)
    assert 0 < np.count_nonzero(ours) < 10
    np.testing.assert_allclose(ours, optimum(LeastSquares(ridge=b, l1=a), X, y, 2000), atol=1e-10)


@pytest.mark.parametrize(("low", "high"), [(0.0, np.inf), (-0.1, 0.2)])
def test_box(low: float, high: float) -> None:
    from scipy.optimize import lsq_linear

    X, y = diabetes()
    want = lsq_linear(X, y, (low, high), method="bvls", tol=1e-15).x
    ours = optimum(LeastSquares(g=Box(low, high)), X, y, 6000)
    np.testing.assert_allclose(ours, want, atol=1e-8)
    assert np.any(ours == low)


@pytest.mark.parametrize("surrogate", ["gradient", "boehning", "jaakkola-jordan"])
def test_group_lasso(surrogate: Any) -> None:
    cp = pytest.importorskip("cvxpy")
    X, y = BreastCancer().load(None, 0)
    X, ridge, weight = X[:, :12], 0.05, 0.1
    theta = cp.Variable(12)
    loss = cp.sum(cp.logistic(cp.multiply(-y, X @ theta))) / len(y) + 0.5 * ridge * cp.sum_squares(theta)
    groups = sum(cp.norm(theta[3 * k : 3 * k + 3]) for k in range(4))
    tight = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), 1e-11)
    cp.Problem(cp.Minimize(loss + weight * groups)).solve(solver=cp.CLARABEL, **tight)
    problem = Logistic(ridge=ridge, g=GroupLasso(weight, 3), surrogate=surrogate)
    ours = optimum(problem, X, y, 3000 if surrogate == "gradient" else 100)
    np.testing.assert_allclose(ours, theta.value, atol=1e-6)
    blocks = np.linalg.norm(ours.reshape(4, 3), axis=1)
    assert 0 < np.count_nonzero(blocks) < 4


@pytest.mark.parametrize("surrogate", ["boehning", "jaakkola-jordan"])
def test_curved_surrogates_with_l1(surrogate: Any) -> None:
    """Against scikit-learn's SAGA, with certificates of our own: zero lies in the subdifferential to 1e-9."""
    from sklearn.linear_model import LogisticRegression

    X, y = BreastCancer().load(None, 0)
    ridge, l1, n = 0.05, 0.1, len(y)
    model = LogisticRegression(
        l1_ratio=l1 / (l1 + ridge), C=1 / (n * (l1 + ridge)), solver="saga", fit_intercept=False, tol=1e-12, max_iter=5000
    ).fit(X, y)
    ours = optimum(Logistic(ridge=ridge, l1=l1, surrogate=surrogate), X, y, 150)
    np.testing.assert_allclose(ours, model.coef_[0], atol=1e-7)
    slope = X.T @ (-y / (1 + np.exp(y * (X @ ours)))) / n + ridge * ours
    gap = np.where(ours != 0, slope + l1 * np.sign(ours), np.maximum(np.abs(slope) - l1, 0))
    assert np.abs(gap).max() <= 1e-9
    assert 0 < np.count_nonzero(ours) < 30
