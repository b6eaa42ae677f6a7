r"""Many rounds from one: a chain of one-round worst cases.

Let :math:`\varphi(r)` be the worst :math:`E\|x^+-x^*\|^2` of one round over all federations and all x with
:math:`\|x-x^*\|^2\le r`. It does not decrease in r, and it is concave: the optimal value of an SDP is concave in its right-hand
sides. Hence, by Jensen's inequality, for rounds whose draws are independent of the past,

.. math:: E\|x_{t+1}-x^*\|^2\le E\varphi(\|x_t-x^*\|^2)\le\varphi(E\|x_t-x^*\|^2),
   \qquad E\|x_T-x^*\|^2\le\varphi\circ\dots\circ\varphi(R^2).

It is an upper bound: every round meets its own worst federation.

| argument | symbol |
|---|---|
| phi | :math:`\varphi` |
| R2 | :math:`R^2` |
| rounds | T |

Source: derived.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite

from fedmm.errors import SpecError

__all__ = ["chain"]


def chain(phi: Callable[[float], float], R2: float, rounds: int) -> list[float]:
    r"""The bounds :math:`R^2,\varphi(R^2),\varphi(\varphi(R^2)),\dots`, one more than there are rounds.

    Parameters
    ----------
    phi : callable
        The worst squared distance after one round, of a squared distance before it. Where a round solves an SDP, let it
        return the `dual_value`, which is proved.
    R2 : float
        The squared distance at the start, >= 0.
    rounds : int
        T >= 0.

    Raises
    ------
    SpecError
        For R2 or rounds out of range.
    """
    if not (isfinite(R2) and R2 >= 0):
        raise SpecError(f"Expected a squared distance R2 >= 0 at the start, got {R2}.")
    if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 0:
        raise SpecError(f"Expected a whole number of rounds >= 0, got {rounds!r}.")
    bounds = [float(R2)]
    for _ in range(rounds):
        bounds.append(max(float(phi(bounds[-1])), 0.0))
    return bounds
