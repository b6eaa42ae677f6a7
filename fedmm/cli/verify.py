"""``fedmm verify``: theorems measured by several engines; a table, and exit code 1 where one is refuted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fedmm.cli.support import FAILED, INTERRUPTED, Whole, command_line, note, print_json
from fedmm.errors import DataError, SpecError

if TYPE_CHECKING:
    from fedmm.theory import Theory

__all__ = ["verify"]

FILE = click.Path(path_type=Path)

MOST_EXAMPLES, MOST_PROCESSES = 10_000_000, 1024
"""More are slips of the hand."""


@click.command()
@click.option("--claim", "claims", multiple=True, metavar="NAME", help="A claim of `fedmm verify --list`. May be repeated.")
@click.option("--method", help="Only claims about this method.")
@click.option("--tag", help="Only claims with this topic.")
@click.option("--mine", type=FILE, metavar="FILE.py", help="Your own claims instead: see docs/verify.md.")
@click.option("--examples", type=Whole(min=0, max=MOST_EXAMPLES), help="Settings drawn for every claim beside its extremes.")
@click.option("--thorough", is_flag=True, help="Draw many settings for every claim. Takes long.")
@click.option("--processes", type=Whole(min=1, max=MOST_PROCESSES), help="Default: one a core, up to 4.")
@click.option(
    "--mutants", is_flag=True, help="Also print which false strengthening and which wrong constant each engine notices."
)
@click.option("--strict", is_flag=True, help="An undecided claim is a failure: exit code 1.")
@click.option("--report", type=FILE, metavar="DIR", help="Write an HTML report with pictures into this empty folder.")
@click.option(
    "--counterexamples", type=FILE, metavar="DIR", default=Path(), help="Where a refuted claim leaves its counter-example."
)
@click.option("--replay", type=FILE, metavar="FILE", help="Measure a counter-example again, and nothing else.")
@click.option("--list", "listing", is_flag=True, help="Print the claims, and measure nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output, and nothing else there.")
@command_line
def verify(replay: Path | None, listing: bool, as_json: bool, mine: Path | None, report: Path | None, **options: object) -> None:
    """Measure theorems about federated methods: observed <= exact worst case <= published bound.

    Exit code 1 if a claim is refuted, if two engines contradict each other, or if nothing could be measured.
    """
    theory = _theory()
    if report is not None:
        if replay is not None or listing:
            raise SpecError("--report needs claims to verify; leave out --replay and --list.")
        if report.exists() and (not report.is_dir() or any(report.iterdir())):
            raise DataError(f"{report} is not an empty folder; choose another one.")
    if replay is not None:
        answer = theory.replay(replay, mine)
    else:
        from fedmm.theory import Inquiry

        inquiry = Inquiry(mine=mine, report=report, **options)  # type: ignore[arg-type]
        answer = theory.listed(inquiry) if listing else theory.verify(inquiry)
    if as_json:
        print_json(answer.table)
    else:
        click.echo(answer.text)
    if answer.failure:
        note(f"Error: {answer.failure}")
    sys.exit(FAILED if answer.refuted or answer.failure else INTERRUPTED if answer.interrupted else 0)


def _theory() -> Theory:
    from fedmm.catalog import entries

    for cls in entries("theory").values():
        return cls()
    raise SpecError("No package of theorems is installed; install fedmm with its theory_checks.")
