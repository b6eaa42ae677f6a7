r"""ProxSkip (Scaffnew): gradient steps with shifts, which meet with probability p.

    x_i' = x_i - gamma (grad f_i(x_i) - h_i)
    heads (probability p):   x_i+ = x' = mean(x_i'),   h_i+ = h_i + (p/gamma) (x' - x_i')
    tails:                   x_i+ = x_i',              h_i+ = h_i

| argument | symbol |
|---|---|
| gamma | :math:`\gamma` |
| p | the probability of a communication |
| Psi | :math:`\Psi=\frac1N\sum_i\|x_i\|^2+(\gamma/p)^2\frac1N\sum_i\|h_i-g_i^*\|^2` (x* = 0, h* = g*) |

The shifts sum to zero. The mean of x' - (gamma/p) h is that of x'. Source: K. Mishchenko, G. Malinovsky, S. Stich,
P. Richtarik, *ProxSkip: Yes! Local gradient steps provably lead to communication acceleration! Finally!* (ICML 2022).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from theory_checks.pep.programs import Step
from theory_checks.pep.verbs import mean, mix, norm2, products

__all__ = ["proxskip", "proxskip_psi"]


class State(NamedTuple):
    """The clients' points and shifts; the shifts in units of p/gamma, so that both are of one size."""

    x: Any
    shift: Any


def proxskip(world: Any, *, gamma: Any, p: Any) -> Step:
    """The terms of a Lyapunov function: products of mean x, and of deviations of x and (gamma/p)(h - g*); target [x.x]."""
    before, heads, tails = _outcomes(world, gamma, p)

    def terms(state: State) -> list[Any]:
        return products([mean(state.x)], [state.x, state.shift - gamma / p * world.gstar])

    return Step(terms(before), mix(p, terms(heads), terms(tails)), norm2(before.x))


def proxskip_psi(world: Any, *, gamma: Any, p: Any) -> Any:
    """E Psi+ from any state with Psi <= 1: the exact factor of the published Lyapunov function."""
    before, heads, tails = _outcomes(world, gamma, p)

    def psi(state: State) -> Any:
        return norm2(state.x) + norm2(state.shift - gamma / p * world.gstar)

    world.assume(psi(before) <= 1)
    return mix(p, [psi(heads)], [psi(tails)])[0]


def _outcomes(world: Any, gamma: Any, p: Any) -> tuple[State, State, State]:
    """The state, and what it becomes with heads and with tails."""
    shift = world.clients("shift", zero_mean=True)  # (gamma/p) h
    x = world.clients("x")
    there = x - gamma * world.grad(x) + p * shift
    meet = mean(there)
    return State(x, shift), State(meet, shift + (meet - there)), State(there, shift)
