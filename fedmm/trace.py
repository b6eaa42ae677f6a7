"""The record of a run: one row per round, row 0 being the start (after an opening, if the method has one)."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fedmm.arguments import several
from fedmm.errors import DataError, SpecError, suggest

if TYPE_CHECKING:
    import pandas

__all__ = ["COUNTERS", "Trace"]

COUNTERS = ("round", "exchanges", "seconds", "bits_up", "bits_down", "clients")
"""Columns of every trace. All but `round` and `clients` are cumulative; bits are summed over all clients."""

_INTEGERS = frozenset(COUNTERS) - {"seconds"}


class Trace:
    """Rows of a run; metrics are the columns beside `COUNTERS`.

    Parameters
    ----------
    rows : sequence of mapping
        One mapping from column to number per round; a metric that was not measured in a round is NaN.
    """

    def __init__(self, rows: Sequence[Mapping[str, float]]) -> None:
        self._rows = tuple(dict(row) for row in several("the rows of a trace", rows, Mapping))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        names: dict[str, None] = dict.fromkeys(COUNTERS)
        for row in self._rows:
            names.update(dict.fromkeys(row))
        return tuple(names)

    @property
    def rows(self) -> tuple[dict[str, float], ...]:
        """The rows as dictionaries."""
        return self._rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, column: str) -> np.ndarray:
        """One column as an array, NaN where nothing was measured."""
        self._check(column)
        return np.array([row.get(column, float("nan")) for row in self._rows])

    def last(self, column: str) -> float:
        """The last measured value of a column, NaN if there is none."""
        self._check(column)
        for row in reversed(self._rows):
            value = row.get(column, float("nan"))
            if value == value:
                return value
        return float("nan")

    def _check(self, column: str) -> None:
        if column not in self.columns:
            raise SpecError(f"This trace has no column {column!r}.{suggest(column, self.columns)}")

    def __repr__(self) -> str:
        return f"Trace({len(self)} rows: {', '.join(self.columns)})"

    def to_pandas(self) -> pandas.DataFrame:
        """The trace as a DataFrame, one row per round."""
        import pandas

        return pandas.DataFrame({name: self[name] for name in self.columns}).astype(
            {name: "int64" for name in COUNTERS if name in _INTEGERS}
        )

    def to_csv(self, path: str | Path) -> None:
        """Write a CSV file whose numbers read back bit for bit."""
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.columns)
            for row in self._rows:
                writer.writerow([_written(row.get(name, float("nan"))) for name in self.columns])

    @classmethod
    def from_csv(cls, path: str | Path) -> Trace:
        """Read what `to_csv` wrote.

        Raises
        ------
        DataError
            If the file is not such a table.
        """
        try:
            with Path(path).open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            return cls([{name: _read(name, text) for name, text in row.items()} for row in rows])
        except (OSError, ValueError, TypeError, csv.Error) as error:
            raise DataError(f"Expected a trace in {path}, got an unreadable file ({error}).") from error


def _written(value: float) -> str:
    return str(value) if isinstance(value, int) else repr(float(value))


def _read(name: str, text: str) -> float:
    return int(text) if name in _INTEGERS else float(text)
