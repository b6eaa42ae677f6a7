r"""Federations of convex quadratics of which everything is known: curvatures in [mu, L], the minimiser, the heterogeneity.

.. math:: f_i(x)=\tfrac12(x-x^*)^\top A_i(x-x^*)+\langle z_i,x\rangle,\qquad \sum_iz_i=0,\qquad \mu I\preceq A_i\preceq LI.

Curvatures are drawn from the ends as often as from between, for worst cases sit there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fedmm.federation import Federation
from problems.quadratic import Quad

__all__ = ["Bowl", "aligned", "drawn"]


class Bowl(NamedTuple):
    r"""A federation with x*, and a start x0.

    Parameters
    ----------
    federation : Federation
        Of `Quad`, with equal weights.
    best, start : array (d,)
        x*, x0.
    """

    federation: Federation
    best: np.ndarray
    start: np.ndarray


def drawn(L: float, mu: float, N: int, seed: int, *, R: float = 1.0, zeta: float = 1.0, d: int = 3) -> Bowl:
    r"""A random one: :math:`\|x_0-x^*\|=R` and :math:`\frac1N\sum_i\|z_i\|^2=\zeta^2` (0 if N = 1)."""
    rng = np.random.default_rng([seed, N, d])
    best = rng.standard_normal(d)
    away = rng.standard_normal(d)
    z = rng.standard_normal((N, d))
    z -= z.mean(axis=0)
    size = np.sqrt(np.mean(np.sum(z * z, axis=1)))
    z *= zeta / size if N > 1 else 0.0
    clients = []
    for i in range(N):
        spectrum = np.where(rng.random(d) < 0.5, rng.choice([mu, L], d), rng.uniform(mu, L, d))
        Q, _ = np.linalg.qr(rng.standard_normal((d, d)))
        A = (Q * spectrum) @ Q.T
        A = 0.5 * (A + A.T)
        clients.append(Quad(A, A @ best - z[i]))
    return Bowl(Federation(clients), best, best + R * away / np.linalg.norm(away))


def aligned(curvatures: tuple[float, ...], N: int, axis: int, *, R: float = 1.0) -> Bowl:
    """N equal diagonal quadratics, x* = 0, and a start on one axis: gradient descent multiplies by 1 - gamma a."""
    d = len(curvatures)
    start = np.zeros(d)
    start[axis] = R
    return Bowl(Federation([Quad(np.diag(curvatures), np.zeros(d))] * N), np.zeros(d), start)
