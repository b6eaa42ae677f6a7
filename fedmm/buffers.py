r"""Numbers a model keeps beside its parameters: the running means and variances of batch normalisation.

No gradient moves them: a client updates them as it looks at batches. They travel beside the model and beside the upload, exactly,
and the server averages them over the clients that replied, with weights w_i normalised over these; where all of these are 0 it
keeps its own. Channels, aggregators and methods never see them.

| name | symbol |
|---|---|
| averaged | b_i, (..., b): the server takes sum_{i in A} w_i b_i / sum_{i in A} w_i |
| copied | whole numbers such as counts, (..., k), taken from the first client that replied |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from fedmm.arrays import Array, namespace
from fedmm.types import Ticket

if TYPE_CHECKING:
    from fedmm.problem import Problem

__all__ = ["Buffers", "Carried", "Mixture", "Session", "average", "mix"]


class Buffers(NamedTuple):
    """The buffers of a model, or of each client of a block."""

    averaged: Array
    copied: Array


class Carried(NamedTuple):
    """A model or an upload, and the buffers that travel beside it."""

    value: Any
    buffers: Buffers


class Session(NamedTuple):
    """A problem for one client's turn, whose gradients update buffers, and a function that reads them afterwards."""

    problem: Problem
    read: Callable[[], Buffers]


class Mixture(NamedTuple):
    """A sum of weighted buffers on its way to an average."""

    total: Array
    mass: float
    copied: Array


def mix(mixture: Mixture | None, buffers: Buffers, ticket: Ticket) -> Mixture:
    """The mixture with a reply, or with those of a block, added."""
    averaged, copied = buffers
    weight = ticket.weight
    if isinstance(ticket.client, tuple):
        xp = namespace(averaged)
        added = Mixture(xp.sum(averaged * weight, axis=0), float(xp.sum(weight)), copied[0, ...])
    else:
        added = Mixture(averaged * weight, weight, copied)
    if mixture is None:
        return added
    return Mixture(mixture.total + added.total, mixture.mass + added.mass, mixture.copied)


def average(mixture: Mixture) -> Buffers:
    """The server's next buffers."""
    return Buffers(mixture.total / mixture.mass, mixture.copied)
