"""The Lyapunov search: the same rate in all units, rates near 1, certificates that are checked, refusals in sentences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmm.errors import SpecError
from theory_checks.pep import Lyapunov, SymPEP, WorstCaseError, lyapunov, mean, norm2
from theory_checks.pep.assemble import stacked, valid
from theory_checks.pep.equilibration import independent
from theory_checks.pep.lyapunov import certifies, current
from theory_checks.pep.programs import Step
from theory_checks.pep.programs.diana import diana_step
from theory_checks.pep.programs.ef21 import ef21_factor, ef21_step, published
from theory_checks.pep.programs.proxskip import proxskip_step
from theory_checks.pep.radius import fedmm_lower, proxskip_lower
from theory_checks.pep.rates import best_fedmm_step, searched_rate, textbook_rate, textbook_step

SCALES = (1e-3, 1e-1, 10.0, 1e3)
"""Smoothness, beside 1."""


def descent(world: Any, *, gamma: float, unit: float = 1.0) -> Step:
    """One step of gradient descent; its point is counted in `unit`."""
    x = world.point() * unit
    return Step([norm2(x)], [norm2(x - gamma * mean(world.grad(x)))], norm2(x))


def shifts(world: Any, *, gamma: float) -> Step:
    return diana_step(world, gamma=gamma, alpha=0.25, omega=3)


def skips(world: Any, *, gamma: float) -> Step:
    return proxskip_step(world, gamma=gamma, p=0.3)


def feedback(world: Any, *, gamma: float) -> Step:
    return ef21_step(world, gamma=gamma, delta=0.5)


def found(program: Callable[..., Step], L: float = 1.0, mu: float = 0.1, gamma: float = 0.2, **parameters: Any) -> Lyapunov:
    """The search for L-smooth functions of condition number 1/mu, with the step gamma/L."""
    world = SymPEP(L=L, mu=mu * L, N=2)
    return world.lyapunov(*program(world, gamma=gamma / L, **parameters))


@pytest.mark.parametrize(("program", "rel"), [(descent, 2e-5), (shifts, 2e-5), (skips, 2e-5), (feedback, 2e-4)])
def test_the_rate_does_not_depend_on_the_units_of_f(program: Callable[..., Step], rel: float) -> None:
    """f -> L f with gamma -> gamma/L: 1 - rate to twice the accuracy of the search, where the solver is more accurate.

    EF21's best multipliers are large, and there it is less accurate.
    """
    one = found(program).rate
    for L in SCALES:
        assert 1.0 - found(program, L=L).rate == pytest.approx(1.0 - one, rel=rel), L


@pytest.mark.parametrize("unit", [1e-4, 1e4])
def test_the_rate_does_not_depend_on_the_units_of_x(unit: float) -> None:
    assert found(descent, unit=unit).rate == pytest.approx(0.98**2, abs=1e-6)


def test_terms_and_target_have_units_of_their_own() -> None:
    """c V_k, c V_k+ and b Q: the same rate, and weights of b/c times the size."""
    world = SymPEP(L=1.0, mu=0.1, N=2)
    now, after, target = shifts(world, gamma=0.2)
    plain = world.lyapunov(now, after, target)
    scaled = world.lyapunov([v * 1e5 for v in now], [v * 1e5 for v in after], target * 1e-2)
    assert 1.0 - scaled.rate == pytest.approx(1.0 - plain.rate, rel=2e-5)
    assert 1e-8 < np.abs(scaled.p).max() / np.abs(plain.p).max() < 1e-6


@pytest.mark.parametrize("L", [1.0, *SCALES])
def test_ef21_is_at_least_as_good_as_its_published_function(L: float) -> None:
    """At (delta, mu) = (.1, .01) the published function contracts by .999357; a search over a larger family cannot be worse."""
    gamma, c, _ = published(0.1, 0.01)
    world = SymPEP(L=1.0, mu=0.01, N=2)
    one_step = world.maximize(ef21_factor(world, gamma=gamma, delta=0.1, c=c)).dual_value
    assert one_step == pytest.approx(0.999357, abs=1e-6)
    world = SymPEP(L=L, mu=0.01 * L, N=2)
    rate = world.lyapunov(*ef21_step(world, gamma=gamma / L, delta=0.1)).rate
    assert 0.99925 < rate < one_step - 5e-5


@pytest.mark.parametrize("mu", [1e-1, 1e-3, 1e-5, 1e-7])
def test_rates_near_one_are_as_accurate_as_others(mu: float) -> None:
    """Gradient descent contracts by (1 - gamma mu)^2: 1 - rate to 2e-5, at any condition number."""
    rate = found(descent, mu=mu, gamma=1.0).rate
    assert 1.0 - rate == pytest.approx(1.0 - (1.0 - mu) ** 2, rel=2e-5)


def test_rtol_is_the_accuracy_of_the_slack() -> None:
    world = SymPEP(L=1.0, mu=1e-4, N=2)
    step = descent(world, gamma=1.0)
    exact = 1.0 - (1.0 - 1e-4) ** 2
    for rtol in (1e-1, 1e-3):
        assert exact * (1.0 - rtol) <= 1.0 - world.lyapunov(*step, rtol=rtol).rate <= exact * (1.0 + 1e-6)
    with pytest.raises(SpecError, match="rtol in \\(0, 1\\)"):
        world.lyapunov(*step, rtol=0.0)


def test_a_convex_function_has_the_rate_one() -> None:
    """mu = 0: the distance does not grow, and that is all."""
    assert found(descent, mu=0.0, gamma=1.0).rate == 1.0


@pytest.mark.parametrize("program", [descent, shifts, skips, feedback])
def test_certificates_exist_exactly_from_the_best_rate_on(program: Callable[..., Step]) -> None:
    world = SymPEP(L=1.0, mu=0.1, N=2)
    step = program(world, gamma=0.2)
    slack = 1.0 - world.lyapunov(*step).rate
    for part in (0.0, 0.01, 0.5, 0.9, 0.999):
        assert certifies(world, *step, 1.0 - part * slack) is not None, part
    for part in (1.001, 1.1, 2.0):
        assert certifies(world, *step, 1.0 - part * slack) is None, part


@pytest.mark.parametrize("program", [descent, shifts, skips, feedback])
@pytest.mark.parametrize("mu", [0.1, 1e-3])
def test_the_multipliers_are_a_proof(program: Callable[..., Step], mu: float) -> None:
    """rate V - V+ + sum lambda I and V - Q + sum nu J: positive semidefinite, function values cancel; to 1e-7 of the weights."""
    world = SymPEP(L=1.0, mu=mu, N=2)
    step = program(world, gamma=0.2)
    best = world.lyapunov(*step)
    rules, now, after, target = valid(world), *(stacked(world, terms) for terms in (step.now, step.after, [step.target]))
    earlier = current(world, rules, now)
    assert min(best.multipliers.min(), best.positivity.min(initial=0.0)) >= 0.0
    small = 1e-7 * max(np.abs(part).max() for part in (best.p, best.multipliers, [1.0]))
    for part in ("M", "D", "F"):
        V, W, Q, I, J = (getattr(rows, part) for rows in (now, after, target, rules, earlier))
        p = best.p
        falls = best.rate * np.tensordot(p, V, 1) - np.tensordot(p, W, 1) + np.tensordot(best.multipliers, I, 1)
        above = np.tensordot(p, V, 1) - Q[0] + np.tensordot(best.positivity, J, 1)
        for left in (falls, above):
            assert (np.abs(left).max(initial=0.0) if part == "F" else -np.linalg.eigvalsh(left).min()) <= small


def test_what_the_solver_says_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A solver that calls a wrong answer solved: no rate, and a sentence that does not say that there is none."""

    def careless(G: np.ndarray, h: np.ndarray, *cones: Any) -> tuple[str, np.ndarray]:
        _, x = attempt(G, h, *cones)
        return "Solved", -x

    attempt = lyapunov.attempt
    monkeypatch.setattr(lyapunov, "attempt", careless)
    with pytest.raises(WorstCaseError, match="could not tell") as caught:
        found(shifts)
    assert caught.value.status == "inaccurate"


def test_a_method_that_diverges_is_refused() -> None:
    with pytest.raises(WorstCaseError, match="No Lyapunov function of this span certifies a rate of 1") as caught:
        found(descent, gamma=2.1)
    assert caught.value.status == "unbounded"
    assert found(descent, gamma=1.9).rate == pytest.approx(0.81, abs=1e-5)


def test_terms_before_and_after_must_match() -> None:
    world = SymPEP(L=1.0, mu=0.1, N=2)
    now, _, target = descent(world, gamma=0.5)
    with pytest.raises(SpecError, match="as many terms"):
        world.lyapunov(now, [], target)


@given(
    N=st.sampled_from([1, 2, 10, 1000]),
    omega=st.sampled_from([0.0, 1.0, 9.0]),
    p=st.sampled_from([0.1, 0.5, 1.0]),
    mu=st.sampled_from([0.3, 1e-2, 1e-4, 1e-6]),
    longer=st.sampled_from([0.5, 1.0, 3.0]),
)
def test_no_certificate_is_below_what_quadratics_need(N: int, omega: float, p: float, mu: float, longer: float) -> None:
    """1 - rate is at most that of clients of one curvature, to a relative 1e-5."""
    gamma, a = textbook_step(1.0, N, omega, p)
    lower = fedmm_lower(1.0, mu, longer * gamma, a, N, omega, p)
    try:
        rate = searched_rate(1.0, mu, N, omega, p, longer * gamma, a, rtol=1e-4)
    except WorstCaseError:
        return
    assert 1.0 - rate <= (1.0 - lower) * (1.0 + 1e-5)


@pytest.mark.parametrize("p", [0.05, 0.2, 0.7])
def test_no_certificate_of_proxskip_is_below_what_quadratics_need(p: float) -> None:
    for mu in (0.1, 1e-3):
        world = SymPEP(L=1.0, mu=mu, N=2)
        rate = world.lyapunov(*proxskip_step(world, gamma=1.0, p=p)).rate
        assert 1.0 - rate <= (1.0 - proxskip_lower(1.0, p, mu=mu)) * (1.0 + 1e-5)


@pytest.mark.parametrize("setting", [(1e-4, 2, 1.0, 0.5), (1e-5, 10, 5.0, 0.5), (3e-6, 10, 0.0, 1.0), (1e-6, 100, 29.0, 0.1)])
def test_tuned_steps_at_a_large_condition_number(setting: tuple[float, int, float, float]) -> None:
    """A certificate within 1 % of the exact rate on quadratics at the step returned, and at least 3.9 textbook rounds in one."""
    mu, N, omega, p = setting
    best = best_fedmm_step(1.0, mu, N, omega, p)
    assert 0.99 * (1.0 - best.lower) <= 1.0 - best.rate <= (1.0 - best.lower) * (1.0 + 1e-5)
    assert 1.0 - best.rate >= 3.9 * (1.0 - textbook_rate(1.0, mu, N, omega, p))


def test_a_condition_number_beyond_the_solver_is_refused() -> None:
    with pytest.raises(WorstCaseError, match="mu/L = 1e-11 is too small for the solver's accuracy; add a ridge") as caught:
        best_fedmm_step(1.0, 1e-11, 10, 1.0)
    assert caught.value.status == "inaccurate"


def test_symbols_that_are_not_needed() -> None:
    """Differences of three vectors need two of them; an unused one is not needed; two in generic use are."""
    a, b, c = np.eye(4)[:3]
    differences = np.array([np.outer(v, v) for v in (a - b, b - c, c - a)])
    assert len(independent(differences)) == 2
    assert 3 not in independent(differences)
    assert list(independent(np.array([np.diag([1.0, 2.0, 0.0]), np.diag([0.0, 1.0, 0.0])]))) == [0, 1]
    assert len(independent(np.zeros((2, 3, 3)))) == 0
