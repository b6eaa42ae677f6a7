r"""The penalty :math:`g(\theta)=a\|\theta\|_1`: value, proximal operator, and a right inverse of it.

| argument | symbol |
|---|---|
| theta | the parameter, (..., d) |
| weight | a >= 0 |
| step | the proximal step, > 0 |
"""

from __future__ import annotations

from fedmm.arrays import Array, namespace

__all__ = ["l1", "l1_lift", "l1_prox"]


def l1(theta: Array, weight: float) -> Array:
    r""":math:`a\|\theta\|_1`, shape (...)."""
    xp = namespace(theta)
    return weight * xp.sum(xp.abs(theta), axis=-1)


def l1_prox(theta: Array, weight: float) -> Array:
    r""":math:`\mathrm{sign}(\theta)\max(|\theta|-a,0)`: soft thresholding, (..., d). `theta` itself for a = 0."""
    if weight == 0:
        return theta
    xp = namespace(theta)
    return theta - xp.clip(theta, -weight, weight)


def l1_lift(theta: Array, weight: float) -> Array:
    r""":math:`\theta+a\,\mathrm{sign}(\theta)`, which `l1_prox` maps back to theta; (..., d)."""
    return theta + weight * namespace(theta).sign(theta)
