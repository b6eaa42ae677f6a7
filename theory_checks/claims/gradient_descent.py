r"""Gradient descent on convex functions, which is FedSGD with everyone present and exact uploads: its exact worst cases.

Convex (Drori and Teboulle 2014), for gamma <= 1/L:

.. math:: f(x_t)-f^*\le\frac{LR^2}{4t\gamma L+2},

attained by the Huber function that turns from square to linear at :math:`R/(2t\gamma L+1)`. Strongly convex (textbook; Taylor,
Hendrickx and Glineur 2018), for 0 < gamma < 2/L, with :math:`q=\max(1-\gamma\mu,|1-\gamma L|)`:

.. math:: \|x_t-x^*\|^2\le q^{2t}R^2,\qquad f(x_t)-f^*\le q^{2t}(f(x_0)-f^*),

attained by quadratics.

| argument | symbol |
|---|---|
| L, mu | of every client's f_i |
| gamma, t | the step, and how many |
| R, Delta | :math:`\|x_0-x^*\|`, :math:`f(x_0)-f^*` |
| N | clients |
| seed | of the random federation |
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from fedmm import FedSGD, solve
from fedmm.federation import Federation, Samples
from fedmm.problem import Problem
from problems.huber import Huber
from problems.quadratic import Quadratic
from theory_checks.claim import Claim, Condition, Measure, Mutant, Status
from theory_checks.pep.engines import proved, replayed_descent
from theory_checks.pep.measure import observed, worst
from theory_checks.pep.programs.gradient_descent import gd_distance, gd_factor, gd_gap
from theory_checks.quadratic_clients import alike, scattered

__all__ = ["CLAIMS", "CLIENTS", "SEEDS", "SHORT", "SIZES", "STEPS", "away", "descended", "joined", "short"]

ROUNDING = 1e-12


def descended(problem: Problem, federation: Federation, x: np.ndarray, gamma: float, t: int) -> np.ndarray:
    """x_t of the library's FedSGD."""
    return solve(problem, federation, FedSGD(step=gamma), x, rounds=t, metrics=(), progress=False).theta


def away(R: float, seed: int, d: int = 3) -> np.ndarray:
    """A random point at a distance R from 0."""
    x = np.random.default_rng([seed, 5]).standard_normal(d)
    return R * x / np.linalg.norm(x)


# ---- convex


def huber(L: float, R: float, gamma: float, t: int, N: int) -> tuple[Huber, Federation]:
    """The Huber function that turns from square to linear at R/(2 t gamma L + 1), for N clients."""
    problem = Huber(delta=L**0.5 * R / (2 * t * gamma * L + 1))
    return problem, Federation([Samples(np.array([[L**0.5]]), np.zeros(1))] * N)


def convex_gap(*, L: float, R: float, gamma: float, t: int, N: int, seed: int) -> float:
    """L R^2 / (4 t gamma L + 2)."""
    return L * R**2 / (4 * t * gamma * L + 2)


def convex_gap_seen(*, L: float, R: float, gamma: float, t: int, N: int, seed: int) -> float:
    """f(x_t) - f*, on the Huber function and on a random federation of quadratics."""
    problem, federation = huber(L, R, gamma, t, N)
    extreme = problem.objective(federation, descended(problem, federation, np.array([R]), gamma, t))
    federation = scattered(L, 0.0, N, L * R, seed)
    x = descended(Quadratic(), federation, away(R, seed), gamma, t)
    return max(extreme, Quadratic().objective(federation, x))


def convex_gap_by(engine: Measure, *, L: float, R: float, gamma: float, t: int, N: int) -> float:
    """What an engine finds for L = R = 1, in units of L R^2."""
    return L * R**2 * engine(gd_gap, mu=0.0, N=N, gamma=round(gamma * L, 12), t=t)


def convex_gap_worst(*, seed: int, **setting: Any) -> float:
    """The exact worst case."""
    return convex_gap_by(worst, **setting)


def convex_gap_proved(*, seed: int, **setting: Any) -> float:
    """A bound of the worst case, proved in fractions."""
    return convex_gap_by(proved, **setting)


def convex_gap_replayed(*, seed: int, **setting: Any) -> float:
    """FedSGD on the worst federation."""
    return convex_gap_by(replayed_descent, **setting)


def convex_gap_batch(*, seed: int, **setting: Any) -> float:
    """The worst of a batch of quadratic federations."""
    return convex_gap_by(observed, **setting)


def convex_gap_false(*, L: float, R: float, gamma: float, t: int, N: int, seed: int) -> float:
    """With 2.1 for 2."""
    return L * R**2 / (4 * t * gamma * L + 2.1)


def convex_gap_false_rate(*, L: float, R: float, gamma: float, t: int, N: int, seed: int) -> float:
    """With 4.1 for 4."""
    return L * R**2 / (4.1 * t * gamma * L + 2)


# ---- strongly convex


def contraction(L: float, mu: float, gamma: float) -> float:
    """q = max(1 - gamma mu, |1 - gamma L|)."""
    return max(1 - gamma * mu, abs(1 - gamma * L))


def slowest(L: float, mu: float, gamma: float) -> float:
    """Which of the curvatures mu and L is contracted least."""
    return mu if 1 - gamma * mu >= abs(1 - gamma * L) else L


def distance(*, L: float, mu: float, R: float, gamma: float, t: int, N: int, seed: int) -> float:
    """q^(2t) R^2."""
    return contraction(L, mu, gamma) ** (2 * t) * R**2


def distance_seen(*, L: float, mu: float, R: float, gamma: float, t: int, N: int, seed: int) -> float:
    """|x_t - x*|^2, on the slowest quadratic and on a random federation."""
    extreme = alike(slowest(L, mu, gamma), N, 0.0)
    cases = ((extreme, np.array([R])), (scattered(L, mu, N, L * R, seed), away(R, seed)))
    ends = [descended(Quadratic(), federation, x, gamma, t) for federation, x in cases]
    return max(float(end @ end) for end in ends)


def distance_by(engine: Measure, *, L: float, mu: float, R: float, gamma: float, t: int, N: int) -> float:
    """What an engine finds for L = R = 1, in units of R^2."""
    return R**2 * engine(gd_distance, mu=round(mu / L, 12), N=N, gamma=round(gamma * L, 12), t=t)


def distance_worst(*, seed: int, **setting: Any) -> float:
    """The exact worst case."""
    return distance_by(worst, **setting)


def distance_proved(*, seed: int, **setting: Any) -> float:
    """A bound of the worst case, proved in fractions."""
    return distance_by(proved, **setting)


def distance_replayed(*, seed: int, **setting: Any) -> float:
    """FedSGD on the worst federation."""
    return distance_by(replayed_descent, **setting)


def distance_batch(*, seed: int, **setting: Any) -> float:
    """The worst of a batch of quadratic federations."""
    return distance_by(observed, **setting)


def distance_false(*, L: float, mu: float, R: float, gamma: float, t: int, N: int, seed: int) -> float:
    """Without the branch of L."""
    return (1 - gamma * mu) ** (2 * t) * R**2


def distance_false_power(*, L: float, mu: float, R: float, gamma: float, t: int, N: int, seed: int) -> float:
    """With one step too many."""
    return contraction(L, mu, gamma) ** (2 * t + 2) * R**2


def gap(*, L: float, mu: float, Delta: float, gamma: float, t: int, N: int, seed: int) -> float:
    """q^(2t) Delta."""
    return contraction(L, mu, gamma) ** (2 * t) * Delta


def gap_seen(*, L: float, mu: float, Delta: float, gamma: float, t: int, N: int, seed: int) -> float:
    """f(x_t) - f*, on the slowest quadratic and on a random federation."""
    problem, found = Quadratic(), []
    extreme = alike(slowest(L, mu, gamma), N, 0.0)
    for federation, x in ((extreme, np.ones(1)), (scattered(L, mu, N, 1.0, seed), away(1.0, seed))):
        x = x * (Delta / problem.objective(federation, x)) ** 0.5  # to the height Delta; x* = 0 and f* = 0
        found.append(problem.objective(federation, descended(problem, federation, x, gamma, t)))
    return max(found)


def gap_by(engine: Measure, *, L: float, mu: float, Delta: float, gamma: float, t: int, N: int) -> float:
    """What an engine finds for L = Delta = 1, in units of Delta."""
    return Delta * engine(gd_factor, mu=round(mu / L, 12), N=N, gamma=round(gamma * L, 12), t=t)


def gap_worst(*, seed: int, **setting: Any) -> float:
    """The exact worst case."""
    return gap_by(worst, **setting)


def gap_proved(*, seed: int, **setting: Any) -> float:
    """A bound of the worst case, proved in fractions."""
    return gap_by(proved, **setting)


def gap_replayed(*, seed: int, **setting: Any) -> float:
    """FedSGD on the worst federation."""
    return gap_by(replayed_descent, **setting)


def gap_batch(*, seed: int, **setting: Any) -> float:
    """The worst of a batch of quadratic federations."""
    return gap_by(observed, **setting)


def gap_false(*, L: float, mu: float, Delta: float, gamma: float, t: int, N: int, seed: int) -> float:
    """With the power 2t + 1."""
    return contraction(L, mu, gamma) ** (2 * t + 1) * Delta


# ---- settings

SIZES = st.sampled_from([0.5, 1.0, 2.0, 10.0])
CLIENTS = st.sampled_from([1, 2, 3, 10])
STEPS = st.sampled_from([1, 2, 3, 5])
SEEDS = st.integers(0, 10**6)


@st.composite
def short(draw: st.DrawFn) -> dict[str, Any]:
    """L and gamma <= 1/L."""
    L = draw(SIZES)
    return {"L": L, "gamma": draw(st.sampled_from([0.1, 0.25, 0.5, 0.75, 1.0])) / L}


@st.composite
def long(draw: st.DrawFn) -> dict[str, Any]:
    """L, mu in (0, L) and gamma < 2/L; numbers that stay well above a solver's accuracy."""
    L = draw(SIZES)
    return {
        "L": L,
        "mu": draw(st.sampled_from([0.01, 0.1, 0.3])) * L,
        "gamma": draw(st.sampled_from([0.1, 0.5, 1.0, 1.3, 1.7, 1.9])) / L,
    }


@st.composite
def joined(draw: st.DrawFn, steps: Any, **rest: Any) -> dict[str, Any]:
    """Function class and step, then the rest."""
    return draw(steps) | draw(st.fixed_dictionaries({**rest, "t": STEPS, "N": CLIENTS, "seed": SEEDS}))


def at_most_one(*, L: float, gamma: float, **_: Any) -> bool:
    """0 < gamma <= 1/L."""
    return 0 < gamma * L <= 1 + ROUNDING


def below_two(*, L: float, gamma: float, **_: Any) -> bool:
    """0 < gamma < 2/L."""
    return 0 < gamma * L < 2


def ordered(*, L: float, mu: float, **_: Any) -> bool:
    """0 < mu < L."""
    return 0 < mu < L


SHORT = Condition("0 < gamma <= 1/L", at_most_one)
LONG = (Condition("0 < mu < L", ordered), Condition("0 < gamma < 2/L", below_two))
EVERY = ("simulation", "batch", "pep", "certificate", "replay")

# ---- the claims

CLAIMS = (
    Claim(
        name="gd-convex-gap",
        statement="f(x_t) - f* <= L R^2 / (4 t gamma L + 2)",
        reference="Drori and Teboulle 2014",
        status=Status.CHECKED,
        kind="tight",
        setting=joined(short(), R=SIZES),
        promised=convex_gap,
        engines={
            "simulation": convex_gap_seen,
            "batch": convex_gap_batch,
            "pep": convex_gap_worst,
            "certificate": convex_gap_proved,
            "replay": convex_gap_replayed,
        },
        mutants=(
            Mutant("4 t gamma L + 2 -> 4 t gamma L + 2.1", convex_gap_false, ("simulation", "pep", "certificate", "replay")),
            Mutant("4 t gamma L + 2 -> 4.1 t gamma L + 2", convex_gap_false_rate, ("simulation", "pep", "certificate", "replay")),
        ),
        conditions=(SHORT,),
        method="fedsgd",
        tags=("gradient", "convex"),
        extremes=({"L": 1.0, "gamma": 1.0, "R": 1.0, "t": 1, "N": 1, "seed": 0},),
    ),
    Claim(
        name="gd-distance",
        statement="|x_t - x*|^2 <= max(1 - gamma mu, |1 - gamma L|)^(2t) R^2",
        reference="textbook; exact by Taylor, Hendrickx and Glineur 2018",
        status=Status.CHECKED,
        kind="tight",
        setting=joined(long(), R=SIZES),
        promised=distance,
        engines={
            "simulation": distance_seen,
            "batch": distance_batch,
            "pep": distance_worst,
            "certificate": distance_proved,
            "replay": distance_replayed,
        },
        mutants=(
            Mutant("max(1 - gamma mu, |1 - gamma L|) -> 1 - gamma mu", distance_false, EVERY),
            Mutant("2t -> 2t + 2", distance_false_power, EVERY),
        ),
        conditions=LONG,
        method="fedsgd",
        tags=("gradient", "strongly-convex"),
        extremes=({"L": 1.0, "mu": 0.1, "gamma": 1.9, "R": 1.0, "t": 2, "N": 2, "seed": 0},),
    ),
    Claim(
        name="gd-strongly-convex-gap",
        statement="f(x_t) - f* <= max(1 - gamma mu, |1 - gamma L|)^(2t) (f(x_0) - f*)",
        reference="Taylor, Hendrickx and Glineur 2018",
        status=Status.CHECKED,
        kind="tight",
        setting=joined(long(), Delta=SIZES),
        promised=gap,
        engines={"simulation": gap_seen, "batch": gap_batch, "pep": gap_worst, "certificate": gap_proved, "replay": gap_replayed},
        mutants=(Mutant("2t -> 2t + 1", gap_false, EVERY),),
        conditions=LONG,
        method="fedsgd",
        tags=("gradient", "strongly-convex"),
        extremes=({"L": 1.0, "mu": 0.1, "gamma": 1.9, "Delta": 1.0, "t": 2, "N": 2, "seed": 0},),
    ),
)
