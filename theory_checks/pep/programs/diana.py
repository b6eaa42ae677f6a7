r"""DIANA: compressed differences to shifts that learn the gradients at the optimum.

    q_i = C(grad f_i(x) - h_i)                  E q_i = grad f_i(x) - h_i,  variance factor omega, independent clients
    x+  = x - gamma mean(h_i + q_i)
    h_i+ = h_i + alpha q_i

| argument | symbol |
|---|---|
| gamma, alpha | :math:`\gamma`, :math:`\alpha`; published: :math:`1/(L(1+6\omega/N))` and :math:`1/(1+\omega)` |
| omega | :math:`\omega`, with :math:`E\|C(u)-u\|^2=\omega\|u\|^2` |
| c | of :math:`M=c\,\omega/(N\alpha)`; published: 4 |
| Psi | :math:`\Psi=\|x\|^2+M\gamma^2\frac1N\sum_i\|h_i-g_i^*\|^2` (x* = 0) |

Source: S. Horvath, D. Kovalev, K. Mishchenko, S. Stich, P. Richtarik (2019), *Stochastic distributed learning with gradient
quantization and variance reduction*; the form above follows E. Gorbunov, F. Hanzely, P. Richtarik (2020).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from theory_checks.pep.programs import Step
from theory_checks.pep.verbs import mean, norm2, products

__all__ = ["Diana", "diana", "diana_factor", "diana_psi", "diana_step"]


class Diana(NamedTuple):
    """The server's point and the clients' shifts."""

    x: Any
    h: Any


def diana(world: Any, *, gamma: Any, alpha: Any, omega: Any) -> tuple[Diana, Diana]:
    """One step: (before, after)."""
    x = world.point()
    h = world.clients("h")
    q = world.compress(world.grad(x) - h, omega)
    return Diana(x, h), Diana(x - gamma * mean(h + q), h + alpha * q)


def diana_psi(world: Any, *, gamma: Any, alpha: Any, omega: Any, c: Any) -> tuple[Any, Any]:
    """Psi before a step, and its expectation after it."""
    M = c * omega / (world.N * alpha)
    states = diana(world, gamma=gamma, alpha=alpha, omega=omega)
    before, after = (norm2(state.x) + M * gamma * gamma * norm2(state.h - world.gstar) for state in states)
    return before, after


def diana_factor(world: Any, *, gamma: Any, alpha: Any, omega: Any, c: Any) -> Any:
    """E Psi+ from Psi <= 1: the exact one-step factor of the published Lyapunov function."""
    before, after = diana_psi(world, gamma=gamma, alpha=alpha, omega=omega, c=c)
    world.assume(before <= 1)
    return after


def diana_step(world: Any, *, gamma: Any, alpha: Any, omega: Any) -> Step:
    """One step for a searched Lyapunov function: x, mean(h - g*) and deviations of h - g*; target [x.x]."""
    states = diana(world, gamma=gamma, alpha=alpha, omega=omega)
    now, after = (products([one.x, mean(one.h - world.gstar)], [one.h - world.gstar]) for one in states)
    return Step(now, after, norm2(states[0].x))
