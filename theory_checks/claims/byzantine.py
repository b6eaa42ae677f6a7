r"""Gradient descent with a robust aggregator: what Byzantine clients cost.

An (f, kappa)-robust aggregator returns :math:`\nabla f(x)+e` with :math:`\|e\|^2\le\frac\kappa N\sum_i\|\nabla f_i-\nabla f\|^2`
over the honest clients. From the optimum, whatever the step:

.. math:: \|x^+-x^*\|^2\le\gamma^2\kappa\zeta^2.

On non-convex functions with a dissimilarity of at most G^2, for gamma = 1/L:

.. math:: \frac1t\sum_{k<t}\|\nabla f(x_k)\|^2\le\frac{2L\Delta}t+\kappa G^2\frac{t-1}t.

Proof: smoothness gives :math:`f(x_{k+1})\le f(x_k)-\|\nabla f(x_k)\|^2/(2L)+\|e_k\|^2/(2L)` for the t - 1 steps between the t
points, and :math:`f(x_{t-1})-f^*\ge\|\nabla f(x_{t-1})\|^2/(2L)`; sum. With :math:`\kappa G^2` for the second term it is the
usual statement.

| argument | symbol |
|---|---|
| L, N | of the honest clients' f_i; their number |
| kappa | kappa |
| gamma, t | the step, gradients |
| zeta | :math:`\frac1N\sum_i\|\nabla f_i(x^*)\|^2=\zeta^2` |
| Delta, G | :math:`f(x_0)-f^*`, the bound on the dissimilarity at the x_k |

Source: derived here; the robustness property is that of Y. Allouah et al., *Fixing by mixing: a recipe for optimal Byzantine ML
under heterogeneity*, AISTATS 2023.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from theory_checks.claim import Claim, Measure, Mutant, Status
from theory_checks.claims.local_gd import parameters
from theory_checks.conditions import SEVERAL, STRONGLY_CONVEX
from theory_checks.pep.engines import proved
from theory_checks.pep.measure import observed, worst
from theory_checks.pep.programs.byzantine import byzantine_gd, byzantine_gradients

__all__ = ["CLAIMS"]


def bias(*, L: float, mu: float, gamma: float, kappa: float, zeta: float, N: int) -> float:
    """gamma^2 kappa zeta^2."""
    return gamma**2 * kappa * zeta**2


def in_steps(world: Any, *, gamma: float, kappa: float) -> Any:
    """The squared distance after one step from x* with zeta = 1, in units of gamma^2: solvers are exact to an absolute 1e-9."""
    return byzantine_gd(world, gamma=gamma, kappa=kappa, R=0, zeta=1) / gamma**2


def bias_by(engine: Measure, *, L: float, mu: float, gamma: float, kappa: float, zeta: float, N: int) -> float:
    """What an engine finds for L = zeta = 1."""
    h = round(gamma * L, 12)
    return (h * zeta / L) ** 2 * engine(in_steps, mu=round(mu / L, 12), N=N, gamma=h, kappa=kappa)


def bias_worst(**setting: Any) -> float:
    """The exact worst case."""
    return bias_by(worst, **setting)


def bias_proved(**setting: Any) -> float:
    """A bound of the worst case, proved in fractions."""
    return bias_by(proved, **setting)


def bias_batch(**setting: Any) -> float:
    """The worst of a batch."""
    return bias_by(observed, **setting)


def bias_false(**setting: Any) -> float:
    """kappa -> 0.9 kappa."""
    return 0.9 * bias(**setting)


def gradients(*, L: float, kappa: float, t: int, Delta: float, G: float, N: int) -> float:
    """2 L Delta / t + kappa G^2."""
    return 2 * L * Delta / t + kappa * G**2


def gradients_exact(*, L: float, kappa: float, t: int, Delta: float, G: float, N: int) -> float:
    """2 L Delta / t + kappa G^2 (t - 1) / t."""
    return 2 * L * Delta / t + kappa * G**2 * (t - 1) / t


def gradients_by(engine: Measure, *, L: float, kappa: float, t: int, Delta: float, G: float, N: int) -> float:
    """What an engine finds for L = Delta = 1, in units of L Delta."""
    size = round(G / (L * Delta) ** 0.5, 12)
    return L * Delta * engine(byzantine_gradients, mu=-1.0, N=N, gamma=1.0, kappa=kappa, t=t, Delta=1, G=size)


def gradients_worst(**setting: Any) -> float:
    """The exact worst case."""
    return gradients_by(worst, **setting)


def gradients_proved(**setting: Any) -> float:
    """A bound of the worst case, proved in fractions."""
    return gradients_by(proved, **setting)


def gradients_batch(**setting: Any) -> float:
    """The worst of a batch of federations of quadratics, clients not convex, their mean convex."""
    return gradients_by(observed, **setting)


def gradients_false(*, L: float, kappa: float, t: int, Delta: float, G: float, N: int) -> float:
    """2 L Delta -> L Delta."""
    return L * Delta / t + kappa * G**2


def gradients_exact_false(*, L: float, kappa: float, t: int, Delta: float, G: float, N: int) -> float:
    """(t - 1)/t -> (t - 1)/(2t)."""
    return 2 * L * Delta / t + kappa * G**2 * (t - 1) / (2 * t)


KAPPAS = st.sampled_from([0.05, 0.25, 1.0])
CLIENTS = st.sampled_from([2, 4, 10])
EVERY = ("batch", "pep", "certificate")
TAGS = ("byzantine", "heterogeneity")
FAR = {"L": 1.0, "kappa": 0.25, "Delta": 1.0, "G": 1.0, "N": 2}
AVERAGE: dict[str, Any] = {
    "L": st.sampled_from([1.0, 2.0]),
    "kappa": KAPPAS,
    "t": st.sampled_from([1, 2, 4]),
    "Delta": st.sampled_from([0.5, 1.0]),
    "G": st.sampled_from([0.3, 1.0]),
    "N": CLIENTS,
}
GRADIENTS = {"batch": gradients_batch, "pep": gradients_worst, "certificate": gradients_proved}

CLAIMS = (
    Claim(
        name="byzantine-bias",
        statement="|x+ - x*|^2 <= gamma^2 kappa zeta^2 from x = x*",
        reference="derived here",
        status=Status.DERIVED,
        kind="tight",
        setting=st.builds(
            parameters,
            L=st.sampled_from([1.0, 2.0]),
            share=st.sampled_from([0.01, 0.1, 0.3]),
            gammaL=st.sampled_from([0.1, 0.5, 1.0]),
            kappa=KAPPAS,
            zeta=st.sampled_from([0.1, 1.0]),
            N=CLIENTS,
        ),
        promised=bias,
        engines={"batch": bias_batch, "pep": bias_worst, "certificate": bias_proved},
        mutants=(Mutant("kappa -> 0.9 kappa", bias_false, EVERY),),
        conditions=(STRONGLY_CONVEX, SEVERAL),
        tags=TAGS,
        extremes=({"L": 1.0, "mu": 0.1, "gamma": 0.5, "kappa": 0.25, "zeta": 1.0, "N": 2},),
    ),
    Claim(
        name="byzantine-gradients",
        statement="mean_{k<t} |grad f(x_k)|^2 <= 2 L Delta/t + kappa G^2 at gamma = 1/L",
        reference="derived here; the form of Allouah et al. 2023",
        status=Status.DERIVED,
        kind="upper",
        setting=st.fixed_dictionaries(AVERAGE),
        promised=gradients,
        engines=GRADIENTS,
        mutants=(Mutant("2 L Delta -> L Delta", gradients_false, EVERY),),
        conditions=(SEVERAL,),
        tags=(*TAGS, "non-convex"),
        extremes=({**FAR, "t": 1},),
    ),
    Claim(
        name="byzantine-gradients-exact",
        statement="mean_{k<t} |grad f(x_k)|^2 <= 2 L Delta/t + kappa G^2 (t-1)/t at gamma = 1/L",
        reference="derived here",
        status=Status.DERIVED,
        kind="tight",
        setting=st.fixed_dictionaries(AVERAGE),
        promised=gradients_exact,
        engines=GRADIENTS,
        mutants=(Mutant("(t-1)/t -> (t-1)/(2t)", gradients_exact_false, EVERY),),
        conditions=(SEVERAL,),
        tags=(*TAGS, "non-convex"),
        extremes=({**FAR, "t": 1}, {**FAR, "t": 2}),
    ),
)
