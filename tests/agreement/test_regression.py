"""Huber, robust, probit and Poisson regression against scikit-learn, SciPy and CVXPY, and against certificates.

The objective is recomputed here with plain NumPy and SciPy. It must be within 1e-8 relative of the better reference's, and
where there is a certificate (a gradient and strong convexity, or a dual point) that must say the same.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import huber, log_ndtr, xlogy
from scipy.stats import norm

from fedmm.algorithms import MM, FedPM
from fedmm.federation import Federation
from fedmm.solve import solve
from problems import Huber, Poisson, Probit, Robust
from problems.data import IID, BreastCancer, Diabetes, SyntheticCounts

RTOL = 1e-8
Objective = Callable[[np.ndarray], float]


def federate(X: np.ndarray, y: np.ndarray, clients: int = 4) -> Federation:
    return Federation.from_arrays(X, y, IID(clients), weights="samples")


def run(problem: Any, federation: Federation, rounds: int, method: Any = None) -> np.ndarray:
    result = solve(problem, federation, method or MM(), rounds=rounds, metrics=(), progress=False)
    return np.asarray(result.theta)


def by_cvxpy(build: Callable[[Any, Any], Any], d: int, nonneg: bool = False) -> np.ndarray:
    cp = pytest.importorskip("cvxpy")
    theta = cp.Variable(d, nonneg=nonneg)
    tight = dict.fromkeys(("tol_gap_abs", "tol_gap_rel", "tol_feas"), 1e-12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "solution may be inaccurate": it may stop short of 1e-12
        cp.Problem(cp.Minimize(build(cp, theta))).solve(solver=cp.CLARABEL, **tight)
    return np.asarray(theta.value)


@pytest.fixture(scope="module")
def diabetes() -> tuple[np.ndarray, np.ndarray]:
    X, y = Diabetes().load(None, 0)
    assert y is not None
    return X, y + 20.0 * (np.arange(len(y)) % 29 == 0)  # one target in 29 is far off


@pytest.mark.parametrize("surrogate", ["irls", "gradient"])
def test_huber(diabetes: tuple[np.ndarray, np.ndarray], surrogate: Any) -> None:
    """scikit-learn fits a scale sigma too; at its sigma, its coefficients minimise our objective.

    Its sigma H_e(r/sigma) is 2/sigma times our H(r) with delta = e sigma, so that its alpha |w|^2 is our ridge sigma alpha/n.
    """
    from sklearn.linear_model import HuberRegressor

    X, y = diabetes
    n, alpha = len(y), 5.0
    model = HuberRegressor(epsilon=1.35, alpha=alpha, fit_intercept=False, tol=1e-9, max_iter=10000).fit(X, y)
    sigma = float(model.scale_)
    delta, ridge = 1.35 * sigma, sigma * alpha / n

    def F(theta: np.ndarray) -> float:
        return float(huber(delta, y - X @ theta).mean() + 0.5 * ridge * theta @ theta)

    cvx = by_cvxpy(lambda cp, t: 0.5 * cp.sum(cp.huber(y - X @ t, delta)) / n + 0.5 * ridge * cp.sum_squares(t), 10)
    ours = run(Huber(delta=delta, ridge=ridge, surrogate=surrogate), federate(X, y), 300 if surrogate == "irls" else 8000)
    assert F(ours) <= min(F(model.coef_), F(cvx)) * (1 + RTOL)
    slope = X.T @ np.clip(X @ ours - y, -delta, delta) / n + ridge * ours
    assert slope @ slope / (2 * ridge) <= 1e-10 * F(ours)
    for reference in (model.coef_, cvx):
        assert F(reference) <= F(ours) * (1 + 1e-6)  # so it is the same problem
        assert np.linalg.norm(reference - ours) <= 2 * np.sqrt(2 * max(F(reference) - F(ours), 1e-14) / ridge)


@pytest.mark.parametrize(("epsilon", "rounds"), [(1.0, 200), (0.01, 1500)])
def test_robust(diabetes: tuple[np.ndarray, np.ndarray], epsilon: float, rounds: int) -> None:
    X, y = diabetes
    n, ridge, root = len(y), 0.01, np.sqrt(epsilon)

    def F(theta: np.ndarray) -> float:
        return float(np.hypot(y - X @ theta, root).mean() + 0.5 * ridge * theta @ theta)

    def slope(theta: np.ndarray) -> np.ndarray:
        r = y - X @ theta
        return -X.T @ (r / np.hypot(r, root)) / n + ridge * theta

    def build(cp: Any, t: Any) -> Any:
        lengths = cp.norm(cp.vstack([y - X @ t, np.full(n, root)]), axis=0)
        return cp.sum(lengths) / n + 0.5 * ridge * cp.sum_squares(t)

    scipy = minimize(F, np.zeros(10), jac=slope, method="BFGS", options={"gtol": 1e-9}).x
    ours = run(Robust(epsilon=epsilon, ridge=ridge), federate(X, y), rounds)
    assert F(ours) <= min(F(scipy), F(by_cvxpy(build, 10))) * (1 + RTOL)
    gap = slope(ours) @ slope(ours) / (2 * ridge)
    assert gap <= RTOL * F(ours)
    np.testing.assert_allclose(ours, scipy, atol=2 * np.sqrt(2 * gap / ridge) + 1e-6)


@pytest.mark.parametrize(
    ("name", "surrogate", "rounds"),
    [("huber", "gradient", 2000), ("huber", "irls", 100), ("robust", "gradient", 3000), ("robust", "irls", 200)],
)
def test_l1(diabetes: tuple[np.ndarray, np.ndarray], name: str, surrogate: str, rounds: int) -> None:
    X, y = diabetes
    n, l1 = len(y), 0.1

    def F(theta: np.ndarray) -> float:
        r = y - X @ theta
        loss = huber(1.0, r) if name == "huber" else np.hypot(r, 0.5)
        return float(loss.mean() + l1 * np.abs(theta).sum())

    def build(cp: Any, t: Any) -> Any:
        r = y - X @ t
        loss = 0.5 * cp.huber(r, 1.0) if name == "huber" else cp.norm(cp.vstack([r, np.full(n, 0.5)]), axis=0)
        return cp.sum(loss) / n + l1 * cp.norm1(t)

    chosen = {"l1": l1, "surrogate": surrogate}
    problem: Any = Huber(delta=1.0, **chosen) if name == "huber" else Robust(epsilon=0.25, **chosen)
    ours = run(problem, federate(X, y), rounds)
    assert F(ours) <= F(by_cvxpy(build, 10)) * (1 + RTOL)
    assert 0 < np.count_nonzero(ours) < 10
    r = y - X @ ours
    pull = X.T @ (np.clip(r, -1, 1) if name == "huber" else r / np.hypot(r, 0.5)) / n  # minus the gradient of the loss
    assert np.abs(pull).max() <= l1 * (1 + 1e-6)
    np.testing.assert_allclose(pull[ours != 0], l1 * np.sign(ours[ours != 0]), rtol=1e-5)


@pytest.fixture(scope="module")
def cancer() -> tuple[np.ndarray, np.ndarray]:
    X, y = BreastCancer().load(None, 0)
    assert y is not None
    return X, y


@pytest.mark.parametrize(("surrogate", "rounds"), [("em", 1500), ("gradient", 6000), ("newton", 12)])
def test_probit(cancer: tuple[np.ndarray, np.ndarray], surrogate: Any, rounds: int) -> None:
    X, y = cancer
    ridge = 0.05

    def F(theta: np.ndarray) -> float:
        return float(-log_ndtr(y * (X @ theta)).mean() + 0.5 * ridge * theta @ theta)

    def slope(theta: np.ndarray) -> np.ndarray:
        m = y * (X @ theta)
        return -X.T @ (y * np.exp(norm.logpdf(m) - log_ndtr(m))) / len(y) + ridge * theta

    scipy = minimize(F, np.zeros(30), jac=slope, method="BFGS", options={"gtol": 1e-10, "maxiter": 2000}).x
    newton = surrogate == "newton"
    problem = Probit(ridge=ridge) if newton else Probit(ridge=ridge, surrogate=surrogate)
    ours = run(problem, federate(X, y), rounds, FedPM() if newton else None)
    assert F(ours) <= F(scipy) * (1 + RTOL)
    gap = slope(ours) @ slope(ours) / (2 * ridge)
    assert gap <= RTOL * F(ours)
    np.testing.assert_allclose(ours, scipy, atol=2 * np.sqrt(2 * gap / ridge) + 1e-7)


@pytest.mark.parametrize(("ridge", "l1"), [(0.0, 0.0), (0.5, 0.0), (0.0, 0.3), (0.2, 0.3)])
def test_poisson_identity(ridge: float, l1: float) -> None:
    clients = SyntheticCounts(d=6, samples=60, rate=4.0).load(4, 1)
    X, y = (np.concatenate(parts) for parts in zip(*clients, strict=True))
    X = np.column_stack([X, X[:, 0] + X[:, 1]])  # a feature that is not needed
    n, d = X.shape

    def F(theta: np.ndarray) -> float:
        rate = X @ theta
        return float(np.mean(rate - xlogy(y, rate)) + 0.5 * ridge * theta @ theta + l1 * theta.sum())

    def build(cp: Any, t: Any) -> Any:
        return cp.sum(X @ t - cp.multiply(y, cp.log(X @ t))) / n + 0.5 * ridge * cp.sum_squares(t) + l1 * cp.sum(t)

    ours = run(Poisson(ridge=ridge, l1=l1), federate(X, y, 2), 3000)
    reference = np.maximum(by_cvxpy(build, d, nonneg=True), 0.0)
    assert F(ours) <= F(reference) + RTOL * abs(F(reference))
    slope = X.T @ (1 - y / (X @ ours)) / n + ridge * ours + l1
    assert np.all(slope >= -1e-6)
    assert np.all(np.abs(slope * ours) <= 1e-7)  # complementary slackness
    # f is convex, so F(ours) - F* <= <slope, ours - theta*> for every minimiser.
    assert slope @ (ours - reference) <= RTOL * abs(F(ours))


@pytest.mark.parametrize("method", ["box", "newton"])
def test_poisson_log(method: str) -> None:
    from sklearn.linear_model import PoissonRegressor

    rng = np.random.default_rng(3)
    X = 0.5 * rng.standard_normal((400, 5))
    y = rng.poisson(np.exp(X @ np.array([0.5, -0.3, 0.0, 0.2, 0.4]))).astype(float)
    ridge = 0.05
    model = PoissonRegressor(alpha=ridge, fit_intercept=False, solver="newton-cholesky", tol=1e-12).fit(X, y)
    if method == "box":
        ours = run(Poisson("log", ridge=ridge, radius=1.0), federate(X, y), 1500)
    else:
        ours = run(Poisson("log", ridge=ridge), federate(X, y), 10, FedPM())
    assert np.abs(ours).max() < 1.0  # the optimum is inside the box
    np.testing.assert_allclose(ours, model.coef_, atol=1e-8)


def test_poisson_log_at_the_faces_of_the_box() -> None:
    rng = np.random.default_rng(4)
    X = 0.5 * rng.standard_normal((200, 4))
    y = rng.poisson(np.exp(X @ np.array([1.5, -1.0, 0.1, 0.0]))).astype(float)

    def build(cp: Any, t: Any) -> Any:  # the box by change of variable: t = theta + radius, at most 2 radius
        theta = t - 0.4
        fit = cp.sum(cp.exp(X @ theta) - cp.multiply(y, X @ theta)) / 200
        return fit + 0.02 * cp.norm1(theta) + cp.transforms.indicator([t <= 0.8])

    ours = run(Poisson("log", l1=0.02, radius=0.4), federate(X, y), 1500)
    np.testing.assert_allclose(ours, by_cvxpy(build, 4, nonneg=True) - 0.4, atol=1e-6)
    np.testing.assert_array_equal(ours[:2], [0.4, -0.4])
