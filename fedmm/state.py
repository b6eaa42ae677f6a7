"""States as flat tables of arrays and back: nested NamedTuples of arrays and Python numbers.

`flatten` puts every leaf into a table under its dotted path ("server.s", "memory.3.V") and returns the structure that
`unflatten` needs to put the leaves back together. A structure is plain JSON:

| structure | tree |
|---|---|
| null | None |
| "array", "fortran" | an array, stored in row or column order; the order decides how a product is rounded |
| "int", "float", "bool" | a Python number, stored as an array without axes |
| {"type": "module:Name", "fields": {...}} | a NamedTuple |
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from fedmm.arrays import is_namedtuple, to_numpy
from fedmm.errors import DataError, SpecError

__all__ = ["flatten", "unflatten"]

NUMBERS: dict[str, type] = {"bool": bool, "int": int, "float": float}


def flatten(tree: Any, path: str, table: dict[str, np.ndarray]) -> Any:
    """Add the leaves of `tree` to `table` under `path` and return its structure.

    Raises
    ------
    SpecError
        If a leaf is neither an array nor a number.
    """
    if tree is None:
        return None
    if isinstance(tree, tuple) and is_namedtuple(tree):
        fields = zip(tree._fields, tree, strict=True)  # type: ignore[attr-defined]
        kind = f"{type(tree).__module__}:{type(tree).__qualname__}"
        return {"type": kind, "fields": {name: flatten(value, f"{path}.{name}", table) for name, value in fields}}
    for name, number in NUMBERS.items():
        if type(tree) is number:
            table[path] = np.asarray(tree)
            return name
    values = to_numpy(tree)
    if values.dtype.kind not in "fiub":
        raise SpecError(f"The state {path} holds a {type(tree).__name__}, which cannot be saved; use arrays or numbers.")
    fortran = values.ndim > 1 and values.flags.f_contiguous and not values.flags.c_contiguous
    table[path] = np.asarray(values, order="C")
    return "fortran" if fortran else "array"


def unflatten(structure: Any, path: str, table: Mapping[str, np.ndarray], place: Callable[[np.ndarray], Any]) -> Any:
    """The tree that `flatten` took apart; `place` moves an array to the library and device where it is wanted.

    Raises
    ------
    DataError
        If the structure is not one, names an unknown type, or an array is missing.
    """
    if structure is None:
        return None
    if isinstance(structure, Mapping):
        cls = _named_tuple(structure.get("type"), path)
        fields = structure.get("fields", {})
        if tuple(fields) != cls._fields:
            raise DataError(f"Expected the fields {cls._fields} of the saved state {path}, got {tuple(fields)}.")
        return cls(*(unflatten(inner, f"{path}.{name}", table, place) for name, inner in fields.items()))
    if path not in table:
        raise DataError(f"Expected an array {path!r} in the saved state, there is none.")
    if structure in NUMBERS:
        return NUMBERS[structure](table[path])
    return place(np.array(table[path], order="F" if structure == "fortran" else "C"))


def _named_tuple(address: Any, path: str) -> Any:
    """The NamedTuple class at "module:Name", from modules that the run's parts have imported: a file imports nothing."""
    module, _, name = str(address).partition(":")
    found: Any = sys.modules.get(module)
    for word in name.split("."):
        found = vars(found).get(word) if isinstance(found, (ModuleType, type)) else None
    if not (isinstance(found, type) and issubclass(found, tuple) and "_fields" in vars(found)):
        raise DataError(f"The saved state {path} is a {address!r}, which this installation does not know; was it renamed?")
    return found
