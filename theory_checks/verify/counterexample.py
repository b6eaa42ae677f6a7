"""A counter-example as a small file that reruns with one command."""

from __future__ import annotations

import json
from collections.abc import Mapping
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple

from fedmm.errors import DataError, SpecError, suggest
from theory_checks.claim import Claim, Setting
from theory_checks.verdict import Trial, Verdict, plain, stem
from theory_checks.verify.mine import known
from theory_checks.verify.trial import measure

__all__ = ["Example", "read", "replay", "write"]

FORMAT = "fedmm counter-example 1"


class Example(NamedTuple):
    """A claim and a setting, as read from a file."""

    claim: Claim
    setting: Setting


def write(verdict: Verdict, folder: Path, mine: Path | None = None) -> Path:
    """Write the counter-example of a verdict into a folder; the file is called after the claim.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    seen = verdict.counterexample
    if seen is None:
        raise SpecError(f"Claim {verdict.claim!r} was not refuted, so there is no counter-example to write.")
    table: dict[str, Any] = {"format": FORMAT, "claim": verdict.claim, "statement": verdict.statement}
    table |= {"mine": None if mine is None else str(mine.resolve())} | seen.table() | {"setting": _written(seen.setting)}
    path = folder / f"{stem(verdict.claim)}.counterexample.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise DataError(f"Could not write {path} ({error.strerror or error}); name another folder.") from error
    return path


def read(path: Path, mine: Path | None = None) -> Example:
    """Read a counter-example; `mine` says where a user's claims are now, if not where they were.

    Raises
    ------
    DataError
        If the file cannot be read or is not one of ours.
    SpecError
        If there is no such claim any more, or its setting has other entries.
    """
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"Could not read {path} ({error.strerror or error}).") from error
    except ValueError as error:
        raise DataError(f"{path} is not a counter-example: it is not JSON ({error}).") from error
    if not isinstance(table, dict) or table.get("format") != FORMAT or not isinstance(table.get("setting"), dict):
        raise DataError(f"{path} is not a counter-example that fedmm verify wrote; expected the format {FORMAT!r}.")
    where = mine if mine is not None else Path(table["mine"]) if isinstance(table.get("mine"), str) else None
    claims, name = known(where), str(table.get("claim"))
    if name not in claims:
        raise SpecError(f"{path} is about the claim {name!r}, which is not there any more.{suggest(name, claims)}")
    claim, setting = claims[name], _value(table["setting"])
    try:
        signature(claim.promised).bind(**setting)
    except TypeError as error:
        raise SpecError(f"The setting in {path} does not fit claim {name!r}: {error}.") from error
    return Example(claim, setting)


def replay(example: Example) -> Trial:
    """Measure the setting again.

    Raises
    ------
    SpecError
        If the setting is outside the claim's conditions.
    """
    example.claim.check(example.setting)
    return measure(example.claim, example.setting)


def _written(value: Any) -> Any:
    """A setting as JSON values from which it can be read back as it was: a tuple, which JSON has not, says that it is one."""
    if isinstance(value, Mapping):
        return {str(key): _written(inner) for key, inner in value.items()}
    if isinstance(value, tuple):
        return {"tuple": [_written(inner) for inner in value]}
    return [_written(inner) for inner in value] if isinstance(value, list) else plain(value)


def _value(value: Any) -> Any:
    """What `_written` wrote."""
    if isinstance(value, dict):
        inside = {key: _value(inner) for key, inner in value.items()}
        return tuple(inside["tuple"]) if list(inside) == ["tuple"] and isinstance(inside["tuple"], list) else inside
    return [_value(inner) for inner in value] if isinstance(value, list) else value
