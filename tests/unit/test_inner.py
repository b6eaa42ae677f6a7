"""The inner solve: its certificate, warm starts, blocks, what it refuses, and statistics that are not finite."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fedmm.symmetric import pack
from problems import L1, Box, Dictionary, ElasticNet, GroupLasso, Logistic, Multinomial
from problems.inner import minimize_quadratic


def instance(seed: int, condition: float = 1e3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.standard_normal((8, 8)))[0]
    return (Q * np.geomspace(1.0, 1.0 / condition, 8)) @ Q.T, rng.standard_normal(8)


def solved(P: np.ndarray, b: np.ndarray, g: Any, tolerance: float, start: Any = None) -> np.ndarray:
    spectrum = np.linalg.eigvalsh(P)
    least, largest = float(spectrum.min()), float(spectrum.max())
    return minimize_quadratic(lambda x: P @ x, least, largest, b, g, start, tolerance)


@pytest.mark.parametrize("g", [L1(0.3), ElasticNet(0.2, 0.1), Box(-0.5, 1.0), GroupLasso(0.4, 4)], ids=str)
@pytest.mark.parametrize("tolerance", [1e-3, 1e-8, 1e-13])
def test_the_answer_is_exact_for_a_nearby_b(g: Any, tolerance: float) -> None:
    """x = prox_g(x - (P x - b - v)) for some |v| <= tolerance (|b| + L |x|): so the distance to x* is at most |v| / mu."""
    for seed in range(3):
        P, b = instance(seed)
        x, best = solved(P, b, g, tolerance), solved(P, b, g, 1e-15)
        allowed = tolerance * (np.linalg.norm(b) + np.linalg.norm(x))
        mu = 1e-3 + g.strong_convexity
        assert np.linalg.norm(x - best) <= (allowed + 1e-13) / mu
        np.testing.assert_allclose(g.prox(best - (P @ best - b), 1.0), best, atol=1e-11)


def test_from_the_answer_it_stays() -> None:
    P, b = instance(0)
    best = solved(P, b, L1(0.3), 1e-12)
    calls: list[int] = []

    def product(x: np.ndarray) -> np.ndarray:
        calls.append(1)
        return P @ x

    np.testing.assert_allclose(minimize_quadratic(product, 1e-3, 1.0, b, L1(0.3), best, 1e-8), best, atol=1e-12)
    warm, calls = len(calls), []
    minimize_quadratic(product, 1e-3, 1.0, b, L1(0.3), None, 1e-8)
    assert warm <= 3 < len(calls)


@pytest.mark.parametrize(
    "problem",
    [Logistic(ridge=0.1, l1=0.1, surrogate="boehning"), Multinomial(2, ridge=0.1, l1=0.1, surrogate="boehning")],
    ids=str,
)
def test_a_block_is_a_loop_bit_for_bit(problem: Any) -> None:
    """However unlike its rows are: each is solved as if it were alone, so that a sweep gives what separate runs give."""
    rng = np.random.default_rng(0)
    size = 4 if isinstance(problem, Logistic) else 8
    s1 = rng.standard_normal((3, size)) * np.array([[1.0], [100.0], [0.0]])
    s2 = np.stack([pack(c * np.diag([1.0, 2.0, 0.1, 3.0])) for c in (1.0, 1e-3, 10.0)])
    stats, starts = np.concatenate([s1, s2], axis=1), rng.standard_normal((3, size))
    np.testing.assert_array_equal(problem.minimize(stats), [problem.minimize(s) for s in stats])
    pairs = zip(stats, starts, strict=True)
    np.testing.assert_array_equal(problem.minimize(stats, starts), [problem.minimize(s, t) for s, t in pairs])


def test_zero_and_float32() -> None:
    P, b = instance(0, 10.0)
    np.testing.assert_array_equal(solved(P, 0.0 * b, L1(0.3), 1e-10), 0.0 * b)
    single = solved(P.astype(np.float32), b.astype(np.float32), L1(0.3), 1e-10)
    assert single.dtype == np.float32
    x = solved(P, b, L1(0.3), 1e-12)
    allowed = 64 * np.finfo(np.float32).eps * (np.linalg.norm(b) + np.linalg.norm(x)) / 0.1
    assert np.linalg.norm(single - x) <= allowed < 0.01 * np.linalg.norm(x)


def test_what_cannot_be_reached_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("problems.inner.LIMIT", 20)
    P, b = instance(0, 1e8)
    with pytest.raises(ArithmeticError, match=r"tolerance 1e-12 in 20 iterations, at condition number 1e\+08; raise the ridge"):
        solved(P, b, L1(1e-6), 1e-12)
    monkeypatch.setattr("problems.atoms.LIMIT", 1)
    D = np.random.default_rng(0).standard_normal((4, 3))
    s = np.concatenate([pack(D.T @ D + 3.0), 5 * D.ravel()])
    with pytest.raises(ArithmeticError, match="in 1 sweeps; raise the tolerance or the ridge"):
        Dictionary(3, ball=True).minimize(s)


@pytest.mark.parametrize(
    ("problem", "size"),
    [
        (Logistic(ridge=0.1, l1=0.1, surrogate="boehning"), 9),
        (Logistic(ridge=0.1, surrogate="jaakkola-jordan"), 9),
        (Multinomial(2, ridge=0.1, l1=0.1, surrogate="boehning"), 12),
        (Dictionary(3, ball=True), 12),
    ],
    ids=str,
)
def test_a_statistic_that_is_not_finite_gives_a_theta_that_is_not(problem: Any, size: int) -> None:
    s = np.ones(size)
    s[0] = np.inf
    assert np.isnan(problem.minimize(s)).all()
    if not isinstance(problem, Dictionary):
        other = np.concatenate([np.ones(size - 6), pack(np.eye(3))])
        both = problem.minimize(np.stack([other, s]))
        assert np.isfinite(both[0]).all()
        assert np.isnan(both[1]).all()


def test_a_singular_curvature_is_refused() -> None:
    s = np.concatenate([np.ones(3), pack(np.diag([1.0, 1.0, 0.0]))])
    for surrogate in ("boehning", "jaakkola-jordan"):
        problem = Logistic(l1=0.1, surrogate=surrogate)  # type: ignore[arg-type]
        with pytest.raises(np.linalg.LinAlgError, match=rf"{surrogate} is not positive definite.*add a ridge"):
            problem.minimize(s)
        assert np.isfinite(Logistic(g=ElasticNet(0.1, 0.1), surrogate=surrogate).minimize(s)).all()  # type: ignore[arg-type]


def test_a_sweep_that_leaves_the_first_atom_is_not_the_last() -> None:
    """The first atom fits the second's start, so only what the second did says that the first must move again."""
    A, B = np.array([[1.0, 0.9], [0.9, 1.0]]), 0.5 * np.random.default_rng(0).standard_normal((4, 2))
    problem = Dictionary(2, ridge=0.0, ball=True, tolerance=1e-13)
    stat = np.concatenate([pack(A), B.ravel()])
    first = problem.restrict(B.ravel()).reshape(4, 2) * np.array([1.0, 0.0])
    D = problem.minimize(stat, start=first.ravel()).reshape(4, 2)
    np.testing.assert_allclose(D, problem.minimize(stat).reshape(4, 2), atol=1e-11)
    np.testing.assert_allclose(D, problem.restrict((D - (D @ A - B)).ravel()).reshape(4, 2), atol=1e-12)
