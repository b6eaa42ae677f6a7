"""The command line: ``fedmm run | compare | sweep | explain | verify | data | list | show-versions``."""

from __future__ import annotations

import click

from fedmm.cli.compare import compare
from fedmm.cli.data import data
from fedmm.cli.explain import explain
from fedmm.cli.info import list_parts, show_versions
from fedmm.cli.run import run
from fedmm.cli.sweep import sweep
from fedmm.cli.verify import verify

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fedmm")
def main() -> None:
    """Federated optimization by surrogates: declare, check, solve, see the result."""


for command in (run, compare, sweep, explain, verify, data, list_parts, show_versions):
    main.add_command(command)
