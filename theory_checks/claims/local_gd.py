r"""One round of local gradient descent, from anywhere and from the optimum.

    y_i = x;   K times: y_i <- y_i - gamma grad f_i(y_i);   x+ = (1/N) sum_i y_i

For clients that are L-smooth and mu-strongly convex and :math:`\gamma\le1/L`, with :math:`h(a)=(1-(1-\gamma a)^K)/a`,

.. math:: \|x^+-x^*\|\le(1-\gamma\mu)^K\|x-x^*\|+\tfrac\zeta2\,(h(\mu)-h(L)),

.. math:: \|x^+-x^*\|\le(1-\gamma\mu)^K\|x-x^*\|+\tfrac12\gamma^2L\zeta K(K-1).

**What is proved.** Let :math:`z_i` be client i's points when it starts at x*. A gradient step of a client contracts by
:math:`1-\gamma\mu`, so :math:`\|x^+-x^*\|\le(1-\gamma\mu)^K\|x-x^*\|+\|\bar z^K-x^*\|`. By the same contraction
:math:`\|z_i^k-x^*\|\le k\gamma\|g_i^*\|`, and :math:`\bar z^{k+1}-\bar z^k=-\gamma\,\mathrm{mean}(\nabla f_i(z_i^k)-g_i^*)`, so
:math:`\|\bar z^K-x^*\|\le\gamma L\sum_{k<K}k\gamma\zeta`: the second bound. For K = 2, :math:`\nabla f_i(x^*-\gamma g_i^*)-g_i^*`
lies in the ball with diameter from :math:`-\gamma\mu g_i^*` to :math:`-\gamma Lg_i^*`, so
:math:`\|\bar z^2-x^*\|\le\gamma^2\frac{L-\mu}2\zeta`: the first bound. For larger K the first bound has no proof here: it agrees
with the exact worst case to the solver's accuracy wherever it was solved, and would follow from a statement about one client
(`theory_checks.claims.local_gd_ball`). For gamma L > 1 it fails for odd K, and for even K >= 4 unless the step is near 2/L.
Two scalar clients :math:`\mu x^2/2+\zeta x` and :math:`Lx^2/2-\zeta x` attain it at x = x*.

| argument | symbol |
|---|---|
| L, mu | smoothness and strong convexity of the clients |
| N | clients |
| K, gamma | local steps, gamma |
| R | :math:`\|x-x^*\|\le R` |
| zeta | :math:`\frac1N\sum_i\|\nabla f_i(x^*)\|^2\le\zeta^2` |
| seed | of the random instance |

Source: derived here; not found in the literature known to us, whose search was not exhaustive. The second bound is the usual
client-drift estimate.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fedmm.algorithms import FedAvg
from fedmm.federation import Federation
from fedmm.solve import solve
from problems.quadratic import Quadratic
from theory_checks.claim import Claim, Condition, Mutant, Status
from theory_checks.conditions import SEVERAL, STRONGLY_CONVEX
from theory_checks.pep.engines import certified_local_gd, replayed_local_gd
from theory_checks.pep.exact_local_gd import exact_drift, exact_local_gd
from theory_checks.pep.measure import observed
from theory_checks.pep.programs.local_gd import local_gd
from theory_checks.quadratic_clients import alike, opposed, scattered

__all__ = ["CLAIMS", "classical_drift", "contraction", "drift", "one_round"]


def contraction(*, mu: float, K: int, gamma: float, R: float) -> float:
    r""":math:`(1-\gamma\mu)^KR`."""
    return (1.0 - gamma * mu) ** K * R


def drift(*, L: float, mu: float, K: int, gamma: float, zeta: float) -> float:
    r""":math:`\frac\zeta2(h(\mu)-h(L))`, which is :math:`\frac{\gamma\zeta}2\sum_{k<K}((1-\gamma\mu)^k-(1-\gamma L)^k)`."""
    powers = np.arange(K)  # the sum has no difference of nearly equal quotients, and needs no mu > 0
    return 0.5 * gamma * zeta * float(np.sum((1.0 - gamma * mu) ** powers - (1.0 - gamma * L) ** powers))


def classical_drift(*, L: float, K: int, gamma: float, zeta: float) -> float:
    r""":math:`\frac12\gamma^2L\zeta K(K-1)`."""
    return 0.5 * gamma**2 * L * zeta * K * (K - 1)


def one_round(*, L: float, mu: float, K: int, gamma: float, R: float, zeta: float, **_: Any) -> float:
    """The first bound."""
    return contraction(mu=mu, K=K, gamma=gamma, R=R) + drift(L=L, mu=mu, K=K, gamma=gamma, zeta=zeta)


def from_optimum(*, L: float, mu: float, K: int, gamma: float, zeta: float, **_: Any) -> float:
    """The first bound at x = x*."""
    return drift(L=L, mu=mu, K=K, gamma=gamma, zeta=zeta)


def classical(*, L: float, mu: float, K: int, gamma: float, R: float, zeta: float, **_: Any) -> float:
    """The second bound."""
    return contraction(mu=mu, K=K, gamma=gamma, R=R) + classical_drift(L=L, K=K, gamma=gamma, zeta=zeta)


# ---- engines


def exact(*, L: float, mu: float, N: int, K: int, gamma: float, R: float, zeta: float, **_: Any) -> float:
    """The exact worst case of |x+ - x*|."""
    if R == 0:
        return exact_drift(L=L, mu=mu, N=N, K=K, gamma=gamma, zeta=zeta)
    return sqrt(max(exact_local_gd(L=L, mu=mu, N=N, K=K, gamma=gamma, R=R, zeta=zeta), 0.0))


def exact_from_optimum(*, L: float, mu: float, N: int, K: int, gamma: float, zeta: float, **_: Any) -> float:
    """The exact worst case of |x+ - x*| from x = x*."""
    return exact_drift(L=L, mu=mu, N=N, K=K, gamma=gamma, zeta=zeta)


def proved(*, L: float, mu: float, K: int, gamma: float, R: float, zeta: float, **_: Any) -> float:
    """An upper bound of |x+ - x*| in exact fractions."""
    return certified_local_gd(L=L, mu=mu, K=K, gamma=gamma, R=R, zeta=zeta)


def proved_from_optimum(*, L: float, mu: float, K: int, gamma: float, zeta: float, **_: Any) -> float:
    """The same from x = x*."""
    return certified_local_gd(L=L, mu=mu, K=K, gamma=gamma, R=0.0, zeta=zeta)


def replayed(*, L: float, mu: float, N: int, K: int, gamma: float, R: float, zeta: float, **_: Any) -> float:
    """|x+ - x*| of FedAvg on the worst federation."""
    return replayed_local_gd(L=L, mu=mu, N=N, K=K, gamma=gamma, R=R, zeta=zeta)


def replayed_from_optimum(*, L: float, mu: float, N: int, K: int, gamma: float, zeta: float, **_: Any) -> float:
    """The same from x = x*."""
    return replayed_local_gd(L=L, mu=mu, N=N, K=K, gamma=gamma, R=0.0, zeta=zeta)


def simulated(*, L: float, mu: float, N: int, K: int, gamma: float, R: float, zeta: float, seed: int, **_: Any) -> float:
    """The largest |x+ - x*| of FedAvg over opposed, alike and random clients."""
    found = []
    for federation in (opposed(L, mu, N, zeta), alike(mu, N, zeta), alike(L, N, zeta), scattered(L, mu, N, zeta, seed)):
        d = federation[0].b.shape[0]
        start = np.random.default_rng([seed, 5]).standard_normal(d)
        start *= R / np.linalg.norm(start)
        found += [float(np.linalg.norm(fedavg(federation, K, gamma, x))) for x in (start, -start)]
    return max(found)


def simulated_from_optimum(*, L: float, mu: float, N: int, K: int, gamma: float, zeta: float, seed: int, **_: Any) -> float:
    """The same from x = x*."""
    return simulated(L=L, mu=mu, N=N, K=K, gamma=gamma, R=0.0, zeta=zeta, seed=seed)


def batched(*, L: float, mu: float, N: int, K: int, gamma: float, R: float, zeta: float, **_: Any) -> float:
    """The largest |x+ - x*| over a batch of quadratic federations."""
    world = {"mu": mu / L, "N": N, "shared_optimum": zeta == 0}
    return sqrt(observed(local_gd, **world, K=K, gamma=gamma * L, R=R, zeta=zeta / L))


def batched_from_optimum(**setting: Any) -> float:
    """The same from x = x*."""
    return batched(**setting, R=0.0)


def fedavg(federation: Federation, K: int, gamma: float, x: np.ndarray, rounds: int = 1) -> np.ndarray:
    """The library's FedAvg with full local gradients, from x."""
    method = FedAvg(local_steps=K, step=gamma)
    return solve(Quadratic(), federation, method, x, rounds=rounds, metrics=(), progress=False).theta


# ---- settings


def parameters(*, L: float, share: float, gammaL: float, **rest: Any) -> dict[str, Any]:
    """mu = share L and gamma = gammaL / L."""
    return {"L": L, "mu": share * L, "gamma": gammaL / L, **rest}


COMMON: dict[str, Any] = {
    "L": st.sampled_from((1.0, 2.0)),
    "share": st.sampled_from((0.01, 0.1, 0.3)),
    "gammaL": st.sampled_from((0.25, 0.5, 1.0)),
    "N": st.sampled_from((2, 3, 10)),
    "zeta": st.sampled_from((0.1, 1.0)),
    "seed": st.integers(0, 10**6),
}
"""What the settings of Local GD have in common; on grids, so that worst cases are solved once."""

ANYWHERE = st.builds(parameters, **COMMON, K=st.integers(1, 6), R=st.sampled_from((0.3, 1.0)))
AT_OPTIMUM = st.builds(parameters, **COMMON, K=st.integers(2, 6))
CORNERS = (
    {"L": 1.0, "mu": 0.1, "gamma": 1.0, "N": 2, "K": 3, "R": 0.0, "zeta": 1.0, "seed": 0},
    {"L": 1.0, "mu": 0.01, "gamma": 1.0, "N": 2, "K": 2, "R": 0.0, "zeta": 1.0, "seed": 0},
    {"L": 1.0, "mu": 0.1, "gamma": 0.5, "N": 4, "K": 4, "R": 1.0, "zeta": 0.0, "seed": 0},
    {"L": 1.0, "mu": 0.1, "gamma": 0.5, "N": 2, "K": 1, "R": 1.0, "zeta": 1.0, "seed": 0},
)
"""From the optimum; without heterogeneity; one local step: in each, one of the two terms is attained."""


def short_step(*, L: float, gamma: float, **_: Any) -> bool:
    """0 < gamma <= 1/L."""
    return 0 < gamma * L <= 1 + 1e-12


CONDITIONS = (
    STRONGLY_CONVEX,
    Condition("0 < gamma <= 1/L", short_step),
    SEVERAL,
)


# ---- false promises


def less_drift(**setting: Any) -> float:
    """zeta/2 -> 0.49 zeta."""
    return one_round(**{**setting, "zeta": 0.98 * setting["zeta"]})


def less_drift_from_optimum(**setting: Any) -> float:
    """zeta/2 -> 0.49 zeta."""
    return 0.98 * from_optimum(**setting)


def one_step_more(*, mu: float, K: int, gamma: float, R: float, **setting: Any) -> float:
    """(1 - gamma mu)^K -> (1 - gamma mu)^(K+1)."""
    more = contraction(mu=mu, K=K + 1, gamma=gamma, R=R) - contraction(mu=mu, K=K, gamma=gamma, R=R)
    return one_round(mu=mu, K=K, gamma=gamma, R=R, **setting) + more


def one_exponent_less(*, K: int, **setting: Any) -> float:
    """K -> K - 1 in the drift."""
    return from_optimum(K=K - 1, **setting)


def third_of_classical(*, L: float, mu: float, K: int, gamma: float, R: float, zeta: float, **_: Any) -> float:
    """K (K - 1)/2 -> K (K - 1)/6."""
    return contraction(mu=mu, K=K, gamma=gamma, R=R) + classical_drift(L=L, K=K, gamma=gamma, zeta=zeta) / 3.0


def twice_the_contraction(*, L: float, mu: float, K: int, gamma: float, R: float, zeta: float, **_: Any) -> float:
    """(1 - gamma mu)^K -> (1 - 2 gamma mu)^K."""
    return contraction(mu=2 * mu, K=K, gamma=gamma, R=R) + classical_drift(L=L, K=K, gamma=gamma, zeta=zeta)


REFERENCE = "derived here"
EVERY = ("pep", "certificate", "replay", "batch", "simulation")

CLAIMS = (
    Claim(
        name="local-gd-round",
        statement="|x+ - x*| <= (1-gamma mu)^K R + (zeta/2)((1-(1-gamma mu)^K)/mu - (1-(1-gamma L)^K)/L)",
        reference=REFERENCE,
        status=Status.NUMERIC,
        kind="upper",
        setting=ANYWHERE,
        promised=one_round,
        engines={"pep": exact, "certificate": proved, "replay": replayed, "batch": batched, "simulation": simulated},
        mutants=(
            Mutant("zeta/2 -> 0.49 zeta", less_drift, EVERY),
            Mutant("(1-gamma mu)^K -> (1-gamma mu)^(K+1)", one_step_more, EVERY),
        ),
        conditions=CONDITIONS,
        method="fedavg",
        tags=("local-steps", "heterogeneity"),
        extremes=CORNERS,
    ),
    Claim(
        name="local-gd-drift",
        statement="|x+ - x*| <= (zeta/2)((1-(1-gamma mu)^K)/mu - (1-(1-gamma L)^K)/L) from x = x*",
        reference=REFERENCE,
        status=Status.NUMERIC,
        kind="tight",
        setting=AT_OPTIMUM,
        promised=from_optimum,
        engines={
            "pep": exact_from_optimum,
            "certificate": proved_from_optimum,
            "replay": replayed_from_optimum,
            "batch": batched_from_optimum,
            "simulation": simulated_from_optimum,
        },
        mutants=(
            Mutant("zeta/2 -> 0.49 zeta", less_drift_from_optimum, EVERY),
            Mutant("K -> K - 1", one_exponent_less, EVERY),
        ),
        conditions=CONDITIONS,
        method="fedavg",
        tags=("local-steps", "heterogeneity"),
        extremes=tuple({k: v for k, v in corner.items() if k != "R"} for corner in CORNERS[:2]),
    ),
    Claim(
        name="local-gd-round-classical",
        statement="|x+ - x*| <= (1-gamma mu)^K R + gamma^2 L zeta K(K-1)/2",
        reference=f"{REFERENCE}; the usual client-drift estimate",
        status=Status.DERIVED,
        kind="upper",
        setting=ANYWHERE,
        promised=classical,
        engines={"pep": exact, "certificate": proved, "replay": replayed, "batch": batched, "simulation": simulated},
        mutants=(
            Mutant("K(K-1)/2 -> K(K-1)/6", third_of_classical, EVERY),
            Mutant("(1-gamma mu)^K -> (1-2 gamma mu)^K", twice_the_contraction, EVERY),
        ),
        conditions=CONDITIONS,
        method="fedavg",
        tags=("local-steps", "heterogeneity"),
        extremes=CORNERS,
    ),
)
