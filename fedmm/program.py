"""A client's whole turn, the same object on every executor: local work, the channel, the memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fedmm.algorithm import Algorithm
from fedmm.arrays import is_namedtuple, leaves
from fedmm.buffers import Carried
from fedmm.channels.base import Channel
from fedmm.channels.identity import Identity, value_width
from fedmm.keys import Keys, fold
from fedmm.problem import Problem
from fedmm.types import Ticket

__all__ = ["Program", "exact_bits", "transmit"]


@dataclass(frozen=True, eq=False)
class Program:
    """What a client needs to take its turn: oracles, a method, a channel; never anybody's data.

    Parameters
    ----------
    problem, algorithm, channel
        The parts, settled.
    """

    problem: Problem
    algorithm: Algorithm
    channel: Channel

    def turn(self, data: Any, model: Any, memory: Any, ticket: Ticket, exact: bool = False) -> tuple[Any, int, Any]:
        """(what the server receives, bits, the memory if the reply is merged), for one client or a block.

        Parameters
        ----------
        data, memory
            The client's; a block's with a leading axis.
        model
            What `Algorithm.receive` made of the broadcast; `Carried` with buffers where the problem has some, and so is then
            what the server receives.
        ticket : Ticket
            The invitation.
        exact : bool
            Bypass the channel (an opening).
        """
        algorithm, problem, session = self.algorithm, self.problem, None
        if type(model) is Carried:
            clients = len(ticket.client) if isinstance(ticket.client, tuple) else None
            session = problem.session(model.buffers, clients)
            problem, model = session.problem, model.value
        upload, kept = algorithm.local(problem, data, model, memory, ticket)
        if exact or type(self.channel) is Identity:
            sent, bits = upload, exact_bits(upload)
        else:
            sent, bits = transmit(upload, self.channel, algorithm.compresses, fold(ticket.key, "channel"))
        memory = algorithm.remember(memory, model, kept, sent, ticket)
        if session is not None:
            sent = Carried(sent, session.read())
            bits += exact_bits(sent.buffers)
        return sent, bits, memory

    def first_memory(self, data: Any, model: Any) -> Any:
        """What a client keeps before its first turn."""
        if type(model) is Carried:
            return self.algorithm.first_memory(self.problem.bind(model.buffers), data, model.value)
        return self.algorithm.first_memory(self.problem, data, model)


def exact_bits(x: Any) -> int:
    """Bits of sending every number of `x` at the width of its dtype; Python numbers (phases, counters) are free."""
    if type(x) is np.ndarray:
        return 8 * x.nbytes
    total = 0
    for _, leaf in leaves(x):
        if not isinstance(leaf, (int, float)):
            size = 1
            for length in leaf.shape:
                size *= int(length)
            total += size * value_width(leaf)
    return total


def transmit(x: Any, channel: Channel, compresses: tuple[str, ...] | None, key: Keys) -> tuple[Any, int]:
    """(what arrives, bits) of sending `x`, a vector or a NamedTuple of vectors, through `channel`.

    Parts whose name is not in `compresses` (None: all are) go exactly.
    """
    if type(channel) is Identity:
        return x, exact_bits(x)
    if not (isinstance(x, tuple) and is_namedtuple(x)):
        wire = channel.encode(x, key)
        return channel.decode(wire), channel.bits(wire)
    arrived, bits = {}, 0
    for name in x._fields:  # type: ignore[attr-defined]
        part = getattr(x, name)
        if part is None or isinstance(part, (int, float)) or (compresses is not None and name not in compresses):
            arrived[name], count = part, exact_bits(part)
        else:
            wire = channel.encode(part, fold(key, name))
            arrived[name], count = channel.decode(wire), channel.bits(wire)
        bits += count
    return type(x)(**arrived), bits  # type: ignore[call-arg]
