r"""The proximal gradient method, for F = f + g with a convex regulariser g that the server handles.

    for k = 0, ..., t-1:   x_{k+1} = prox_{gamma g}(x_k - gamma mean_i grad f_i(x_k))

| argument | symbol |
|---|---|
| gamma | gamma |
| t | t, steps |
| R | :math:`\|x_0-x^*\|\le R` |
| zeta | :math:`\frac1N\sum_i\|\nabla f_i(x^*)\|^2\le\zeta^2`, or None for no bound: F needs none |

The world needs a regulariser: ``SymPEP(..., regularizer=True)``. Source: A. Taylor, J. Hendrickx, F. Glineur, *Exact worst-case
performance of first-order methods for composite convex optimization*, SIAM J. Optim. 27, 2017.
"""

from __future__ import annotations

from typing import Any

from theory_checks.pep.verbs import mean, norm2

__all__ = ["prox_gradient_distance", "prox_gradient_gap"]


def prox_gradient_gap(world: Any, *, gamma: Any, t: int = 1, R: Any = 1, zeta: Any = None) -> Any:
    r""":math:`F(x_t)-F^*`."""
    x = _last(world, gamma, t, R, zeta)
    return world.gap(x) + world.regularizer(x)


def prox_gradient_distance(world: Any, *, gamma: Any, t: int = 1, R: Any = 1, zeta: Any = None) -> Any:
    r""":math:`\|x_t-x^*\|^2`."""
    return norm2(_last(world, gamma, t, R, zeta))


def _last(world: Any, gamma: Any, t: int, R: Any, zeta: Any) -> Any:
    x = world.point()
    world.assume(norm2(x) <= R**2)
    if zeta is not None:
        world.assume(norm2(world.gstar) <= zeta**2)
    for _ in range(t):
        x = world.prox_regularizer(x - gamma * mean(world.grad(x)), gamma)
    return x
