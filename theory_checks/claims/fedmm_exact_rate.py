r"""The exact linear rate of FedMM with compression and participation, at the textbook step and at the best one.

The best rate of a quadratic Lyapunov function is what clients of one curvature need, the spectral radius of a
4 x 4 matrix for any N (`theory_checks.pep.radius`): up to the textbook step where memories are faster than the iterate,
:math:`2\gamma\rho\mu\le a/5`, and at the best step, the minimiser of that radius over (gamma rho, a). Elsewhere it exceeds
theirs by up to a few hundredths of 1 - rate. At single parameters the rate is proved in exact arithmetic, to six digits; as a
formula it is numerically exact, not proved. No exhaustive search of the literature.

| argument | symbol |
|---|---|
| L, mu, N | smoothness, strong convexity and number of the clients |
| omega | an integer: the channel is rand-1 of omega + 1 coordinates |
| p | probability of taking part |
| step | the textbook one, or the best |

Here :math:`\omega'=(1+\omega)/p-1`; for the surrogates and the published rate, see `theory_checks.claims.fedmm_rate`.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from theory_checks.claim import Claim, Condition, Mutant, Status
from theory_checks.claims.fedmm_rate import CHANNEL, CLASS, COINS, CORNER, RANDOM, TAGS, UPLOADS, library, with_uploads
from theory_checks.moment_operator import radius
from theory_checks.pep.certify_rate import certify_rate
from theory_checks.pep.programs.fedmm import fedmm_step
from theory_checks.pep.radius import fedmm_lower
from theory_checks.pep.rates import best_fedmm_step, searched_rate, textbook_step

__all__ = ["CLAIMS"]


def step_of(L: float, mu: float, N: int, omega: int, p: float, step: str) -> tuple[float, float]:
    """(gamma rho, a): the textbook step, or the best one."""
    if step == "textbook":
        return textbook_step(L, N, omega, p)
    best = best_fedmm_step(L, mu, N, float(omega), p)
    return best.gamma, best.alpha


def of_four_moments(*, L: float, mu: float, N: int, omega: int, p: float, step: str) -> float:
    """The exact rate on clients of one curvature, the worst in [mu, L]."""
    return fedmm_lower(L, mu, *step_of(L, mu, N, omega, p, step), N, float(omega), p)


def searched(*, L: float, mu: float, N: int, omega: int, p: float, step: str) -> float:
    """The best rate of a quadratic Lyapunov function, for the class."""
    return searched_rate(L, mu, N, float(omega), p, *step_of(L, mu, N, omega, p, step))


@lru_cache(maxsize=1024)
def proved(*, L: float, mu: float, N: int, omega: int, p: float, step: str) -> float:
    """A rate proved in exact arithmetic for the class, at that step to six digits and the decimals of L, mu and p."""
    gamma, a = step_of(L, mu, N, omega, p, step)
    gamma, a = (Fraction(round(x * 10**6), 10**6) for x in (gamma * L, a))
    share, coin = Fraction(repr(round(mu / L, 9))), Fraction(repr(p))
    parameters = {"gamma": gamma, "a": a, "omega": Fraction(omega), "p": coin}
    return float(certify_rate(fedmm_step, parameters, L=1, mu=share, N=N).bound)


@lru_cache(maxsize=1024)
def of_one_curvature(*, L: float, mu: float, N: int, omega: int, p: float, step: str) -> float:
    """The library's rate there, on clients of curvature mu and on clients of curvature L."""
    (gamma, a), rho = step_of(L, mu, N, omega, p, step), 1.0 / L
    found = []
    for curvature in (mu, L):
        A = np.broadcast_to(curvature * np.eye(omega + 1), (N, omega + 1, omega + 1))
        found.append(radius(library(A, N, omega, p, a, rho), gamma / rho))
    return max(found)


def a_little_faster(**setting: Any) -> float:
    """1 - 1.01 (1 - rate)."""
    return 1.0 - 1.01 * (1.0 - of_four_moments(**setting))


def quieter(*, L: float, mu: float, N: int, omega: int, p: float, step: str) -> float:
    """The noise of the mean omega'/N -> omega'/(2N)."""
    return fedmm_lower(L, mu, *step_of(L, mu, N, omega, p, step), 2 * N, float(omega), p)


def fast_memories(*, L: float, mu: float, N: int, omega: int, p: float, step: str) -> bool:
    """2 gamma mu <= a/5, or the best step."""
    gamma, a = textbook_step(L, N, omega, p)
    return step == "best" or (step == "textbook" and 2 * gamma * mu <= a / 5)


SLOW = Condition('step "best", or "textbook" with 2 gamma mu <= a/5', fast_memories)

EXACT = Claim(
    name="fedmm-exact-rate",
    statement="FedMM's best rate is that of clients of one curvature, the radius of a 4 x 4 matrix: at the textbook step for "
    "2 gamma mu <= a/5, and at the best (gamma, a)",
    reference="found here: the search for a Lyapunov function ends where the quadratics are",
    status=Status.NUMERIC,
    kind="tight",
    setting=st.builds(
        with_uploads,
        L=st.sampled_from((1.0, 2.0)),
        share=st.sampled_from((0.01, 0.03)),
        N=st.sampled_from((2, 3)),
        uploads=UPLOADS,
        step=st.just("textbook"),
    )
    | st.builds(
        with_uploads,
        L=st.sampled_from((1.0, 2.0)),
        share=st.sampled_from((0.03, 0.1, 0.3)),
        N=st.sampled_from((2, 3)),
        uploads=UPLOADS,
        step=st.just("best"),
    ),
    promised=of_four_moments,
    engines={"simulation": of_one_curvature, "lyapunov": searched, "certificate": proved},
    mutants=(
        Mutant("1 - rate -> 1.01 (1 - rate)", a_little_faster, ("simulation", "lyapunov", "certificate")),
        Mutant("omega'/N -> omega'/(2N)", quieter, ("simulation", "lyapunov", "certificate")),
    ),
    conditions=(CLASS, CHANNEL, COINS, RANDOM, SLOW),
    method="fedmm",
    tags=TAGS,
    factor=True,
    rtol=1e-5,
    extremes=(
        {**CORNER, "p": 0.5, "step": "best"},
        {"L": 1.0, "mu": 0.1, "N": 3, "omega": 3, "p": 0.5, "step": "best"},
        {"L": 1.0, "mu": 0.05, "N": 2, "omega": 1, "p": 0.5, "step": "textbook"},
        {"L": 1.0, "mu": 0.05, "N": 3, "omega": 3, "p": 0.3, "step": "textbook"},
    ),
)

CLAIMS = (EXACT,)
