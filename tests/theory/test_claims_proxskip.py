"""The claims about ProxSkip: they hold, bite, are attained where tight, and refuse what they do not cover."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedmm.errors import SpecError
from theory_checks.claim import Claim, Setting
from theory_checks.claims import lookup, proxskip

CLAIMS = proxskip.CLAIMS


def assert_sandwich(claim: Claim, setting: Setting) -> None:
    """Instance <= class <= promised."""
    claim.check(setting)
    promised, measured = claim.promised(**setting), {name: engine(**setting) for name, engine in claim.engines.items()}
    above = measured["pep"] if "pep" in measured else measured["lyapunov"]
    assert measured["batch"] <= above * (1 + 1e-6), setting
    assert all(claim.holds(promised, value) for value in measured.values()), (setting, promised, measured)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
@settings(max_examples=25)
@given(data=st.data())
def test_holds(claim: Claim, data: st.DataObject) -> None:
    assert_sandwich(claim, data.draw(claim.setting))


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_holds_at_the_extremes(claim: Claim) -> None:
    for setting in claim.extremes:
        assert_sandwich(claim, setting)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_mutants_are_refuted(claim: Claim) -> None:
    for mutant in claim.mutants:
        for engine in mutant.seen_by:
            assert any(not claim.holds(mutant.promised(**s), claim.engines[engine](**s)) for s in claim.extremes), mutant.says


def test_attained_where_tight() -> None:
    claim = lookup("proxskip-factor")
    for setting in claim.extremes:
        for engine in claim.engines.values():
            assert engine(**setting) == pytest.approx(claim.promised(**setting), abs=1e-6)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("proxskip-published", {"gamma": 1.5}, "gamma <= 1/L"),
        ("proxskip-factor", {"gamma": 2.0}, "gamma < 2/L"),
        ("proxskip-rate", {"p": 0.0}, "0 < p <= 1"),
        ("proxskip-rate", {"mu": 0.0}, "0 < mu < L"),
    ],
)
def test_settings_outside_the_conditions_are_refused(name: str, change: dict, words: str) -> None:
    claim = lookup(name)
    with pytest.raises(SpecError, match=words):
        claim.check({**claim.extremes[0], **change})
