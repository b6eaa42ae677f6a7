"""P4 and P5 in exact expectation, at the largest step they admit; and false promises that must be caught."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmm import Bernoulli, FedMM, Identity, RandK, StochasticMM, solve
from fedmm.channels import Channel, Mask
from fedmm.schedules import Constant
from theory_checks.beds import bed, bed_problem
from theory_checks.statements.bounds import Setting, fedmm_bound, stochastic_mm_bound

UNEQUAL = "unequal"
TINY = 1e-12


def setting(sigma: float, p: float | str, channel: Channel, n: int = 3, d: int = 4, seed: int = 0) -> Setting:
    federation = bed(n, d, seed)
    problem = bed_problem(sigma)
    probabilities = tuple(np.linspace(0.25, 1.0, n)) if isinstance(p, str) else (p,) * n
    return Setting(problem.settle(federation, problem.oracles), federation, probabilities, channel)


def optimum(case: Setting) -> np.ndarray:
    return case.problem.lift(case.problem.solution(case.federation))


@pytest.mark.parametrize("channel", [Identity(), RandK(1), RandK(3), Mask(0.5)], ids=str)
@pytest.mark.parametrize("p", [1.0, 0.5, 0.25, UNEQUAL])
@pytest.mark.parametrize("sigma", [0.0, 1.0])
def test_p5_holds_at_its_largest_step(sigma: float, p: float | str, channel: Channel) -> None:
    case = setting(sigma, p, channel)
    for s in (np.zeros(4), optimum(case), np.full(4, 30.0)):
        for exact_memories in (False, True):
            for T in (1, 30):
                left, right = fedmm_bound(case, s, T, case.largest_step, exact_memories=exact_memories)
                assert left <= right * (1 + TINY) + TINY, (s, exact_memories, T)


@given(seed=st.integers(0, 10**6), share=st.floats(0.01, 1.0), sigma=st.floats(0.0, 3.0))
def test_p5_holds_on_random_instances(seed: int, share: float, sigma: float) -> None:
    rng = np.random.default_rng([seed, 3])
    federation = bed(3, 3, seed)
    problem = bed_problem(sigma, ridge=float(rng.choice([0.0, 0.1, 2.0])))
    case = Setting(
        problem.settle(federation, problem.oracles),
        federation,
        tuple(rng.uniform(0.1, 1.0, 3).tolist()),
        RandK(int(rng.integers(1, 4))),
    )
    left, right = fedmm_bound(case, 5.0 * rng.standard_normal(3), 20, share * case.largest_step)
    assert left <= right * (1 + TINY) + TINY


@pytest.mark.parametrize("p", [1.0, 0.5, 0.25, UNEQUAL])
@pytest.mark.parametrize("sigma", [0.0, 1.0])
def test_p5_on_the_full_bed(sigma: float, p: float | str) -> None:
    """8 clients, d = 10, rand-3, T = 400, from zero: the ratio of the sides lies in [.1, .7] or a little below."""
    case = setting(sigma, p, RandK(3), n=8, d=10)
    left, right = fedmm_bound(case, np.zeros(10), 400, case.largest_step)
    assert 0.05 <= left / right <= 0.7


def test_p5_mutants_are_refuted() -> None:
    """A bound that forgets omega_p, one that is halved, and a step 20 times too long."""
    noisy, far = setting(1.0, 0.25, RandK(1)), setting(0.0, 1.0, Identity())
    left, right = fedmm_bound(noisy, optimum(noisy), 200, noisy.largest_step, omega_p=0.0)
    assert left > 2.0 * right
    left, right = fedmm_bound(far, np.zeros(4), 400, far.largest_step)
    assert left > 0.5 * right
    long = setting(0.0, 0.25, Identity())
    left, right = fedmm_bound(long, np.zeros(4), 30, 20 * long.largest_step)
    assert left > 10.0 * right


@pytest.mark.parametrize("sigma", [0.0, 1.0])
@pytest.mark.parametrize("shape", ["constant", "inverse square root"])
def test_p4_holds_at_its_largest_step(sigma: float, shape: str) -> None:
    case = setting(sigma, 1.0, Identity())
    facts = case.facts
    assert facts.v_min is not None
    assert facts.composite_smoothness is not None
    largest = min(1.0, facts.v_min / facts.composite_smoothness)
    gammas = [largest / (1.0 if shape == "constant" else (t + 1) ** 0.5) for t in range(100)]
    for s in (np.zeros(4), optimum(case), np.full(4, 30.0)):
        left, right = stochastic_mm_bound(case, s, gammas)
        assert left <= right * (1 + TINY) + TINY


def test_p4_mutant_is_refuted() -> None:
    case = setting(0.0, 1.0, Identity())
    left, right = stochastic_mm_bound(case, np.zeros(4), [1.0] * 100, scale=0.5)
    assert left > 1.5 * right


def test_step_theory_is_the_largest_step_of_the_statements() -> None:
    """`solve` with step="theory" runs at exactly the gamma and a of these statements."""
    case = setting(0.0, UNEQUAL, RandK(2))
    seen = []

    def look(snapshot, row) -> None:
        seen.append((snapshot.algorithm.step, snapshot.algorithm.a))

    solve(
        bed_problem(),
        case.federation,
        FedMM(step="theory"),
        rounds=1,
        participation=Bernoulli(case.probabilities),
        channel=case.channel,
        callbacks=(look,),
        progress=False,
    )
    step, a = seen[-1]
    assert isinstance(step, Constant)
    assert step.value == pytest.approx(case.largest_step, rel=1e-13)
    assert a == pytest.approx(1.0 / (1.0 + case.omega_p), rel=1e-13)
    facts = case.facts
    method = StochasticMM(step="theory")
    solve(bed_problem(), case.federation, method, rounds=1, callbacks=(look_step(seen),), progress=False)
    assert seen[-1] == pytest.approx(min(1.0, facts.v_min / facts.composite_smoothness), rel=1e-13)


def look_step(seen: list):
    def look(snapshot, row) -> None:
        seen.append(snapshot.algorithm.step_at(1))

    return look
