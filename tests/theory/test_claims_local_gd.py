"""Claims about Local GD: they hold, are attained where tight, false promises are refuted, what is not covered is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmm import FedAvg, Federation, FixedSize, solve
from fedmm.errors import SpecError
from problems import Quadratic
from theory_checks.claim import Claim
from theory_checks.claims import local_gd, local_gd_averaged, local_gd_ball, local_gd_sampled, lookup
from theory_checks.pep import SymPEP
from theory_checks.pep.programs.local_gd import averaged_iterate
from theory_checks.pep.unreduced import unreduced_sampled_round
from theory_checks.quadratic_clients import alike, opposed, scattered

CLAIMS = (*local_gd.CLAIMS, *local_gd_ball.CLAIMS, *local_gd_averaged.CLAIMS, *local_gd_sampled.CLAIMS)


def both(claim: Claim, setting: dict) -> tuple[float, dict[str, float]]:
    """What is promised, and what every engine measures."""
    claim.check(setting)
    return claim.promised(**setting), {name: engine(**setting) for name, engine in claim.engines.items()}


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
@given(data=st.data())
def test_instances_are_below_the_class_and_the_class_below_the_promise(claim: Claim, data: st.DataObject) -> None:
    promised, measured = both(claim, data.draw(claim.setting))
    exact = measured.get("pep", promised)
    assert claim.holds(promised, exact), (promised, measured)
    for name in {"simulation", "batch", "replay"} & set(measured):
        assert measured[name] <= exact * (1 + 1e-6) + 2e-8, (name, promised, measured)


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


@given(data=st.data())
def test_one_client_stays_in_its_ball_and_two_quadratics_reach_it(data: st.DataObject) -> None:
    """The solver to 1e-6, the library's FedAvg to 1e-12: the end points of the diameter."""
    claim = lookup("local-gd-ball")
    setting = data.draw(claim.setting)
    promised, measured = both(claim, setting)
    assert measured["pep"] == pytest.approx(promised, rel=1e-6)
    assert measured["simulation"] == pytest.approx(promised, rel=1e-12)


def test_for_longer_steps_the_ball_is_left() -> None:
    """gamma L = 1.2, K = 3: the exact worst case is 2.3 % outside."""
    setting = {"L": 1.0, "mu": 0.1, "gamma": 1.2, "K": 3, "zeta": 1.0, "N": 2, "seed": 0}
    assert local_gd_ball.exact(**setting) / local_gd_ball.radius(**setting) == pytest.approx(1.0229, abs=1e-4)


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
    for claim in local_gd.CLAIMS:
        with pytest.raises(SpecError, match=words):
            claim.check({**claim.extremes[0], **change})


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("local-gd-averaged-2019", {"gamma": 0.05}, "needs 0 < gamma <= 1/.4 sqrt.2. K L"),
        ("local-gd-averaged-2020", {"gamma": 0.05}, "needs 0 < gamma <= min.1/.4L., 1/.8L.K-1..."),
        ("local-gd-sampled-round", {"S": 3}, "needs 1 <= S <= N"),
        ("local-gd-sampled-rounds", {"gamma": 1.5}, "needs 0 < gamma <= 1/L"),
    ],
)
def test_each_condition_is_asked(name: str, change: dict, words: str) -> None:
    claim = lookup(name)
    with pytest.raises(SpecError, match=words):
        claim.check({**claim.extremes[0], **change})


@given(data=st.data())
def test_the_symmetric_reduction_loses_nothing(data: st.DataObject) -> None:
    """Against the problem with all clients and cohorts written out, from above and from below."""
    claim = lookup("local-gd-sampled-round-exact")
    promised, measured = both(claim, data.draw(claim.setting))
    assert measured["pep"] == pytest.approx(promised, rel=1e-6)


@pytest.mark.parametrize(("N", "S", "K", "value"), [(3, 1, 2, 1.1792468), (3, 2, 2, 0.9684262), (4, 2, 2, 0.9891559)])
def test_values_of_the_problem_written_out(N: int, S: int, K: int, value: float) -> None:
    found = unreduced_sampled_round(L=1.0, mu=0.1, N=N, S=S, K=K, gamma=0.5 / K, R=1.0, zeta=1.0)
    assert found == pytest.approx(value, abs=1e-7)


def test_too_many_clients_are_not_written_out() -> None:
    with pytest.raises(SpecError, match="S = 2 and N = 5"):
        unreduced_sampled_round(L=1.0, mu=0.1, N=5, S=2, K=1, gamma=0.5, R=1.0, zeta=1.0)


@pytest.mark.parametrize("name", ["local-gd-averaged-2019", "local-gd-averaged-2020"])
def test_small_values_from_the_optimum_do_not_depend_on_units(name: str) -> None:
    """Some 1e-6: to one per cent, when f is multiplied by 3 or .3."""
    setting = dict(lookup(name).extremes[1])
    exact = lookup(name).engines["pep"](**setting)
    for c in (0.3, 3.0):
        pep = SymPEP(L=c, mu=0.0, N=2)
        other = averaged_iterate(pep, K=2, gamma=setting["gamma"] / c, R=0, zeta=c, rounds=2)
        assert pep.maximize(other / 0.1).dual_value * 0.1 / c == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize("S", [1, 2, 3])
def test_a_cohort_is_a_smaller_federation(S: int) -> None:
    """What `expected_square` enumerates is what `solve` does with S clients a round: every seed gives an outcome, to 1e-15."""
    federation = scattered(1.0, 0.1, 4, 1.0, seed=3)
    x = np.array([1.0, -0.5, 0.2])
    cohorts = (cohort for _, cohort in FixedSize(S).outcomes(4))
    outcomes = np.array([local_gd.fedavg(Federation([federation[i] for i in c]), 3, 0.5, x) for c in cohorts])
    hit = set()
    for seed in range(20):
        method, rule = FedAvg(local_steps=3, step=0.5), FixedSize(S)
        theta = solve(
            Quadratic(), federation, method, x, rounds=1, seed=seed, participation=rule, metrics=(), progress=False
        ).theta
        distances = np.abs(outcomes - theta).max(axis=1)
        assert distances.min() < 1e-15
        hit.add(int(distances.argmin()))
    assert len(hit) > 1


def test_the_expected_square_is_mean_and_variance() -> None:
    """The textbook variance of a sampled mean, to 1e-14."""
    federation, x = scattered(1.0, 0.1, 5, 1.0, seed=1), np.array([0.3, 0.3, -1.0])
    y = np.array([local_gd.fedavg(Federation([client]), 2, 0.5, x) for client in federation])
    variance = np.mean(np.sum((y - y.mean(axis=0)) ** 2, axis=1))
    for S in (1, 2, 5):
        value = np.sum(y.mean(axis=0) ** 2) + local_gd_sampled.variance_factor(5, S) * variance
        assert local_gd_sampled.expected_square(federation, S, 2, 0.5, x) == pytest.approx(value, rel=1e-14)


def test_the_averaged_iterate_is_what_a_loop_gives() -> None:
    """By hand, to 1e-14."""
    federation, x = scattered(1.0, 0.0, 3, 1.0, seed=2), np.array([1.0, 0.0, 2.0])
    start, seen = x, []
    for _ in range(2):
        y = [start] * 3
        for _ in range(4):
            seen.append(np.mean(y, axis=0))
            y = [point - 0.1 * (data.A @ point - data.b) for point, data in zip(y, federation, strict=True)]
        start = np.mean(y, axis=0)
    mean = np.mean(seen, axis=0)
    value = np.mean([0.5 * mean @ data.A @ mean - data.b @ mean for data in federation])
    assert local_gd_averaged.averaged_gap(federation, 4, 0.1, x, 2) == pytest.approx(value, rel=1e-14)


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
