"""The claims about MM over a whole class: an instance, the exact worst case and the promise, in this order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmm.errors import SpecError
from theory_checks.claim import Claim
from theory_checks.claims import lookup, mm_class
from theory_checks.claims.prox_gradient import gap


@given(data=st.data())
def test_the_sandwich(data: st.DataObject) -> None:
    setting = data.draw(mm_class.SETTING)
    exact, mairal = lookup("prox-gradient-strong-gap"), lookup("mm-linear-rate-class")
    seen, worst = (exact.engines[name](**setting) for name in ("simulation", "pep"))
    assert seen == pytest.approx(exact.promised(**setting), rel=1e-9)
    assert worst == pytest.approx(exact.promised(**setting), rel=2e-6)
    assert worst <= mairal.promised(**setting)


@pytest.mark.parametrize("claim", mm_class.CLAIMS, ids=lambda claim: claim.name)
def test_extremes_and_mutants(claim: Claim) -> None:
    for engine in claim.engines.values():
        assert all(claim.holds(claim.promised(**s), engine(**s)) for s in claim.extremes)
        for mutant in claim.mutants:
            assert not all(claim.holds(mutant.promised(**s), engine(**s)) for s in claim.extremes)


@pytest.mark.parametrize("t", [1, 2, 5])
def test_the_closed_form_tends_to_that_of_convex_functions(t: int) -> None:
    assert mm_class.closed_form(1e-7, t, 1) == pytest.approx(gap(L=1.0, R=1.0, t=t, N=1, seed=0), rel=1e-5)


@pytest.mark.parametrize(("change", "words"), [({"mu": 0.0}, "mu between"), ({"mu": 1.0}, "mu between"), ({"t": 0}, "t between")])
def test_outside_the_conditions(change: dict[str, float], words: str) -> None:
    for claim in mm_class.CLAIMS:
        with pytest.raises(SpecError, match=words):
            claim.check({**claim.extremes[0], **change})
