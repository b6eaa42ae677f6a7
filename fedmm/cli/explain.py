"""``fedmm explain``: what would be sent, what is known, what theory promises; nothing is run."""

from __future__ import annotations

from typing import Any

import click

from fedmm.cli.support import command_line, setup_options
from fedmm.errors import CompositionError

__all__ = ["explain"]


@click.command()
@click.argument("problem")
@setup_options()
@command_line
def explain(problem: str, **options: Any) -> None:
    """Say what PROBLEM with these parts sends, what is known of it, and what theory promises. Runs nothing."""
    from fedmm.cli.setup import set_up, takes
    from fedmm.explain import explain as explained
    from fedmm.solve import compose

    setup = set_up(problem, options, options["method"])
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
