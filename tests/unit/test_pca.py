"""Principal components: the surrogate against its formulas, the domain, the optimum, what is refused."""

from __future__ import annotations

from collections import UserList

import numpy as np
import pytest
from scipy.sparse import csc_array, csr_array

from fedmm.algorithms import MM, FedMM
from fedmm.errors import DataError, SpecError
from fedmm.federation import Federation, Samples
from fedmm.solve import solve
from problems import PCA, Quad


def unlike(n: int = 3, p: int = 6) -> Federation:
    """Clients whose samples spread in unlike directions."""
    rng = np.random.default_rng(0)
    return Federation([Samples(rng.standard_normal((20 + i, p)) * (1.0 + 2.0 * rng.random(p))) for i in range(n)], "samples")


def basis(p: int = 6, r: int = 2, seed: int = 1) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((p, r)))[0]


def test_value_is_half_the_mean_squared_loss() -> None:
    V, Z = basis(), unlike()[0].X
    want = 0.5 * np.mean([np.sum((z - V @ V.T @ z) ** 2) for z in Z])
    assert float(PCA(2).value(Samples(Z), V.ravel())) == pytest.approx(want, rel=1e-13)


def test_statistic_is_the_covariance_times_the_basis() -> None:
    V, Z = basis(), unlike()[0].X
    s, warm = PCA(2).statistic(Samples(Z), V.ravel())
    np.testing.assert_allclose(s.reshape(6, 2), Z.T @ Z @ V / len(Z), rtol=1e-13)
    assert warm is None
    np.testing.assert_array_equal(PCA(2).gradient(Samples(Z), V.ravel()), -s)


def test_minimiser_is_the_polar_factor() -> None:
    s = np.random.default_rng(2).standard_normal((6, 2))
    eigenvalues, Q = np.linalg.eigh(s.T @ s)
    want = s @ Q @ np.diag(eigenvalues**-0.5) @ Q.T  # s (s's)^{-1/2}
    np.testing.assert_allclose(PCA(2).minimize(s.ravel()).reshape(6, 2), want, atol=1e-13)


@pytest.mark.parametrize("s", [np.zeros((6, 2)), np.ones((6, 2))])
def test_minimiser_of_a_deficient_statistic_is_in_the_domain_and_attains_the_norm(s: np.ndarray) -> None:
    problem = PCA(2)
    V = problem.minimize(s.ravel())
    assert float(problem.penalty(V)) == 0
    assert float(s.ravel() @ V) == pytest.approx(np.linalg.norm(s, "nuc"), abs=1e-13)  # the largest <s, V> there is


def test_penalty_tells_the_domain() -> None:
    problem, V = PCA(2), basis()
    thetas = np.stack([V.ravel(), (1 + 1e-11) * V.ravel(), 0.5 * V.ravel()])
    np.testing.assert_array_equal(problem.penalty(thetas), [0, np.inf, np.inf])
    assert float(problem.penalty(V.astype(np.float32).ravel())) == 0
    np.testing.assert_allclose(problem.restrict(3.0 * V.ravel()), V.ravel(), atol=1e-14)
    assert float(problem.penalty(problem.restrict(np.random.default_rng(0).standard_normal((4, 12))).ravel()[:12])) == 0


def test_sparse_data_give_what_dense_data_give() -> None:
    rng, problem = np.random.default_rng(3), PCA(2)
    Z = rng.standard_normal((9, 6)) * (rng.random((9, 6)) < 0.4)
    thetas = np.stack([basis(seed=k).ravel() for k in range(3)])
    for theta in (thetas, thetas[0]):
        for oracle in (problem.value, problem.gradient):
            np.testing.assert_allclose(oracle(Samples(csr_array(Z)), theta), oracle(Samples(Z), theta), atol=1e-13)
    np.testing.assert_allclose(problem.transform(thetas[0], csr_array(Z)), Z @ basis(seed=0), atol=1e-13)
    facts = [problem.facts(Federation([Samples(X)])) for X in (Z, csr_array(Z))]
    assert facts[0] == facts[1]


def test_optimum_is_reached_from_unlike_clients() -> None:
    federation, problem = unlike(), PCA(2)
    pooled = sum(w * c.X.T @ c.X / len(c.X) for w, c in zip(federation.weights, federation, strict=True))
    facts = problem.facts(federation)
    assert facts.optimum == pytest.approx(0.5 * np.linalg.eigvalsh(pooled)[:4].sum(), rel=1e-12)
    for method in (MM(), FedMM(step=1.0), FedMM(step=0.3)):
        theta = solve(problem, federation, method, rounds=400, metrics=()).theta
        assert problem.objective(federation, theta) == pytest.approx(facts.optimum, rel=1e-12)


def test_as_many_components_as_features_lose_nothing() -> None:
    federation = unlike()
    assert PCA(6).facts(federation).optimum == 0
    assert PCA(6).objective(federation, PCA(6).start(federation)) == pytest.approx(0.0, abs=1e-12)


def test_start_is_public_and_orthonormal() -> None:
    problem, federation = PCA(2), unlike()
    start = problem.start(federation)
    assert float(problem.penalty(start)) == 0
    np.testing.assert_array_equal(start, problem.start(Federation([Samples(7.0 * federation[0].X)])))


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(SpecError, match=r"pca.components >= 1, got 0"):
        PCA(0)
    with pytest.raises(SpecError, match="number of features, 6, got 7"):
        PCA(7).settle(unlike(), ())
    Z = unlike()[0].X
    for data, message in (
        (Samples(csc_array(Z)), "client 0, got csc; call X.tocsr"),
        (Samples(Z[0]), r"client 0, got shape \(6,\)"),
        (Quad(np.eye(6), np.ones(6)), "client 0, got Quad"),
    ):
        with pytest.raises(DataError, match=message):
            PCA(2).settle(Federation(UserList([data]), check=False), ())
    for theta, message in (
        (np.ones(11), r"shape \(\.\.\., p \* 2\), got \(11,\)"),
        (np.ones(12), "orthonormal columns"),
        (np.full(12, np.nan), "finite theta"),
    ):
        with pytest.raises(ValueError, match=message):
            PCA(2).lift(theta)
    with pytest.raises(DataError, match="pca expects theta and then X"):
        PCA(2).transform(basis().ravel(), Z[:, :5])
