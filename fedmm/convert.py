"""Field values: from text, from the values of a TOML table, and back, as the field's annotation asks.

An annotation is a union of arms. A value of a table is matched to an arm by its type; text is read by the first arm
that understands it, in the order: none, one of the named choices, true or false, integer, number, tuple, part, text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin

import numpy as np

from fedmm.arguments import arms_of, is_tuple
from fedmm.arrays import is_sparse, namespace
from fedmm.catalog import entries, kind_of
from fedmm.errors import SpecError, suggest
from fedmm.federation import digest_of

__all__ = ["admits_none", "from_text", "from_value", "plain", "spelled", "split_top"]

_NOT = object()
"""What a reader returns for "not mine"; None is a value."""


def admits_none(annotation: Any) -> bool:
    """Whether None is among the values of the annotation."""
    return type(None) in arms_of(annotation)


def split_top(text: str, separator: str | re.Pattern) -> list[str]:
    """`text` split at the separators that are outside parentheses; words are stripped, an empty text has none.

    Raises
    ------
    SpecError
        If parentheses do not match.
    """
    pattern = re.compile(re.escape(separator)) if isinstance(separator, str) else separator
    depth, start, words, at = 0, 0, [], 0
    while at < len(text):
        depth += (text[at] == "(") - (text[at] == ")")
        if depth < 0:
            break
        found = pattern.match(text, at) if depth == 0 else None
        if found:
            words.append(text[start:at].strip())
            start = at = found.end()
        else:
            at += 1
    if depth != 0:
        raise SpecError(f"Parentheses do not match in {text!r}.")
    words.append(text[start:].strip())
    return words if words != [""] else []


def from_text(text: str, annotation: Any, where: str) -> Any:
    """The value that `text` spells for the field `where`.

    Raises
    ------
    SpecError
        If no arm of the annotation understands it; the message says what was expected.
    """
    text = text.strip()
    inside = _unwrapped(text)
    arms = arms_of(annotation)
    for reader in (_read_none, _read_choice, _read_bool, _read_int, _read_float, _read_tuple, _read_part, _read_str):
        for arm in arms:
            value = reader(text, inside, arm, where)
            if value is not _NOT:
                return value
    raise SpecError(f"Expected {where} to be {_expected(arms)}, got {text!r}.{_near(text, arms)}")


def from_value(value: Any, annotation: Any, where: str) -> Any:
    """The value of a TOML table as the field `where` wants it; strings no arm takes as they are, are read as text.

    Raises
    ------
    SpecError
        If it fits no arm of the annotation, or is an array known only by its digest.
    """
    arms = arms_of(annotation)
    if isinstance(value, Mapping) and set(value) == {"sha256"}:
        raise SpecError(f"{where} was an array given in memory (sha256 {value['sha256']}); give it again.")
    for arm in arms:
        if arm is type(None) and value is None:
            return None
        if get_origin(arm) is Literal and any(type(value) is type(c) and value == c for c in get_args(arm)):
            return value
        if arm in (bool, int, str, float) and type(value) is arm:
            return value
        if arm is Any and not isinstance(value, str):
            return value
    for arm in arms:
        if arm is float and type(value) is int:
            return float(value)
        if is_tuple(arm) and isinstance(value, (list, tuple)):
            inner = _element_types(arm, len(value), where)
            return tuple(from_value(v, t, f"{where}[{i}]") for i, (v, t) in enumerate(zip(value, inner, strict=True)))
        kind = kind_of(arm)
        if kind is not None and isinstance(value, Mapping) and value.get("kind", kind) == kind:
            from fedmm.spec import build  # parts and values hold each other

            return build(kind, value)
        if kind is not None and isinstance(value, arm):
            return value
    if isinstance(value, str):
        return from_text(value, annotation, where)
    raise SpecError(f"Expected {where} to be {_expected(arms)}, got {value!r}.")


def plain(value: Any, where: str, nested: Callable[[Any], dict[str, Any] | None]) -> Any:
    """`value` in what TOML can hold; `nested` writes down a part, or returns None for what is none.

    Raises
    ------
    SpecError
        If the value is neither plain, nor an array, nor a part.
    """
    if value is None:
        return "none"
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (bool, int, float, str)):
        return value
    table = nested(value)
    if table is not None:
        return table
    if type(value) in (tuple, list):
        return [plain(item, f"{where}[{i}]", nested) for i, item in enumerate(value)]
    if _is_array(value):
        return {"sha256": digest_of(value)}
    raise SpecError(f"{where} holds a {type(value).__name__}, which cannot be written to a recipe; use plain values.")


def spelled(value: Any, where: str, spell: Callable[[Any], str]) -> str:
    """`value` as text that `from_text` reads back; `spell` writes a part.

    Raises
    ------
    SpecError
        For an array or anything else that text cannot carry.
    """
    if value is None:
        return "none"
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return f"({value})" if re.search(r"[,;()+]", value) else value
    if type(value) in (tuple, list):
        return f"({';'.join(spelled(item, where, spell) for item in value)})"
    if kind_of(type(value)) is not None:
        return f"({spell(value)})"
    raise SpecError(f"{where} holds a {type(value).__name__}, which cannot be given as text.")


def _unwrapped(text: str) -> str | None:
    """What is inside one pair of parentheses around all of `text`; None if there is no such pair."""
    if not (text.startswith("(") and text.endswith(")")):
        return None
    depth = 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and at < len(text) - 1:
            return None
    return text[1:-1].strip()


def _read_none(text: str, inside: str | None, arm: Any, where: str) -> Any:
    return None if arm is type(None) and text.lower() == "none" else _NOT


def _read_choice(text: str, inside: str | None, arm: Any, where: str) -> Any:
    if get_origin(arm) is Literal:
        for choice in get_args(arm):
            if text == str(choice):
                return choice
    return _NOT


def _read_bool(text: str, inside: str | None, arm: Any, where: str) -> Any:
    return {"true": True, "false": False}.get(text.lower(), _NOT) if arm is bool else _NOT


def _read_int(text: str, inside: str | None, arm: Any, where: str) -> Any:
    return int(text) if arm is int and re.fullmatch(r"[+-]?\d+", text) else _NOT


def _read_float(text: str, inside: str | None, arm: Any, where: str) -> Any:
    if arm is float:
        try:
            return float(text)
        except ValueError:
            pass
    return _NOT


def _read_tuple(text: str, inside: str | None, arm: Any, where: str) -> Any:
    if not is_tuple(arm) or inside is None:
        return _NOT
    words = split_top(inside, ";")
    words = words if len(words) > 1 else split_top(inside, ",")
    inner = _element_types(arm, len(words), where)
    return tuple(from_text(w, t, f"{where}[{i}]") for i, (w, t) in enumerate(zip(words, inner, strict=True)))


def _read_part(text: str, inside: str | None, arm: Any, where: str) -> Any:
    kind = kind_of(arm)
    if kind is None:
        return _NOT
    text = text if inside is None else inside
    if re.split(r"[:+]", text)[0].strip() not in entries(kind):
        return _NOT
    from fedmm.spec import parse  # parts and values hold each other

    return parse(kind, text)


def _read_str(text: str, inside: str | None, arm: Any, where: str) -> Any:
    return (text if inside is None else inside) if arm is str else _NOT


def _element_types(arm: Any, count: int, where: str) -> tuple[Any, ...]:
    inner = get_args(arm) or (Any, ...)
    if inner[-1] is Ellipsis:
        return (inner[0],) * count
    if len(inner) != count:
        raise SpecError(f"Expected {len(inner)} values for {where}, got {count}.")
    return inner


def _is_array(value: Any) -> bool:
    if isinstance(value, np.ndarray) or is_sparse(value):
        return True
    try:
        namespace(value)
    except TypeError:
        return False
    return True


def _expected(arms: tuple[Any, ...]) -> str:
    names = {type(None): "none", bool: "true or false", int: "an integer", float: "a number", str: "text"}
    words = []
    for arm in arms:
        kind = kind_of(arm)
        if kind is not None:
            words.append(f"a {kind} ({', '.join(entries(kind))})")
        elif get_origin(arm) is Literal:
            words.extend(repr(choice) for choice in get_args(arm))
        elif is_tuple(arm):
            words.append("a tuple such as (1;2)")
        else:
            words.append(names.get(arm, "an array, which only Python can give"))
    return " or ".join(dict.fromkeys(words))


def _near(text: str, arms: tuple[Any, ...]) -> str:
    """A suggestion among the named choices and the parts, where there are any."""
    known = [str(choice) for arm in arms if get_origin(arm) is Literal for choice in get_args(arm)]
    known += [name for arm in arms if (kind := kind_of(arm)) is not None for name in entries(kind)]
    hint = suggest(text.partition(":")[0], known) if known else ""
    return hint if "Did you mean" in hint else ""
