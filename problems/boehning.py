r"""Boehning's surrogate of the logistic loss: the curvature :math:`B_i=X_i^\top X_i/(4n_i)`, which bounds every Hessian.

    loss(theta) <= loss(tau) + <grad loss(tau), theta - tau> + 1/2 (theta - tau)' B_i (theta - tau)

    S_i(tau) = (s1, s2) = (B_i tau - grad loss(tau), B_i),   phi = (theta, -theta theta' / 2),   psi = (ridge/2) |theta|^2

where loss is f_i without its ridge. B_i does not depend on tau: a client forms it once and keeps it.

Source: D. Boehning and B. G. Lindsay, "Monotonicity of quadratic-approximation algorithms", Annals of the Institute of
Statistical Mathematics 40, 1988.
"""

from __future__ import annotations

from fedmm.arrays import Array, data_dot, data_tdot, namespace
from fedmm.federation import Samples
from fedmm.symmetric import pack
from problems.gram import gram

__all__ = ["CURVATURE", "WHITE", "bend", "gap", "statistic"]

CURVATURE, WHITE = 1.0, 0.25
"""The letters c and w of `problems.curved`."""


def bend(X: Array) -> Array:
    """B_i, packed, shape (..., d(d+1)/2)."""
    return 0.25 * pack(gram(X))


def statistic(data: Samples, theta: Array, known: Array | None = None) -> Array:
    """(s1, packed s2), shape (..., d + d(d+1)/2); `known` is `bend` of these samples, where it is at hand."""
    X: Array = data.X
    y: Array = data.y
    m = data_dot(X, theta)
    xp = namespace(m)
    pull = 0.25 * m + (0.5 * y) * (1.0 - xp.tanh(0.5 * y * m))  # m/4 + y sigma(-y m): sigma by tanh cannot overflow
    s1 = data_tdot(X, pull * (1.0 / X.shape[-2]))
    s2 = (bend(X) if known is None else known) + 0.0 * theta[..., :1]  # the zero lends theta's leading axis
    return xp.concat([s1 + 0.0 * s2[..., :1], s2], axis=-1)


def gap(data: Samples, theta: Array, at: Array) -> Array:
    """The surrogate of the mean loss at `theta` less the loss at the touching point `at`, shape (...)."""
    X: Array = data.X
    y: Array = data.y
    x_at = data_dot(X, at)
    move = data_dot(X, theta) - x_at
    xp = namespace(move)
    slope = (0.5 * y) * (xp.tanh(0.5 * y * x_at) - 1.0)
    return xp.mean((slope + 0.125 * move) * move, axis=-1)
