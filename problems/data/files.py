"""What every loader of files needs: finding them, unpacking them, holding them against a digest, and saying what is wrong.

A data set is looked for at the path that is given, then by that name in the folder that the environment variable
``FEDMM_DATA`` points to.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from fedmm.errors import DataError, SpecError

__all__ = [
    "check_digests",
    "check_limit",
    "data_folder",
    "digest",
    "folder_of",
    "head",
    "in_folder",
    "one_of_two",
    "packed",
    "read_bytes",
    "shelf",
    "unpacked",
]

MAGIC: Mapping[bytes, Callable[..., IO[Any]]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
"""How an archive begins, and what opens it: a suffix may lie."""

SUFFIXES = ("", ".gz", ".xz", ".bz2")
"""The endings that a file found by name may have."""

MOST = 4 * 2**30
"""Bytes that a file may hold once unpacked; a small archive can hold any number."""

BROKEN = (EOFError, OSError, ValueError, lzma.LZMAError, zlib.error)
"""What the openers raise on a damaged archive."""


def data_folder() -> Path | None:
    """The folder that ``FEDMM_DATA`` names, or None where it is not set.

    Raises
    ------
    DataError
        If it is set to what is no folder.
    """
    given = os.environ.get("FEDMM_DATA")
    if not given:
        return None
    folder = Path(given).expanduser()
    if not folder.is_dir():
        raise DataError(f"Expected FEDMM_DATA to name the folder of the data sets, there is no folder {given!r}; correct it.")
    return folder


def shelf(name: str) -> list[Path]:
    """The files in the folder `name` under ``FEDMM_DATA``, by name; none where there is no such folder."""
    root = os.environ.get("FEDMM_DATA")
    folder = Path(root).expanduser() / name if root else None
    if folder is None or not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_file() and path.suffix.lower() != ".md")


def folder_of(path: str, name: str, get: str | None = None) -> Path:
    """The folder of a data set of several files: `path`, or the folder `name` under ``FEDMM_DATA`` where `path` is empty.

    Raises
    ------
    DataError
        If there is none; the message says how to get it where `get` names what ``fedmm data get`` fetches.
    """
    remedy = f"give path=FOLDER{f', or fetch it by `fedmm data get {get}`' if get else ''}"
    if path:
        folder = Path(path).expanduser()
        if folder.is_dir():
            return folder.resolve()
        what = "a file" if folder.exists() else "missing"
        raise DataError(f"Expected the folder of the data set {name!r} at {path!r}, it is {what}; {remedy}.")
    root = data_folder()
    if root is None:
        raise DataError(
            f"The data set {name!r} is looked for under FEDMM_DATA, which is not set; set it to a folder, or {remedy}."
        )
    if not (root / name).is_dir():
        raise DataError(f"There is no folder {name!r} under FEDMM_DATA ({root}); {remedy}.")
    return (root / name).resolve()


def in_folder(folder: Path, names: Sequence[str]) -> Path | None:
    """The first of these files that is in the folder, plain or compressed; None if none is."""
    for name in names:
        for suffix in SUFFIXES:
            if (path := folder / f"{name}{suffix}").is_file():
                return path
    return None


def read_bytes(path: Path) -> bytes:
    """The file as it lies there.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.") from error


def packed(raw: bytes) -> Callable[..., IO[Any]] | None:
    """What opens an archive that begins so; None for what is no gz, bz2 or xz."""
    return next((opener for magic, opener in MAGIC.items() if raw.startswith(magic)), None)


def unpacked(path: Path, raw: bytes, most: int = MOST) -> bytes:
    """The contents of a plain or compressed file.

    Raises
    ------
    DataError
        If the archive is truncated or corrupt, or holds more than `most` bytes.
    """
    opener = packed(raw)
    if opener is not None:
        try:
            with opener(io.BytesIO(raw)) as stream:
                raw = stream.read(most + 1)
        except BROKEN as error:
            raise DataError(f"{path} is truncated or corrupt ({error}); fetch it again.") from error
    if len(raw) > most:
        raise DataError(f"{path} holds more than {most:,} bytes; expected less, so it is not this data set.")
    return raw


def head(path: Path, size: int = 65536) -> bytes:
    """The first bytes of the contents of a file, as far as they can be had: to tell its format.

    Raises
    ------
    DataError
        If it cannot be read at all.
    """
    try:
        with open(path, "rb") as file:
            opener = packed(file.read(8))
            file.seek(0)
            stream = file if opener is None else opener(file)
            found = b""
            try:
                while len(found) < size and (more := stream.read1(size - len(found))):  # type: ignore[union-attr]
                    found += more
            except BROKEN:
                pass  # what could be had; loading says what is wrong
            return found
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror or error}.") from error


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(read_bytes(path)).hexdigest()


def check_digests(files: Sequence[tuple[Path, bytes]], expected: Sequence[str]) -> None:
    """That the files are those recorded; nothing recorded accepts any.

    Raises
    ------
    DataError
        Naming the file that differs.
    """
    for (path, raw), recorded in zip(files, expected, strict=False):
        if (found := hashlib.sha256(raw).hexdigest()) != recorded:
            raise DataError(f"{path} is not the file that was recorded: expected sha256 {recorded}, got {found}.")


def check_limit(source: str, limit: int | None) -> None:
    """That a bound on the number of samples is None or at least 1.

    Raises
    ------
    SpecError
        If it is not.
    """
    if limit is not None and limit < 1:
        raise SpecError(f"Expected {source}.limit to be an integer >= 1, got {limit}.")


def one_of_two(labels: np.ndarray) -> np.ndarray:
    """Labels with exactly two values as -1 (the smaller) and +1; any other as they are."""
    values = np.unique(labels)
    return np.where(labels == values[1], 1.0, -1.0) if len(values) == 2 else labels
