"""One exchange of several lanes: every client's data are touched once, for all lanes that invited it.

Lanes with the same cohort are aggregated together; lanes whose seeds drew other cohorts share the clients' turns only.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any, NamedTuple

from fedmm.aggregators.base import Aggregator
from fedmm.algorithm import Algorithm
from fedmm.arrays import Array, leaves
from fedmm.channels.base import Channel
from fedmm.channels.identity import Identity
from fedmm.exchange import ClientFailure
from fedmm.executors.base import CLIENT_ERRORS
from fedmm.federation import Federation
from fedmm.keys import Keys
from fedmm.problem import Problem
from fedmm.program import exact_bits, transmit
from fedmm.sweep.lanes import column, join, pick, row, side_by_side
from fedmm.types import Cohort, Ticket

__all__ = ["Exchanged", "Memories", "Stage", "exchange"]


class Memories:
    """What every client keeps, lane by lane: a row of the array program it was last computed in."""

    def __init__(self) -> None:
        self._held: dict[int, dict[int, tuple[Any, int]]] = {}

    def gather(self, stage: Stage, client: int, lanes: Sequence[int], model: Any) -> Any:
        """The memories of `lanes` as one tree; first memories where a lane meets the client for the first time."""
        held = self._held.get(client, {})
        found = [held.get(lane) for lane in lanes]
        first = found[0]
        if first is not None and all(kept is not None and kept[0] is first[0] for kept in found):
            rows = [kept[1] for kept in found if kept is not None]
            some = _some(first[0])
            if some is None or rows == list(range(some.shape[0])):
                return first[0]  # the same lanes as last time: no copy
        data = stage.federation[client]
        each: list[Any] = []
        for i, kept in enumerate(found):
            if kept is None:
                each.append(stage.algorithm.first_memory(stage.problem, data, row(model, i)))
                if each[-1] is None:
                    return None  # this method keeps nothing
            else:
                each.append(row(*kept))
        return join(each)

    def commit(self, pending: dict[int, tuple[Sequence[int], Any]], wanted: Set[int]) -> None:
        """Keep what clients computed for the lanes `wanted`: for each client the lanes, and their memories as one tree."""
        for client, (lanes, tree) in pending.items():
            held = self._held.setdefault(client, {})
            held.update((lane, (tree, i)) for i, lane in enumerate(lanes) if lane in wanted)

    def of(self, lane: int) -> dict[int, Any]:
        """One lane's memories by client."""
        return {client: row(*held[lane]) for client, held in sorted(self._held.items()) if lane in held}


class Stage(NamedTuple):
    """What an exchange is carried out with; `algorithm` is that of all lanes side by side, `alone` each lane's own."""

    problem: Problem
    federation: Federation
    algorithm: Algorithm
    alone: Sequence[Algorithm]
    aggregator: Aggregator
    channel: Channel
    downlink: Channel
    memories: Memories
    lanes: Sequence[int]


class Exchanged(NamedTuple):
    """The new server states side by side, who was merged and the bits of every lane, and memories to commit."""

    server: Any
    merged: list[tuple[int, ...]]
    bits_up: list[int]
    bits_down: list[int]
    pending: dict[int, tuple[Sequence[int], Any]]


def exchange(stage: Stage, server: Any, cohorts: Sequence[Cohort], exact: bool = False) -> Exchanged:
    """Carry out one exchange of all lanes; errors of clients and server propagate, and nothing is committed."""
    count = len(cohorts)
    everywhere = list(range(count))
    shared = all(_same(cohort, cohorts[0]) for cohort in cohorts)
    model, down = _delivered(stage, server, cohorts, exact)
    totals: list[Any] = [None] * (1 if shared else count)
    bits_up, pending = [0] * count, {}
    invited: dict[int, list[tuple[int, Ticket]]] = {}
    for i, cohort in enumerate(cohorts):
        for ticket in cohort.tickets:
            invited.setdefault(ticket.client, []).append((i, ticket))
    narrow: dict[tuple[int, ...], tuple[Algorithm, Any]] = {}
    for client, calls in sorted(invited.items()):
        rows, tickets = [i for i, _ in calls], [ticket for _, ticket in calls]
        if tuple(rows) not in narrow:
            everyone = rows == everywhere
            narrow[tuple(rows)] = (
                stage.algorithm if everyone else side_by_side([stage.alone[i] for i in rows], cohorts[0].round, _some(server)),
                model if everyone else pick(model, rows),
            )
        algorithm, seen = narrow[tuple(rows)]
        lanes = [stage.lanes[i] for i in rows]
        ticket = _joint(tickets, server)
        memory = stage.memories.gather(stage, client, lanes, seen)
        try:
            upload, kept = algorithm.local(stage.problem, stage.federation[client], seen, memory, ticket)
            sent, bits = _sent(stage, upload, tickets, exact)
            memory = algorithm.remember(memory, seen, kept, sent, ticket)
        except CLIENT_ERRORS as error:
            reason = f"{type(error).__name__}: {error}".rstrip(".")
            raise ClientFailure(f"Client {client} failed in round {ticket.round}: {reason}.") from error
        if memory is not None:
            pending[client] = (lanes, memory)
        for i, spent in zip(rows, bits, strict=True):
            bits_up[i] += spent
        if shared:
            _merge(stage.aggregator, totals, 0, stage.aggregator.weigh(sent, ticket, cohorts[0]))
        else:
            for k, i in enumerate(rows):
                _merge(stage.aggregator, totals, i, stage.aggregator.weigh(row(sent, k), tickets[k], cohorts[i]))
    merged = [tuple(ticket.client for ticket in cohort.tickets) for cohort in cohorts]
    if shared:
        combined = _combined(stage, stage.algorithm, totals[0], cohorts[0], server)
        server = stage.algorithm.server(stage.problem, server, model, combined, cohorts[0])
    else:
        server = join([_alone(stage, i, row(server, i), row(model, i), totals[i], cohorts[i]) for i in everywhere])
    return Exchanged(server, merged, bits_up, down, pending)


def _same(a: Cohort, b: Cohort) -> bool:
    """Whether two lanes invited the same clients, and count them alike."""
    return len(a.tickets) == len(b.tickets) and all(
        x.client == y.client and x.weight == y.weight and x.scale == y.scale for x, y in zip(a.tickets, b.tickets, strict=True)
    )


def _delivered(stage: Stage, server: Any, cohorts: Sequence[Cohort], exact: bool) -> tuple[Any, list[int]]:
    """The model of every lane, and the bits its broadcast took over all clients."""
    outgoing = stage.algorithm.broadcast(stage.problem, server, cohorts[0])
    if exact or type(stage.downlink) is Identity:
        bits = [exact_bits(outgoing) // len(cohorts)] * len(cohorts)
    else:
        each = [transmit(row(outgoing, i), stage.downlink, None, cohort.key.fold("downlink")) for i, cohort in enumerate(cohorts)]
        outgoing, bits = join([delivered for delivered, _ in each]), [spent for _, spent in each]
    model = stage.algorithm.receive(stage.problem, outgoing)
    return model, [spent * len(cohort.tickets) for spent, cohort in zip(bits, cohorts, strict=True)]


def _joint(tickets: Sequence[Ticket], like: Any) -> Ticket:
    """The tickets of one client in several lanes as one; what all lanes agree on stays a plain number or a single key."""
    first = tickets[0]
    alike = all(ticket.scale == first.scale for ticket in tickets)
    scale = first.scale if alike else column([ticket.scale for ticket in tickets], _some(like))
    key: Keys = first.key if all(ticket.key == first.key for ticket in tickets) else tuple(t.key for t in tickets)  # type: ignore[misc]
    return Ticket(first.client, first.slot, first.round, first.weight, scale, key)


def _sent(stage: Stage, upload: Any, tickets: Sequence[Ticket], exact: bool) -> tuple[Any, list[int]]:
    """What the channel lets through of every lane's upload, and its bits."""
    if exact or type(stage.channel) is Identity:
        return upload, [exact_bits(upload) // len(tickets)] * len(tickets)
    touched = type(stage.algorithm).compresses
    each = [
        transmit(row(upload, i), stage.channel, touched, ticket.key.fold("channel"))  # type: ignore[union-attr]
        for i, ticket in enumerate(tickets)
    ]
    return join([sent for sent, _ in each]), [bits for _, bits in each]


def _some(tree: Any) -> Array:
    """An array of a tree; None where it has none."""
    return next((leaf for _, leaf in leaves(tree) if not isinstance(leaf, (int, float))), None)


def _merge(aggregator: Aggregator, totals: list[Any], i: int, weighed: Any) -> None:
    totals[i] = weighed if totals[i] is None else aggregator.merge(totals[i], weighed)


def _combined(stage: Stage, algorithm: Algorithm, total: Any, cohort: Cohort, server: Any) -> Any:
    if total is None:
        return algorithm.nothing(stage.problem, server)
    return stage.aggregator.finish(total, cohort, [ticket.client for ticket in cohort.tickets]).value


def _alone(stage: Stage, i: int, server: Any, model: Any, total: Any, cohort: Cohort) -> Any:
    """One lane's server step by its own method."""
    algorithm = stage.alone[i]
    return algorithm.server(stage.problem, server, model, _combined(stage, algorithm, total, cohort, server), cohort)
