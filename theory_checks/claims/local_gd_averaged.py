r"""The averaged iterate of local gradient descent on convex clients: two published bounds.

    y_i = x;   K times: y_i <- y_i - gamma grad f_i(y_i);   x <- (1/N) sum_i y_i;   T rounds

With :math:`\hat x` the mean of the points over clients and all KT local times, for convex L-smooth clients,

.. math:: f(\hat x)-f^*\le\frac{2R^2}{\gamma KT}+24\gamma^2\zeta^2K^2L\quad(\gamma\le1/(4\sqrt2KL)),

.. math:: f(\hat x)-f^*\le\frac{4R^2}{\gamma KT}+\frac{20\gamma\zeta^2}N+16\gamma^2L(K-1)^2\zeta^2
   \quad(\gamma\le\min\{1/(4L),1/(8L(K-1))\}),

here with full local gradients, where :math:`\sigma_{\mathrm{dif}}=\zeta`.

| argument | symbol |
|---|---|
| L, N | smoothness and number of the clients |
| K, gamma, rounds | local steps, gamma, T |
| R | :math:`\|x_0-x^*\|\le R` |
| zeta | :math:`\frac1N\sum_i\|\nabla f_i(x^*)\|^2\le\zeta^2` |
| seed | of the random instance |

Sources: A. Khaled, K. Mishchenko and P. Richtarik, *First analysis of local GD on heterogeneous data*, 2019, and *Tighter
theory for local SGD on identical and heterogeneous data*, AISTATS 2020; constants to be confirmed.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fedmm.federation import Federation
from theory_checks.claim import Claim, Condition, Mutant, Status
from theory_checks.claims.local_gd import fedavg
from theory_checks.pep.exact_local_gd import exact_averaged_iterate
from theory_checks.pep.measure import observed
from theory_checks.pep.programs.local_gd import averaged_iterate
from theory_checks.quadratic_clients import alike, opposed, scattered

__all__ = ["CLAIMS", "bound_2019", "bound_2020"]


def bound_2019(*, L: float, K: int, gamma: float, R: float, zeta: float, rounds: int, **_: Any) -> float:
    r""":math:`2R^2/(\gamma KT)+24\gamma^2\zeta^2K^2L`."""
    return 2.0 * R**2 / (gamma * K * rounds) + 24.0 * gamma**2 * zeta**2 * K**2 * L


def bound_2020(*, L: float, K: int, gamma: float, R: float, zeta: float, rounds: int, N: float, **_: Any) -> float:
    r""":math:`4R^2/(\gamma KT)+20\gamma\zeta^2/N+16\gamma^2L(K-1)^2\zeta^2`."""
    start = 4.0 * R**2 / (gamma * K * rounds)
    return start + 20.0 * gamma * zeta**2 / N + 16.0 * gamma**2 * L * (K - 1) ** 2 * zeta**2


# ---- engines


def exact(*, L: float, N: int, K: int, gamma: float, R: float, zeta: float, rounds: int, **_: Any) -> float:
    """The exact worst case."""
    return exact_averaged_iterate(L=L, mu=0.0, N=N, K=K, gamma=gamma, R=R, zeta=zeta, rounds=rounds)


def simulated(*, L: float, N: int, K: int, gamma: float, R: float, zeta: float, rounds: int, seed: int, **_: Any) -> float:
    """The largest value of FedAvg over opposed, alike and random clients."""
    found = []
    for federation in (opposed(L, 0.0, N, zeta), alike(L, N, zeta), scattered(L, 0.0, N, zeta, seed)):
        start = np.random.default_rng([seed, 5]).standard_normal(federation[0].b.shape[0])
        start *= R / np.linalg.norm(start)
        found += [averaged_gap(federation, K, gamma, x, rounds) for x in (start, -start)]
    return max(found)


def batched(*, L: float, N: int, K: int, gamma: float, R: float, zeta: float, rounds: int, **_: Any) -> float:
    """The largest value over a batch of quadratic federations."""
    world = {"mu": 0.0, "N": N, "shared_optimum": zeta == 0}
    return L * observed(averaged_iterate, **world, K=K, gamma=gamma * L, R=R, zeta=zeta / L, rounds=rounds)


def averaged_gap(federation: Federation, K: int, gamma: float, x: np.ndarray, rounds: int) -> float:
    r""":math:`f(\hat x)-f(0)`: the mean point after k local steps is what FedAvg with k local steps returns."""
    total = np.zeros_like(x)
    for _ in range(rounds):
        total += x + sum(fedavg(federation, k, gamma, x) for k in range(1, K))
        x = fedavg(federation, K, gamma, x)
    mean = total / (K * rounds)
    curvature = sum(w * data.A for w, data in zip(federation.weights, federation, strict=True))
    return 0.5 * float(mean @ curvature @ mean)


# ---- settings


def longest_2019(L: float, K: int) -> float:
    """1/(4 sqrt(2) K L)."""
    return 1.0 / (4.0 * sqrt(2.0) * K * L)


def longest_2020(L: float, K: int) -> float:
    """min(1/(4L), 1/(8L(K-1)))."""
    return 1.0 / (4.0 * L) if K == 1 else min(1.0 / (4.0 * L), 1.0 / (8.0 * L * (K - 1)))


def parameters_2019(*, L: float, K: int, share: float, **rest: Any) -> dict[str, Any]:
    """gamma is a share of the longest step."""
    return {"L": L, "K": K, "gamma": share * longest_2019(L, K), **rest}


def parameters_2020(*, L: float, K: int, share: float, **rest: Any) -> dict[str, Any]:
    """gamma is a share of the longest step."""
    return {"L": L, "K": K, "gamma": share * longest_2020(L, K), **rest}


COMMON: dict[str, Any] = {
    "L": st.sampled_from((1.0, 2.0)),
    "K": st.integers(1, 4),
    "share": st.sampled_from((0.5, 1.0)),
    "rounds": st.integers(1, 2),
    "N": st.sampled_from((2, 10)),
    "R": st.sampled_from((0.5, 1.0)),
    "zeta": st.sampled_from((0.5, 1.0)),
    "seed": st.integers(0, 10**6),
}
"""On grids, so that worst cases are solved once."""


def short_step_2019(*, L: float, K: int, gamma: float, **_: Any) -> bool:
    """0 < gamma <= 1/(4 sqrt(2) K L)."""
    return 0 < gamma <= longest_2019(L, K) * (1 + 1e-12)


def short_step_2020(*, L: float, K: int, gamma: float, **_: Any) -> bool:
    """0 < gamma <= min(1/(4L), 1/(8L(K-1)))."""
    return 0 < gamma <= longest_2020(L, K) * (1 + 1e-12)


def corners(longest: Any) -> tuple[dict[str, Any], ...]:
    """One round from afar without heterogeneity to speak of, and two from the optimum, at the longest step."""
    afar = {"L": 1.0, "K": 4, "gamma": longest(1.0, 4), "rounds": 1, "N": 2, "seed": 0, "R": 1.0, "zeta": 0.1}
    return afar, {**afar, "K": 2, "gamma": longest(1.0, 2), "rounds": 2, "R": 0.0, "zeta": 1.0}


# ---- false promises


def smaller_start_2019(*, R: float, **setting: Any) -> float:
    """2 R^2 -> R^2/20."""
    return bound_2019(R=R / sqrt(40.0), **setting)


def smaller_drift_2019(*, zeta: float, **setting: Any) -> float:
    """24 -> 24/10^7."""
    return bound_2019(zeta=zeta / sqrt(1e7), **setting)


def smaller_start_2020(*, R: float, **setting: Any) -> float:
    """4 R^2 -> R^2/20."""
    return bound_2020(R=R / sqrt(80.0), **setting)


def smaller_drift_2020(*, zeta: float, **setting: Any) -> float:
    """20 -> 20/10^8 and 16 -> 16/10^8."""
    return bound_2020(zeta=zeta / 1e4, **setting)


EVERY = ("pep", "batch", "simulation")

CLAIMS = (
    Claim(
        name="local-gd-averaged-2019",
        statement="f(xhat) - f* <= 2 R^2/(gamma K T) + 24 gamma^2 zeta^2 K^2 L",
        reference="Khaled, Mishchenko and Richtarik 2019",
        status=Status.MEMORY,
        kind="upper",
        setting=st.builds(parameters_2019, **COMMON),
        promised=bound_2019,
        engines={"pep": exact, "batch": batched, "simulation": simulated},
        mutants=(
            Mutant("2 R^2 -> R^2/20", smaller_start_2019, EVERY),
            Mutant("24 -> 24/10^7", smaller_drift_2019, EVERY),
        ),
        conditions=(Condition("0 < gamma <= 1/(4 sqrt(2) K L)", short_step_2019),),
        method="fedavg",
        tags=("local-steps", "heterogeneity", "convex"),
        extremes=corners(longest_2019),
    ),
    Claim(
        name="local-gd-averaged-2020",
        statement="f(xhat) - f* <= 4 R^2/(gamma K T) + 20 gamma zeta^2/N + 16 gamma^2 L (K-1)^2 zeta^2",
        reference="Khaled, Mishchenko and Richtarik 2020",
        status=Status.MEMORY,
        kind="upper",
        setting=st.builds(parameters_2020, **COMMON),
        promised=bound_2020,
        engines={"pep": exact, "batch": batched, "simulation": simulated},
        mutants=(
            Mutant("4 R^2 -> R^2/20", smaller_start_2020, EVERY),
            Mutant("20 -> 20/10^8 and 16 -> 16/10^8", smaller_drift_2020, EVERY),
        ),
        conditions=(Condition("0 < gamma <= min(1/(4L), 1/(8L(K-1)))", short_step_2020),),
        method="fedavg",
        tags=("local-steps", "heterogeneity", "convex"),
        extremes=corners(longest_2020),
    ),
)
