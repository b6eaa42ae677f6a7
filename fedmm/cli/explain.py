"""``fedmm explain``: what would be sent, what is known, what theory promises, who holds what; nothing is run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fedmm.cli.support import command_line, note, setup_options
from fedmm.errors import CompositionError, SpecError

__all__ = ["explain"]


@click.command()
@click.argument("problem")
@setup_options()
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the labels and sizes of the clients into this PNG file.")
@command_line
def explain(problem: str, plot: Path | None, **options: Any) -> None:
    """Say what PROBLEM with these parts sends, what is known of it, and what theory promises. Runs nothing."""
    from fedmm.cli.setup import set_up, takes
    from fedmm.explain import explain as explained
    from fedmm.solve import compose

    if plot is not None and plot.suffix.lower() != ".png":
        raise SpecError(f"Expected --plot as a file that ends in .png, got {str(plot)!r}.")
    setup = set_up(problem, options, options["method"])
    if plot is not None:
        from fedmm.plot_clients import clients_png

        plot.write_bytes(clients_png(setup.federation))
        note(f"the clients are drawn in {plot}")
    parts = setup.parts
    with takes(problem, options):
        composition = compose(
            parts.problem,
            setup.federation,
            parts.algorithm,
            channel=parts.channel,
            downlink=parts.downlink,
            participation=parts.participation,
        )
        text, refusal = explained(composition, parts.aggregator)
    click.echo(text)
    if refusal is not None:
        raise CompositionError(f"refused: {refusal}")
