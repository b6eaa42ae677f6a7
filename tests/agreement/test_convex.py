"""The convex problems against scikit-learn and CVXPY, and against certificates that need neither.

The objective is recomputed here with plain NumPy. It must be within 1e-8 relative of the better of the two references, and
the parameters within the distance that strong convexity allows, :math:`\\sqrt{2\\,gap/\\mu}`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from fedmm.algorithms import MM, FedPM
from fedmm.federation import Federation
from fedmm.metrics import Objective
from fedmm.solve import solve
from problems import LeastSquares, Logistic, Quadratic
from problems.data import IID, BreastCancer, Contiguous, Diabetes, Digits, LibSVM, SyntheticQuadratic

RTOL = 1e-8


def objective(loss: str, X: np.ndarray, y: np.ndarray, ridge: float, l1: float) -> Callable[[np.ndarray], float]:
    """F(theta) = mean loss + ridge/2 |theta|^2 + l1 |theta|_1."""

    def F(theta: np.ndarray) -> float:
        z = X @ theta
        losses = np.logaddexp(0.0, -y * z) if loss == "logistic" else 0.5 * (z - y) ** 2
        return float(losses.mean() + 0.5 * ridge * theta @ theta + l1 * np.abs(theta).sum())

    return F


def by_cvxpy(loss: str, X: np.ndarray, y: np.ndarray, ridge: float, l1: float) -> np.ndarray:
    cp = pytest.importorskip("cvxpy")
    theta = cp.Variable(X.shape[1])
    fit = cp.sum(cp.logistic(cp.multiply(-y, X @ theta))) if loss == "logistic" else 0.5 * cp.sum_squares(X @ theta - y)
    total = fit / len(y) + 0.5 * ridge * cp.sum_squares(theta) + l1 * cp.norm1(theta)
    tight = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), 1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "solution may be inaccurate": it may stop short of 1e-12
        cp.Problem(cp.Minimize(total)).solve(solver=cp.CLARABEL, **tight)
    return np.asarray(theta.value)


def by_sklearn(loss: str, X: np.ndarray, y: np.ndarray, ridge: float, l1: float) -> np.ndarray:
    from sklearn.linear_model import Lasso, LogisticRegression, Ridge

    n = len(y)
    model: Any
    if loss == "logistic" and l1:
        model = LogisticRegression(
            penalty="l1", C=1 / (n * l1), solver="liblinear", fit_intercept=False, tol=1e-12, max_iter=20000
        )
    elif loss == "logistic":
        model = LogisticRegression(C=1 / (n * ridge), solver="newton-cholesky", fit_intercept=False, tol=1e-12)
    elif l1:
        model = Lasso(alpha=l1, fit_intercept=False, tol=1e-12, max_iter=100000)
    else:
        model = Ridge(alpha=n * ridge, fit_intercept=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # renamed arguments, and a tolerance that rounding does not let it reach
        return model.fit(X, y).coef_.ravel()


SETS: dict[str, tuple[str, Any]] = {
    "breast-cancer": ("logistic", BreastCancer()),
    "digits": ("logistic", Digits()),
    "diabetes": ("least-squares", Diabetes()),
}


def samples(name: str) -> tuple[str, np.ndarray, np.ndarray]:
    loss, source = SETS[name]
    X, y = source.load(None, 0)
    return loss, X, y


def federate(X: np.ndarray, y: np.ndarray) -> Federation:
    return Federation.from_arrays(X, y, IID(5), weights="samples")


@pytest.mark.parametrize("name", SETS)
def test_ridge(name: str) -> None:
    loss, X, y = samples(name)
    ridge = 1e-2
    F = objective(loss, X, y, ridge, 0.0)
    problem = Logistic(ridge=ridge) if loss == "logistic" else LeastSquares(ridge=ridge)
    result = solve(problem, federate(X, y), FedPM(), rounds=12, progress=False)
    ours, references = np.asarray(result.theta), [by(loss, X, y, ridge, 0.0) for by in (by_sklearn, by_cvxpy)]
    best = min(F(theta) for theta in references)
    assert result.objective == pytest.approx(F(ours), rel=1e-12)
    assert F(ours) <= best * (1 + RTOL)

    z = X @ ours
    slopes = -y / (1.0 + np.exp(y * z)) if loss == "logistic" else z - y
    slope = np.linalg.norm(X.T @ slopes / len(y) + ridge * ours)
    gap = slope**2 / (2 * ridge)  # F(ours) - F* is at most this
    assert gap <= RTOL * F(ours)
    for theta in references:
        excess = max(F(theta) - F(ours), 0.0) + gap + 4 * np.finfo(float).eps * F(ours)
        assert np.linalg.norm(theta - ours) <= np.sqrt(2 * gap / ridge) + np.sqrt(2 * excess / ridge)


def l1_gap(loss: str, X: np.ndarray, y: np.ndarray, l1: float, theta: np.ndarray) -> float:
    """F(theta) minus the dual objective at the residual, scaled to be feasible: F(theta) - F* is at most this."""
    n, z = len(y), X @ theta
    if loss == "logistic":
        a = 1.0 / (1.0 + np.exp(y * z))
        a = a * min(1.0, l1 / np.abs(X.T @ (a * y) / n).max())
        dual = float(np.mean(-a * np.log(a) - (1 - a) * np.log1p(-a)))
    else:
        u = (y - z) * min(1.0, l1 / np.abs(X.T @ (y - z) / n).max())
        dual = float(y @ u - 0.5 * u @ u) / n
    return objective(loss, X, y, 0.0, l1)(theta) - dual


@pytest.mark.parametrize(("name", "l1", "rounds"), [("breast-cancer", 0.03, 3000), ("digits", 0.01, 3000), ("diabetes", 0.3, 3000)])
def test_l1(name: str, l1: float, rounds: int) -> None:
    loss, X, y = samples(name)
    F = objective(loss, X, y, 0.0, l1)
    problem = Logistic(l1=l1) if loss == "logistic" else LeastSquares(l1=l1)
    result = solve(problem, federate(X, y), MM(), rounds=rounds, metrics=(), progress=False)
    ours, references = np.asarray(result.theta), [by(loss, X, y, 0.0, l1) for by in (by_sklearn, by_cvxpy)]
    best = min(F(theta) for theta in references)
    print(name, rounds, "gap", l1_gap(loss, X, y, l1, ours) / F(ours), "rel", F(ours) / best - 1, "nnz", (ours != 0).sum(), len(ours), [F(t)/best-1 for t in references])
    assert 0 <= l1_gap(loss, X, y, l1, ours) + 1e-14 * F(ours) <= RTOL * F(ours)
    assert F(ours) <= best * (1 + RTOL)
    assert 0 < np.count_nonzero(ours) < len(ours)
