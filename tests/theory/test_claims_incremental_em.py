"""Incremental EM: the free energy falls, is above W, and one client's is EM."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings

from fedmm.errors import SpecError
from theory_checks.claims import incremental_em as module
from theory_checks.claims import lookup
from theory_checks.claims.incremental_em import STEPS, State, free_energy, incremental_em
from theory_checks.claims.mm import EM
from theory_checks.points import instance

CLAIM = lookup("incremental-em")


@settings(max_examples=30)
@given(CLAIM.setting)
def test_it_holds(setting: dict) -> None:
    CLAIM.check(setting)
    assert CLAIM.holds(CLAIM.promised(**setting), CLAIM.engines["simulation"](**setting))
    assert CLAIM.promised(**setting) >= -1e-12


def test_the_mutant_is_refuted() -> None:
    (mutant,) = CLAIM.mutants
    assert any(not CLAIM.holds(mutant.promised(**s), CLAIM.engines["simulation"](**s)) for s in CLAIM.extremes)


@pytest.mark.parametrize("family", EM)
def test_the_free_energy_is_above_the_objective_and_touches_it_once_all_agree(family: str) -> None:
    at, _ = instance(family, 1)
    states = incremental_em(family, 1, STEPS)
    for t in (0, 4, STEPS):
        W = at.objective(states[t].theta)
        assert free_energy(family, 1, t) >= W - 1e-12 * (1 + abs(W))
    later = incremental_em(family, 1, 40 * len(at.federation))[-1]
    assert later.s == pytest.approx(np.asarray(at.federation.weights) @ later.statistics, rel=1e-9, abs=1e-12)


def test_what_is_kept_is_where_it_was_computed() -> None:
    """Every client's statistic is the library's at that client's own parameter."""
    at, _ = instance("gaussian-mixture-full", 2)
    last = incremental_em("gaussian-mixture-full", 2, STEPS)[-1]
    assert len({tau.tobytes() for tau in last.taus}) > 1
    for data, tau, S in zip(at.federation, last.taus, last.statistics, strict=True):
        np.testing.assert_array_equal(at.problem.statistic(data, tau)[0], S)


def test_forgetting_the_old_statistic_breaks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients whose statistics are never refreshed, while s moves on: the free energy of what they keep rises."""

    def stale(family: str, seed: int, steps: int) -> tuple[State, ...]:
        states = incremental_em(family, seed, steps)
        return tuple(state._replace(taus=states[0].taus, statistics=states[0].statistics) for state in states)

    setting = {"family": "gaussian-mixture-full", "seed": 3, "t": 5}
    assert CLAIM.holds(CLAIM.promised(**setting), CLAIM.engines["simulation"](**setting))
    monkeypatch.setattr(module, "incremental_em", stale)
    assert not CLAIM.holds(CLAIM.promised(**setting), CLAIM.engines["simulation"](**setting))


@pytest.mark.parametrize(("change", "words"), [({"family": "quadratic"}, "a family among"), ({"t": STEPS}, "t between")])
def test_outside_the_conditions(change: dict, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        CLAIM.check({**CLAIM.extremes[0], **change})
