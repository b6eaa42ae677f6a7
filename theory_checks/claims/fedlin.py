r"""FedLin, one round: local steps whose drift is corrected.

    y_i^1 = x - eta mean_j grad f_j(x)
    y_i^{k+1} = y_i^k - eta (grad f_i(y_i^k) - grad f_i(x) + mean_j grad f_j(x)),   k = 1, ..., tau-1
    x+ = mean_i y_i^tau

Published (Mitra et al. 2021), for :math:`\eta=1/(6L\tau)`:

.. math:: f(x^+)-f^*\le\Big(1-\frac\mu{6L}\Big)(f(x)-f^*).

The exact factor is, to the solver's accuracy in all cases tried (:math:`\eta L\le1`, :math:`\eta L\tau\le2`,
tau <= 6),

.. math:: f(x^+)-f^*\le(1-\eta\mu)^{2\tau}(f(x)-f^*),

as for tau steps of gradient descent; equal clients :math:`\frac\mu2\|x\|^2` attain it. At the published step it promises twice
as many rounds' progress, and it allows steps twelve times as long.

| argument | symbol |
|---|---|
| L, mu, N | of the clients' f_i; clients |
| eta, tau | eta, local steps |

Source of the exact factor: derived here; not found in the literature known to us, whose search was not exhaustive.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from theory_checks.claim import Claim, Condition, Measure, Mutant, Status
from theory_checks.conditions import STRONGLY_CONVEX
from theory_checks.pep.engines import proved
from theory_checks.pep.measure import observed, worst
from theory_checks.pep.programs.fedlin import fedlin

__all__ = ["CLAIMS"]


def published(*, L: float, mu: float, tau: int, N: int) -> float:
    """1 - mu/(6L)."""
    return 1 - mu / (6 * L)


def exact(*, L: float, mu: float, eta: float, tau: int, N: int) -> float:
    """(1 - eta mu)^(2 tau)."""
    return (1 - eta * mu) ** (2 * tau)


def factor_by(engine: Measure, *, L: float, mu: float, eta: float, tau: int, N: int) -> float:
    """What an engine finds for L = 1."""
    return engine(fedlin, mu=round(mu / L, 12), N=N, eta=round(eta * L, 12), tau=tau)


def published_worst(*, L: float, mu: float, tau: int, N: int) -> float:
    """The exact worst case at eta = 1/(6 L tau)."""
    return factor_by(worst, L=L, mu=mu, eta=1 / (6 * L * tau), tau=tau, N=N)


def published_proved(*, L: float, mu: float, tau: int, N: int) -> float:
    """A bound of the worst case, proved in fractions at eta = 1/(6 L tau)."""
    return factor_by(proved, L=L, mu=mu, eta=1 / (6 * L * tau), tau=tau, N=N)


def published_batch(*, L: float, mu: float, tau: int, N: int) -> float:
    """The worst of a batch at eta = 1/(6 L tau)."""
    return factor_by(observed, L=L, mu=mu, eta=1 / (6 * L * tau), tau=tau, N=N)


def exact_worst(**setting: Any) -> float:
    """The exact worst case."""
    return factor_by(worst, **setting)


def exact_proved(**setting: Any) -> float:
    """A bound of the worst case, proved in fractions."""
    return factor_by(proved, **setting)


def exact_batch(**setting: Any) -> float:
    """The worst of a batch."""
    return factor_by(observed, **setting)


def published_false(*, L: float, mu: float, tau: int, N: int) -> float:
    """1 - mu/(3L)."""
    return 1 - mu / (3 * L)


def exact_false(*, L: float, mu: float, eta: float, tau: int, N: int) -> float:
    """(1 - tau eta mu)^2, of gradient descent with one step of tau eta."""
    return (1 - tau * eta * mu) ** 2


def short(*, L: float, eta: float, tau: int, **_: Any) -> bool:
    """0 < eta L <= 1, eta L tau <= 2, tau <= 6: where it was compared with the exact worst case."""
    return 0 < eta * L <= 1 + 1e-12 and eta * L * tau <= 2 * (1 + 1e-12) and tau <= 6


def parameters(*, L: float, share: float, reach: float, tau: int, N: int) -> dict[str, Any]:
    """mu = share L and eta = reach/(L tau), at most 1/L."""
    return {"L": L, "mu": share * L, "eta": min(reach / tau, 1.0) / L, "tau": tau, "N": N}


def published_parameters(*, L: float, share: float, tau: int, N: int) -> dict[str, Any]:
    """mu = share L."""
    return {"L": L, "mu": share * L, "tau": tau, "N": N}


COMMON: dict[str, Any] = {
    "L": st.sampled_from([1.0, 2.0]),
    "share": st.sampled_from([0.01, 0.1, 0.3]),
    "tau": st.sampled_from([1, 2, 4]),
    "N": st.sampled_from([1, 2, 10]),
}
EVERY = ("batch", "pep", "certificate")
TAGS = ("fedlin", "local-steps", "strongly-convex")

CLAIMS = (
    Claim(
        name="fedlin-round",
        statement="f(x+) - f* <= (1 - mu/(6L)) (f(x) - f*) at eta = 1/(6 L tau)",
        reference="Mitra, Jaafar, Pappas and Hassani 2021",
        status=Status.CHECKED,
        kind="upper",
        setting=st.builds(published_parameters, **COMMON),
        promised=published,
        engines={"batch": published_batch, "pep": published_worst, "certificate": published_proved},
        mutants=(Mutant("6 -> 3", published_false, EVERY),),
        conditions=(STRONGLY_CONVEX,),
        tags=TAGS,
        factor=True,
        extremes=({"L": 1.0, "mu": 0.1, "tau": 4, "N": 2},),
    ),
    Claim(
        name="fedlin-round-exact",
        statement="f(x+) - f* <= (1 - eta mu)^(2 tau) (f(x) - f*) for eta <= 1/L, eta L tau <= 2",
        reference="derived here",
        status=Status.NUMERIC,
        kind="tight",
        setting=st.builds(parameters, **COMMON, reach=st.sampled_from([0.1, 1 / 6, 0.5, 1.0, 1.5, 2.0])),
        promised=exact,
        engines={"batch": exact_batch, "pep": exact_worst, "certificate": exact_proved},
        mutants=(Mutant("tau steps of eta -> one step of tau eta", exact_false, EVERY),),
        conditions=(STRONGLY_CONVEX, Condition("0 < eta <= 1/L, eta L tau <= 2 and tau <= 6", short)),
        tags=TAGS,
        factor=True,
        extremes=({"L": 1.0, "mu": 0.3, "eta": 0.5, "tau": 4, "N": 2},),
    ),
)
