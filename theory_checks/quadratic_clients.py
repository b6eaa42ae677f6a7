r"""Federations of quadratics with optimum 0 and prescribed L, mu and zeta: extreme ones, and random ones.

Client i has :math:`f_i(x)=\frac12x^\top A_ix-b_i^\top x`, mu I <= A_i <= L I, :math:`\sum_ib_i=0` and
:math:`\frac1N\sum_i\|b_i\|^2=\zeta^2`; :math:`-b_i` is its gradient at the optimum.

| here | symbol |
|---|---|
| opposed | scalar clients of curvatures mu and L that pull in opposite directions |
| alike | scalar clients of one curvature |
| scattered | random curvatures, axes and directions |
"""

from __future__ import annotations

import numpy as np

from fedmm.federation import Federation
from problems.quadratic import Quad

__all__ = ["alike", "opposed", "scattered"]


def opposed(L: float, mu: float, N: int, zeta: float) -> Federation:
    r"""Halves of :math:`\mu x^2/2+zx` and :math:`Lx^2/2-zx`, with z = zeta if N is even; if it is odd, one more without pull."""
    signs = _signs(N)
    return _scalar(np.where(signs >= 0, mu, L), signs, zeta)


def alike(curvature: float, N: int, zeta: float) -> Federation:
    """Every client has this curvature; halves pull in opposite directions."""
    return _scalar(np.full(N, curvature), _signs(N), zeta)


def scattered(L: float, mu: float, N: int, zeta: float, seed: int, d: int = 3) -> Federation:
    """Random clients in dimension d; each curvature is mu, L, or uniform between them."""
    rng = np.random.default_rng([seed, 17])
    u = rng.random((N, d))
    curvatures = mu + (L - mu) * np.where(rng.random((N, d)) < 0.5, np.round(u), u)
    Q = np.linalg.qr(rng.standard_normal((N, d, d)))[0]
    b = rng.standard_normal((N, d))
    b -= b.mean(axis=0)
    size = np.sqrt(np.mean(np.sum(b**2, axis=1)))
    b *= zeta / size if N > 1 else 0.0
    A = np.einsum("nij,nj,nkj->nik", Q, curvatures, Q)
    return Federation([Quad(a, c) for a, c in zip(A, b, strict=True)])


def _signs(N: int) -> np.ndarray:
    """1, -1, 1, -1, ..., and 0 at the end if N is odd."""
    signs = np.where(np.arange(N) % 2 == 0, 1.0, -1.0)
    if N % 2:
        signs[-1] = 0.0
    return signs


def _scalar(curvatures: np.ndarray, signs: np.ndarray, zeta: float) -> Federation:
    size = np.sqrt(np.mean(signs**2))
    z = zeta / size if size > 0 else 0.0
    return Federation([Quad(np.array([[a]]), np.array([-s * z])) for a, s in zip(curvatures, signs, strict=True)])
