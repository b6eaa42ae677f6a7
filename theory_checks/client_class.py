r"""From a problem and a federation to the function class that worst cases are about: every client L-smooth, mu-strongly convex.

Clients with weights :math:`w_i` are N clients of equal weight with functions :math:`Nw_if_i`; hence

.. math:: L=\max_iNw_iL_i,\qquad\mu=\min_iNw_i\mu_i,

with :math:`L_i,\mu_i` the facts of the problem on client i alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fedmm.composition import Composition
from fedmm.errors import CompositionError
from fedmm.federation import Federation

__all__ = ["ClientClass", "client_class"]

ALIKE = 0.99
"""mu is taken as at most this part of L: a larger class, whose worst cases a solver finds to all digits."""


class ClientClass(NamedTuple):
    """L, mu and N of the class that a federation belongs to."""

    L: float
    mu: float
    N: int


def client_class(composition: Composition) -> ClientClass:
    """The smallest class with these clients.

    Raises
    ------
    CompositionError
        If a client's smoothness or strong convexity is unknown, or some client is not strongly convex.
    """
    problem, federation = composition.problem, composition.federation
    n = len(federation)
    L, mu = 0.0, float("inf")
    for i, weight in enumerate(federation.weights):
        alone = Federation([federation[i]], public=federation.public, check=False)
        facts = problem.facts(alone)
        upper = _known(i, "L", "smoothness", facts.smoothness, facts.notes)
        lower = _known(i, "mu", "strong_convexity", facts.strong_convexity, facts.notes)
        if lower == 0:
            raise CompositionError(
                f"No worst case: every client must be strongly convex, but client {i} has mu = 0; add a ridge to the problem."
            )
        L, mu = max(L, n * weight * upper), min(mu, n * weight * lower)
    return ClientClass(L, min(mu, ALIKE * L), n)


def _known(i: int, symbol: str, name: str, value: float | None, notes: Mapping[str, str]) -> float:
    """A fact about client i, which must be known."""
    if value is None:
        why = notes.get(name, "unknown")
        raise CompositionError(f"No worst case: {name} ({symbol}) of client {i}'s f_i is needed, but it is {why}.")
    return value
