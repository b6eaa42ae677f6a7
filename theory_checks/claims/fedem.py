r"""FedEM's bound on the mean squared field: the published form beside our own; constants to be confirmed.

Equal weights, memories that start exact, :math:`V_{0,i}=h_i(\hat S_0)`, uploads of variance factor omega_p (channel and
participation together), :math:`L^2=\frac1n\sum_iL_i^2` of the fields, sigma^2 the clients' mean noise, and

.. math:: \gamma\le\min\Big\{\frac{v_{\min}}{2L_W},\;\frac{\sqrt n}{2\sqrt2\,L\sqrt{\omega_p}\,(1+\omega_p)}\Big\}:\qquad
   v_{\min}\Big(1-\frac{\gamma L_W}{v_{\min}}\Big)\frac1T\sum_{t<T}E\|h(\hat S_t)\|^2
   \le\frac{W(T(\hat S_0))-W_*}{\gamma T}+\frac{\gamma L_W(1+5\omega_p)\sigma^2}n.

`theory_checks.claims.fedmm_bounds` has the same form with :math:`\sqrt3` and 4, for any weights and memories, with a proof.

| argument | symbol |
|---|---|
| seed, clients, d | the quadratic bed, with equal weights |
| k, p, sigma | rand-k of d, participation, noise of the statistics |
| start | where :math:`\hat S_0` is: zero, at the optimum, or far away |
| T, share | rounds, and the step as a share of the largest |

Source: A. Dieuleveut, G. Fort, E. Moulines, G. Robin, *Federated-EM with heterogeneity mitigation and variance reduction*,
NeurIPS 2021.
"""

from __future__ import annotations

from functools import lru_cache
from math import inf, sqrt
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fedmm import Federation, Identity, RandK
from theory_checks.beds import bed, bed_problem
from theory_checks.claim import Claim, Mutant, Status
from theory_checks.claims.fedmm_bounds import starting_point
from theory_checks.conditions import CHANNEL, NOISE, ROUNDS, SAMPLING, START, STEP
from theory_checks.points import rounded
from theory_checks.statements.bounds import Setting

__all__ = ["CLAIMS"]


@lru_cache(maxsize=512)
def even(seed: int, clients: int, d: int, k: int, p: float, sigma: float) -> Setting:
    """FedMM on the quadratic bed with equal weights."""
    federation, problem = Federation(list(bed(clients, d, seed))), bed_problem(sigma)
    return Setting(problem.settle(federation, problem.oracles), federation, (p,) * clients, Identity() if k == d else RandK(k))


def step(at: Setting, share: float) -> float:
    """This share of the largest step."""
    facts, omega_p = at.facts, at.omega_p
    second = 1.0 / (2.0 * sqrt(2.0) * at.L_mu * sqrt(omega_p) * (1.0 + omega_p)) if omega_p > 0 else inf  # L_mu = L / sqrt(n)
    return share * min((facts.v_min or 0.0) / (2.0 * (facts.composite_smoothness or inf)), second)


@lru_cache(maxsize=4096)
def sides(
    seed: int, clients: int, d: int, k: int, p: float, sigma: float, start: str, T: int, share: float
) -> tuple[float, float, float]:
    """The mean of E|h|^2, and both parts of its bound: of the start, of the noise with omega_p = 0."""
    at = even(seed, clients, d, k, p, sigma)
    facts = at.facts
    gamma, v_min, L_W = step(at, share), facts.v_min or 0.0, facts.composite_smoothness or 0.0
    exact, s = at.exact(1.0 / (1.0 + at.omega_p)), starting_point(at, start)
    moments = list(exact.moments(s, exact.exact_memories(s), [gamma] * (T - 1)))
    gap = max(exact.objective(moments[0]) - (facts.optimum or 0.0), 0.0)
    left = v_min - gamma * L_W
    noise = gamma * L_W * float(np.mean(np.asarray(facts.oracle_variance))) / clients
    return float(np.mean([exact.field2(m) for m in moments])), gap / (gamma * T * left), noise / left


def measured(**setting: Any) -> float:
    r""":math:`\frac1T\sum_{t<T}E\|h(\hat S_t)\|^2`."""
    return rounded(sides(**setting)[0])


def bound(*, start_share: float = 1.0, **setting: Any) -> float:
    """The bound, with a share of its first part (a mutant's)."""
    omega_p = even(*(setting[name] for name in ("seed", "clients", "d", "k", "p", "sigma"))).omega_p
    _, transient, noise = sides(**setting)
    return rounded(start_share * transient + (1.0 + 5.0 * omega_p) * noise)


def third_of_the_start(**setting: Any) -> float:
    """W_0 - W* -> (W_0 - W*)/3."""
    return bound(start_share=1.0 / 3.0, **setting)


def without_uploads(**setting: Any) -> float:
    """(1 + 5 omega_p) -> 0: no noise."""
    return rounded(sides(**setting)[1])


BED = {"seed": 0, "clients": 3, "d": 4}

CLAIMS = (
    Claim(
        name="fedem-mean-field",
        statement="v_min (1 - gamma L_W/v_min) (1/T) sum_t E|h(s_t)|^2 <= (W_0 - W*)/(gamma T)"
        " + gamma L_W (1+5 omega_p) sigma^2/n, memories exact at the start",
        reference="Dieuleveut, Fort, Moulines and Robin 2021 (FedEM)",
        status=Status.MEMORY,
        kind="upper",
        setting=st.fixed_dictionaries(
            {
                "seed": st.integers(0, 50),
                "clients": st.sampled_from([1, 2, 3]),
                "d": st.sampled_from([4]),
                "k": st.sampled_from([1, 2, 4]),
                "p": st.sampled_from([0.1, 0.25, 0.5, 1.0]),
                "sigma": st.sampled_from([0.0, 1.0, 3.0]),
                "start": st.sampled_from(["zero", "optimum", "far"]),
                "T": st.sampled_from([1, 2, 10, 40]),
                "share": st.floats(0.01, 1.0),
            }
        ),
        promised=bound,
        engines={"simulation": measured},
        mutants=(
            Mutant("W_0 - W* -> (W_0 - W*)/3", third_of_the_start, ("simulation",)),
            Mutant("(1+5 omega_p) -> 0", without_uploads, ("simulation",)),
        ),
        conditions=(CHANNEL, SAMPLING, STEP, NOISE, ROUNDS, START),
        method="fedmm",
        tags=("fedmm", "compression", "participation", "control-variates", "em"),
        rtol=1e-9,
        atol=1e-10,
        extremes=(
            {**BED, "k": 4, "p": 1.0, "sigma": 0.0, "start": "zero", "T": 400, "share": 1.0},
            {**BED, "k": 1, "p": 0.25, "sigma": 1.0, "start": "optimum", "T": 200, "share": 1.0},
            {**BED, "clients": 1, "d": 1, "k": 1, "p": 1.0, "sigma": 0.0, "start": "zero", "T": 2, "share": 1.0},
        ),
    ),
)
