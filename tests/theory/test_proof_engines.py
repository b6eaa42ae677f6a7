"""Engines that prove and that replay: rounding, units, and what lies between them."""

from __future__ import annotations

from fractions import Fraction
from math import nextafter, sqrt
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory_checks.pep.engines import certified_local_gd, meant, proved, replayed_local_gd, root_up, up
from theory_checks.pep.exact_local_gd import exact_local_gd
from theory_checks.pep.measure import worst
from theory_checks.pep.programs.gradient_descent import gd_gap
from theory_checks.pep.programs.local_gd import local_gd


@given(st.fractions(min_value=0, max_value=10**6))
def test_rounding_is_upwards_and_by_one_float_at_most(x: Fraction) -> None:
    assert Fraction(up(x)) >= x
    assert Fraction(nextafter(up(x), -1.0)) < x
    root = root_up(x)
    assert Fraction(root) ** 2 >= x
    assert root <= nextafter(nextafter(sqrt(x), 2e3), 2e3)


def test_floats_mean_what_was_typed() -> None:
    assert meant(0.1) == Fraction(1, 10)
    assert meant(0.1 * 3) == Fraction(3, 10)  # 0.30000000000000004
    assert meant(1 / 3) == Fraction(1, 3)
    assert meant(0.0) == 0
    assert meant(2**0.5) == Fraction(2**0.5)  # no short fraction: the float itself
    assert meant(1e-9) == Fraction(1e-9)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    K=st.integers(1, 4),
    gammaL=st.sampled_from((0.3, 1.0)),
    L=st.sampled_from((1.0, 4.0)),
    share=st.sampled_from((0.01, 0.3)),
    R=st.sampled_from((0.0, 0.2, 3.0)),
    zeta=st.sampled_from((0.0, 0.05, 2.0)),
    N=st.sampled_from((2, 3)),
)
def test_a_replay_is_at_most_the_proof_and_they_meet(**s: Any) -> None:
    """Lower and upper bounds of one number, neither of which believes a solver: equal to 1e-6, relatively."""
    L = s["L"]
    setting = {"L": L, "mu": s["share"] * L, "K": s["K"], "gamma": s["gammaL"] / L, "R": s["R"], "zeta": s["zeta"]}
    low, high = replayed_local_gd(N=s["N"], **setting), certified_local_gd(**setting)
    assert low <= high * (1 + 1e-12)
    assert high <= low * (1 + 1e-6)


def test_a_program_is_proved_as_it_is_measured() -> None:
    for gamma in (0.25, 1.0):
        setting: dict[str, Any] = {"mu": 0.0, "N": 2, "gamma": gamma, "t": 2}
        exact = 1 / (4 * 2 * gamma + 2)
        assert exact <= proved(gd_gap, **setting) < exact * (1 + 1e-7)
        assert proved(gd_gap, **setting) == pytest.approx(worst(gd_gap, **setting), rel=1e-6)
    setting = {"mu": 0.1, "N": 2, "shared_optimum": True, "K": 2, "gamma": 0.5, "R": 1.0, "zeta": 0.0}
    found = exact_local_gd(L=1.0, **{k: v for k, v in setting.items() if k != "shared_optimum"})
    assert proved(local_gd, **setting) == pytest.approx(found, rel=1e-6)
