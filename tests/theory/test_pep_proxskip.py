"""ProxSkip's worst cases against published factors, reference values, quadratics and the unreduced problem."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import pytest

from theory_checks.pep import SymPEP
from theory_checks.pep.batch import Batch
from theory_checks.pep.certify_rate import certify_rate
from theory_checks.pep.programs.proxskip import proxskip_factor, proxskip_psi, proxskip_step
from theory_checks.pep.radius import proxskip_lower, proxskip_radius


def factor(gamma: float, p: float, mu: float = 0.1, N: int | tuple[int, ...] = 2) -> float:
    """The exact one-step factor of Psi."""
    same = (lambda x: x) if isinstance(N, int) else (lambda x: (x,) * len(N))
    world = SymPEP(L=same(1.0), mu=same(mu), N=N)
    return world.maximize(proxskip_factor(world, gamma=gamma, p=p)).dual_value


def rate(gamma: float, p: float, mu: float = 0.1, N: int = 2) -> float:
    """The best rate of a quadratic Lyapunov function."""
    world = SymPEP(L=1.0, mu=mu, N=N)
    return world.lyapunov(*proxskip_step(world, gamma=gamma, p=p)).rate


def closed_form(gamma: float, p: float, mu: float) -> float:
    return max((1 - gamma * mu) ** 2, (1 - gamma) ** 2, 1 - p * p)


ONE_STEP = [
    (1.0, 0.3, 0.1, 0.91),
    (1.0, 0.05, 0.1, 0.9975),
    (1.0, 0.5, 0.1, 0.81),
    (0.5, 0.2, 0.1, 0.96),
    (1.0, 1.0, 0.1, 0.81),
    (1.5, 0.3, 0.1, 0.91),
    (1.8, 0.6, 0.1, 0.6724),
    (1.0, 0.9, 0.3, 0.49),
]


@pytest.mark.parametrize(("gamma", "p", "mu", "value"), ONE_STEP)
def test_one_step_values(gamma: float, p: float, mu: float, value: float) -> None:
    assert factor(gamma, p, mu) == pytest.approx(value, abs=1e-7)


def test_the_one_step_factor_has_a_closed_form() -> None:
    """max((1-gamma mu)^2, (1-gamma L)^2, 1-p^2), within the theorem's steps and beyond them; for any N."""
    for gamma, p, mu in product([0.1, 0.7, 1.0, 1.4, 1.9], [0.05, 0.3, 0.8, 1.0], [0.0, 0.05, 0.4]):
        assert factor(gamma, p, mu) == pytest.approx(closed_form(gamma, p, mu), abs=1e-7), (gamma, p, mu)
    assert factor(0.9, 0.4, N=10**6) == pytest.approx(factor(0.9, 0.4), abs=1e-7)


SEARCHED = [
    (1.0, 0.1, 0.98148),
    (1.0, 0.2, 0.93103),
    (1.0, 0.3, 0.85759),
    (1.0, 0.5, 0.81001),
    (0.5, 0.2, 0.92525),
    (1.8, 0.6, 0.67241),
]


@pytest.mark.parametrize(("gamma", "p", "value"), SEARCHED)
def test_searched_rates(gamma: float, p: float, value: float) -> None:
    """The printed digits are those of the upper end of an interval of length 2^-16."""
    assert value - 2**-16 - 6e-6 <= rate(gamma, p) <= value + 6e-6


@pytest.mark.parametrize(("p", "value"), [(Fraction(1, 10), 0.98148), (Fraction(1, 5), 0.93103), (Fraction(3, 10), 0.85759)])
def test_searched_rates_are_proved_in_exact_arithmetic(p: Fraction, value: float) -> None:
    """A rational certificate at gamma = 1/L, where the published rate is 1 - p^2."""
    certificate = certify_rate(proxskip_step, {"gamma": Fraction(1), "p": p}, L=Fraction(1), mu=Fraction(1, 10), N=2)
    assert value - 2e-5 <= certificate.bound <= value + 5e-6 < 1 - p * p
    assert len(certificate.check()) == 2


QUADRATICS = [(1.0, 0.1, 0.98100), (1.0, 0.2, 0.92800), (1.0, 0.3, 0.85005), (1.0, 0.5, 0.81000), (0.5, 0.2, 0.92446)]


@pytest.mark.parametrize(("gamma", "p", "value"), QUADRATICS)
def test_quadratics_bound_the_searched_rate_from_below(gamma: float, p: float, value: float) -> None:
    """Sandwiched: the exact radius, the searched rate less than 1 % above it, the published rate."""
    lower = proxskip_lower(gamma, p)
    assert lower == pytest.approx(value, abs=6e-6)
    found = rate(gamma, p)
    assert lower <= found <= 1.01 * lower
    assert found <= 1 - min(gamma * 0.1, p * p) + 2**-16


def test_the_rate_on_quadratics_for_small_p() -> None:
    """1 - 2p^2 + p^3 at gamma L = 1, while the published branch is 1 - p^2; at p = .3 another curvature binds."""
    for p in (0.1, 0.2):
        assert proxskip_lower(1.0, p) == pytest.approx(1 - 2 * p**2 + p**3, abs=1e-9)
    assert proxskip_lower(1.0, 0.3) > 1 - 2 * 0.3**2 + 0.3**3 + 0.002


def test_certain_communication_is_gradient_descent() -> None:
    for gamma in (0.3, 1.0, 1.7):
        gd = max((1 - 0.1 * gamma) ** 2, (1 - gamma) ** 2)
        assert factor(gamma, 1.0) == pytest.approx(gd, abs=1e-7)
        assert rate(gamma, 1.0) == pytest.approx(gd, abs=4e-5)
        assert proxskip_radius([0.1, 0.1], gamma, 1.0) == pytest.approx((1 - 0.1 * gamma) ** 2, abs=1e-12)


@pytest.mark.parametrize("N", [2, 3])
@pytest.mark.parametrize(("p", "value"), [(0.3, 0.91), (0.5, 0.81)])
def test_the_unreduced_problem_has_the_same_value(N: int, p: float, value: float) -> None:
    """Classes of one client each are the problem with all clients written out."""
    assert factor(1.0, p, N=(1,) * N) == pytest.approx(value, abs=1e-6)


def test_instances_are_below_the_worst_case() -> None:
    """One text, two worlds: a batch of federations never exceeds the worst case, for Psi and for the searched function."""
    for mu, N in ((0.05, 2), (0.4, 3)):
        pep, batch = SymPEP(1.0, mu, N), Batch(1.0, mu, N)
        worst = pep.maximize(proxskip_factor(pep, gamma=0.7, p=0.4)).dual_value
        before, after = proxskip_psi(batch, gamma=0.7, p=0.4)
        observed = batch.worst_ratio(after, before)
        assert 0.95 * worst <= observed <= worst * (1 + 1e-6)
        pep = SymPEP(1.0, mu, N)
        found, step = pep.lyapunov(*proxskip_step(pep, gamma=0.7, p=0.4)), proxskip_step(batch, gamma=0.7, p=0.4)
        assert batch.worst_factor(step.now, step.after, found.p.tolist()) <= found.rate + 1e-5


@pytest.mark.parametrize("L", [1e-6, 1e-3, 4.0, 1e3, 1e6])
def test_rescaling_changes_nothing(L: float) -> None:
    """f -> L f: mu times L, gamma over L; solvers must not lose the answer in their absolute accuracy."""

    def numbers(L: float) -> tuple[float, float]:
        one, two = SymPEP(L, 0.1 * L, 3), SymPEP(L, 0.1 * L, 3)
        exact = one.maximize(proxskip_factor(one, gamma=0.8 / L, p=0.6)).dual_value
        return exact, two.lyapunov(*proxskip_step(two, gamma=0.8 / L, p=0.6)).rate

    assert numbers(L) == (pytest.approx(numbers(1.0)[0], abs=1e-6), pytest.approx(numbers(1.0)[1], abs=2e-5))


def test_exact_coefficients() -> None:
    """The text takes fractions, for certificates."""
    world = SymPEP(L=1, mu=Fraction(1, 10), N=2, exact=True)
    found = world.maximize(proxskip_factor(world, gamma=Fraction(1), p=Fraction(3, 10)))
    assert found.dual_value == pytest.approx(0.91, abs=1e-7)
