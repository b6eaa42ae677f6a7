"""Quadratic: the facts are exact, the noise has the variance it claims, bad input is refused in a sentence."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from fedmm.errors import DataError, SpecError
from fedmm.federation import Federation, Samples
from fedmm.keys import Key
from fedmm.types import Batch, HasGradient, HasSurrogate
from problems import Quad, Quadratic


def federation(d: int = 5, clients: int = 3, shift: float = 0.2) -> Federation:
    rng = np.random.default_rng(3)
    quads = []
    for _ in range(clients):
        M = rng.standard_normal((d, d))
        quads.append(Quad(M @ M.T / d + shift * np.eye(d), rng.standard_normal(d)))
    return Federation(quads, (0.2, 0.3, 0.5)[:clients], normalize=True)


def objective(problem: Quadratic, data: Federation, theta: np.ndarray) -> float:
    f = sum(w * problem.value(quad, theta) for w, quad in zip(data.weights, data, strict=True))
    return float(f + problem.penalty(theta))


@pytest.mark.parametrize("ridge", [0.0, 0.7])
def test_facts_are_exact(ridge: float) -> None:
    data = federation()
    problem = Quadratic(ridge=ridge, noise=0.3).settle(data, (HasSurrogate,))
    facts, rho = problem.facts(data), problem.rho
    assert rho is not None
    I = np.eye(5)
    c = problem.minimize(I)[0, 0]
    np.testing.assert_allclose(problem.minimize(I), c * I, rtol=1e-14)
    assert facts.v_min == facts.v_max == pytest.approx(c / rho, rel=1e-13)
    for quad, L in zip(data, facts.field_lipschitz or (), strict=True):
        jacobian = problem.statistic(quad, c * I)[0] - I - (problem.statistic(quad, 0 * I)[0])
        assert pytest.approx(np.linalg.norm(jacobian, 2), rel=1e-12) == L
    A = sum(w * quad.A for w, quad in zip(data.weights, data, strict=True)) + ridge * I
    assert facts.composite_smoothness == pytest.approx(c**2 * np.linalg.norm(A, 2), rel=1e-13)
    assert facts.strong_convexity == pytest.approx(np.linalg.eigvalsh(A)[0] - ridge, rel=1e-12)
    assert facts.smoothness == pytest.approx(max(np.linalg.norm(quad.A, 2) for quad in data), rel=1e-13)
    assert facts.smoothness is not None
    assert rho == pytest.approx(1.0 / facts.smoothness, rel=1e-13)
    assert facts.oracle_variance == pytest.approx([0.3**2] * 3)
    assert facts.notes["optimum"] == "exact"


@pytest.mark.parametrize("ridge", [0.0, 0.7])
def test_solution_attains_the_optimum(ridge: float) -> None:
    data, problem = federation(), Quadratic(ridge=ridge)
    theta = problem.solution(data)
    slope = sum(w * problem.gradient(quad, theta) for w, quad in zip(data.weights, data, strict=True)) + ridge * theta
    assert np.abs(slope).max() < 1e-13
    assert problem.facts(data).optimum == pytest.approx(objective(problem, data, theta), rel=1e-13)


@pytest.mark.parametrize("size", [1, 7])
def test_the_noise_has_the_variance_it_claims(size: int) -> None:
    """Sum of squares ~ (noise^2 / (size d)) chi2(N d), mean ~ N(0, .): false alarm at most 4e-9 for each size."""
    data, N, d = federation(), 400, 5
    problem = Quadratic(noise=0.6).settle(data, (HasGradient,))
    assert problem.rho is not None  # the gradient's noise needs it too
    theta = np.ones(d)
    exact = problem.statistic(data[0], theta)[0]
    draws = [problem.statistic(data[0], theta, Batch(size, Key(1, 0, 0, (k,))))[0] for k in range(N)]
    errors = (np.stack(draws) - exact) / (0.6 / np.sqrt(size * d))
    assert chi2.ppf(1e-9, N * d) < (errors**2).sum() < chi2.isf(1e-9, N * d)
    assert N * (errors.mean(axis=0) ** 2).sum() < chi2.isf(1e-9, d)
    batch = Batch(size, Key(1))
    noisy = theta - problem.rho * problem.gradient(data[0], theta, batch)
    np.testing.assert_array_equal(noisy, problem.statistic(data[0], theta, batch)[0])


def test_rho_is_settled_only_where_it_is_needed() -> None:
    data = federation()
    assert Quadratic().settle(data, (HasGradient,)).rho is None
    assert Quadratic(rho=0.1).settle(data, (HasSurrogate,)).rho == 0.1
    with pytest.raises(SpecError, match="rho is not known yet"):
        Quadratic().minimize(np.ones(5))


def test_without_a_minimiser_the_optimum_is_unknown() -> None:
    flat = Federation([Quad(np.diag([1.0, 0.0]), np.ones(2))])
    saddle = Federation([Quad(np.diag([1.0, -1.0]), np.ones(2))])
    for data in (flat, saddle):
        facts = Quadratic().facts(data)
        assert facts.optimum is None
        assert "no unique minimiser" in facts.notes["optimum"]
        with pytest.raises(SpecError, match="raise the ridge"):
            Quadratic().solution(data)
    assert Quadratic().facts(flat).strong_convexity == 0.0
    assert Quadratic().facts(saddle).strong_convexity is None
    assert Quadratic(ridge=2.0).facts(saddle).optimum is not None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (Samples(np.ones((3, 2)), np.ones(3)), r"expects Quad\(A, b\) for client 0, got Samples"),
        (Quad(np.ones((2, 3)), np.ones(3)), r"A \(d, d\)"),
        (Quad(np.array([[1.0, 2.0], [0.0, 1.0]]), np.ones(2)), "symmetric"),
    ],
)
def test_bad_data_are_refused(data: Quad | Samples, words: str) -> None:
    with pytest.raises(DataError, match=words):
        Quadratic().settle(Federation([data], check=False), (HasSurrogate,))


@pytest.mark.parametrize("field", ["ridge", "noise", "rho"])
def test_bad_constants_are_refused(field: str) -> None:
    for value in (-1.0, float("nan"), float("inf")):
        with pytest.raises(SpecError, match=f"quadratic.{field}"):
            Quadratic(**{field: value})


def test_lift_refuses_what_has_no_statistic() -> None:
    for theta in (np.array(1.0), np.array([1.0, np.nan]), np.array([np.inf, 0.0])):
        with pytest.raises(ValueError, match="no statistic maps to it"):
            Quadratic(rho=1.0).lift(theta)
