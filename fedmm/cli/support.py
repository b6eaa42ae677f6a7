"""What the commands share: options, errors as one sentence and an exit code, notes on standard error.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | the run diverged or a client failed (it is saved), or the result could not be saved; a claim is refuted |
| 2 | bad input: nothing was run |
| 130 | interrupted by Ctrl-C |
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from fedmm.errors import DataError, FedmmError

__all__ = ["FAILED", "INTERRUPTED", "Whole", "command_line", "exit_code", "free_folder", "note", "print_json", "setup_options"]

FAILED, INTERRUPTED = 1, 130

MOST_CLIENTS = 1_000_000
"""More are a slip of the hand: their number alone would fill the memory."""


class Whole(click.IntRange):
    """A whole number in a range, under a name that reads well in messages."""

    name = "integer"


class Refused(click.ClickException):
    """Bad input, in one sentence."""

    exit_code = 2


def command_line(command: Callable[..., None]) -> Callable[..., None]:
    """`command` with errors as one sentence and an exit code, and warnings as notes."""

    @wraps(command)
    def wrapped(*args: Any, **options: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always", UserWarning)
            warnings.showwarning = _show
            try:
                command(*args, **options)
            except FedmmError as error:
                raise Refused(str(error)) from error
            except MemoryError as error:
                raise Refused("Out of memory; use fewer or smaller clients, or another method.") from error
            except BrokenPipeError:
                raise  # the reader has seen enough: click ends quietly
            except OSError as error:
                note(f"Error: {error.strerror or error}; free some space, or write elsewhere.")
                sys.exit(FAILED)
            except KeyboardInterrupt:
                note("interrupted; nothing was saved by the last step")
                sys.exit(INTERRUPTED)

    return wrapped


def setup_options(methods: bool = False) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options that say what is composed; with `methods`, several methods instead of one."""
    method = (
        click.option("--methods", required=True, help="Methods, separated by commas: fedmm,naive or fedmm:step=0.1,fedpm.")
        if methods
        else click.option("--method", help="The method, such as fedmm or fedavg:local_steps=5.")
    )
    options = (
        click.option("--data", help="A data set of `fedmm list data`, or a file."),
        click.option("--partition", help="How samples are shared out: iid, dirichlet:0.1, ..."),
        click.option("--clients", type=Whole(min=1, max=MOST_CLIENTS), help="The number of clients."),
        click.option("--weights", help="Clients' weights: samples, uniform, or numbers separated by commas."),
        method,
        click.option("--rounds", type=Whole(min=0), help="Communication rounds."),
        click.option("--participation", help="Who takes part: full, bernoulli:0.5, fixed:3."),
        click.option("--channel", help="What uploads go through: identity, rand-k:10, mask:0.5, top-k:10+dither:4."),
        click.option("--downlink", help="What broadcasts go through."),
        click.option("--aggregator", help="How replies are combined."),
        click.option("--executor", help="Where clients run: in-process (the reference) or batched."),
        click.option("--seed", type=Whole(min=0), help="The seed of the partition and of the run."),
        click.option("--set", "sets", multiple=True, metavar="FIELD=VALUE", help="Any field: method.step=0.1. May be repeated."),
    )

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def note(text: str) -> None:
    """A line on standard error."""
    click.echo(text, err=True)


def print_json(table: dict[str, Any]) -> None:
    """One JSON object on standard output; what is not a number becomes null."""
    click.echo(json.dumps(_strict(table), indent=1))


def exit_code(code: str) -> int:
    """The exit code for the code of a `Status`."""
    return {"completed": 0, "stopped": 0, "interrupted": INTERRUPTED}.get(code, FAILED)


def free_folder(stem: str) -> Path:
    """The first of runs/STEM-1, runs/STEM-2, ... that does not exist."""
    number = 1
    while (folder := Path("runs", f"{stem}-{number}")).exists():
        number += 1
    return folder


def saved(save: Callable[[], Path]) -> Path:
    """What `save` returns; a failure to save ends the command with exit code 1 and one sentence."""
    try:
        return save()
    except DataError as error:
        note(f"Error: {error}")
        sys.exit(FAILED)


def _strict(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _strict(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_strict(inner) for inner in value]
    return None if isinstance(value, float) and value - value != 0 else value


def _show(message: Warning | str, category: type[Warning], *rest: Any) -> None:
    note(f"note: {message}")
