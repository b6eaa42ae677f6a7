"""What can be chosen by name: classes enrolled through the entry-point group ``fedmm.catalog``.

Each entry point is a tuple of classes (``CATALOG`` of a package); the kind of a class is told by the abstract base it
derives from, so one tuple may hold several kinds. fedmm reaches `problems` and third parties only through here, and
imports them no earlier than a kind is asked for.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from fedmm.errors import SpecError, suggest

__all__ = ["GROUP", "KINDS", "entries", "kind_of", "lookup"]

GROUP = "fedmm.catalog"
"""The entry-point group."""

KINDS: dict[str, str] = {
    "problem": "fedmm.problem:Problem",
    "penalty": "fedmm.penalty:Penalty",
    "method": "fedmm.algorithm:Algorithm",
    "channel": "fedmm.channels.base:Channel",
    "aggregator": "fedmm.aggregators.base:Aggregator",
    "participation": "fedmm.participation.base:Participation",
    "schedule": "fedmm.schedules:Schedule",
    "data": "fedmm.federation:Source",
    "partition": "fedmm.federation:Partition",
    "executor": "fedmm.executors.base:Executor",
    "metric": "fedmm.metrics:Metric",
    "theory": "fedmm.theory:Theory",
}
"""The abstract base of each kind, by address: naming a base must not import it."""


def entries(kind: str) -> dict[str, type]:
    """The classes of one kind by name, in alphabetical order.

    Parameters
    ----------
    kind : str
        A key of `KINDS`.

    Raises
    ------
    SpecError
        For an unknown kind, or if two classes of this kind share a name.

    Warns
    -----
    UserWarning
        For an entry point that cannot be imported or does not hold catalog classes; the others still work.
    """
    if kind not in KINDS:
        raise SpecError(f"Expected a kind of part, got {kind!r}.{suggest(kind, KINDS)}")
    found: dict[str, type] = {}
    for cls in _enrolled(tuple(sys.path)):
        if kind_of(cls) != kind:
            continue
        name = vars(cls)["name"]
        if found.setdefault(name, cls) is not cls:
            raise SpecError(
                f"Two {kind} classes are called {name!r}: {_address(found[name])} and {_address(cls)}; "
                "rename one or uninstall its package."
            )
    return dict(sorted(found.items()))


def lookup(kind: str, name: str) -> type:
    """The class of this kind and name.

    Raises
    ------
    SpecError
        If there is none; the message suggests the nearest name.
    """
    known = entries(kind)
    if name not in known:
        raise SpecError(f"Unknown {kind} {name!r}.{suggest(name, known)}")
    return known[name]


def kind_of(cls: Any) -> str | None:
    """The kind of a class, told by its abstract base; None if it has none."""
    if isinstance(cls, type):
        addresses = {_address(base) for base in cls.__mro__}
        for kind, address in KINDS.items():
            if address in addresses:
                return kind
    return None


@lru_cache(maxsize=4)
def _enrolled(path: tuple[str, ...]) -> tuple[type, ...]:
    """Every enrolled class. What is installed is a function of the search path, hence the key of the cache."""
    return tuple(cls for point in _points() for cls in _load(point))


def _points() -> Iterator[EntryPoint]:
    """The entry points of the group, each once: a package installed twice on the path must not clash with itself."""
    seen = set()
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.value, point.name)):
        if point.value not in seen:
            seen.add(point.value)
            yield point


def _load(point: EntryPoint) -> tuple[type, ...]:
    """The classes of one entry point, or a warning and none: one broken package must not take the others down."""
    owner = point.dist.name if point.dist is not None else "an unknown package"
    where = f"The entry point {point.name!r} ({point.value}) of {owner} in the group {GROUP!r}"
    try:
        classes = point.load()
    except Exception as error:
        warnings.warn(f"{where} cannot be imported: {type(error).__name__}: {error}; its parts are left out.", stacklevel=2)
        return ()
    if not isinstance(classes, (tuple, list)):
        warnings.warn(f"{where} should be a tuple of classes, got {type(classes).__name__}; left out.", stacklevel=2)
        return ()
    good = []
    for cls in classes:
        if kind_of(cls) is None or not isinstance(vars(cls).get("name"), str):
            warnings.warn(
                f"{where} holds {cls!r}, which is not a class with a `name` derived from one of fedmm's abstract bases "
                f"({', '.join(KINDS)}); left out.",
                stacklevel=2,
            )
        else:
            good.append(cls)
    return tuple(good)


def _address(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"
