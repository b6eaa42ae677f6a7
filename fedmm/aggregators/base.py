"""How replies become one value: a commutative monoid (weigh, merge, finish)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, NamedTuple, Self

from fedmm.types import Cohort, Ticket

__all__ = ["Aggregator", "Combined"]


class Combined(NamedTuple):
    """The aggregate, and the clients whose replies are in it (their memories are committed)."""

    value: Any
    merged: tuple[int, ...]


class Aggregator(ABC):
    """``finish(merge(weigh(r_1), weigh(r_2), ...))``, the same for every tree of merges.

    Subclasses are frozen dataclasses of plain values and final; a ticket may be a block (leading axis on `sent`).
    """

    name: ClassVar[str]
    """The name on the command line and in recipes."""

    additive: ClassVar[bool]
    """Whether merging is addition, so that partial sums may be formed anywhere."""

    def settle(self, averages: Literal["increments", "models"]) -> Self:
        """This aggregator for a method that averages increments or models."""
        return self

    @abstractmethod
    def weigh(self, sent: Any, ticket: Ticket, cohort: Cohort) -> Any:
        """The monoid element of one reply; of a block, the merge of its rows."""

    @abstractmethod
    def merge(self, a: Any, b: Any) -> Any:
        """The monoid operation: associative and commutative, exactly or to rounding."""

    @abstractmethod
    def finish(self, total: Any, cohort: Cohort, replied: Sequence[int]) -> Combined:
        """The aggregate of everything merged, given the numbers of the clients that replied (at least one)."""
