"""The claims about Sinkhorn's iteration: they hold, bite, are attained where tight, and refuse what they do not cover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmm.errors import SpecError
from theory_checks.claim import Claim
from theory_checks.claims import lookup, transport
from theory_checks.claims.transport import PLAIN, bias, sinkhorn

CLAIMS = transport.CLAIMS


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
        promised, measured = numbers(claim, dict(setting))
        assert claim.holds(promised, measured), (setting, promised, measured)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_mutants_are_refuted(claim: Claim) -> None:
    for mutant in claim.mutants:
        for engine in mutant.seen_by:
            assert any(not claim.holds(mutant.promised(**s), claim.engines[engine](**s)) for s in claim.extremes), mutant.says


def test_the_contraction_is_attained() -> None:
    """A 2 x 2 kernel (a, 1; 1, a) with a = e: the factor is ((e-1)/(e+1))^2, and the run has it near the solution."""
    promised, measured = numbers(lookup("sinkhorn-contraction"), dict(PLAIN))
    assert promised == pytest.approx(((np.e - 1) / (np.e + 1)) ** 2, rel=1e-14)
    assert measured == pytest.approx(promised, rel=1e-8)


def test_the_others_are_nearly_attained() -> None:
    """Within 1% (Pinsker at one round, rank one) and within 10% (a small epsilon)."""
    for name, gap in (("sinkhorn-marginal-error", 0.01), ("entropic-bias-refined", 0.1)):
        claim = lookup(name)
        promised, measured = numbers(claim, dict(claim.extremes[0]))
        assert promised <= (1 + gap) * measured, name


@given(setting=transport.runs())
def test_the_solution_is_where_the_run_stays(setting: dict) -> None:
    """theta* has the masses nu as columns, and MM leaves it alone; to rounding."""
    run = sinkhorn(**{**setting, "offset": 0.0})
    np.testing.assert_allclose(run.plan(run.solution).sum(axis=0), run.problem.masses, rtol=1e-12)
    np.testing.assert_allclose(run.plan(run.solution).sum(axis=1), 1 / setting["n"], rtol=1e-12)
    assert run.distance(run.iterates[-1]) <= 1e-11
    assert len(run.iterates) == setting["t"] + 1


@pytest.mark.parametrize("seed", range(10))
def test_the_bias_against_another_solver(seed: int) -> None:
    """POT's network simplex on the marginals of the plan; both to 1e-9 of the cost."""
    ot = pytest.importorskip("ot")
    setting = {"bed": "gaussian", "n": 5, "m": 4, "epsilon": 0.5, "spread": 0.3, "offset": 1.0, "seed": seed, "t": 3}
    run = sinkhorn(**setting)
    P, C = run.plan(run.iterates[-1]), -run.scores * run.problem.epsilon
    exact = ot.emd2(P.sum(axis=1), P.sum(axis=0), C)
    assert bias(**setting) == pytest.approx(float((P * C).sum() - exact), abs=1e-9 * (1 + np.abs(C).max()))


@pytest.mark.parametrize("changed", [{"epsilon": 0.0}, {"t": 0}, {"bed": "simplex", "m": 3}, {"bed": "other"}])
def test_outside_the_conditions(changed: dict) -> None:
    for claim in CLAIMS:
        with pytest.raises(SpecError, match="epsilon > 0"):
            claim.check({**PLAIN, **changed})
