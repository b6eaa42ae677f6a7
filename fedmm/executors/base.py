"""Where clients live and take their turns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from fedmm.federation import Federation
from fedmm.program import Program
from fedmm.types import Cohort, Failure, Reply

__all__ = ["CLIENT_ERRORS", "Executor", "Fleet"]

CLIENT_ERRORS: tuple[type[Exception], ...] = (ArithmeticError, np.linalg.LinAlgError, MemoryError, ConnectionError)
"""What may go wrong at one client and becomes a `Failure`; any other exception is a programming error and propagates."""


class Fleet(ABC):
    """The clients of one run. Owns their data and memories."""

    @abstractmethod
    def call(self, model: Any, cohort: Cohort, exact: bool = False) -> Iterator[Reply | Failure]:
        """Exactly one `Reply` or `Failure` per ticket (a block's reply covers its tickets), in slot order.

        New memories are held back until `commit`. With `exact` the channel is bypassed.
        """

    @abstractmethod
    def commit(self, clients: Iterable[int]) -> None:
        """Keep the new memories of these clients and drop the others': only merged replies change a client."""

    @abstractmethod
    def map(self, function: Callable[[Any], Any], clients: Iterable[int] | None = None) -> list[Any]:
        """``function(data)`` for every client (or for these), in client order. The function must accept blocks."""

    @abstractmethod
    def memories(self) -> dict[int, Any]:
        """The committed memory of every client that has one."""

    @abstractmethod
    def restore(self, memories: Mapping[int, Any]) -> None:
        """Put memories back, as `memories` gave them."""


class Executor(ABC):
    """A way of running clients. Subclasses are frozen dataclasses of plain values and final."""

    name: ClassVar[str]
    """The name on the command line and in recipes."""

    @abstractmethod
    def open(self, program: Program, federation: Federation) -> Fleet:
        """A fleet for one run."""
