r"""Gradient descent on non-convex functions: FedSGD with everyone present and exact uploads.

f is L-smooth and bounded below, gamma <= 1/L:

.. math:: \min_{k<t}\|\nabla f(x_k)\|^2\le\frac{4L\Delta}{(t-1)\gamma L(4-\gamma L)+2}\le\frac{2\Delta}{\gamma t}.

The first is :math:`4L\Delta/(3t-1)` at gamma = 1/L, due to Abbaszadehpeivasti, de Klerk and Zamani (2022). Proof: the inequality
of L-smooth functions between :math:`x_k` and :math:`x_{k+1}`, with :math:`g_k=\nabla f(x_k)`, reads

.. math:: f_k-f_{k+1}\ge\tfrac\gamma4(3-\gamma L)\|g_k\|^2+\tfrac\gamma4\|g_{k+1}\|^2
   +\tfrac14(\tfrac1L-\gamma)\|g_k-g_{k+1}\|^2\ge\gamma(1-\tfrac{\gamma L}4)\min_k\|g_k\|^2,

and :math:`f_{t-1}-f^*\ge\|g_{t-1}\|^2/(2L)`; sum. Attained by `theory_checks.curves.zigzag`.

| argument | symbol |
|---|---|
| L | of every client's f_i |
| gamma, t | the step; how many gradients |
| Delta | :math:`f(x_0)-f^*` |
| N, seed | clients; of the random federation |
"""

from __future__ import annotations

from typing import Any

import numpy as np

from theory_checks.claim import Claim, Measure, Mutant, Status
from theory_checks.claims.gradient_descent import SHORT, SIZES, descended, joined, short
from theory_checks.curves import random_curves, zigzag
from theory_checks.pep.engines import proved
from theory_checks.pep.measure import observed, worst
from theory_checks.pep.programs.gradient_descent import gd_gradient

__all__ = ["CLAIMS", "gradient", "gradient_exact"]


def gradient(*, L: float, Delta: float, gamma: float, t: int, N: int, seed: int) -> float:
    """2 Delta / (gamma t)."""
    return 2 * Delta / (gamma * t)


def gradient_exact(*, L: float, Delta: float, gamma: float, t: int, N: int, seed: int) -> float:
    """4 L Delta / ((t - 1) gamma L (4 - gamma L) + 2)."""
    h = gamma * L
    return 4 * L * Delta / ((t - 1) * h * (4 - h) + 2)


def gradient_seen(*, L: float, Delta: float, gamma: float, t: int, N: int, seed: int) -> float:
    """The least of the first t squared gradients, on the zigzag and on a random federation."""
    found = []
    for problem, federation in (zigzag(L, gamma, t, Delta, N), random_curves(L, Delta, N, seed)):
        x, sizes = problem.start(federation), []
        for k in range(t):
            x = descended(problem, federation, x, gamma, 1) if k else x
            sizes.append(float(np.mean([problem.gradient(data, x)[0] for data in federation])) ** 2)
        found.append(min(sizes))
    return max(found)


def gradient_by(engine: Measure, *, L: float, Delta: float, gamma: float, t: int, N: int) -> float:
    """What an engine finds for L = Delta = 1, in units of L Delta."""
    return L * Delta * engine(gd_gradient, mu=-1.0, N=N, gamma=round(gamma * L, 12), t=t)


def gradient_worst(*, seed: int, **setting: Any) -> float:
    """The exact worst case."""
    return gradient_by(worst, **setting)


def gradient_proved(*, seed: int, **setting: Any) -> float:
    """A bound of the worst case, proved in fractions."""
    return gradient_by(proved, **setting)


def gradient_batch(*, seed: int, **setting: Any) -> float:
    """The worst of a batch of federations of quadratics, clients not convex, their mean convex."""
    return gradient_by(observed, **setting)


def gradient_false(*, L: float, Delta: float, gamma: float, t: int, N: int, seed: int) -> float:
    """With Delta for 2 Delta."""
    return Delta / (gamma * t)


def gradient_exact_false(*, L: float, Delta: float, gamma: float, t: int, N: int, seed: int) -> float:
    """With 3t for 3t - 1 at gamma = 1/L."""
    h = gamma * L
    return 4 * L * Delta / ((t - 1) * h * (4 - h) + 3)


ENGINES = {"simulation": gradient_seen, "batch": gradient_batch, "pep": gradient_worst, "certificate": gradient_proved}
EVERY = ("simulation", "batch", "pep", "certificate")
CORNERS = tuple({"L": 1.0, "gamma": 1.0, "Delta": 1.0, "t": t, "N": 1, "seed": 0} for t in (1, 2, 3, 4))

CLAIMS = (
    Claim(
        name="gd-nonconvex",
        statement="min_{k<t} |grad f(x_k)|^2 <= 2 Delta / (gamma t)",
        reference="textbook",
        status=Status.CHECKED,
        kind="upper",
        setting=joined(short(), Delta=SIZES),
        promised=gradient,
        engines=ENGINES,
        mutants=(Mutant("2 Delta -> Delta", gradient_false, EVERY),),
        conditions=(SHORT,),
        method="fedsgd",
        tags=("gradient", "non-convex"),
        extremes=CORNERS[:1],
    ),
    Claim(
        name="gd-nonconvex-exact",
        statement="min_{k<t} |grad f(x_k)|^2 <= 4 L Delta / ((t-1) gamma L (4 - gamma L) + 2); 4 L Delta / (3t-1) at gamma = 1/L",
        reference="Abbaszadehpeivasti, de Klerk and Zamani 2022 at gamma = 1/L; below that derived here",
        status=Status.DERIVED,
        kind="tight",
        setting=joined(short(), Delta=SIZES),
        promised=gradient_exact,
        engines=ENGINES,
        mutants=(Mutant("+ 2 -> + 3, which is 3t - 1 -> 3t at gamma = 1/L", gradient_exact_false, EVERY),),
        conditions=(SHORT,),
        method="fedsgd",
        tags=("gradient", "non-convex"),
        extremes=CORNERS,
    ),
)
