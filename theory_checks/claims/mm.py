r"""Majorise-minimise, run by the library: descent in the surrogate's own metric, a linear rate, and the likelihood under EM.

One step :math:`\theta^+=T(\bar s(\theta))` of MM on W:

- a quadratic surrogate of curvature B falls by half the squared length of the step, in its own metric;
- where the surrogate exceeds W by an L-smooth error and is rho-strongly convex, rho > L, the gap falls linearly (J. Mairal,
  *Optimization with first-order surrogate functions*, 2013); for the gradient surrogate of step rho_0, f mu-strongly convex and
  g lambda-strongly convex, :math:`L=1/\rho_0-\mu` and :math:`\rho=1/\rho_0+\lambda`;
- with s and s' the statistics before and after, W falls by :math:`D_{G^*}(s',s)\ge0` at least: EM never lowers a likelihood.

| argument | symbol |
|---|---|
| family, seed | the instance (`theory_checks.families`) |
| t | which step of the run is looked at, or how many |
| gamma | the step of FedMM |

The runs are those of `fedmm.MM` and `fedmm.FedMM`, everyone taking part and uploads exact. For incremental
EM see `theory_checks.claims.incremental_em`. Falls are relative to 1 + |W|.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from hypothesis import strategies as st

from fedmm import MM, FedMM
from fedmm.symmetric import unpack
from theory_checks.claim import Claim, Mutant, Status
from theory_checks.claims.surrogates import FAMILIES
from theory_checks.conditions import RELAXED, known, within
from theory_checks.families import INSTANCES
from theory_checks.points import Moment, instance, points, rounded, trajectory
from theory_checks.statements.descent import relaxed_descent

__all__ = ["CLAIMS"]

SEEDS = st.integers(0, 999)
ROUNDS = 6

CURVATURES = {
    "boehning": 1.0,
    "boehning-l1": 1.0,
    "tiny-features": 1.0,
    "probit": 1.0,
    "huber": 2.0,
    "huber-l1": 2.0,
    "robust": 2.0,
    "jaakkola-jordan": 2.0,
}
"""B = this times the statistic's second part, plus the ridge."""

CONSTANT = ("line", "quadratic", "least-squares", "least-squares-l1", "logistic", "logistic-l1", "robust-gradient")
"""Gradient families: B = (1/rho + ridge in g) I."""

RIDGE_IN_G = ("line", "plane", "quadratic")
"""Where the ridge is in g rather than in f."""

# --- descent in the surrogate's metric --------------------------------------------------------------------------------


def fall(family: str, seed: int, t: int) -> float:
    """W(theta_t) - W(theta_{t+1}) along the library's MM."""
    at, _ = instance(family, seed)
    run = trajectory(family, seed, MM(), ROUNDS)
    before = at.objective(run[t].theta)
    return rounded((before - at.objective(run[t + 1].theta)) / (1.0 + abs(before)))


def half_length2(family: str, seed: int, t: int) -> float:
    """|theta_{t+1} - theta_t|_B^2 / 2."""
    at, _ = instance(family, seed)
    run = trajectory(family, seed, MM(), ROUNDS)
    theta, step = run[t].theta, run[t + 1].theta - run[t].theta
    if family in CURVATURES:
        B = CURVATURES[family] * unpack(at.statistic(theta)[theta.size :]) + at.problem.ridge * np.eye(theta.size)
    else:
        ridge = at.problem.ridge if family in RIDGE_IN_G else 0.0
        B = (1.0 / at.problem.rho + ridge) * np.eye(theta.size)
    return rounded(0.5 * float(step @ B @ step) / (1.0 + abs(at.objective(theta))))


def hundredth_more_length2(family: str, seed: int, t: int) -> float:
    """1.01 |theta_{t+1} - theta_t|_B^2 / 2."""
    return 1.01 * half_length2(family, seed, t)


METRIC_DESCENT = Claim(
    name="mm-quadratic-descent",
    statement="W(theta) - W(theta+) >= |theta+ - theta|_B^2 / 2 for a quadratic surrogate of curvature B",
    reference="derived here; attained by Boehning's surrogate of logistic losses, and by quadratics",
    status=Status.DERIVED,
    kind="lower",
    setting=st.fixed_dictionaries(
        {"family": st.sampled_from((*CURVATURES, *CONSTANT)), "seed": SEEDS, "t": st.integers(0, ROUNDS - 1)}
    ),
    promised=half_length2,
    engines={"simulation": fall},
    mutants=(Mutant("1/2 -> 1.01/2", hundredth_more_length2, ("simulation",)),),
    conditions=(
        known((*CURVATURES, *CONSTANT)),
        within("t", 0, ROUNDS - 1),
    ),
    method="mm",
    tags=("surrogates", "descent"),
    atol=1e-10,
    extremes=(
        {"family": "line", "seed": 0, "t": 0},
        {"family": "tiny-features", "seed": 0, "t": 0},
        {"family": "boehning", "seed": 0, "t": 5},
    ),
)

# --- a linear rate ----------------------------------------------------------------------------------------------------

STRONG = ("plane", "quadratic", "least-squares-ridge", "logistic-ridge")
"""Strongly convex, with gradient surrogates."""


@lru_cache(maxsize=512)
def minimiser(family: str, seed: int) -> np.ndarray:
    """theta*, by Newton's method from where MM is after 200 rounds."""
    at, _ = instance(family, seed)
    theta = trajectory(family, seed, MM(), 200)[-1].theta
    ridge = at.problem.ridge if family in RIDGE_IN_G else 0.0  # elsewhere it is in f
    for _ in range(5):
        H = sum(w * at.problem.hessian(data, theta) for w, data in zip(at.federation.weights, at.federation, strict=True))
        theta = theta - np.linalg.solve(unpack(np.asarray(H)) + ridge * np.eye(theta.size), at.gradient(theta) + ridge * theta)
    return theta


def gap(family: str, seed: int, t: int) -> float:
    """W(theta_t) - W*."""
    at, _ = instance(family, seed)
    best = at.objective(minimiser(family, seed))
    return rounded((at.objective(trajectory(family, seed, MM(), 10)[t].theta) - best) / (1.0 + abs(best)))


def mairal(family: str, seed: int, t: int, power: float = 1.0) -> float:
    """(L/rho)^(t-1) L R^2/2."""
    at, _ = instance(family, seed)
    star = minimiser(family, seed)
    ridge = at.problem.ridge if family in RIDGE_IN_G else 0.0
    L = 1.0 / at.problem.rho - at.problem.facts(at.federation).strong_convexity
    R2 = float(np.sum((trajectory(family, seed, MM(), 10)[0].theta - star) ** 2))
    factor = max(L, 0.0) / (1.0 / at.problem.rho + ridge)
    return factor ** (power * (t - 1)) * max(L, 0.0) * R2 / 2.0 / (1.0 + abs(at.objective(star)))


def a_tenth_of_mairal(family: str, seed: int, t: int) -> float:
    """(L/rho)^(t-1) L R^2/20."""
    return 0.1 * mairal(family, seed, t)


def mairal_cubed(family: str, seed: int, t: int) -> float:
    """(L/rho)^(3t-3) L R^2/2."""
    return mairal(family, seed, t, 3.0)


LINEAR_RATE = Claim(
    name="mm-linear-rate",
    statement="W(theta_t) - W* <= (L/rho)^(t-1) L R^2/2, L the smoothness of the surrogate's error, rho > L its convexity",
    reference="Mairal, Optimization with first-order surrogate functions, 2013",
    status=Status.CHECKED,
    kind="upper",
    setting=st.fixed_dictionaries({"family": st.sampled_from(STRONG), "seed": SEEDS, "t": st.integers(1, 10)}),
    promised=mairal,
    engines={"simulation": gap},
    mutants=(
        Mutant("L R^2/2 -> L R^2/20", a_tenth_of_mairal, ("simulation",)),
        Mutant("(L/rho)^(t-1) -> (L/rho)^(3t-3)", mairal_cubed, ("simulation",)),
    ),
    conditions=(
        known(STRONG),
        within("t", 1, 10),
    ),
    method="mm",
    tags=("surrogates", "rate"),
    atol=1e-10,
    extremes=tuple({"family": "plane", "seed": 100, "t": t} for t in (1, 5, 10)),
)

# --- likelihoods under EM, and FedMM with everyone --------------------------------------------------------------------

EM = (
    "single-component",
    "gaussian-mixture-unit",
    "gaussian-mixture-spherical",
    "gaussian-mixture-diagonal",
    "gaussian-mixture-full",
    "poisson-mixture",
    "censored-exponential",
    "probit",
)
"""Families whose surrogate is that of expectation-maximisation."""


def em_divergence(family: str, seed: int, t: int, divergences: float = 1.0) -> float:
    """D(s_{t+1}, s_t), where theta_t = T(s_t)."""
    at, functions = instance(family, seed)
    run = trajectory(family, seed, MM(), ROUNDS)
    s = points(family, seed, 1.0)[0] if t == 0 else at.statistic(run[t - 1].theta)
    before, after = at.value(s), relaxed_descent(at, functions, s, 1.0)[1]
    return rounded(divergences * (before - after) / (1.0 + abs(before)))


def twice_em_divergence(family: str, seed: int, t: int) -> float:
    """2 D(s_{t+1}, s_t)."""
    return em_divergence(family, seed, t, 2.0)


LIKELIHOOD = Claim(
    name="em-likelihood",
    statement="the penalised log-likelihood gains at least D_G*(s_{t+1}, s_t) >= 0 at every step of EM, s_t its statistic",
    reference="derived here; monotonicity is Dempster, Laird and Rubin's, 1977",
    status=Status.DERIVED,
    kind="lower",
    setting=st.fixed_dictionaries({"family": st.sampled_from(EM), "seed": SEEDS, "t": st.integers(0, ROUNDS - 1)}),
    promised=em_divergence,
    engines={"simulation": fall},
    mutants=(Mutant("D -> 2 D", twice_em_divergence, ("simulation",)),),
    conditions=(
        known(EM),
        within("t", 0, ROUNDS - 1),
    ),
    method="mm",
    tags=("surrogates", "descent", "em", "p1"),
    atol=1e-10,
    extremes=({"family": "single-component", "seed": 0, "t": 0}, {"family": "gaussian-mixture-full", "seed": 0, "t": 5}),
)


def fedmm_run(family: str, seed: int, gamma: float) -> list[Moment]:
    """FedMM from a random surrogate where one belongs to the start, otherwise from the mean statistic there."""
    start = "lift" if instance(family, seed)[0].problem.liftable else "mean"
    return trajectory(family, seed, FedMM(step=gamma, start=start), ROUNDS)


def fedmm_fall(family: str, seed: int, t: int, gamma: float) -> float:
    """W(T(s_t)) - W(T(s_{t+1})) along the library's FedMM with constant step gamma."""
    at, _ = instance(family, seed)
    run = fedmm_run(family, seed, gamma)
    before = at.objective(run[t].theta)
    return rounded((before - at.objective(run[t + 1].theta)) / (1.0 + abs(before)))


def relaxed_fall(family: str, seed: int, t: int, gamma: float) -> float:
    """((1-gamma)/gamma) <s' - s, phi(T(s')) - phi(T(s))> + D(s', s) from the server's s_t on."""
    at, functions = instance(family, seed)
    s = fedmm_run(family, seed, gamma)[t].server.s
    after, before = relaxed_descent(at, functions, s, gamma)[1:]
    return rounded((before - after) / (1.0 + abs(before)))


def twice_the_relaxed_fall(family: str, seed: int, t: int, gamma: float) -> float:
    """Twice that."""
    return 2.0 * relaxed_fall(family, seed, t, gamma)


MONOTONE = Claim(
    name="fedmm-monotone",
    statement="FedMM with everyone and gamma <= 1 never raises W: it falls by what the relaxed step promises, round by round",
    reference="derived here; exact aggregation of surrogates is the idea of arXiv 2507.17534",
    status=Status.DERIVED,
    kind="lower",
    setting=st.fixed_dictionaries(
        {
            "family": st.sampled_from(FAMILIES),
            "seed": SEEDS,
            "t": st.integers(1, ROUNDS - 1),
            "gamma": st.sampled_from([0.1, 0.5, 1.0]),
        }
    ),
    promised=relaxed_fall,
    engines={"simulation": fedmm_fall},
    mutants=(Mutant("the fall -> twice the fall", twice_the_relaxed_fall, ("simulation",)),),
    conditions=(
        known(tuple(INSTANCES), "an instance of theory_checks.families"),
        RELAXED,
        within("t", 1, ROUNDS - 1),
    ),
    method="fedmm",
    tags=("surrogates", "descent", "aggregation", "p1"),
    atol=1e-10,
    extremes=(
        {"family": "line", "seed": 0, "t": 1, "gamma": 0.1},
        {"family": "single-component", "seed": 0, "t": 2, "gamma": 0.5},
        {"family": "least-squares-l1", "seed": 0, "t": 1, "gamma": 1.0},
    ),
)

CLAIMS = (METRIC_DESCENT, LINEAR_RATE, LIKELIHOOD, MONOTONE)
