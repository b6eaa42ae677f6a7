"""``fedmm run``: a problem by name, a recipe again, or a run folder further."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fedmm.cli.support import command_line, exit_code, free_folder, note, print_json, saved, setup_options
from fedmm.errors import DataError, SpecError

if TYPE_CHECKING:
    from fedmm.result import Result

__all__ = ["run"]

FREE = {"rounds", "executor"}
"""Options that a recipe or a run folder leaves open; the others are written in it."""


@click.command()
@click.argument("target", metavar="PROBLEM|RECIPE|FOLDER")
@setup_options()
@click.option("--out", type=click.Path(path_type=Path), help="The run folder; default runs/PROBLEM-METHOD-N.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output, and nothing else there.")
@command_line
def run(target: str, out: Path | None, as_json: bool, **options: Any) -> None:
    """Solve PROBLEM (see `fedmm list problem`), repeat RECIPE, or continue FOLDER by --rounds more rounds.

    What is not said is taken from the problem's demonstration.
    """
    path = _path(target)
    if path is None:
        result, folder = _fresh(target, out, options)
    elif path.is_dir():
        result, folder = _further(path, out, options)
    else:
        result, folder = _again(path, out, options)
    if as_json:
        print_json({**facts_of(result), "out": str(folder)})
    else:
        click.echo(f"{result.summary()}\nsaved      {folder}")
    if path is not None and path.is_dir() and options["rounds"] is None:
        return  # nothing was run
    if not result.status.ok:
        note(f"{result.status.message} The run is saved in {folder}.")
    sys.exit(exit_code(result.status.code))


def facts_of(result: Result) -> dict[str, Any]:
    """What ``--json`` says of a run."""
    return {
        "problem": result.problem.name,
        "method": result.parts.algorithm.name,
        "rounds": result.rounds,
        "objective": result.objective,
        "status": result.status.code,
        "seconds": result.seconds,
        "bits_up": result.bits_up,
        "bits_down": result.bits_down,
    }


def _path(target: str) -> Path | None:
    """The recipe or run folder that `target` is; None for the name of a problem."""
    from fedmm.catalog import entries

    if not target.strip():
        raise SpecError(f"Expected a problem, a recipe or a run folder, got {target!r}; see `fedmm list problem`.")
    path = Path(target).expanduser()
    if target.partition(":")[0] in entries("problem"):
        return None
    if path.is_file() or path.is_dir():
        return path
    if path.suffix == ".toml" or len(path.parts) > 1:
        raise DataError(f"There is no recipe or run folder {target!r}; check the path.")
    return None


def _fresh(target: str, out: Path | None, options: dict[str, Any]) -> tuple[Result, Path]:
    from fedmm.cli.setup import set_up, takes

    setup = set_up(target, options, options["method"])
    parts, folder = setup.parts, _target(out, setup.parts)
    with takes(target, options):
        return _solved(folder, parts, setup.federation, rounds=setup.rounds, executor=setup.executor)


def _again(path: Path, out: Path | None, options: dict[str, Any]) -> tuple[Result, Path]:
    from fedmm.recipe import START, placer, read_recipe
    from fedmm.storage import saved_start, warn_of_differences

    _nothing_else(options, f"The recipe {path} says the rest: edit it, or give the name of a problem.")
    arrays, start = saved_start(path)
    recipe = read_recipe(path, arrays)
    federation = recipe.federation()
    if recipe.data.get("digest", federation.digest()) != federation.digest():
        note("note: the data are not those of the recipe's run (their sha256 differs)")
    warn_of_differences(recipe.environment)
    if recipe.theta0 != START and start is None:
        raise SpecError(f"{path} starts from an array (sha256 {recipe.theta0}) that is kept in its run folder; run it there.")
    theta0 = None if recipe.theta0 == START else placer(recipe.arrays)(start)
    folder = _target(out, recipe.parts)
    executor = recipe.executor if options["executor"] is None else _executor(options["executor"])
    rounds = recipe.rounds if options["rounds"] is None else options["rounds"]
    return _solved(folder, recipe.parts, federation, rounds=rounds, executor=executor, theta0=theta0, metrics=recipe.metrics)


def _further(path: Path, out: Path | None, options: dict[str, Any]) -> tuple[Result, Path]:
    from fedmm.storage import check_target, load

    _nothing_else(options, f"The run in {path} goes on with the parts it has; for others begin a new run.")
    before = load(path)
    if options["rounds"] is None:
        note(f"{path} holds {before.rounds} rounds; to go on, say how many more: fedmm run {path} --rounds N")
        return before, path
    if before.federation is None:
        raise DataError(
            f"The data of the run in {path} are not at hand; in Python, give them to fedmm.load and solve(..., resume=...)."
        )
    folder = path if out is None else out
    check_target(folder, overwrite=out is None)
    note(f"continuing from round {before.rounds} to {before.rounds + options['rounds']}")
    executor = before.executor if options["executor"] is None else _executor(options["executor"])
    return _solved(
        folder,
        before.parts,
        before.federation,
        rounds=options["rounds"],
        executor=executor,
        metrics=before.metrics,
        resume=before,
    )


def _solved(folder: Path, parts: Any, federation: Any, **how: Any) -> tuple[Result, Path]:
    """The run, saved in `folder` whatever became of it."""
    from dataclasses import replace

    from fedmm.solve import solve

    def begun(snapshot: Any, row: dict[str, float]) -> None:
        if snapshot.round == 0:  # nothing was refused
            note(f"{parts.problem.name} by {parts.algorithm.name}: {len(federation)} clients, up to {how['rounds']} rounds")

    result = solve(
        parts.problem,
        federation,
        parts.algorithm,
        seed=parts.seed,
        participation=parts.participation,
        channel=parts.channel,
        downlink=parts.downlink,
        aggregator=parts.aggregator,
        callbacks=(begun,),
        throw=False,
        **how,
    )
    result = replace(result, executor=how["executor"], metrics=how.get("metrics", result.metrics))
    saved(lambda: result.save(folder, overwrite="resume" in how))
    return result, folder


def _target(out: Path | None, parts: Any) -> Path:
    from fedmm.storage import check_target

    folder = free_folder(f"{parts.problem.name}-{parts.algorithm.name}") if out is None else out
    check_target(folder)
    return folder


def _executor(text: str) -> Any:
    from fedmm.spec import parse

    return parse("executor", text)


def _nothing_else(options: dict[str, Any], sentence: str) -> None:
    for name, value in options.items():
        if name not in FREE and value not in (None, ()):
            raise SpecError(f"--{'set' if name == 'sets' else name} cannot be given here. {sentence}")
