r"""Local gradient descent on functions that need not be convex.

    round    y_i = x;   K times: y_i <- y_i - gamma grad f_i(y_i);   x <- (1/N) sum_i y_i

| argument | symbol |
|---|---|
| K, gamma, rounds | local steps, gamma, T |
| Delta | :math:`f(x_0)-\inf f\le\Delta` |
| zeta | :math:`\frac1N\sum_i\|\nabla f_i(x_t)-\nabla f(x_t)\|^2\le\zeta^2` at every round's start |

The world has mu = -L: ``SymPEP(L=1.0, mu=-1.0, N=10)``.
"""

from __future__ import annotations

from typing import Any

from theory_checks.pep.programs.local_gd import local_steps
from theory_checks.pep.verbs import dev, mean, norm2

__all__ = ["stationarity"]


def stationarity(world: Any, *, K: int, gamma: Any, Delta: Any, zeta: Any, rounds: int) -> Any:
    r""":math:`\min_{t<T}\|\nabla f(x_t)\|^2` over the starts of the rounds."""
    x = world.point()
    world.assume(world.gap(x) <= Delta)
    seen = []
    for _ in range(rounds):
        g = world.grad(x)
        world.assume(norm2(dev(g)) <= zeta**2)
        seen.append(norm2(mean(g)))
        x = mean(local_steps(world, x, K, gamma)[-1])
    world.gap(x)  # the infimum of f bounds the values at the end, too
    return world.minimum(seen)
