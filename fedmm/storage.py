"""Run folders: what a run leaves behind, written so that it is there whole or not at all.

    recipe.toml         rebuilds the run (`fedmm.recipe`)
    trace.csv           one row per round
    theta.safetensors   the parameter
    state.safetensors   the start, the server's state, every client's memory, arrays of the problem
    plot.png            the objective against rounds and bits
    manifest.json       the SHA-256 of each of these; a file that does not match is not loaded

A folder is written beside its place and renamed into it. Replacing a run takes two renames; a process that is killed between
them leaves the old run whole under ``.NAME.old-*`` and the new one under ``.NAME.new-*``.
"""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from fedmm.arguments import check_instance
from fedmm.arrays import Array, leaves, to_numpy
from fedmm.environment import differences, environment
from fedmm.errors import DataError, ReproductionWarning, SpecError
from fedmm.federation import Federation
from fedmm.recipe import Recipe, library_of, placer, read_recipe, recipe_of, with_arrays
from fedmm.result import Result, Status
from fedmm.spec import build, describe
from fedmm.state import flatten, unflatten
from fedmm.trace import Trace

__all__ = [
    "ReproductionWarning",
    "check_manifest",
    "check_target",
    "is_run",
    "load",
    "save",
    "saved_start",
    "warn_of_differences",
]

FORMAT = 1
MANIFEST = "manifest.json"
REQUIRED = ("recipe.toml", "trace.csv", "theta.safetensors", "state.safetensors")


def is_run(folder: Path) -> bool:
    """Whether `folder` looks like a run folder."""
    return (folder / MANIFEST).is_file()


def _path(folder: str | Path) -> Path:
    if not isinstance(folder, (str, Path)):
        raise DataError(f"Expected a folder as a string or a Path, got {type(folder).__name__}.")
    return Path(folder).expanduser()


def check_target(folder: str | Path, *, overwrite: bool = False) -> Path:
    """Whether a run may be written to `folder`; its parent is made.

    Raises
    ------
    DataError
        If something is there that is not a run, or a run that must not be replaced, or the place cannot be written to.
    """
    folder = _path(folder).absolute()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.is_dir() and not is_run(folder) and any(folder.iterdir()):
            raise DataError(f"{folder} holds files that are no run of fedmm; choose another folder.")
    except OSError as error:
        raise DataError(f"Cannot write to {folder}: {error.strerror}; choose another folder.") from error
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file; choose another folder.")
    if is_run(folder) and not overwrite:
        raise DataError(f"{folder} already holds a run; choose another folder (in Python, overwrite=True replaces it).")
    if not os.access(folder.parent, os.W_OK):
        raise DataError(f"Cannot write to {folder.parent}: permission denied; choose another folder.")
    return folder


def save(result: Result, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write the run folder of `result`: whole, or not at all.

    Parameters
    ----------
    result : Result
        A run, finished or not.
    folder : str or Path
        Where; missing parents are made.
    overwrite : bool
        Replace the run that is there. What is not a run is never replaced.

    Raises
    ------
    SpecError
        If a part cannot be written down.
    DataError
        If the folder must not be written to, or cannot be (a full disk): then what was there is still there.
    """
    recipe = recipe_of(result)
    folder = check_target(folder, overwrite=overwrite)
    beside = folder.with_name(f".{folder.name}.new-{os.getpid()}")
    aside = folder.with_name(f".{folder.name}.old-{os.getpid()}")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        _write(result, recipe, beside)
        if folder.exists():
            os.rename(folder, aside)
        os.rename(beside, folder)
    except OSError as error:
        _restore(aside, folder)
        raise DataError(
            f"Could not write {folder}: {error.strerror or error}; "
            f"{'the run that was there is unchanged' if is_run(folder) else 'nothing was saved'}; "
            "free some space or save elsewhere."
        ) from error
    finally:
        _restore(aside, folder)
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(aside, ignore_errors=True)
    with suppress(OSError):  # the run is in place; not every file system can sync a folder
        _sync(folder.parent)
    return folder


def load(folder: str | Path, federation: Federation | None = None) -> Result:
    """Read a run folder.

    Parameters
    ----------
    folder : str or Path
        What `save` wrote.
    federation : Federation or None
        The data, where they were arrays in memory; None builds them again from the recipe if it can.

    Returns
    -------
    Result
        With ``federation=None`` inside where the data are not at hand; give them to `solve` to go on.

    Raises
    ------
    DataError
        If the folder is not a complete run folder, a file was changed, or `federation` holds other data.
    SpecError
        If the recipe names parts that this installation does not have.

    Warns
    -----
    ReproductionWarning
        If versions or BLAS threads differ from the run's, or its data cannot be built again.
    """
    folder = _path(folder)
    if federation is not None:
        check_instance("federation", federation, Federation)
    check_manifest(folder)
    arrays, notes = _read_tensors(folder / "state.safetensors")
    recipe = read_recipe(folder / "recipe.toml", arrays)
    digest = str(recipe.data.get("digest", ""))
    if federation is None:
        federation = _rebuilt(recipe, digest)
    elif federation.digest() != digest:
        raise DataError(
            f"The run in {folder} was on other data (sha256 {digest[:12]}..., this federation {federation.digest()[:12]}...); "
            "build it from the same arrays, partition and seed."
        )
    warn_of_differences(recipe.environment)
    arrays_of = recipe.arrays if federation is None else library_of(next(leaf for _, leaf in leaves(federation[0])))
    place = placer({key: value for key, value in arrays_of.items() if key != "dtype"})  # a state keeps its dtypes
    server, memories, sampling, buffers = _state(notes, arrays, place)
    problem = build("problem", with_arrays(notes["problem"], "settled", {k: place(x) for k, x in arrays.items()}))
    return Result(
        theta=place(_read_tensors(folder / "theta.safetensors")[0]["theta"]),
        status=Status(**notes["status"]),
        trace=Trace.from_csv(folder / "trace.csv"),
        parts=recipe.parts,
        problem=problem if buffers is None else problem.bind(buffers),
        federation=federation,
        server=server,
        memories=memories,
        theta0=place(arrays["theta0"]),
        sampling=sampling,
        environment=recipe.environment,
        data_digest=digest,
        executor=recipe.executor,
        metrics=recipe.metrics,
        buffers=buffers,
    )


def saved_start(recipe: Path) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """(arrays of the parts, theta0) kept in the run folder that a recipe lies in; nothing for a recipe on its own.

    Raises
    ------
    DataError
        If the folder is a run folder but not a complete one. The recipe itself may have been edited.
    """
    if not is_run(recipe.parent):
        return {}, None
    check_manifest(recipe.parent, except_for=recipe.name)
    arrays, _ = _read_tensors(recipe.parent / "state.safetensors")
    return arrays, arrays["theta0"]


def warn_of_differences(then: Mapping[str, str]) -> None:
    """Warn, once, if this environment differs from that of a run: the run is then not repeated bit for bit."""
    differing = differences(dict(then), environment()) if then else []
    if differing:
        what = "; ".join(differing)
        warnings.warn(f"Results may differ in the last digits from the saved run's: {what}.", ReproductionWarning, stacklevel=3)


def check_manifest(folder: Path, except_for: str = "") -> None:
    """Whether every file of the run folder is there and as it was written.

    Raises
    ------
    DataError
        Naming the file and its digest.
    """
    if not folder.is_dir():
        beside = sorted(folder.parent.glob(f".{folder.name}.*-*")) if folder.parent.is_dir() else []
        left = [path for path in beside if is_run(path)]  # the manifest is written last: what has one is whole
        hint = f" An interrupted save left {left[0]}; rename it to {folder.name} to use it." if left else ""
        raise DataError(f"There is no run folder {folder}.{hint}")
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files, version = dict(manifest["files"]), manifest["format"]
    except FileNotFoundError as error:
        inside = [path.name for path in sorted(folder.iterdir()) if is_run(path)]  # of a comparison
        hint = f" It holds the run folders {', '.join(inside)}; name one of them." if inside else ""
        raise DataError(f"{folder} is no run folder: it has no {MANIFEST}.{hint}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder / MANIFEST} cannot be read ({error}); the folder is damaged.") from error
    if version != FORMAT:
        raise DataError(f"{folder} has format {version!r}, this fedmm reads format {FORMAT}; use the version that wrote it.")
    for name in (*REQUIRED, *files):
        path = folder / name
        if name not in files or not path.is_file():
            raise DataError(f"{folder} is not complete: {name} is missing.")
        if name != except_for and (found := sha256(path.read_bytes()).hexdigest()) != files[name]:
            raise DataError(f"{path} was changed: its sha256 is {found}, the manifest says {files[name]}.")


def _write(result: Result, recipe: Recipe, folder: Path) -> None:
    """Write every file of the run, the manifest last, and see them to the disk."""
    from safetensors.numpy import save as tensors

    table: dict[str, np.ndarray] = {}
    shapes: dict[str, list[int]] = {}
    for client, memory in result.memories.items():
        shapes.setdefault(json.dumps(flatten(memory, f"memory.{client}", table)), []).append(client)
    notes = {
        "server": flatten(result.server, "server", table),
        "sampling": flatten(result.sampling, "sampling", table),
        "buffers": flatten(result.buffers, "buffers", table),
        "memories": [[json.loads(structure), clients] for structure, clients in shapes.items()],
        "problem": describe(result.problem),
        "status": {"code": result.status.code, "message": result.status.message},
    }
    flatten(result.theta0, "theta0", table)
    parts = result.parts
    for word, part in (
        ("settled", result.problem),
        ("problem", parts.problem),
        ("method", parts.algorithm),
        ("channel", parts.channel),
        ("downlink", parts.downlink),
        ("aggregator", parts.aggregator),
        ("participation", parts.participation),
    ):
        for path, value in _arrays_in(describe(part), part, word):
            flatten(value, path, table)
    files = {
        "recipe.toml": recipe.to_toml().encode(),
        "trace.csv": _csv(result.trace, folder),
        "theta.safetensors": tensors({"theta": np.asarray(to_numpy(result.theta), order="C")}),
        "state.safetensors": tensors(table, {"notes": json.dumps(notes)}),
        "plot.png": _picture(result),
    }
    for name, content in files.items():
        if content is not None:
            _put(folder / name, content)
    manifest = {"format": FORMAT, "files": {name: sha256(content).hexdigest() for name, content in files.items() if content}}
    _put(folder / MANIFEST, json.dumps(manifest, indent=1).encode())
    _sync(folder)


def _arrays_in(table: Any, value: Any, path: str) -> Iterator[tuple[str, Array]]:
    """(dotted path, array) for every array of a part that its description knows by digest only."""
    if isinstance(table, Mapping):
        if set(table) == {"sha256"}:
            yield path, value
            return
        for key, inner in table.items():
            if key not in ("name", "kind"):
                yield from _arrays_in(inner, getattr(value, key), f"{path}.{key}")
    elif isinstance(table, list):
        for i, (inner, item) in enumerate(zip(table, value, strict=True)):
            yield from _arrays_in(inner, item, f"{path}.{i}")


def _restore(aside: Path, folder: Path) -> None:
    """Put the old run back if the new one did not take its place."""
    if aside.exists() and not folder.exists():
        os.rename(aside, folder)


def _picture(result: Result) -> bytes | None:
    """The plot; where it cannot be drawn, a warning: a picture must not cost the run."""
    from fedmm.plot import png_of

    try:
        return png_of(result)
    except Exception as error:
        what = f"{type(error).__name__}: {error}"
        warnings.warn(f"The plot could not be drawn ({what}); the run is saved without it.", stacklevel=2)
        return None


def _csv(trace: Trace, folder: Path) -> bytes:
    path = folder / "trace.csv"
    trace.to_csv(path)
    return path.read_bytes()


def _put(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """See the names in a folder to the disk, where the system can."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _read_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays of a file, and its notes."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            notes = json.loads((file.metadata() or {}).get("notes", "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, notes  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError, ValueError) as error:
        raise DataError(f"Expected arrays in {path}, got an unreadable file ({error}).") from error


def _state(
    notes: Mapping[str, Any], arrays: Mapping[str, np.ndarray], place: Callable[[np.ndarray], Array]
) -> tuple[Any, dict[int, Any], Any, Any]:
    memories = {
        client: unflatten(structure, f"memory.{client}", arrays, place)
        for structure, clients in notes["memories"]
        for client in clients
    }
    server, sampling = (unflatten(notes[name], name, arrays, place) for name in ("server", "sampling"))
    buffers = unflatten(notes.get("buffers"), "buffers", arrays, place)
    return server, dict(sorted(memories.items())), sampling, buffers


def _rebuilt(recipe: Recipe, digest: str) -> Federation | None:
    """The data built again, or None, with a warning where that was to be expected to work."""
    if "origin" not in recipe.data:
        return None
    try:
        federation = recipe.federation()
        if federation.digest() == digest:
            return federation
        reason = "what its origin builds now is not what the run used"
    except (DataError, SpecError) as error:
        reason = str(error)
    warnings.warn(f"The data of the saved run cannot be built again: {reason}", ReproductionWarning, stacklevel=3)
    return None
