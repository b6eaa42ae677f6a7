"""Recipes: a run as a TOML table that rebuilds it.

| entry | meaning |
|---|---|
| rounds, seed | as for `solve` |
| theta0 | "start", or the SHA-256 of a start given as an array (kept in the run folder's state) |
| problem, method, channel, downlink, aggregator, participation, executor, metrics | parts, by `fedmm.spec.describe` |
| data | the SHA-256 of the data, the number of clients, and `origin`, which builds them again; arrays in memory have none |
| arrays | the library, dtype and device of the data |
| environment | what bit-for-bit repetition depends on |

A stop rule is not recorded: `rounds` is how many were run, and repeating the run stops after as many. Parts are named, not
stored: a class that nobody enrolled can be written down but not read back.

Only `problem`, `method` and `data.origin` are needed in a recipe written by hand.
"""

from __future__ import annotations

import re
import tomllib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fedmm.aggregators import Mean
from fedmm.arrays import Array, is_sparse, is_torch, leaves, to_numpy
from fedmm.build import federation_from
from fedmm.channels import Identity
from fedmm.environment import environment
from fedmm.errors import DataError, ReproductionWarning, SpecError, suggest
from fedmm.executors import Executor, InProcess
from fedmm.federation import Federation, digest_of
from fedmm.metrics import Metric, Objective
from fedmm.participation import Full
from fedmm.parts import Parts
from fedmm.spec import build, describe

if TYPE_CHECKING:
    from fedmm.result import Result

__all__ = ["LIBRARIES", "START", "Recipe", "library_of", "placer", "read_recipe", "recipe_of", "with_arrays"]

START = "start"
"""What `theta0` says where the run began at ``problem.start(federation)``."""

LIBRARIES = ("numpy", "torch", "array_api_strict")
"""Array libraries a recipe may name."""


DEFAULTS: dict[str, Any] = {
    "channel": Identity(),
    "downlink": Identity(),
    "aggregator": Mean(),
    "participation": Full(),
    "executor": InProcess(),
}

KIND = {"downlink": "channel"}
"""The catalog's kind of a part where it is not the part's own word."""

_ENTRIES = {"fedmm", "rounds", "seed", "theta0", "problem", "method", "metrics", "data", "arrays", "environment", *DEFAULTS}


@dataclass(frozen=True, eq=False)
class Recipe:
    """A run that can be done again.

    Parameters
    ----------
    parts : Parts
        What is composed, and the seed.
    rounds : int
        Rounds from the start.
    executor : Executor
        Where clients run: sums are rounded as it forms them.
    metrics : tuple of Metric
        The columns of the trace.
    theta0 : str
        `START`, or the SHA-256 of the start.
    data : mapping
        See the module.
    arrays : mapping of str to str
        The library, dtype and device of the data.
    environment : mapping of str to str
        Versions and BLAS threads.
    """

    parts: Parts
    rounds: int = 100
    executor: Executor = field(default_factory=InProcess)
    metrics: tuple[Metric, ...] = (Objective(),)
    theta0: str = START
    data: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def to_toml(self) -> str:
        """The recipe as text.

        Raises
        ------
        SpecError
            If a part or the origin of the data cannot be written down.
        """
        import tomli_w

        parts = self.parts
        table: dict[str, Any] = {
            "fedmm": self.environment.get("fedmm", ""),
            "rounds": self.rounds,
            "seed": parts.seed,
            "theta0": self.theta0,
            "problem": describe(parts.problem),
            "method": describe(parts.algorithm),
            "channel": describe(parts.channel),
            "downlink": describe(parts.downlink),
            "aggregator": describe(parts.aggregator),
            "participation": describe(parts.participation),
            "executor": describe(self.executor),
            "metrics": [describe(metric) for metric in self.metrics],
            "data": dict(self.data),
            "arrays": dict(self.arrays),
            "environment": dict(self.environment),
        }
        try:
            return "# `fedmm run` on this file repeats the run.\n" + tomli_w.dumps(table)
        except (TypeError, ValueError) as error:
            raise SpecError(f"The run cannot be written to a recipe ({error}); use plain values in the data's origin.") from error

    def federation(self) -> Federation:
        """The data, built again from their origin.

        Raises
        ------
        DataError
            If they were arrays in memory, or cannot be found.
        SpecError
            If the origin names unknown parts.
        """
        origin = self.data.get("origin")
        if origin is None and not {"digest", "in_memory"} & set(self.data):
            raise SpecError("The recipe does not say which data: add a table [data.origin.data] with the name of a data set.")
        if origin is None:
            raise DataError(
                f"The data of this run were arrays in memory (sha256 {self.data.get('digest', 'unknown')}); "
                "build the federation again in Python and give it to fedmm.load or solve."
            )
        made = federation_from(origin)
        return made if _arrays_of(made) == dict(self.arrays or _arrays_of(made)) else made.to(placer(self.arrays))


def recipe_of(result: Result) -> Recipe:
    """The recipe that repeats `result`."""
    federation = result.federation
    data: dict[str, Any] = {"digest": result.digest}
    if federation is not None:
        data["clients"] = len(federation)
        data |= {"origin": federation.origin} if federation.origin is not None else {"in_memory": True}
        began = to_numpy(result.problem.start(federation))
        same = np.array_equal(began, to_numpy(result.theta0))
    else:
        data["in_memory"], same = True, False
    return Recipe(
        result.parts,
        result.rounds,
        result.executor or InProcess(),
        result.metrics,
        START if same else digest_of(result.theta0),
        data,
        library_of(result.theta0),
        dict(result.environment) or environment(),
    )


def read_recipe(path: Path, arrays: Mapping[str, np.ndarray] | None = None) -> Recipe:
    """Read what `Recipe.to_toml` wrote, or a recipe written by hand.

    Parameters
    ----------
    path : Path
        The file.
    arrays : mapping of str to array or None
        Arrays that the recipe knows by digest only, by dotted path, such as "problem.atoms".

    Raises
    ------
    DataError
        If the file cannot be read or is not TOML.
    SpecError
        If an entry is missing, unknown, or of the wrong kind.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise DataError(f"Expected a recipe in {path}, got an unreadable file ({error}).") from error
    for key in table:
        if key not in _ENTRIES:
            raise SpecError(f"Unknown entry {key!r} in the recipe {path}.{suggest(key, _ENTRIES)}")
    for key in ("problem", "method", "data"):
        if key not in table:
            raise SpecError(f"Expected an entry {key!r} in the recipe {path}, there is none; add a table [{key}].")

    def part(word: str) -> Any:
        if word not in table:
            return DEFAULTS[word]
        return build(KIND.get(word, word), with_arrays(table[word], word, arrays or {}))

    parts = Parts(
        part("problem"),
        part("method"),
        part("channel"),
        part("downlink"),
        part("aggregator"),
        part("participation"),
        _typed(table, "seed", int, 0),
    )
    rounds = _typed(table, "rounds", int, 100)
    if rounds < 0:
        raise SpecError(f"Expected rounds >= 0 in the recipe {path}, got {rounds}.")
    return Recipe(
        parts,
        rounds,
        part("executor"),
        tuple(_metrics(_typed(table, "metrics", list, [{"name": "objective"}]))),
        _typed(table, "theta0", str, START),
        _typed(table, "data", dict, {}),
        _typed(table, "arrays", dict, {}),
        _typed(table, "environment", dict, {}),
    )


def with_arrays(value: Any, path: str, arrays: Mapping[str, np.ndarray]) -> Any:
    """`value` with every ``{"sha256": ...}`` replaced by the array of that path, where its digest agrees."""
    if isinstance(value, Mapping):
        if set(value) == {"sha256"} and path in arrays and digest_of(arrays[path]) == value["sha256"]:
            return arrays[path]
        return {key: with_arrays(inner, f"{path}.{key}", arrays) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_arrays(inner, f"{path}.{i}", arrays) for i, inner in enumerate(value)]
    return value


def placer(arrays: Mapping[str, str]) -> Callable[[Array], Array]:
    """A function that brings an array into the recorded library, onto its device, and floats into its dtype.

    Raises
    ------
    DataError
        If the library, the dtype or the device is unknown or not here.
    """
    name = arrays.get("library", "numpy")
    if name not in LIBRARIES:
        raise DataError(f"The run used the array library {name!r}; known: {', '.join(LIBRARIES)}.")
    try:
        library: Any = import_module(name)
    except ImportError as error:
        raise DataError(f"The run used {name}, which is not installed; install it, or fedmm[{name}].") from error

    recorded, device = str(arrays.get("dtype", "float64")), arrays.get("device", "cpu")
    if not re.fullmatch(r"(b?float|u?int|bool|complex)\d*", recorded) or recorded not in dir(library):
        raise DataError(f"The run used the dtype {recorded!r}, which {name} does not have; expected float32 or float64.")
    if name == "torch":
        try:
            library.empty(0, device=device)
        except (RuntimeError, AssertionError, TypeError) as error:
            raise DataError(f'The run used the device {device!r}, which torch cannot use here; write "cpu".') from error

    def place(x: Array) -> Array:
        dtype = getattr(library, recorded) if x.dtype.kind == "f" and "dtype" in arrays else None
        if is_sparse(x):
            return x if dtype is None else x.astype(dtype)
        if name == "torch":
            return library.asarray(x, dtype=dtype, device=device)
        return library.asarray(x, dtype=dtype)

    return place


def _arrays_of(federation: Federation) -> dict[str, str]:
    return library_of(next(leaf for _, leaf in leaves(federation[0])))


def library_of(x: Array) -> dict[str, str]:
    """The library, dtype and device of an array; of a sparse matrix, those of its values."""
    x = x.data if is_sparse(x) else x
    return {
        "library": type(x).__module__.partition(".")[0],
        "dtype": str(x.dtype).rpartition(".")[2],
        "device": str(x.device) if is_torch(x) else "cpu",
    }


def _metrics(entries: Sequence[Any]) -> Iterator[Metric]:
    """The metrics, without those that nobody enrolled: a run loads without them."""
    for entry in entries:
        try:
            yield build("metric", entry)
        except SpecError as error:
            warnings.warn(f"{error} The run goes on without this metric.", ReproductionWarning, stacklevel=2)


def _typed(table: Mapping[str, Any], key: str, kind: type, default: Any) -> Any:
    value = table.get(key, default)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise SpecError(f"Expected {key} in the recipe to be of type {kind.__name__}, got {value!r}.")
    return value
