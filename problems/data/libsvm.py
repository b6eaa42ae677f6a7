"""Files in the LIBSVM (SVMlight) format, ``label index:value index:value ...``, plain or compressed.

The whole file is read as one stream of numbers; only when something is wrong is it walked line by line, to say where.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from fedmm.arguments import check_fields
from fedmm.download import Home
from fedmm.errors import DataError, SpecError, suggest
from fedmm.federation import Samples, Source
from problems.data.files import SUFFIXES, check_digests, digest, head, one_of_two, read_bytes, shelf, unpacked
from problems.data.homes import LIBSVM_HOMES

__all__ = ["LibSVM"]

LONGEST = 2**31 - 1
"""The largest feature index: column numbers are stored in 32 bits."""

DENSEST = 16 * 2**30
"""Bytes that a dense array may take."""

TRUSTED = 2**25
"""The largest feature index believed without n_features: one slip of a digit would ask for a model that fills the memory."""


@dataclass(frozen=True)
class LibSVM(Source):
    """A LIBSVM file as a sparse matrix; labels with exactly two values become -1 (the smaller) and +1.

    Parameters
    ----------
    path : str
        The file (plain, gz, bz2 or xz), or the name of a file in the folder ``libsvm`` under ``FEDMM_DATA``.
    n_features : int or None
        The number of columns; None takes the largest index in the file, which may miss the last columns.
    dense : bool
        Return a dense array.
    sha256 : str or None
        The digest the file must have; None accepts any.
    """

    path: str
    n_features: int | None = None
    dense: bool = False
    sha256: str | None = None

    name: ClassVar[str] = "libsvm"

    def __post_init__(self) -> None:
        check_fields(self)
        d = self.n_features
        if d is not None and not 1 <= d <= LONGEST:
            raise SpecError(f"Expected libsvm.n_features to be an integer from 1 to {LONGEST}, got {d!r}.")

    def load(self, clients: int | None, seed: int) -> Samples:
        path = self._file()
        raw = read_bytes(path)
        check_digests([(path, raw)], [] if self.sha256 is None else [self.sha256])
        text = _opened(path, raw)
        numbers = _fast(text, self.n_features)
        if numbers is None:
            raise _fault(path, text, self.n_features)
        labels, starts, columns, values = numbers
        width = self.n_features or (int(columns.max()) if len(columns) else 0)
        if width == 0:
            raise DataError(f"{path} has no features; declare n_features.")
        from scipy.sparse import csr_matrix

        if self.dense and (size := 8 * width * len(labels)) > DENSEST:
            raise DataError(f"{path} as a dense array would take {size / 2**30:,.0f} GiB; leave dense out.")
        X = csr_matrix((values, columns - 1, starts), shape=(len(labels), width))
        return Samples(X.toarray() if self.dense else X, one_of_two(labels))

    @classmethod
    def homes(cls) -> tuple[Home, ...]:
        return LIBSVM_HOMES

    def pin(self) -> Self:
        path = self._file()
        return replace(self, path=str(path), sha256=self.sha256 or digest(path))

    @classmethod
    def opens(cls, path: Path) -> Self | None:
        start = head(path)
        if not start and path.stat().st_size > 0:
            return cls(str(path))  # a damaged archive: loading says so
        text = re.sub(rb"#[^\n]*", b"", start)
        return cls(str(path)) if not text.strip() or re.search(rb"^\S+[ \t]+\d+:\S", text, re.M) else None

    @classmethod
    def files(cls) -> dict[str, Path]:
        return {_stem(path): path for path in reversed(shelf("libsvm"))}  # of NAME and NAME.xz the plain one counts

    def _file(self) -> Path:
        path = Path(self.path).expanduser()
        if path.is_file():
            return path.resolve()
        known = self.files()
        if self.path in known:
            return known[self.path].resolve()
        if path.is_dir():
            raise DataError(f"Expected a LIBSVM file, {self.path!r} is a directory.")
        hint = suggest(self.path, known) if known else " Give its path, or set FEDMM_DATA to the folder above libsvm/."
        raise DataError(f"There is no LIBSVM file {self.path!r}.{hint}")


class Numbers(NamedTuple):
    """A parsed file: labels (n,), row starts (n + 1,), column numbers from 1 and values, row by row."""

    labels: np.ndarray
    starts: np.ndarray
    columns: np.ndarray
    values: np.ndarray


def _stem(path: Path) -> str:
    return path.name.removesuffix(path.suffix) if path.suffix in SUFFIXES else path.name


def _opened(path: Path, raw: bytes) -> bytes:
    """The contents of a plain or compressed file, with comments blanked out."""
    raw = unpacked(path, raw)
    return re.sub(rb"#[^\n]*", b"", raw) if b"#" in raw else raw


def _fast(text: bytes, n_features: int | None) -> Numbers | None:
    """The numbers of a well-formed file, or None for any other."""
    text = text.replace(b"\r", b" ")
    if not text.endswith(b"\n"):
        text += b"\n"
    letters = np.frombuffer(text, dtype=np.uint8)
    blank = letters <= 32
    colon = letters == ord(":")
    begins = ~blank
    begins[1:] &= blank[:-1]
    token = np.cumsum(begins, dtype=np.int64)  # the number of the token a letter belongs to, from 1
    at = np.flatnonzero(colon)
    lines = np.flatnonzero(letters == 10)
    tokens = np.diff(token[lines], prepend=0)  # per line
    pairs = np.diff(np.searchsorted(at, lines), prepend=0)
    rows = tokens > 0
    if not rows.any() or (tokens[rows] != pairs[rows] + 1).any() or pairs[~rows].any():
        return None
    first = token[lines][rows] - tokens[rows] + 1
    owner = token[at]
    if (np.diff(owner) <= 0).any() or np.isin(owner, first).any() or blank[at - 1].any() or blank[at + 1].any():
        return None
    stream = _stream(text.replace(b":", b" "))
    counts = pairs[rows]
    starts = np.concatenate([[0], np.cumsum(counts)])
    if stream is None or len(stream) != len(counts) + 2 * starts[-1] or not np.isfinite(stream).all():
        return None
    heads = 2 * starts[:-1] + np.arange(len(counts))
    rest = np.delete(stream, heads)
    index, values = rest[0::2], rest[1::2]
    rising = np.diff(index) > 0
    inner = starts[1:-1]
    rising[inner[(inner > 0) & (inner < len(index))] - 1] = True  # from one row to the next it may fall
    if len(index) and (not rising.all() or index.min() < 1 or index.max() > (n_features or TRUSTED)):
        return None
    columns = index.astype(np.int32)
    if (columns != index).any():
        return None
    return Numbers(stream[heads], starts, columns, values)


def _stream(text: bytes) -> np.ndarray | None:
    """All numbers of a text, or None if something in it is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        try:
            return np.fromstring(text, dtype=np.float64, sep=" ")  # type: ignore[call-overload]
        except (DeprecationWarning, ValueError):
            return None


def _fault(path: Path, text: bytes, n_features: int | None) -> DataError:
    """The error of the first line that is wrong."""
    lines = text.replace(b"\r", b" ").split(b"\n")
    for number, line in enumerate(lines, start=1):
        words = line.split()
        problem = _line_fault(words, n_features) if words else None
        if problem is not None:
            return DataError(f"{path}, line {number}: {problem}.")
    if not text.strip():
        return DataError(f"{path} is empty; expected lines of the form: label index:value ...")
    return DataError(f"{path} is not a LIBSVM file; expected lines of the form: label index:value ...")


def _line_fault(words: list[bytes], n_features: int | None) -> str | None:
    label, last = _number(words[0]), 0
    if label is None:
        return f"expected a finite number as label, got {_shown(words[0])}"
    for word in words[1:]:
        left, colon, right = word.partition(b":")
        if not colon or not re.fullmatch(rb"[+-]?\d+", left):
            return f"expected index:value, got {_shown(word)}"
        if int(left) < 1:
            return f"expected an index >= 1, got {_shown(word)}"
        if n_features is not None and int(left) > n_features:
            return f"index {int(left)} is beyond n_features = {n_features}"
        if int(left) > (n_features or TRUSTED):
            return f"index {int(left)} is beyond {TRUSTED}; if there are so many columns indeed, declare n_features"
        if int(left) <= last:
            return f"expected increasing indices, got {int(left)} after {last}"
        if _number(right) is None:
            return f"expected a finite number, got {_shown(word)}"
        last = int(left)
    return None


def _number(word: bytes) -> float | None:
    try:
        value = float(word) if b"_" not in word else np.nan
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _shown(word: bytes) -> str:
    text: Any = word.decode("utf-8", errors="replace")
    return repr(text if len(text) <= 40 else text[:37] + "...")
