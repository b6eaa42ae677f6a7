r"""What mixtures share: weights on the simplex, and responsibilities.

| argument | symbol |
|---|---|
| weights | pi_k >= 0 with sum 1, (..., K) |
| joint | log pi_k + log p_k(z_j), (..., n, K) |
| a | the weights' prior: g has -a sum_k log pi_k |

Products with log pi_k are 0 where their factor is 0, so that a component of weight 0 is legal.
"""

from __future__ import annotations

import numpy as np

from fedmm.arrays import Array, as_like, namespace
from fedmm.errors import SpecError
from problems.checks import check_constants

__all__ = [
    "check_mixture",
    "expected",
    "first_moments",
    "log_weights",
    "normalized",
    "on_simplex",
    "responsibilities",
    "to_simplex",
    "weights_penalty",
]


def check_mixture(name: str, components: int, **constants: float) -> None:
    """Refuse fewer than one component, and prior strengths that are negative or not finite.

    Raises
    ------
    SpecError
        Naming the field.
    """
    if components < 1:
        raise SpecError(f"Expected {name}.components >= 1, got {components}.")
    check_constants(name, None, **constants)


def log_weights(weights: Array) -> Array:
    """log pi, and -inf where pi <= 0; (..., K)."""
    xp = namespace(weights)
    positive = weights > 0
    return xp.where(positive, xp.log(xp.where(positive, weights, xp.ones_like(weights))), xp.full_like(weights, -xp.inf))


def responsibilities(joint: Array) -> tuple[Array, Array]:
    """(log sum_k exp(joint_k), softmax of joint): (..., n) and (..., n, K), without overflow."""
    xp = namespace(joint)
    top = xp.max(joint, axis=-1, keepdims=True)
    e = xp.exp(joint - top)
    total = xp.sum(e, axis=-1, keepdims=True)
    return (top + xp.log(total))[..., 0], e / total


def expected(r: Array, joint: Array) -> Array:
    """sum_k r_k joint_k, (..., n), with 0 x (-inf) = 0."""
    xp = namespace(joint)
    return xp.sum(r * xp.where(r > 0, joint, xp.zeros_like(joint)), axis=-1)


def first_moments(X: Array, r: Array) -> tuple[Array, Array]:
    """sum_j r_jk (..., K) and sum_j r_jk z_j (..., K, p)."""
    xp = namespace(X)
    s2 = xp.matrix_transpose(r) @ X
    return xp.sum(r, axis=-2) + 0.0 * s2[..., 0], s2  # the zero lends X's leading axis


def normalized(name: str, s1: Array, a: float) -> Array:
    r""":math:`(s_{1k}+a)/(\sum_ls_{1l}+Ka)`, (..., K).

    Raises
    ------
    ZeroDivisionError
        If all is zero.
    """
    xp = namespace(s1)
    total = xp.sum(s1, axis=-1, keepdims=True) + a * s1.shape[-1]
    if not bool(xp.all(total > 0)):
        raise ZeroDivisionError(
            f"{name}: every component of the statistic is empty, so T(s) does not exist; raise a, or scale the data."
        )
    return (s1 + a) / total


def weights_penalty(weights: Array, a: float) -> Array:
    r""":math:`-a\sum_k\log\pi_k`, (...); +inf off the simplex (up to rounding)."""
    xp = namespace(weights)
    cost = -a * xp.sum(log_weights(weights), axis=-1) if a else xp.zeros_like(weights[..., 0])
    return xp.where(on_simplex(weights), cost, xp.full_like(cost, xp.inf))


def on_simplex(weights: Array) -> Array:
    """Whether pi >= 0 sums to 1, to the square root of the rounding unit; (...)."""
    xp = namespace(weights)
    off = xp.abs(xp.sum(weights, axis=-1) - 1.0)
    return xp.all(weights >= 0, axis=-1) & (off <= float(xp.finfo(weights.dtype).eps) ** 0.5)


def to_simplex(weights: Array) -> Array:
    """The Euclidean projection onto the simplex, (..., K); `weights` where they are on it already."""
    xp, K = namespace(weights), weights.shape[-1]
    down = xp.flip(xp.sort(weights, axis=-1), axis=-1)
    count = as_like(np.arange(1.0, K + 1.0), weights)
    threshold = (down @ as_like(np.triu(np.ones((K, K))), weights) - 1.0) / count
    level = xp.max(threshold, axis=-1, keepdims=True)  # attained at the number of positive entries
    found = xp.maximum(weights - level, xp.zeros_like(weights))
    return xp.where(on_simplex(weights)[..., None], weights, found)
