r"""Local gradient descent when S of N clients, drawn without replacement, take part.

    y_i = x;   K times: y_i <- y_i - gamma grad f_i(y_i);   x+ = (1/S) sum_{i in A} y_i

With :math:`k=\frac{N-S}{S(N-1)}`, the variance of a sampled mean gives
:math:`E\|x^+-x^*\|^2=(1-k)\|\bar y-x^*\|^2+k\frac1N\sum_i\|y_i-x^*\|^2`. For clients that are L-smooth and mu-strongly convex and
:math:`\gamma\le1/L`, :math:`\|\bar y-x^*\|\le a` and :math:`\frac1N\sum_i\|y_i-x^*\|^2\le b^2` with

.. math:: a=(1-\gamma\mu)^KR+\tfrac12\gamma^2L\zeta K(K-1),\qquad b=(1-\gamma\mu)^KR+\zeta\,\frac{1-(1-\gamma\mu)^K}\mu,

so :math:`E\|x^+-x^*\|^2\le(1-k)a^2+kb^2`. For a, see `theory_checks.claims.local_gd`; for b,
:math:`\|y_i^{j+1}-x^*\|\le(1-\gamma\mu)\|y_i^j-x^*\|+\gamma\|g_i^*\|`, and the triangle inequality in the mean square.

The exact worst case of a round comes from the symmetric reduction, of one size for any N. That the reduction loses nothing is
measured against the problem with every client and every cohort written out (`theory_checks.pep.unreduced`).

Many rounds: with :math:`\varphi(R^2)` the exact worst case of one round,
:math:`E\|x_T-x^*\|^2\le\varphi\circ\dots\circ\varphi(R^2)` (`theory_checks.pep.chain`).

| argument | symbol |
|---|---|
| L, mu | smoothness and strong convexity of the clients |
| N, S | clients, and how many are drawn |
| K, gamma | local steps, gamma |
| R | :math:`\|x-x^*\|\le R` |
| zeta | :math:`\frac1N\sum_i\|\nabla f_i(x^*)\|^2\le\zeta^2` |
| rounds | T |
| seed | of the random instance |

Source: derived here; the variance of a sampled mean is textbook.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import sqrt
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fedmm.federation import Federation
from fedmm.participation import FixedSize
from theory_checks.claim import Claim, Condition, Mutant, Status
from theory_checks.claims.local_gd import CONDITIONS, classical, contraction, fedavg
from theory_checks.pep.chain import chain
from theory_checks.pep.exact_local_gd import exact_local_gd, exact_sampled_round
from theory_checks.pep.measure import observed
from theory_checks.pep.programs.local_gd import sampled_round
from theory_checks.pep.unreduced import unreduced_sampled_round
from theory_checks.quadratic_clients import alike, opposed, scattered

__all__ = ["CLAIMS", "chained", "expected_square", "sampled_bound", "variance_factor"]


def variance_factor(N: int, S: int) -> float:
    r""":math:`k=\frac{N-S}{S(N-1)}`, the variance of a sampled mean over that of a client."""
    return (N - S) / (S * (N - 1)) if N > 1 else 0.0


def sampled_bound(
    *, L: float, mu: float, N: int, S: int, K: int, gamma: float, R: float, zeta: float, share: float = 1.0, **_: Any
) -> float:
    r""":math:`(1-k)a^2+kb^2`, with `share` of k (a mutant's)."""
    a = classical(L=L, mu=mu, K=K, gamma=gamma, R=R, zeta=zeta)
    b = contraction(mu=mu, K=K, gamma=gamma, R=R) + zeta * (1.0 - (1.0 - gamma * mu) ** K) / mu
    k = share * variance_factor(N, S)
    return (1.0 - k) * min(a, b) ** 2 + k * b**2


@lru_cache(maxsize=1024)
def chained(
    *, L: float, mu: float, N: int, S: int, K: int, gamma: float, R: float, zeta: float, rounds: int
) -> tuple[float, ...]:
    r""":math:`R^2,\varphi(R^2),\varphi(\varphi(R^2)),\dots` for T rounds.

    Raises
    ------
    WorstCaseError
        If a round has no worst case, or the solver stopped short.
    """

    def phi(square: float) -> float:
        return exact_sampled_round(L=L, mu=mu, N=N, S=S, K=K, gamma=gamma, R=sqrt(square), zeta=zeta)

    return tuple(chain(phi, R**2, rounds))


def worst_round(*, seed: int, **setting: Any) -> float:
    """The exact worst case of a round."""
    return exact_sampled_round(**setting)


def written_out(*, seed: int, **setting: Any) -> float:
    """The exact worst case of a round with every client a class of its own, and every cohort."""
    return unreduced_sampled_round(**setting)


def worst_rounds(*, seed: int, **setting: Any) -> float:
    """The chain's last value."""
    return chained(**setting)[-1]


# ---- engines


def simulated(
    *, L: float, mu: float, N: int, S: int, K: int, gamma: float, R: float, zeta: float, seed: int, rounds: int = 1
) -> float:
    """The largest E|x_T - x*|^2 of FedAvg over opposed, alike and random clients, exactly."""
    found = []
    for federation in (opposed(L, mu, N, zeta), alike(mu, N, zeta), scattered(L, mu, N, zeta, seed)):
        start = np.random.default_rng([seed, 5]).standard_normal(federation[0].b.shape[0])
        start *= R / np.linalg.norm(start)
        found += [expected_square(federation, S, K, gamma, x, rounds) for x in (start, -start)]
    return max(found)


def batched(*, L: float, mu: float, N: int, S: int, K: int, gamma: float, R: float, zeta: float, **_: Any) -> float:
    """The largest E|x+ - x*|^2 over a batch of quadratic federations, exactly."""
    world = {"mu": mu / L, "N": N, "shared_optimum": zeta == 0}
    return observed(sampled_round, **world, S=S, K=K, gamma=gamma * L, R=R, zeta=zeta / L)


def expected_square(federation: Federation, S: int, K: int, gamma: float, x: np.ndarray, rounds: int = 1) -> float:
    """E|x_T|^2 of FedAvg with S clients a round, over all outcomes: a cohort's round is the round of that federation."""
    if rounds == 0:
        return float(x @ x)
    total = 0.0
    for p, cohort in FixedSize(S).outcomes(len(federation)) or ():
        after = fedavg(Federation([federation[i] for i in cohort]), K, gamma, x)
        total += p * expected_square(federation, S, K, gamma, after, rounds - 1)
    return total


# ---- settings


def parameters(*, NS: tuple[int, int], gammaL: float, L: float, share: float, **rest: Any) -> dict[str, Any]:
    """mu = share L and gamma = gammaL / L."""
    return {"L": L, "mu": share * L, "gamma": gammaL / L, "N": NS[0], "S": NS[1], **rest}


def settings(sizes: Sequence[tuple[int, int]], most: int, **more: Any) -> st.SearchStrategy[dict[str, Any]]:
    """On grids, so that worst cases are solved once."""
    return st.builds(
        parameters,
        L=st.sampled_from((1.0, 2.0)),
        share=st.sampled_from((0.1, 0.3)),
        gammaL=st.sampled_from((0.25, 0.5, 1.0)),
        NS=st.sampled_from(sizes),
        K=st.integers(1, most),
        R=st.sampled_from((0.3, 1.0)),
        zeta=st.sampled_from((0.1, 1.0)),
        seed=st.integers(0, 10**6),
        **more,
    )


FEW = ((2, 1), (3, 1), (3, 2), (4, 2), (3, 3))
SIZES = ((2, 1), (3, 1), (3, 2), (4, 2), (10, 1), (10, 9), (3, 3))
CORNERS = (
    {"L": 1.0, "mu": 0.1, "gamma": 1.0, "N": 2, "S": 1, "K": 1, "R": 1.0, "zeta": 1.0, "seed": 0},
    {"L": 1.0, "mu": 0.1, "gamma": 1.0, "N": 4, "S": 1, "K": 2, "R": 1.0, "zeta": 1.0, "seed": 0},
    {"L": 1.0, "mu": 0.1, "gamma": 0.5, "N": 4, "S": 2, "K": 4, "R": 1.0, "zeta": 0.0, "seed": 0},
    {"L": 1.0, "mu": 0.1, "gamma": 0.5, "N": 2, "S": 2, "K": 1, "R": 1.0, "zeta": 0.1, "seed": 0},
)
"""One client drawn; one client drawn after two steps; without heterogeneity; everybody."""


def drawable(*, N: int, S: int, **_: Any) -> bool:
    """1 <= S <= N."""
    return 1 <= S <= N


def few(*, N: int, **_: Any) -> bool:
    """N <= 4: all clients are written out."""
    return N <= 4


SAMPLED = (*CONDITIONS, Condition("1 <= S <= N", drawable))


# ---- false promises


def no_variance(**setting: Any) -> float:
    """k -> 0."""
    return sampled_bound(**setting, share=0.0)


def half_the_variance(**setting: Any) -> float:
    """k -> k/2."""
    return sampled_bound(**setting, share=0.5)


def as_if_everybody(*, S: int, seed: int, **setting: Any) -> float:
    """The worst case with everybody."""
    return exact_local_gd(**setting)


def chain_of_everybody(*, S: int, N: int, seed: int, **setting: Any) -> float:
    """The chain with everybody."""
    return chained(S=N, N=N, **setting)[-1]


TAGS = ("local-steps", "heterogeneity", "participation")

CLAIMS = (
    Claim(
        name="local-gd-sampled-round",
        statement="E|x+ - x*|^2 <= (1-k) a^2 + k b^2, k = (N-S)/(S(N-1))",
        reference="derived here",
        status=Status.DERIVED,
        kind="upper",
        setting=settings(SIZES, 5),
        promised=sampled_bound,
        engines={"pep": worst_round, "batch": batched, "simulation": simulated},
        mutants=(
            Mutant("k -> 0", no_variance, ("pep", "batch", "simulation")),
            Mutant("k -> k/2", half_the_variance, ("pep", "batch", "simulation")),
        ),
        conditions=SAMPLED,
        method="fedavg",
        tags=TAGS,
        extremes=CORNERS,
    ),
    Claim(
        name="local-gd-sampled-round-exact",
        statement="the worst E|x+ - x*|^2 with every client and every cohort written out is that of the symmetric reduction",
        reference="derived here, by symmetric performance estimation",
        status=Status.NUMERIC,
        kind="tight",
        setting=settings(FEW, 4),
        promised=written_out,
        engines={"pep": worst_round, "batch": batched, "simulation": simulated},
        mutants=(Mutant("the worst case with everybody", as_if_everybody, ("pep", "batch", "simulation")),),
        conditions=(*SAMPLED, Condition("N <= 4", few)),
        method="fedavg",
        tags=TAGS,
        extremes=CORNERS,
    ),
    Claim(
        name="local-gd-sampled-rounds",
        statement="E|x_T - x*|^2 <= phi o ... o phi(R^2), phi the exact worst case of one round",
        reference="derived here, by Jensen's inequality",
        status=Status.DERIVED,
        kind="upper",
        setting=settings(((2, 1), (3, 1), (3, 2)), 3, rounds=st.integers(1, 3)),
        promised=worst_rounds,
        engines={"simulation": simulated},
        mutants=(Mutant("the chain with everybody", chain_of_everybody, ("simulation",)),),
        conditions=SAMPLED,
        method="fedavg",
        tags=TAGS,
        extremes=tuple({**corner, "rounds": 2} for corner in CORNERS),
    ),
)
