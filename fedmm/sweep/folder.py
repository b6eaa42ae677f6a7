"""A sweep as files: a row a run, a row a round, the picture, and the best run's folder."""

from __future__ import annotations

from pathlib import Path

from fedmm.errors import DataError
from fedmm.plot import png
from fedmm.sweep.sweep import Sweep, shown

__all__ = ["check_empty", "save"]


def check_empty(folder: Path, overwrite: bool = False) -> Path:
    """The folder, absolute, once it is known that a sweep may be written there.

    Raises
    ------
    DataError
        If it is a file, or holds something else than a sweep, or a sweep that must not be replaced.
    """
    folder = folder.expanduser().absolute()
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file; choose another folder.")
    if folder.is_dir() and any(folder.iterdir()) and not (overwrite and (folder / "sweep.csv").is_file()):
        raise DataError(f"{folder} is not an empty folder; choose another one.")
    return folder


def save(sweep: Sweep, folder: Path, overwrite: bool) -> Path:
    """See `Sweep.save`."""
    folder = check_empty(folder, overwrite)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep.to_pandas().to_csv(folder / "sweep.csv", index_label="run")
        _traces(sweep, folder / "traces.csv")
    except OSError as error:
        raise DataError(f"Cannot write to {folder}: {error.strerror}; choose another folder.") from error
    measured = [name for name in sweep[0].trace.columns if name == "objective"] if len(sweep) else []
    for column in measured:
        (folder / "sweep.png").write_bytes(png(sweep.plot(column)))
        sweep.best(column).save(folder / "best", overwrite=overwrite)
    return folder


def _traces(sweep: Sweep, path: Path) -> None:
    """The traces of all runs in one long table, each row with its run's number and values."""
    import pandas

    parts = []
    for number, (values, result) in enumerate(zip(sweep.values, sweep, strict=True)):
        table = result.trace.to_pandas()
        for place, (name, value) in enumerate(values.items()):
            table.insert(place, name, value if isinstance(value, (int, float, str)) else shown(value))
        table.insert(0, "run", number)
        parts.append(table)
    pandas.concat(parts).to_csv(path, index=False)
