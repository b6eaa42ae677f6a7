r"""FedMM and stochastic MM on the mean field: the bounds behind ``step="theory"``, in exact expectation.

.. math:: \frac1T\sum_{t<T}E\|h(\hat S_t)\|^2\le\frac2{v_{\min}}\Big\{\frac{W(T(\hat S_0))-W_*
          +2\gamma^2L_W\omega_p(1+\omega_p)G_0}{\gamma T}+\gamma L_W(1+4\omega_p)\sigma_\mu^2\Big\}

for FedMM with Bernoulli participation, an unbiased channel and control variates, and

.. math:: \sum_t\gamma_{t+1}(v_{\min}-\gamma_{t+1}L_W/2)E\|h(\hat S_t)\|^2
          \le W(T(\hat S_0))-W_*+\frac{L_W\sigma_\mu^2}2\sum_t\gamma_{t+1}^2

for stochastic MM; steps and symbols as in `fedmm.bounds`. Measured on quadratics by second moments
(`theory_checks.expectation`); that these are the library's is a claim of its own, by enumeration of everything that may happen.
All are derived and proved here; the constants of arXiv 2507.17534 and of FedEM are others, or unknown to us.

| argument | symbol |
|---|---|
| seed, clients, d | the quadratic bed |
| k | rand-k of d coordinates; k = d is exact |
| p, unequal | p_i = p, or from p to 1 |
| sigma | of the statistics |
| start | where :math:`\hat S_0` is: zero, at the optimum, or far away |
| T, share | rounds, and the step as a share of the largest |
| exact | whether :math:`V_{0,i}=h_i(\hat S_0)`, otherwise 0 |
| decreasing | :math:`\gamma_t=\gamma/\sqrt t` rather than constant |
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import prod
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fedmm import FedMM, Identity, RandK
from fedmm.bounds import p4_step, p5_rhs
from fedmm.testing.scripted import PlayedCohorts, PlayedFactors
from theory_checks.beds import bed, bed_problem
from theory_checks.claim import Claim, Mutant, Status
from theory_checks.conditions import CHANNEL, NOISE, RELAXED, ROUNDS, SAMPLING, START, STEP
from theory_checks.expectation import ExactFedMM, factors
from theory_checks.points import rounded, steps
from theory_checks.statements.bounds import (
    Setting,
    fedmm_bound,
    fedmm_terms,
    stochastic_mm_bound,
    stochastic_mm_rhs,
    stochastic_mm_terms,
)

__all__ = ["CLAIMS", "case", "starting_point"]


@lru_cache(maxsize=512)
def case(seed: int, clients: int, d: int, k: int, p: float, unequal: bool, sigma: float) -> Setting:
    """FedMM on the quadratic bed."""
    federation, problem = bed(clients, d, seed), bed_problem(sigma)
    probabilities = tuple(np.linspace(p, 1.0, clients).tolist()) if unequal else (p,) * clients
    return Setting(problem.settle(federation, problem.oracles), federation, probabilities, Identity() if k == d else RandK(k))


def starting_point(at: Setting, start: str) -> np.ndarray:
    """The first surrogate, shape (d,)."""
    d = at.federation[0].b.shape[0]
    if start == "optimum":
        return np.asarray(at.problem.lift(at.problem.solution(at.federation)))
    return np.full(d, 30.0) if start == "far" else np.zeros(d)


# --- FedMM with compression, participation and control variates -------------------------------------------------------


@lru_cache(maxsize=4096)
def both_sides(
    seed: int,
    clients: int,
    d: int,
    k: int,
    p: float,
    unequal: bool,
    sigma: float,
    start: str,
    T: int,
    share: float,
    exact: bool,
    believed: float | None = None,
) -> tuple[float, float]:
    """The mean of E|h|^2 over T rounds, and its bound with omega_p = `believed` (None: the truth)."""
    at = case(seed, clients, d, k, p, unequal, sigma)
    gamma = share * at.largest_step
    return fedmm_bound(at, starting_point(at, start), T, gamma, omega_p=believed, exact_memories=exact)


def mean_field2(**setting: Any) -> float:
    r""":math:`(1/T)\sum_{t<T}E\|h(\hat S_t)\|^2`."""
    return rounded(max(0.0, both_sides(**setting)[0]))


@lru_cache(maxsize=4096)
def terms(
    seed: int, clients: int, d: int, k: int, p: float, unequal: bool, sigma: float, start: str, T: int, share: float, exact: bool
) -> dict[str, Any]:
    """What the bound is made of."""
    at = case(seed, clients, d, k, p, unequal, sigma)
    return fedmm_terms(at, starting_point(at, start), T, share * at.largest_step, exact_memories=exact)


def fedmm_promised(**setting: Any) -> float:
    """The bound."""
    return rounded(max(0.0, p5_rhs(**terms(**setting))))


def half_of_it(**setting: Any) -> float:
    """2/v_min -> 1/v_min."""
    return 0.5 * fedmm_promised(**setting)


def without_omega(**setting: Any) -> float:
    """omega_p -> 0, as if uploads were exact and everyone took part."""
    return both_sides(**setting, believed=0.0)[1]


def with_exact_memories(**setting: Any) -> float:
    """G_0 -> 0, as if V_{0,i} = h_i(S_0)."""
    return both_sides(**{**setting, "exact": True})[1]


BED = {"seed": 0, "clients": 3, "d": 4, "unequal": False, "share": 1.0, "exact": False}

FEDMM = Claim(
    name="fedmm-mean-field",
    statement="(1/T) sum_t E|h(s_t)|^2 <= (2/v_min) {[W_0 - W* + 2 gamma^2 L_W omega_p (1+omega_p) G_0]/(gamma T)"
    " + gamma L_W (1+4 omega_p) sigma_mu^2}",
    reference="derived here, with a proof (fedmm.bounds); same form as FedEM's theorem (NeurIPS 2021)",
    status=Status.DERIVED,
    kind="upper",
    setting=st.fixed_dictionaries(
        {
            "seed": st.integers(0, 50),
            "clients": st.sampled_from([1, 2, 3]),
            "d": st.sampled_from([4]),
            "k": st.sampled_from([1, 2, 4]),
            "p": st.sampled_from([0.1, 0.25, 0.5, 1.0]),
            "unequal": st.booleans(),
            "sigma": st.sampled_from([0.0, 1.0, 3.0]),
            "start": st.sampled_from(["zero", "optimum", "far"]),
            "T": st.sampled_from([1, 2, 10, 40]),
            "share": st.floats(0.01, 1.0),
            "exact": st.booleans(),
        }
    ),
    promised=fedmm_promised,
    engines={"simulation": mean_field2},
    mutants=(
        Mutant("2/v_min -> 1/v_min", half_of_it, ("simulation",)),
        Mutant("omega_p -> 0", without_omega, ("simulation",)),
        Mutant("G_0 -> 0", with_exact_memories, ("simulation",)),
    ),
    conditions=(CHANNEL, SAMPLING, STEP, NOISE, ROUNDS, START),
    method="fedmm",
    tags=("fedmm", "compression", "participation", "control-variates", "p5"),
    rtol=1e-9,
    atol=1e-10,
    extremes=(
        {**BED, "k": 4, "p": 1.0, "sigma": 0.0, "start": "zero", "T": 400},
        {**BED, "k": 1, "p": 0.25, "sigma": 1.0, "start": "optimum", "T": 200},
        {**BED, "k": 1, "p": 0.25, "sigma": 0.0, "start": "optimum", "T": 2},
        {**BED, "k": 2, "p": 0.25, "unequal": True, "sigma": 1.0, "start": "far", "T": 30},
        {**BED, "clients": 1, "d": 1, "k": 1, "p": 1.0, "sigma": 0.0, "start": "zero", "T": 2},
    ),
)

# --- stochastic MM ----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def stochastic_sides(
    seed: int, clients: int, d: int, sigma: float, start: str, T: int, share: float, decreasing: bool
) -> tuple[float, float]:
    """The weighted sum of E|h|^2, and its bound."""
    at = case(seed, clients, d, d, 1.0, False, sigma)
    return stochastic_mm_bound(at, starting_point(at, start), schedule(at, T, share, decreasing))


@lru_cache(maxsize=4096)
def stochastic_terms(
    seed: int, clients: int, d: int, sigma: float, start: str, T: int, share: float, decreasing: bool
) -> dict[str, Any]:
    """What the bound is made of."""
    at = case(seed, clients, d, d, 1.0, False, sigma)
    return stochastic_mm_terms(at, starting_point(at, start), schedule(at, T, share, decreasing))


def schedule(at: Setting, T: int, share: float, decreasing: bool) -> list[float]:
    """The steps."""
    facts = at.facts
    gamma = share * p4_step(facts.v_min or 0.0, facts.composite_smoothness or 0.0)
    return [gamma / (t + 1) ** 0.5 if decreasing else gamma for t in range(T)]


def weighted_field2(**setting: Any) -> float:
    r""":math:`\sum_t\gamma_{t+1}(v_{\min}-\gamma_{t+1}L_W/2)E\|h(\hat S_t)\|^2`."""
    return rounded(max(0.0, stochastic_sides(**setting)[0]))


def stochastic_promised(**setting: Any) -> float:
    """The bound."""
    return rounded(max(0.0, stochastic_mm_rhs(**stochastic_terms(**setting))))


def tenth_less(**setting: Any) -> float:
    """Nine tenths of the bound."""
    return 0.9 * stochastic_promised(**setting)


def without_noise(**setting: Any) -> float:
    """sigma_mu -> 0."""
    return stochastic_sides(**{**setting, "sigma": 0.0})[1]


STOCHASTIC = Claim(
    name="stochastic-mm-mean-field",
    statement="sum_t gamma_t (v_min - gamma_t L_W/2) E|h(s_t)|^2 <= W_0 - W* + (L_W sigma_mu^2/2) sum_t gamma_t^2",
    reference="derived here, with a proof (fedmm.bounds)",
    status=Status.DERIVED,
    kind="tight",
    setting=st.fixed_dictionaries(
        {
            "seed": st.integers(0, 50),
            "clients": st.sampled_from([1, 2, 3]),
            "d": st.sampled_from([1, 4]),
            "sigma": st.sampled_from([0.0, 1.0, 3.0]),
            "start": st.sampled_from(["zero", "optimum", "far"]),
            "T": st.sampled_from([1, 2, 10, 40]),
            "share": st.floats(0.01, 1.0),
            "decreasing": st.booleans(),
        }
    ),
    promised=stochastic_promised,
    engines={"simulation": weighted_field2},
    mutants=(
        Mutant("the bound -> .9 of it", tenth_less, ("simulation",)),
        Mutant("sigma_mu -> 0", without_noise, ("simulation",)),
    ),
    conditions=(STEP, NOISE, ROUNDS, START),
    method="stochastic-mm",
    tags=("stochastic-approximation", "p4"),
    rtol=1e-9,
    atol=1e-10,
    extremes=tuple(
        {"seed": 0, "clients": n, "d": d, "sigma": sigma, "start": start, "T": T, "share": 1.0, "decreasing": False}
        for n, d, sigma, start, T in ((1, 1, 0.0, "zero", 1), (1, 1, 1.0, "optimum", 40), (3, 4, 1.0, "far", 100))
    ),
)

# --- the second moments are the library's -----------------------------------------------------------------------------


def by_enumeration(seed: int, k: int, p: float, q: float, gamma: float, rounds: int, variates: bool) -> float:
    """E|h(s_T)|^2 of the library's FedMM: a run for everything that two clients may do, weighted by its probability."""
    at, d = pair(seed, k, p, q), 2
    exact = at.exact(0.0)
    outcomes = [
        [(prob * share, tuple(x)) for prob, x in factors(at.channel, d)] + [(1.0 - share, None)] * (share < 1.0)
        for share in at.probabilities
    ]
    total = 0.0
    for history in product(list(product(*outcomes)), repeat=rounds):
        cohorts = tuple(tuple(i for i, (_, x) in enumerate(turn) if x is not None) for turn in history)
        played = tuple(tuple(x or (0.0,) * d for _, x in turn) for turn in history)
        run = steps(
            at.problem,
            at.federation,
            FedMM(step=gamma, start="lift", control_variates=variates),
            rounds,
            np.array([1.0, -2.0]),
            participation=PlayedCohorts(cohorts, at.probabilities),
            channel=PlayedFactors(played, at.channel.facts(d).omega or 0.0),
        )
        u = np.concatenate([run[-1].server.s, np.zeros(2 * d), [1.0]])
        total += prod(prob for turn in history for prob, _ in turn) * exact.field2(np.outer(u, u))
    return total


def by_moments(seed: int, k: int, p: float, q: float, gamma: float, rounds: int, variates: bool) -> float:
    """E|h(s_T)|^2 by the recursion for second moments."""
    at = pair(seed, k, p, q)
    return simulated(at, 1.0 / (1.0 + at.omega_p) if variates else 0.0, gamma, rounds)


def with_long_memories(seed: int, k: int, p: float, q: float, gamma: float, rounds: int, variates: bool) -> float:
    """The same with memory step 1/(1 + omega), which forgets participation."""
    at = pair(seed, k, p, q)
    omega = at.channel.facts(2).omega or 0.0
    return simulated(at, 1.0 / (1.0 + omega) if variates else 0.5, gamma, rounds)


def pair(seed: int, k: int, p: float, q: float) -> Setting:
    """Two clients in the plane, who take part with probabilities p and q."""
    at = case(seed, 2, 2, k, 1.0, False, 0.0)
    return Setting(at.problem, at.federation, (p, q), at.channel)


def simulated(at: Setting, a: float, gamma: float, rounds: int) -> float:
    """E|h|^2 after so many rounds."""
    exact: ExactFedMM = at.exact(a)
    s = at.problem.lift(np.array([1.0, -2.0]))
    *_, moment = exact.moments(s, np.zeros((2, 2)), [gamma] * rounds)
    return exact.field2(moment)


MOMENTS = Claim(
    name="fedmm-moments",
    statement="E|h(s_T)|^2 of FedMM, over everything that may happen, obeys a linear recursion for E[u u'], u = (s, V, 1)",
    reference="derived here (theory_checks.expectation)",
    status=Status.DERIVED,
    kind="expectation",
    setting=st.fixed_dictionaries(
        {
            "seed": st.integers(0, 50),
            "k": st.sampled_from([1, 2]),
            "p": st.sampled_from([0.3, 0.5, 1.0]),
            "q": st.sampled_from([0.5, 0.8]),
            "gamma": st.sampled_from([0.1, 0.4, 1.0]),
            "rounds": st.sampled_from([1, 2]),
            "variates": st.booleans(),
        }
    ),
    promised=by_moments,
    engines={"simulation": by_enumeration},
    mutants=(Mutant("a = 1/(1+omega_p) -> 1/(1+omega)", with_long_memories, ("simulation",)),),
    conditions=(SAMPLING, RELAXED),
    method="fedmm",
    tags=("fedmm", "compression", "participation", "control-variates"),
    rtol=1e-10,
    extremes=(
        {"seed": 0, "k": 1, "p": 0.3, "q": 0.8, "gamma": 0.4, "rounds": 2, "variates": True},
        {"seed": 0, "k": 2, "p": 1.0, "q": 0.5, "gamma": 1.0, "rounds": 2, "variates": True},
    ),
)

CLAIMS = (FEDMM, STOCHASTIC, MOMENTS)
