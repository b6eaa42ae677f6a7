r"""Where local gradient descent takes one client: the statement from which the closed form of the drift follows.

Let f be L-smooth and mu-strongly convex, :math:`g=\nabla f(x_0)` and :math:`\gamma\le1/L`. Then K gradient steps from x_0 end
in a ball,

.. math:: \|x_K-x_0+\tfrac{h(\mu)+h(L)}2\,g\|\le\tfrac{h(\mu)-h(L)}2\,\|g\|,\qquad h(a)=\frac{1-(1-\gamma a)^K}a,

whose diameter joins the end points of the quadratics of curvature mu and L. Over clients with :math:`\sum_ig_i^*=0` the centres
cancel, and the mean of the radii is at most :math:`\frac\zeta2(h(\mu)-h(L))`: the drift of `theory_checks.claims.local_gd`.

**What is proved.** K = 1 (radius 0) and K = 2, where it is the inequality :math:`\langle d-\mu v,d-Lv\rangle\le0` for
:math:`v=-\gamma g` and :math:`d=\nabla f(x_0+v)-g`. For larger K it agrees with the exact worst case to the solver's accuracy
wherever it was solved. The number of clients does not enter: it is a question about one function.

| argument | symbol |
|---|---|
| L, mu | smoothness and strong convexity |
| K, gamma | steps, gamma |
| zeta | :math:`\|g\|` (for several clients, in the mean square) |
| seed | of the random instance |

Source: derived here; not found in the literature known to us, whose search was not exhaustive.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fedmm.federation import Federation
from problems.quadratic import Quad
from theory_checks.claim import Claim, Mutant, Status
from theory_checks.claims.local_gd import CONDITIONS, drift, fedavg, parameters
from theory_checks.pep.measure import observed, worst
from theory_checks.pep.programs.local_gd import local_steps
from theory_checks.pep.verbs import norm2
from theory_checks.quadratic_clients import scattered

__all__ = ["CLAIMS", "centre", "off_centre", "radius"]


def centre(*, L: float, mu: float, K: int, gamma: float) -> float:
    r""":math:`\frac12(h(\mu)+h(L))`, which is :math:`\frac\gamma2\sum_{k<K}((1-\gamma\mu)^k+(1-\gamma L)^k)`."""
    powers = np.arange(K)
    return 0.5 * gamma * float(np.sum((1.0 - gamma * mu) ** powers + (1.0 - gamma * L) ** powers))


def radius(*, L: float, mu: float, K: int, gamma: float, zeta: float, **_: Any) -> float:
    r""":math:`\frac\zeta2(h(\mu)-h(L))`."""
    return drift(L=L, mu=mu, K=K, gamma=gamma, zeta=zeta)


def off_centre(world: Any, *, K: int, gamma: Any, centre: Any, unit: Any) -> Any:
    r""":math:`\frac1N\sum_i\|x_{i,K}-x^*+c\,g_i^*\|^2/unit^2` with zeta = 1: a program."""
    world.assume(norm2(world.gstar) <= 1)
    return norm2(local_steps(world, world.origin, K, gamma)[-1] + centre * world.gstar) / unit**2


# ---- engines


def exact(**setting: Any) -> float:
    """The exact worst case."""
    return _measured(worst, **setting)


def batched(**setting: Any) -> float:
    """The largest value over a batch of quadratic federations."""
    return _measured(observed, **setting)


def _measured(measure: Any, *, L: float, mu: float, K: int, gamma: float, zeta: float, N: int, seed: int) -> float:
    """In units with L = zeta = 1 and the value near 1, so that the solver's accuracy is relative."""
    c, unit = centre(L=1.0, mu=mu / L, K=K, gamma=gamma * L), (gamma * L * K) ** 2 / 4
    return zeta / L * unit * sqrt(max(measure(off_centre, mu=mu / L, N=N, K=K, gamma=gamma * L, centre=c, unit=unit), 0.0))


def simulated(*, L: float, mu: float, K: int, gamma: float, zeta: float, N: int, seed: int) -> float:
    """The largest distance from the centre of what FedAvg makes of one client: curvature mu, curvature L, random ones."""
    c, found = centre(L=L, mu=mu, K=K, gamma=gamma), []
    scalar = [Quad(np.array([[a]]), np.array([-zeta])) for a in (mu, L)]
    for client in (*scalar, *scattered(L, mu, 3, 1.0, seed)):
        b = client.b * (zeta / np.linalg.norm(client.b))
        end = fedavg(Federation([Quad(client.A, b)]), K, gamma, np.zeros_like(b))
        found.append(float(np.linalg.norm(end - c * b)))
    return max(found)


# ---- settings and false promises

SETTING = st.builds(
    parameters,
    L=st.sampled_from((1.0, 2.0)),
    share=st.sampled_from((0.01, 0.1, 0.3)),
    gammaL=st.sampled_from((0.25, 0.5, 1.0)),
    zeta=st.sampled_from((0.1, 1.0)),
    N=st.sampled_from((2, 10)),
    K=st.integers(2, 6),
    seed=st.integers(0, 10**6),
)


def smaller_radius(**setting: Any) -> float:
    """1/2 -> 0.49."""
    return 0.98 * radius(**setting)


def one_step_less(*, K: int, **setting: Any) -> float:
    """K -> K - 1 in the radius."""
    return radius(K=K - 1, **setting)


EVERY = ("pep", "batch", "simulation")

CLAIMS = (
    Claim(
        name="local-gd-ball",
        statement="|x_K - x_0 + (h(mu)+h(L))/2 g| <= (h(mu)-h(L))/2 |g|, h(a) = (1-(1-gamma a)^K)/a, g the gradient at x_0",
        reference="derived here",
        status=Status.NUMERIC,
        kind="tight",
        setting=SETTING,
        promised=radius,
        engines={"pep": exact, "batch": batched, "simulation": simulated},
        mutants=(
            Mutant("1/2 -> 0.49 in the radius", smaller_radius, EVERY),
            Mutant("K -> K - 1 in the radius", one_step_less, EVERY),
        ),
        conditions=CONDITIONS,
        method="fedavg",
        tags=("local-steps", "heterogeneity"),
        extremes=(
            {"L": 1.0, "mu": 0.1, "gamma": 1.0, "K": 3, "zeta": 1.0, "N": 2, "seed": 0},
            {"L": 1.0, "mu": 0.01, "gamma": 0.5, "K": 6, "zeta": 1.0, "N": 2, "seed": 0},
        ),
    ),
)
