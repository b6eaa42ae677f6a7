"""Families given as CVXPY programs against closed forms and against SciPy: T to 1e-6, and the solutions of whole runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

cp = pytest.importorskip("cvxpy", reason="CVXPY is not installed")

from scipy.optimize import minimize, nnls  # noqa: E402

from fedmm import Bernoulli, Federation, FedMM, RandK, Samples, solve  # noqa: E402
from problems import Block, Custom, Dictionary, Family, LeastSquares  # noqa: E402
from problems.convex_program import ConvexProgram  # noqa: E402
from problems.monotone import RIDGE, monotone  # noqa: E402

WEIGHTS = f"{Path(__file__).parents[1] / 'contract' / 'family_of_weights.py'}:WEIGHTS"


def program(theta: Block, s: tuple[Block, ...], U: Any) -> Any:
    """T of a family of which nothing but U_s matters."""
    return ConvexProgram("custom", Family((theta,), s, U, np.zeros, np.zeros)).minimize


def gradient_surrogate(theta: Any, s: Any) -> Any:
    return cp.sum_squares(theta) - 2.0 * s @ theta + 0.3 * cp.norm1(theta) + 0.1 * cp.sum_squares(theta)


@pytest.mark.parametrize("seed", range(4))
def test_soft_thresholding(seed: int) -> None:
    """rho = 1/2, psi = |theta|^2, phi = 2 theta, elastic net: soft thresholding and shrinking."""
    s = np.random.default_rng(seed).standard_normal(5)
    T = program(Block("theta", 5), (Block("s", 5),), gradient_surrogate)
    want = np.sign(s) * np.maximum(np.abs(s) - 0.15, 0.0) / 1.1
    np.testing.assert_allclose(T(s), want, atol=1e-6)


def test_the_gradient_family_of_least_squares_rebuilt() -> None:
    """The same statistic and T as `LeastSquares` with a ridge and an l1 penalty, to the T of its proximal operator."""
    rng = np.random.default_rng(0)
    federation = Federation([Samples(rng.standard_normal((8, 5)), rng.standard_normal(8)) for _ in range(3)])
    theirs = LeastSquares(l1=0.3, rho=0.05).settle(federation, LeastSquares().oracles)

    def U(theta: Any, s: Any) -> Any:
        return cp.sum_squares(theta) / 0.1 - s @ theta / 0.05 + 0.3 * cp.norm1(theta)

    T = program(Block("theta", 5), (Block("s", 5),), U)
    for data in federation:
        s = theirs.statistic(data, rng.standard_normal(5))[0]
        np.testing.assert_allclose(T(s), theirs.minimize(s), atol=1e-6)


def test_ridge_regression_from_its_sufficient_statistics() -> None:
    rng = np.random.default_rng(1)
    blocks = (Block("A", (4, 4), "psd", ("sqrt",)), Block("b", 4))

    def U(theta: Any, root: Any, b: Any) -> Any:
        return 0.5 * cp.sum_squares(root @ theta) - b @ theta + 0.05 * cp.sum_squares(theta)

    T = program(Block("theta", 4), blocks, U)
    for _ in range(3):
        X, y = rng.standard_normal((6, 4)), rng.standard_normal(6)
        A, b = X.T @ X / 6, X.T @ y / 6
        s = np.concatenate([blocks[0].flat(A, "A"), b])
        np.testing.assert_allclose(T(s), np.linalg.solve(A + 0.1 * np.eye(4), b), atol=1e-6)


def test_mixing_weights_are_the_m_step_of_em() -> None:
    s = np.random.default_rng(2).dirichlet((0.5,) * 3, size=4)
    want = (s + 0.1) / (s.sum(axis=1, keepdims=True) + 0.3)
    np.testing.assert_allclose(Custom(WEIGHTS).minimize(s), want, atol=1e-6)


def dictionary_surrogate(D: Any, root: Any, s2: Any) -> Any:
    return 0.5 * cp.sum_squares(D @ root) - cp.sum(cp.multiply(s2, D)) + 0.1 * cp.sum_squares(D)


@pytest.mark.parametrize("sign", ["any", "nonneg"])
def test_dictionaries_by_their_closed_form_and_non_negative_ones_by_nnls(sign: Any) -> None:
    rng = np.random.default_rng(3)
    federation = Federation([Samples(rng.standard_normal((9, 4)))])
    theirs = Dictionary(components=3, ridge=0.2).settle(federation, Dictionary().oracles)
    s = theirs.statistic(federation[0], theirs.start(federation))[0]
    s1 = Block("s1", (3, 3), "psd", ("sqrt",))
    T = program(Block("D", (4, 3), sign), (s1, Block("s2", (4, 3))), dictionary_surrogate)
    if sign == "any":
        want = theirs.minimize(s)
    else:
        root = np.linalg.cholesky(s1.array(s[:6]) + 0.2 * np.eye(3))
        want = np.concatenate([nnls(root.T, np.linalg.solve(root, row))[0] for row in s[6:].reshape(4, 3)])
    np.testing.assert_allclose(T(s), want, atol=1e-6)


@pytest.mark.parametrize("ridge", [0.0, 0.3])
def test_a_precision_matrix_by_its_closed_form(ridge: float) -> None:
    """-log det P + tr(S P) + (ridge/2) |P|^2: by eigenvalues, p = (-l + sqrt(l^2 + 4 ridge)) / (2 ridge), or 1/l."""
    X = np.random.default_rng(4).standard_normal((20, 4))

    def U(P: Any, S: Any) -> Any:
        return -cp.log_det(P) + cp.trace(S @ P) + 0.5 * ridge * cp.sum_squares(P)

    block = Block("P", (4, 4), "psd")
    T = program(block, (Block("S", (4, 4), "psd"),), U)
    values, vectors = np.linalg.eigh(X.T @ X / 20)
    p = (-values + np.sqrt(values**2 + 4 * ridge)) / (2 * ridge) if ridge else 1 / values
    found = block.array(T(block.flat(X.T @ X / 20, "S")))
    np.testing.assert_allclose(found, (vectors * p) @ vectors.T, atol=1e-6)


def test_a_location_by_the_inverse_square_root_of_its_scatter() -> None:
    """|S^(-1/2)(theta - m)|^2 / 2 over theta >= 0, by SciPy."""
    rng = np.random.default_rng(5)
    M = np.cov(rng.standard_normal((3, 9)))
    S, m = Block("S", (3, 3), "psd", ("inverse-sqrt",)), Block("m", 3, "nonneg", ("log",))
    shift = np.array([0.3, 2.0, 0.5])

    def U(theta: Any, root: Any, log_m: Any) -> Any:
        return 0.5 * cp.sum_squares(root @ theta) - log_m @ theta

    T = program(Block("theta", 3, "nonneg"), (S, m), U)
    P = np.linalg.inv(M)
    root = np.linalg.cholesky(P)
    want = nnls(root.T, np.linalg.solve(root, np.log(shift)))[0]
    np.testing.assert_allclose(T(np.concatenate([S.flat(M, "S"), shift])), want, atol=1e-6)


def test_federated_monotone_logistic_regression_by_scipy() -> None:
    """Half of the clients, a third of the numbers: the minimiser of the pooled problem under bounds."""
    rng = np.random.default_rng(6)
    clients = []
    for i in range(4):
        X = rng.standard_normal((30, 3)) * (0.5 + i / 2)
        clients.append(Samples(X, np.where(X @ np.array([1.0, -1.0, 0.5]) + rng.logistic(size=30) > 0, 1.0, -1.0)))
    federation = Federation(clients)
    result = solve(
        Custom(monotone(3)),
        federation,
        FedMM(step=0.3),
        rounds=250,
        participation=Bernoulli(0.5),
        channel=RandK(3),
        metrics=(),
        progress=False,
    )

    def W(theta: np.ndarray) -> float:
        losses = [np.mean(np.logaddexp(0.0, -data.y * (data.X @ theta))) for data in clients]
        return float(np.mean(losses)) + 0.5 * RIDGE * float(theta @ theta)

    best = minimize(W, np.ones(3), bounds=[(0, None)] * 3, method="L-BFGS-B", options={"ftol": 1e-15, "gtol": 1e-10})
    assert best.x[1] == 0.0  # the bound is active
    np.testing.assert_allclose(result.theta, best.x, atol=2e-5)
    assert W(result.theta) == pytest.approx(best.fun, abs=1e-9)
