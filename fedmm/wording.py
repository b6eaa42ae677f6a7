"""Numbers and parts in words a reader takes in at a glance."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from fedmm.errors import SpecError
from fedmm.federation import Federation
from fedmm.spec import build, spell

__all__ = ["bits_in_words", "federation_in_words", "part_in_words"]


def bits_in_words(bits: float) -> str:
    """A number of bits in decimal units, for example ``"1.23 Mbit"``."""
    for unit, scale in (("Tbit", 1e12), ("Gbit", 1e9), ("Mbit", 1e6), ("kbit", 1e3)):
        if abs(bits) >= 0.9995 * scale:
            return f"{bits / scale:.3g} {unit}"
    return f"{bits:.4g} bit"


def part_in_words(part: Any) -> str:
    """A part as the command line would take it, or an outline where text cannot carry it (arrays)."""
    try:
        return spell(part)
    except SpecError:
        return repr(part) if not is_dataclass(part) else _outlined(part)


def _outlined(part: Any) -> str:
    """The name and the fields that differ from their defaults, an array by its shape."""
    from array_api_compat import is_array_api_obj

    words = []
    for field in fields(part):
        value: Any = getattr(part, field.name)
        if is_array_api_obj(value):
            words.append(f"{field.name}=array{tuple(value.shape)}")  # type: ignore[attr-defined]
        elif value != field.default:
            words.append(f"{field.name}={value}")
    return f"{type(part).name}:{','.join(words)}"


def federation_in_words(federation: Federation) -> str:
    """Where the data come from and how they are shared out, for example ``"digits, dirichlet:0.1, 10 clients"``."""
    origin, words = federation.origin or {}, []
    for kind in ("data", "partition"):
        if kind in origin:
            if "path" in origin[kind]:  # a file: its name says enough, the record has its place and digest
                words.append(Path(origin[kind]["path"]).name)
                continue
            try:
                words.append(part_in_words(build(kind, origin[kind])))
            except SpecError:
                words.append(str(origin[kind]))
    count = len(federation)
    return ", ".join([*(words or ["arrays in memory"]), f"{count} client{'s' if count != 1 else ''}"])
