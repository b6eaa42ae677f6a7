"""Many runs and what they say together: a table, the best of them, a mean and a band over seeds, a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from fedmm.errors import SpecError, suggest
from fedmm.result import Result

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

__all__ = ["Setting", "Sweep", "shown"]


class Setting(NamedTuple):
    """The runs of one configuration over all seeds.

    Parameters
    ----------
    values : mapping of str to object
        The value on every axis but the seed.
    results : tuple of Result
        Its runs, one a seed.
    """

    values: Mapping[str, Any]
    results: tuple[Result, ...]

    @property
    def ok(self) -> bool:
        """Whether every run did what was asked."""
        return all(result.status.ok for result in self.results)

    def band(self, column: str = "objective", against: str = "round") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(x, mean, standard deviation over seeds) of a column, in the rows that every run has.

        The deviation is that of the runs themselves (divided by their number), 0 for a single one.
        """
        rows = min(len(result.trace) for result in self.results)
        x = np.mean([result.trace[against][:rows] for result in self.results], axis=0)
        y = np.array([result.trace[column][:rows] for result in self.results])
        with np.errstate(invalid="ignore", over="ignore"):  # a run that went to infinity
            return x, y.mean(axis=0), y.std(axis=0)

    def last(self, column: str = "objective") -> tuple[float, float]:
        """(mean, standard deviation over seeds) of the last measured value; NaN where a run ended badly."""
        values = [result.trace.last(column) if result.status.ok else float("nan") for result in self.results]
        return float(np.mean(values)), float(np.std(values))


class Sweep(Sequence[Result]):
    """The results of `solve_many`, in the order of the combinations.

    Parameters
    ----------
    axes : tuple of str
        What was swept over.
    values : sequence of mapping
        The value on every axis, run by run.
    results : sequence of Result
        The runs.
    left : int
        How many combinations were not run (after Ctrl-C).
    """

    def __init__(
        self, axes: tuple[str, ...], values: Sequence[Mapping[str, Any]], results: Sequence[Result], left: int = 0
    ) -> None:
        self.axes, self.values, self.results, self.left = axes, tuple(values), tuple(results), left

    def __len__(self) -> int:
        return len(self.results)

    @overload
    def __getitem__(self, index: int) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Result, ...]: ...
    def __getitem__(self, index: int | slice) -> Result | tuple[Result, ...]:
        return self.results[index]

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    def __repr__(self) -> str:
        return f"Sweep({len(self)} runs over {', '.join(self.axes)})"

    @property
    def settings(self) -> list[Setting]:
        """The configurations, the runs of several seeds taken together."""
        groups: dict[tuple[int, ...], list[int]] = {}
        distinct: dict[str, list[Any]] = {name: [] for name in self.axes}
        for number, values in enumerate(self.values):
            key = []
            for name in self.axes:
                if name != "seed":
                    seen = distinct[name]
                    place = next((k for k, other in enumerate(seen) if other is values[name] or other == values[name]), len(seen))
                    if place == len(seen):
                        seen.append(values[name])
                    key.append(place)
            groups.setdefault(tuple(key), []).append(number)
        return [
            Setting(
                {name: value for name, value in self.values[numbers[0]].items() if name != "seed"},
                tuple(self.results[k] for k in numbers),
            )
            for numbers in groups.values()
        ]

    def ranked(self, column: str = "objective") -> list[Setting]:
        """The configurations by the mean over seeds of the last value of `column`, least first; those that failed last.

        Raises
        ------
        SpecError
            If no run measured the column.
        """
        known = {name for result in self for name in result.trace.columns}
        if column not in known:
            raise SpecError(f"No run of this sweep has a column {column!r}.{suggest(column, known)}")
        return sorted(self.settings, key=lambda setting: (not setting.ok, np.nan_to_num(setting.last(column)[0], nan=np.inf)))

    def best(self, column: str = "objective") -> Result:
        """The run with the least last value of `column`, in the configuration whose mean over seeds is least."""
        return min(self.ranked(column)[0].results, key=lambda result: np.nan_to_num(result.trace.last(column), nan=np.inf))

    def to_pandas(self) -> pandas.DataFrame:
        """One row a run: its values, rounds, last measurements, bits, status."""
        import pandas

        rows = []
        for values, result in zip(self.values, self.results, strict=True):
            last = {
                name: result.trace.last(name) for name in result.trace.columns if name not in ("round", "clients", "exchanges")
            }
            cells = {name: value if isinstance(value, (int, float, str)) else shown(value) for name, value in values.items()}
            rows.append({**cells, "rounds": result.rounds, **last, "status": result.status.code})
        return pandas.DataFrame(rows)

    def summary(self, column: str = "objective", most: int = 20) -> str:
        """The best configurations in a table, with a mean and a standard deviation where there are several seeds."""
        ranked = self.ranked(column)
        names = [name for name in self.axes if name != "seed"] or ["run"]
        seeds = max(len(setting.results) for setting in ranked)
        heads = [*names, column if seeds == 1 else f"{column}, mean and std of {seeds} seeds", "rounds", "status"]
        lines = [heads]
        for setting in ranked[:most]:
            mean, std = setting.last(column)
            value = f"{mean:.8g}" if seeds == 1 else f"{mean:.8g} ± {std:.2g}"
            codes = sorted({result.status.code for result in setting.results})
            cells = [shown(setting.values[name]) if name in setting.values else "-" for name in names]
            lines.append([*cells, value, str(max(result.rounds for result in setting.results)), ", ".join(codes)])
        widths = [max(len(line[k]) for line in lines) for k in range(len(heads))]
        text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
        more = [f"... and {len(ranked) - most} more"] if len(ranked) > most else []
        return "\n".join([*text, *more, *([f"{self.left} combinations were not run"] if self.left else [])])

    def plot(self, column: str = "objective") -> Figure:
        """Curves with bands over seeds, and the last value against the swept number where there is one.

        Returns
        -------
        matplotlib.figure.Figure
        """
        from fedmm.sweep.picture import picture

        return picture(self, column)

    def save(self, folder: str | Path, *, overwrite: bool = False) -> Path:
        """Write ``sweep.csv`` (a row a run), ``traces.csv`` (a row a round), ``sweep.png`` and the best run's folder ``best``.

        Raises
        ------
        DataError
            If the folder holds something already and `overwrite` is False.
        """
        from fedmm.sweep.folder import save

        return save(self, Path(folder), overwrite)


def shown(value: Any) -> str:
    """A value on an axis in words: a part as the command line takes it."""
    from fedmm.catalog import kind_of
    from fedmm.wording import part_in_words

    if isinstance(value, float):
        return f"{value:.6g}"
    return part_in_words(value) if kind_of(type(value)) is not None else str(value)
