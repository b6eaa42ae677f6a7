"""The claims about FedMM's rate: they hold, bite, are attained where tight, and refuse what they do not cover."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedmm.errors import SpecError
from theory_checks.claim import Claim, Setting
from theory_checks.claims import fedmm_rate, lookup
from theory_checks.claims.fedmm_rate import CLAIMS, library
from theory_checks.moment_operator import radius, worst_factor


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
@pytest.mark.parametrize("name", ["fedmm-tuned-rate", "fedmm-regularizer-rate"])
def test_holds_on_the_whole_grid(name: str) -> None:
    claim = lookup(name)
    more = {"ridge": 0.1} if name == "fedmm-regularizer-rate" else {}
    for mu, N, (omega, p) in product((0.03, 0.1, 0.3), (2, 3), ((1, 0.5), (1, 1.0), (3, 0.3), (0, 0.5))):
        assert_sandwich(claim, {"L": 1.0, "mu": mu, "N": N, "omega": omega, "p": p, **more})


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_mutants_are_refuted(claim: Claim) -> None:
    for mutant in claim.mutants:
        for engine in mutant.seen_by:
            assert any(not claim.holds(mutant.promised(**s), claim.engines[engine](**s)) for s in claim.extremes), mutant.says


def test_attained_where_tight() -> None:
    claim = lookup("fedmm-tuned-rate")
    for setting in claim.extremes:
        promised, measured = numbers(claim, setting)
        assert measured["simulation"] == pytest.approx(promised, rel=1e-9)
        assert measured["lyapunov"] == pytest.approx(promised, rel=5e-6)


def test_quadratics_attain_the_exact_factor_of_psi() -> None:
    """Not what is published, but the class's exact value: to the solver's accuracy."""
    claim = lookup("fedmm-rate")
    for N, p in product((1, 2, 3), (0.1, 0.5)):
        _, measured = numbers(claim, {"L": 1.0, "mu": 0.1, "N": N, "omega": 1, "p": p, "seed": 0})
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
        ("fedmm-tuned-rate", {"omega": 0, "p": 1.0}, "omega'"),
        ("fedmm-regularizer-rate", {"p": 1.5}, "0 < p <= 1"),
    ],
)
def test_settings_outside_the_conditions_are_refused(name: str, change: dict, words: str) -> None:
    claim = lookup(name)
    with pytest.raises(SpecError, match=words):
        claim.check({**claim.extremes[0], **change})


def test_the_claims_are_in_the_catalogue() -> None:
    assert [lookup(claim.name) for claim in fedmm_rate.CLAIMS] == list(CLAIMS)
