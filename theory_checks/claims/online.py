r"""Stochastic approximation on a mean field, and surrogates built online.

**Beyond gradient.** Let W be :math:`L_W`-smooth, :math:`-\langle\nabla W,h\rangle\ge\varrho\,w`,
:math:`E[H_{k+1}\mid\cdot]=h(s_k)`, :math:`E\|H\|^2\le c_0+c_1w` and :math:`\gamma_k\le\varrho/(L_Wc_1)`. Then
:math:`s_{k+1}=s_k+\gamma_{k+1}H_{k+1}` has

.. math:: \frac{\sum_k\gamma_{k+1}E\,w(s_k)}{\sum_k\gamma_k}\le\frac{2(W_0-W_*)}{\varrho\sum_k\gamma_k}
          +\frac{L_Wc_0\sum_k\gamma_k^2}{\varrho\sum_k\gamma_k}.

*Proof*: :math:`EW^+\le W-\gamma\varrho w+\frac{\gamma^2L_W}2(c_0+c_1w)\le W-\frac{\gamma\varrho}2w+\frac{\gamma^2L_W}2c_0`;
sum. Same form as A. Dieuleveut, G. Fort, E. Moulines, H.-T. Wai, *Stochastic approximation beyond gradient* (2023); constants
derived here. Here W is :math:`W\circ T` on a quadratic, :math:`w=\|h\|^2`, and H is FedMM's direction without control variates:
with h_i the clients' fields, :math:`h=-K(s-s^*)` and :math:`\kappa` the least eigenvalue of K,

.. math:: c_0=\sum_i\mu_i^2\big(2\omega_i\|h_i(s^*)\|^2+(1+\omega_i)\sigma^2\big),\qquad
          c_1=1+\tfrac2{\kappa^2}\sum_i\mu_i^2\omega_iL_i^2.

**Online surrogates.** Stochastic MM with :math:`\gamma_t=1/t` minimises the mean :math:`\bar g_t` of the surrogates met so far,
of the mean :math:`f_t` of the losses met so far (J. Mairal, F. Bach, J. Ponce, G. Sapiro, *Online learning for matrix
factorization and sparse coding*, 2010). At every round

.. math:: \bar g_t(\theta_t)\ge f_t(\theta_t),\qquad \bar g_t(\theta_{t-1})-\bar g_t(\theta_t)=D_{G^*}(s_t,s_{t-1})\ge0.

| argument | symbol |
|---|---|
| seed, clients, d, k, p, unequal, sigma, start | as in `theory_checks.claims.fedmm_bounds` |
| T, share, decreasing | rounds, the step as a share of :math:`\varrho/(L_Wc_1)`, :math:`\gamma/\sqrt t` rather than constant |
| family, t, batch | the instance, the round, samples a client draws |
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fedmm import StochasticMM
from fedmm.batches import take
from fedmm.federation import Federation
from fedmm.keys import Key
from fedmm.types import Batch
from theory_checks.claim import Claim, Mutant, Status
from theory_checks.claims.fedmm_bounds import case, starting_point
from theory_checks.conditions import CHANNEL, NOISE, ROUNDS, SAMPLING, START, STEP, known, within
from theory_checks.points import Moment, instance, points, rounded, steps
from theory_checks.statements.bounds import Setting
from theory_checks.statements.descent import bregman

__all__ = ["CLAIMS"]

# --- stochastic approximation -----------------------------------------------------------------------------------------


def second_moment(at: Setting) -> tuple[float, float]:
    """c_0 and c_1."""
    rho, d = at.problem.rho or 0.0, at.federation[0].b.shape[0]
    c = 1.0 / (1.0 + rho * at.problem.ridge)
    w, star = np.asarray(at.federation.weights), at.problem.solution(at.federation)
    omega = (1.0 + (at.channel.facts(d).omega or 0.0)) / np.asarray(at.probabilities) - 1.0
    fields = np.stack([star - rho * (data.A @ star - data.b) - star / c for data in at.federation])
    A = sum(w_i * data.A for w_i, data in zip(w, at.federation, strict=True))
    kappa = 1.0 - c * (1.0 - rho * float(np.linalg.eigvalsh(np.asarray(A))[0]))
    c0 = float(w**2 @ (2.0 * omega * np.sum(fields**2, axis=1) + (1.0 + omega) * at.problem.noise**2))
    c1 = 1.0 + 2.0 / kappa**2 * float((w**2 * omega) @ np.square(at.facts.field_lipschitz or ()))
    return c0, c1


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
    decreasing: bool,
    gap: float = 2.0,
    noise: float = 1.0,
) -> tuple[float, float]:
    """The weighted mean of E|h|^2, and its bound; `gap` and `noise` are the factors of its two terms."""
    at = case(seed, clients, d, k, p, unequal, sigma)
    facts, (c0, c1) = at.facts, second_moment(at)
    v, L_W = facts.v_min or 0.0, facts.composite_smoothness or 0.0
    gamma = min(1.0, share * v / (L_W * c1))
    gammas = [gamma / (t + 1) ** 0.5 if decreasing else gamma for t in range(T)]
    exact = at.exact(0.0)
    moments = list(exact.moments(starting_point(at, start), np.zeros((clients, d)), gammas[:-1]))
    left = sum(gamma * exact.field2(moment) for gamma, moment in zip(gammas, moments, strict=True))
    excess = max(0.0, exact.objective(moments[0]) - (facts.optimum or 0.0))
    right = gap * excess / v + noise * L_W * c0 * float(np.sum(np.square(gammas))) / v
    return rounded(max(0.0, left) / sum(gammas)), rounded(right / sum(gammas))


def weighted_field2(**setting: Any) -> float:
    """The left-hand side."""
    return both_sides(**setting)[0]


def approximation_bound(**setting: Any) -> float:
    """The right-hand side."""
    return both_sides(**setting)[1]


def once_the_gap(**setting: Any) -> float:
    """2 (W_0 - W*) -> W_0 - W*."""
    return both_sides(**setting, gap=1.0)[1]


def half_the_noise(**setting: Any) -> float:
    """c_0 -> c_0/2."""
    return both_sides(**setting, noise=0.5)[1]


APPROXIMATION = Claim(
    name="stochastic-approximation",
    statement="sum gamma_k E|h(s_k)|^2 / sum gamma_k <= [2 (W_0 - W*) + L_W c_0 sum gamma_k^2] / (v_min sum gamma_k)",
    reference="derived here; same form as Dieuleveut, Fort, Moulines, Wai, Stochastic approximation beyond gradient, 2023",
    status=Status.DERIVED,
    kind="tight",
    setting=st.fixed_dictionaries(
        {
            "seed": st.integers(0, 50),
            "clients": st.sampled_from([1, 2, 3]),
            "d": st.sampled_from([4]),
            "k": st.sampled_from([1, 2, 4]),
            "p": st.sampled_from([0.25, 0.5, 1.0]),
            "unequal": st.booleans(),
            "sigma": st.sampled_from([0.0, 1.0, 3.0]),
            "start": st.sampled_from(["zero", "optimum", "far"]),
            "T": st.sampled_from([1, 2, 10, 40]),
            "share": st.floats(0.01, 1.0),
            "decreasing": st.booleans(),
        }
    ),
    promised=approximation_bound,
    engines={"simulation": weighted_field2},
    mutants=(
        Mutant("2 (W_0 - W*) -> W_0 - W*", once_the_gap, ("simulation",)),
        Mutant("c_0 -> c_0/2", half_the_noise, ("simulation",)),
    ),
    conditions=(CHANNEL, SAMPLING, STEP, NOISE, ROUNDS, START),
    method="fedmm",
    tags=("stochastic-approximation", "compression", "participation"),
    rtol=1e-9,
    atol=1e-10,
    extremes=tuple(
        {"seed": 0, "clients": n, "d": d, "k": k, "p": p, "unequal": unequal, "sigma": sigma, "start": start, "T": T}
        | {"share": 1.0, "decreasing": False}
        for n, d, k, p, unequal, sigma, start, T in (
            (1, 1, 1, 1.0, False, 0.0, "zero", 1),
            (1, 1, 1, 1.0, False, 1.0, "optimum", 40),
            (3, 4, 1, 0.25, True, 1.0, "far", 40),
        )
    ),
)

# --- online surrogates ------------------------------------------------------------------------------------------------

ONLINE = (
    "dictionary",
    "dictionary-ball",
    "boehning",
    "boehning-l1",
    "jaakkola-jordan",
    "probit",
    "gaussian-mixture-full",
    "poisson-mixture",
    "single-component",
)
"""Families that majorise sample by sample; gradient surrogates, whose step is that of a whole client, do not."""

SLOTS = 5


BY_SAMPLES = known(ONLINE, "a family that majorises sample by sample")


@lru_cache(maxsize=256)
def online(family: str, seed: int, batch: int) -> tuple[list[Moment], list[Federation]]:
    """The library's stochastic MM with gamma_t = 1/t, and the samples that clients drew in every round."""
    at, _ = instance(family, seed)
    theta0 = at.minimize(points(family, seed, 1.0)[0])
    run = steps(at.problem, at.federation, StochasticMM(batch=batch), SLOTS, theta0, seed=seed)
    drawn = [
        Federation([take(data, Batch(batch, Key(seed, t, i))) for i, data in enumerate(at.federation)], at.federation.weights)
        for t in range(1, SLOTS + 1)
    ]
    return run, drawn


@lru_cache(maxsize=4096)
def heights(family: str, seed: int, batch: int, t: int, s: int) -> tuple[float, float]:
    """(gbar_t(theta_s), f_t(theta_s))."""
    at, _ = instance(family, seed)
    run, drawn = online(family, seed, batch)
    theta, surrogate, loss = run[s].theta, 0.0, 0.0
    for j in range(t):
        for w, data in zip(drawn[j].weights, drawn[j], strict=True):
            surrogate += w * float(at.problem.majorizer(data, theta, run[j].theta))
            loss += w * float(at.problem.value(data, theta))
    g = float(at.problem.penalty(theta))
    return surrogate / t + g, loss / t + g


def surrogate_gap(family: str, seed: int, batch: int, t: int) -> float:
    """gbar_t(theta_t) - f_t(theta_t)."""
    above, below = heights(family, seed, batch, t, t)
    return rounded((above - below) / (1.0 + abs(above)))


def nothing(family: str, seed: int, batch: int, t: int) -> float:
    """0."""
    return 0.0


def earlier_gap(family: str, seed: int, batch: int, t: int) -> float:
    """The gap of the round before."""
    return surrogate_gap(family, seed, batch, t - 1)


ONLINE_SETTING = st.fixed_dictionaries(
    {
        "family": st.sampled_from(ONLINE),
        "seed": st.integers(0, 99),
        "batch": st.sampled_from([1, 3]),
        "t": st.integers(2, SLOTS),
    }
)

ABOVE = Claim(
    name="online-surrogate-above",
    statement="gbar_t(theta_t) >= f_t(theta_t): the mean surrogate stays above the mean of the losses met so far",
    reference="Mairal, Bach, Ponce, Sapiro, Online learning for matrix factorization and sparse coding, 2010",
    status=Status.CHECKED,
    kind="lower",
    setting=ONLINE_SETTING,
    promised=nothing,
    engines={"simulation": surrogate_gap},
    mutants=(Mutant("0 -> the gap of the round before", earlier_gap, ("simulation",)),),
    conditions=(BY_SAMPLES, within("t", 2, SLOTS)),
    method="stochastic-mm",
    tags=("surrogates", "online"),
    atol=1e-9,
    extremes=(
        {"family": "dictionary", "seed": 0, "batch": 1, "t": SLOTS},
        {"family": "single-component", "seed": 0, "batch": 1, "t": 2},
        {"family": "jaakkola-jordan", "seed": 0, "batch": 3, "t": SLOTS},
    ),
)


def surrogate_fall(family: str, seed: int, batch: int, t: int) -> float:
    """gbar_t(theta_{t-1}) - gbar_t(theta_t)."""
    before, after = heights(family, seed, batch, t, t - 1)[0], heights(family, seed, batch, t, t)[0]
    return rounded((before - after) / (1.0 + abs(after)))


def running_divergence(family: str, seed: int, batch: int, t: int) -> float:
    """D(s_t, s_{t-1})."""
    at, functions = instance(family, seed)
    run, _ = online(family, seed, batch)
    after = heights(family, seed, batch, t, t)[0]
    return rounded(bregman(at, functions, run[t].server.s, run[t - 1].server.s) / (1.0 + abs(after)))


def reversed_divergence(family: str, seed: int, batch: int, t: int) -> float:
    """D(s_{t-1}, s_t)."""
    at, functions = instance(family, seed)
    run, _ = online(family, seed, batch)
    after = heights(family, seed, batch, t, t)[0]
    return rounded(bregman(at, functions, run[t - 1].server.s, run[t].server.s) / (1.0 + abs(after)))


def twice_the_divergence(family: str, seed: int, batch: int, t: int) -> float:
    """2 D(s_t, s_{t-1})."""
    return 2.0 * running_divergence(family, seed, batch, t)


FALLS = Claim(
    name="online-surrogate-falls",
    statement="gbar_t(theta_{t-1}) - gbar_t(theta_t) = D_G*(s_t, s_{t-1}) >= 0",
    reference="Mairal, Bach, Ponce, Sapiro, 2010, for the sign; the value is derived here",
    status=Status.DERIVED,
    kind="expectation",
    setting=ONLINE_SETTING,
    promised=running_divergence,
    engines={"simulation": surrogate_fall},
    mutants=(
        Mutant("D -> 2 D", twice_the_divergence, ("simulation",)),
        Mutant("D(s_t, s_{t-1}) -> D(s_{t-1}, s_t)", reversed_divergence, ("simulation",)),
    ),
    conditions=(BY_SAMPLES, within("t", 2, SLOTS)),
    method="stochastic-mm",
    tags=("surrogates", "online"),
    atol=1e-8,
    extremes=(
        {"family": "dictionary", "seed": 0, "batch": 1, "t": SLOTS},
        {"family": "single-component", "seed": 0, "batch": 3, "t": 3},
    ),
)

CLAIMS = (APPROXIMATION, ABOVE, FALLS)
