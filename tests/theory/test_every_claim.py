"""Every claim of the package: observed <= exact worst case <= promised, and its mutants are refuted by those who should."""

from __future__ import annotations

import pytest

from theory_checks.claim import Status
from theory_checks.claims import claims
from theory_checks.verdict import Verdict
from theory_checks.verify import examine

NAMES = list(claims())


def sound(verdict: Verdict) -> None:
    assert verdict.holds is True, f"{verdict.why} {verdict.counterexample}"
    assert verdict.contradictions == ()


@pytest.mark.parametrize("name", NAMES)
def test_it_holds_on_its_extremes(name: str) -> None:
    claim = claims()[name]
    assert claim.extremes
    found = examine(claim, 0)
    if not found.holds and claim.kind == "tight" and not found.attained:
        found = examine(claim, 40)  # attained on drawn settings only
    sound(found)


@pytest.mark.parametrize("name", NAMES)
def test_its_facts_are_said(name: str) -> None:
    claim = claims()[name]
    assert claim.status is not Status.MINE
    assert name == name.lower()
    assert not set(" _/") & set(name)
    assert claim.reference
    assert "\n" not in claim.statement


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_holds_on_drawn_settings_and_its_mutants_do_not(name: str) -> None:
    found = examine(claims()[name], 40)
    sound(found)
    assert [(mutation.says, mutation.overlooked) for mutation in found.own if mutation.overlooked] == []
