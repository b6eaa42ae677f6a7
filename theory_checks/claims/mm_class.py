r"""Majorise-minimise with the gradient surrogate on strongly convex clients: Mairal's rate, and the exact worst case.

Clients L-smooth and mu-strongly convex, g convex, surrogate of step 1/L: it exceeds F by an :math:`(L-\mu)`-smooth error and is
L-strongly convex, so (J. Mairal, *Optimization with first-order surrogate functions*, 2013)

.. math:: F(x_t)-F^*\le\Big(1-\frac\mu L\Big)^{t-1}\frac{(L-\mu)R^2}2.

The method is the proximal gradient method, whose exact worst case agrees with

.. math:: F(x_t)-F^*\le\frac{\mu R^2/2}{(1-\mu/L)^{-2t}-1}

wherever it was solved; it tends to the :math:`LR^2/(4t)` of Taylor, Hendrickx and Glineur as mu tends to 0. With
:math:`q=(1-\mu/L)^t` it is attained by :math:`f(x)=\frac\mu2x^2+cx` on the half line x >= 0, from x = R, where
:math:`c=\mu q^2R/(1-q^2)`: then :math:`x_t=qR/(1+q)`. A proof for the whole class is missing here.

| argument | symbol |
|---|---|
| mu | mu, for L = R = 1 |
| t, N | rounds, clients |
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from hypothesis import strategies as st

from fedmm import MM, Federation, Samples, solve
from problems.least_squares import LeastSquares
from problems.penalties import Box
from theory_checks.claim import Claim, Mutant, Status
from theory_checks.conditions import within
from theory_checks.pep import SymPEP
from theory_checks.pep.programs.prox_gradient import prox_gradient_gap

__all__ = ["CLAIMS"]


def observed(mu: float, t: int, N: int) -> float:
    """The library's MM on mu x^2/2 + c x over x >= 0, N times."""
    q = (1.0 - mu) ** t
    c = mu * q**2 / (1.0 - q**2)
    data = Samples(np.array([[mu**0.5]]), np.array([-c / mu**0.5]))
    problem, federation = LeastSquares(g=Box(), rho=1.0), Federation([data] * N)
    x = solve(problem, federation, MM(), np.ones(1), rounds=t, metrics=(), progress=False).theta
    return problem.objective(federation, x) - problem.objective(federation, np.zeros(1))


@lru_cache(maxsize=256)
def worst(mu: float, t: int, N: int) -> float:
    """The exact worst case of the class."""
    world = SymPEP(L=1.0, mu=mu, N=N, regularizer=True)
    return world.maximize(prox_gradient_gap(world, gamma=1, t=t)).dual_value


def mairal(mu: float, t: int, N: int) -> float:
    """(1 - mu)^t / 2."""
    return 0.5 * (1.0 - mu) ** t


def under_half_of_mairal(mu: float, t: int, N: int) -> float:
    """(1 - mu)^t / 4.2."""
    return (1.0 - mu) ** t / 4.2


def closed_form(mu: float, t: int, N: int) -> float:
    """(mu/2) / ((1 - mu)^(-2t) - 1)."""
    return 0.5 * mu / ((1.0 - mu) ** (-2 * t) - 1.0)


def without_regulariser(mu: float, t: int, N: int) -> float:
    """(mu/2) / ((1 - mu)^(-2t) - 1 + mu): what plain gradient descent has."""
    return 0.5 * mu / ((1.0 - mu) ** (-2 * t) - 1.0 + mu)


SETTING = st.fixed_dictionaries(
    {
        "mu": st.sampled_from([0.01, 0.05, 0.1, 0.2, 0.3, 0.5]),
        "t": st.integers(1, 4),
        "N": st.sampled_from([1, 2, 10]),
    }
)
CONDITIONS = (within("mu", 1e-6, 1.0 - 1e-6), within("t", 1, 100), within("N", 1, 10**6))
EXTREMES = ({"mu": 0.01, "t": 1, "N": 1}, {"mu": 0.1, "t": 2, "N": 2}, {"mu": 0.5, "t": 4, "N": 10})
ENGINES = {"simulation": observed, "pep": worst}

CLAIMS = (
    Claim(
        name="mm-linear-rate-class",
        statement="F(x_t) - F* <= (1 - mu/L)^(t-1) (L - mu) R^2/2 for MM with the gradient surrogate of step 1/L",
        reference="Mairal, Optimization with first-order surrogate functions, 2013",
        status=Status.CHECKED,
        kind="upper",
        setting=SETTING,
        promised=mairal,
        engines=ENGINES,
        mutants=(Mutant("(L - mu) R^2/2 -> (L - mu) R^2/4.2", under_half_of_mairal, ("simulation", "pep")),),
        conditions=CONDITIONS,
        method="mm",
        tags=("surrogates", "rate", "regulariser"),
        rtol=1e-5,
        extremes=EXTREMES,
    ),
    Claim(
        name="prox-gradient-strong-gap",
        statement="F(x_t) - F* <= (mu R^2/2) / ((1 - mu/L)^(-2t) - 1) at gamma = 1/L, f mu-strongly convex",
        reference="found here by performance estimation; attained by a parabola on a half line",
        status=Status.NUMERIC,
        kind="tight",
        setting=SETTING,
        promised=closed_form,
        engines=ENGINES,
        mutants=(Mutant("- 1 -> - 1 + mu, as without a regulariser", without_regulariser, ("simulation", "pep")),),
        conditions=CONDITIONS,
        method="mm",
        tags=("gradient", "rate", "regulariser"),
        rtol=1e-5,
        extremes=EXTREMES,
    ),
)
