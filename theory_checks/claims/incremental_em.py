r"""Incremental EM: one client's statistic is refreshed at a time, and the free energy never rises.

Client i keeps the statistic :math:`S_i(\tau_i)` of an earlier parameter. A step picks a client, refreshes it, and maximises:

.. math:: \tau_i\leftarrow\theta_t,\qquad s'=s+\mu_i\big(S_i(\theta_t)-S_i^{\mathrm{old}}\big),\qquad\theta_{t+1}=T(s').

With :math:`U_i(\theta,\tau)=f_i(\tau)-\langle S_i(\tau),\phi(\theta)-\phi(\tau)\rangle+\psi(\theta)-\psi(\tau)\ge f_i(\theta)`
the free energy is :math:`U=g(\theta)+\sum_i\mu_iU_i(\theta,\tau_i)\ge W(\theta)`, and with the Bregman distance of the convex
:math:`G^*`

.. math:: U_t-U_{t+1}=\mu_i\big(U_i(\theta_t,\tau_i^{\mathrm{old}})-f_i(\theta_t)\big)+D_{G^*}(s',s)\ge D_{G^*}(s',s)\ge0.

*Proof*: the first part is what touching at theta_t gains, the second what T gains. W itself need not fall at every step; it does
for one client, where this is EM. FedMM with one client a round is another method: its increments are weighted by 1/p_i to be
unbiased, those here are not.

| argument | symbol |
|---|---|
| family, seed | the instance (`theory_checks.families`), the order of the clients |
| t | the step that is looked at |

Source: R. M. Neal, G. E. Hinton, *A view of the EM algorithm that justifies incremental, sparse, and other variants*, 1998, for
the free energy; the amount is derived here. Run on the library's statistics and minimisers. Falls are relative to 1 + |W|.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

from theory_checks.claim import Claim, Mutant, Status
from theory_checks.claims.mm import EM
from theory_checks.conditions import known, within
from theory_checks.points import instance, points, rounded
from theory_checks.statements.descent import bregman

__all__ = ["CLAIMS", "incremental_em"]

STEPS = 12


class State(NamedTuple):
    """s, the parameter T(s), and the clients' parameters and statistics."""

    s: np.ndarray
    theta: np.ndarray
    taus: tuple[np.ndarray, ...]
    statistics: np.ndarray


@lru_cache(maxsize=256)
def incremental_em(family: str, seed: int, steps: int) -> tuple[State, ...]:
    """The states after 0, ..., `steps` steps, from a random parameter; clients in random order."""
    at, _ = instance(family, seed)
    weights, n = np.asarray(at.federation.weights), len(at.federation)
    rng = np.random.default_rng([seed, 19])
    tau = at.minimize(points(family, seed, 1.0)[0])
    statistics = at.statistics(tau)
    s = weights @ statistics
    found = [State(s, at.minimize(s), (tau,) * n, statistics)]
    for _ in range(steps):
        s, theta, taus, statistics = found[-1]
        i = int(rng.integers(n))
        fresh = at.problem.statistic(at.federation[i], theta)[0]
        s = s + weights[i] * (fresh - statistics[i])
        statistics = np.vstack([statistics[:i], fresh, statistics[i + 1 :]])
        found.append(State(s, at.minimize(s), (*taus[:i], theta, *taus[i + 1 :]), statistics))
    return tuple(found)


def free_energy(family: str, seed: int, t: int) -> float:
    """U after t steps; W where that is larger, which would be an error."""
    at, functions = instance(family, seed)
    _, theta, taus, statistics = incremental_em(family, seed, STEPS)[t]
    phi, psi = functions.phi(theta), functions.psi(theta)
    W = at.objective(theta)
    total = W
    for w, data, tau, S in zip(at.federation.weights, at.federation, taus, statistics, strict=True):
        above = float(S @ (phi - functions.phi(tau))) - (psi - functions.psi(tau))
        total += w * float(at.problem.value(data, tau) - at.problem.value(data, theta) - above)
    return max(total, W)


def fall(family: str, seed: int, t: int) -> float:
    """U_t - U_{t+1}."""
    before = free_energy(family, seed, t)
    return rounded((before - free_energy(family, seed, t + 1)) / (1.0 + abs(before)))


def divergence(family: str, seed: int, t: int) -> float:
    """D(s', s)."""
    at, functions = instance(family, seed)
    states = incremental_em(family, seed, STEPS)
    return rounded(bregman(at, functions, states[t + 1].s, states[t].s) / (1.0 + abs(free_energy(family, seed, t))))


def three_divergences(family: str, seed: int, t: int) -> float:
    """3 D(s', s)."""
    return 3.0 * divergence(family, seed, t)


CLAIMS = (
    Claim(
        name="incremental-em",
        statement="refreshing one client's statistic lowers the free energy by at least D_G*(s', s) >= 0, at every step",
        reference="Neal and Hinton 1998 for the free energy; the amount is derived here",
        status=Status.DERIVED,
        kind="lower",
        setting=st.fixed_dictionaries(
            {"family": st.sampled_from(EM), "seed": st.integers(0, 999), "t": st.integers(0, STEPS - 1)}
        ),
        promised=divergence,
        engines={"simulation": fall},
        mutants=(Mutant("D -> 3 D", three_divergences, ("simulation",)),),
        conditions=(known(EM), within("t", 0, STEPS - 1)),
        method="mm",
        tags=("surrogates", "descent", "em"),
        atol=1e-10,
        extremes=({"family": "gaussian-mixture-full", "seed": 3, "t": 5}, {"family": "poisson-mixture", "seed": 3, "t": 1}),
    ),
)
