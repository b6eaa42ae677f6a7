"""What the laws found: which hold, which fail and by how much, which do not apply and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from textwrap import indent
from typing import Literal, NamedTuple

__all__ = ["Law", "Outcome", "Report", "judge", "raising"]

Law = Callable[[], str | None]
"""Raises AssertionError with the numbers if it fails; returns None if it holds, or why it does not apply."""


class Outcome(NamedTuple):
    """One law: its name, what became of it, and the numbers of a failure or the reason why it does not apply."""

    law: str
    result: Literal["holds", "fails", "does not apply"]
    detail: str = ""


@dataclass(frozen=True)
class Report:
    """Every law of one part, in the order in which they ran. ``print(report)`` shows a table.

    Parameters
    ----------
    name : str
        The part.
    outcomes : tuple of Outcome
        One a law.
    """

    name: str
    outcomes: tuple[Outcome, ...]

    def laws(self, result: Literal["holds", "fails", "does not apply"]) -> tuple[str, ...]:
        """The names of the laws that hold, that fail, or that do not apply."""
        return tuple(outcome.law for outcome in self.outcomes if outcome.result == result)

    def __str__(self) -> str:
        counts = {result: len(self.laws(result)) for result in ("holds", "fails", "does not apply")}
        head = f"{self.name}: of {len(self.outcomes)} laws {counts['holds']} hold, {counts['fails']} fail"
        rows = [f"{head}, {counts['does not apply']} do not apply."]
        width = max(len(outcome.law) for outcome in self.outcomes)
        for law, result, detail in self.outcomes:
            told = f": {detail}" if detail else ""
            rows.append(f"  {law:{width}}  {result}{_hanging(told, width + 4)}")
        return "\n".join(rows)


def judge(name: str, laws: Mapping[str, Law]) -> Report:
    """Run all `laws` and report.

    Parameters
    ----------
    name : str
        What is being checked.
    laws : mapping of str to Law
        Every law by name.

    Raises
    ------
    AssertionError
        If some fail: one line for each with its numbers, or with the exception that the part raised. The exceptions are the
        cause.
    """
    outcomes: list[Outcome] = []
    failures: list[Exception] = []
    for law, check in laws.items():
        try:
            reason = check()
        except Exception as error:  # whatever a broken part raises, the law is what the reader wants to know
            raised = f"raised {type(error).__name__}: {error}"
            outcomes.append(Outcome(law, "fails", str(error) if isinstance(error, AssertionError) else raised))
            failures.append(error)
        else:
            outcomes.append(Outcome(law, "does not apply" if reason else "holds", reason or ""))
    report = Report(name, tuple(outcomes))
    if failures:
        lines = [f"{name}, law {law!r}: {detail}" for law, result, detail in outcomes if result == "fails"]
        cause = failures[0] if len(failures) == 1 else ExceptionGroup(f"{len(failures)} laws of {name}", failures)
        raise AssertionError("\n".join([*lines, _tally(report)])) from cause
    return report


def raising(error: Exception) -> str | None:
    """A law that fails with `error`: what went wrong before any law could be looked at."""
    raise error


def _tally(report: Report) -> str:
    """What else is known, after the failures."""
    holds, idle = report.laws("holds"), report.laws("does not apply")
    return f"({len(holds)} laws hold: {', '.join(holds) or 'none'}; {len(idle)} do not apply: {', '.join(idle) or 'none'}.)"


def _hanging(text: str, width: int) -> str:
    """`text` with its later lines under the first."""
    first, newline, rest = text.partition("\n")
    return first + newline + indent(rest, " " * width)
