"""Federated principal components against scikit-learn's PCA and TruncatedSVD: the same subspace, whatever its basis."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fedmm.algorithms import MM, FedMM
from fedmm.arrays import Array
from fedmm.federation import Federation, Samples
from fedmm.solve import solve
from problems import PCA
from problems.data import Digits, Dirichlet

decomposition: Any = pytest.importorskip("sklearn.decomposition")


def digits(centred: bool) -> tuple[np.ndarray, Federation]:
    """The digits, and the same on 5 clients with unlike ones."""
    X, y = Digits().load(None, 0)
    X = X - X.mean(axis=0) if centred else X
    return X, Federation.from_arrays(X, y, Dirichlet(0.3, 5))


def sine(V: np.ndarray, rows: np.ndarray) -> float:
    """The largest sine of an angle between the columns of V and the span of orthonormal `rows`."""
    return float(np.linalg.norm(V - rows.T @ (rows @ V), 2))


def basis(problem: PCA, theta: Array) -> np.ndarray:
    return np.asarray(problem.components_of(theta))


@pytest.mark.parametrize("method", [MM(), FedMM(step=1.0)], ids=["mm", "fedmm"])
def test_subspace_of_scikit_learn_pca(method: Any) -> None:
    X, federation = digits(centred=True)
    model = decomposition.PCA(3, svd_solver="full").fit(X)
    problem = PCA(3)
    theta = solve(problem, federation, method, rounds=200, metrics=()).theta
    V = basis(problem, theta)
    assert sine(V, model.components_) < 1e-8
    assert sine(V, decomposition.PCA(4).fit(X).components_[1:]) > 0.1  # another subspace is seen to be another
    rest = 0.5 * model.noise_variance_ * (X.shape[1] - 3) * (len(X) - 1) / len(X)  # its covariance has n - 1
    assert problem.objective(federation, theta) == pytest.approx(rest, rel=1e-10)
    Q = np.linalg.eigh(V.T @ X.T @ X @ V)[1][:, ::-1]  # the axes themselves
    np.testing.assert_allclose(np.abs((V @ Q).T), np.abs(model.components_), atol=1e-7)


def test_subspace_of_truncated_svd_on_sparse_data() -> None:
    from scipy.sparse import csr_array

    X, federation = digits(centred=False)
    sparse = Federation([Samples(csr_array(data.X)) for data in federation], federation.weights)
    model = decomposition.TruncatedSVD(3, algorithm="arpack", random_state=0).fit(X)
    theta = solve(PCA(3), sparse, MM(), rounds=400, metrics=()).theta
    assert sine(basis(PCA(3), theta), model.components_) < 1e-8
