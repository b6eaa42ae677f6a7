"""Gram matrices and certified eigenvalues."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array, random_array

from fedmm.federation import Federation, Samples
from problems import gram
from problems.gram import largest_eigenvalue, mean_gram, weighted_gram


@pytest.mark.parametrize("shape", [(7, 3), (3, 7)])
def test_largest_eigenvalue_is_the_squared_norm(shape: tuple[int, int]) -> None:
    X = np.random.default_rng(0).standard_normal(shape)
    want = np.linalg.norm(X, 2) ** 2
    for data in (X, csr_array(X)):
        assert largest_eigenvalue(data) == (pytest.approx(want, rel=1e-13), True)


def test_a_large_sparse_matrix_gets_a_certified_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gram, "SPARSE_SIDE", 5)
    for seed in range(20):
        X = random_array((30, 40), density=0.1, rng=np.random.default_rng(seed), format="csr") - 0.0
        X.data -= 0.3  # both signs
        want = np.linalg.norm(X.toarray(), 2) ** 2
        bound, exact = largest_eigenvalue(X)
        assert not exact
        assert want <= bound * (1 + 1e-12)
        crude = np.abs(X.toarray())
        assert bound <= crude.sum(axis=0).max() * crude.sum(axis=1).max()  # never worse than |X|_1 |X|_inf
    positive = abs(X)
    want = np.linalg.norm(positive.toarray(), 2) ** 2
    assert largest_eigenvalue(positive).value == pytest.approx(want, rel=0.05)
    assert largest_eigenvalue(csr_array((30, 40))).value == 0.0


def test_weighted_gram_takes_a_leading_axis() -> None:
    rng = np.random.default_rng(1)
    X, w = rng.standard_normal((2, 5, 3)), rng.random((2, 5))
    want = np.stack([X[k].T @ np.diag(w[k]) @ X[k] for k in range(2)])
    np.testing.assert_allclose(weighted_gram(X, w), want, rtol=1e-12)
    shared = np.stack([X[0].T @ np.diag(w[k]) @ X[0] for k in range(2)])
    np.testing.assert_allclose(weighted_gram(X[0], w), shared, rtol=1e-12)
    np.testing.assert_allclose(weighted_gram(csr_array(X[0]), w), shared, rtol=1e-12)
    np.testing.assert_allclose(weighted_gram(csr_array(X[0]), w[1]), shared[1], rtol=1e-12)


def test_mean_gram_weighs_the_clients() -> None:
    rng = np.random.default_rng(2)
    A, B = rng.standard_normal((4, 3)), rng.standard_normal((6, 3))
    for convert in (np.asarray, csr_array):
        data = Federation([Samples(convert(A)), Samples(convert(B))], (0.25, 0.75))
        np.testing.assert_allclose(mean_gram(data), 0.25 * A.T @ A / 4 + 0.75 * B.T @ B / 6, rtol=1e-13)
