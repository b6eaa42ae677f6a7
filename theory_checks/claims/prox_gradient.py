r"""The proximal gradient method: its exact worst case in function values.

For F = f + g, f convex and L-smooth, g convex, gamma = 1/L (Taylor, Hendrickx and Glineur 2017):

.. math:: F(x_t)-F^*\le\frac{LR^2}{4t}.

Attained by a linear f of slope :math:`LR/(2t)` on the half line x >= 0, from x = R: the method goes half of the way to 0 in t
steps. The library's majorise-minimise method with the gradient surrogate is this method; the half line is a `Box`, the slope
the outer branch of a Huber function.

| argument | symbol |
|---|---|
| L | of every client's f_i; gamma = 1/L |
| R, t | :math:`\|x_0-x^*\|`, steps |
| N, seed | clients, and of the random federation: least squares with an l1 penalty |
"""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from fedmm import MM, solve
from fedmm.federation import Federation, Samples
from fedmm.problem import Problem
from problems.huber import Huber
from problems.least_squares import LeastSquares
from problems.penalties import Box
from theory_checks.claim import Claim, Mutant, Status
from theory_checks.pep.engines import proved
from theory_checks.pep.measure import observed, worst
from theory_checks.pep.programs.prox_gradient import prox_gradient_gap

__all__ = ["CLAIMS", "half_line", "lasso"]


def half_line(L: float, R: float, t: int, N: int) -> tuple[Problem, Federation]:
    """N times the same linear function of slope L R/(2t), on x >= 0; its minimum is 0, at 0, but for a constant."""
    delta = 0.5 * L**0.5 * R / t
    data = Samples(np.array([[L**0.5]]), np.array([-delta]))
    return Huber(delta=delta, g=Box(), surrogate="gradient", rho=1 / L), Federation([data] * N)


def lasso(L: float, N: int, seed: int, d: int = 3, n: int = 6) -> tuple[Problem, Federation, np.ndarray]:
    """A random lasso over N clients of smoothness L, and its solution: one coordinate of it is 0."""
    rng = np.random.default_rng([seed, N, d])
    X = rng.standard_normal((N, n, d)) * rng.uniform(0.1, 1.0, (N, 1, d))
    X *= np.sqrt(L / max(np.linalg.eigvalsh(x.T @ x / n)[-1] for x in X))
    best = np.where(np.arange(d) > 0, rng.standard_normal(d), 0.0)
    l1 = L * rng.uniform(0.01, 1.0)
    slope = l1 * np.where(best == 0, rng.uniform(-1, 1, d), np.sign(best))  # in the subdifferential of l1 |.|_1 at best
    apart = L * rng.standard_normal((N, d))
    apart -= apart.mean(axis=0)
    clients = []
    for x, z in zip(X, apart, strict=True):  # the gradient at best is x' (x best - y) / n = z - slope
        clients.append(Samples(x, x @ best + n * x @ np.linalg.solve(x.T @ x, slope - z)))
    return LeastSquares(l1=float(l1), rho=1 / L), Federation(clients), best


def gap(*, L: float, R: float, t: int, N: int, seed: int) -> float:
    """L R^2 / (4t)."""
    return L * R**2 / (4 * t)


def gap_seen(*, L: float, R: float, t: int, N: int, seed: int) -> float:
    """F(x_t) - F*, on the half line and on a random lasso."""
    found = []
    rng = np.random.default_rng([seed, 1])
    away = rng.standard_normal(3)
    line, random = half_line(L, R, t, N), lasso(L, N, seed)
    cases = ((*line, np.zeros(1), np.array([R])), (*random, random[2] + R * away / np.linalg.norm(away)))
    for problem, federation, best, x0 in cases:
        x = solve(problem, federation, MM(), x0, rounds=t, metrics=(), progress=False).theta
        found.append(problem.objective(federation, x) - problem.objective(federation, best))
    return max(found)


def gap_worst(*, L: float, R: float, t: int, N: int, seed: int) -> float:
    """The exact worst case, computed for L = R = 1 and scaled."""
    return L * R**2 * worst(prox_gradient_gap, mu=0.0, N=N, regularizer=True, gamma=1.0, t=t)


def gap_proved(*, L: float, R: float, t: int, N: int, seed: int) -> float:
    """A bound of the worst case, proved in fractions, computed for L = R = 1 and scaled."""
    return L * R**2 * proved(prox_gradient_gap, mu=0.0, N=N, regularizer=True, gamma=1.0, t=t)


def gap_batch(*, L: float, R: float, t: int, N: int, seed: int) -> float:
    """The worst of a batch of quadratic federations with quadratic regularisers, for L = R = 1 and scaled."""
    return L * R**2 * observed(prox_gradient_gap, mu=0.0, N=N, regularizer=True, gamma=1.0, t=t)


def gap_false(*, L: float, R: float, t: int, N: int, seed: int) -> float:
    """What plain gradient descent has: L R^2 / (4t + 2)."""
    return L * R**2 / (4 * t + 2)


CLAIMS = (
    Claim(
        name="prox-gradient-gap",
        statement="F(x_t) - F* <= L R^2 / (4t) at gamma = 1/L",
        reference="Taylor, Hendrickx and Glineur 2017",
        status=Status.CHECKED,
        kind="tight",
        setting=st.fixed_dictionaries(
            {
                "L": st.sampled_from([0.5, 1.0, 2.0, 10.0]),
                "R": st.sampled_from([0.5, 1.0, 2.0, 10.0]),
                "t": st.integers(1, 5),
                "N": st.sampled_from([1, 2, 10]),
                "seed": st.integers(0, 10**6),
            }
        ),
        promised=gap,
        engines={"simulation": gap_seen, "batch": gap_batch, "pep": gap_worst, "certificate": gap_proved},
        mutants=(Mutant("4t -> 4t + 2, as without a regulariser", gap_false, ("simulation", "pep", "certificate")),),
        method="mm",
        tags=("gradient", "convex", "regulariser"),
        extremes=({"L": 1.0, "R": 1.0, "t": 1, "N": 1, "seed": 0},),
    ),
)
