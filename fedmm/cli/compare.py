"""``fedmm compare``: several methods from one start, one picture, one table."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import numpy as np

from fedmm.cli.support import FAILED, command_line, exit_code, free_folder, note, print_json, saved, setup_options
from fedmm.errors import DataError, SpecError

if TYPE_CHECKING:
    from fedmm.cli.setup import Setup
    from fedmm.result import Result

__all__ = ["LEVELS", "Reference", "compare", "milestones", "relative_gap"]

LEVELS = tuple(10.0**-k for k in range(1, 9))
"""Accuracies of the table; those that no method reached are left out."""


class Reference(NamedTuple):
    """W*, and where it is from."""

    value: float
    words: str


@click.command()
@click.argument("problem")
@setup_options(methods=True)
@click.option("--reference", type=float, help="W*, to which accuracy is relative; default: the optimum, if it is known.")
@click.option("--out", type=click.Path(path_type=Path), help="The folder; default runs/PROBLEM-compare-N.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output, and nothing else there.")
@command_line
def compare(problem: str, methods: str, reference: float | None, out: Path | None, as_json: bool, **options: Any) -> None:
    """Solve PROBLEM by several methods from the same start and compare rounds, bits and seconds to each accuracy."""
    if reference is not None and not np.isfinite(reference):
        raise SpecError(f"Expected --reference as a finite number, got {reference}; leave it out if W* is unknown.")
    folder = _folder(out, problem)
    setups = _setups(problem, methods, options)
    results, code = _results(setups, folder)
    found = _reference(reference, setups, results)
    gaps = {name: relative_gap(result, found.value) for name, result in results.items()}
    code = max(code, _draw(results, gaps, found.words, folder))
    _warn_of_lower(gaps, found)
    if as_json:
        print_json(_report(results, gaps, found, folder))
    else:
        click.echo("\n".join([*table(results, gaps, found), f"saved in {folder}"]))
    sys.exit(code)


def relative_gap(result: Result, optimum: float) -> np.ndarray:
    r""":math:`(W(\theta_t)-W_*)/|W_*|` in every row of the trace; not divided where W* = 0."""
    return (_objectives(result) - optimum) / (abs(optimum) or 1.0)


def _objectives(result: Result) -> np.ndarray:
    """W in every row, NaN where a run ended before it was measured."""
    trace = result.trace
    return trace["objective"] if "objective" in trace.columns else np.full(len(trace), np.nan)


def milestones(result: Result, gap: np.ndarray) -> dict[float, dict[str, float]]:
    """For each accuracy of `LEVELS` that was reached, the round, the bits and the seconds at which it first was."""
    reached = {}
    for level in LEVELS:
        rows = np.flatnonzero(gap <= level)
        if rows.size:
            row = result.trace.rows[rows[0]]
            reached[level] = {key: row[key] for key in ("round", "bits_up", "bits_down", "seconds")}
    return reached


def table(results: dict[str, Result], gaps: dict[str, np.ndarray], reference: Reference) -> list[str]:
    """The comparison in lines of text."""
    from fedmm.wording import bits_in_words

    width = max(len(name) for name in (*results, "method"))
    reached = {name: milestones(result, gaps[name]) for name, result in results.items()}
    lines = [
        f"accuracy: (W - W*)/|W*| with W* = {reference.value:.10g}, {reference.words}",
        "a method that is not listed under an accuracy did not reach it",
        "",
        f"accuracy  {'method':<{width}}  {'rounds':>8}  {'bits up':>11}  {'bits down':>11}  {'seconds':>9}",
    ]
    for level in LEVELS:
        there = {name: found[level] for name, found in reached.items() if level in found}
        for i, (name, row) in enumerate(there.items()):
            up, down = bits_in_words(row["bits_up"]), bits_in_words(row["bits_down"])
            lines.append(
                f"{f'{level:.0e}' if i == 0 else '':<8}  {name:<{width}}  "
                f"{row['round']:>8}  {up:>11}  {down:>11}  {row['seconds']:>9.3g}"
            )
    lines += ["", *(f"{name:<{width}}  W = {result.objective:.10g}, {result.status}" for name, result in results.items())]
    return lines


def _folder(out: Path | None, problem: str) -> Path:
    folder = free_folder(f"{problem.partition(':')[0].replace('/', '-')}-compare") if out is None else out
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} is not an empty folder; choose another one.")
    return folder


def _setups(problem: str, methods: str, options: dict[str, Any]) -> dict[str, Setup]:
    """What each method is to run on, all on one federation; every refusal comes before any run."""
    from fedmm.cli.setup import set_up, split_methods, takes
    from fedmm.solve import compose
    from fedmm.wording import part_in_words

    for text in options["sets"]:
        if text.startswith("method."):
            raise SpecError(
                f"--set {text} could mean any of the methods; write it as --methods NAME:{text.removeprefix('method.')}."
            )
    setups: dict[str, Setup] = {}
    federation = None
    for words in split_methods(methods):
        setup = set_up(problem, options, words, federation)
        federation, parts = setup.federation, setup.parts
        with takes(problem, options):
            composition = compose(
                parts.problem,
                federation,
                parts.algorithm,
                channel=parts.channel,
                downlink=parts.downlink,
                participation=parts.participation,
            )
            composition.check()
        parts.algorithm.settle(composition)
        name = part_in_words(parts.algorithm)
        if name in setups:
            raise SpecError(f"The method {name} is given twice; keep one.")
        setups[name] = setup
    return setups


def _results(setups: dict[str, Setup], folder: Path) -> tuple[dict[str, Result], int]:
    """Every method's run, saved under `folder`, and the exit code; Ctrl-C ends the comparison with what there is."""
    from fedmm.solve import solve
    from fedmm.storage import check_target

    results: dict[str, Result] = {}
    code, theta0 = 0, None
    for i, (name, setup) in enumerate(setups.items(), start=1):
        parts, target = setup.parts, folder / f"{i}-{setup.parts.algorithm.name}"
        check_target(target)
        note(f"{name}: {len(setup.federation)} clients, up to {setup.rounds} rounds")
        result = solve(
            parts.problem,
            setup.federation,
            parts.algorithm,
            theta0,
            rounds=setup.rounds,
            seed=parts.seed,
            participation=parts.participation,
            channel=parts.channel,
            downlink=parts.downlink,
            aggregator=parts.aggregator,
            executor=setup.executor,
            throw=False,
        )
        theta0 = result.theta0
        result = replace(result, executor=setup.executor)
        saved(lambda result=result, target=target: result.save(target))
        results[name] = result
        code = max(code, exit_code(result.status.code))
        if result.status.code == "interrupted":
            left = list(setups)[i:]
            note("interrupted" + (f"; not run: {', '.join(left)}" if left else ""))
            break
    return results, code


def _reference(given: float | None, setups: dict[str, Setup], results: dict[str, Result]) -> Reference:
    if given is not None:
        return Reference(given, "given by --reference")
    some = next(iter(results.values()))
    try:
        optimum = some.problem.facts(next(iter(setups.values())).federation).optimum
    except (ArithmeticError, np.linalg.LinAlgError):  # data that overflow: the runs have said so
        optimum = None
    if optimum is not None and np.isfinite(optimum):
        return Reference(optimum, "the known optimum")
    found = {name: _objectives(result) for name, result in results.items()}
    best = {name: float(values[np.isfinite(values)].min()) for name, values in found.items() if np.isfinite(values).any()}
    if not best:
        return Reference(float("nan"), "no method reached a finite value")
    name = min(best, key=best.__getitem__)
    return Reference(best[name], f"the best value any compared method reached ({name})")


def _warn_of_lower(gaps: dict[str, np.ndarray], reference: Reference) -> None:
    """A reference that is no minimum makes every accuracy meaningless: say so."""
    lower = [name for name, gap in gaps.items() if (gap < -LEVELS[-1]).any()]
    if lower:
        note(f"note: {', '.join(lower)} went below W* = {reference.value:.10g} {reference.words}: it is no minimum.")


def _draw(results: dict[str, Result], gaps: dict[str, np.ndarray], what: str, folder: Path) -> int:
    """Write the picture and return the exit code: where that fails, the table is printed all the same."""
    from fedmm.plot import comparison, png

    try:
        (folder / "compare.png").write_bytes(png(comparison(results, gaps, what)))
    except Exception as error:
        note(f"Error: Could not draw {folder / 'compare.png'} ({error}); the runs themselves are saved.")
        return FAILED
    return 0


def _report(results: dict[str, Result], gaps: dict[str, np.ndarray], reference: Reference, folder: Path) -> dict[str, Any]:
    from fedmm.cli.run import facts_of

    return {
        "problem": next(iter(results.values())).problem.name,
        "reference": reference.value,
        "reference_is": reference.words,
        "runs": [
            {
                **facts_of(result),
                "method": name,
                "accuracy": {f"{level:.0e}": row for level, row in milestones(result, gaps[name]).items()},
            }
            for name, result in results.items()
        ],
        "out": str(folder),
    }
