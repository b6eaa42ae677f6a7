"""Configurations side by side: trees of arrays with a leading axis, one row a configuration (a *lane*).

Python numbers inside a tree (phases, counters) are the same in every lane and have no rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from fedmm.algorithm import Algorithm
from fedmm.arrays import Array, as_like, map_leaves, namespace
from fedmm.schedules import Schedule

__all__ = ["Column", "column", "finite", "join", "pick", "row", "side_by_side"]


@dataclass(frozen=True, eq=False)
class Column(Schedule):
    """The step sizes of several lanes in one round, shape (lanes, 1): lives for that round only, and in no catalog."""

    values: Array = field(repr=False)
    name: ClassVar[str] = "column"

    def at(self, t: int) -> Array:
        return self.values


def column(numbers: Sequence[float], like: Array) -> Array:
    """Numbers as a column (lanes, 1) in the library and dtype of `like`."""
    return as_like(np.asarray(numbers, dtype=float)[:, None], like)


def side_by_side(algorithms: Sequence[Algorithm], t: int, like: Array) -> Algorithm:
    """One method that is `algorithms[i]` in lane i, in round `t`: fields that differ become columns.

    They differ in their fields `Algorithm.sweeps` alone, and are settled.
    """
    first = algorithms[0]
    merged = copy(first)
    for name in type(first).sweeps:
        values = [getattr(algorithm, name) for algorithm in algorithms]
        if all(value == values[0] for value in values):
            continue
        now = column([value.at(max(t, 1)) if isinstance(value, Schedule) else value for value in values], like)
        # past __post_init__: each lane's own numbers have been checked, and a column is none
        object.__setattr__(merged, name, Column(now) if isinstance(values[0], Schedule) else now)
    return merged


def row(tree: Any, lane: int) -> Any:
    """One lane of a tree."""
    return map_leaves(lambda x: x if isinstance(x, (int, float)) else x[lane, ...], tree)


def pick(tree: Any, lanes: Sequence[int]) -> Any:
    """Some lanes of a tree."""

    def some(x: Any) -> Any:
        if isinstance(x, (int, float)):
            return x
        return x[lanes] if type(x) is np.ndarray else namespace(x).take(x, as_like(np.asarray(lanes, dtype=int), x), axis=0)

    return map_leaves(some, tree)


def join(trees: Sequence[Any]) -> Any:
    """Trees of single lanes as one."""
    return map_leaves(lambda *xs: xs[0] if isinstance(xs[0], (int, float)) else namespace(xs[0]).stack(xs), *trees)


def finite(tree: Any, lanes: int) -> np.ndarray:
    """For each lane whether all its numbers are finite, shape (lanes,)."""
    found = np.ones(lanes, dtype=bool)

    def look(x: Any) -> None:
        if not isinstance(x, (int, float)):
            xp = namespace(x)
            ok = xp.all(xp.reshape(xp.isfinite(x), (lanes, -1)), axis=1)
            found[:] &= np.asarray(ok if type(ok) is np.ndarray else [bool(one) for one in ok])

    map_leaves(look, tree)
    return found
