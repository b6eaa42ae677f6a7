"""The claims about participation: they hold, bite, are attained where tight, and refuse what they do not cover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmm import Bernoulli, FixedSize
from fedmm.errors import SpecError
from theory_checks import moments
from theory_checks.claim import Claim
from theory_checks.claims import lookup, sampling

CLAIMS = sampling.CLAIMS


def numbers(claim: Claim, setting: dict) -> tuple[float, float]:
    """(promised, measured by the library)."""
    claim.check(setting)
    return claim.promised(**setting), claim.engines["simulation"](**setting)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
@given(data=st.data())
def test_holds(claim: Claim, data: st.DataObject) -> None:
    promised, measured = numbers(claim, data.draw(claim.setting))
    assert claim.holds(promised, measured), (promised, measured)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_holds_at_the_extremes(claim: Claim) -> None:
    for setting in claim.extremes:
        promised, measured = numbers(claim, setting)
        assert claim.holds(promised, measured), (setting, promised, measured)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_mutants_are_refuted(claim: Claim) -> None:
    for mutant in claim.mutants:
        for engine in mutant.seen_by:
            assert any(not claim.holds(mutant.promised(**s), claim.engines[engine](**s)) for s in claim.extremes), mutant.says


def test_compression_and_participation_are_attained() -> None:
    """rand-1 of 4 with p = 1/2: omega_p = 4 / .5 - 1 = 7, exactly."""
    setting = {"v": [1.0, 2.0, 3.0, 4.0], "channel": "rand-k:1", "p": 0.5}
    promised, measured = numbers(lookup("participation-and-compression"), setting)
    assert promised == 7.0
    assert measured == pytest.approx(7.0, rel=1e-12)


def test_estimates_by_hand() -> None:
    """Two clients, one drawn: each estimate is 2 w_i v_i; and coins of 1/2 and 1/4."""
    v = np.array([[1.0, 0.0], [0.0, 3.0]])
    p, found = moments.estimates(FixedSize(1), [0.5, 0.5], v)
    np.testing.assert_array_equal(p, [0.5, 0.5])
    np.testing.assert_array_equal(found, [[1.0, 0.0], [0.0, 3.0]])
    p, found = moments.estimates(Bernoulli((0.5, 0.25)), [0.5, 0.5], v)
    table = {tuple(value): float(probability) for probability, value in zip(p, found, strict=True)}
    assert table == {(1.0, 6.0): 0.125, (1.0, 0.0): 0.375, (0.0, 6.0): 0.125, (0.0, 0.0): 0.375}


def test_too_many_cohorts_are_refused() -> None:
    with pytest.raises(ValueError, match="take fewer"):
        moments.estimates(Bernoulli(0.5), [0.05] * 20, np.ones((20, 1)))


@pytest.mark.parametrize(
    ("name", "setting", "words"),
    [
        ("sampling-without-replacement", {"v": [1.0], "S": 1}, "N >= 2 clients"),
        ("sampling-without-replacement", {"v": [1.0, 2.0], "S": 3}, "1 <= S <= N"),
        ("shared-subset-means", {"u": [1.0, 2.0], "other": [1.0], "S": 1}, "the same N >= 2 clients"),
        ("bernoulli-variance", {"v": [1.0], "weights": [1.0], "p": [0.0]}, "one probability in"),
        ("horvitz-thompson", {"v": [1.0], "weights": [], "participation": "full"}, "one weight for each client"),
        ("participation-and-compression", {"v": [1.0], "channel": "top-k:1", "p": 1.5}, "0 < p <= 1"),
    ],
)
def test_outside_the_conditions(name: str, setting: dict, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        lookup(name).check(setting)
