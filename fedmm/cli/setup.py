"""From words to parts: what the user says, over what the problem's `demo` says, over the library's defaults."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, get_args

from fedmm import spec
from fedmm.algorithm import Algorithm
from fedmm.arguments import annotations_of
from fedmm.build import federation, source_of
from fedmm.catalog import lookup
from fedmm.cli.support import note
from fedmm.convert import split_top
from fedmm.errors import DataError, SpecError
from fedmm.executors import Executor
from fedmm.federation import Federation
from fedmm.parts import Parts

__all__ = ["Setup", "set_up", "split_methods", "takes"]

METHOD, ROUNDS = "fedmm", 100
"""What is taken where neither the user nor the demo says."""

WORDS = ("channel", "downlink", "aggregator", "participation", "executor")
PLAIN = {"channel": "identity", "downlink": "identity", "aggregator": "mean", "participation": "full", "executor": "in-process"}


@dataclass(frozen=True, eq=False)
class Setup:
    """What `solve` is to be called with."""

    parts: Parts
    federation: Federation
    rounds: int
    executor: Executor


def set_up(problem: str, options: Mapping[str, Any], method: str | None, data: Federation | None = None) -> Setup:
    """Everything `solve` needs.

    Parameters
    ----------
    problem : str
        A problem in words.
    options : mapping
        The options of the command line by name; None where the user said nothing.
    method : str or None
        A method in words; None takes the demo's.
    data : Federation or None
        The federation, if it is there already.

    Raises
    ------
    SpecError, DataError
        For anything unknown or ill-formed.
    """
    demo: Mapping[str, Any] = lookup("problem", _name(problem)).demo  # type: ignore[attr-defined]
    chosen = {**demo, **{key: value for key, value in options.items() if value is not None}}
    if options.get("data") is not None and options.get("partition") is None:
        chosen.pop("partition", None)  # the demo's partition is for the demo's data
    if options.get("partition") is not None and options.get("clients") is None:
        chosen.pop("clients", None)  # and its number of clients for its partition
    own = str(demo.get("method", METHOD))
    demos_own = method is None or _name(method) == _name(own)
    method = own if method is None else method
    objects: dict[str, Any] = {
        "problem": spec.parse("problem", problem),
        "method": spec.parse("method", method),
        "data": source_of(chosen.get("data", "breast-cancer")),
        "partition": _partition(chosen),
    }
    for word in WORDS:
        text = chosen.get(word, PLAIN[word])
        if options.get(word) is None:
            text = _usable(word, text, objects["method"])
        objects[word] = spec.parse({"downlink": "channel"}.get(word, word), text)
    given = {f"problem.{key}" for key in _given("problem", problem)} | {f"method.{key}" for key in _given("method", method)}
    for path, value in demo.get("set", {}).items():
        if path not in given and (demos_own or not path.startswith("method.")):
            objects = spec.assign(objects, f"{path}={value}")
    for text in options.get("sets") or ():
        objects = _set(objects, text, options)
    seed = chosen.get("seed", 0)
    if data is None:
        clients = chosen.get("clients") if objects["partition"] is None else None
        data = federation(
            objects["data"], objects["partition"], clients=clients, weights=_weights(chosen.get("weights")), seed=seed
        )
    parts = Parts(
        objects["problem"],
        objects["method"],
        objects["channel"],
        objects["downlink"],
        objects["aggregator"],
        objects["participation"],
        seed,
    )
    return Setup(parts, data, chosen.get("rounds", ROUNDS), objects["executor"])


def split_methods(text: str) -> list[str]:
    """``"fedmm:step=0.1,a=1,naive"`` as ``["fedmm:step=0.1,a=1", "naive"]``.

    A word with "=" and without ":" before it, or a bare number, belongs to the method before it.

    Raises
    ------
    SpecError
        If there is no method.
    """
    found: list[str] = []
    for word in split_top(text, ","):
        head = word.split(":")[0]
        if found and ("=" in head or not head[:1].isalpha()):
            found[-1] += ("," if ":" in found[-1] else ":") + word
        elif word:
            found.append(word)
    if not found:
        raise SpecError("Expected at least one method, as in --methods fedmm,naive.")
    return found


def _name(text: str) -> str:
    return text.partition(":")[0].strip()


def _given(kind: str, text: str) -> set[str]:
    """The fields that the words of a part name, by position or by name."""
    cls = lookup(kind, _name(text))
    known = [field.name for field in fields(cls) if field.init] if is_dataclass(cls) else []
    words = split_top(text.partition(":")[2], ",")
    return {word.partition("=")[0].strip() if "=" in word else known[i] for i, word in enumerate(words)}


def _set(objects: Mapping[str, Any], text: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """`spec.assign`, but for a word that is an option of its own."""
    path, equals, value = (word.strip() for word in text.partition("="))
    fields_here = {field.name for part in objects.values() if is_dataclass(part) for field in fields(part)}
    if equals and path not in fields_here:
        if path == "problem":
            raise SpecError(f"The problem is the first word of the command, not a field: write {value} in its place.")
        if path in ("method", *options) and path != "sets":
            plural = "" if path in options else "s"
            raise SpecError(f"{path} is an option, not a field: write --{path}{plural} {value}.")
    return spec.assign(objects, text)


@contextmanager
def takes(problem: str, options: Mapping[str, Any]) -> Iterator[None]:
    """Where a problem refuses data that the user chose, say which it takes."""
    try:
        yield
    except DataError as error:
        name = _name(problem)
        if options.get("data") is not None and _lacks_target(options):
            raise DataError(f"{error} To name the column of y: --set data.target=COLUMN.") from error
        if options.get("data") is not None and "labels" in str(error) and (remedy := _other_labels(options)):
            raise DataError(f"{error}{remedy}") from error
        usual = lookup("problem", name).demo.get("data")  # type: ignore[attr-defined]
        if options.get("data") is None or usual is None or _name(options["data"]) == _name(usual):
            raise
        raise DataError(f"{error} Data that {name} takes: --data {usual}.") from error


def _other_labels(options: Mapping[str, Any]) -> str:
    """How to ask the data for other labels, where they have some."""
    source = source_of(options["data"])
    kinds = get_args(annotations_of(type(source)).get("labels")) if is_dataclass(source) else ()
    others = [kind for kind in kinds if isinstance(kind, str) and kind != vars(source)["labels"]]
    return f" Other labels of {source.name}: --set data.labels={others[0]}." if others else ""


def _lacks_target(options: Mapping[str, Any]) -> bool:
    """Whether the data are a table of which nobody said what y is."""
    source = source_of(options["data"])
    said = any(text.partition("=")[0].strip().endswith("target") for text in options.get("sets") or ())
    return not said and is_dataclass(source) and ("target", None) in ((f.name, getattr(source, f.name)) for f in fields(source))


def _usable(word: str, text: str, method: Algorithm) -> str:
    """What the demo says, unless the method is defined without it: then the plain choice, with a note."""
    useless = (word == "participation" and method.needs_everyone) or (word == "channel" and method.compresses == ())
    if text != PLAIN[word] and useless:
        note(f"note: {method.name} takes {PLAIN[word]} {word} only, so the demo's {text} is left out")
        return PLAIN[word]
    return text


def _partition(chosen: Mapping[str, Any]) -> Any:
    """The partition, with the number of clients that was asked for; None where nobody says."""
    if chosen.get("partition") is None:
        return None
    rule = spec.parse("partition", chosen["partition"])
    if chosen.get("clients") is None:
        return rule
    if "clients" not in {field.name for field in fields(rule)}:
        raise SpecError(f"The partition {rule.name!r} sets the number of clients itself; leave clients out.")
    return replace(rule, clients=chosen["clients"])


def _weights(text: str | None) -> Any:
    if text is None or text in ("samples", "uniform"):
        return text
    try:
        return [float(word) for word in text.split(",")]
    except ValueError as error:
        raise SpecError(f"Expected --weights samples, uniform, or numbers such as 0.2,0.8; got {text!r}.") from error
