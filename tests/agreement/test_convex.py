"""The convex problems against scikit-learn and CVXPY, and against certificates that need neither.

The objective is recomputed here with plain NumPy. It must be within 1e-8 relative of the better of the two references, and
the parameters within the distance that strong convexity allows, :math:`\\sqrt{2\\,gap/\\mu}`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fedmm.algorithms import MM, FedPM
from fedmm.federation import Federation
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
    from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge

    n = len(y)
    model: Any
    if loss == "logistic" and l1 and ridge:
        model = LogisticRegression(
            penalty="elasticnet",
            l1_ratio=l1 / (l1 + ridge),
            C=1 / (n * (l1 + ridge)),
            solver="saga",
            fit_intercept=False,
            tol=1e-12,
            max_iter=5000,
            random_state=0,
        )
    elif loss == "logistic" and l1:
        model = LogisticRegression(
            penalty="l1", C=1 / (n * l1), solver="liblinear", fit_intercept=False, tol=1e-12, max_iter=20000
        )
    elif loss == "logistic":
        model = LogisticRegression(C=1 / (n * ridge), solver="newton-cholesky", fit_intercept=False, tol=1e-12)
    elif l1:
        model = ElasticNet(alpha=l1 + ridge, l1_ratio=l1 / (l1 + ridge), fit_intercept=False, tol=1e-12, max_iter=100000)
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


def duality_gap(loss: str, X: np.ndarray, y: np.ndarray, ridge: float, l1: float, theta: np.ndarray) -> float:
    r"""F(theta) minus the dual objective at the residuals u, at least F(theta) - F*.

    With :math:`v=X^\top u/n` the dual is :math:`-\frac1n\sum_j\ell_j^*(-u_j)-\|(|v|-a)_+\|^2/(2\lambda)`; without a ridge u is
    scaled until :math:`|v|\le a`.
    """
    n, z = len(y), X @ theta
    u = y / (1.0 + np.exp(y * z)) if loss == "logistic" else y - z
    if ridge == 0:
        u = u * min(1.0, l1 / np.abs(X.T @ u / n).max())
    if loss == "logistic":
        a = u * y
        fit = float(np.mean(-a * np.log(a) - (1 - a) * np.log1p(-a)))
    else:
        fit = float(y @ u - 0.5 * u @ u) / n
    excess = np.maximum(np.abs(X.T @ u / n) - l1, 0.0)
    dual = fit - (excess @ excess / (2 * ridge) if ridge else 0.0)
    return objective(loss, X, y, ridge, l1)(theta) - dual


@pytest.mark.parametrize(
    ("name", "ridge", "l1", "rounds"),
    [
        ("breast-cancer", 0.05, 0.1, 3000),
        ("breast-cancer", 0.0, 0.1, 40000),  # without a ridge, 30 correlated features make a gradient method crawl
        ("digits", 0.0, 0.03, 4500),
        ("diabetes", 0.0, 0.3, 500),
        ("diabetes", 0.1, 0.1, 500),
    ],
)
def test_l1(name: str, ridge: float, l1: float, rounds: int) -> None:
    loss, X, y = samples(name)
    F = objective(loss, X, y, ridge, l1)
    problem = Logistic(ridge=ridge, l1=l1) if loss == "logistic" else LeastSquares(ridge=ridge, l1=l1)
    data = Federation.from_arrays(X, y, IID(2), weights="samples")
    result = solve(problem, data, MM(), rounds=rounds, metrics=(), progress=False)
    ours, references = np.asarray(result.theta), [by(loss, X, y, ridge, l1) for by in (by_sklearn, by_cvxpy)]
    best = min(F(theta) for theta in references)
    gap = duality_gap(loss, X, y, ridge, l1, ours)
    assert -1e-14 * F(ours) <= gap <= RTOL * F(ours)
    assert F(ours) <= best * (1 + RTOL)
    assert 0 < np.count_nonzero(ours) < len(ours)
    if ridge:
        for theta in references:
            excess = max(F(theta) - F(ours), 0.0) + max(gap, 0.0) + 4 * np.finfo(float).eps * F(ours)
            assert np.linalg.norm(theta - ours) <= 2 * np.sqrt(2 * excess / ridge)


def test_jaakkola_jordan_reaches_the_same_optimum() -> None:
    _, X, y = samples("breast-cancer")
    F = objective("logistic", X, y, 0.05, 0.0)
    problem = Logistic(ridge=0.05, surrogate="jaakkola-jordan")
    result = solve(problem, federate(X, y), MM(), rounds=100, metrics=(), progress=False)
    ours, best = np.asarray(result.theta), F(by_sklearn("logistic", X, y, 0.05, 0.0))
    assert F(ours) <= best * (1 + RTOL)
    assert duality_gap("logistic", X, y, 0.05, 0.0, ours) <= RTOL * F(ours)


def test_quadratic() -> None:
    cp = pytest.importorskip("cvxpy")
    data = SyntheticQuadratic(d=8, mu=0.05).load(4, 0)
    problem = Quadratic(ridge=0.1)
    A = sum(w * quad.A for w, quad in zip(data.weights, data, strict=True)) + 0.1 * np.eye(8)
    b = sum(w * quad.b for w, quad in zip(data.weights, data, strict=True))
    theta = cp.Variable(8)
    root = np.linalg.cholesky(A).T
    tight = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), 1e-12)
    reference = cp.Problem(cp.Minimize(0.5 * cp.sum_squares(root @ theta) - b @ theta)).solve(solver=cp.CLARABEL, **tight)
    result = solve(problem, data, MM(), rounds=300, progress=False)
    assert result.objective <= reference + RTOL * abs(reference)
    np.testing.assert_allclose(result.theta, np.linalg.solve(A, b), rtol=1e-10)
    assert problem.facts(data).optimum == pytest.approx(result.objective, rel=1e-12)


OPTIMA = {"a9a": (80, 123, 0.333347206076), "w8a": (142, 300, 0.183473058275), "phishing": (100, 68, 0.313592639182)}
"""Clients, features, and f* for ridge 1e-3 over equal shards in file order (rows left over are dropped), to 12 digits."""


@pytest.fixture(params=OPTIMA)
def real(request: pytest.FixtureRequest) -> tuple[Federation, float]:
    if "FEDMM_DATA" not in os.environ:
        pytest.skip("set FEDMM_DATA to the folder with the LIBSVM files")
    clients, d, optimum = OPTIMA[request.param]
    X, y = LibSVM(request.param, n_features=d).load(None, 0)
    return Federation.from_arrays(X, y, Contiguous(clients, drop_remainder=True)), optimum


def test_fedpm_reaches_the_known_optima(real: tuple[Federation, float]) -> None:
    federation, optimum = real
    result = solve(Logistic(ridge=1e-3), federation, FedPM(), rounds=9, progress=False)
    assert abs(result.objective - optimum) <= 1e-10
    X, y = (np.concatenate([_dense(part) for part in parts]) for parts in zip(*federation, strict=True))
    theta = np.asarray(result.theta)
    assert result.objective == pytest.approx(objective("logistic", X, y, 1e-3, 0.0)(theta), rel=1e-12)
    slope = X.T @ (-y / (1.0 + np.exp(y * (X @ theta)))) / len(y) + 1e-3 * theta
    assert slope @ slope / (2 * 1e-3) <= 1e-10  # so the optimum is certified, not only matched


def _dense(x: Any) -> np.ndarray:
    return x if isinstance(x, np.ndarray) else x.toarray()
