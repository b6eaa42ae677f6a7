"""FedMM's worst cases: DIANA in disguise, participation, a regulariser, tuned steps, and the library's own second moments."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise, product
from math import log
from typing import Any

import numpy as np
import pytest

from fedmm import Federation, RandK, SpecError
from problems import Quad, Quadratic
from theory_checks.expectation import ExactFedMM
from theory_checks.pep import SymPEP, WorstCaseError
from theory_checks.pep.batch import Batch
from theory_checks.pep.certify_rate import certify_rate
from theory_checks.pep.programs.diana import diana_factor, diana_step
from theory_checks.pep.programs.fedmm import fedmm_factor, fedmm_psi, fedmm_step
from theory_checks.pep.radius import fedmm_lower, fedmm_moments
from theory_checks.pep.rates import best_fedmm_step, best_psi_rate, searched_rate, textbook_rate, textbook_step


def world(mu: float = 0.1, N: int = 3, **kind: Any) -> SymPEP:
    return SymPEP(L=1.0, mu=mu, N=N, **kind)


def factor(N: int = 3, **parameters: Any) -> float:
    """The exact one-step factor of Psi."""
    at = world(N=N)
    return at.maximize(fedmm_factor(at, c=3.0, **parameters)).dual_value


@pytest.mark.parametrize(
    "more", [{"p": 0.5}, {"S": 2}, {"S": 2, "regularizer": True}, {"p": 0.5, "regularizer": True, "rho": 0.5}]
)
def test_instances_are_below_the_worst_case(more: dict[str, Any]) -> None:
    """One text, two worlds: a batch of federations never exceeds the worst case, for Psi and for the searched function."""
    kind = {"regularizer": True} if "regularizer" in more else {}
    given = {"gamma": 0.1, "a": 0.2, "omega": 1.0, **more}
    for mu, N in ((0.1, 4), (0.5, 4)):
        pep, batch = SymPEP(1.0, mu, N, **kind), Batch(1.0, mu, N, **kind)
        before, after = fedmm_psi(batch, c=4.0, **given)
        observed, worst = batch.worst_ratio(after, before), pep.maximize(fedmm_factor(pep, c=4.0, **given)).dual_value
        assert observed <= worst * (1 + 1e-6)
        assert observed >= 0.8 * worst
        pep = SymPEP(1.0, mu, N, **kind)
        found, step = pep.lyapunov(*fedmm_step(pep, **given)), fedmm_step(batch, **given)
        assert batch.worst_factor(step.now, step.after, found.p.tolist()) <= found.rate + 1e-5


@pytest.mark.parametrize("omega", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("p", [0.3, 1.0])
def test_compress_then_mask_is_diana(omega: float, p: float) -> None:
    """omega' = (1+omega)/p - 1 and alpha' = a; the same value, whatever rho."""
    omega_p = (1 + omega) / p - 1
    for gamma, a, N, rho in product((0.2, 0.5), (0.1, 0.4), (2, 20), (1.0, 0.25)):
        one, two = world(N=N), world(N=N)
        plain = two.maximize(diana_factor(two, gamma=gamma, alpha=a, omega=omega_p, c=3.0)).dual_value
        text = fedmm_factor(one, gamma=gamma / rho, a=a, omega=omega, p=p, rho=rho, c=3.0)
        assert one.maximize(text).dual_value == pytest.approx(plain, rel=1e-6)
    one, two = world(), world()
    gamma, a = textbook_step(1.0, 3, omega, p)
    step, other = fedmm_step(one, gamma=gamma, a=a, omega=omega, p=p), diana_step(two, gamma=gamma, alpha=a, omega=omega_p)
    assert one.lyapunov(*step).rate == pytest.approx(two.lyapunov(*other).rate, abs=4e-5)


def test_exact_uploads_of_everyone_are_gradient_descent() -> None:
    for gamma in (0.3, 1.0, 1.7):
        gd = max((1 - 0.1 * gamma) ** 2, (1 - gamma) ** 2)
        assert factor(gamma=gamma, a=0.5, omega=0.0) == pytest.approx(gd, abs=1e-7)
        assert searched_rate(1.0, 0.1, 3, 0.0, 1.0, gamma, 0.5) == pytest.approx(gd, abs=1e-6)
        assert fedmm_lower(1.0, 0.1, gamma, 0.5, 3, 0.0) == pytest.approx(gd, abs=1e-12)
    best = best_fedmm_step(1.0, 0.1, 3, 0.0)
    assert best == (pytest.approx(2 / 1.1), 1.0, pytest.approx((0.9 / 1.1) ** 2), pytest.approx((0.9 / 1.1) ** 2))


def test_a_subset_of_everyone_is_full_participation() -> None:
    parameters = {"gamma": 0.3, "a": 0.2, "omega": 2.0}
    assert factor(N=4, S=4, **parameters) == pytest.approx(factor(N=4, p=1.0, **parameters), abs=1e-7)
    assert factor(N=4, S=2, **parameters) > factor(N=4, S=4, **parameters) + 1e-3
    np.testing.assert_array_equal(fedmm_moments(0.7, 0.3, 0.2, 4, 2.0, S=4), fedmm_moments(0.7, 0.3, 0.2, 4, 2.0))


def test_a_subset_is_at_least_as_good_as_coins() -> None:
    """At the step tuned for coins .8289 against .8297 for (10, 1, .5, .1), to four digits; tuned for itself .8247."""
    best = best_fedmm_step(1.0, 0.1, 10, 1.0, 0.5)
    subset = searched_rate(1.0, 0.1, 10, 1.0, 0.5, best.gamma, best.alpha, S=5)
    assert (best.rate, subset) == (pytest.approx(0.82970, abs=2e-5), pytest.approx(0.82888, abs=2e-5))
    tuned = best_fedmm_step(1.0, 0.1, 10, 1.0, S=5)
    assert tuned.rate == pytest.approx(0.82470, abs=2e-5)
    for N, S, omega in ((4, 1, 0.0), (4, 2, 3.0), (20, 5, 1.0)):
        gamma, a = textbook_step(1.0, N, omega, S / N)
        coins = searched_rate(1.0, 0.1, N, omega, S / N, gamma, a)
        assert searched_rate(1.0, 0.1, N, omega, S / N, gamma, a, S=S) <= coins + 2e-6


TABLE = [
    ((2, 1.0, 0.5, 0.1), 0.99000, 0.98073, 0.98010, 0.903841, 0.903840, 10.1),
    ((10, 3.0, 0.5, 0.1), 0.98077, 0.96316, 0.96193, 0.908504, 0.908503, 4.9),
    ((10, 3.0, 0.1, 0.1), 0.99590, 0.99214, 0.99183, 0.980960, 0.980960, 4.7),
    ((100, 9.0, 0.1, 0.01), 0.99856, 0.99713, 0.99712, 0.992388, 0.992386, 5.3),
    ((10, 3.0, 0.1, 0.001), 0.999959, None, None, 0.999250, 0.999250, 18.3),
]


@pytest.mark.parametrize(("setting", "textbook", "psi", "searched", "tuned", "lower", "faster"), TABLE)
def test_reference_values(
    setting: tuple[int, float, float, float],
    textbook: float,
    psi: float | None,
    searched: float | None,
    tuned: float,
    lower: float,
    faster: float,
) -> None:
    """Printed digits at the textbook step; the tuned rate is at most the printed one, and its own lower bound to 1e-6."""
    N, omega, p, mu = setting
    gamma, a = textbook_step(1.0, N, omega, p)
    assert textbook_rate(1.0, mu, N, omega, p) == pytest.approx(textbook, abs=6e-6)
    if psi is not None:
        assert psi - 1.5e-5 <= best_psi_rate(1.0, mu, N, omega, p, gamma, a) <= psi + 6e-6  # printed at a c of a grid
        assert searched_rate(1.0, mu, N, omega, p, gamma, a) == pytest.approx(searched, abs=6e-6)
    best = best_fedmm_step(1.0, mu, N, omega, p)
    assert best.lower - 1e-6 <= best.rate <= best.lower + 1e-6
    assert tuned - 5e-5 <= best.rate <= tuned + 1e-6
    assert lower - 5e-5 <= best.lower <= lower + 1e-6
    rounds = log(best.rate) / log(textbook_rate(1.0, mu, N, omega, p))
    assert rounds >= faster - 0.05
    assert rounds <= faster + 0.05 or mu == 0.001  # there a better step than the printed one was found: 19.4


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_the_tuned_rates_are_proved_in_exact_arithmetic(row: tuple[Any, ...]) -> None:
    """At the tuned step, rounded to decimals: a rational certificate, within 3e-6 of the solver's rate."""
    (N, omega, p, mu), tuned = row[0], row[4]
    best = best_fedmm_step(1.0, mu, N, omega, p)
    gamma, a = Fraction(round(best.gamma * 10**6), 10**6), Fraction(round(best.alpha * 10**7), 10**7)
    parameters = {"gamma": gamma / 10, "a": a, "omega": Fraction(int(omega)), "p": Fraction(repr(p))}
    certificate = certify_rate(fedmm_step, parameters, L=Fraction(10), mu=Fraction(repr(mu)) * 10, N=N)
    assert best.lower <= certificate.bound <= min(best.rate + 3e-6, tuned + 1e-6)
    assert len(certificate.check()) == 2  # V+ <= rho V, and Q <= V


def test_the_tuned_step_is_a_minimum() -> None:
    """Steps around it have a worse exact rate on quadratics, hence a worse certificate."""
    for N, omega, p, mu in ((10, 3.0, 0.5, 0.1), (100, 9.0, 0.1, 0.01)):
        best = best_fedmm_step(1.0, mu, N, omega, p)
        for x, y in ((1.02, 1.0), (0.98, 1.0), (1.0, 1.1), (1.0, 0.9)):
            assert fedmm_lower(1.0, mu, best.gamma * x, best.alpha * y, N, omega, p) > best.lower


def test_units_of_the_tuned_step() -> None:
    """f -> c f: gamma over c, everything else unchanged."""
    one, two = best_fedmm_step(1.0, 0.1, 10, 3.0, 0.5), best_fedmm_step(250.0, 25.0, 10, 3.0, 0.5)
    assert two.gamma * 250 == pytest.approx(one.gamma, rel=1e-6)
    assert (two.alpha, two.rate) == (pytest.approx(one.alpha, rel=1e-5), pytest.approx(one.rate, abs=1e-6))


@pytest.mark.parametrize("setting", [(2, 1.0, 0.5, 0.1), (10, 3.0, 0.5, 0.1), (10, 3.0, 0.1, 0.1)])
def test_a_regularizer_costs_nothing_at_the_textbook_step(setting: tuple[int, float, float, float]) -> None:
    """The same certified rate to 1e-5, with rho = 1/L and with rho = 2/(L+mu)."""
    N, omega, p, mu = setting
    gamma, a = textbook_step(1.0, N, omega, p)
    plain = searched_rate(1.0, mu, N, omega, p, gamma, a)
    for rho in (1.0, None):
        assert searched_rate(1.0, mu, N, omega, p, gamma, a, regularizer=True, rho=rho) == pytest.approx(plain, abs=1e-5)


@pytest.mark.parametrize(
    ("setting", "value", "plain"), [((10, 3.0, 0.5, 0.1), 0.90855, 0.90850), ((10, 1.0, 1.0, 0.1), 0.7294, 0.7287)]
)
def test_a_regularizer_costs_little_at_the_tuned_step(
    setting: tuple[int, float, float, float], value: float, plain: float
) -> None:
    """At most the printed values, with rho = 2/(L+mu); a rho away from it costs more."""
    N, omega, p, mu = setting
    best, free = best_fedmm_step(1.0, mu, N, omega, p, regularizer=True), best_fedmm_step(1.0, mu, N, omega, p)
    assert free.rate == pytest.approx(plain, abs=6e-5)
    assert best.lower - 1e-6 <= best.rate <= value + 5e-6
    assert best.rate <= free.rate + 2e-5
    assert best_fedmm_step(1.0, mu, N, omega, p, regularizer=True, rho=1.0).rate > best.rate + 1e-3


def test_the_step_limit_on_quadratics() -> None:
    """As mu and the memory step go to 0 it is 2/(L(1+omega'/N)), against the textbook's 1/(L(1+6 omega'/N))."""
    for N, omega, p in ((10, 3.0, 0.1), (4, 1.0, 0.5)):
        omega_p = (1 + omega) / p - 1
        limit = 2 / (1 + omega_p / N)
        assert fedmm_lower(1.0, 0.0, 0.999 * limit, 1e-7, N, omega, p, points=2) <= 1
        assert fedmm_lower(1.0, 0.0, 1.001 * limit, 1e-7, N, omega, p, points=2) > 1.0005


def test_the_moments_are_those_of_the_library() -> None:
    """Equal curvatures 0.6, rand-1 of 2 coordinates and coins: the 4 x 4 matrix is the exact second-moment simulator."""
    n, d, curvature, p, gamma, a = 3, 2, 0.6, 0.4, 0.5, 0.2
    rng = np.random.default_rng(0)
    federation = Federation([Quad(curvature * np.eye(d), b) for b in rng.standard_normal((n, d))])
    problem = Quadratic(rho=1.0).settle(federation, Quadratic(rho=1.0).oracles)
    simulator = ExactFedMM(problem, federation, a, (p,) * n, RandK(1))
    star = problem.solution(federation)
    V_star = np.stack([data.b - curvature * star for data in federation])  # = -(grad f_i at star)
    shift = np.concatenate([star, V_star.ravel()])

    def four(m: np.ndarray) -> np.ndarray:
        """(E x^2, E x.mean e, E (mean e)^2, E [dev e.dev e]) with e = -(V - V*)."""
        to = np.hstack([np.eye(d + n * d), -shift[:, None]])
        E = to @ m @ to.T
        sign = np.concatenate([np.ones(d), -np.ones(n * d)])
        E = sign[:, None] * E * sign
        blocks = np.einsum("iaja->ij", E.reshape(n + 1, d, n + 1, d))
        mean = blocks[1:, 1:].mean()
        return np.array([blocks[0, 0], blocks[0, 1:].mean(), mean, np.trace(blocks[1:, 1:]) / n - mean])

    moments = list(simulator.moments(rng.standard_normal(d), rng.standard_normal((n, d)), [gamma] * 4))
    matrix = fedmm_moments(curvature, gamma, a, n, omega=1.0, p=p)
    for before, after in pairwise(moments):
        np.testing.assert_allclose(matrix @ four(before), four(after), rtol=1e-10, atol=1e-12)


def test_bad_input_is_refused() -> None:
    with pytest.raises(SpecError, match="add a ridge"):
        best_fedmm_step(1.0, 0.0, 10, 1.0)
    with pytest.raises(SpecError, match="biased channels"):
        best_fedmm_step(1.0, 0.1, 10, float("inf"))
    with pytest.raises(SpecError, match="in \\(0, 1\\]"):
        best_fedmm_step(1.0, 0.1, 10, 1.0, 0.0)
    for N in (float("nan"), float("inf"), 2.5):
        with pytest.raises(SpecError, match="Expected N as an integer from 1"):
            best_fedmm_step(1.0, 0.1, N, 1.0)  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="Expected S as an integer from 1 to 10"):
        best_fedmm_step(1.0, 0.1, 10, 1.0, S=11)
    with pytest.raises(WorstCaseError, match="below 2/L"):
        best_fedmm_step(7.0, 0.7, 10, 1.0, regularizer=True, rho=1.0)
