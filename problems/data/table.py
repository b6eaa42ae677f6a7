"""Tables in CSV, TSV or Parquet files, one sample a row.

Columns of numbers (and of true and false, as 1 and 0) become features as they are. Columns of anything else become one
column of zeros and ones for each value, in the order of the values as text; or are dropped, or refused. The target may be
numbers, or names, which become codes in alphabetical order.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np

from fedmm.arguments import check_fields
from fedmm.errors import DataError, SpecError, suggest
from fedmm.federation import Samples, Source
from problems.data.files import SUFFIXES, check_digests, check_limit, digest, one_of_two, read_bytes, shelf, unpacked

__all__ = ["Table"]

FORMATS = (".csv", ".tsv", ".parquet")

MOST_VALUES = 1000
"""Different values that a column may have and still become columns of zeros and ones."""


@dataclass(frozen=True)
class Table(Source):
    """A CSV, TSV or Parquet file, one sample a row; one column may be the target, one the group of a sample.

    Parameters
    ----------
    path : str
        The file (.csv, .tsv or .parquet; text also as gz, bz2 or xz), or the name of a file in the folder ``tables``
        under ``FEDMM_DATA``. A CSV file begins with the names of its columns.
    target : str or None
        The column that is y; None leaves y out. Two values become -1 and +1, in order; names of more than two become
        0, 1, ... in alphabetical order; other numbers stay.
    client : str or None
        The column that says which group a sample belongs to; it is no feature.
    drop : tuple of str
        Columns that are left out.
    categorical : {"one-hot", "drop", "refuse"}
        What becomes of features that are not numbers.
    missing : {"refuse", "drop"}
        What becomes of samples with an empty cell.
    standardise : bool
        Features with mean 0 and variance 1, those of zeros and ones too; a constant one becomes 0.
    limit : int or None
        Only the first so many rows of the file.
    sha256 : str or None
        The digest the file must have; None accepts any.
    """

    path: str
    target: str | None = None
    client: str | None = None
    drop: tuple[str, ...] = ()
    categorical: Literal["one-hot", "drop", "refuse"] = "one-hot"
    missing: Literal["refuse", "drop"] = "refuse"
    standardise: bool = False
    limit: int | None = None
    sha256: str | None = None

    name: ClassVar[str] = "table"

    def __post_init__(self) -> None:
        check_fields(self)
        check_limit(self.name, self.limit)
        used = [column for column in (self.target, self.client, *self.drop) if column is not None]
        twice = next((column for column in used if used.count(column) > 1), None)
        if twice is not None:
            raise SpecError(f"Expected table.target, client and drop to name different columns, {twice!r} is named twice.")

    def load(self, clients: int | None, seed: int) -> Samples:
        path, frame = self._frame()
        columns = []
        for name in frame.columns:
            if name not in (self.target, self.client):
                columns += self._features(path, name, frame[name])
        if not columns:
            raise DataError(f"{path} has no features left; drop fewer columns, or take categorical=one-hot.")
        X = np.column_stack(columns)
        if self.standardise:
            spread = np.where((X[:1] == X).all(axis=0), 1.0, X.std(axis=0))
            X = (X - X.mean(axis=0)) / spread
        return Samples(X, None if self.target is None else _targets(path, frame[self.target])[0])

    def groups(self) -> np.ndarray | None:
        if self.client is None:
            return None
        column = self._frame()[1][self.client]
        return column.to_numpy() if _is_numeric(column) else np.asarray(column.astype(str), dtype=str)

    def classes(self) -> Mapping[float, str]:
        if self.target is None:
            return {}
        path, frame = self._frame()
        return _targets(path, frame[self.target])[1]

    def pin(self) -> Self:
        path = self._file()
        return replace(self, path=str(path), sha256=self.sha256 or digest(path))

    @classmethod
    def opens(cls, path: Path) -> Self | None:
        return cls(str(path)) if _format(path) in FORMATS else None

    @classmethod
    def files(cls) -> dict[str, Path]:
        return {path.name: path for path in shelf("tables") if _format(path) in FORMATS}

    def _file(self) -> Path:
        path = Path(self.path).expanduser()
        if path.is_file():
            return path.resolve()
        known = self.files()
        if self.path in known:
            return known[self.path].resolve()
        if path.is_dir():
            raise DataError(f"Expected a table, {self.path!r} is a directory; name a file in it.")
        hint = suggest(self.path, known) if known else " Give its path, or set FEDMM_DATA to the folder above tables/."
        raise DataError(f"There is no table {self.path!r}.{hint}")

    def _frame(self) -> tuple[Path, Any]:
        """The rows and columns that are used."""
        path = self._file()
        raw = read_bytes(path)
        check_digests([(path, raw)], [] if self.sha256 is None else [self.sha256])
        frame = _read(path, raw, self.limit)
        names = [str(name) for name in frame.columns]
        for field, wanted in (("target", self.target), ("client", self.client), *(("drop", name) for name in self.drop)):
            if wanted is not None and wanted not in names:
                raise DataError(f"{path} has no column {wanted!r} for table.{field}.{suggest(wanted, names)}")
        frame.columns = names
        frame = frame.drop(columns=list(self.drop))
        holes = frame.isna()
        if self.missing == "drop":
            frame = frame[~holes.any(axis=1)]
        elif holes.to_numpy().any():
            column = str(holes.any().idxmax())
            raise DataError(
                f"{path}: {int(holes[column].sum())} of {len(frame)} values of the column {column!r} are missing; fill them, "
                "leave the column out by drop, or take missing=drop."
            )
        if len(frame) == 0:
            raise DataError(f"{path} has no rows left; expected at least one sample.")
        return path, frame

    def _features(self, path: Path, name: str, column: Any) -> list[np.ndarray]:
        if _is_numeric(column):
            return [_numbers(path, name, column)]
        if self.categorical == "drop":
            return []
        if self.categorical == "refuse":
            raise DataError(
                f"{path}: the column {name!r} holds {column.iloc[0]!r}, which is no number; drop it, or categorical=one-hot."
            )
        codes, values = _coded(path, column)
        if len(values) > MOST_VALUES:
            raise DataError(
                f"{path}: the column {name!r} has {len(values)} different values, too many for a column each; leave it out by "
                f"drop={name}."
            )
        return [(codes == k).astype(float) for k in range(len(values))]


def _format(path: Path) -> str:
    """The suffix that says the format, below one of compression."""
    return Path(path.stem).suffix.lower() if path.suffix.lower() in SUFFIXES[1:] else path.suffix.lower()


def _read(path: Path, raw: bytes, limit: int | None) -> Any:
    import pandas as pd

    if raw.startswith(b"PAR1") or _format(path) == ".parquet":
        return _parquet(path, raw).iloc[:limit]
    content = unpacked(path, raw)
    if not content.strip():
        raise DataError(f"{path} is empty; expected the names of the columns, then a sample a row.")
    try:
        separator = "\t" if _format(path) == ".tsv" else ","
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # a row longer than the header would be cut
            frame = pd.read_csv(io.BytesIO(content), sep=separator, low_memory=False, nrows=limit, index_col=False)
    except (ValueError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.ParserWarning) as error:
        raise DataError(f"{path} is not a table of columns ({str(error).strip().rstrip('.')}); mend it.") from error
    if len(frame) == 0:
        raise DataError(f"{path} has the names of columns and no rows; expected at least one sample.")
    return frame


def _parquet(path: Path, raw: bytes) -> Any:
    import pandas as pd

    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise DataError(f"Reading {path} needs pyarrow; install it by pip install 'fedmm[parquet]'.") from error
    try:
        return pd.read_parquet(io.BytesIO(raw), engine="pyarrow")
    except (ValueError, OSError, NotImplementedError) as error:
        first = str(error).strip().split("\n")[0].rstrip(".")
        raise DataError(f"{path} is truncated or no Parquet file ({first}); fetch it again.") from error


def _is_numeric(column: Any) -> bool:
    return column.dtype.kind in "biuf"


def _numbers(path: Path, name: str, column: Any) -> np.ndarray:
    values = column.to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        raise DataError(f"{path}: the column {name!r} holds infinite values; expected finite numbers, mend or drop them.")
    return values


def _coded(path: Path, column: Any) -> tuple[np.ndarray, list[str]]:
    """The number of each value in the alphabetical order of all, and these.

    A column of numbers with a slip in it must not pass for names.
    """
    import pandas as pd

    if column.dtype.kind in "Mm":
        raise DataError(f"{path}: the column {column.name!r} holds dates or times; drop it, or write numbers.")
    number: Any = pd.Series(pd.to_numeric(column, errors="coerce")).notna()
    if 0.5 < number.mean() < 1:
        odd = column[~number].iloc[0]
        raise DataError(f"{path}: the column {column.name!r} holds numbers, but also {str(odd)[:40]!r}; mend it, or drop it.")
    values, codes = np.unique(np.asarray(column.astype(str), dtype=str), return_inverse=True)
    return codes, [str(value) for value in values]


def _targets(path: Path, column: Any) -> tuple[np.ndarray, dict[float, str]]:
    """y, and what its values stand for."""
    if column.dtype.kind in "iuf":
        numbers = _numbers(path, str(column.name), column)
        y, values = one_of_two(numbers), np.unique(numbers)
        return y, {-1.0: f"{values[0]:g}", 1.0: f"{values[1]:g}"} if len(values) == 2 else {}
    codes, names = _coded(path, column)
    if len(names) == 2:
        return 2.0 * codes - 1.0, {-1.0: names[0], 1.0: names[1]}
    return codes.astype(float), {float(k): name for k, name in enumerate(names)}
