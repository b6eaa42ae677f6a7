r"""What is known of a claim after it was measured: whether it holds, how narrowly, and how much to believe it.

| field | symbol |
|---|---|
| worst.ratio | the smallest promised / measured over all settings and engines; 1 is the edge |
| exact | the exact worst case over the function class, where it is nearest to the bound |
| slack | how many times fewer rounds the exact value promises: the least and the most over the settings |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite, isnan
from typing import Any

from theory_checks.claim import Setting

__all__ = ["Mutation", "Observation", "Trial", "Verdict", "number", "plain", "stem"]


@dataclass(frozen=True)
class Trial:
    """What every engine of a claim measured on one setting.

    Parameters
    ----------
    setting : Setting
        The parameters.
    promised : float
        The theorem's right-hand side; NaN where it could not be computed.
    measured : mapping of str to float
        By engine; without those that could not say.
    failed : mapping of str to str
        Why an engine (or "promised") could not say, in one sentence.
    """

    setting: Setting
    promised: float
    measured: Mapping[str, float] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Observation:
    """One number of one engine on one setting, beside what was promised there."""

    setting: Setting
    engine: str
    promised: float
    measured: float
    ratio: float

    def table(self) -> dict[str, Any]:
        """As JSON values; infinity and NaN as words."""
        return {
            "engine": self.engine,
            "setting": plain(self.setting),
            "promised": number(self.promised),
            "measured": number(self.measured),
            "ratio": number(self.ratio),
        }


@dataclass(frozen=True)
class Mutation:
    """A promise made stronger than the claim's, and who noticed that it is false.

    Parameters
    ----------
    says : str
        What was changed.
    noticed : tuple of str
        Engines that refuted it on some setting.
    missed : tuple of str
        Engines that did not, although they could say at every setting.
    due : tuple of str
        Engines of whom the claim says that they see it; empty for a perturbation that is tried on every claim.
    """

    says: str
    noticed: tuple[str, ...]
    missed: tuple[str, ...]
    due: tuple[str, ...] = ()

    @property
    def overlooked(self) -> tuple[str, ...]:
        """Engines that should have seen it and did not."""
        return tuple(engine for engine in self.due if engine in self.missed)

    @property
    def refuted(self) -> bool:
        """Whether all who should have seen it did."""
        return set(self.due) <= set(self.noticed)


@dataclass(frozen=True)
class Verdict:
    """What a claim's engines found.

    Parameters
    ----------
    claim, statement, reference, status, kind, method, tags
        Of the claim.
    holds : bool or None
        False: refuted, see `counterexample`. None: undecided, see `why`.
    why : str
        For None, in one sentence; empty otherwise.
    trials : tuple of Trial
        Every setting, with what was measured.
    worst : Observation or None
        The number nearest to refuting the claim (or refuting it most).
    exact : Observation or None
        The exact worst case where it is nearest to the bound; None without an engine that covers the class.
    slack : (float, float) or None
        The least and the most over the settings.
    counterexample : Observation or None
        The smallest one found.
    attained : bool or None
        Whether a tight claim was attained; None for the other kinds.
    mutations : tuple of Mutation
        The claim's own mutants, and every generic perturbation.
    contradictions : tuple of str
        Where one engine observed more than another one's worst case.
    failures : tuple of str
        Which engines (or the promise) could not say at how many settings, and why.
    interrupted : bool
        Whether settings are missing because the run was stopped.
    seconds : float
        What it took.
    belief : str
        How much to believe it, in one sentence or two.
    """

    claim: str
    statement: str
    reference: str
    status: str
    kind: str
    method: str
    tags: tuple[str, ...]
    holds: bool | None
    why: str
    trials: tuple[Trial, ...]
    worst: Observation | None
    exact: Observation | None
    slack: tuple[float, float] | None
    counterexample: Observation | None
    attained: bool | None
    mutations: tuple[Mutation, ...]
    contradictions: tuple[str, ...]
    failures: tuple[str, ...]
    interrupted: bool
    seconds: float
    belief: str

    @property
    def word(self) -> str:
        """holds, refuted or undecided."""
        return "undecided" if self.holds is None else "holds" if self.holds else "refuted"

    @property
    def own(self) -> tuple[Mutation, ...]:
        """The claim's own mutants."""
        return tuple(mutation for mutation in self.mutations if mutation.due)

    def table(self) -> dict[str, Any]:
        """As JSON values, without the single trials."""
        overlooked = {mutation.says: list(mutation.overlooked) for mutation in self.own if mutation.overlooked}
        return {
            "claim": self.claim,
            "statement": self.statement,
            "reference": self.reference,
            "status": self.status,
            "kind": self.kind,
            "method": self.method,
            "tags": list(self.tags),
            "verdict": self.word,
            "why": self.why,
            "tried": len(self.trials),
            "worst": self.worst and self.worst.table(),
            "exact": self.exact and self.exact.table(),
            "slack": self.slack and [number(value) for value in self.slack],
            "counterexample": self.counterexample and self.counterexample.table(),
            "attained": self.attained,
            "mutants_refuted": [mutation.says for mutation in self.own if mutation.refuted],
            "mutants_missed": overlooked,
            "contradictions": list(self.contradictions),
            "failures": list(self.failures),
            "interrupted": self.interrupted,
            "seconds": round(self.seconds, 3),
            "belief": self.belief,
        }


def number(value: float) -> float | str:
    """A number as JSON has it: infinity and NaN become words."""
    return float(value) if isfinite(value) else "nan" if isnan(value) else "inf" if value > 0 else "-inf"


def plain(value: Any) -> Any:
    """A setting as JSON values: tuples become lists, NumPy's numbers plain ones, anything else its text."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if value is None or isinstance(value, (bool, str, int)):
        return value
    try:
        return int(value) if int(value) == value and not isinstance(value, float) else number(float(value))
    except (TypeError, ValueError, OverflowError):
        return repr(value)


def stem(name: str) -> str:
    """The name of a claim as the name of a file."""
    return re.sub(r"[^\w.-]+", "-", name).strip(".-") or "claim"
