"""What a caller gives, held against the annotations: wrong types are refused where they are given, not where they hurt."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np

from fedmm.errors import SpecError, suggest

__all__ = ["annotations_of", "arms_of", "check_fields", "check_instance", "is_tuple", "several", "whole"]

_NOT = object()
"""What `_fitted` returns for "does not fit"; None is a value."""


@cache
def annotations_of(cls: type) -> Mapping[str, Any]:
    """The evaluated annotation of every field of a dataclass."""
    return types.MappingProxyType(get_type_hints(cls))


def arms_of(annotation: Any) -> tuple[Any, ...]:
    """The types of a union, one by one."""
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(arm for part in get_args(annotation) for arm in arms_of(part))
    return (type(None),) if annotation is None else (annotation,)


def is_tuple(arm: Any) -> bool:
    """Whether an annotation is a tuple."""
    return arm is tuple or get_origin(arm) is tuple


def check_fields(part: Any) -> None:
    """Hold the fields of a frozen dataclass against their annotations; call it first in `__post_init__`.

    NumPy scalars become the plain numbers they stand for, and integers become floats where a float is asked for, so that a
    part is the same before and after it went through a recipe.

    Raises
    ------
    SpecError
        Naming the field, what was expected and what came.
    """
    for field in fields(part):
        value, arms = getattr(part, field.name), arms_of(annotations_of(type(part))[field.name])
        fitted = _fitted(value, arms)
        if fitted is _NOT:
            owner = vars(type(part)).get("name", type(part).__name__)
            choices = [str(choice) for arm in arms if get_origin(arm) is Literal for choice in get_args(arm)]
            hint = suggest(value, choices) if choices and isinstance(value, str) else ""
            expected = " or ".join(_expected(arm) for arm in arms)
            hint = hint if "Did you mean" in hint else ""
            raise SpecError(f"Expected {owner}.{field.name} to be {expected}, got {_shown(value)}.{hint}")
        if fitted is not value:
            object.__setattr__(part, field.name, fitted)


def check_instance(what: str, value: Any, kind: type) -> None:
    """That `value` is an object of this kind.

    Raises
    ------
    SpecError
        Naming what was expected; for a class in the place of an object, how to write the object.
    """
    if isinstance(value, type):
        raise SpecError(f"Expected {what} as an object, got the class {value.__name__}; write {value.__name__}(...).")
    if isinstance(value, kind):
        return
    article = "an" if kind.__name__[0] in "AEIO" else "a"
    raise SpecError(f"Expected {what} as {article} {kind.__name__}, got {_shown(value)} of type {type(value).__name__}.")


def several(what: str, given: Any, kind: Any) -> tuple[Any, ...]:
    """One object of a kind, or a sequence of them, as a tuple.

    Raises
    ------
    SpecError
        If it is neither.
    """
    items = (given,) if isinstance(given, kind) and not isinstance(given, type) else given
    if not isinstance(items, Sequence) or isinstance(items, str):
        raise SpecError(f"Expected {what} as {kind.__name__} objects, got {_shown(given)}.")
    for i, item in enumerate(items):
        check_instance(f"{what}[{i}]", item, kind)
    return tuple(items)


def whole(what: str, value: Any, least: int | None = None) -> int:
    """`value` as an integer, at least `least`.

    Raises
    ------
    SpecError
        If it is not one.
    """
    fitted = _fitted(value, (int,))
    if fitted is _NOT or (least is not None and fitted < least):
        bound = "" if least is None else f" >= {least}"
        raise SpecError(f"Expected {what} as an integer{bound}, got {_shown(value)}.")
    return fitted


def _fitted(value: Any, arms: tuple[Any, ...]) -> Any:
    """`value` as the first of these types that takes it."""
    if isinstance(value, np.generic):
        value = value.item()
    for arm in arms:
        if arm is Any or (arm in (bool, int, float, str, type(None)) and type(value) is arm):
            return value
        if get_origin(arm) is Literal and any(type(value) is type(c) and value == c for c in get_args(arm)):
            return value
        if is_tuple(arm) and isinstance(value, tuple):
            inner = get_args(arm) or (Any, ...)
            inner = (inner[0],) * len(value) if inner[-1] is Ellipsis else inner
            items = [_fitted(v, arms_of(t)) for v, t in zip(value, inner, strict=False)]
            if len(inner) == len(value) and not any(item is _NOT for item in items):
                return value if all(a is b for a, b in zip(items, value, strict=True)) else tuple(items)
        elif isinstance(arm, type) and arm not in (bool, int, float, str) and isinstance(value, arm):
            return value
    return float(value) if float in arms and type(value) is int else _NOT


def _expected(arm: Any) -> str:
    words = {type(None): "None", bool: "True or False", int: "an integer", float: "a number", str: "a string", Any: "an array"}
    if get_origin(arm) is Literal:
        return " or ".join(repr(choice) for choice in get_args(arm))
    if is_tuple(arm):
        return f"a tuple of {_expected(get_args(arm)[0])}" if get_args(arm) else "a tuple"
    return words.get(arm) or f"a {arm.__name__ if isinstance(arm, type) else arm}"


def _shown(value: Any) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}"
    text = repr(value)
    return text if len(text) <= 60 and "\n" not in text else f"a {type(value).__name__}"
