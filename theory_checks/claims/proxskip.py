r"""ProxSkip: the published rate, its exact form, and what quadratics and a searched Lyapunov function say.

For clients L-smooth and mu-strongly convex, a communication with probability p and
:math:`\Psi=\frac1N\sum_i\|x_i\|^2+(\gamma/p)^2\frac1N\sum_i\|h_i-g_i^*\|^2` (the program `theory_checks.pep.programs.proxskip`):

- published, for :math:`\gamma\le1/L`: :math:`E\Psi^+\le(1-\min(\gamma\mu,p^2))\Psi`;
- exact, for :math:`\gamma<2/L`: the factor of Psi is :math:`\max((1-\gamma\mu)^2,(1-\gamma L)^2,1-p^2)`, the form known from
  RandProx. Two instances attain it: where all clients are alike and know their shifts, a step of gradient descent with curvature
  mu or L; and wrong shifts, which only a communication mends. That nothing is worse agrees with the solver wherever it was asked;
- another quadratic function of the state contracts faster: for small p and :math:`\gamma=1/L` about twice as fast.

| argument | symbol |
|---|---|
| L, mu, N | smoothness, strong convexity and number of the clients |
| gamma, p | step, probability of a communication |

Sources: K. Mishchenko, G. Malinovsky, S. Stich, P. Richtarik, *ProxSkip*, ICML 2022; L. Condat, P. Richtarik, *RandProx*, 2022.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from hypothesis import strategies as st

from theory_checks.claim import Claim, Condition, Mutant, Status
from theory_checks.pep import Lyapunov, SymPEP
from theory_checks.pep.batch import Batch
from theory_checks.pep.programs.proxskip import proxskip_factor, proxskip_psi, proxskip_step

__all__ = ["CLAIMS"]

SIZE = 64
"""Federations of a batch."""


def published(L: float, mu: float, N: int, gamma: float, p: float) -> float:
    """1 - min(gamma mu, p^2)."""
    return 1.0 - min(gamma * mu, p * p)


def closed_form(L: float, mu: float, N: int, gamma: float, p: float) -> float:
    """max((1 - gamma mu)^2, (1 - gamma L)^2, 1 - p^2)."""
    return max((1.0 - gamma * mu) ** 2, (1.0 - gamma * L) ** 2, 1.0 - p * p)


@lru_cache(maxsize=2048)
def exact(L: float, mu: float, N: int, gamma: float, p: float) -> float:
    """The exact factor of Psi."""
    pep = SymPEP(L, mu, N)
    return pep.maximize(proxskip_factor(pep, gamma=gamma, p=p)).dual_value


@lru_cache(maxsize=2048)
def observed(L: float, mu: float, N: int, gamma: float, p: float) -> float:
    """The largest E Psi+ / Psi over quadratic federations and their states."""
    batch = Batch(L, mu, N, size=SIZE)
    before, after = proxskip_psi(batch, gamma=gamma, p=p)
    return batch.worst_ratio(after, before)


@lru_cache(maxsize=2048)
def searched(L: float, mu: float, N: int, gamma: float, p: float) -> Lyapunov:
    """The best Lyapunov function."""
    pep = SymPEP(L, mu, N)
    return pep.lyapunov(*proxskip_step(pep, gamma=gamma, p=p))


def rate(L: float, mu: float, N: int, gamma: float, p: float) -> float:
    """Its rate."""
    return searched(L, mu, N, gamma, p).rate


def rate_on_batch(L: float, mu: float, N: int, gamma: float, p: float) -> float:
    """The largest E V+ / V of that function over quadratic federations and their states."""
    batch = Batch(L, mu, N, size=SIZE)
    step = proxskip_step(batch, gamma=gamma, p=p)
    return batch.worst_factor(step.now, step.after, searched(L, mu, N, gamma, p).p.tolist())


def faster_steps(L: float, mu: float, N: int, gamma: float, p: float) -> float:
    """gamma mu -> 2 gamma mu, which (1 - gamma mu)^2 does not reach."""
    return 1.0 - min(2.0 * gamma * mu, p * p)


def faster_meetings(L: float, mu: float, N: int, gamma: float, p: float) -> float:
    """p^2 -> 2 p^2."""
    return 1.0 - min(gamma * mu, 2.0 * p * p)


def without_L(L: float, mu: float, N: int, gamma: float, p: float) -> float:
    """Without (1 - gamma L)^2."""
    return max((1.0 - gamma * mu) ** 2, 1.0 - p * p)


def meetings_cubed(L: float, mu: float, N: int, gamma: float, p: float) -> float:
    """1 - p^2 -> 1 - p^2 - p^3."""
    return max((1.0 - gamma * mu) ** 2, (1.0 - gamma * L) ** 2, 1.0 - p * p - p**3)


def cubed(L: float, mu: float, N: int, gamma: float, p: float) -> float:
    """Three times as fast as published: beyond what any function can do."""
    return published(L, mu, N, gamma, p) ** 3


def in_class(L: float, mu: float, N: int, p: float, **_: Any) -> bool:
    """The class, and a probability."""
    return 0 < mu < L and N >= 2 and 0 < p <= 1


def short(L: float, gamma: float, **_: Any) -> bool:
    """gamma <= 1/L."""
    return 0 < gamma * L <= 1


def stable(L: float, gamma: float, **_: Any) -> bool:
    """gamma < 2/L."""
    return 0 < gamma * L < 2


def parameters(L: float, share: float, gammaL: float, **rest: Any) -> dict[str, Any]:
    """mu = share L, gamma = gammaL / L."""
    return {"L": L, "mu": share * L, "gamma": gammaL / L, **rest}


CLASS = Condition("0 < mu < L, N >= 2 and 0 < p <= 1", in_class)
SHORT = Condition("0 < gamma <= 1/L", short)
STABLE = Condition("0 < gamma < 2/L", stable)
COMMON: dict[str, Any] = {
    "L": st.sampled_from((1.0, 2.0)),
    "share": st.sampled_from((0.01, 0.1, 0.3)),
    "N": st.sampled_from((2, 3, 10)),
    "p": st.sampled_from((0.1, 0.3, 0.6, 1.0)),
}
WITHIN = st.builds(parameters, **COMMON, gammaL=st.sampled_from((0.3, 0.7, 1.0)))
BEYOND = st.builds(parameters, **COMMON, gammaL=st.sampled_from((0.5, 1.0, 1.5, 1.8)))
RARE = {"L": 1.0, "mu": 0.1, "N": 2, "gamma": 1.0, "p": 0.2}
OFTEN = {"L": 1.0, "mu": 0.1, "N": 2, "gamma": 1.0, "p": 0.9}
LONG = {"L": 1.0, "mu": 0.1, "N": 2, "gamma": 1.9, "p": 0.9}
SOURCE = "Mishchenko, Malinovsky, Stich, Richtarik, ProxSkip, ICML 2022"
TAGS = ("proxskip", "local-steps", "control-variates", "rate")

CLAIMS = (
    Claim(
        name="proxskip-published",
        statement="E Psi+ <= (1 - min(gamma mu, p^2)) Psi, gamma <= 1/L",
        reference=SOURCE,
        status=Status.CHECKED,
        kind="upper",
        setting=WITHIN,
        promised=published,
        engines={"batch": observed, "pep": exact},
        mutants=(
            Mutant("gamma mu -> 2 gamma mu", faster_steps, ("batch", "pep")),
            Mutant("p^2 -> 2 p^2", faster_meetings, ("batch", "pep")),
        ),
        conditions=(CLASS, SHORT),
        tags=TAGS,
        factor=True,
        extremes=(RARE, OFTEN),
    ),
    Claim(
        name="proxskip-factor",
        statement="the exact factor of Psi is max((1 - gamma mu)^2, (1 - gamma L)^2, 1 - p^2), gamma < 2/L",
        reference="form of RandProx (Condat, Richtarik 2022); exactness derived here",
        status=Status.NUMERIC,
        kind="tight",
        setting=BEYOND,
        promised=closed_form,
        engines={"batch": observed, "pep": exact},
        mutants=(
            Mutant("without (1 - gamma L)^2", without_L, ("batch", "pep")),
            Mutant("1 - p^2 -> 1 - p^2 - p^3", meetings_cubed, ("batch", "pep")),
        ),
        conditions=(CLASS, STABLE),
        tags=TAGS,
        factor=True,
        extremes=(RARE, OFTEN, LONG),
    ),
    Claim(
        name="proxskip-rate",
        statement="some quadratic function of the state contracts by 1 - min(gamma mu, p^2) a step, gamma <= 1/L",
        reference=SOURCE,
        status=Status.CHECKED,
        kind="upper",
        setting=WITHIN,
        promised=published,
        engines={"batch": rate_on_batch, "lyapunov": rate},
        mutants=(Mutant("three times as fast", cubed, ("batch", "lyapunov")),),
        conditions=(CLASS, SHORT),
        tags=TAGS,
        factor=True,
        rtol=5e-6,
        extremes=(RARE, OFTEN),
    ),
)
