"""Assumptions that several claims share, as `Condition` objects."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import inf
from typing import Any

from theory_checks.claim import Condition

__all__ = ["CHANNEL", "NOISE", "RELAXED", "ROUNDS", "SAMPLING", "SEVERAL", "START", "STEP", "STRONGLY_CONVEX", "known", "within"]


def _k_at_most_d(k: int, d: int, **rest: Any) -> bool:
    return 1 <= k <= d


def _probability(p: float, **rest: Any) -> bool:
    return 0.0 < p <= 1.0


def _admissible(share: float, **rest: Any) -> bool:
    return 0.0 < share <= 1.0


def _relaxed(gamma: float, **rest: Any) -> bool:
    return 0.0 < gamma <= 1.0


def _noise(sigma: float, **rest: Any) -> bool:
    return 0.0 <= sigma < inf


def _rounds(T: int, **rest: Any) -> bool:
    return T >= 1 and int(T) == T


def _start(start: str, **rest: Any) -> bool:
    return start in ("zero", "optimum", "far")


def _among(names: Sequence[str], family: str, **rest: Any) -> bool:
    return family in names


def _between(entry: str, low: float, high: float, **setting: Any) -> bool:
    return low <= setting[entry] <= high


def _strongly_convex(L: float, mu: float, **rest: Any) -> bool:
    return 0 < mu < L


def _several(N: int, **rest: Any) -> bool:
    return N >= 2


STRONGLY_CONVEX = Condition("0 < mu < L", _strongly_convex)
"""The clients' functions, not all of one curvature."""

SEVERAL = Condition("N >= 2", _several)
"""One client is its own mean."""

CHANNEL = Condition("1 <= k <= d", _k_at_most_d)
"""Rand-k picks among d coordinates."""

SAMPLING = Condition("p in (0, 1]", _probability)
"""Everyone may take part."""

STEP = Condition("a step of at most the largest, share in (0, 1]", _admissible)
"""The step is given as a share of the largest one."""

RELAXED = Condition("gamma in (0, 1]", _relaxed)
"""The new surrogate is a mean of the old one and a statistic."""


NOISE = Condition("sigma >= 0 and finite", _noise)
"""The noise of statistics has a variance."""

ROUNDS = Condition("a number of rounds T >= 1", _rounds)
"""There is something to average over."""

START = Condition("a start among zero, optimum, far", _start)
"""Where the first surrogate is."""


def known(names: Sequence[str], words: str = "") -> Condition:
    """That the family is one of these; `words` say what they have in common."""
    return Condition(words or f"a family among {', '.join(names)}", partial(_among, tuple(names)))


def within(entry: str, low: float, high: float) -> Condition:
    """That this entry of the setting lies between these two, both included."""
    return Condition(f"{entry} between {low:g} and {high:g}", partial(_between, entry, low, high))
