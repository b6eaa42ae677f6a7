"""One exchange: down, the clients' turns, up, the aggregate, the server."""

from __future__ import annotations

from typing import Any, NamedTuple

from fedmm.aggregators.base import Aggregator, Combined
from fedmm.algorithm import Algorithm
from fedmm.buffers import Buffers, Carried, average, mix
from fedmm.channels.base import Channel
from fedmm.channels.identity import Identity
from fedmm.executors.base import Fleet
from fedmm.participation.base import Participation
from fedmm.problem import Problem
from fedmm.program import exact_bits, transmit
from fedmm.types import Cohort, Failure

__all__ = ["ClientFailure", "Exchange", "exchange"]


class ClientFailure(Exception):
    """A client could not answer and the participation does not tolerate it; the message says which, when and why."""


class Exchange(NamedTuple):
    """What an exchange did: the new server state, who was merged, and the bits both ways."""

    server: Any
    merged: tuple[int, ...]
    bits_up: int
    bits_down: int
    buffers: Buffers | None


def exchange(
    problem: Problem,
    algorithm: Algorithm,
    aggregator: Aggregator,
    downlink: Channel,
    participation: Participation,
    fleet: Fleet,
    server: Any,
    cohort: Cohort,
    *,
    exact: bool = False,
    buffers: Buffers | None = None,
) -> Exchange:
    """Carry out one exchange with this cohort; `exact` bypasses both channels (an opening).

    `buffers` go down beside the model and come back averaged over those who reply, always exactly.

    The clients' new memories are not yet committed: the caller looks at the new server state first, then calls
    ``fleet.commit(merged)``.

    Raises
    ------
    ClientFailure
        If a client fails and `participation` does not tolerate it.
    """
    outgoing = algorithm.broadcast(problem, server, cohort)
    delivered, bits_down = transmit(outgoing, Identity() if exact else downlink, None, cohort.key.fold("downlink"))
    model = algorithm.receive(problem, delivered)
    total, replied, bits_up, called = None, [], 0, len(cohort.tickets)
    failures: list[Failure] = []
    mixture = None
    carried = model if buffers is None else Carried(model, buffers)
    for reply in fleet.call(carried, cohort, exact):
        if isinstance(reply, Failure):
            failures.append(reply)
            continue
        ticket, sent = reply.ticket, reply.sent
        if buffers is not None:
            mixture, sent = mix(mixture, sent.buffers, ticket), sent.value
        weighed = aggregator.weigh(sent, ticket, cohort)
        total = weighed if total is None else aggregator.merge(total, weighed)
        if isinstance(ticket.client, tuple):
            replied.extend(ticket.client)
        else:
            replied.append(ticket.client)
        bits_up += reply.bits
    if failures and not participation.tolerates(cohort, failures):
        first = failures[0]
        raise ClientFailure(f"Client {first.ticket.client} failed in round {cohort.round}: {first.reason.rstrip('.')}.")
    if failures:  # the server sees the cohort of those who replied
        cohort = cohort._replace(tickets=tuple(ticket for ticket in cohort.tickets if ticket.client in replied))
    nobody = total is None
    combined = Combined(algorithm.nothing(problem, server), ()) if nobody else aggregator.finish(total, cohort, replied)
    server = algorithm.server(problem, server, model, combined.value, cohort)
    if buffers is not None:
        bits_down += exact_bits(buffers)
        buffers = buffers if mixture is None or mixture.mass == 0 else average(mixture)
    return Exchange(server, combined.merged, bits_up, bits_down * called, buffers)
