"""The claims about FedMM's linear rate: instances below the search, the search below the factor, the factor below the theorem."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmm.errors import SpecError
from theory_checks.claim import Claim
from theory_checks.claims import fedmm_rates, lookup
from theory_checks.claims.control_variates import recursion
from theory_checks.pep.radius import fedmm_moments

SOLVER = 1e-6
"""Relative accuracy of the solver and of the bisection."""


def measured(claim: Claim, setting: Any) -> dict[str, float]:
    claim.check(setting)
    return {name: engine(**setting) for name, engine in claim.engines.items()}


@given(data=st.data())
def test_the_sandwich(data: st.DataObject) -> None:
    claim = lookup("fedmm-linear-rate")
    setting = data.draw(claim.setting)
    found = measured(claim, setting)
    assert found["simulation"] <= found["lyapunov"] * (1 + SOLVER)
    assert found["lyapunov"] <= found["pep"] * (1 + SOLVER)
    assert found["pep"] <= claim.promised(**setting) * (1 + SOLVER)


@given(data=st.data())
def test_the_search_ends_at_the_quadratics(data: st.DataObject) -> None:
    claim = lookup("fedmm-exact-rate")
    setting = data.draw(claim.setting)
    found = measured(claim, setting)
    assert all(claim.holds(claim.promised(**setting), value) for value in found.values()), found
    assert found["lyapunov"] >= claim.promised(**setting) - 1e-9


@pytest.mark.parametrize("claim", fedmm_rates.CLAIMS, ids=lambda claim: claim.name)
def test_mutants_are_refuted_by_every_engine_that_sees_them(claim: Claim) -> None:
    for mutant in claim.mutants:
        for name in mutant.seen_by:
            seen = (claim.holds(mutant.promised(**s), claim.engines[name](**s)) for s in claim.extremes)
            assert not all(seen), (mutant.says, name)


@pytest.mark.parametrize(
    ("N", "omega", "p", "textbook", "search"),
    [(2, 1.0, 0.5, 0.99, 0.98010), (10, 3.0, 0.5, 0.98077, 0.96193), (10, 3.0, 0.1, 0.99590, 0.99183)],
)
def test_values(N: int, omega: float, p: float, textbook: float, search: float) -> None:
    """mu = .1, to the digits printed."""
    setting = {"N": N, "omega": omega, "p": p, "mu": 0.1, "ratio": 1.0, "seed": 0}
    claim = lookup("fedmm-linear-rate")
    assert claim.promised(**setting) == pytest.approx(textbook, abs=5e-6)
    assert claim.engines["lyapunov"](**setting) == pytest.approx(search, abs=6e-6)


def test_where_memories_are_slow_the_search_is_above_clients_of_one_curvature() -> None:
    """The condition of the exact rate is needed: N = 10, omega = 1, mu = 1/2 lies 4e-3 apart."""
    claim = lookup("fedmm-exact-rate")
    setting = {"N": 10, "omega": 1.0, "p": 1.0, "mu": 0.5, "ratio": 1.0, "seed": 0}
    with pytest.raises(SpecError, match="2 gamma mu <= a/5"):
        claim.check(setting)
    assert claim.engines["lyapunov"](**setting) > claim.promised(**setting) + 3e-3


@pytest.mark.parametrize("seed", range(5))
def test_second_moments_of_one_curvature_have_the_radius_of_the_four(seed: int) -> None:
    """The library's (n + 1)-dimensional state against the four moments that are closed for any n."""
    rng = np.random.default_rng(seed)
    n, c, gamma, a = int(rng.integers(1, 5)), *rng.uniform(0.1, 1.0, 2), rng.uniform(0.05, 0.5)
    omega, p = float(rng.choice([0.0, 1.0, 3.0])), float(rng.choice([0.3, 1.0]))
    found = fedmm_rates.second_moment_radius(np.full(n, c), gamma, a, omega, p)
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


@pytest.mark.parametrize(
    ("change", "words"), [({"p": 0.0}, "p in"), ({"mu": 1.5}, "mu between 0 and 1"), ({"ratio": 1.5}, "ratio between 0 and 1")]
)
def test_outside_the_conditions(change: dict[str, float], words: str) -> None:
    claim = lookup("fedmm-linear-rate")
    with pytest.raises(SpecError, match=words):
        claim.check({**claim.extremes[0], **change})
