"""The reference: one client after another in this process, each with its whole turn while its data are in cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from fedmm.executors.base import CLIENT_ERRORS, Executor, Fleet
from fedmm.federation import Federation
from fedmm.program import Program
from fedmm.types import Cohort, Failure, Reply

__all__ = ["InProcess"]


class InProcessFleet(Fleet):
    """Clients as entries of a dictionary, created when they first take part."""

    def __init__(self, program: Program, federation: Federation) -> None:
        self.program, self.federation = program, federation
        self._memory: dict[int, Any] = {}
        self._pending: dict[int, Any] = {}

    def call(self, model: Any, cohort: Cohort, exact: bool = False) -> Iterator[Reply | Failure]:
        program, memory, pending = self.program, self._memory, self._pending
        pending.clear()
        turn, federation = program.turn, self.federation
        for ticket in cohort.tickets:
            client = ticket.client
            data = federation[client]
            kept = memory.get(client)
            try:
                if kept is None:
                    kept = program.first_memory(data, model)
                sent, bits, kept = turn(data, model, kept, ticket, exact)
            except CLIENT_ERRORS as error:
                yield Failure(ticket, f"{type(error).__name__}: {error}")
                continue
            if kept is not None:
                pending[client] = kept
            yield Reply(ticket, sent, bits)

    def commit(self, clients: Iterable[int]) -> None:
        if self._pending:
            self._memory.update((i, self._pending[i]) for i in clients if i in self._pending)
            self._pending.clear()

    def map(self, function: Callable[[Any], Any], clients: Iterable[int] | None = None) -> list[Any]:
        return [function(self.federation[i]) for i in (range(len(self.federation)) if clients is None else clients)]

    def memories(self) -> dict[int, Any]:
        return dict(sorted(self._memory.items()))

    def restore(self, memories: Mapping[int, Any]) -> None:
        self._memory = dict(memories)


@dataclass(frozen=True)
class InProcess(Executor):
    """One client at a time, in client order."""

    name: ClassVar[str] = "in-process"

    def open(self, program: Program, federation: Federation) -> InProcessFleet:
        return InProcessFleet(program, federation)
