r"""EF21: clients compress the change of their gradients by a contraction; the server steps along the mean of the estimates.

    x given, s_i given (an estimate of grad f_i(x))
    each round:   x+ = x - gamma mean(s)
                  every client:   s_i+ = s_i + C(grad f_i(x+) - s_i),   |C(u) - u|^2 <= (1 - delta)|u|^2

| argument | symbol |
|---|---|
| gamma | gamma |
| delta | delta, the contraction of C |
| c | c in :math:`\Psi=f(x)-f^*+c\,\frac1N\sum_i\|s_i-\nabla f_i(x)\|^2` |
| x, s, g | x, s_i, :math:`\nabla f_i(x)` |
| Delta, G | :math:`f(x_0)-f^*\le\Delta`, :math:`\frac1N\sum_i\|s_i-\nabla f_i(x_0)\|^2\le G` |

With :math:`\theta=1-\sqrt{1-\delta}` and :math:`\beta=(1-\delta)/\theta`, published are

- for L-smooth f_i and :math:`\gamma\le1/(L+L\sqrt{\beta/\theta})`: the mean of :math:`\|\nabla f(x_t)\|^2` over T rounds is at
  most :math:`2\Delta/(\gamma T)+G/(\theta T)`;
- under a Polyak-Lojasiewicz constant mu and for :math:`\gamma\le\min(1/(L+L\sqrt{2\beta/\theta}),\theta/(2\mu))`:
  :math:`\Psi^+\le(1-\gamma\mu)\Psi` with :math:`c=\gamma/\theta`. Here every f_i is then mu-strongly convex.

Source: P. Richtarik, I. Sokolov, I. Fatkhullin, *EF21: a new, simpler, theoretically better, and practically faster error
feedback*, NeurIPS 2021.
"""

from __future__ import annotations

from math import sqrt
from typing import Any, NamedTuple

from theory_checks.pep.programs import Step
from theory_checks.pep.verbs import mean, norm2, products

__all__ = ["EF21", "ef21", "ef21_factor", "ef21_psi", "ef21_run", "ef21_step", "published"]


class EF21(NamedTuple):
    """The state: the model, the estimates, and the gradients that they estimate."""

    x: Any
    s: Any
    g: Any


def ef21(world: Any, *, gamma: Any, delta: Any) -> tuple[EF21, EF21]:
    """One round: (before, after)."""
    x, s = world.point("x"), world.clients("s")
    now = EF21(x, s, world.grad(x, "g"))
    x = x - gamma * mean(s)
    g = world.grad(x, "g+")
    s = s + world.contract(g - s, delta)
    return now, EF21(x, s, g)


def ef21_psi(world: Any, *, gamma: Any, delta: Any, c: Any) -> tuple[Any, Any]:
    """Psi before and after one round."""
    before, after = (world.gap(state.x) + c * norm2(state.s - state.g) for state in ef21(world, gamma=gamma, delta=delta))
    return before, after


def ef21_factor(world: Any, *, gamma: Any, delta: Any, c: Any) -> Any:
    """Psi after one round from Psi <= 1: the exact one-step factor of the published Lyapunov function."""
    before, after = ef21_psi(world, gamma=gamma, delta=delta, c=c)
    world.assume(before <= 1)
    return after


def ef21_run(world: Any, *, gamma: Any, delta: Any, rounds: int, Delta: Any = 1, G: Any = 1) -> Any:
    r"""The mean of :math:`\|\nabla f(x_t)\|^2` over t < T rounds; the world may be non-convex."""
    x, s = world.point("x"), world.clients("s")
    g = world.grad(x)
    world.assume(world.gap(x) <= Delta, norm2(s - g) <= G)
    total = norm2(mean(g))
    for _ in range(rounds - 1):
        x = x - gamma * mean(s)
        g = world.grad(x)
        s = s + world.contract(g - s, delta)
        total = total + norm2(mean(g))
    return total / rounds


def ef21_step(world: Any, *, gamma: Any, delta: Any) -> Step:
    """One round for a searched Lyapunov function: f(x) - f*, means x, s, g and deviations s - g, g - g*."""
    now, after = ef21(world, gamma=gamma, delta=delta)
    before, then = (
        [world.gap(state.x), *products([state.x, mean(state.s), mean(state.g)], [state.s - state.g, state.g - world.gstar])]
        for state in (now, after)
    )
    return Step(before, then, world.gap(now.x))


def published(delta: float, mu: float, L: float = 1.0) -> tuple[float, float, float]:
    """(gamma, c, factor) for mu > 0: the longest published step, its weight of the estimates, its promise per round."""
    theta = 1.0 - sqrt(1.0 - delta)
    gamma = min(1.0 / (L + L * sqrt(2.0 * (1.0 - delta)) / theta), theta / (2.0 * mu))
    return gamma, gamma / theta, 1.0 - gamma * mu
