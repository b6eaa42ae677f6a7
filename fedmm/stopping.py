"""When a run is done before its rounds are: frozen rules that look at the trace."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isnan

from fedmm.arguments import check_fields
from fedmm.errors import SpecError

__all__ = ["Below", "Budget", "Stalled", "StopRule"]

Rows = Sequence[Mapping[str, float]]


class StopRule(ABC):
    """A condition on the rows of the trace so far."""

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns of the trace it looks at, beside the counters."""
        return ()

    @abstractmethod
    def reason(self, rows: Rows) -> str | None:
        """A sentence if the run should stop now, otherwise None."""


@dataclass(frozen=True)
class Below(StopRule):
    """Stop when a column reaches a value.

    Parameters
    ----------
    value : float
        Stop at or below it.
    column : str
        A column of the trace.
    """

    value: float
    column: str = "objective"

    def __post_init__(self) -> None:
        check_fields(self)
        if isnan(self.value):
            raise SpecError("Expected Below.value as a number, got nan; nothing is below it.")

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.column,)

    def reason(self, rows: Rows) -> str | None:
        now = rows[-1].get(self.column, float("nan"))
        return f"{self.column} {now:.6g} is at most {self.value:g}." if now <= self.value else None


@dataclass(frozen=True)
class Stalled(StopRule):
    """Stop when a column has not improved by a relative `rtol` over the last `rounds` rounds.

    Parameters
    ----------
    rounds : int
        The window.
    rtol : float
        The least relative improvement that counts.
    column : str
        A column of the trace that should decrease.
    """

    rounds: int = 20
    rtol: float = 1e-9
    column: str = "objective"

    def __post_init__(self) -> None:
        check_fields(self)
        if self.rounds < 1:
            raise SpecError(f"Expected Stalled.rounds >= 1, got {self.rounds}.")
        if not 0 <= self.rtol < inf:
            raise SpecError(f"Expected Stalled.rtol >= 0 and finite, got {self.rtol}.")

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.column,)

    def reason(self, rows: Rows) -> str | None:
        values = [row[self.column] for row in rows if row.get(self.column, float("nan")) == row.get(self.column)]
        if len(values) <= self.rounds:
            return None
        before, now = min(values[: -self.rounds]), min(values[-self.rounds :])
        if before - now > self.rtol * abs(before):
            return None
        return f"{self.column} has not improved by {self.rtol:g} (relative) in {self.rounds} rounds."


@dataclass(frozen=True)
class Budget(StopRule):
    """Stop when time or communication is spent.

    Parameters
    ----------
    seconds : float
        The algorithm's own time.
    bits : float
        Bits up and down together, over all clients.
    """

    seconds: float = inf
    bits: float = inf

    def __post_init__(self) -> None:
        check_fields(self)
        for field, value in (("seconds", self.seconds), ("bits", self.bits)):
            if not value >= 0:
                raise SpecError(f"Expected Budget.{field} >= 0, got {value}.")

    def reason(self, rows: Rows) -> str | None:
        row = rows[-1]
        if row["seconds"] >= self.seconds:
            return f"The budget of {self.seconds:g} s is spent."
        if row["bits_up"] + row["bits_down"] >= self.bits:
            return f"The budget of {self.bits:g} bits is spent."
        return None
