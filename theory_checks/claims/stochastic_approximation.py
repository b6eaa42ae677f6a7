r"""Stochastic gradient descent: additive noise with a constant step, and one step on a finite sum.

f is mu-strongly convex and L-smooth, the noise of the mean gradient has variance s2 whatever x is, 0 < gamma <= 1/L:

.. math:: E\|x_t-x^*\|^2\le(1-\gamma\mu)^tR^2+\frac{\gamma s_2}{\mu}.

Proof: the noise is uncorrelated with the past, so :math:`E\|x_{k+1}-x^*\|^2\le(1-\gamma\mu)^2E\|x_k-x^*\|^2+\gamma^2s_2`, and
:math:`\gamma^2s_2\sum_k(1-\gamma\mu)^{2k}\le\gamma s_2/(\mu(2-\gamma\mu))`. The first recursion is the exact worst case,
attained by :math:`f=\frac\mu2\|x\|^2`.

One step with the gradient of one of N >= 2 functions, drawn uniformly, :math:`v^2=\frac1N\sum_i\|\nabla f_i(x^*)\|^2`, whatever
N and the step are (PESTO's own example; exact):

.. math:: E\|x^+-x^*\|^2\le\Big(\gamma\frac{L-\mu}2R+\sqrt{(1-\gamma\tfrac{L+\mu}2)^2R^2+\gamma^2v^2}\Big)^2.

| argument | symbol |
|---|---|
| L, mu | of every client's f_i |
| gamma, t | the step, and how many |
| v | of the finite sum |
| R, s2 | :math:`\|x_0-x^*\|`, the variance of the mean of the clients' noisy gradients |
| N, seed | clients, and of the random federation |
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fedmm.federation import Federation
from problems.quadratic import Quadratic
from theory_checks.claim import Claim, Condition, Measure, Mutant, Status
from theory_checks.claims.gradient_descent import away, descended
from theory_checks.conditions import SEVERAL
from theory_checks.pep.chain import chain
from theory_checks.pep.engines import proved
from theory_checks.pep.measure import observed, worst
from theory_checks.pep.programs.gradient_descent import gd_distance
from theory_checks.pep.programs.sgd import sgd
from theory_checks.quadratic_clients import alike, scattered

__all__ = ["CLAIMS", "moments"]


def moments(federation: Federation, x0: np.ndarray, gamma: float, s2: float, t: int) -> tuple[np.ndarray, np.ndarray]:
    r"""Mean (d,) and covariance (d, d) of :math:`x_t-x^*`, exactly, where x* = 0, for isotropic noise of total variance s2.

    With :math:`B=I-\gamma A`, A the mean of the clients' :math:`A_i`: m+ = B m, C+ = B C B' + (gamma^2 s2 / d) I.
    """
    d = len(x0)
    B = np.eye(d) - gamma * sum(w * data.A for w, data in zip(federation.weights, federation, strict=True))
    m, C = x0, np.zeros((d, d))
    for _ in range(t):
        m, C = B @ m, B @ C @ B.T + gamma**2 * s2 / d * np.eye(d)
    return m, C


def distance(*, L: float, mu: float, gamma: float, R: float, s2: float, t: int, N: int, seed: int) -> float:
    """(1 - gamma mu)^t R^2 + gamma s2 / mu."""
    return (1 - gamma * mu) ** t * R**2 + gamma * s2 / mu


def distance_seen(*, L: float, mu: float, gamma: float, R: float, s2: float, t: int, N: int, seed: int) -> float:
    """E |x_t - x*|^2 in exact second moments, on the flattest quadratic and on a random federation."""
    found = []
    for federation, x0 in ((alike(mu, N, 0.0), np.array([R])), (scattered(L, mu, N, 1.0, seed), away(R, seed))):
        m, C = moments(federation, x0, gamma, s2, t)
        found.append(float(m @ m + np.trace(C)))
    return max(found)


def distance_worst(*, L: float, mu: float, gamma: float, R: float, s2: float, t: int, N: int, seed: int) -> float:
    """The exact worst case: t steps, each by its one-step worst case, which is linear in the squared distance."""
    factor = worst(gd_distance, mu=round(mu / L, 12), N=N, gamma=round(gamma * L, 12))

    def step(r: float) -> float:
        return factor * r + gamma**2 * s2

    return chain(step, R**2, t)[-1]


def distance_false(*, L: float, mu: float, gamma: float, R: float, s2: float, t: int, N: int, seed: int) -> float:
    """With half of the noise."""
    return (1 - gamma * mu) ** t * R**2 + gamma * s2 / (2 * mu)


def distance_false_rate(*, L: float, mu: float, gamma: float, R: float, s2: float, t: int, N: int, seed: int) -> float:
    """With the power 3t."""
    return (1 - gamma * mu) ** (3 * t) * R**2 + gamma * s2 / mu


# ---- one step on a finite sum


def finite_sum(*, L: float, mu: float, gamma: float, R: float, v: float, N: int, seed: int) -> float:
    """(gamma (L - mu) R/2 + sqrt((1 - gamma (L + mu)/2)^2 R^2 + gamma^2 v^2))^2."""
    return (0.5 * gamma * (L - mu) * R + sqrt((1 - 0.5 * gamma * (L + mu)) ** 2 * R**2 + gamma**2 * v**2)) ** 2


def finite_sum_seen(*, L: float, mu: float, gamma: float, R: float, v: float, N: int, seed: int) -> float:
    """E |x+ - x*|^2 over every draw: FedSGD on each client alone, from a random point and from its opposite."""
    federation = scattered(L, mu, N, v, seed)
    return max(
        float(np.mean([np.sum(descended(Quadratic(), Federation([data]), x, gamma, 1) ** 2) for data in federation]))
        for x in (away(R, seed), -away(R, seed))
    )


def finite_sum_by(engine: Measure, *, L: float, mu: float, gamma: float, R: float, v: float, N: int) -> float:
    """What an engine finds for L = R = 1, in units of R^2."""
    h, m = round(gamma * L, 12), round(mu / L, 12)
    return R**2 * engine(sgd, mu=m, N=N, gamma=h, S=1, R=1.0, v=round(v / (R * L), 12))


def finite_sum_worst(*, seed: int, **setting: Any) -> float:
    """The exact worst case."""
    return finite_sum_by(worst, **setting)


def finite_sum_proved(*, seed: int, **setting: Any) -> float:
    """A bound of the worst case, proved in fractions."""
    return finite_sum_by(proved, **setting)


def finite_sum_batch(*, seed: int, **setting: Any) -> float:
    """The worst of a batch of quadratic federations, in exact expectation over the draw."""
    return finite_sum_by(observed, **setting)


def finite_sum_false(**setting: Any) -> float:
    """v -> v/2."""
    return finite_sum(**{**setting, "v": setting["v"] / 2})


def short(*, L: float, mu: float, gamma: float, **_: Any) -> bool:
    """0 < mu < L and 0 < gamma <= 1/L."""
    return 0 < mu < L and 0 < gamma * L <= 1 + 1e-12


def in_class(*, L: float, mu: float, gamma: float, **_: Any) -> bool:
    """0 < mu < L and gamma > 0."""
    return 0 < mu < L and gamma > 0


@st.composite
def finite_sums(draw: st.DrawFn) -> dict[str, Any]:
    """Settings with 0 < mu < L and N >= 2."""
    L = draw(st.sampled_from([1.0, 2.0]))
    return {
        "L": L,
        "mu": L * draw(st.sampled_from([0.01, 0.1, 0.5])),
        "gamma": draw(st.sampled_from([0.1, 0.7, 1.5])) / L,
        "R": draw(st.sampled_from([0.5, 1.0, 2.0])),
        "v": draw(st.sampled_from([0.1, 1.0])),
        "N": draw(st.sampled_from([2, 3, 10])),
        "seed": draw(st.integers(0, 10**6)),
    }


@st.composite
def settings(draw: st.DrawFn) -> dict[str, Any]:
    """Settings with 0 < mu < L and gamma <= 1/L."""
    L = draw(st.sampled_from([0.5, 1.0, 2.0, 10.0]))
    return {
        "L": L,
        "mu": L * draw(st.sampled_from([0.01, 0.1, 0.5])),
        "gamma": draw(st.sampled_from([0.1, 0.5, 1.0])) / L,
        "R": draw(st.floats(0, 3)),
        "s2": draw(st.floats(0, 3)),
        "t": draw(st.integers(1, 60)),
        "N": draw(st.sampled_from([1, 2, 5])),
        "seed": draw(st.integers(0, 10**6)),
    }


CORNER = {"L": 1.0, "mu": 0.5, "gamma": 1.0, "N": 2, "seed": 0}

CLAIMS = (
    Claim(
        name="sgd-constant-step",
        statement="E |x_t - x*|^2 <= (1 - gamma mu)^t R^2 + gamma s2 / mu",
        reference="derived here",
        status=Status.DERIVED,
        kind="upper",
        setting=settings(),
        promised=distance,
        engines={"simulation": distance_seen, "pep": distance_worst},
        mutants=(
            Mutant("gamma s2 / mu -> gamma s2 / (2 mu)", distance_false, ("simulation", "pep")),
            Mutant("(1 - gamma mu)^t -> (1 - gamma mu)^(3t)", distance_false_rate, ("simulation", "pep")),
        ),
        conditions=(Condition("0 < mu < L and 0 < gamma <= 1/L", short),),
        method="fedsgd",
        tags=("gradient", "stochastic"),
        extremes=({**CORNER, "R": 0.0, "s2": 1.0, "t": 60}, {**CORNER, "R": 1.0, "s2": 0.0, "t": 1}),
    ),
    Claim(
        name="sgd-finite-sum",
        statement="E |x+ - x*|^2 <= (gamma (L - mu) R/2 + sqrt((1 - gamma (L + mu)/2)^2 R^2 + gamma^2 v^2))^2 after one step",
        reference="Taylor, Hendrickx and Glineur 2017 (PESTO, an example)",
        status=Status.CHECKED,
        kind="tight",
        setting=finite_sums(),
        promised=finite_sum,
        engines={
            "simulation": finite_sum_seen,
            "batch": finite_sum_batch,
            "pep": finite_sum_worst,
            "certificate": finite_sum_proved,
        },
        mutants=(Mutant("v -> v/2", finite_sum_false, ("simulation", "batch", "pep", "certificate")),),
        conditions=(Condition("0 < mu < L and gamma > 0", in_class), SEVERAL),
        method="fedsgd",
        tags=("gradient", "stochastic", "participation"),
        extremes=(
            {"L": 1.0, "mu": 0.1, "gamma": 0.7, "R": 2.0, "v": 1.0, "N": 2, "seed": 0},
            {"L": 1.0, "mu": 0.1, "gamma": 0.7, "R": 0.1, "v": 1.0, "N": 2, "seed": 0},
        ),
    ),
)
