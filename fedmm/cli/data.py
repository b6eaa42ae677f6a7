"""``fedmm data``: what a data set holds, and fetching one from its home."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

import click

from fedmm.cli.support import command_line, note
from fedmm.errors import DataError, SpecError, suggest

__all__ = ["data"]

MOST = 30
"""Values of y that are listed one by one."""


@click.group("data")
def data() -> None:
    """What a data set holds; fetching one from its home."""


@data.command("show")
@click.argument("name", metavar="DATA")
@command_line
def show(name: str) -> None:
    """Sizes, labels and groups of DATA: a name, a name with fields (mnist:test,digit), or a file."""
    from fedmm.build import source_of
    from fedmm.federation import Federation
    from fedmm.spec import spell

    source = source_of(name)
    loaded = source.load(None, 0)
    click.echo(f"data       {spell(source)}")
    if isinstance(loaded, Federation):
        click.echo(f"clients    {len(loaded)}, made by the data themselves; {sum(loaded.sizes())} samples")
        return
    X, y = loaded
    click.echo(f"samples    {X.shape[0]}")
    click.echo(f"features   {X.shape[1]}")
    click.echo(f"labels     {'none' if y is None else _labels(y, source.classes())}")
    try:
        groups = source.groups()
    except DataError as error:  # the samples are there all the same
        click.echo(f"groups     none. {error}")
    else:
        click.echo(f"groups     {'none' if groups is None else _groups(groups)}")


@data.command("get")
@click.argument("name", required=False, metavar="[NAME]")
@click.option("--to", type=click.Path(path_type=Path), help="The folder of all data sets; default FEDMM_DATA.")
@click.option("--yes", is_flag=True, help="The licence is agreed to; do not ask.")
@command_line
def get(name: str | None, to: Path | None, yes: bool) -> None:
    """Fetch the data set NAME from its home, after showing its licence; without NAME, list what can be fetched."""
    from fedmm.download import fetch

    homes = known_homes()
    if name is None:
        click.echo("\n".join(f"  {home.name:<20} {home.licence}" for home in homes.values()))
        return
    if name not in homes:
        raise SpecError(f"No home of a data set {name!r} is known.{suggest(name, homes)}")
    home, root = homes[name], _root(to)
    click.echo(f"licence    {home.licence}\npage       {home.page}")
    for remote in home.files:
        click.echo(f"fetch      {remote.url} ({remote.digest or 'no digest known'})")
    click.echo(f"to         {root / home.folder}")
    if not yes and not click.confirm("Agree to the licence and fetch?", default=False):
        note("nothing was fetched")
        return
    fetch(home, root / home.folder, agreed=True, report=note)
    if str(root) != os.environ.get("FEDMM_DATA"):
        note(f"to have it found by name, set FEDMM_DATA to {root.resolve()}")


def known_homes() -> dict[str, Any]:
    """What can be fetched, by name."""
    from fedmm.catalog import entries
    from fedmm.federation import Source

    found = [home for cls in entries("data").values() for home in cast(type[Source], cls).homes()]
    return {home.name: home for home in sorted(found, key=lambda home: home.name)}


def _root(to: Path | None) -> Path:
    if to is not None:
        return to.expanduser()
    folder = os.environ.get("FEDMM_DATA")
    if not folder:
        raise DataError("FEDMM_DATA does not say where data sets are kept; set it to a folder, or give one by --to.")
    return Path(folder).expanduser()


def _labels(y: Any, classes: Any) -> str:
    import numpy as np

    values, counts = np.unique(np.asarray(y), return_counts=True)
    if len(values) > MOST and not classes:
        return f"numbers from {values[0]:g} to {values[-1]:g}"
    if len(values) > MOST:
        often = (
            f"{classes.get(float(values[i]), f'{values[i]:g}')} ({counts[i]})" for i in np.argsort(-counts, kind="stable")[:5]
        )
        return f"{len(values)} values, most often {', '.join(often)}"
    lines = []
    for value, count in zip(values, counts, strict=True):
        meaning = classes.get(float(value))
        lines.append(f"{value:g}{f' = {meaning}' if meaning is not None else ''}: {count}")
    return "; ".join(lines)


def _groups(groups: Any) -> str:
    import numpy as np

    names, counts = np.unique(groups, return_counts=True)
    most = ", ".join(f"{names[i]} ({counts[i]})" for i in np.argsort(-counts, kind="stable")[:3])
    return f"{len(names)}, of {counts.min()} to {counts.max()} samples: {most}{', ...' if len(names) > 3 else ''}"
