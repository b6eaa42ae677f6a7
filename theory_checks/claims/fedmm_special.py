r"""What FedMM is in special cases: stochastic MM, MM, compressed SGD with memories.

- Everyone takes part and uploads are exact: the control variates cancel, and FedMM is centralised stochastic MM with noise of
  variance :math:`\sigma_\mu^2=\sum_i\mu_i^2\sigma_i^2`, whatever the heterogeneity.
- Moreover gamma = 1 and full batches: FedMM is MM.
- Gradient surrogate of step rho, g = 0: FedMM is SGD with step gamma rho on compressed differences of gradients, with memories
  (K. Mishchenko, E. Gorbunov, M. Takac, P. Richtarik, *Distributed learning with compressed gradient differences*, 2019).
- :math:`V=\sum_i\mu_iV_i` at the server after every round, for unequal p_i too.

All are identities, derived here. Vectors are compared by their distance to a random point (`theory_checks.points.landmark`).

| argument | symbol |
|---|---|
| family, seed | the instance (`theory_checks.families`), the draws |
| gamma, rounds, batch | the step, T, b |
| clients, d, k, p | the quadratic bed, rand-k of d, participation |
| sigma | of the statistics |
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fedmm import MM, Bernoulli, FedMM, Full, Identity, RandK, StochasticMM, solve
from fedmm.algorithm import Algorithm
from fedmm.keys import Key
from problems.quadratic import Quadratic
from theory_checks.beds import bed, bed_problem
from theory_checks.claim import Claim, Mutant, Status
from theory_checks.claims.fedmm_bounds import case
from theory_checks.conditions import RELAXED, SAMPLING, known, within
from theory_checks.points import instance, landmark, points, steps

__all__ = ["CLAIMS"]

FAMILIES = ("line", "quadratic", "least-squares-l1", "logistic-ridge", "jaakkola-jordan", "gaussian-mixture-full", "transport")
"""One of every kind of T: affine, kinked, curved."""

SEEDS = st.integers(0, 999)


@lru_cache(maxsize=512)
def ends(family: str, seed: int, method: Algorithm, rounds: int) -> float:
    """Where the library's run ends."""
    at, _ = instance(family, seed)
    theta0 = at.minimize(points(family, seed, 1.0)[0])
    return landmark(steps(at.problem, at.federation, method, rounds, theta0, seed=seed)[-1].theta, seed)


# --- everyone, exact uploads ------------------------------------------------------------------------------------------


def fedmm_ends(family: str, seed: int, gamma: float, rounds: int, batch: int | None) -> float:
    """FedMM with everyone and exact uploads."""
    return ends(family, seed, FedMM(step=gamma, start="lift", batch=batch), rounds)


def stochastic_ends(family: str, seed: int, gamma: float, rounds: int, batch: int | None) -> float:
    """Stochastic MM."""
    return ends(family, seed, StochasticMM(step=gamma, batch=batch), rounds)


def stochastic_ends_at_half(family: str, seed: int, gamma: float, rounds: int, batch: int | None) -> float:
    """Stochastic MM with half the step."""
    return ends(family, seed, StochasticMM(step=0.5 * gamma, batch=batch), rounds)


CENTRAL = Claim(
    name="fedmm-is-stochastic-mm",
    statement="with everyone and exact uploads FedMM is stochastic MM: its control variates cancel, whatever the heterogeneity",
    reference="derived here",
    status=Status.DERIVED,
    kind="expectation",
    setting=st.fixed_dictionaries(
        {
            "family": st.sampled_from(FAMILIES),
            "seed": SEEDS,
            "gamma": st.sampled_from([0.1, 0.5, 0.9]),
            "rounds": st.integers(1, 8),
            "batch": st.sampled_from([None, 1, 3]),
        }
    ),
    promised=stochastic_ends,
    engines={"simulation": fedmm_ends},
    mutants=(Mutant("gamma -> gamma/2", stochastic_ends_at_half, ("simulation",)),),
    conditions=(
        known(FAMILIES),
        RELAXED,
    ),
    method="fedmm",
    tags=("fedmm", "special-cases", "p6"),
    rtol=1e-9,
    extremes=(
        {"family": "least-squares-l1", "seed": 0, "gamma": 0.5, "rounds": 8, "batch": 1},
        {"family": "jaakkola-jordan", "seed": 0, "gamma": 0.9, "rounds": 8, "batch": None},
    ),
)


def full_step_ends(family: str, seed: int, rounds: int) -> float:
    """FedMM with gamma = 1."""
    return ends(family, seed, FedMM(step=1.0, start="lift"), rounds)


def mm_ends(family: str, seed: int, rounds: int) -> float:
    """MM."""
    return ends(family, seed, MM(), rounds)


def mm_a_round_behind(family: str, seed: int, rounds: int) -> float:
    """MM with a round less."""
    return ends(family, seed, MM(), rounds - 1)


FULL_STEP = Claim(
    name="fedmm-is-mm",
    statement="with everyone, exact uploads, full batches and gamma = 1, FedMM is MM",
    reference="derived here",
    status=Status.DERIVED,
    kind="expectation",
    setting=st.fixed_dictionaries({"family": st.sampled_from(FAMILIES), "seed": SEEDS, "rounds": st.integers(1, 8)}),
    promised=mm_ends,
    engines={"simulation": full_step_ends},
    mutants=(Mutant("T -> T - 1", mm_a_round_behind, ("simulation",)),),
    conditions=(known(FAMILIES),),
    method="fedmm",
    tags=("fedmm", "special-cases", "p6"),
    rtol=1e-9,
    extremes=({"family": "least-squares-l1", "seed": 0, "rounds": 1}, {"family": "jaakkola-jordan", "seed": 0, "rounds": 8}),
)

# --- noise of a full cohort -------------------------------------------------------------------------------------------


def fedmm_field2(seed: int, clients: int, sigma: float, gamma: float, rounds: int) -> float:
    """E|h|^2 of FedMM with everyone and exact uploads, by second moments of (s, V, 1)."""
    exact = case(seed, clients, 3, 3, 1.0, False, sigma).exact(1.0)
    *_, moment = exact.moments(np.zeros(3), np.ones((clients, 3)), [gamma] * rounds)  # any memories
    return exact.field2(moment)


def central_field2(seed: int, clients: int, sigma: float, gamma: float, rounds: int, square: bool = True) -> float:
    r"""E|h|^2 of :math:`s^+=s+\gamma(h(s)+\varepsilon)` with :math:`E\|\varepsilon\|^2=\sum_i\mu_i^2\sigma^2`."""
    at = case(seed, clients, 3, 3, 1.0, False, sigma)
    w = np.asarray(at.federation.weights)
    rho = at.problem.rho or 0.0
    c = 1.0 / (1.0 + rho * at.problem.ridge)
    A = sum(w_i * data.A for w_i, data in zip(w, at.federation, strict=True))
    K = np.eye(3) - c * (np.eye(3) - rho * np.asarray(A))  # h(s) = -K (s - s*)
    x, noise = -at.problem.lift(at.problem.solution(at.federation)), sigma**2 * float(np.sum(w**2 if square else w))
    second = np.outer(x, x)
    for _ in range(rounds):
        step = np.eye(3) - gamma * K
        second = step @ second @ step + gamma**2 * noise / 3 * np.eye(3)
    return float(np.trace(K @ second @ K))


def unsquared_weights(seed: int, clients: int, sigma: float, gamma: float, rounds: int) -> float:
    """sum_i mu_i^2 sigma^2 -> sum_i mu_i sigma^2."""
    return central_field2(seed, clients, sigma, gamma, rounds, square=False)


FULL_COHORT_NOISE = Claim(
    name="fedmm-full-cohort-noise",
    statement="with everyone and exact uploads, FedMM has the moments of stochastic MM with noise sum_i mu_i^2 sigma_i^2",
    reference="derived here",
    status=Status.DERIVED,
    kind="expectation",
    setting=st.fixed_dictionaries(
        {
            "seed": st.integers(0, 50),
            "clients": st.sampled_from([1, 2, 4]),
            "sigma": st.sampled_from([0.0, 0.5, 3.0]),
            "gamma": st.sampled_from([0.1, 0.5, 1.0]),
            "rounds": st.sampled_from([1, 2, 20]),
        }
    ),
    promised=central_field2,
    engines={"simulation": fedmm_field2},
    mutants=(Mutant("sum mu_i^2 sigma^2 -> sum mu_i sigma^2", unsquared_weights, ("simulation",)),),
    conditions=(RELAXED,),
    method="fedmm",
    tags=("fedmm", "special-cases", "p6"),
    rtol=1e-7,
    atol=1e-12,
    extremes=(
        {"seed": 0, "clients": 1, "sigma": 3.0, "gamma": 1.0, "rounds": 20},
        {"seed": 0, "clients": 4, "sigma": 3.0, "gamma": 0.5, "rounds": 20},
    ),
)

# --- compressed SGD with memories -------------------------------------------------------------------------------------


def gradient_fedmm_ends(seed: int, k: int, p: float, gamma: float, rounds: int) -> float:
    """FedMM on quadratics without a penalty, in dimension 5."""
    return landmark(
        steps(Quadratic(), bed(3, 5, seed), FedMM(step=gamma, start="lift"), rounds, **traffic(seed, k, p))[-1].theta, seed
    )


def traffic(seed: int, k: int, p: float) -> dict[str, Any]:
    """Who takes part and what uploads go through."""
    participation = Bernoulli(p) if p < 1 else Full()
    return {"seed": seed, "participation": participation, "channel": RandK(k) if k < 5 else Identity()}


def compressed_sgd_ends(seed: int, k: int, p: float, gamma: float, rounds: int, forget: bool = False) -> float:
    """A plain loop: g = sum_i w_i (H_i + m_i / p), theta -= gamma rho g, H_i += (a/p) m_i, with the same draws."""
    federation, channel = bed(3, 5, seed), traffic(seed, k, p)["channel"]
    w, rho = np.asarray(federation.weights), 1.0 / max(np.linalg.norm(data.A, 2) for data in federation)
    a = p / (1.0 + (channel.facts(5).omega or 0.0))
    theta, H = np.zeros(5), np.zeros((3, 5))
    for t in range(1, rounds + 1):
        chance = Key(seed, t).fold("cohort").generator().random(3) if p < 1 else np.zeros(3)
        g = w @ H
        for i in np.flatnonzero(chance < p):
            data = federation[int(i)]
            m = channel.decode(channel.encode(data.A @ theta - data.b - H[i], Key(seed, t, int(i)).fold("channel")))
            g = g + w[i] * m / p
            H[i] += (a if forget else a / p) * m
        theta = theta - gamma * rho * g
    return landmark(theta, seed)


def compressed_sgd_with_short_memories(seed: int, k: int, p: float, gamma: float, rounds: int) -> float:
    """H_i += a m_i: the memory forgets that its client is there with probability p only."""
    return compressed_sgd_ends(seed, k, p, gamma, rounds, forget=True)


COMPRESSED_SGD = Claim(
    name="fedmm-is-compressed-sgd",
    statement="for the gradient surrogate of step rho and g = 0, FedMM is SGD of step gamma rho on compressed differences",
    reference="derived here; the method is DIANA, Mishchenko et al. 2019, with participation",
    status=Status.DERIVED,
    kind="expectation",
    setting=st.fixed_dictionaries(
        {
            "seed": SEEDS,
            "k": st.sampled_from([1, 2, 5]),
            "p": st.sampled_from([0.3, 0.5, 1.0]),
            "gamma": st.sampled_from([0.1, 0.3]),
            "rounds": st.integers(1, 15),
        }
    ),
    promised=compressed_sgd_ends,
    engines={"simulation": gradient_fedmm_ends},
    mutants=(Mutant("memory step alpha -> alpha p", compressed_sgd_with_short_memories, ("simulation",)),),
    conditions=(
        RELAXED,
        SAMPLING,
        within("k", 1, 5),
    ),
    method="fedmm",
    tags=("fedmm", "special-cases", "compression", "participation", "p6"),
    rtol=1e-9,
    extremes=(
        {"seed": 0, "k": 1, "p": 0.3, "gamma": 0.3, "rounds": 15},
        {"seed": 0, "k": 5, "p": 1.0, "gamma": 0.3, "rounds": 15},
    ),
)

# --- the server's memory ----------------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def memories(seed: int, k: int, p: float, rounds: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """v at the server, (d,), the clients' V_i, (n, d), and their weights; the p_i go from p to 1."""
    federation = bed(3, 5, seed)
    options: dict[str, Any] = traffic(seed, k, 1.0) | {"participation": Bernoulli(tuple(np.linspace(p, 1.0, 3).tolist()))}
    method = FedMM(step=0.2, start="lift")
    result = solve(bed_problem(), federation, method, rounds=rounds, metrics=(), progress=False, **options)
    V = np.stack([result.memories[i].V if i in result.memories else np.zeros(5) for i in range(3)])
    return result.server.v, V, np.asarray(federation.weights)


def server_memory(seed: int, k: int, p: float, rounds: int) -> float:
    """v."""
    return landmark(memories(seed, k, p, rounds)[0], seed)


def mean_memory(seed: int, k: int, p: float, rounds: int) -> float:
    """sum_i w_i V_i."""
    _, V, w = memories(seed, k, p, rounds)
    return landmark(w @ V, seed)


def unweighted_memory(seed: int, k: int, p: float, rounds: int) -> float:
    """(1/n) sum_i V_i."""
    return landmark(memories(seed, k, p, rounds)[1].mean(axis=0), seed)


SERVER_MEMORY = Claim(
    name="fedmm-server-memory",
    statement="v = sum_i mu_i V_i after every round, for unequal p_i and compressed uploads too",
    reference="derived here",
    status=Status.DERIVED,
    kind="expectation",
    setting=st.fixed_dictionaries(
        {
            "seed": SEEDS,
            "k": st.sampled_from([1, 2, 5]),
            "p": st.sampled_from([0.1, 0.3, 0.7]),
            "rounds": st.sampled_from([1, 3, 20]),
        }
    ),
    promised=mean_memory,
    engines={"simulation": server_memory},
    mutants=(Mutant("sum mu_i V_i -> mean of the V_i", unweighted_memory, ("simulation",)),),
    conditions=(
        SAMPLING,
        within("k", 1, 5),
    ),
    method="fedmm",
    tags=("fedmm", "control-variates", "participation"),
    rtol=1e-9,
    extremes=({"seed": 0, "k": 1, "p": 0.1, "rounds": 20}, {"seed": 0, "k": 5, "p": 0.7, "rounds": 3}),
)

CLAIMS = (CENTRAL, FULL_STEP, FULL_COHORT_NOISE, COMPRESSED_SGD, SERVER_MEMORY)
