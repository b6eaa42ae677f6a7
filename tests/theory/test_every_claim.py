"""Every claim of the package: observed <= exact worst case <= promised, and its mutants are refuted by those who should."""

from __future__ import annotations

import pytest

from theory_checks.claim import Status
from theory_checks.claims import claims
from theory_checks.verdict import Verdict
from theory_checks.verify import examine
from theory_checks.verify.mine import select

STATEMENTS = {
    "p1": {"surrogate-smoothness", "surrogate-descent"},
    "p2": {"surrogate-gradient", "field-descends", "field-descends-at-most"},
    "p3": {"stationarity-distance", "stationarity-certificate"},
    "p4": {"stochastic-mm-mean-field"},
    "p5": {"fedmm-mean-field", "projected-step"},
    "p6": {"fedmm-is-mm", "fedmm-is-stochastic-mm", "fedmm-full-cohort-noise"},
    "p7": {"naive-precision", "naive-affine", "naive-homogeneous"},
    "p8": {"no-control-variates-plateau", "control-variates-no-plateau"},
}

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


@pytest.mark.parametrize("statement", [f"p{k}" for k in range(1, 9)])
def test_every_statement_has_its_claims(statement: str) -> None:
    found = select(claims(), tag=statement)
    assert set(found) >= STATEMENTS[statement]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_holds_on_drawn_settings_and_its_mutants_do_not(name: str) -> None:
    found = examine(claims()[name], 40)
    sound(found)
    assert [(mutation.says, mutation.overlooked) for mutation in found.own if mutation.overlooked] == []
