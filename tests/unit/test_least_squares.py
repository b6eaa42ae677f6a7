"""Least squares: the closed form, the facts, and refusals."""

from __future__ import annotations

from collections import UserList

import numpy as np
import pytest
from scipy.sparse import csc_array, csr_array

from fedmm.errors import DataError, SpecError
from fedmm.federation import Federation, Samples
from fedmm.types import HasGradient, HasHessian, HasSurrogate
from problems import LeastSquares


def federation(sparse: bool = False) -> Federation:
    rng = np.random.default_rng(4)
    clients = []
    for n in (6, 9):
        X, y = rng.standard_normal((n, 4)), rng.standard_normal(n)
        clients.append(Samples(csr_array(X) if sparse else X, y))
    return Federation(clients, "samples")


@pytest.mark.parametrize("sparse", [False, True])
def test_solution_is_the_pooled_one(sparse: bool) -> None:
    data = federation()
    X, y = (np.concatenate(parts) for parts in zip(*data, strict=True))
    want = np.linalg.solve(X.T @ X + 15 * 0.3 * np.eye(4), X.T @ y)
    problem = LeastSquares(ridge=0.3)
    got = problem.solution(federation(sparse))
    np.testing.assert_allclose(got, want, rtol=1e-12)
    value = np.sum((X @ want - y) ** 2) / 30 + 0.15 * want @ want
    facts = problem.facts(federation(sparse))
    assert facts.optimum == pytest.approx(value, rel=1e-13)
    assert facts.strong_convexity == pytest.approx(np.linalg.eigvalsh(X.T @ X / 15)[0] + 0.3, rel=1e-12)
    assert facts.smoothness == pytest.approx(max(np.linalg.norm(c.X, 2) ** 2 / len(c.y) for c in data) + 0.3, rel=1e-12)
    assert "grows with theta" in facts.notes["oracle_variance"]


def test_without_full_rank_the_solution_has_least_norm() -> None:
    X = np.array([[1.0, 1.0, 0.0], [1.0, -1.0, 0.0]])
    theta = LeastSquares().solution(Federation([Samples(X, np.array([2.0, 0.0]))]))
    np.testing.assert_allclose(theta, [1.0, 1.0, 0.0], atol=1e-12)


def test_with_l1_the_optimum_is_unknown_and_says_so() -> None:
    facts = LeastSquares(l1=0.1).facts(federation())
    assert facts.optimum is None
    assert facts.v_min is None
    assert facts.lower_bound == 0.0
    assert {"optimum", "v_min", "v_max", "composite_smoothness"} <= facts.notes.keys()
    with pytest.raises(SpecError, match=r"without g = l1 0\.1"):
        LeastSquares(l1=0.1).solution(federation())


def test_rho_is_settled_only_where_it_is_needed() -> None:
    data = federation()
    assert LeastSquares().settle(data, (HasGradient, HasHessian)).rho is None
    settled = LeastSquares(ridge=0.2).settle(data, (HasSurrogate,))
    assert settled.rho == pytest.approx(1.0 / max(np.linalg.norm(c.X, 2) ** 2 / len(c.y) + 0.2 for c in data))
    zero = Federation([Samples(np.zeros((2, 3)), np.zeros(2))])
    assert LeastSquares().settle(zero, (HasSurrogate,)).rho == 1.0


def test_predict() -> None:
    assert LeastSquares().predict(np.array([1.0, 2.0]), np.array([[3.0, 4.0]])) == 11.0


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (Samples(np.ones((3, 2))), "Samples without y; give both"),
        (np.ones((3, 2)), "got ndarray"),
        (Samples(np.ones((3, 2)), np.ones(2)), r"\(3, 2\) and \(2,\)"),
        (Samples(np.ones((3, 2), dtype=np.float32), np.ones(3)), r"float32.*got float64; cast y"),
        (Samples(csc_array(np.ones((3, 2))), np.ones(3)), "call X.tocsr"),
    ],
)
def test_bad_data_are_refused(data: Samples, words: str) -> None:
    with pytest.raises(DataError, match=words):
        LeastSquares().settle(Federation(UserList([data]), check=False), (HasSurrogate,))


@pytest.mark.parametrize("field", ["ridge", "l1", "rho"])
def test_bad_constants_are_refused(field: str) -> None:
    with pytest.raises(SpecError, match=f"least-squares.{field}"):
        LeastSquares(**{field: -0.1})
