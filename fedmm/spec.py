"""Parts as text and as plain mappings: what the command line takes and what a recipe holds.

    text      name[:value[,value...]][,field=value...]      rand-k:3   fedmm:step=inverse-sqrt:0.5   bernoulli:(0.1;0.5)
    mapping   {"name": "rand-k", "k": 3}                    one key per field; nested parts also carry their "kind"

Positional values fill the fields in order. Parentheses hold a tuple (separated by ``;`` or ``,``) or shield the commas
of a nested part: ``step=(inverse:1,offset=2)``. Channels are chained with ``+``: ``top-k:10+dither:4``. How a value is
read follows from the field's annotation, see `fedmm.convert`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass, replace
from typing import Any

from fedmm.arguments import annotations_of
from fedmm.catalog import GROUP, kind_of, lookup
from fedmm.convert import admits_none, from_text, from_value, plain, spelled, split_top
from fedmm.errors import SpecError, suggest

__all__ = ["assign", "build", "describe", "locate", "parse", "put", "spell"]


def parse(kind: str, text: str) -> Any:
    """The part of this kind that `text` spells.

    Raises
    ------
    SpecError
        For an unknown name or field (with the nearest known one), a missing or surplus value, or a value of the wrong
        type.
    """
    name, colon, rest = text.strip().partition(":")
    if kind == "channel":
        links = split_top(text, re.compile(r"\+(?=\s*[A-Za-z(])"))  # the + of 1e+3 is no chain
        if len(links) > 1:
            return lookup("channel", "chain")(tuple(parse("channel", link) for link in links))
        if name.strip() == "chain" and not re.match(r"(channels\s*=)?\s*\(", rest.strip()):
            raise SpecError(f"Expected channels joined by +, such as rand-k:10+dither:4, got {text!r}.")
    cls = lookup(kind, name.strip())
    known = _fields(cls)
    types = annotations_of(cls)
    given: dict[str, Any] = {}
    for word in split_top(rest, ",") if colon else []:
        key, equals, value = word.partition("=")
        key = key.strip()
        if not equals or not re.fullmatch(r"[A-Za-z_]\w*", key):
            if len(given) >= len(known) or set(given) != set(list(known)[: len(given)]):
                raise SpecError(
                    f"Unexpected value {word!r} in {text!r}: {name} takes {_signature(known)}; "
                    "values in order come first, then field=value."
                )
            key, value = list(known)[len(given)], word
        _check_field(name, key, known)
        if key in given:
            raise SpecError(f"{name}.{key} is given twice in {text!r}; keep one.")
        given[key] = from_text(value, types[key], f"{name}.{key}")
    return _construct(cls, given)


def describe(part: Any) -> dict[str, Any]:
    """The mapping that `build` turns back into `part`: its name and every field, in values that TOML can hold.

    None is left out where it is the default, and written "none" elsewhere (TOML has no null). An array is recorded as
    ``{"sha256": ...}``: `build` then asks for it.

    Raises
    ------
    SpecError
        If a field holds something that is neither plain, nor an array, nor a part.
    """
    found: dict[str, Any] = {"name": _part_name(part)}
    for key, field in _fields(type(part)).items():
        value = getattr(part, key)
        if value is None and field.default is None:
            continue
        found[key] = plain(value, f"{found['name']}.{key}", _nested)
    return found


def build(kind: str, mapping: Mapping[str, Any]) -> Any:
    """The part of this kind that `describe` wrote down. Fields that are left out take their defaults.

    Raises
    ------
    SpecError
        For an unknown name or field (with the nearest known one), a missing field, a value of the wrong type, or an
        array known only by its digest.
    """
    if not isinstance(mapping, Mapping):
        raise SpecError(f"Expected a table for the {kind}, with a name and its fields, got {mapping!r}.")
    name = mapping.get("name")
    if not isinstance(name, str):
        raise SpecError(f'Expected the name of the {kind}, as in name = "...", got {dict(mapping)!r}.')
    if mapping.get("kind", kind) != kind:
        raise SpecError(f"Expected {name!r} to be of kind {kind!r}, the table says {mapping['kind']!r}.")
    try:
        cls = lookup(kind, name)
    except SpecError as error:
        raise SpecError(f"{error} A class of your own is read back once {GROUP!r} has an entry point for it.") from error
    known = _fields(cls)
    types = annotations_of(cls)
    given: dict[str, Any] = {}
    for key, value in mapping.items():
        if key in ("name", "kind"):
            continue
        _check_field(name, key, known)
        given[key] = from_value(value, types[key], f"{name}.{key}")
    return _construct(cls, given)


def assign(objects: Mapping[str, Any], text: str) -> dict[str, Any]:
    """`objects` after ``--set text``, for example ``method.step=0.1``; the objects given are left as they are.

    Parameters
    ----------
    objects : mapping of str to part or None
        The parts by the word that addresses them: "problem", "method", "channel", ...
    text : str
        ``object.field=value``; ``field=value`` where one object alone has the field; ``object.field.field=value`` for a
        part inside a part, where an element of a tuple is addressed by its number.

    Raises
    ------
    SpecError
        If nothing has the field (with the nearest known one), several have it (with the candidates), or the value does
        not fit.
    """
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise SpecError(f"Expected field=value or object.field=value, got {text!r}.")
    owner, inner = locate(objects, path.strip())
    where = f"{owner}.{'.'.join(inner)}"
    return {**objects, owner: _assigned(objects[owner], inner, where, lambda annotation: from_text(value, annotation, where))}


def locate(objects: Mapping[str, Any], path: str) -> tuple[str, list[str]]:
    """The word of the part that ``method.step``, or ``step`` alone, is a field of, and the path inside that part.

    Raises
    ------
    SpecError
        If nothing has the field (with the nearest known one), or several have it (with the candidates).
    """
    words = path.split(".")
    if "" in words:
        raise SpecError(f"Expected field=value or object.field=value, got the field {path!r}.")
    parts = {word: part for word, part in objects.items() if part is not None}
    if words[0] in parts and len(words) > 1:
        return words[0], words[1:]
    if words[0] in objects and len(words) > 1:
        raise SpecError(f"Cannot set {path!r}: this run has no {words[0]}.")
    owners = [word for word, part in parts.items() if words[0] in _fields(type(part))]
    if len(owners) > 1:
        candidates = " or ".join(f"{owner}.{path}" for owner in owners)
        raise SpecError(f"The field {words[0]!r} is ambiguous; say {candidates}.")
    if not owners:
        known = {key for part in parts.values() for key in _fields(type(part))}
        hint = suggest(words[0], known if len(words) == 1 else known | set(parts))
        raise SpecError(f"Nothing in this run has a field {path!r}.{hint}")
    return owners[0], words


def put(part: Any, path: Sequence[str], value: Any) -> Any:
    """`part` with `value` (not text) in the field at `path`; errors as `assign`."""
    return _assigned(part, list(path), f"{_part_name(part)}.{'.'.join(path)}", lambda annotation: value)


def spell(part: Any) -> str:
    """`part` as text that `parse` reads back: ``rand-k:3``, ``rand-k:3+dither:4``, ``fedmm:step=0.1``.

    Fields without a default come in order, the others as field=value where they differ from their default.

    Raises
    ------
    SpecError
        If a field holds what text cannot carry, such as an array.
    """
    name = _part_name(part)
    if kind_of(type(part)) == "channel" and name == "chain":
        links = [spell(link) for link in part.channels]
        if len(links) > 1 and not any("+" in link for link in links):
            return "+".join(links)
    words = []
    for key, field in _fields(type(part)).items():
        value = getattr(part, key)
        where = f"{name}.{key}"
        if field.default is MISSING and field.default_factory is MISSING and not field.kw_only:
            words.append(spelled(value, where, spell))
        elif type(value) is not type(field.default) or value != field.default:
            words.append(f"{key}={spelled(value, where, spell)}")
    return f"{name}:{','.join(words)}" if words else name


def _fields(cls: type) -> dict[str, Field]:
    """The fields that can be set, in order."""
    return {field.name: field for field in fields(cls) if field.init} if is_dataclass(cls) else {}


def _part_name(part: Any) -> str:
    if kind_of(type(part)) is None:
        raise SpecError(f"Expected a part derived from one of fedmm's abstract bases, got {type(part).__name__}.")
    return type(part).name


def _nested(part: Any) -> dict[str, Any] | None:
    """A part inside a part, with its kind; None for anything else."""
    kind = kind_of(type(part))
    return None if kind is None else {"kind": kind, **describe(part)}


def _signature(known: Mapping[str, Field]) -> str:
    return ", ".join(known) or "no fields"


def _check_field(name: str, key: str, known: Mapping[str, Field]) -> None:
    if key not in known:
        hint = suggest(key, known) if known else " It has none."
        raise SpecError(f"{name} has no field {key!r}.{hint}")


def _construct(cls: type, given: dict[str, Any]) -> Any:
    types = annotations_of(cls)
    for key, field in _fields(cls).items():
        if key not in given and field.default is MISSING and field.default_factory is MISSING:
            if not admits_none(types[key]):
                raise SpecError(f"{cls.name} needs {key}; say {cls.name}:{key}=...")  # type: ignore[attr-defined]
            given[key] = None
    try:
        return cls(**given)
    except SpecError:
        raise
    except ValueError as error:  # a third party's own check: keep its sentence, make it one of ours
        raise SpecError(f"{cls.name}: {error}") from error  # type: ignore[attr-defined]


def _assigned(part: Any, path: list[str], where: str, read: Callable[[Any], Any]) -> Any:
    """`part` with the field at `path` set to ``read(its annotation)``."""
    key, inner = path[0], path[1:]
    known = _fields(type(part))
    _check_field(f"{where.removesuffix('.' + '.'.join(path))} ({_part_name(part)})", key, known)
    value = getattr(part, key)
    if not inner:
        return _replaced(part, key, read(annotations_of(type(part))[key]))
    if isinstance(value, tuple) and len(inner) > 1 and inner[0].isdigit():
        number = int(inner[0])
        if number >= len(value):
            raise SpecError(f"Cannot set {where}: {key} has {len(value)} elements, numbered from 0.")
        value = (*value[:number], _assigned(value[number], inner[1:], where, read), *value[number + 1 :])
        return _replaced(part, key, value)
    if kind_of(type(value)) is None:
        raise SpecError(f"Cannot set {where}: {key} is {value!r}, which has no fields of its own.")
    return _replaced(part, key, _assigned(value, inner, where, read))


def _replaced(part: Any, key: str, value: Any) -> Any:
    try:
        return replace(part, **{key: value})
    except SpecError:
        raise
    except ValueError as error:
        raise SpecError(f"{type(part).name}: {error}") from error
