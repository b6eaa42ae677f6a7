r"""Fixed points of FedMM and of the naive method: equal clients, and the certificate that a run carries.

- Clients with the same data: averaged parameters are FedMM's, round by round, for gamma = 1, full batches and everyone.
- Whatever the compression and participation, the server's surrogate certifies its solution: with the gradient surrogate of step
  rho, :math:`\mathrm{dist}(0,\partial W(T(\hat S_t)))\le\|h(\hat S_t)\|/\rho` at every round of a run.

Derived here.

| argument | symbol |
|---|---|
| family, seed | the instance (`theory_checks.families`), the draws |
| clients, rounds | n, T |
| p, masked | participation, and whether uploads go through a Bernoulli(1/2) mask |
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from hypothesis import strategies as st

from fedmm import Bernoulli, Federation, FedMM, Full, Identity, Mask, Naive
from fedmm.algorithm import Algorithm
from theory_checks.claim import Claim, Mutant, Status
from theory_checks.conditions import SAMPLING, known
from theory_checks.points import instance, landmark, points, steps
from theory_checks.statements.stationarity import distance_to_subdifferential

__all__ = ["CLAIMS"]

SEEDS = st.integers(0, 999)

KINKED_OR_CURVED = ("least-squares-l1", "jaakkola-jordan", "boehning", "gaussian-mixture-full", "poisson-mixture", "huber")
"""Families whose T is not affine."""

# --- equal clients ----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def equal_clients(family: str, seed: int, clients: int, rounds: int, method: Algorithm) -> float:
    """Where the run ends if every client has the data of the first."""
    at, _ = instance(family, seed)
    federation = Federation([at.federation[0]] * clients)
    theta0 = at.minimize(points(family, seed, 1.0)[0])
    return landmark(steps(at.problem, federation, method, rounds, theta0)[-1].theta, seed)


def naive_among_equals(family: str, seed: int, clients: int, rounds: int) -> float:
    """The naive method, a round ahead of FedMM, whose opening is a step of MM."""
    return equal_clients(family, seed, clients, rounds + 1, Naive(step=1.0))


def fedmm_among_equals(family: str, seed: int, clients: int, rounds: int) -> float:
    """FedMM."""
    return equal_clients(family, seed, clients, rounds, FedMM(step=1.0))


def fedmm_a_round_behind(family: str, seed: int, clients: int, rounds: int) -> float:
    """FedMM with a round less."""
    return equal_clients(family, seed, clients, rounds - 1, FedMM(step=1.0))


EQUALS = Claim(
    name="naive-homogeneous",
    statement="where all clients have the same data, averaged parameters are FedMM's, round by round",
    reference="derived here",
    status=Status.DERIVED,
    kind="expectation",
    setting=st.fixed_dictionaries(
        {
            "family": st.sampled_from(KINKED_OR_CURVED),
            "seed": SEEDS,
            "clients": st.sampled_from([1, 3]),
            "rounds": st.integers(1, 6),
        }
    ),
    promised=fedmm_among_equals,
    engines={"simulation": naive_among_equals},
    mutants=(Mutant("T -> T - 1", fedmm_a_round_behind, ("simulation",)),),
    conditions=(known(KINKED_OR_CURVED),),
    method="naive",
    tags=("aggregation", "p7"),
    rtol=1e-8,
    extremes=tuple({"family": name, "seed": 0, "clients": 3, "rounds": 4} for name in ("least-squares-l1", "huber")),
)

# --- the certificate of a run -----------------------------------------------------------------------------------------

GRADIENT = ("least-squares", "least-squares-l1", "logistic", "logistic-ridge", "logistic-l1")
"""Gradient families with a penalty l1 |theta|_1 or none."""


@lru_cache(maxsize=512)
def surrogate_after(family: str, seed: int, rounds: int, p: float, masked: bool) -> np.ndarray:
    """The server's surrogate after a run of FedMM."""
    at, _ = instance(family, seed)
    run = steps(
        at.problem,
        at.federation,
        FedMM(step=0.3),
        rounds,
        seed=seed,
        participation=Bernoulli(p) if p < 1 else Full(),
        channel=Mask(0.5) if masked else Identity(),
    )
    return run[-1].server.s


def distance(family: str, seed: int, rounds: int, p: float, masked: bool) -> float:
    """dist(0, dW(T(s)))."""
    at, _ = instance(family, seed)
    theta = at.minimize(surrogate_after(family, seed, rounds, p, masked))
    return distance_to_subdifferential(at, theta, at.problem.l1, np.zeros_like(theta))


def field_over_rho(family: str, seed: int, rounds: int, p: float, masked: bool) -> float:
    """|h(s)|/rho."""
    at, _ = instance(family, seed)
    return float(np.linalg.norm(at.field(surrogate_after(family, seed, rounds, p, masked)))) / at.problem.rho


def nearly_field_over_rho(family: str, seed: int, rounds: int, p: float, masked: bool) -> float:
    """.99 |h(s)|/rho."""
    return 0.99 * field_over_rho(family, seed, rounds, p, masked)


CERTIFIED_RUN = Claim(
    name="fedmm-certifies-itself",
    statement="dist(0, dW(T(s_t))) <= |h(s_t)|/rho at every round, whatever the compression and participation",
    reference="derived here, for the gradient surrogate",
    status=Status.DERIVED,
    kind="tight",
    setting=st.fixed_dictionaries(
        {
            "family": st.sampled_from(GRADIENT),
            "seed": SEEDS,
            "rounds": st.sampled_from([1, 5, 30]),
            "p": st.sampled_from([0.3, 0.6, 1.0]),
            "masked": st.booleans(),
        }
    ),
    promised=field_over_rho,
    engines={"simulation": distance},
    mutants=(Mutant("|h|/rho -> .99 |h|/rho", nearly_field_over_rho, ("simulation",)),),
    conditions=(
        known(GRADIENT),
        SAMPLING,
    ),
    method="fedmm",
    tags=("stationarity", "compression", "participation", "p3"),
    rtol=1e-9,
    atol=1e-9,
    extremes=(
        {"family": "logistic", "seed": 0, "rounds": 5, "p": 1.0, "masked": False},
        {"family": "least-squares-l1", "seed": 0, "rounds": 30, "p": 0.3, "masked": True},
    ),
)

CLAIMS = (EQUALS, CERTIFIED_RUN)
