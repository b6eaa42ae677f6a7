"""The claims about EF21: instances below the class below the promise; mutants refuted; settings outside refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmm.errors import SpecError
from theory_checks.claim import CLASSES, INSTANCES, Claim
from theory_checks.claims import error_feedback, lookup

CLAIMS = error_feedback.CLAIMS
SOLVER = 1e-6
"""What the solver's rounding may add to an instance, relatively."""


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
@given(data=st.data())
def test_sandwich(claim: Claim, data: st.DataObject) -> None:
    sandwich(claim, data.draw(claim.setting))


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_sandwich_at_the_extremes(claim: Claim) -> None:
    for setting in claim.extremes:
        sandwich(claim, dict(setting))


def sandwich(claim: Claim, setting: dict) -> None:
    claim.check(setting)
    promised = claim.promised(**setting)
    found = {name: engine(**setting) for name, engine in claim.engines.items()}
    instances = [found[name] for name in found if name in INSTANCES]
    classes = [found[name] for name in found if name in CLASSES]
    assert instances
    assert classes
    assert max(instances) <= min(classes) * (1 + SOLVER)
    assert all(claim.holds(promised, value) for value in classes)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_mutants_are_refuted(claim: Claim) -> None:
    for mutant in claim.mutants:
        for engine in mutant.seen_by:
            assert any(not claim.holds(mutant.promised(**s), claim.engines[engine](**s)) for s in claim.extremes), mutant.says


def test_instances_reach_the_class() -> None:
    """Quadratics attain the exact factor of Psi to 1e-7 and the searched rate to 1e-5; the promise is looser than both."""
    setting = {"L": 1.0, "mu": 0.1, "N": 2, "delta": 0.5, "share": 1.0}
    for name, gap in (("ef21-pl", 1e-7), ("ef21-rate", 1e-5)):
        claim = lookup(name)
        low, high = (engine(**setting) for engine in claim.engines.values())
        assert low == pytest.approx(high, rel=gap)
        assert high < claim.promised(**setting) - 0.01


def test_slack_in_rounds() -> None:
    """At delta = .9 and mu = .1: 1.592 with the published Psi; about 2 with a searched one."""
    setting = {"L": 1.0, "mu": 0.1, "N": 2, "delta": 0.9, "share": 1.0}
    claim = lookup("ef21-pl")
    assert claim.slack(claim.promised(**setting), claim.engines["pep"](**setting)) == pytest.approx(1.592, abs=1e-3)
    claim = lookup("ef21-rate")
    assert 1.9 < claim.slack(claim.promised(**setting), claim.engines["lyapunov"](**setting)) < 2.0


@pytest.mark.parametrize(
    ("name", "changed", "words"),
    [
        ("ef21-pl", {"share": 1.5}, "the longest published step"),
        ("ef21-pl", {"delta": 0.0}, "0 < delta <= 1"),
        ("ef21-rate", {"mu": 0.0}, "0 < mu < L"),
        ("ef21-smooth", {"G": 0.0}, "G > 0"),
    ],
)
def test_outside_the_conditions(name: str, changed: dict, words: str) -> None:
    claim = lookup(name)
    with pytest.raises(SpecError, match=words):
        claim.check({**claim.extremes[0], **changed})
