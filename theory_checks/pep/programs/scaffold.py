r"""SCAFFOLD: local steps corrected by control variates (option II, server step 1).

    x given, c_i given; c = mean(c)
    each round, a set A of S clients (all of them where S is None), every client of it:
                  y_i = x,   K times:   y_i <- y_i - gamma (grad f_i(y_i) - c_i + c)
                  c_i+ = c_i - c + (x - y_i) / (K gamma)
                  x+ = x + (1/S) sum_A (y_i - x),   c+ = c + (1/N) sum_A (c_i+ - c_i)

The server's c stays the mean of all c_i, so that it is no state of its own.

| argument | symbol |
|---|---|
| gamma | gamma, the local step |
| K | K, local steps |
| S | S, clients a round, without replacement; None: all N |
| b | b in :math:`\Psi=\|x-x^*\|^2+b\,\frac1N\sum_i\|c_i-\nabla f_i(x^*)\|^2` |
| x, c | x, c_i |

Source: S. P. Karimireddy, S. Kale, M. Mohri, S. Reddi, S. Stich, A. T. Suresh, *SCAFFOLD: stochastic controlled averaging for
federated learning*, ICML 2020.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from theory_checks.pep.programs import Step
from theory_checks.pep.verbs import mean, norm2, products

__all__ = ["Scaffold", "scaffold", "scaffold_factor", "scaffold_psi", "scaffold_step"]


class Scaffold(NamedTuple):
    """The state: the model and the control variates."""

    x: Any
    c: Any


def scaffold(world: Any, *, gamma: Any, K: int, S: int | None = None) -> tuple[Scaffold, Scaffold]:
    """One round: (before, after)."""
    x, c = world.point("x"), world.clients("c")
    y = x
    for _ in range(K):
        y = y - gamma * (world.grad(y) - c + mean(c))
    moved = y - x
    change = (x - y) / (K * gamma) - mean(c)
    if S is None:
        return Scaffold(x, c), Scaffold(x + mean(moved), c + change)
    part = world.participation(S=S)  # u_i -> (N/S) 1{i in A} u_i, one draw for both lines
    return Scaffold(x, c), Scaffold(x + mean(part(moved)), c + part(change) * S / world.N)


def scaffold_psi(world: Any, *, gamma: Any, K: int, b: Any, S: int | None = None) -> tuple[Any, Any]:
    """Psi before one round and, in expectation, after it."""
    before, after = (norm2(state.x) + b * norm2(state.c - world.gstar) for state in scaffold(world, gamma=gamma, K=K, S=S))
    return before, after


def scaffold_factor(world: Any, *, gamma: Any, K: int, b: Any, S: int | None = None) -> Any:
    """Psi after one round from Psi <= 1, in expectation: the exact one-step factor of Psi."""
    before, after = scaffold_psi(world, gamma=gamma, K=K, b=b, S=S)
    world.assume(before <= 1)
    return after


def scaffold_step(world: Any, *, gamma: Any, K: int, S: int | None = None) -> Step:
    """One round for a searched Lyapunov function: means x, c and deviations c - g*, for the squared distance."""
    now, after = scaffold(world, gamma=gamma, K=K, S=S)
    before, then = (products([state.x, mean(state.c)], [state.c - world.gstar]) for state in (now, after))
    return Step(before, then, norm2(now.x))
