"""The claims about FedMM's rate: they hold, bite, are attained where tight, and refuse what they do not cover."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedmm.errors import SpecError
from theory_checks.claim import Claim, Setting
from theory_checks.claims import fedmm_exact_rate, fedmm_rate, lookup
from theory_checks.claims.control_variates import recursion
from theory_checks.claims.fedmm_rate import library
from theory_checks.moment_operator import radius, worst_factor
from theory_checks.pep.radius import fedmm_moments
from theory_checks.pep.rates import searched_rate, textbook_rate, textbook_step

CLAIMS = (*fedmm_rate.CLAIMS, *fedmm_exact_rate.CLAIMS)


def numbers(claim: Claim, setting: Setting) -> tuple[float, dict[str, float]]:
    """(promised, measured by every engine)."""
    claim.check(setting)
    return claim.promised(**setting), {name: engine(**setting) for name, engine in claim.engines.items()}


def assert_sandwich(claim: Claim, setting: Setting) -> None:
    """Instance <= class <= promised."""
    promised, measured = numbers(claim, setting)
    above = measured["pep"] if "pep" in measured else measured["lyapunov"]
    for below in ("simulation", "batch"):
        assert measured.get(below, 0.0) <= above * (1 + 1e-6), setting
    assert all(claim.holds(promised, value) for value in measured.values()), (setting, promised, measured)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
@settings(max_examples=10)
@given(data=st.data())
def test_holds(claim: Claim, data: st.DataObject) -> None:
    assert_sandwich(claim, data.draw(claim.setting))


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_holds_at_the_extremes(claim: Claim) -> None:
    for setting in claim.extremes:
        assert_sandwich(claim, setting)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fedmm-exact-rate", "fedmm-regularizer-rate"])
def test_holds_on_the_whole_grid(name: str) -> None:
    claim = lookup(name)
    more = {"ridge": 0.1} if name == "fedmm-regularizer-rate" else {"step": "best"}
    for mu, N, (omega, p) in product((0.03, 0.1, 0.3), (2, 3), ((1, 0.5), (1, 1.0), (3, 0.3), (0, 0.5))):
        assert_sandwich(claim, {"L": 1.0, "mu": mu, "N": N, "omega": omega, "p": p, **more})


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_mutants_are_refuted(claim: Claim) -> None:
    for mutant in claim.mutants:
        for engine in mutant.seen_by:
            assert any(not claim.holds(mutant.promised(**s), claim.engines[engine](**s)) for s in claim.extremes), mutant.says


def test_attained_where_tight() -> None:
    claim = lookup("fedmm-exact-rate")
    for setting in claim.extremes:
        promised, measured = numbers(claim, setting)
        assert measured["simulation"] == pytest.approx(promised, rel=1e-9)
        assert measured["lyapunov"] == pytest.approx(promised, rel=5e-6)


def test_quadratics_attain_the_exact_factor_of_psi() -> None:
    """Not what is published, but the class's exact value: to the solver's accuracy."""
    claim = lookup("fedmm-rate")
    for N, p in product((1, 2, 3), (0.1, 0.5)):
        _, measured = numbers(claim, {"L": 1.0, "mu": 0.1, "N": N, "omega": 1, "p": p, "ratio": 1.0, "seed": 0})
        assert measured["simulation"] == pytest.approx(measured["pep"], rel=1e-7)


def test_the_worst_start_is_one() -> None:
    """No random state has a larger factor, and many come close; the radius is what a long run approaches."""
    rng = np.random.default_rng(0)
    A = np.stack([np.diag([0.2, 1.0]), np.diag([0.7, 0.4])])
    simulator, gamma = library(A, 2, 1, 0.5, 0.2, rho=1.0), 0.4
    weights = np.array([1.0, 1.0, 0.3, 0.3, 0.3, 0.3])
    worst = worst_factor(simulator, gamma, weights)
    factors = []
    for z in rng.standard_normal((3000, 6)):
        u = np.append(z, 0.0)
        after = simulator.after(np.outer(u, u), gamma)
        factors.append(np.diagonal(after)[:-1] @ weights / (z**2 @ weights))
    assert worst * 0.9 < max(factors) <= worst * (1 + 1e-12)
    *_, before, after = simulator.moments(np.ones(2), np.zeros((2, 2)), [gamma] * 1500)
    assert after[:2, :2].trace() / before[:2, :2].trace() == pytest.approx(radius(simulator, gamma), rel=1e-9)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("diana-rate", {"mu": 0.0}, "0 < mu < L"),
        ("diana-rate", {"omega": 0.5}, "integer omega"),
        ("fedmm-rate", {"p": 0.0}, "0 < p <= 1"),
        ("fedmm-rate", {"ratio": 1.5}, "ratio in"),
        ("fedmm-exact-rate", {"step": "textbook", "mu": 0.5}, "2 gamma mu <= a/5"),
        ("fedmm-exact-rate", {"step": "longer"}, "best"),
        ("fedmm-exact-rate", {"omega": 0, "p": 1.0}, "omega'"),
        ("fedmm-regularizer-rate", {"p": 1.5}, "0 < p <= 1"),
    ],
)
def test_settings_outside_the_conditions_are_refused(name: str, change: dict, words: str) -> None:
    claim = lookup(name)
    with pytest.raises(SpecError, match=words):
        claim.check({**claim.extremes[0], **change})


def test_the_claims_are_in_the_catalogue() -> None:
    assert [lookup(claim.name) for claim in CLAIMS] == list(CLAIMS)


@pytest.mark.parametrize(
    ("N", "omega", "p", "textbook", "search"),
    [(2, 1.0, 0.5, 0.99, 0.98010), (10, 3.0, 0.5, 0.98077, 0.96193), (10, 3.0, 0.1, 0.99590, 0.99183)],
)
def test_values(N: int, omega: float, p: float, textbook: float, search: float) -> None:
    """mu = .1, to the digits printed."""
    assert textbook_rate(1.0, 0.1, N, omega, p) == pytest.approx(textbook, abs=5e-6)
    found = searched_rate(1.0, 0.1, N, omega, p, *textbook_step(1.0, N, omega, p))
    assert found == pytest.approx(search, abs=6e-6)


def test_where_memories_are_slow_the_search_is_above_clients_of_one_curvature() -> None:
    """The condition of the exact rate is needed: N = 10, omega = 1, mu = 1/2 lies 4e-3 apart."""
    claim = lookup("fedmm-exact-rate")
    setting = {"L": 1.0, "mu": 0.5, "N": 10, "omega": 1, "p": 1.0, "step": "textbook"}
    with pytest.raises(SpecError, match="2 gamma mu <= a/5"):
        claim.check(setting)
    assert claim.engines["lyapunov"](**setting) > claim.promised(**setting) + 3e-3


@pytest.mark.parametrize("seed", range(5))
def test_second_moments_of_one_curvature_have_the_radius_of_the_four(seed: int) -> None:
    """The library's (n + 1)d-dimensional state against the four moments that are closed for any n."""
    rng = np.random.default_rng(seed)
    n, c, gamma, a = int(rng.integers(1, 4)), *rng.uniform(0.1, 1.0, 2), rng.uniform(0.05, 0.5)
    omega, p = int(rng.choice([0, 1, 2])), float(rng.choice([0.3, 1.0]))
    A = np.broadcast_to(c * np.eye(omega + 1), (n, omega + 1, omega + 1))
    found = radius(library(A, n, omega, p, a, rho=1.0), gamma)
    four = fedmm_moments(c, gamma, a, n, omega, p)
    assert found == pytest.approx(np.abs(np.linalg.eigvals(four)).max(), rel=1e-8)


@pytest.mark.parametrize("seed", range(5))
def test_three_moments_are_enough_at_the_memory_step_of_theory(seed: int) -> None:
    """a (1 + omega') = 1 closes (X, G, C): the recursion of the control variates has the rate of the four moments."""
    rng = np.random.default_rng(seed)
    n, kappa, gamma = int(rng.integers(2, 6)), *rng.uniform(0.1, 1.0, 2)
    omega = float(rng.choice([1.0, 7.0]))
    four = fedmm_moments(kappa, gamma, 1.0 / (1.0 + omega), n, omega)
    three = recursion(kappa, gamma, 1.0 / (1.0 + omega), omega, n)
    x4, x3 = np.array([1.0, 0.0, 0.0, 0.0]), np.array([1.0, 0.0, 0.0])
    for _ in range(20):
        x4, x3 = four @ x4, three @ x3
        assert x3[0] == pytest.approx(x4[0], rel=1e-10)
