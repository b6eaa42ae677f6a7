"""Dictionary learning: the coder against the optimality conditions and its theory, the surrogate against its definition."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from fedmm.algorithms import MM
from fedmm.errors import DataError, SpecError
from fedmm.federation import Federation, Samples
from fedmm.keys import Key
from fedmm.solve import solve
from fedmm.symmetric import pack, unpack
from fedmm.types import Batch, HasGradient
from problems import Dictionary, Quad
from problems.batches import rows
from problems.sparse_coding import BLOCK, _momentum, encode, objective


def instance(n: int = 30, p: int = 6, K: int = 9, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Samples (n, p), and a dictionary (p, K) of unit atoms."""
    rng = np.random.default_rng(seed)
    D = rng.standard_normal((p, K))
    return 2.0 * rng.standard_normal((n, p)), D / np.linalg.norm(D, axis=0)


@pytest.mark.parametrize(("K", "l1", "l2"), [(4, 0.1, 0.01), (9, 0.3, 0.05), (4, 0.2, 0.0), (9, 0.0, 0.1)])
def test_codes_meet_the_optimality_conditions(K: int, l1: float, l2: float) -> None:
    Z, D = instance(K=K)
    H = encode(Z, D, l1, l2, 3000)
    pull = (Z - H @ D.T) @ D - l2 * H  # must be in l1 times the subdifferential of |h|_1
    assert np.abs(pull[H != 0] - l1 * np.sign(H[H != 0])).max() < 1e-9
    assert np.all(np.abs(pull[H == 0]) <= l1 + 1e-9)
    assert l1 == 0 or (H == 0).any()


@pytest.mark.parametrize("K", [4, 9])
def test_coder_keeps_to_its_rate(K: int) -> None:
    l1, l2 = 0.1, 0.05
    Z, D = instance(K=K)
    best = encode(Z, D, l1, l2, 5000)
    spectrum = np.linalg.eigvalsh(D.T @ D + l2 * np.eye(K))
    L, root = spectrum[-1], np.sqrt(max(spectrum[0], l2) / spectrum[-1])
    far = 0.5 * L * (best**2).sum(axis=1)
    for k in (1, 2, 5, 10, 20, 50, 100):
        error = objective(Z, D, encode(Z, D, l1, l2, k), l1, l2) - objective(Z, D, best, l1, l2)
        assert np.all(error <= min((1 + root) * (1 - root) ** k, 4.0 / (k + 1) ** 2) * far + 1e-12)


def test_momentum_starts_as_fista_and_settles_at_that_of_strong_convexity() -> None:
    t = [1.0]
    for _ in range(30):
        t.append(0.5 * (1.0 + np.sqrt(1.0 + 4.0 * t[-1] ** 2)))
    fista = [(a - 1.0) / b for a, b in pairwise(t)]
    betas = _momentum(np.array([0.0, 0.04]), 200, np.ones(1))
    np.testing.assert_allclose([beta[0, 0, 0] for beta in betas[:30]], fista, rtol=1e-12)
    assert betas[-1][1, 0, 0] == pytest.approx((1.0 - 0.2) / (1.0 + 0.2), rel=1e-12)


def test_codes_of_orthonormal_atoms_are_in_closed_form() -> None:
    Z, _ = instance(p=5)
    Q, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((5, 5)))
    for l2 in (0.0, 0.5):
        C = Z @ Q
        want = np.sign(C) * np.maximum(np.abs(C) - 0.3, 0.0) / (1.0 + l2)
        np.testing.assert_allclose(encode(Z, Q, 0.3, l2, 60), want, atol=1e-12)


@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_codes_of_no_atoms_are_zero(l2: float) -> None:
    Z, D = instance()
    assert not encode(Z, 0.0 * D, 0.1, l2, 20).any()


def test_coder_treats_every_sample_alone() -> None:
    K = 16
    n = 2 * BLOCK // K + 3  # two full blocks of rows and a short one
    Z, D = instance(n, 8, K)
    H = encode(Z, D, 0.2, 0.05, 40)
    assert H.shape == (n, K)
    for j in (0, BLOCK // K - 1, BLOCK // K, n - 1):
        np.testing.assert_allclose(H[j : j + 1], encode(Z[j : j + 1], D, 0.2, 0.05, 40), atol=1e-12)
    both = encode(np.stack([Z, -Z]), D, 0.2, 0.05, 40)
    np.testing.assert_allclose(both, np.stack([H, -H]), atol=1e-12)
    onward = encode(Z, D, 0.2, 0.05, 3000)
    np.testing.assert_allclose(encode(Z, D, 0.2, 0.05, 5, start=onward), onward, atol=1e-10)


def test_statistic_is_the_mean_of_products() -> None:
    Z, D = instance()
    problem = Dictionary(9)
    s, H = problem.statistic(Samples(Z), D.ravel())
    s1 = sum(np.outer(h, h) for h in H) / len(H)
    s2 = sum(np.outer(z, h) for z, h in zip(Z, H, strict=True)) / len(H)
    np.testing.assert_allclose(s, np.concatenate([pack(s1), s2.ravel()]), atol=1e-12)
    np.testing.assert_allclose(problem.transform(D.ravel(), Z), H, atol=0)
    T = problem.components_of(problem.minimize(s))
    np.testing.assert_allclose(T @ (s1 + problem.ridge * np.eye(9)), s2, atol=1e-12)


def test_inexact_codes_still_majorise() -> None:
    Z, D = instance()
    rough, exact = Dictionary(9, iterations=3), Dictionary(9, iterations=3000)
    rng, data = np.random.default_rng(2), Samples(Z)
    for scale in (0.01, 0.1, 1.0):
        theta = D.ravel() + scale * rng.standard_normal(D.size)
        assert exact.value(data, theta) < rough.majorizer(data, theta, D.ravel())
    assert rough.value(data, D.ravel()) == pytest.approx(rough.majorizer(data, D.ravel(), D.ravel()), abs=1e-14)


def test_a_batch_renews_only_its_own_codes() -> None:
    Z, D = instance()
    problem, batch = Dictionary(9, iterations=3000), Batch(7, Key(0, 3, 1))
    drawn = rows(batch, len(Z))
    known = np.random.default_rng(3).standard_normal((len(Z), 9))
    s, codes = problem.statistic(Samples(Z), D.ravel(), batch, known)
    others = np.setdiff1d(np.arange(len(Z)), drawn)
    np.testing.assert_array_equal(codes[others], known[others])
    np.testing.assert_allclose(codes[drawn], problem.transform(D.ravel(), Z[drawn]), atol=1e-6)
    H = codes[drawn]
    np.testing.assert_allclose(unpack(s[:45]), H.T @ H / 7, atol=1e-12)


def test_a_block_keeps_the_codes_of_each_client() -> None:
    Z, D = instance()
    problem, X = Dictionary(9, iterations=20), np.stack([Z, Z[::-1]])
    keys = (Key(0, 1, 0), Key(0, 1, 1))
    thetas = np.stack([D.ravel(), 0.5 * D.ravel()])
    known = np.random.default_rng(4).standard_normal((2, len(Z), 9))
    s, codes = problem.statistic(Samples(X), thetas, Batch(5, keys), known)
    for i in range(2):
        one = problem.statistic(Samples(X[i]), thetas[i], Batch(5, keys[i]), known[i])
        np.testing.assert_allclose(s[i], one[0], atol=1e-12)
        np.testing.assert_allclose(codes[i], one[1], atol=1e-12)


def test_warm_codes_need_fewer_iterations() -> None:
    Z, D = instance()
    theta, data = D.ravel(), Samples(Z)
    _, codes = Dictionary(9).statistic(data, theta)
    near = theta + 0.01 * np.random.default_rng(5).standard_normal(theta.shape)
    exact = Dictionary(9, iterations=5000).statistic(data, near)[0]
    short = Dictionary(9, iterations=200, warm_iterations=10)
    warm, cold = (np.linalg.norm(short.statistic(data, near, warm=w)[0] - exact) for w in (codes, short.cold(data)))
    assert warm < 0.1 * cold


def test_mm_descends_on_unlike_clients() -> None:
    clients = [Samples(instance(40, 6, 9, seed)[0] * (np.arange(6) != seed)) for seed in range(3)]
    result = solve(Dictionary(5), Federation(clients, (0.5, 0.3, 0.2)), MM(), rounds=30)
    objectives = np.asarray(result.trace.to_pandas()["objective"])
    assert np.all(np.diff(objectives) <= 1e-12)
    assert objectives[-1] < 0.8 * objectives[0]


def test_minimiser_is_not_affine() -> None:
    problem, (Z, D) = Dictionary(9), instance()
    s, t = (problem.statistic(Samples(Z), theta)[0] for theta in (D.ravel(), -2.0 * D.ravel()[::-1]))
    middle, mean = problem.minimize(0.5 * (s + t)), 0.5 * (problem.minimize(s) + problem.minimize(t))
    assert np.linalg.norm(middle - mean) > 0.1 * np.linalg.norm(mean)


def test_start_is_public() -> None:
    Z, _ = instance()
    problem = Dictionary(7)
    D = problem.components_of(problem.start(Federation([Samples(Z)])))
    np.testing.assert_allclose(np.linalg.norm(D, axis=0), 1.0)
    np.testing.assert_array_equal(D, problem.components_of(problem.start(Federation([Samples(3.0 * Z)]))))


def test_gradient_is_offered_only_with_unique_codes() -> None:
    assert HasGradient in Dictionary(3).oracles
    assert HasGradient not in Dictionary(3, l2=0.0).oracles


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"components": 0}, "components >= 1"),
        ({"l1": -0.1}, "l1 >= 0"),
        ({"l2": float("nan")}, "l2 >= 0"),
        ({"ridge": 0.0}, "ridge > 0"),
        ({"iterations": 0}, "iterations >= 1"),
        ({"warm_iterations": 0}, "warm_iterations >= 1"),
    ],
)
def test_wrong_parameters_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Dictionary(**fields)


def test_wrong_data_are_refused() -> None:
    Z, D = instance()
    problem = Dictionary(9)
    for data, message in (
        (Quad(np.eye(6), np.ones(6)), "client 0, got Quad"),
        (Samples(np.stack([Z, Z])), r"client 0, got shape \(2, 30, 6\)"),
    ):
        with pytest.raises(DataError, match=message):
            problem.settle(Federation([data], check=False), problem.oracles)
    with pytest.raises(ValueError, match=r"shape \(\.\.\., p \* 9\), got \(53,\)"):
        problem.lift(D.ravel()[:-1])


@pytest.mark.parametrize("K", [4, 9])
def test_nonnegative_codes_meet_the_optimality_conditions(K: int) -> None:
    Z, D = instance(K=K)
    D = np.abs(D)
    H = encode(Z, D, 0.1, 0.05, 3000, nonnegative=True)
    slope = (H @ D.T - Z) @ D + 0.05 * H + 0.1
    assert (H >= 0).all()
    assert np.abs(slope[H > 0]).max() < 1e-9
    assert (slope[H == 0] >= -1e-9).all()
    assert (H == 0).any()


def test_nonnegative_atoms_are_rows_of_least_squares() -> None:
    """T(s) solves one non-negative least squares problem a feature: compared with SciPy's active sets."""
    from scipy.optimize import nnls

    Z, _ = instance()
    problem = Dictionary(4, nonnegative=True, tolerance=1e-14)
    start = problem.components_of(problem.start(Federation([Samples(Z)])))
    assert (start >= 0).all()
    s, H = problem.statistic(Samples(Z), start.ravel())
    assert (H >= 0).all()
    stacked = np.concatenate([H / np.sqrt(len(H)), np.sqrt(problem.ridge) * np.eye(4)])
    want = np.stack([nnls(stacked, np.concatenate([z / np.sqrt(len(H)), np.zeros(4)]))[0] for z in Z.T])
    np.testing.assert_allclose(problem.minimize(s).reshape(-1, 4), want, atol=1e-10)
    assert problem.penalized == "ridge 0.2 on the dictionary, non-negative atoms"
    with pytest.raises(ValueError, match="atoms >= 0, got others"):
        problem.lift(-start.ravel())
