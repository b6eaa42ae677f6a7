"""From axes to configurations: every combination of the values, each with its parts.

An axis is a seed, a field of a part ("step", "method.step", "problem.ridge", "channel.k"), or a whole part ("method", "channel").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from fedmm.arguments import whole
from fedmm.errors import SpecError
from fedmm.parts import Parts
from fedmm.spec import locate, put

__all__ = ["Point", "bundles", "points"]

WORDS = {"method": "algorithm"}
"""Where the name of a part in words is not the field of `Parts`."""

PARTS = ("problem", "method", "channel", "downlink", "aggregator", "participation")


@dataclass(frozen=True, eq=False)
class Point:
    """One configuration.

    Parameters
    ----------
    values : mapping of str to object
        The value on every axis.
    parts : Parts
        What `solve` would be called with.
    places : tuple of int
        The number of the value on every axis.
    """

    values: Mapping[str, Any]
    parts: Parts
    places: tuple[int, ...]


def points(parts: Parts, over: Mapping[str, Sequence[Any]]) -> list[Point]:
    """Every combination of the values in `over`, the last axis changing fastest.

    Raises
    ------
    SpecError
        If an axis is no field of these parts, is empty or holds a value twice, or a value does not fit.
    """
    axes = {name: _values(name, values) for name, values in over.items()}
    if not axes:
        raise SpecError('Expected at least one axis to sweep over, got none; say over={"step": [0.1, 0.2]}.')
    found: list[Point] = []
    made: dict[tuple[Any, ...], Any] = {}
    for places in product(*(range(len(values)) for values in axes.values())):
        values = {name: axes[name][k] for (name, k) in zip(axes, places, strict=True)}
        found.append(Point(values, _parts(parts, values, places, made), places))
    return found


def _values(name: str, values: Any) -> list[Any]:
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if isinstance(values, (str, Mapping)) or not isinstance(values, (Sequence, range)):
        raise SpecError(f"Expected the values of {name!r} as a list, got {values!r}; write [{values!r}].")
    values = [value.item() if isinstance(value, np.generic) else value for value in values]
    if not values:
        raise SpecError(f"Expected at least one value for {name!r}, got none.")
    if name == "seed":
        values = [whole("a seed", value) for value in values]
    for i, value in enumerate(values):
        if any(value is other or (type(value) is type(other) and value == other) for other in values[:i]):
            raise SpecError(f"The value {value!r} of {name!r} is given twice; give it once.")
    return values


def _parts(parts: Parts, values: Mapping[str, Any], places: tuple[int, ...], made: dict[tuple[Any, ...], Any]) -> Parts:
    """`parts` with these values. Parts with equal values are one object, so that `bundles` sees what runs have in common."""
    objects: dict[str, Any] = {word: getattr(parts, WORDS.get(word, word)) for word in PARTS}
    history: dict[str, tuple[Any, ...]] = dict.fromkeys(PARTS, ())
    seed = parts.seed
    whole_parts = [(name, value, k) for (name, value), k in zip(values.items(), places, strict=True) if name in PARTS]
    fields = [(name, value, k) for (name, value), k in zip(values.items(), places, strict=True) if name not in PARTS]
    for name, value, k in whole_parts:  # before the fields, which may be fields of the new part
        objects[name], history[name] = value, (*history[name], name, k)
    for name, value, k in fields:
        if name == "seed":
            seed = value
            continue
        owner, inner = locate(objects, name)
        history[owner] = (*history[owner], name, k)
        key = (owner, history[owner])
        if key not in made:
            made[key] = put(objects[owner], inner, value)
        objects[owner] = made[key]
    given = {WORDS.get(word, word): part for word, part in objects.items()}
    return replace(parts, **given, seed=seed)


def bundles(found: Sequence[Point], seeds_apart: bool = False) -> list[list[int]]:
    """The numbers of the points that run side by side: they differ in seeds and in fields their method sweeps alone.

    With `seeds_apart` not in seeds: sparse rows drawn at several addresses cannot be stacked.
    """
    groups: dict[tuple[Any, ...], list[int]] = {}
    for number, point in enumerate(found):
        apart = (point.parts.seed,) if seeds_apart else ()
        groups.setdefault((*_common(point), *apart), []).append(number)
    return list(groups.values())


def _common(point: Point) -> tuple[Any, ...]:
    """The places on the axes that are not swept side by side."""
    objects = {word: getattr(point.parts, WORDS.get(word, word)) for word in PARTS}
    common: list[Any] = []
    for (name, value), k in zip(point.values.items(), point.places, strict=True):
        if name == "seed":
            continue
        if name not in PARTS:
            owner, inner = locate(objects, name)
            if owner == "method" and len(inner) == 1 and inner[0] in type(point.parts.algorithm).sweeps and value is not None:
                continue
        common.append((name, k))
    return tuple(common)
