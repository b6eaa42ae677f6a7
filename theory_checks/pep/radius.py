r"""Lower bounds on rates: the exact second moments of a method on quadratics, and their spectral radius.

No Lyapunov function certifies less than what one instance of the class really needs. On quadratics with random affine steps
:math:`z^+=A_jz` (probability :math:`p_j`, errors from the fixed point) second moments obey
:math:`E[z^+z^{+\top}]=\sum_jp_jA_jE[zz^\top]A_j^\top`, so :math:`E\|z_t\|^2` shrinks by the spectral radius of
:math:`\sum_jp_jA_j\otimes A_j`: exactly, no sampling.

| function | instances |
|---|---|
| `proxskip_radius` | scalar clients of curvatures :math:`a_1,\dots,a_N` |
| `proxskip_lower` | the worst pair of curvatures on a grid of [mu, L] |
| `fedmm_moments`, `fedmm_lower` | clients of one curvature a; a 4 x 4 matrix, for any N |

FedMM (DIANA) at curvature a: with :math:`e_i=h_i-g_i^*` and :math:`u_i=ax-e_i`, the moments
:math:`(Ex^2,\;Ex\bar e,\;E\bar e^2,\;E[\mathrm{dev}\,e\cdot\mathrm{dev}\,e])` are closed under

.. math:: x^+=(1-\gamma a)x-\gamma\bar n,\qquad e_i^+=(1-\alpha')e_i+\alpha'(ax+n_i),

n the noise of compression and participation, whose second moments are linear in :math:`[u\cdot u]` and
:math:`[\mathrm{dev}\,u\cdot\mathrm{dev}\,u]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np

__all__ = ["fedmm_lower", "fedmm_moments", "proxskip_lower", "proxskip_radius"]


def proxskip_radius(curvatures: Sequence[float], gamma: float, p: float) -> float:
    """ProxSkip's exact rate of E|z|^2 on scalar quadratics, one client for each curvature, shifts summing to zero.

    Parameters
    ----------
    curvatures : sequence of float
        a_i.
    gamma, p : float
        The step and the probability of a communication.
    """
    N = len(curvatures)
    eye, J = np.eye(N), np.full((N, N), 1.0 / N)
    X = np.hstack([eye - gamma * np.diag(curvatures), gamma * eye])
    H = np.hstack([np.zeros((N, N)), eye])
    heads = np.vstack([J @ X, H + (p / gamma) * (J @ X - X)])
    tails = np.vstack([X, H])
    zero_sum = np.linalg.svd(np.ones((1, N)))[2][1:].T  # an orthonormal basis of {sum h = 0}
    basis = np.block([[eye, np.zeros((N, N - 1))], [np.zeros((N, N)), zero_sum]])
    moments = sum(q * np.kron(A, A) for q, A in ((p, basis.T @ heads @ basis), (1.0 - p, basis.T @ tails @ basis)))
    return float(np.abs(np.linalg.eigvals(moments)).max())


def proxskip_lower(gamma: float, p: float, L: float = 1.0, mu: float = 0.1, points: int = 19) -> float:
    """The largest `proxskip_radius` of two clients with curvatures on a grid of `points` in [mu, L]."""
    grid = np.linspace(mu, L, points)
    return max(proxskip_radius(pair, gamma, p) for pair in combinations_with_replacement(grid.tolist(), 2))


def fedmm_moments(
    a: np.ndarray | float, gamma: float, alpha: float, N: int, omega: float, p: float = 1.0, S: int | None = None
) -> np.ndarray:
    """The matrix of the four second moments of FedMM on N clients of one curvature.

    Parameters
    ----------
    a : float or array (...)
        Curvatures.
    gamma, alpha : float
        The step of x (gamma rho), the effective memory step (a of FedMM).
    N : int
        Clients.
    omega : float
        Variance factor of the compressor.
    p, S : float, int or None
        Bernoulli participation, or (S prevails) S clients without replacement.

    Returns
    -------
    array (..., 4, 4)
    """
    a = np.asarray(a, dtype=float)
    # E mean(n)^2 = m [u.u] + m' [dev u.dev u],  E [dev n.dev n] = d [u.u] + d' [dev u.dev u]
    if S is None:
        omega_p = (1.0 + omega) / p - 1.0
        m, m_, d, d_ = omega_p / N, 0.0, omega_p * (1.0 - 1.0 / N), 0.0
    else:
        k = (N - S) / (S * (N - 1)) if N > 1 else 0.0
        apart = k * omega * (1.0 - 1.0 / N)  # from the compressor, through the subset
        m, m_ = omega / N + apart, k
        d, d_ = omega * (1.0 - 1.0 / N) + (N / S - 1.0) * (1.0 + omega) - apart, -k
    zero, one = np.zeros_like(a), np.ones_like(a)
    U = np.stack([a * a, -2.0 * a, one, one], axis=-1)  # [u.u]: (a x - mean e)^2 + [dev e.dev e]
    W = np.stack([zero, zero, zero, one], axis=-1)  # [dev u.dev u]
    mean, dev = m * U + m_ * W, d * U + d_ * W
    c, b, f = 1.0 - gamma * a, alpha * a, (1.0 - alpha) * one
    rows = [
        np.stack([c * c, zero, zero, zero], axis=-1) + gamma * gamma * mean,
        np.stack([c * b, c * f, zero, zero], axis=-1) - gamma * alpha * mean,
        np.stack([b * b, 2.0 * b * f, f * f, zero], axis=-1) + alpha * alpha * mean,
        np.stack([zero, zero, zero, f * f], axis=-1) + alpha * alpha * dev,
    ]
    moments = np.stack(rows, axis=-2)
    return moments if N > 1 else moments * np.outer([1, 1, 1, 0], [1, 1, 1, 0])


def fedmm_lower(
    L: float,
    mu: float,
    gamma: float,
    alpha: float,
    N: int,
    omega: float,
    p: float = 1.0,
    S: int | None = None,
    points: int = 9,
) -> float:
    """The worst exact rate of FedMM over clients of one curvature, on a grid of `points` in [mu, L]."""
    moments = fedmm_moments(np.linspace(mu, L, points), gamma, alpha, N, omega, p, S)
    return float(np.abs(np.linalg.eigvals(moments)).max())
