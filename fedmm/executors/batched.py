"""Blocks of clients of equal shape, stacked along a leading axis: tiny clients in cache, or everything on a GPU.

Stacking pays where a client is so small that Python's overhead per turn dominates; for larger clients sweeping all of them at
every local step leaves the cache and loses to the plain loop, so a block never exceeds `cache_bytes`. Sums within a block are
formed in another order than the reference's, so runs agree to rounding (1e-10 relative), not bit for bit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from fedmm.arguments import check_fields
from fedmm.arrays import as_like, is_sparse, is_torch, leaves, map_leaves, namespace
from fedmm.errors import SpecError
from fedmm.executors.base import CLIENT_ERRORS, Executor, Fleet
from fedmm.federation import Federation
from fedmm.program import Program
from fedmm.types import Cohort, Failure, Reply, Ticket

__all__ = ["Batched"]

Layout = tuple[Any, ...]


def layout_of(data: Any) -> Layout | None:
    """What must agree for two clients to be stacked (structure, shapes, dtypes); None where stacking is impossible."""
    found = tuple((path, leaf) for path, leaf in leaves(data))
    if any(is_sparse(leaf) for _, leaf in found):
        return None
    return tuple((path, tuple(leaf.shape), str(leaf.dtype)) for path, leaf in found)


def stack(trees: list[Any]) -> Any:
    """NamedTuples of arrays, or arrays, stacked along a new leading axis."""
    return map_leaves(lambda *parts: namespace(parts[0]).stack(parts), *trees)


class Block(NamedTuple):
    """Clients that run together, and their stacked data; None for a client that runs alone."""

    clients: tuple[int, ...]
    data: Any


class Held(NamedTuple):
    """A block's memory, the clients of its rows, and how many of them have nothing newer."""

    memory: Any
    clients: tuple[int, ...]
    users: int


class BatchedFleet(Fleet):
    """Clients in blocks; a memory is a row of the block it was last computed in.

    Rows keep their whole block alive, so those that are left are copied out when they are less than half of it: memories
    take at most twice the room of one row a client.
    """

    def __init__(self, program: Program, federation: Federation, cache_bytes: int) -> None:
        self.program, self.federation, self.cache_bytes = program, federation, cache_bytes
        self._memory: dict[int, tuple[Any, int | None]] = {}
        self._pending: dict[int, tuple[Any, int | None]] = {}
        self._held: dict[int, Held] = {}  # by the id of the memory
        self._shapes: dict[int, tuple[Layout | None, int, bool]] = {}
        self._plans: dict[tuple[int, ...], list[Block]] = {}

    def blocks(self, clients: Iterable[int]) -> list[Block]:
        """Runs of neighbours of equal layout that fit the cache. Kept for everyone and for the last other cohort."""
        wanted = tuple(clients)
        if wanted not in self._plans:
            everyone = tuple(range(len(self.federation)))
            self._plans = {key: plan for key, plan in self._plans.items() if key == everyone}
            self._plans[wanted] = list(self._plan(wanted))
        return self._plans[wanted]

    def _plan(self, clients: tuple[int, ...]) -> Iterator[Block]:
        run: list[int] = []
        current, room = None, 0
        for client in clients:
            layout, size, on_cpu = self._shape(client)
            if run and (layout is None or layout != current or (on_cpu and size > room)):
                yield self._closed(run)
                run = []
            if not run:
                room = self.cache_bytes
            run.append(client)
            current, room = layout, room - size
        if run:
            yield self._closed(run)

    def _shape(self, client: int) -> tuple[Layout | None, int, bool]:
        if client not in self._shapes:
            data = self.federation[client]
            self._shapes[client] = layout_of(data), _bytes(data), _on_cpu(data)
        return self._shapes[client]

    def _closed(self, run: list[int]) -> Block:
        stacked = stack([self.federation[i] for i in run]) if len(run) > 1 else None
        return Block(tuple(run), stacked)

    def call(self, model: Any, cohort: Cohort, exact: bool = False) -> Iterator[Reply | Failure]:
        self._pending.clear()
        self._held = {key: held for key, held in self._held.items() if held.users}  # a call may have been dropped
        tickets = {ticket.client: ticket for ticket in cohort.tickets}
        for clients, data in self.blocks(tickets):
            invited = [tickets[i] for i in clients]
            if data is None:
                yield self._single(invited[0], model, exact)
                continue
            ticket = block_ticket(invited, data)
            try:
                sent, bits, memory = self.program.turn(data, model, self._gather(clients, model), ticket, exact)
            except CLIENT_ERRORS:  # find out which client it was
                for one in invited:
                    yield self._single(one, model, exact)
                continue
            if memory is not None:
                self._pending.update((i, (memory, row)) for row, i in enumerate(clients))
                self._held[id(memory)] = Held(memory, clients, 0)
            yield Reply(ticket, sent, bits)

    def _single(self, ticket: Ticket, model: Any, exact: bool) -> Reply | Failure:
        data = self.federation[ticket.client]
        try:
            memory = self._row(ticket.client, data, model)
            sent, bits, memory = self.program.turn(data, model, memory, ticket, exact)
        except CLIENT_ERRORS as error:
            return Failure(ticket, f"{type(error).__name__}: {error}")
        if memory is not None:
            self._pending[ticket.client] = (memory, None)
        return Reply(ticket, sent, bits)

    def _row(self, client: int, data: Any, model: Any) -> Any:
        if client not in self._memory:
            return self.program.first_memory(data, model)
        memory, row = self._memory[client]
        return memory if row is None else map_leaves(lambda x: x[row, ...], memory)

    def _gather(self, clients: tuple[int, ...], model: Any) -> Any:
        held = [self._memory.get(i) for i in clients]
        first = held[0]
        if first is not None and all(
            h is not None and h[0] is first[0] and h[1] == row for row, h in enumerate(held)
        ):  # the same block as last time: no copy, unless it has grown rows that are not asked for
            return map_leaves(lambda x: x[: len(clients), ...], first[0])
        rows = [self._row(i, self.federation[i], model) for i in clients]
        return None if rows[0] is None else stack(rows)

    def commit(self, clients: Iterable[int]) -> None:
        fresh = [i for i in clients if i in self._pending]
        change = Counter(id(self._pending[i][0]) for i in fresh)
        change.subtract(Counter(id(self._memory[i][0]) for i in fresh if i in self._memory))
        change.update({id(memory): 0 for memory, _ in self._pending.values()})  # those that nobody commits are let go
        self._memory.update((i, self._pending[i]) for i in fresh)
        self._pending.clear()
        for key in change.keys() & self._held.keys():
            held = self._held[key]
            self._held[key] = held = held._replace(users=held.users + change[key])
            if 2 * held.users < len(held.clients):
                self._let_go(held)

    def _let_go(self, held: Held) -> None:
        """Copy out the rows that are still used, and forget the block."""
        for row, i in enumerate(held.clients):
            if i in self._memory and self._memory[i][0] is held.memory:
                self._memory[i] = (map_leaves(lambda x, row=row: _copied(x[row, ...]), held.memory), None)
        del self._held[id(held.memory)]

    def map(self, function: Callable[[Any], Any], clients: Iterable[int] | None = None) -> list[Any]:
        results: list[Any] = []
        for members, data in self.blocks(range(len(self.federation)) if clients is None else clients):
            if data is None:
                results.append(function(self.federation[members[0]]))
            else:
                result = function(data)
                results.extend(map_leaves(lambda x, row=row: x[row, ...], result) for row in range(len(members)))
        return results

    def memories(self) -> dict[int, Any]:
        return {i: self._row(i, None, None) for i in sorted(self._memory)}

    def restore(self, memories: Mapping[int, Any]) -> None:
        self._memory, self._held = {i: (memory, None) for i, memory in memories.items()}, {}


def block_ticket(tickets: list[Ticket], data: Any) -> Ticket:
    """The tickets of a block as one, with weights and scales of shape (n, 1)."""
    like = next(leaf for _, leaf in leaves(data))
    return Ticket(
        tuple(t.client for t in tickets),
        tuple(t.slot for t in tickets),
        tickets[0].round,
        as_like(np.array([[t.weight] for t in tickets]), like),
        as_like(np.array([[t.scale] for t in tickets]), like),
        tuple(t.key for t in tickets),  # type: ignore[misc]
    )


def _copied(x: Any) -> Any:
    return namespace(x).asarray(x, copy=True)


def _bytes(data: Any) -> int:
    total = 0
    for _, leaf in leaves(data):
        size = 8
        for length in leaf.shape:
            size *= int(length)
        total += size
    return total


def _on_cpu(data: Any) -> bool:
    leaf = next(leaf for _, leaf in leaves(data))
    return not is_torch(leaf) or leaf.device.type == "cpu"


@dataclass(frozen=True)
class Batched(Executor):
    """Blocks of clients of equal shape.

    Parameters
    ----------
    cache_bytes : int
        The size of a block's data on a CPU; on a GPU a block is the whole cohort. Clients that do not fit twice, and clients
        with sparse data, run one at a time.

    Raises
    ------
    SpecError
        If `cache_bytes` is not positive.
    """

    cache_bytes: int = 1 << 20

    name: ClassVar[str] = "batched"

    def __post_init__(self) -> None:
        check_fields(self)
        if self.cache_bytes <= 0:
            raise SpecError(f"Expected batched.cache_bytes > 0, got {self.cache_bytes}.")

    def open(self, program: Program, federation: Federation) -> BatchedFleet:
        return BatchedFleet(program, federation, self.cache_bytes)
