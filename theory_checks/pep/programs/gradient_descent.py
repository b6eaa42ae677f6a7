r"""Gradient descent, which is FedSGD with everyone present and exact uploads.

    for k = 0, ..., t-1:   x_{k+1} = x_k - gamma mean_i grad f_i(x_k)

| argument | symbol |
|---|---|
| gamma | gamma |
| t | t, steps |
| R | :math:`\|x_0-x^*\|\le R` |
| zeta | :math:`\frac1N\sum_i\|\nabla f_i(x^*)\|^2\le\zeta^2`; it changes nothing, only the mean gradient is used |
| Delta | :math:`f(x_0)-f^*\le\Delta` |

Sources: Y. Drori, M. Teboulle, *Performance of first-order methods for smooth convex minimization: a novel approach*, 2014;
for FedSGD, B. McMahan et al., *Communication-efficient learning of deep networks from decentralized data*, AISTATS 2017.
"""

from __future__ import annotations

from typing import Any

from theory_checks.pep.programs.start import start
from theory_checks.pep.verbs import mean, norm2

__all__ = ["descend", "gd_distance", "gd_factor", "gd_gap", "gd_gradient"]


def descend(world: Any, x: Any, gamma: Any, t: int) -> list[Any]:
    """The points x_0 = x, x_1, ..., x_t."""
    points = [x]
    for _ in range(t):
        points.append(points[-1] - gamma * mean(world.grad(points[-1])))
    return points


def gd_gap(world: Any, *, gamma: Any, t: int = 1, R: Any = 1, zeta: Any = 1) -> Any:
    r""":math:`f(x_t)-f^*` from :math:`\|x_0-x^*\|\le R`."""
    return world.gap(descend(world, start(world, R, zeta), gamma, t)[-1])


def gd_distance(world: Any, *, gamma: Any, t: int = 1, R: Any = 1, zeta: Any = 1) -> Any:
    r""":math:`\|x_t-x^*\|^2` from :math:`\|x_0-x^*\|\le R`."""
    return norm2(descend(world, start(world, R, zeta), gamma, t)[-1])


def gd_factor(world: Any, *, gamma: Any, t: int = 1, Delta: Any = 1) -> Any:
    r""":math:`f(x_t)-f^*` from :math:`f(x_0)-f^*\le\Delta`."""
    x = world.point()
    world.assume(world.gap(x) <= Delta)
    return world.gap(descend(world, x, gamma, t)[-1])


def gd_gradient(world: Any, *, gamma: Any, t: int = 1, Delta: Any = 1) -> Any:
    r""":math:`\min_{k<t}\|\nabla f(x_k)\|^2`, the least of the first t gradients, from :math:`f(x_0)-f^*\le\Delta`."""
    x = world.point()
    world.assume(world.gap(x) <= Delta)
    return world.minimum([norm2(mean(world.grad(y))) for y in descend(world, x, gamma, t - 1)])
