"""Slopes and their intervals, and the claim that is about an exponent only."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedmm.errors import DataError, SpecError
from theory_checks.claims import lookup
from theory_checks.claims.fedmm_bounds import case
from theory_checks.claims.sublinear import mean_fields2
from theory_checks.slopes import slope

HORIZONS = [2.0**j for j in range(5, 13)]


@given(st.floats(-3.0, 1.0), st.floats(0.01, 100.0))
def test_a_power_has_its_exponent(exponent: float, scale: float) -> None:
    found = slope(HORIZONS, [scale * T**exponent for T in HORIZONS])
    assert found.value == pytest.approx(exponent, abs=1e-12)
    assert found.high - found.low <= 1e-10


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_the_interval_has_its_level(level: float) -> None:
    """2000 noisy lines: coverage within 4 standard deviations (.045 at .5), a false alarm in 16 000."""
    rng = np.random.default_rng(0)
    lines = np.exp(-0.5 * np.log(HORIZONS) + rng.standard_normal((2000, len(HORIZONS))))
    found = [slope(HORIZONS, line, level=level) for line in lines]
    share = np.mean([one.low <= -0.5 <= one.high for one in found])
    assert abs(share - level) <= 4 * (level * (1 - level) / 2000) ** 0.5


def test_it_is_the_textbook_line() -> None:
    from scipy.stats import t as student

    e = [3.0, 2.1, 1.7, 1.0, 0.9]
    line, covariance = np.polyfit(np.log(HORIZONS[:5]), np.log(e), 1, cov=True)
    found = slope(HORIZONS[:5], e)
    assert found.value == pytest.approx(line[0], rel=1e-10)
    assert found.high - found.value == pytest.approx(student.ppf(0.995, 3) * covariance[0, 0] ** 0.5, rel=1e-9)


@pytest.mark.parametrize(
    ("horizons", "errors", "words"),
    [
        ([1, 2], [1, 2], "three or more"),
        ([1, 2, 3], [1, 2], "as many errors"),
        ([1, 2, 3], [1, 0, 2], "positive and finite"),
        ([1, 2, 3], [1, float("nan"), 2], "positive and finite"),
        ([1, 2, float("inf")], [1, 1, 2], "positive and finite"),
        ([2, 2, 2], [1, 1, 2], "two different horizons"),
    ],
)
def test_bad_points_are_refused(horizons: list[float], errors: list[float], words: str) -> None:
    with pytest.raises(DataError, match=words):
        slope(horizons, errors)


@pytest.mark.parametrize("level", [0.0, 1.0, float("nan")])
def test_a_bad_level_is_refused(level: float) -> None:
    with pytest.raises(SpecError, match="level between 0 and 1"):
        slope(HORIZONS, HORIZONS, level=level)


# ---- the claim


@pytest.mark.parametrize("T", [1, 2, 37])
def test_powers_of_the_map_are_the_rounds_one_by_one(T: int) -> None:
    at = case(3, 2, 2, 1, 0.5, False, 0.7)
    exact, s = at.exact(0.4), np.array([1.0, -2.0])
    *before, _ = exact.moments(s, np.zeros((2, 2)), [0.2] * T)
    expected = np.mean([exact.field2(m) for m in before])
    assert mean_fields2(exact, s, [0.2], [T])[0] == pytest.approx(expected, rel=1e-11)


@settings(max_examples=10)
@given(data=st.data())
def test_it_holds(data: st.DataObject) -> None:
    claim = lookup("fedmm-sublinear-rate")
    setting = data.draw(claim.setting)
    claim.check(setting)
    assert claim.holds(claim.promised(**setting), claim.engines["simulation"](**setting))


def test_mutant_exponents_are_refuted() -> None:
    claim = lookup("fedmm-sublinear-rate")
    for mutant in claim.mutants:
        assert any(not claim.holds(mutant.promised(**s), claim.engines["simulation"](**s)) for s in claim.extremes), mutant.says


def test_a_constant_step_would_refute_it() -> None:
    """The claim is about c/sqrt(T): with one step for all horizons the mean stalls at a plateau, a slope near 0."""
    at = case(0, 2, 2, 1, 0.5, False, 3.0)
    s, horizons = at.problem.lift(at.problem.solution(at.federation)), [4**j for j in range(7, 13)]
    errors = mean_fields2(at.exact(1.0 / (1.0 + at.omega_p)), s, [at.largest_step] * 6, horizons)
    assert slope(horizons, errors).low > -0.1


@pytest.mark.parametrize(("change", "words"), [({"sigma": 0.0}, "sigma > 0"), ({"p": 0.0}, "p in"), ({"share": 2.0}, "share in")])
def test_outside_the_conditions(change: dict[str, float], words: str) -> None:
    claim = lookup("fedmm-sublinear-rate")
    with pytest.raises(SpecError, match=words):
        claim.check({**claim.extremes[0], **change})
