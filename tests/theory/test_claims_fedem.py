"""FedEM's bound, constants to be confirmed: it holds where it was tried, and bites."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from fedmm.errors import SpecError
from theory_checks.claim import Status
from theory_checks.claims import lookup
from theory_checks.claims.fedem import even, step

CLAIM = lookup("fedem-mean-field")


@settings(max_examples=40)
@given(CLAIM.setting)
def test_it_holds(setting: dict) -> None:
    CLAIM.check(setting)
    assert CLAIM.holds(CLAIM.promised(**setting), CLAIM.engines["simulation"](**setting))


@pytest.mark.parametrize("mutant", CLAIM.mutants, ids=lambda mutant: mutant.says)
def test_mutants_are_refuted(mutant) -> None:
    assert any(not CLAIM.holds(mutant.promised(**s), CLAIM.engines["simulation"](**s)) for s in CLAIM.extremes)


def test_its_constants_are_said_to_be_unconfirmed() -> None:
    assert CLAIM.status is Status.MEMORY


def test_its_step_is_ours_with_another_root() -> None:
    """sqrt(2) in place of sqrt(3) where the uploads bind; the same where they do not."""
    bound_by_uploads, free = even(0, 3, 4, 1, 0.1, 1.0), even(0, 3, 4, 4, 1.0, 1.0)
    assert step(bound_by_uploads, 1.0) == pytest.approx(bound_by_uploads.largest_step * 1.5**0.5, rel=1e-12)
    assert step(free, 0.5) == pytest.approx(0.5 * free.largest_step, rel=1e-12)


@pytest.mark.parametrize("change", [{"share": 1.5}, {"k": 5}, {"p": 0.0}, {"T": 0}])
def test_outside_the_conditions(change: dict[str, float]) -> None:
    with pytest.raises(SpecError, match="fedem-mean-field"):
        CLAIM.check({**CLAIM.extremes[0], **change})
