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

__all__ = ["ProxSkip", "proxskip", "proxskip_factor", "proxskip_psi", "proxskip_step"]


class ProxSkip(NamedTuple):
    """The clients' points and shifts; the shifts as (gamma/p) h, so that both are of one size."""

    x: Any
    shift: Any


def proxskip(world: Any, *, gamma: Any, p: Any) -> tuple[ProxSkip, ProxSkip, ProxSkip]:
    """One step: (before, after heads, after tails)."""
    shift = world.clients("shift", zero_mean=True)
    x = world.clients("x")
    there = x - gamma * world.grad(x) + p * shift
    meet = mean(there)
    return ProxSkip(x, shift), ProxSkip(meet, shift + (meet - there)), ProxSkip(there, shift)


def proxskip_psi(world: Any, *, gamma: Any, p: Any) -> tuple[Any, Any]:
    """Psi before a step, and its expectation after it."""
    before, heads, tails = (
        norm2(state.x) + norm2(state.shift - gamma / p * world.gstar) for state in proxskip(world, gamma=gamma, p=p)
    )
    return before, mix(p, [heads], [tails])[0]


def proxskip_factor(world: Any, *, gamma: Any, p: Any) -> Any:
    """E Psi+ from Psi <= 1: the exact one-step factor of the published Lyapunov function."""
    before, after = proxskip_psi(world, gamma=gamma, p=p)
    world.assume(before <= 1)
    return after


def proxskip_step(world: Any, *, gamma: Any, p: Any) -> Step:
    """One step for a searched Lyapunov function: mean x, deviations of x and of (gamma/p)(h - g*); target [x.x]."""
    states = proxskip(world, gamma=gamma, p=p)
    now, heads, tails = (products([mean(one.x)], [one.x, one.shift - gamma / p * world.gstar]) for one in states)
    return Step(now, mix(p, heads, tails), norm2(states[0].x))
