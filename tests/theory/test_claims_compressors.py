"""The claims about channels: they hold, bite, are attained where tight, and refuse what they do not cover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmm import Identity, RandK
from fedmm.channels import Channel, Dither, Mask, Natural
from fedmm.errors import SpecError
from theory_checks import moments
from theory_checks.claim import Claim
from theory_checks.claims import compressor_moments, compressors, lookup

CLAIMS = (*compressors.CLAIMS, *compressor_moments.CLAIMS)


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


@pytest.mark.parametrize("claim", [claim for claim in CLAIMS if claim.kind == "tight"], ids=lambda claim: claim.name)
def test_is_attained(claim: Claim) -> None:
    """At some extreme the two sides agree to 1e-12, away from zero."""
    pairs = [numbers(claim, setting) for setting in claim.extremes]
    assert any(promised > 0.01 and measured == pytest.approx(promised, rel=1e-12) for promised, measured in pairs)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_mutants_are_refuted(claim: Claim) -> None:
    for mutant in claim.mutants:
        for engine in mutant.seen_by:
            assert any(not claim.holds(mutant.promised(**s), claim.engines[engine](**s)) for s in claim.extremes), mutant.says


@pytest.mark.parametrize("channel", [Dither(1), Dither(3), Mask(0.3), Natural()], ids=str)
@given(x=compressors.SHORT)
def test_coordinates_give_what_whole_vectors_give(channel: Channel, x: list[float]) -> None:
    """The two ways to an exact moment agree; to rounding of |x|, in which the rest of a vector is computed anew."""
    v = np.array(x)
    coordinates = moments._coordinates(channel, v)
    scale = float(v @ v)
    assert sum(p @ (values - v[j]) ** 2 for j, (p, values) in enumerate(coordinates)) == pytest.approx(
        moments.error(channel, v), rel=1e-12, abs=1e-12 * scale
    )
    found = np.array([p @ values for p, values in coordinates])
    np.testing.assert_allclose(found, moments.mean(channel, v), rtol=1e-12, atol=1e-12 * np.sqrt(scale))


def test_moments_refuse_what_they_cannot_list() -> None:
    long = np.ones(9)
    for channel in (RandK(2), Dither(2, block=4), Identity()):
        with pytest.raises(ValueError, match="shorten x"):
            moments.error(channel, long)
    with pytest.raises(ValueError, match="shorten x"):
        moments.second(Mask(0.5), long)


@pytest.mark.parametrize(
    ("name", "setting", "words"),
    [
        ("natural-compression", {"v": [0.0, 0.0]}, "a vector that is not zero"),
        ("dithering-bound", {"v": [1.0], "s": 0}, "at least one level"),
        ("rand-k-variance", {"v": [1.0], "k": 2}, "1 <= k <= d"),
        ("mask-second-moment", {"v": [1.0], "u": [1.0], "q": 0.0}, "0 < q <= 1"),
        ("mask-second-moment", {"v": [1.0], "u": [1.0, 2.0], "q": 0.5}, "v and u of one length"),
        ("channel-unbiased", {"channel": "top-k:1", "v": [1.0, 2.0], "u": [1.0, 1.0]}, "an unbiased channel"),
    ],
)
def test_outside_the_conditions(name: str, setting: dict, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        lookup(name).check(setting)
