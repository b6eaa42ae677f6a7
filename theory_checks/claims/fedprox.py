r"""FedProx with exact proximal steps, one round: a contraction, a bias, and their sum.

    y_i = prox_{gamma f_i}(x),   x+ = mean_i y_i

For L-smooth, mu-strongly convex clients and any gamma > 0:

.. math:: \|x^+-x^*\|\le\frac R{1+\gamma\mu}+\frac{\gamma\zeta}2\Big(\frac1{1+\gamma\mu}-\frac1{1+\gamma L}\Big).

Proof: :math:`J_i=\mathrm{prox}_{\gamma f_i}` is :math:`1/(1+\gamma\mu)`-Lipschitz, which gives the first term for
:math:`\frac1N\sum_i(J_i(x)-J_i(x^*))`. It is the gradient of a function with curvatures between :math:`1/(1+\gamma L)` and
:math:`1/(1+\gamma\mu)`, and :math:`J_i(x^*+\gamma g_i^*)=x^*`; hence :math:`J_i(x^*)-x^*` lies in the ball whose diameter goes
from :math:`-\gamma g_i^*/(1+\gamma L)` to :math:`-\gamma g_i^*/(1+\gamma\mu)`. The centres average to 0, and the radii to at
most the second term. Each term is attained, by quadratics; their sum is not.

| argument | symbol |
|---|---|
| L, mu, N | of the clients' f_i; clients |
| gamma | gamma |
| R | :math:`\|x-x^*\|` |
| zeta | :math:`\frac1N\sum_i\|g_i^*\|^2=\zeta^2`, :math:`g_i^*=\nabla f_i(x^*)` |

Source: derived here. The method: T. Li et al., *Federated optimization in heterogeneous networks*, MLSys 2020.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

from hypothesis import strategies as st

from theory_checks.claim import Claim, Condition, Measure, Mutant, Status
from theory_checks.claims.local_gd import parameters
from theory_checks.conditions import STRONGLY_CONVEX
from theory_checks.pep.engines import proved
from theory_checks.pep.measure import observed, worst
from theory_checks.pep.programs.fedprox import fedprox

__all__ = ["CLAIMS"]


def contraction(*, L: float, mu: float, gamma: float, R: float, **_: Any) -> float:
    """R / (1 + gamma mu)."""
    return R / (1 + gamma * mu)


def bias(*, L: float, mu: float, gamma: float, zeta: float, **_: Any) -> float:
    """(gamma zeta / 2) (1/(1 + gamma mu) - 1/(1 + gamma L))."""
    return 0.5 * gamma * zeta * (1 / (1 + gamma * mu) - 1 / (1 + gamma * L))


def both(*, L: float, mu: float, gamma: float, R: float, zeta: float, **_: Any) -> float:
    """The sum."""
    return contraction(L=L, mu=mu, gamma=gamma, R=R) + bias(L=L, mu=mu, gamma=gamma, zeta=zeta)


# ---- engines: units with L = 1, and lengths near 1


def in_bias_units(world: Any, *, gamma: float, size: float) -> Any:
    """The squared distance from x* = x with zeta = 1, in units of `size` squared: solvers are exact to an absolute 1e-9."""
    return fedprox(world, gamma=gamma, R=0, zeta=1) / size**2


def contraction_by(engine: Measure, *, L: float, mu: float, gamma: float, R: float, N: int) -> float:
    """From R without heterogeneity."""
    squared = engine(fedprox, mu=round(mu / L, 12), N=N, shared_optimum=True, gamma=round(gamma * L, 12), zeta=0)
    return R * sqrt(max(squared, 0.0))


def bias_by(engine: Measure, *, L: float, mu: float, gamma: float, zeta: float, N: int) -> float:
    """From x*."""
    m, h = round(mu / L, 12), round(gamma * L, 12)
    size = h / (1 + h)
    return zeta / L * size * sqrt(max(engine(in_bias_units, mu=m, N=N, gamma=h, size=size), 0.0))


def both_by(engine: Measure, *, L: float, mu: float, gamma: float, R: float, zeta: float, N: int) -> float:
    """From R with heterogeneity: R = 1 by choice of units."""
    m, h = round(mu / L, 12), round(gamma * L, 12)
    return R * sqrt(max(engine(fedprox, mu=m, N=N, gamma=h, R=1.0, zeta=round(zeta / (R * L), 12)), 0.0))


def contraction_worst(**setting: Any) -> float:
    """The exact worst case."""
    return contraction_by(worst, **setting)


def contraction_proved(**setting: Any) -> float:
    """A bound of the worst case, proved in fractions."""
    return contraction_by(proved, **setting)


def contraction_batch(**setting: Any) -> float:
    """The worst of a batch."""
    return contraction_by(observed, **setting)


def bias_worst(**setting: Any) -> float:
    """The exact worst case."""
    return bias_by(worst, **setting)


def bias_proved(**setting: Any) -> float:
    """A bound of the worst case, proved in fractions."""
    return bias_by(proved, **setting)


def bias_batch(**setting: Any) -> float:
    """The worst of a batch."""
    return bias_by(observed, **setting)


def both_worst(**setting: Any) -> float:
    """The exact worst case."""
    return both_by(worst, **setting)


def both_proved(**setting: Any) -> float:
    """A bound of the worst case, proved in fractions."""
    return both_by(proved, **setting)


def both_batch(**setting: Any) -> float:
    """The worst of a batch."""
    return both_by(observed, **setting)


# ---- false promises


def twice_mu(*, mu: float, **setting: Any) -> float:
    """1 + gamma mu -> 1 + 2 gamma mu."""
    return contraction(mu=2 * mu, **setting)


def less_bias(**setting: Any) -> float:
    """zeta/2 -> 0.49 zeta."""
    return 0.98 * bias(**setting)


def half_a_bias(*, zeta: float, **setting: Any) -> float:
    """zeta -> zeta/2."""
    return both(zeta=zeta / 2, **setting)


# ---- settings


def forward(*, gamma: float, **_: Any) -> bool:
    """gamma > 0."""
    return gamma > 0


CONDITIONS = (STRONGLY_CONVEX, Condition("gamma > 0", forward))
COMMON: dict[str, Any] = {
    "L": st.sampled_from([1.0, 2.0]),
    "share": st.sampled_from([0.01, 0.1, 0.3]),
    "gammaL": st.sampled_from([0.2, 1.0, 5.0, 20.0]),
    "N": st.sampled_from([2, 3, 10]),
}
CORNER = {"L": 1.0, "mu": 0.1, "gamma": 1.0, "N": 2}
EVERY = ("batch", "pep", "certificate")
TAGS = ("fedprox", "local-steps", "heterogeneity")

CLAIMS = (
    Claim(
        name="fedprox-contraction",
        statement="|x+ - x*| <= R/(1 + gamma mu) where all clients have the same minimiser",
        reference="textbook; derived here",
        status=Status.DERIVED,
        kind="tight",
        setting=st.builds(parameters, **COMMON, R=st.sampled_from([0.5, 1.0, 2.0])),
        promised=contraction,
        engines={"batch": contraction_batch, "pep": contraction_worst, "certificate": contraction_proved},
        mutants=(Mutant("1 + gamma mu -> 1 + 2 gamma mu", twice_mu, EVERY),),
        conditions=CONDITIONS,
        tags=TAGS,
        extremes=({**CORNER, "R": 1.0},),
    ),
    Claim(
        name="fedprox-bias",
        statement="|x+ - x*| <= (gamma zeta/2)(1/(1 + gamma mu) - 1/(1 + gamma L)) from x = x*",
        reference="derived here",
        status=Status.DERIVED,
        kind="tight",
        setting=st.builds(parameters, **COMMON, zeta=st.sampled_from([0.1, 1.0, 3.0])),
        promised=bias,
        engines={"batch": bias_batch, "pep": bias_worst, "certificate": bias_proved},
        mutants=(Mutant("zeta/2 -> 0.49 zeta", less_bias, EVERY),),
        conditions=CONDITIONS,
        tags=TAGS,
        extremes=({**CORNER, "zeta": 1.0},),
    ),
    Claim(
        name="fedprox-round",
        statement="|x+ - x*| <= R/(1 + gamma mu) + (gamma zeta/2)(1/(1 + gamma mu) - 1/(1 + gamma L))",
        reference="derived here",
        status=Status.DERIVED,
        kind="upper",
        setting=st.builds(parameters, **COMMON, R=st.sampled_from([0.5, 1.0, 2.0]), zeta=st.sampled_from([0.1, 1.0, 3.0])),
        promised=both,
        engines={"batch": both_batch, "pep": both_worst, "certificate": both_proved},
        mutants=(Mutant("zeta -> zeta/2", half_a_bias, EVERY),),
        conditions=CONDITIONS,
        tags=TAGS,
        extremes=({**CORNER, "gamma": 20.0, "R": 1.0, "zeta": 10.0},),
    ),
)
