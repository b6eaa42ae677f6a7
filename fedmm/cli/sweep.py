"""``fedmm sweep``: every combination of some values, side by side where possible; a table, a picture, the best run."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from fedmm.cli.support import FAILED, INTERRUPTED, command_line, free_folder, note, print_json, saved, setup_options
from fedmm.errors import SpecError

if TYPE_CHECKING:
    from fedmm.sweep import Sweep

__all__ = ["axis", "sweep"]

PARTS = {"method": "method", "channel": "channel", "downlink": "channel", "participation": "participation"}
"""Whole parts that may be an axis, and their kind in the catalog."""


@click.command()
@click.argument("problem")
@setup_options()
@click.option(
    "--over",
    "axes",
    multiple=True,
    required=True,
    metavar="AXIS=VALUES",
    help="step=0.1,0.2 or step=log:0.01,1,16 or seed=0..9 or method=fedavg,fedsgd. May be repeated: all combinations.",
)
@click.option("--out", type=click.Path(path_type=Path), help="The folder; default runs/PROBLEM-sweep-N.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output, and nothing else there.")
@command_line
def sweep(problem: str, axes: tuple[str, ...], out: Path | None, as_json: bool, **options: Any) -> None:
    """Solve PROBLEM with every combination of the values on the axes; print the best, draw all, save both."""
    from fedmm.cli.setup import set_up, takes
    from fedmm.sweep import solve_many
    from fedmm.sweep.folder import check_empty

    setup = set_up(problem, options, options["method"])
    parts = setup.parts
    folder = check_empty(free_folder(f"{parts.problem.name}-sweep") if out is None else out)
    objects = {"problem": parts.problem, "method": parts.algorithm, "channel": parts.channel, "downlink": parts.downlink}
    objects |= {"aggregator": parts.aggregator, "participation": parts.participation}
    over: dict[str, Any] = {}
    for text in axes:
        name, values = axis(text, objects)
        if name in over:
            raise SpecError(f"The axis {name!r} is given twice; put all its values in one --over.")
        over[name] = values
    runs = int(np.prod([len(values) for values in over.values()]))
    note(f"{runs} runs of up to {setup.rounds} rounds with {len(setup.federation)} clients")
    with takes(problem, options):
        found = solve_many(
            parts.problem,
            setup.federation,
            parts.algorithm,
            over=over,
            rounds=setup.rounds,
            seed=parts.seed,
            participation=parts.participation,
            channel=parts.channel,
            downlink=parts.downlink,
            aggregator=parts.aggregator,
            executor=setup.executor,
        )
    if not len(found):
        note("interrupted before the first run was done")
        sys.exit(INTERRUPTED)
    saved(lambda: found.save(folder))
    if as_json:
        print_json(_report(found, folder))
    else:
        click.echo(f"{found.summary()}\nsaved in {folder}")
    if found.left or any(result.status.code == "interrupted" for result in found):
        sys.exit(INTERRUPTED)
    sys.exit(0 if any(result.status.ok for result in found) else FAILED)


def axis(text: str, objects: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """The name of an axis and its values, from ``name=values``.

    Values are separated by commas; ``log:a,b,n`` and ``lin:a,b,n`` stand for n numbers from a to b, ``a..b`` for whole
    numbers.

    Raises
    ------
    SpecError
        If the text is not of this form, or a value does not fit.
    """
    from fedmm import spec
    from fedmm.cli.setup import split_methods
    from fedmm.convert import split_top

    name, equals, words = (word.strip() for word in text.partition("="))
    if not equals or not name or not words:
        raise SpecError(f"Expected --over AXIS=VALUES, as in step=0.1,0.2 or seed=0..9; got {text!r}.")
    if name in PARTS:
        split = split_methods(words) if name == "method" else split_top(words, ",")
        return name, [spec.parse(PARTS[name], word) for word in split]
    values = _spread(name, words) or split_top(words, ",")
    if name == "seed":
        return name, [_whole(word) for word in values]
    owner, inner = spec.locate(objects, name)
    found = []
    for word in values:
        part = spec.assign(objects, f"{owner}.{'.'.join(inner)}={word}")[owner]
        for key in inner:
            part = part[int(key)] if isinstance(part, tuple) else getattr(part, key)
        found.append(part)
    return name, found


def _spread(name: str, words: str) -> list[str] | None:
    """``log:a,b,n``, ``lin:a,b,n`` and ``a..b`` spelled out; None for anything else."""
    whole = re.fullmatch(r"(-?\d+)\.\.(-?\d+)", words)
    if whole:
        low, high = int(whole[1]), int(whole[2])
        if low > high:
            raise SpecError(f"Expected {name}=a..b with a <= b, got {words}.")
        return [str(k) for k in range(low, high + 1)]
    kind, colon, rest = words.partition(":")
    if not colon or kind not in ("log", "lin"):
        return None
    try:
        low, high, count = (read(word) for read, word in zip((float, float, int), rest.split(","), strict=True))
    except ValueError as error:
        raise SpecError(f"Expected {name}={kind}:a,b,n with two numbers and a whole number, got {words}.") from error
    if count < 2 or (kind == "log" and not 0 < low < high) or not np.isfinite([low, high]).all():
        raise SpecError(f"Expected {name}={kind}:a,b,n with n >= 2{' and 0 < a < b' if kind == 'log' else ''}, got {words}.")
    numbers = np.geomspace(low, high, int(count)) if kind == "log" else np.linspace(low, high, int(count))
    return [repr(float(f"{number:.12g}")) for number in numbers]


def _whole(word: str) -> int:
    try:
        return int(word)
    except ValueError as error:
        raise SpecError(f"Expected seeds as whole numbers, got {word!r}.") from error


def _report(found: Sweep, folder: Path) -> dict[str, Any]:
    from fedmm.cli.run import facts_of
    from fedmm.sweep.sweep import shown

    runs = [
        {"values": {name: value if isinstance(value, (int, float, str)) else shown(value) for name, value in values.items()}}
        | facts_of(result)
        for values, result in zip(found.values, found, strict=True)
    ]
    best = found.results.index(found.best())
    return {"axes": list(found.axes), "runs": runs, "best": best, "not_run": found.left, "out": str(folder)}
