r"""Jaakkola and Jordan's surrogate of the logistic loss: a curvature that follows the data.

    log(2 cosh(m/2)) <= log(2 cosh(c/2)) + lam(c) (m^2 - c^2),   c = |x' tau|,   lam(c) = tanh(c/2) / (4c),   lam(0) = 1/8

    S_i(tau) = (s1, s2) = (mean_j y_j x_j / 2,  mean_j lam(c_j) x_j x_j')
    phi = (theta, -theta theta'),   psi = (ridge/2) |theta|^2

Source: T. S. Jaakkola and M. I. Jordan, "Bayesian parameter estimation via variational methods", Statistics and Computing 10,
2000.
"""

from __future__ import annotations

from fedmm.arrays import Array, data_dot, data_tdot, namespace
from fedmm.federation import Samples
from fedmm.symmetric import pack
from problems.gram import weighted_gram

__all__ = ["CURVATURE", "WHITE", "gap", "lam", "statistic"]

CURVATURE, WHITE = 2.0, 0.125
"""The letters c and w of `problems.curved`."""


def lam(c: Array) -> Array:
    """tanh(c/2)/(4c), even in c; 1/8 at 0."""
    xp = namespace(c)
    safe = xp.where(c == 0, xp.ones_like(c), c)  # no 0/0; away from 0 the quotient keeps all its digits
    return xp.where(c == 0, xp.full_like(c, 0.125), xp.tanh(0.5 * safe) / (4.0 * safe))


def statistic(data: Samples, theta: Array) -> Array:
    """(s1, packed s2), shape (..., d + d(d+1)/2)."""
    X, y = data
    n = X.shape[-2]
    s2 = pack(weighted_gram(X, lam(data_dot(X, theta)) * (1.0 / n)))
    s1 = data_tdot(X, (0.5 / n) * y) + 0.0 * theta  # the zero lends theta's leading axis
    return namespace(theta).concat([s1, s2], axis=-1)


def gap(data: Samples, theta: Array, at: Array) -> Array:
    """The surrogate of the mean loss at `theta` less the loss at the touching point `at`, shape (...)."""
    x_theta, x_at = data_dot(data.X, theta), data_dot(data.X, at)
    y: Array = data.y
    curved = lam(x_at) * (x_theta * x_theta - x_at * x_at) - 0.5 * y * (x_theta - x_at)
    return namespace(theta).mean(curved, axis=-1)
