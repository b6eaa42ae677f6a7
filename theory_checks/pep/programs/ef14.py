r"""EF14, error feedback: clients compress their step plus what earlier compressions left out.

    x given, e_i = 0
    each round, every client:   v_i = e_i + gamma grad f_i(x),   c_i = C(v_i),   |C(v) - v|^2 <= (1 - delta)|v|^2
                                e_i+ = v_i - c_i
                 the server:    x+ = x - mean(c)

| argument | symbol |
|---|---|
| gamma | gamma |
| delta | delta, the contraction of C |
| x, e, g | x, e_i, :math:`\nabla f_i(x)` |

Sources: F. Seide, H. Fu, J. Droppo, G. Li, D. Yu, *1-bit stochastic gradient descent*, Interspeech 2014; S. P. Karimireddy,
Q. Rebjock, S. Stich, M. Jaggi, *Error feedback fixes SignSGD*, ICML 2019.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from theory_checks.pep.programs import Step
from theory_checks.pep.verbs import mean, products

__all__ = ["EF14", "ef14", "ef14_step"]


class EF14(NamedTuple):
    """The state: the model, the errors, and the gradients at the model."""

    x: Any
    e: Any
    g: Any


def ef14(world: Any, *, gamma: Any, delta: Any) -> tuple[EF14, EF14]:
    """One round: (before, after)."""
    x, e = world.point("x"), world.clients("e")
    now = EF14(x, e, world.grad(x, "g"))
    v = e + gamma * now.g
    c = world.contract(v, delta)
    x = x - mean(c)
    return now, EF14(x, v - c, world.grad(x, "g+"))


def ef14_step(world: Any, *, gamma: Any, delta: Any) -> Step:
    """One round for a searched Lyapunov function: f(x) - f*, means x, e, g and deviations e, g, g*."""
    now, after = ef14(world, gamma=gamma, delta=delta)
    before, then = (
        [world.gap(state.x), *products([state.x, mean(state.e), mean(state.g)], [state.e, state.g, world.gstar])]
        for state in (now, after)
    )
    return Step(before, then, world.gap(now.x))
