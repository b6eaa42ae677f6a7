r"""Gradient descent with a robust aggregator, over the N honest clients.

    local    g_i = grad f_i(x)
    server   x+ = x - gamma (mean_i g_i + e),   |e|^2 <= kappa (1/N) sum_i |g_i - mean_j g_j|^2

e is what the Byzantine clients achieve through an (f, kappa)-robust aggregator.

| argument | symbol |
|---|---|
| gamma | gamma |
| kappa | kappa |
| R, zeta | :math:`\|x-x^*\|\le R`, :math:`\frac1N\sum_i\|\nabla f_i(x^*)\|^2\le\zeta^2` |
| t, Delta | gradients, :math:`f(x_0)-f^*\le\Delta` |
| G | :math:`\frac1N\sum_i\|\nabla f_i(x)-\nabla f(x)\|^2\le G^2` at the first t points |

Source of the robustness property: Y. Allouah et al., *Fixing by mixing: a recipe for optimal
Byzantine ML under heterogeneity*, AISTATS 2023.
"""

from __future__ import annotations

from typing import Any

from theory_checks.pep.programs.start import start
from theory_checks.pep.verbs import dev, mean, norm2

__all__ = ["byzantine_gd", "byzantine_gradients"]


def byzantine_gd(world: Any, *, gamma: Any, kappa: Any, R: Any = 1, zeta: Any = 1) -> Any:
    r""":math:`\|x^+-x^*\|^2` after one step."""
    x = start(world, R, zeta)
    return norm2(x - gamma * world.robust_mean(world.grad(x), kappa))


def byzantine_gradients(world: Any, *, gamma: Any, kappa: Any, t: int, Delta: Any = 1, G: Any = 1) -> Any:
    r""":math:`\frac1t\sum_{k<t}\|\nabla f(x_k)\|^2` over t - 1 steps."""
    x = world.point()
    world.assume(world.gap(x) <= Delta)
    g = world.grad(x)
    world.assume(norm2(dev(g)) <= G**2)
    total = norm2(mean(g))
    for _ in range(t - 1):
        x = x - gamma * world.robust_mean(g, kappa)
        g = world.grad(x)
        world.assume(norm2(dev(g)) <= G**2)
        total = total + norm2(mean(g))
    return total / t
