r"""Gradient descent, which is FedSGD with everyone present and exact uploads: three exact worst cases.

Convex (Drori and Teboulle 2014), for gamma <= 1/L:

.. math:: f(x_t)-f^*\le\frac{LR^2}{4t\gamma L+2},

attained by the Huber function that turns from square to linear at :math:`R/(2t\gamma L+1)`. Strongly convex (textbook; Taylor,
Hendrickx and Glineur 2018), for 0 < gamma < 2/L, with :math:`q=\max(1-\gamma\mu,|1-\gamma L|)`:

.. math:: \|x_t-x^*\|^2\le q^{2t}R^2,\qquad f(x_t)-f^*\le q^{2t}(f(x_0)-f^*),

attained by quadratics. Non-convex, for gamma <= 1/L:

.. math:: \min_{k<t}\|\nabla f(x_k)\|^2\le\frac{4L\Delta}{(t-1)\gamma L(4-\gamma L)+2}\le\frac{2\Delta}{\gamma t}.

The first is :math:`4L\Delta/(3t-1)` at gamma = 1/L, due to Abbaszadehpeivasti, de Klerk and Zamani (2022). Proof: the inequality
of L-smooth functions between :math:`x_k` and :math:`x_{k+1}`, with :math:`g_k=\nabla f(x_k)`, reads

.. math:: f_k-f_{k+1}\ge\tfrac\gamma4(3-\gamma L)\|g_k\|^2+\tfrac\gamma4\|g_{k+1}\|^2
   +\tfrac14(\tfrac1L-\gamma)\|g_k-g_{k+1}\|^2\ge\gamma(1-\tfrac{\gamma L}4)\min_k\|g_k\|^2,

and :math:`f_{t-1}-f^*\ge\|g_{t-1}\|^2/(2L)`; sum. Attained by `theory_checks.curves.zigzag`.

| argument | symbol |
|---|---|
| L, mu | of every client's f_i |
| gamma, t | the step, and how many |
| R, Delta | :math:`\|x_0-x^*\|`, :math:`f(x_0)-f^*` |
| N | clients |
| seed | of the random federation |
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fedmm import FedSGD, solve
from fedmm.federation import Federation, Samples
from fedmm.problem import Problem
from problems.huber import Huber
from problems.quadratic import Quadratic
from theory_checks.claim import Claim, Condition, Mutant, Status
from theory_checks.curves import random_curves, zigzag
from theory_checks.pep import SymPEP
from theory_checks.pep.programs.gradient_descent import gd_distance, gd_factor, gd_gap, gd_gradient
from theory_checks.quadratics import Bowl, aligned, drawn

__all__ = ["CLAIMS"]

ROUNDING = 1e-12

# ---- the library's own FedSGD


def descended(problem: Problem, federation: Federation, x: np.ndarray, gamma: float, t: int) -> np.ndarray:
    """x_t of FedSGD."""
    return solve(problem, federation, FedSGD(step=gamma), x, rounds=t, metrics=(), progress=False).theta


def gap_of(bowl: Bowl, x: np.ndarray) -> float:
    """f(x) - f*."""
    return Quadratic().objective(bowl.federation, x) - Quadratic().objective(bowl.federation, bowl.best)


def huber(L: float, R: float, gamma: float, t: int, N: int) -> tuple[Huber, Federation]:
    """The Huber function that turns from square to linear at R/(2 t gamma L + 1), for N clients."""
    problem = Huber(delta=L**0.5 * R / (2 * t * gamma * L + 1))
    return problem, Federation([Samples(np.array([[L**0.5]]), np.zeros(1))] * N)


# ---- convex


def convex_gap(*, L: float, R: float, gamma: float, t: int, N: int, seed: int) -> float:
    """L R^2 / (4 t gamma L + 2)."""
    return L * R**2 / (4 * t * gamma * L + 2)


def convex_gap_seen(*, L: float, R: float, gamma: float, t: int, N: int, seed: int) -> float:
    """f(x_t) - f*, on the Huber function and on a random federation of quadratics."""
    problem, federation = huber(L, R, gamma, t, N)
    extreme = problem.objective(federation, descended(problem, federation, np.array([R]), gamma, t))
    bowl = drawn(L, 0.0, N, seed, R=R, zeta=L * R)
    return max(extreme, gap_of(bowl, descended(Quadratic(), bowl.federation, bowl.start, gamma, t)))


def convex_gap_worst(*, L: float, R: float, gamma: float, t: int, N: int, seed: int) -> float:
    """The exact worst case, computed for L = R = 1 and scaled."""
    return L * R**2 * _worst_gap(round(gamma * L, 12), t, N)


@lru_cache(maxsize=4096)
def _worst_gap(h: float, t: int, N: int) -> float:
    pep = SymPEP(L=1.0, mu=0.0, N=N)
    return pep.maximize(gd_gap(pep, gamma=h, t=t)).dual_value


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


def _hit(L: float, mu: float, gamma: float) -> int:
    """Which of the curvatures (mu, L) is contracted least."""
    return 0 if 1 - gamma * mu >= abs(1 - gamma * L) else 1


def distance(*, L: float, mu: float, R: float, gamma: float, t: int, N: int, seed: int) -> float:
    """q^(2t) R^2."""
    return contraction(L, mu, gamma) ** (2 * t) * R**2


def distance_seen(*, L: float, mu: float, R: float, gamma: float, t: int, N: int, seed: int) -> float:
    """|x_t - x*|^2, on the quadratic along its worst axis and on a random federation."""
    bowls = (aligned((mu, L), N, _hit(L, mu, gamma), R=R), drawn(L, mu, N, seed, R=R, zeta=L * R))
    ends = [descended(Quadratic(), bowl.federation, bowl.start, gamma, t) - bowl.best for bowl in bowls]
    return max(float(end @ end) for end in ends)


def distance_worst(*, L: float, mu: float, R: float, gamma: float, t: int, N: int, seed: int) -> float:
    """The exact worst case, computed for L = R = 1 and scaled."""
    return R**2 * _worst_distance(round(gamma * L, 12), round(mu / L, 12), t, N)


@lru_cache(maxsize=4096)
def _worst_distance(h: float, mu: float, t: int, N: int) -> float:
    pep = SymPEP(L=1.0, mu=mu, N=N)
    return pep.maximize(gd_distance(pep, gamma=h, t=t)).dual_value


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
    """f(x_t) - f*, on the quadratic along its worst axis and on a random federation."""
    axis = _hit(L, mu, gamma)
    extreme = aligned((mu, L), N, axis, R=(2 * Delta / (mu, L)[axis]) ** 0.5)
    bowl = drawn(L, mu, N, seed)
    x0 = bowl.best + (Delta / gap_of(bowl, bowl.start)) ** 0.5 * (bowl.start - bowl.best)
    starts = ((extreme, extreme.start), (bowl, x0))
    return max(gap_of(each, descended(Quadratic(), each.federation, x, gamma, t)) for each, x in starts)


def gap_worst(*, L: float, mu: float, Delta: float, gamma: float, t: int, N: int, seed: int) -> float:
    """The exact worst case, computed for L = Delta = 1 and scaled."""
    return Delta * _worst_factor(round(gamma * L, 12), round(mu / L, 12), t, N)


@lru_cache(maxsize=4096)
def _worst_factor(h: float, mu: float, t: int, N: int) -> float:
    pep = SymPEP(L=1.0, mu=mu, N=N)
    return pep.maximize(gd_factor(pep, gamma=h, t=t)).dual_value


def gap_false(*, L: float, mu: float, Delta: float, gamma: float, t: int, N: int, seed: int) -> float:
    """With the power 2t + 1."""
    return contraction(L, mu, gamma) ** (2 * t + 1) * Delta


# ---- non-convex


def gradient(*, L: float, Delta: float, gamma: float, t: int, N: int, seed: int) -> float:
    """2 Delta / (gamma t)."""
    return 2 * Delta / (gamma * t)


def gradient_exact(*, L: float, Delta: float, gamma: float, t: int, N: int, seed: int) -> float:
    """4 L Delta / ((t - 1) gamma L (4 - gamma L) + 2)."""
    h = gamma * L
    return 4 * L * Delta / ((t - 1) * h * (4 - h) + 2)


def gradient_seen(*, L: float, Delta: float, gamma: float, t: int, N: int, seed: int) -> float:
    """The least of the first t squared gradients, on the zigzag and on a random federation."""
    found = []
    for problem, federation in (zigzag(L, gamma, t, Delta, N), random_curves(L, Delta, N, seed)):
        x, sizes = problem.start(federation), []
        for k in range(t):
            sizes.append(float(np.mean([problem.gradient(data, x)[0] for data in federation])) ** 2)
            x = descended(problem, federation, x, gamma, 1) if k < t - 1 else x
        found.append(min(sizes))
    return max(found)


def gradient_worst(*, L: float, Delta: float, gamma: float, t: int, N: int, seed: int) -> float:
    """The exact worst case, computed for L = Delta = 1 and scaled."""
    return L * Delta * _worst_gradient(round(gamma * L, 12), t, N)


@lru_cache(maxsize=4096)
def _worst_gradient(h: float, t: int, N: int) -> float:
    pep = SymPEP(L=1.0, mu=-1.0, N=N)
    return pep.maximize(gd_gradient(pep, gamma=h, t=t)).dual_value


def gradient_false(*, L: float, Delta: float, gamma: float, t: int, N: int, seed: int) -> float:
    """With Delta for 2 Delta."""
    return Delta / (gamma * t)


def gradient_exact_false(*, L: float, Delta: float, gamma: float, t: int, N: int, seed: int) -> float:
    """With one step more: 3t for 3t - 1 at gamma = 1/L."""
    h = gamma * L
    return 4 * L * Delta / ((t - 1) * h * (4 - h) + 3)


# ---- the claims

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


def below_two(*, L: float, mu: float, gamma: float, **_: Any) -> bool:
    """0 < gamma < 2/L."""
    return 0 < gamma * L < 2


def ordered(*, L: float, mu: float, **_: Any) -> bool:
    """0 < mu < L."""
    return 0 < mu < L


SHORT = Condition("0 < gamma <= 1/L", at_most_one)
LONG = (Condition("0 < mu < L", ordered), Condition("0 < gamma < 2/L", below_two))
BOTH = ("simulation", "pep")

CLAIMS = (
    Claim(
        name="gd-convex-gap",
        statement="f(x_t) - f* <= L R^2 / (4 t gamma L + 2)",
        reference="Drori and Teboulle 2014",
        status=Status.CHECKED,
        kind="tight",
        setting=joined(short(), R=SIZES),
        promised=convex_gap,
        engines={"simulation": convex_gap_seen, "pep": convex_gap_worst},
        mutants=(
            Mutant("4 t gamma L + 2 -> 4 t gamma L + 2.1", convex_gap_false, BOTH),
            Mutant("4 t gamma L + 2 -> 4.1 t gamma L + 2", convex_gap_false_rate, BOTH),
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
        engines={"simulation": distance_seen, "pep": distance_worst},
        mutants=(
            Mutant("max(1 - gamma mu, |1 - gamma L|) -> 1 - gamma mu", distance_false, BOTH),
            Mutant("2t -> 2t + 2", distance_false_power, BOTH),
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
        engines={"simulation": gap_seen, "pep": gap_worst},
        mutants=(Mutant("2t -> 2t + 1", gap_false, BOTH),),
        conditions=LONG,
        method="fedsgd",
        tags=("gradient", "strongly-convex"),
        extremes=({"L": 1.0, "mu": 0.1, "gamma": 1.9, "Delta": 1.0, "t": 2, "N": 2, "seed": 0},),
    ),
    Claim(
        name="gd-nonconvex",
        statement="min_{k<t} |grad f(x_k)|^2 <= 2 Delta / (gamma t)",
        reference="textbook",
        status=Status.CHECKED,
        kind="upper",
        setting=joined(short(), Delta=SIZES),
        promised=gradient,
        engines={"simulation": gradient_seen, "pep": gradient_worst},
        mutants=(Mutant("2 Delta -> Delta", gradient_false, BOTH),),
        conditions=(SHORT,),
        method="fedsgd",
        tags=("gradient", "non-convex"),
        extremes=({"L": 1.0, "gamma": 1.0, "Delta": 1.0, "t": 1, "N": 1, "seed": 0},),
    ),
    Claim(
        name="gd-nonconvex-exact",
        statement="min_{k<t} |grad f(x_k)|^2 <= 4 L Delta / ((t-1) gamma L (4 - gamma L) + 2); 4 L Delta / (3t-1) at gamma = 1/L",
        reference="Abbaszadehpeivasti, de Klerk and Zamani 2022 at gamma = 1/L; below that derived here",
        status=Status.DERIVED,
        kind="tight",
        setting=joined(short(), Delta=SIZES),
        promised=gradient_exact,
        engines={"simulation": gradient_seen, "pep": gradient_worst},
        mutants=(Mutant("+ 2 -> + 3, which is 3t - 1 -> 3t at gamma = 1/L", gradient_exact_false, BOTH),),
        conditions=(SHORT,),
        method="fedsgd",
        tags=("gradient", "non-convex"),
        extremes=tuple({"L": 1.0, "gamma": 1.0, "Delta": 1.0, "t": t, "N": 1, "seed": 0} for t in (1, 2, 3, 4)),
    ),
)
