"""P1, P2, P3 and P5': the geometry of surrogates, on a random instance of every family."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmm.testing.cases import inside
from problems import CATALOG
from theory_checks.beds import random_statistic
from theory_checks.differences import jacobian
from theory_checks.families import INSTANCES, SMOOTH, family_of
from theory_checks.landscape import Landscape
from theory_checks.statements.descent import bregman, descent, relaxed_descent
from theory_checks.statements.gradient import curvature, gradient_identity
from theory_checks.statements.projection import projected_step
from theory_checks.statements.stationarity import certificate, distance_to_subdifferential

ROUNDING = 1e-10
"""Relative to 1 + |W| + |rhs|; codes of dictionaries are iterated to about 1e-12."""

seeds = st.integers(0, 10**6)


def pick(name: str, seed: int) -> tuple[Landscape, np.random.Generator]:
    return INSTANCES[name](seed), np.random.default_rng([seed, 2])


def at_most(small: float, large: float, scale: float) -> bool:
    return small <= large + ROUNDING * (1.0 + abs(scale) + abs(large))


def test_every_surrogate_problem_has_an_instance() -> None:
    classes = {type(make(0).problem) for make in INSTANCES.values()}
    assert classes == set(CATALOG)


@pytest.mark.parametrize("name", INSTANCES)
@given(seed=seeds)
def test_families_are_those_of_the_oracles(name: str, seed: int) -> None:
    """The majoriser is f_i(tau) + psi(theta) - psi(tau) - <S_i(tau), phi(theta) - phi(tau)>."""
    at, rng = pick(name, seed)
    family = family_of(at.problem)
    start = at.problem.start(at.federation)
    theta, tau = inside(at.problem, start, start + rng.standard_normal((2, *start.shape)))
    for data in at.federation:
        S = at.problem.statistic(data, tau)[0]
        want = at.problem.value(data, tau) + family.psi(theta) - family.psi(tau)
        want -= float(S @ (family.phi(theta) - family.phi(tau)))
        assert np.isclose(float(at.problem.majorizer(data, theta, tau)), want, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", INSTANCES)
@given(seed=seeds, spread=st.sampled_from([0.01, 0.3, 1.0, 3.0]))
def test_p1_descent_between_any_two_statistics(name: str, seed: int, spread: float) -> None:
    at, rng = pick(name, seed)
    family = family_of(at.problem)
    s, t = random_statistic(at, rng, spread), random_statistic(at, rng, spread)
    left, right = descent(at, family, t, s)
    assert at_most(left, right, at.value(s))
    assert at_most(0.0, bregman(at, family, t, s), at.value(s))


@pytest.mark.parametrize("name", INSTANCES)
@given(seed=seeds, gamma=st.floats(0.01, 1.0))
def test_p1_relaxed_steps_never_increase_W(name: str, seed: int, gamma: float) -> None:
    at, rng = pick(name, seed)
    s = random_statistic(at, rng)
    after, promised, before = relaxed_descent(at, family_of(at.problem), s, gamma)
    assert at_most(after, promised, before)
    assert at_most(promised, before, before)


def test_p1_is_sharp_enough_to_catch_a_surrogate_that_does_not_majorise() -> None:
    """With rho = 1.5/L the majorisation fails along the sharpest direction of one client, and P1 must fail with it."""
    from fedmm import Federation
    from problems import Quad, Quadratic
    from theory_checks.landscape import landscape

    at = landscape(Quadratic(rho=1.5), Federation([Quad(np.diag([1.0, 0.1]), np.ones(2))]))
    family = family_of(at.problem)
    left, right = descent(at, family, np.array([1.0, 0.0]), np.array([0.0, 0.0]))
    assert left > right + 0.1


def test_p1_refuses_steps_beyond_one() -> None:
    at, rng = pick("quadratic", 0)
    with pytest.raises(ValueError, match="gamma in"):
        relaxed_descent(at, family_of(at.problem), random_statistic(at, rng), 1.5)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_p2_gradient_identity(name: str, seed: int) -> None:
    at, rng = pick(name, seed)
    s = random_statistic(at, rng, 0.3)
    gradient, promised, B = gradient_identity(at, family_of(at.problem), s, step=1e-4)
    scale = 1.0 + np.abs(promised).max()
    assert np.abs(gradient - promised).max() <= 1e-6 * scale
    assert np.abs(B - B.T).max() <= 1e-6 * (1.0 + np.abs(B).max())
    eigenvalues = np.linalg.eigvalsh(0.5 * (B + B.T))
    assert eigenvalues[0] >= -1e-6 * (1.0 + eigenvalues[-1])
    facts, h = at.problem.facts(at.federation), at.field(s)
    if facts.v_min is not None and facts.v_max is not None:
        fall, size = -float(gradient @ h), float(h @ h)
        assert facts.v_min * size <= fall * (1 + 1e-6) + 1e-9
        assert fall <= facts.v_max * size * (1 + 1e-6) + 1e-9


def test_p2_is_not_vacuous() -> None:
    """The identity fails by far for the field of another problem, so equality above means something."""
    at, rng = pick("jaakkola-jordan", 0)
    s = random_statistic(at, rng, 0.3)
    gradient, promised, _ = gradient_identity(at, family_of(at.problem), s, step=1e-4)
    assert np.abs(gradient).max() > 1e-2
    assert np.abs(gradient - 1.01 * promised).max() > 1e-6 * (1.0 + np.abs(promised).max())


@pytest.mark.parametrize("name", ["quadratic", *(n for n in INSTANCES if n.startswith(("least", "logistic")))])
@given(seed=seeds)
def test_p3_distance_to_stationarity(name: str, seed: int) -> None:
    """-h/rho is a subgradient of W at T(s), so 0 is within |h|/rho of the subdifferential; l1 included."""
    at, rng = pick(name, seed)
    s = random_statistic(at, rng)
    theta, h, rho = at.minimize(s), at.field(s), at.problem.rho
    scale = 1.0 + np.abs(at.gradient(theta)).max()
    if name == "quadratic":  # its ridge belongs to g
        slope = at.gradient(theta) + at.problem.ridge * theta
        assert np.abs(slope + h / rho).max() <= 1e-10 * scale
        return
    l1 = at.problem.l1
    assert distance_to_subdifferential(at, theta, l1, -h / rho) <= 1e-10 * scale
    assert distance_to_subdifferential(at, theta, l1, 0.0 * h) <= np.linalg.norm(h) / rho + 1e-10 * scale


@pytest.mark.parametrize("name", SMOOTH)
def test_p3_certificate_of_curved_families(name: str) -> None:
    at, rng = pick(name, 3)
    s = random_statistic(at, rng, 0.3)
    theta, promised = at.minimize(s), certificate(at, family_of(at.problem), s)
    slopes, wants = [], []
    for _ in range(theta.size + 2):  # towards other parameters, so as to stay in the hull of a constrained domain
        v = at.minimize(random_statistic(at, rng, 0.3)) - theta
        slopes.append(float(jacobian(lambda u, v=v: at.objective(theta + u[0] * v), np.zeros(1), 1e-4)[0]))
        wants.append(float(promised @ v))
    assert np.abs(np.array(slopes) - wants).max() <= 1e-6 * (1.0 + np.abs(wants).max())


def test_p3_sees_zeros_of_the_l1_penalty() -> None:
    """At some instance T(s) has exact zeros, where the subdifferential is an interval."""
    at, rng = pick("least-squares-l1", 1)
    counts = [int((at.minimize(random_statistic(at, rng, 0.3)) == 0).sum()) for _ in range(20)]
    assert max(counts) > 0


@given(seed=seeds, share=st.floats(0.05, 1.0), noise=st.floats(0.0, 5.0))
def test_p5_prime_one_step_with_and_without_projection(seed: int, share: float, noise: float) -> None:
    """For S = R^q, and for a ball around s that holds s + gamma h (B is a multiple of the identity here)."""
    at, rng = pick("quadratic", seed)
    s = random_statistic(at, rng)
    facts, h = at.problem.facts(at.federation), at.field(s)
    gamma = share * min(1.0, facts.v_min / facts.composite_smoothness)
    H = h + noise * rng.standard_normal(h.shape)
    B = facts.v_min * np.eye(s.size)
    radius = 1.5 * gamma * np.linalg.norm(h)

    def onto_ball(u: np.ndarray) -> np.ndarray:
        return s + (u - s) * min(1.0, radius / max(np.linalg.norm(u - s), 1e-300))

    assert np.allclose(curvature(at, family_of(at.problem), s), B, atol=1e-8 * facts.v_max)
    for project in (at.problem.project, onto_ball):
        left, right = projected_step(at, s, H, gamma, B, project)
        assert at_most(left, right, at.value(s))


def test_p5_prime_fails_for_long_steps() -> None:
    """With 3 x the admissible step and no noise the inequality breaks on some start: the test above has teeth."""
    at, rng = pick("quadratic", 0)
    facts = at.problem.facts(at.federation)
    gamma = 3.0 * facts.v_min / facts.composite_smoothness
    B = facts.v_min * np.eye(4)
    broken = []
    for _ in range(10):
        s = random_statistic(at, rng)
        left, right = projected_step(at, s, at.field(s), gamma, B, at.problem.project)
        broken.append(left > right + 1e-6)
    assert any(broken)
