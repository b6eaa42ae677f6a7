r"""Every constant of a promise made wrong, one at a time, and who notices.

Constants are the numbers in the text of `Claim.promised` (`theory_checks.constants`), and the entries of the setting, which are
changed in the promise only: numbers by a factor 0.9 and 1.1, whole ones by one up and down, L and mu by changing places. A change
counts where it promises more at a setting that was tried, beyond what the claim allows for rounding; an engine notices it if
one of its numbers refutes it there. Nothing is measured again. Seeds are no constants; invariants, which promise rounding, are
not perturbed.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from theory_checks.claim import Claim, Setting
from theory_checks.constants import SEED, altered, is_number
from theory_checks.verdict import Trial

__all__ = ["Perturbation", "counts", "perturbations", "unnoticed"]

SWAPPED = ("L", "mu")
"""Entries that change places, too."""

Promise = Callable[[Setting], float]


def _more(value: float) -> float:
    return value + 1


def _less(value: float) -> float:
    return value - 1


def _nine_tenths(value: float) -> float:
    return 0.9 * value


def _a_tenth_more(value: float) -> float:
    return 1.1 * value


BY_ONE = (("+ 1", _more), ("- 1", _less))
BY_PARTS = (("x 0.9", _nine_tenths), ("x 1.1", _a_tenth_more))
"""How a whole number and another number of a setting are changed."""


@dataclass(frozen=True)
class Perturbation:
    """One constant changed, so that more is promised than the claim does.

    Parameters
    ----------
    constant : str
        The number, what it stands in, file and line; or an entry of the setting.
    change : str
        "x 0.9", "+ 1", "<-> mu".
    noticed, missed : tuple of str
        Engines that refuted it at some setting, and engines that measured there and did not.
    """

    constant: str
    change: str
    noticed: tuple[str, ...]
    missed: tuple[str, ...]


def perturbations(claim: Claim, trials: Sequence[Trial]) -> tuple[Perturbation, ...]:
    """The changes of one constant that promise more, and who notices, on trials that were already measured."""
    if claim.kind == "invariant":
        return ()
    tried = [replace(trial, measured=_agreeing(claim, trial)) for trial in trials if isfinite(trial.promised)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of powers and logarithms of what a wrong constant makes
        found = [_seen(claim, tried, *change) for change in (*_in_the_text(claim), *_in_the_setting(claim, tried))]
    return tuple(each for each in found if each is not None)


def counts(found: Iterable[Perturbation]) -> dict[str, tuple[int, int]]:
    """For every engine, and for "any", how many changes were noticed and of how many."""
    table: dict[str, tuple[int, int]] = {}
    for each in found:
        for who in ("any", *each.noticed, *each.missed):
            done, of = table.get(who, (0, 0))
            table[who] = (done + (bool(each.noticed) if who == "any" else who in each.noticed), of + 1)
    return table


def unnoticed(found: Iterable[Perturbation]) -> list[str]:
    """The constants with a change that nobody noticed, and these changes."""
    missed: dict[str, list[str]] = {}
    for each in found:
        if not each.noticed:
            missed.setdefault(each.constant, []).append(each.change)
    return [f"{constant}: {', '.join(said)}" for constant, said in missed.items()]


def _agreeing(claim: Claim, trial: Trial) -> dict[str, float]:
    """What does not refute the claim as it is: who does would refute anything."""
    return {who: value for who, value in trial.measured.items() if claim.holds(trial.promised, value)}


def _seen(claim: Claim, trials: Sequence[Trial], constant: str, change: str, promise: Promise) -> Perturbation | None:
    """Who notices; None if the change nowhere promises more."""
    looked: set[str] = set()
    noticed: set[str] = set()
    for trial in trials:
        if noticed.issuperset(trial.measured):
            continue
        try:
            promised = float(promise(trial.setting))
        except Exception:  # a wrong constant need not make sense
            continue
        if not isfinite(promised) or claim.holds(promised, trial.promised):
            continue
        looked.update(trial.measured)
        noticed |= {who for who, value in trial.measured.items() if not claim.holds(promised, value)}
    told = [who for who in claim.engines if who in looked]
    if not told:
        return None
    by, past = (tuple(who for who in told if (who in noticed) is seen) for seen in (True, False))
    return Perturbation(constant, change, by, past)


def _in_the_text(claim: Claim) -> Iterator[tuple[str, str, Promise]]:
    for constant, change, function in altered(claim.promised):
        yield constant, change, _called(function)


def _called(function: Callable[..., Any]) -> Promise:
    """Called with the entries that it names."""
    wanted = inspect.signature(function).parameters
    rest = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in wanted.values())
    return lambda setting: function(**{name: value for name, value in setting.items() if rest or name in wanted})


def _in_the_setting(claim: Claim, trials: Sequence[Trial]) -> Iterator[tuple[str, str, Promise]]:
    there = {name: value for trial in trials for name, value in trial.setting.items() if is_number(value) and name != SEED}
    for name, value in there.items():
        for says, change in BY_ONE if isinstance(value, int) else BY_PARTS:
            yield name, says, _entry(claim, name, change)
    if all(name in there for name in SWAPPED):
        yield SWAPPED[0], f"<-> {SWAPPED[1]}", _swapped(claim)


def _entry(claim: Claim, name: str, change: Callable[[float], float]) -> Promise:
    return lambda setting: claim.promised(**{**setting, name: change(setting[name])})


def _swapped(claim: Claim) -> Promise:
    one, other = SWAPPED
    return lambda setting: claim.promised(**{**setting, one: setting[other], other: setting[one]})
