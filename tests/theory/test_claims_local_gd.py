"""Claims about Local GD: they hold, are attained where tight, false promises are refuted, what is not covered is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmm.errors import SpecError
from theory_checks.claim import Claim
from theory_checks.claims import local_gd, lookup
from theory_checks.quadratic_clients import alike, opposed, scattered

CLAIMS = local_gd.CLAIMS


def both(claim: Claim, setting: dict) -> tuple[float, dict[str, float]]:
    """What is promised, and what every engine measures."""
    claim.check(setting)
    return claim.promised(**setting), {name: engine(**setting) for name, engine in claim.engines.items()}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
@given(data=st.data())
def test_instances_are_below_the_class_and_the_class_below_the_promise(claim: Claim, data: st.DataObject) -> None:
    promised, measured = both(claim, data.draw(claim.setting))
    assert claim.holds(promised, measured["pep"]), (promised, measured)
    assert measured["simulation"] <= measured["pep"] * (1 + 1e-6), (promised, measured)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_holds_at_the_extremes(claim: Claim) -> None:
    for setting in claim.extremes:
        promised, measured = both(claim, setting)
        assert all(claim.holds(promised, found) for found in measured.values()), (setting, promised, measured)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_mutants_are_refuted_by_every_engine_that_sees_them(claim: Claim) -> None:
    for mutant in claim.mutants:
        for name in mutant.seen_by:
            seen = (claim.holds(mutant.promised(**s), claim.engines[name](**s)) for s in claim.extremes)
            assert not all(seen), (mutant.says, name)


@given(data=st.data())
def test_the_drift_is_the_exact_worst_case_and_two_scalar_clients_attain_it(data: st.DataObject) -> None:
    """The solver to 1e-6, the library's FedAvg on an even number of clients to 1e-12."""
    claim = lookup("local-gd-drift")
    setting = data.draw(claim.setting)
    promised, measured = both(claim, setting)
    assert measured["pep"] == pytest.approx(promised, rel=1e-6)
    if setting["N"] % 2 == 0:
        assert measured["simulation"] == pytest.approx(promised, rel=1e-12)


def test_random_instances_do_not_see_a_small_error() -> None:
    """What makes the extremes and the worst case necessary: 30 random federations are all below 0.98 of the drift."""
    case = local_gd.CORNERS[0]
    law = {name: case[name] for name in ("L", "mu", "K", "gamma", "zeta")}
    for seed in range(30):
        federation = scattered(case["L"], case["mu"], case["N"], case["zeta"], seed)
        after = local_gd.fedavg(federation, case["K"], case["gamma"], np.zeros(3))
        assert np.linalg.norm(after) < 0.98 * local_gd.drift(**law)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"gamma": 1.1}, "needs 0 < gamma <= 1/L"),
        ({"gamma": 0.0}, "needs 0 < gamma <= 1/L"),
        ({"mu": 0.0}, "needs 0 < mu < L"),
        ({"mu": 1.0}, "needs 0 < mu < L"),
        ({"N": 1}, "needs N >= 2"),
    ],
)
def test_what_the_theorem_does_not_cover_is_refused(change: dict, words: str) -> None:
    for claim in CLAIMS:
        with pytest.raises(SpecError, match=words):
            claim.check({**claim.extremes[0], **change})


@given(L=st.floats(0.5, 3.0), share=st.floats(0.01, 0.9), N=st.integers(2, 9), zeta=st.floats(0.0, 2.0), seed=st.integers(0, 99))
def test_instances_are_in_the_class(L: float, share: float, N: int, zeta: float, seed: int) -> None:
    """Curvatures in [mu, L], pulls that cancel, of mean square zeta^2, to rounding."""
    mu = share * L
    for federation in (opposed(L, mu, N, zeta), alike(mu, N, zeta), scattered(L, mu, N, zeta, seed)):
        b = np.array([client.b for client in federation])
        eigenvalues = np.linalg.eigvalsh(np.array([client.A for client in federation]))
        assert eigenvalues.min() >= mu * (1 - 1e-12)
        assert eigenvalues.max() <= L * (1 + 1e-12)
        assert np.allclose(b.mean(axis=0), 0.0, atol=1e-12)
        assert np.mean(np.sum(b**2, axis=1)) == pytest.approx(zeta**2, rel=1e-12, abs=1e-30)
