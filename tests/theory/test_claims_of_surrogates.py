"""The claims about surrogates and FedMM: they hold, are attained where tight, and their mutants are refuted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmm import FedMM
from fedmm.errors import SpecError
from theory_checks.claim import Claim
from theory_checks.claims import (
    aggregation,
    control_variates,
    fedmm_bounds,
    fedmm_special,
    fixed_points,
    lookup,
    mean_field,
    mm,
    online,
    surrogates,
)
from theory_checks.claims.control_variates import constants, equal_curvature
from theory_checks.families import INSTANCES
from theory_checks.points import instance, landmark, rounded, trajectory

MODULES = (surrogates, mean_field, mm, fedmm_bounds, fedmm_special, control_variates, online, aggregation, fixed_points)
CLAIMS = tuple(claim for module in MODULES for claim in module.CLAIMS)


def numbers(claim: Claim, setting: Any) -> tuple[float, float]:
    """(promised, measured on instances)."""
    claim.check(setting)
    return claim.promised(**setting), claim.engines["simulation"](**setting)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
@given(data=st.data())
def test_holds(claim: Claim, data: st.DataObject) -> None:
    promised, measured = numbers(claim, data.draw(claim.setting))
    assert claim.holds(promised, measured), (promised, measured)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_holds_at_the_extremes(claim: Claim) -> None:
    assert claim.extremes
    for setting in claim.extremes:
        promised, measured = numbers(claim, setting)
        assert claim.holds(promised, measured), (setting, promised, measured)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_mutants_are_refuted_at_the_extremes(claim: Claim) -> None:
    for mutant in claim.mutants:
        assert mutant.seen_by == ("simulation",)
        found = [claim.holds(mutant.promised(**s), claim.engines["simulation"](**s)) for s in claim.extremes]
        assert not all(found), mutant.says


@pytest.mark.parametrize("claim", [claim for claim in CLAIMS if claim.kind == "tight"], ids=lambda claim: claim.name)
def test_tight_claims_are_attained(claim: Claim) -> None:
    """To 1e-6, by numbers that are not rounding."""
    pairs = [numbers(claim, setting) for setting in claim.extremes]
    assert any(promised > 1e-3 and measured == pytest.approx(promised, rel=1e-6) for promised, measured in pairs)


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("surrogate-descent", {"family": "line", "seed": 3, "spread": 1.0, "gamma": 0.3}),
        ("surrogate-descent", {"family": "single-component", "seed": 3, "spread": 1.0, "gamma": 0.3}),
        ("mm-quadratic-descent", {"family": "tiny-features", "seed": 0, "t": 0}),
        ("em-likelihood", {"family": "single-component", "seed": 3, "t": 0}),
        ("fedmm-monotone", {"family": "line", "seed": 3, "t": 1, "gamma": 0.5}),
    ],
)
def test_lower_bounds_are_attained(name: str, setting: dict[str, Any]) -> None:
    """Boehning's surrogate nearly: features of size 1e-3 leave a relative curvature error of that size."""
    promised, measured = numbers(lookup(name), setting)
    assert promised > 1e-6
    assert measured == pytest.approx(promised, rel=2e-3 if "tiny" in setting["family"] else 1e-7)


def test_every_family_but_the_compiled_one_is_covered() -> None:
    assert set(INSTANCES) - set(surrogates.FAMILIES) == {"custom-monotone"}
    assert set(mean_field.CURVED) <= set(surrogates.FAMILIES)
    assert set(online.ONLINE) <= set(surrogates.FAMILIES)


def test_the_linear_rate_is_a_factor_of_four_loose() -> None:
    """In the plane: (L + lambda)^2 / ((A + lambda)(L - A)) = 1.1^2/(.6 x .5) = 4.0333 on the slow axis, at t = 1."""
    claim = lookup("mm-linear-rate")
    promised, measured = numbers(claim, {"family": "plane", "seed": 100, "t": 1})
    assert promised / measured == pytest.approx(1.1**2 / (0.6 * 0.5), rel=1e-4)


def test_mini_batches_of_gradient_surrogates_are_refused_and_rightly() -> None:
    """rho is that of a whole client: a single sample may be steeper, and then the surrogate passes below the loss."""
    claim = lookup("online-surrogate-above")
    setting = {"family": "least-squares-l1", "seed": 30, "batch": 1, "t": 5}
    with pytest.raises(SpecError, match="majorises sample by sample"):
        claim.check(setting)
    assert claim.engines["simulation"](**setting) < -1.0


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("fedmm-mean-field", {"share": 1.5}, "at most the largest"),
        ("fedmm-mean-field", {"k": 5}, "1 <= k <= d"),
        ("fedmm-mean-field", {"p": 0.0}, "p in"),
        ("fedmm-mean-field", {"sigma": float("inf")}, "sigma >= 0 and finite"),
        ("fedmm-mean-field", {"share": float("nan")}, "at most the largest"),
        ("stochastic-mm-mean-field", {"T": 0}, "T >= 1"),
        ("stochastic-approximation", {"start": "here"}, "a start among"),
        ("stochastic-mm-mean-field", {"share": 0.0}, "at most the largest"),
        ("stochastic-approximation", {"share": 2.0}, "at most the largest"),
        ("fedmm-moments", {"p": -0.5}, "p in"),
        ("no-control-variates-plateau", {"gamma": 1.5}, "gamma in"),
        ("control-variates-no-plateau", {"k": 0}, "1 <= k <= d"),
        ("surrogate-descent", {"gamma": 1.5}, "gamma in"),
        ("fedmm-monotone", {"gamma": 0.0}, "gamma in"),
        ("projected-step", {"share": 1.1}, "at most the largest"),
        ("online-surrogate-falls", {"family": "logistic"}, "sample by sample"),
        ("surrogate-smoothness", {"family": "lasso"}, "an instance of"),
        ("surrogate-gradient", {"family": "least-squares-l1"}, "whose T is differentiable"),
        ("field-descends", {"family": "dictionary"}, "among line, quadratic"),
        ("mm-linear-rate", {"t": 11}, "t between 1 and 10"),
        ("fedmm-certifies-itself", {"p": 0.0}, "p in"),
    ],
)
def test_outside_the_conditions(name: str, change: dict[str, Any], words: str) -> None:
    claim = lookup(name)
    with pytest.raises(SpecError, match=words):
        claim.check({**claim.extremes[0], **change})


def test_longer_steps_break_the_bound() -> None:
    """The condition of the bound is needed: at 20 times the largest step it fails."""
    setting = {**lookup("fedmm-mean-field").extremes[1], "k": 4, "start": "zero", "sigma": 0.0, "T": 30, "share": 20.0}
    claim = lookup("fedmm-mean-field")
    assert claim.engines["simulation"](**setting) > 10.0 * claim.promised(**setting)


def test_a_memory_that_forgets_participation_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library whose clients drop the 1/p_i of their memories has other moments."""
    claim, right = lookup("fedmm-moments"), FedMM.remember

    def forgetful(self, memory, model, kept, sent, ticket):
        return right(self, memory, model, kept, sent, ticket._replace(scale=1.0))

    setting = claim.extremes[0]
    assert claim.holds(*numbers(claim, setting))
    monkeypatch.setattr(FedMM, "remember", forgetful)
    assert not claim.holds(*numbers(claim, setting))


def test_the_heterogeneity_is_forgotten() -> None:
    """Equal curvature, p = 1/4, rand-1 of 3, step .05: a plateau without control variates, nothing left with them."""
    case = {"seed": 0, "clients": 3, "d": 3, "ratio": 0.5, "k": 1, "p": 0.25, "gamma": 0.05}
    with_ = lookup("control-variates-no-plateau").promised(**case, T=3000, away=0.0)
    without = lookup("no-control-variates-plateau").promised(**case, unequal=False, T=3000)
    assert without > 1e-2
    assert with_ < 1e-12


def test_constants_of_equal_curvature_are_those_of_the_library() -> None:
    at = equal_curvature(0, 3, 3, 0.5, 1, 0.25, True, False)
    kappa, star, fields, omega = constants(at)
    theta = at.problem.minimize(star)
    found = np.stack([at.problem.statistic(data, theta)[0] - star for data in at.federation])
    np.testing.assert_allclose(fields, found, atol=1e-12)
    np.testing.assert_allclose(np.asarray(at.federation.weights) @ fields, 0.0, atol=1e-12)
    moved = at.problem.minimize(star + 1.0)
    drift = np.stack([at.problem.statistic(data, moved)[0] - star - 1.0 for data in at.federation])
    np.testing.assert_allclose(drift, found - kappa, atol=1e-12)
    np.testing.assert_allclose(omega, [3 / 0.25 - 1, 3 / 0.625 - 1, 2.0])


def test_runs_and_landmarks() -> None:
    """Runs start where they should, landmarks tell vectors apart, and rounding is rounded."""
    run = trajectory("line", 0, FedMM(step=0.5, start="lift"), 3)
    at, _ = instance("line", 0)
    assert len(run) == 4
    np.testing.assert_array_equal(run[0].theta, at.minimize(run[0].server.s))
    x = np.arange(3.0)
    assert landmark(x, 0) == landmark(x.copy(), 0)
    assert landmark(x, 0) != landmark(x + np.array([0.0, 1e-6, 0.0]), 0)
    assert [rounded(value) for value in (1e-13, -1e-13, 1e-11, -2.0)] == [0.0, 0.0, 1e-11, -2.0]
