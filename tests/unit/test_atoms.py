"""Atoms in the unit ball: the minimiser, its certificate, unused atoms, and a dictionary problem made of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array

from fedmm.errors import DataError, SpecError
from fedmm.federation import Federation, Samples
from fedmm.keys import Key
from fedmm.symmetric import pack
from fedmm.types import Batch
from problems import Dictionary
from problems.atoms import Shape, constrained_atoms

BALL, ORTHANT = Shape(ball=True), Shape(nonnegative=True)


def statistic(p: int = 5, K: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    H = rng.standard_normal((30, K)) * np.array([1.0, 0.3, 2.0, 1.0])[:K]
    return H.T @ H / 30, rng.standard_normal((p, K)) + np.eye(p, K)


def energy(A: np.ndarray, B: np.ndarray, D: np.ndarray) -> float:
    return float(0.5 * np.sum((D @ A) * D) - np.sum(D * B))


@pytest.mark.parametrize("shape", [BALL, ORTHANT, Shape(ball=True, nonnegative=True)])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_projected_gradient_steps(seed: int, shape: Shape) -> None:
    A, B = statistic(seed=seed)
    D = constrained_atoms(A, B, np.zeros_like(B), 1e-14, shape)
    other = np.zeros_like(B)
    for _ in range(3000):
        other = shape.nearest(other - (other @ A - B) / np.linalg.eigvalsh(A)[-1])
    np.testing.assert_allclose(D, other, atol=1e-12)
    assert not shape.excludes(D)
    assert shape.excludes(0.5 * D - 1e-9) == shape.nonnegative  # some entry, or some atom, is at the boundary
    assert shape.excludes((1 + 1e-9) * D) == shape.ball
    np.testing.assert_allclose(
        constrained_atoms(A, B, np.random.default_rng(9).standard_normal(B.shape), 1e-14, shape), D, atol=1e-12
    )


def test_the_tolerance_bounds_the_residual() -> None:
    """Coarse answers are exact for a B that differs by at most what the tolerance says."""
    A, B = statistic()
    for tolerance in (1e-2, 1e-4, 1e-6):
        D = constrained_atoms(A, B, np.zeros_like(B), tolerance, BALL)
        slope = B - D @ A  # must be t_k d_k with t_k >= 0 where |d_k| = 1, and 0 elsewhere
        along = np.where(np.linalg.norm(D, axis=0) > 1 - 1e-12, np.maximum(np.sum(slope * D, axis=0), 0), 0.0)
        left = np.linalg.norm(slope - along * D)
        assert left <= tolerance * (np.linalg.norm(B) + np.linalg.norm(A) * np.linalg.norm(D)) * (1 + 1e-9)


def test_unused_atoms_stay_and_singular_statistics_are_minimised() -> None:
    A, B = statistic()
    A[1], A[:, 1], B[:, 1] = 0.0, 0.0, 0.0
    start = 0.5 * BALL.nearest(np.random.default_rng(1).standard_normal(B.shape))
    D = constrained_atoms(A, B, start, 1e-13, BALL)
    np.testing.assert_array_equal(D[:, 1], start[:, 1])
    H = np.random.default_rng(2).standard_normal((2, 4))  # rank 2 of 4
    A, B = H.T @ H, np.random.default_rng(3).standard_normal((5, 2)) @ H
    ends = [energy(A, B, constrained_atoms(A, B, s, 1e-12, BALL)) for s in (start, 0.0 * start, -start)]
    np.testing.assert_allclose(ends, ends[0], rtol=1e-9)
    zero = constrained_atoms(0.0 * A, 0.0 * B, start, 1e-10, BALL)
    np.testing.assert_array_equal(zero, start)


def test_without_a_start_unused_atoms_are_those_of_the_start() -> None:
    problem = Dictionary(3, ball=True, ridge=0.0)
    data = Federation([Samples(np.zeros((4, 5)))])
    s = problem.statistic(data[0], problem.start(data))[0]
    np.testing.assert_allclose(problem.minimize(s), problem.start(data), rtol=1e-15)
    np.testing.assert_array_equal(problem.minimize(s, start=0.5 * problem.start(data)), 0.5 * problem.start(data))


def test_a_ridge_and_a_ball_together() -> None:
    """With s1 = c I every atom is on its own: Pi(s2_k / (c + ridge))."""
    problem = Dictionary(3, ball=True, ridge=0.5, tolerance=1e-14)
    D = np.random.default_rng(5).standard_normal((4, 3))
    stat = np.concatenate([pack(2.0 * np.eye(3)), D.ravel()])
    np.testing.assert_allclose(problem.minimize(stat), BALL.nearest(D / 2.5).ravel(), rtol=1e-14)
    assert problem.penalty(0.1 * D.ravel()) == pytest.approx(0.25 * 0.01 * np.sum(D * D))
    assert problem.penalty(9.0 * D.ravel()) == np.inf
    np.testing.assert_array_equal(problem.restrict(9.0 * D.ravel()), BALL.nearest(9.0 * D).ravel())
    assert problem.penalized == "ridge 0.5 on the dictionary, atoms in the unit ball"


def test_refusals() -> None:
    with pytest.raises(SpecError, match=r"ridge > 0 and finite, got 0.0; T\(s\) needs it, unless ball=True"):
        Dictionary(ridge=0.0)
    with pytest.raises(SpecError, match=r"ridge > 0 and finite, got -1"):
        Dictionary(ridge=-1.0, ball=True)
    with pytest.raises(SpecError, match=r"dictionary.tolerance in \(0, 1\)"):
        Dictionary(tolerance=0.0)
    with pytest.raises(ValueError, match="norm at most 1"):
        Dictionary(2, ball=True).lift(np.full(6, 2.0))
    with pytest.raises(DataError, match=r"got shape \(4,\)"):
        Dictionary().settle(Federation([Samples(np.ones(4))], check=False), ())


@pytest.mark.parametrize("fields", [{}, {"ball": True, "ridge": 0.0}], ids=str)
def test_sparse_equals_dense(fields: Any) -> None:
    rng = np.random.default_rng(7)
    X = rng.standard_normal((12, 6)) * (rng.random((12, 6)) < 0.3)
    dense, sparse = Samples(X), Samples(csr_array(X))
    problem = Dictionary(4, l1=0.1, l2=0.1, iterations=50, **fields)
    theta, at = (0.5 * rng.standard_normal(24) for _ in range(2))
    for batch in (None, Batch(5, Key(0))):
        for got, want in zip(problem.statistic(sparse, theta, batch), problem.statistic(dense, theta, batch), strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)
    for name in ("value", "gradient"):
        np.testing.assert_allclose(getattr(problem, name)(sparse, theta), getattr(problem, name)(dense, theta), rtol=1e-12)
    np.testing.assert_allclose(problem.majorizer(sparse, theta, at), problem.majorizer(dense, theta, at), rtol=1e-12)
    np.testing.assert_allclose(problem.transform(theta, sparse.X), problem.transform(theta, X), rtol=1e-12, atol=1e-14)


def test_sparse_samples_are_not_densified(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise AssertionError("densified")

    rng = np.random.default_rng(7)
    X = csr_array(rng.standard_normal((12, 6)) * (rng.random((12, 6)) < 0.3))
    for name in ("toarray", "todense"):
        monkeypatch.setattr(type(X), name, refuse)
    problem, theta = Dictionary(4, l2=0.1, iterations=5), rng.standard_normal(24)
    problem.value(Samples(X), theta)
    problem.gradient(Samples(X), theta)
    problem.majorizer(Samples(X), theta, 0.5 * theta)
    problem.transform(theta, X)
