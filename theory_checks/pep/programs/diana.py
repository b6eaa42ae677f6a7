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

__all__ = ["diana", "diana_psi"]


class State(NamedTuple):
    """The server's point and the clients' shifts."""

    x: Any
    h: Any


def diana(world: Any, *, gamma: Any, alpha: Any, omega: Any) -> Step:
    """The terms of a Lyapunov function: products of x and mean(h - g*), and of deviations of h - g*; target [x.x]."""
    before, after = _step(world, gamma, alpha, omega)

    def terms(state: State) -> list[Any]:
        error = state.h - world.gstar
        return products([state.x, mean(error)], [error])

    return Step(terms(before), terms(after), norm2(before.x))


def diana_psi(world: Any, *, gamma: Any, alpha: Any, omega: Any, c: Any) -> Any:
    """E Psi+ from any state with Psi <= 1: the exact factor of the published Lyapunov function."""
    before, after = _step(world, gamma, alpha, omega)
    M = c * omega / (world.N * alpha)

    def psi(state: State) -> Any:
        return norm2(state.x) + M * gamma * gamma * norm2(state.h - world.gstar)

    world.assume(psi(before) <= 1)
    return psi(after)


def _step(world: Any, gamma: Any, alpha: Any, omega: Any) -> tuple[State, State]:
    """The state, and the random one after a step."""
    x = world.point()
    h = world.clients("h")
    q = world.compress(world.grad(x) - h, omega)
    return State(x, h), State(x - gamma * mean(h + q), h + alpha * q)
