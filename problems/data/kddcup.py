"""KDD Cup 1999: connections to a network, normal or one of 22 attacks; 494,021 in the ten-percent file.

A row has 41 features and a label. The columns of X are the 38 numeric features in the order of the file, then one
column of zeros and ones for each protocol, service and flag in the file, each in alphabetical order.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np

from fedmm.arguments import check_fields
from fedmm.download import Home
from fedmm.errors import DataError
from fedmm.federation import Samples, Source
from problems.data.files import check_digests, check_limit, digest, folder_of, in_folder, read_bytes, unpacked
from problems.data.homes import KDD_HOME

__all__ = ["KDDCup99"]

CATEGORIES = {"protocol": 1, "service": 2, "flag": 3}
"""The columns that hold names."""

NUMERIC = tuple(column for column in range(41) if column not in CATEGORIES.values())

LABEL = 41

KINDS = (
    "back",
    "buffer_overflow",
    "ftp_write",
    "guess_passwd",
    "imap",
    "ipsweep",
    "land",
    "loadmodule",
    "multihop",
    "neptune",
    "nmap",
    "normal",
    "perl",
    "phf",
    "pod",
    "portsweep",
    "rootkit",
    "satan",
    "smurf",
    "spy",
    "teardrop",
    "warezclient",
    "warezmaster",
)
"""The classes of the training files, 0 to 22."""


@dataclass(frozen=True)
class KDDCup99(Source):
    """Network connections of KDD Cup 1999, normal (-1) or attack (+1), or 23 classes; groups are the services.

    Parameters
    ----------
    labels : {"attack", "class"}
        y = -1 for normal and +1 for any attack; or the class, 0 to 22 in alphabetical order (normal is 11).
    scale : {"log", "standard", "log-standard", "none"}
        What is done to the numeric features x: log(1 + x); (x - mean) / deviation over the samples loaded, where a
        constant feature becomes 0; the one after the other; nothing.
    groups_by : {"service", "protocol", "flag"}
        What the groups are.
    limit : int or None
        Only the first so many connections; the columns are those of the whole file all the same.
    dtype : {"float64", "float32"}
        The type of X and y; the ten-percent file takes 0.47 or 0.23 GB.
    path : str
        The file, or a folder with ``kddcup.data_10_percent`` or ``kddcup.data`` (plain or compressed); empty takes
        ``kddcup99`` under ``FEDMM_DATA``.
    sha256 : str or None
        The digest that the file must have; None accepts any.
    """

    labels: Literal["attack", "class"] = "attack"
    scale: Literal["log", "standard", "log-standard", "none"] = "log"
    groups_by: Literal["service", "protocol", "flag"] = "service"
    limit: int | None = None
    dtype: Literal["float64", "float32"] = "float64"
    path: str = ""
    sha256: str | None = None

    name: ClassVar[str] = "kddcup99"

    def __post_init__(self) -> None:
        check_fields(self)
        check_limit(self.name, self.limit)

    def load(self, clients: int | None, seed: int) -> Samples:
        path, table = self._table()
        n = len(table) if self.limit is None else min(self.limit, len(table))
        found = {column: table[column].cat.categories for column in CATEGORIES.values()}
        X = np.zeros((n, len(NUMERIC) + sum(len(names) for names in found.values())), dtype=self.dtype)
        for k, column in enumerate(NUMERIC):
            X[:, k] = self._scaled(table[column].to_numpy(np.float64)[:n])
        offset = len(NUMERIC)
        for column, names in found.items():
            X[np.arange(n), offset + table[column].cat.codes.to_numpy(np.int64)[:n]] = 1.0
            offset += len(names)
        return Samples(X, self._targets(path, table[LABEL])[:n].astype(self.dtype))

    def groups(self) -> np.ndarray:
        column = self._table()[1][CATEGORIES[self.groups_by]]
        return np.asarray(column.astype(str), dtype=str)[: self.limit]

    def classes(self) -> Mapping[float, str]:
        if self.labels == "attack":
            return {-1.0: "normal", 1.0: "attack"}
        return {float(k): kind for k, kind in enumerate(KINDS)}

    @classmethod
    def homes(cls) -> tuple[Home, ...]:
        return (KDD_HOME,)

    def pin(self) -> Self:
        path = self._file()
        return replace(self, path=str(path), sha256=self.sha256 or digest(path))

    @classmethod
    def opens(cls, path: Path) -> Self | None:
        return cls(path=str(path)) if path.name.startswith("kddcup.data") else None

    def _file(self) -> Path:
        if self.path and Path(self.path).expanduser().is_file():
            return Path(self.path).expanduser().resolve()
        folder = folder_of(self.path, self.name, self.name)
        path = in_folder(folder, ["kddcup.data_10_percent", "kddcup.data"])
        if path is None:
            raise DataError(f"There is no kddcup.data_10_percent.gz in {folder}; fetch it by `fedmm data get kddcup99`.")
        return path

    def _table(self) -> tuple[Path, Any]:
        """The file as a data frame of 42 columns: names as categories, the others as numbers."""
        import pandas as pd

        path = self._file()
        raw = read_bytes(path)
        check_digests([(path, raw)], [] if self.sha256 is None else [self.sha256])
        content = unpacked(path, raw)
        if not content.strip():
            raise DataError(f"{path} is empty; expected rows of 41 features and a label.")
        names: Any = {column: "category" for column in (*CATEGORIES.values(), LABEL)}
        try:
            table = pd.read_csv(io.BytesIO(content), header=None, quoting=3, keep_default_na=False, dtype=names, low_memory=False)
        except (ValueError, UnicodeDecodeError, pd.errors.ParserError) as error:
            raise _fault(path, content) or DataError(f"{path} is not a file of KDD Cup 1999 ({error}).") from error
        right = table.shape[1] == 42 and all(table[column].dtype.kind in "iuf" for column in NUMERIC)
        if right:
            right = all(np.isfinite(values := table[column].to_numpy()).all() and values.min() >= 0 for column in NUMERIC)
        if not right or any("" in table[column].cat.categories for column in names):
            raise _fault(path, content) or DataError(f"{path} is not a file of KDD Cup 1999: expected 41 features and a label.")
        return path, table

    def _scaled(self, x: np.ndarray) -> np.ndarray:
        if self.scale.startswith("log"):
            x = np.log1p(x)
        if self.scale.endswith("standard"):
            spread = x.std()
            x = (x - x.mean()) / spread if x.min() < x.max() else np.zeros_like(x)
        return x

    def _targets(self, path: Path, labels: Any) -> np.ndarray:
        """y of every row: the classes of the file, of which there are few, each looked up once."""
        values = []
        for text in labels.cat.categories:
            kind = str(text).removesuffix(".")
            if self.labels == "class" and kind not in KINDS:
                raise DataError(
                    f"{path} has the class {kind!r}, which is none of the 23 of the training files; use labels=attack."
                )
            values.append(float(KINDS.index(kind)) if self.labels == "class" else (-1.0 if kind == "normal" else 1.0))
        return np.asarray(values)[labels.cat.codes.to_numpy()]


def _fault(path: Path, content: bytes) -> DataError | None:
    """The error of the first row that is wrong."""
    for number, line in enumerate(content.split(b"\n"), start=1):
        if not line.strip():
            continue
        words = line.decode("utf-8", errors="replace").strip().split(",")
        if len(words) != 42:
            return DataError(f"{path}, line {number}: expected 41 features and a label, got {len(words)} values.")
        for column, word in enumerate(words):
            if not word.strip():
                return DataError(f"{path}, line {number}: value {column + 1} is empty.")
            if column in NUMERIC and not _is_size(word):
                return DataError(
                    f"{path}, line {number}: expected value {column + 1} as a finite number >= 0, got {word[:40]!r}."
                )
    return None


def _is_size(word: str) -> bool:
    try:
        return 0 <= float(word) < float("inf")
    except ValueError:
        return False
