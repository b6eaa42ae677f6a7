r"""The interpolation inequalities of L-smooth, mu-strongly convex (or convex, or non-convex) functions.

For evaluated points :math:`(x_k,g_k,F_k)` and every ordered pair (p, q), with :math:`\alpha=1/(2(1-\mu/L))`,
dx = x_p - x_q, dg = g_p - g_q,

.. math:: F_q-F_p+[g_q\cdot dx]+\alpha\big(\tfrac1L[dg\cdot dg]+\mu[dx\cdot dx]-\tfrac{2\mu}L[dg\cdot dx]\big)\le0,

averaged over the clients of a class, which loses nothing. Necessary and sufficient (Taylor, Hendrickx and Glineur 2017);
mu = -L is the class of L-smooth functions.
"""

from __future__ import annotations

from fractions import Fraction
from math import lcm
from typing import Any

import numpy as np

__all__ = ["pairs", "rows"]


def pairs(count: int) -> tuple[np.ndarray, np.ndarray]:
    """The ordered pairs (p, q), p != q, of `count` points."""
    p, q = np.nonzero(~np.eye(count, dtype=bool))
    return p, q


def rows(X: np.ndarray, G: np.ndarray, mu: Any, L: Any) -> np.ndarray:
    r"""The quadratic part of every inequality, in one block (M, or a class's D).

    Parameters
    ----------
    X, G : array (P, n)
        Coefficients of the points and gradients in the block's symbols.
    mu, L : number
        Of the class.

    Returns
    -------
    array (P (P-1), n, n)
        Symmetric matrices, in the order of `pairs`.
    """
    if X.dtype == object:
        return _exact_rows(X, G, mu, L)
    p, q = pairs(X.shape[0])
    dx, dg, g = X[p] - X[q], G[p] - G[q], G[q]
    alpha = 1 / (2 * (1 - mu / L))
    # [g.dx] + alpha([dg.dg]/L + mu [dx.dx] - (2 mu/L)[dg.dx]) = [u.dx] + (alpha/L)[dg.dg], u gathering what meets dx
    u = g + (alpha * mu) * dx - (2 * alpha * mu / L) * dg
    half = u[:, :, None] * dx[:, None, :]
    return (half + half.transpose(0, 2, 1)) * 0.5 + (alpha / L) * (dg[:, :, None] * dg[:, None, :])


def _exact_rows(X: np.ndarray, G: np.ndarray, mu: Fraction, L: Fraction) -> np.ndarray:
    """The same on fractions: products of integers over one denominator, which are far quicker than fractions."""
    alpha = 1 / (2 * (1 - mu / L))
    unit = lcm(1, *(v.denominator for v in X.flat), *(v.denominator for v in G.flat))
    factors = (Fraction(1), alpha * mu, 2 * alpha * mu / L, 2 * alpha / L)
    share = lcm(*(f.denominator for f in factors))
    one, of_dx, of_dg, square = (int(f * share) for f in factors)
    x, y = (np.array([int(v * unit) for v in Z.flat], dtype=object).reshape(Z.shape) for Z in (X, G))
    p, q = pairs(X.shape[0])
    dx, dg = x[p] - x[q], y[p] - y[q]
    u = one * y[q] + of_dx * dx - of_dg * dg
    half = u[:, :, None] * dx[:, None, :]
    total = half + half.transpose(0, 2, 1) + square * (dg[:, :, None] * dg[:, None, :])
    below, zero = 2 * unit * unit * share, Fraction(0)
    return np.array([Fraction(v, below) if v else zero for v in total.flat], dtype=object).reshape(total.shape)
