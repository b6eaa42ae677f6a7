r"""How fast FedMM converges with compression and participation: DIANA's theorem, and how far it reaches.

Clients L-smooth and mu-strongly convex, surrogates :math:`S_i(x)=x-\rho\nabla f_i(x)`, an unbiased channel of variance factor
omega, independent participation with probability p, :math:`\omega'=(1+\omega)/p-1`.

**DIANA's theorem** (p = 1), for :math:`\gamma\rho=1/(L(1+6\omega/N))`, :math:`a=1/(1+\omega)`, :math:`M=4\omega/(Na)`:

.. math:: E\Psi^+\le\max(1-\gamma\rho\mu,\,1-a/2)\,\Psi,\qquad
          \Psi=\|s-s^*\|^2+M\gamma^2\tfrac1N\sum_i\|V_i-V_i^*\|^2.

**Participation.** A compressor followed by a coin is an unbiased compressor with omega' in place of omega, and the library's
memory step a is DIANA's alpha: the theorem holds with omega'.

**A regulariser.** At the textbook step and :math:`\rho=1/L`, any convex g (T = prox) leaves the best certified rate as it is.

| argument | symbol |
|---|---|
| L, mu, N | smoothness, strong convexity and number of the clients |
| omega | an integer: the channel is rand-1 of omega + 1 coordinates |
| p | probability of taking part |
| ratio | gamma rho over the textbook step, at most 1 |
| seed | of the random quadratics |
| ridge | of the regulariser :math:`g=\frac\lambda2\|x\|^2` of the instances, as a part of L |

Sources: S. Horvath, D. Kovalev, K. Mishchenko, S. Stich, P. Richtarik (2019), in the form of E. Gorbunov, F. Hanzely,
P. Richtarik (2020); the rest is derived here.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fedmm.channels import Identity, RandK
from fedmm.federation import Federation
from problems.quadratic import Quad, Quadratic
from theory_checks.claim import Claim, Condition, Mutant, Status
from theory_checks.expectation import ExactFedMM
from theory_checks.moment_operator import radius, worst_factor
from theory_checks.pep.batch import Batch
from theory_checks.pep.programs.fedmm import fedmm_psi
from theory_checks.pep.rates import psi_rate, searched_rate, textbook_step

__all__ = ["CLAIMS", "library"]

SIZE = 64
"""Federations of a batch."""

# ---- instances: the library's FedMM on quadratics, in exact expectation


def library(curvatures: np.ndarray, N: int, omega: int, p: float, a: float, rho: float, ridge: float = 0.0) -> ExactFedMM:
    """FedMM with rand-1 and coins on clients with Hessians `curvatures` (N, d, d), d = omega + 1."""
    problem = Quadratic(ridge=ridge, rho=rho)
    federation = Federation([Quad(A, np.zeros(omega + 1)) for A in curvatures])
    return ExactFedMM(problem, federation, a, (p,) * N, RandK(1) if omega else Identity())


def spread(L: float, mu: float, N: int, d: int, seed: int) -> list[np.ndarray]:
    """Hessians (N, d, d) of three federations: all mu, mu and L by turns, and random between the two."""
    turns = np.array([(mu, L)[i % 2] for i in range(N)])[:, None, None] * np.eye(d)
    rng = np.random.default_rng([seed, 17])
    bases = [np.linalg.qr(rng.standard_normal((d, d)))[0] for _ in range(N)]
    random = np.stack([(Q * rng.choice([mu, L, 0.5 * (mu + L)], d)) @ Q.T for Q in bases])
    return [np.broadcast_to(mu * np.eye(d), (N, d, d)), turns, 0.5 * (random + random.transpose(0, 2, 1))]


# ---- DIANA's theorem, and with participation


def shortened(L: float, N: int, omega: int, p: float, ratio: float) -> tuple[float, float]:
    """(gamma rho, a): gamma rho is this share of the textbook step."""
    gamma, a = textbook_step(L, N, omega, p)
    return ratio * gamma, a


def promised(*, L: float, mu: float, N: int, omega: int, p: float = 1.0, ratio: float = 1.0, **_: Any) -> float:
    """max(1 - gamma mu, 1 - a/2)."""
    gamma, a = shortened(L, N, omega, p, ratio)
    return max(1 - gamma * mu, 1 - a / 2)


def exact(*, L: float, mu: float, N: int, omega: int, p: float = 1.0, ratio: float = 1.0, **_: Any) -> float:
    """The exact factor of Psi over the class."""
    gamma, a = shortened(L, N, omega, p, ratio)
    return psi_rate(L, mu, N, float(omega), p, gamma, a, 4.0)


@lru_cache(maxsize=4096)
def observed(*, L: float, mu: float, N: int, omega: int, seed: int, p: float = 1.0, ratio: float = 1.0) -> float:
    """The factor of Psi over a round from the worst state, the largest of three federations."""
    gamma, a = shortened(L, N, omega, p, ratio)
    d, omega_p = omega + 1, (1 + omega) / p - 1
    rho = 1.0 / L
    step = gamma / rho
    M = 4 * omega_p / (N * a)
    memory = max(M * step**2 / N, 1e-9)  # omega' = 0: memories do not matter, and Psi forgets them
    weights = np.concatenate([np.ones(d), np.full(N * d, memory)])
    return max(worst_factor(library(A, N, omega, p, a, rho), step, weights) for A in spread(L, mu, N, d, seed))


def on_batch(*, L: float, mu: float, N: int, omega: int, p: float = 1.0, ratio: float = 1.0, **_: Any) -> float:
    """The factor of Psi over a round of the program, the largest of many quadratic federations."""
    gamma, a = shortened(L, N, omega, p, ratio)
    batch = Batch(L, mu, N, size=SIZE)
    before, after = fedmm_psi(batch, gamma=gamma, a=a, omega=omega, p=p, c=4.0)
    return batch.worst_ratio(after, before)


def squared(*, L: float, mu: float, N: int, omega: int, p: float = 1.0, ratio: float = 1.0, **_: Any) -> float:
    """1 - gamma mu -> (1 - 2 gamma mu), which the exact factor does not reach."""
    gamma, a = shortened(L, N, omega, p, ratio)
    return max(1 - 2 * gamma * mu, 1 - a / 2)


def whole_memory(*, L: float, mu: float, N: int, omega: int, p: float = 1.0, ratio: float = 1.0, **_: Any) -> float:
    """1 - a/2 -> 1 - a."""
    gamma, a = shortened(L, N, omega, p, ratio)
    return max(1 - gamma * mu, 1 - a)


def everyone(*, L: float, mu: float, N: int, omega: int, ratio: float, **_: Any) -> float:
    """p -> 1."""
    return promised(L=L, mu=mu, N=N, omega=omega, ratio=ratio)


# ---- a regulariser


def without(*, L: float, mu: float, N: int, omega: int, p: float, **_: Any) -> float:
    """The best certified rate at the textbook step, without a regulariser."""
    gamma, a = textbook_step(L, N, omega, p)
    return searched_rate(L, mu, N, float(omega), p, gamma, a)


def with_any(*, L: float, mu: float, N: int, omega: int, p: float, **_: Any) -> float:
    """The same with any convex regulariser."""
    gamma, a = textbook_step(L, N, omega, p)
    return searched_rate(L, mu, N, float(omega), p, gamma, a, regularizer=True, rho=1.0 / L)


@lru_cache(maxsize=1024)
def with_a_ridge(*, L: float, mu: float, N: int, omega: int, p: float, ridge: float) -> float:
    """The library's rate with a ridge, on clients of curvature mu and by turns mu and L."""
    gamma, a = textbook_step(L, N, omega, p)
    rho = 1.0 / L
    first = spread(L, mu, N, omega + 1, 0)[:2]
    return max(radius(library(A, N, omega, p, a, rho, ridge * L), gamma / rho) for A in first)


def squared_rate(**setting: Any) -> float:
    """Twice as fast."""
    return without(**setting) ** 2


# ---- settings and conditions


def strongly_convex(*, L: float, mu: float, **_: Any) -> bool:
    """0 < mu < L."""
    return 0 < mu < L


def probability(*, p: float = 1.0, **_: Any) -> bool:
    """0 < p <= 1."""
    return 0 < p <= 1


def channel(*, N: int, omega: int, **_: Any) -> bool:
    """Rand-1 of omega + 1 coordinates, at N >= 1 clients."""
    return N >= 1 and omega >= 0 and int(omega) == omega


def random_uploads(*, omega: int, p: float, **_: Any) -> bool:
    """omega' > 0."""
    return (1 + omega) / p > 1


def short(*, ratio: float, **_: Any) -> bool:
    """0 < ratio <= 1."""
    return 0 < ratio <= 1


def parameters(*, L: float, share: float, **rest: Any) -> dict[str, Any]:
    """mu = share L."""
    return {"L": L, "mu": share * L, **rest}


CLASS = Condition("0 < mu < L", strongly_convex)
CHANNEL = Condition("an integer omega >= 0 and N >= 1", channel)
COINS = Condition("0 < p <= 1", probability)
SHORT = Condition("gamma at most the textbook step, ratio in (0, 1]", short)
RANDOM = Condition("omega' = (1+omega)/p - 1 > 0", random_uploads)

COMMON: dict[str, Any] = {
    "L": st.sampled_from((1.0, 2.0)),
    "share": st.sampled_from((0.01, 0.1, 0.3)),
    "N": st.sampled_from((1, 2, 3)),
    "omega": st.sampled_from((0, 1, 3)),
}
CORNER = {"L": 1.0, "mu": 0.1, "N": 2, "omega": 1}
MEMORY = {"L": 1.0, "mu": 0.9, "N": 8, "omega": 1}  # many clients, well conditioned: memories bind
UPLOADS = st.sampled_from(((1, 0.5), (1, 1.0), (3, 0.3), (0, 0.5)))


def with_uploads(*, uploads: tuple[int, float], **rest: Any) -> dict[str, Any]:
    """omega and p together, so that something is random."""
    return parameters(**rest, omega=uploads[0], p=uploads[1])


TAGS = ("fedmm", "compression", "participation", "control-variates", "rate")

DIANA = Claim(
    name="diana-rate",
    statement="E Psi+ <= max(1 - gamma mu, 1 - alpha/2) Psi at gamma = 1/(L(1+6 omega/N)), alpha = 1/(1+omega), "
    "M = 4 omega/(N alpha)",
    reference="Horvath, Kovalev, Mishchenko, Stich, Richtarik 2019; Gorbunov, Hanzely, Richtarik 2020",
    status=Status.CHECKED,
    kind="upper",
    setting=st.builds(parameters, **COMMON, seed=st.integers(0, 50)),
    promised=promised,
    engines={"simulation": observed, "batch": on_batch, "pep": exact},
    mutants=(
        Mutant("1 - gamma mu -> 1 - 2 gamma mu", squared, ("simulation", "batch", "pep")),
        Mutant("1 - alpha/2 -> 1 - alpha", whole_memory, ("simulation", "batch", "pep")),
    ),
    conditions=(CLASS, CHANNEL),
    method="fedmm",
    tags=("diana", "compression", "control-variates", "rate"),
    factor=True,
    extremes=({**CORNER, "seed": 0}, {**MEMORY, "seed": 0}, {"L": 1.0, "mu": 0.01, "N": 1, "omega": 0, "seed": 0}),
)

PARTICIPATION = Claim(
    name="fedmm-rate",
    statement="E Psi+ <= max(1 - gamma mu, 1 - a/2) Psi for gamma <= 1/(L(1+6 omega'/N)), a = 1/(1+omega'): DIANA's theorem "
    "with omega' = (1+omega)/p - 1 in place of omega",
    reference="derived here from DIANA's theorem (Horvath et al. 2019)",
    status=Status.DERIVED,
    kind="upper",
    setting=st.builds(
        parameters,
        **COMMON,
        p=st.sampled_from((0.1, 0.5, 0.9)),
        ratio=st.sampled_from((0.5, 1.0)),
        seed=st.integers(0, 50),
    ),
    promised=promised,
    engines={"simulation": observed, "batch": on_batch, "pep": exact},
    mutants=(
        Mutant("1 - gamma mu -> 1 - 2 gamma mu", squared, ("simulation", "batch", "pep")),
        Mutant("1 - a/2 -> 1 - a", whole_memory, ("simulation", "batch", "pep")),
        Mutant("p -> 1", everyone, ("simulation", "batch", "pep")),
    ),
    conditions=(CLASS, CHANNEL, COINS, SHORT),
    method="fedmm",
    tags=TAGS,
    factor=True,
    extremes=(
        {**CORNER, "p": 0.5, "ratio": 1.0, "seed": 0},
        {**MEMORY, "p": 0.5, "ratio": 1.0, "seed": 0},
        {"L": 1.0, "mu": 0.1, "N": 3, "omega": 3, "p": 0.1, "ratio": 1.0, "seed": 0},
    ),
)

REGULARIZER = Claim(
    name="fedmm-regularizer-rate",
    statement="any convex regulariser leaves the best certified rate at the textbook step (rho = 1/L) as it is",
    reference="derived here",
    status=Status.NUMERIC,
    kind="upper",
    setting=st.builds(
        with_uploads,
        L=st.sampled_from((1.0, 2.0)),
        share=st.sampled_from((0.01, 0.1, 0.3)),
        N=st.sampled_from((2, 3)),
        uploads=UPLOADS,
        ridge=st.sampled_from((0.0, 0.1, 1.0)),
    ),
    promised=without,
    engines={"simulation": with_a_ridge, "lyapunov": with_any},
    mutants=(Mutant("rate -> rate^2: twice as fast", squared_rate, ("simulation", "lyapunov")),),
    conditions=(CLASS, CHANNEL, COINS, RANDOM),
    method="fedmm",
    tags=(*TAGS, "regulariser"),
    factor=True,
    rtol=1e-5,
    extremes=({**CORNER, "p": 0.5, "ridge": 0.0}, {"L": 1.0, "mu": 0.1, "N": 3, "omega": 3, "p": 0.5, "ridge": 0.1}),
)

CLAIMS = (DIANA, PARTICIPATION, REGULARIZER)
