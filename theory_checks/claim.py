r"""What a claim is: a theorem as one object that several engines measure.

A claim promises a number for every setting that meets its assumptions; an *engine* measures the same number.

| argument | symbol |
|---|---|
| setting | the parameters a theorem quantifies over, as plain numbers and words: L, mu, gamma, K, N, zeta, R, a seed |
| promised | the right-hand side of the theorem |
| engines | the left-hand side, by name: see `ENGINES` |

Engines below the exact worst case (`simulation`, `batch`, `replay`) look at instances; engines at or above it (`pep`,
`lyapunov`, `certificate`) cover the whole function class. Hence the sandwich, for an upper bound: *instances <= class <=
promised*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf, isfinite, isnan, log
from typing import Any, Literal

from hypothesis.strategies import SearchStrategy

from fedmm.errors import SpecError

__all__ = ["CLASSES", "ENGINES", "INSTANCES", "Claim", "Condition", "Kind", "Measure", "Mutant", "Setting", "Status"]

Setting = Mapping[str, Any]
"""Parameters by name, as JSON values, so that a counter-example is a small file."""

Measure = Callable[..., float]
"""A function of a setting's entries by keyword: ``measure(**setting)``."""

Kind = Literal["upper", "tight", "lower", "expectation", "invariant", "rate"]
"""upper: measured <= promised. tight: the same, and attained. lower: measured >= promised. expectation: measured = promised,
exactly. invariant: a violation that is at most rounding (promised). rate: the lower end of the confidence interval of an
observed slope is at most the promised exponent."""

INSTANCES: dict[str, str] = {
    "simulation": "the library's own methods, in exact expectation, on random and extreme instances",
    "batch": "the program's own text on a batch of quadratic federations, in exact expectation",
    "replay": "the exported worst-case federation, run by the library's own method",
}
"""Engines that look at instances: what they measure is at most the exact worst case."""

CLASSES: dict[str, str] = {
    "pep": "the exact worst case over the function class, by symmetric performance estimation",
    "lyapunov": "the best rate that a quadratic Lyapunov function certifies",
    "certificate": "an upper bound proved in rational arithmetic",
}
"""Engines that cover the whole function class."""

ENGINES: dict[str, str] = {**INSTANCES, **CLASSES}
"""Every engine, with what it does."""


class Status(StrEnum):
    """How sure the constants of a claim are."""

    CHECKED = "published, standard constant, checked"
    DERIVED = "derived and proved here, checked"
    NUMERIC = "numerically exact, not proved"
    MEMORY = "constants to be confirmed"
    MINE = "stated by the user"


@dataclass(frozen=True)
class Condition:
    """An assumption on the parameters: `words`, and whether a setting meets it.

    Parameters
    ----------
    words : str
        As in the theorem: "gamma <= 1/L".
    met : callable
        ``met(**setting)`` is true where the assumption holds.
    """

    words: str
    met: Callable[..., bool]


@dataclass(frozen=True)
class Mutant:
    """A false strengthening of a claim, which the named engines must refute.

    Parameters
    ----------
    says : str
        What was changed: "zeta/2 -> zeta/4".
    promised : callable
        The false right-hand side.
    seen_by : tuple of str
        Engines that refute it on the claim's own settings.
    """

    says: str
    promised: Measure
    seen_by: tuple[str, ...]


@dataclass(frozen=True)
class Claim:
    """A theorem: what it says, where it holds, what it promises, and who measures it.

    Parameters
    ----------
    name : str
        By which the command line knows it: lower case, words joined by hyphens.
    statement : str
        One line with the formula.
    reference : str
        Who proved it and where, or "derived here".
    status : Status
        How sure the constants are.
    kind : Kind
        How measured and promised compare.
    setting : strategy of Setting
        Draws only parameters that meet the assumptions.
    promised : callable
        ``promised(**setting)``, the right-hand side.
    engines : mapping of str to callable
        ``engines[name](**setting)``, the left-hand side; at least one, of `ENGINES`.
    mutants : tuple of Mutant
        False strengthenings; at least one.
    conditions : tuple of Condition
        The assumptions, asked before anything is measured.
    method : str
        The catalog's name of the method (or channel, participation, problem) it is about.
    tags : tuple of str
        Topics, for ``fedmm verify --tag``: lower case, words joined by hyphens. "p1" to "p8" are the statements P1 to P8 that
        ``fedmm explain`` and the methods speak of.
    factor : bool
        Whether the number is a contraction factor per round, so that slack in rounds is a ratio of logarithms.
    rtol, atol : float
        What rounding (and the solver of the engines) may cost. A rate's confidence level is the engine's business.
    extremes : tuple of Setting
        Settings that are always tried: corners, and where a tight claim is attained.

    Raises
    ------
    SpecError
        For an unknown or missing engine, a claim without a mutant, or a tag that is awkward on a command line.
    """

    name: str
    statement: str
    reference: str
    status: Status
    kind: Kind
    setting: SearchStrategy[dict[str, Any]]
    promised: Measure
    engines: Mapping[str, Measure]
    mutants: tuple[Mutant, ...]
    conditions: tuple[Condition, ...] = ()
    method: str = ""
    tags: tuple[str, ...] = ()
    factor: bool = False
    rtol: float = 1e-6
    atol: float = 0.0
    extremes: tuple[Setting, ...] = field(default=())

    def __post_init__(self) -> None:
        unknown = sorted(set(self.engines) - set(ENGINES))
        if unknown or not self.engines:
            said = f"got {', '.join(unknown)}" if unknown else "got none"
            raise SpecError(f"Expected the engines of claim {self.name!r} among {', '.join(ENGINES)}, {said}.")
        for tag in self.tags:
            if tag != "-".join(tag.lower().split()) or not tag:
                raise SpecError(
                    f"Expected the tags of claim {self.name!r} in lower case, words joined by hyphens, got {tag!r}; "
                    f"write {'-'.join(tag.lower().split()) or 'a word'!r}."
                )
        if not self.mutants:
            raise SpecError(f"Claim {self.name!r} has no mutant; add a stronger false promise that its engines must refute.")
        for mutant in self.mutants:
            blind = sorted(set(mutant.seen_by) - set(self.engines))
            if blind or not mutant.seen_by:
                raise SpecError(
                    f"Expected the mutant {mutant.says!r} of claim {self.name!r} to be seen by engines of the claim "
                    f"({', '.join(self.engines)}), got {', '.join(mutant.seen_by) or 'none'}."
                )

    def check(self, setting: Setting) -> None:
        """Refuse a setting outside the theorem's conditions.

        Raises
        ------
        SpecError
            Naming the condition that fails.
        """
        for condition in self.conditions:
            if not condition.met(**setting):
                given = ", ".join(f"{name} = {value}" for name, value in setting.items())
                raise SpecError(f"Claim {self.name!r} needs {condition.words}, got {given}.")

    def holds(self, promised: float, measured: float) -> bool:
        """Whether the two numbers agree with the claim, to rounding; a NaN never does, and infinity has no rounding."""
        finite = isfinite(promised) and isfinite(measured)
        allowance = self.rtol * max(abs(promised), abs(measured)) + self.atol if finite else 0.0
        if self.kind == "lower":
            return measured >= promised - allowance
        if self.kind == "expectation":
            return abs(measured - promised) <= allowance
        return measured <= promised + allowance

    def ratio(self, promised: float, measured: float) -> float:
        """How far from being refuted: promised / measured (upside down for a lower bound); 1 is the edge.

        For an expectation, the smaller of the two quotients; for two negative numbers (exponents), the quotient of their sizes
        the other way round. At least 1 where the claim holds, to rounding; 0 where the measured number is a NaN.
        """
        if isnan(measured):
            return 0.0
        holds = self.holds(promised, measured)
        if self.kind == "lower":
            promised, measured = measured, promised
        if promised < 0 and measured < 0:
            promised, measured = -measured, -promised
        if measured > 0:
            quotient = max(promised / measured, 0.0)
        else:
            quotient = 1.0 if promised == measured else inf if promised > measured else 0.0
        if self.kind == "expectation":
            quotient = min(quotient, 1.0 / quotient) if quotient > 0 else 0.0
        return max(quotient, 1.0) if holds else quotient

    def slack(self, promised: float, exact: float) -> float:
        """How many times fewer rounds the exact value promises: a ratio of logarithms for a factor, else promised / exact."""
        if not self.factor:
            return self.ratio(promised, exact)
        if exact <= 0:
            return inf
        return log(exact) / log(promised) if 0 < promised < 1 else inf
