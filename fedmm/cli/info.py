"""``fedmm list`` and ``fedmm show-versions``."""

from __future__ import annotations

import re
import sys

import click

from fedmm.catalog import GROUP, KINDS, entries, kind_of
from fedmm.cli.support import command_line

__all__ = ["list_parts", "show_versions"]

PACKAGES = (
    "fedmm",
    "numpy",
    "scipy",
    "scikit-learn",
    "array-api-compat",
    "matplotlib",
    "pandas",
    "safetensors",
    "click",
    "torch",
    "cvxpy",
    "POT",
    "array-api-strict",
)


@click.command("list")
@click.argument("kind", required=False)
@command_line
def list_parts(kind: str | None) -> None:
    """Everything that can be chosen by name, of one KIND (problem, method, channel, ...) or of all."""
    owners = _owners()
    for each in KINDS if kind is None else (kind,):
        found = entries(each)
        click.echo(("" if kind is not None else f"{each}\n") + "\n".join(_line(name, cls, owners) for name, cls in found.items()))
        if kind is None:
            click.echo("")


@click.command("show-versions")
@command_line
def show_versions() -> None:
    """Versions of everything a result may depend on: put this in a report of a problem."""
    import os
    import platform

    from fedmm.environment import environment, versions

    known = environment()
    rows = {
        "python": known["python"],
        "platform": platform.platform(),
        "cpu count": str(os.cpu_count()),
        "blas": known["blas"] or "none found",
        **{package: number for package, number in versions(PACKAGES).items()},
    }
    for name, words in rows.items():
        click.echo(f"{name:<18} {words}")


def _line(name: str, cls: type, owners: dict[type, str]) -> str:
    owner = owners.get(cls, "fedmm")
    return f"  {name:<22} {_about(cls)}" + ("" if owner == "fedmm" else f"  [{owner}]")


def _about(cls: type) -> str:
    """The first line of a class's docstring; where that is a formula alone, of its module's. Formulas lose their markup."""
    first = (cls.__doc__ or "").strip().partition("\n")[0]
    if first.startswith(":math:"):
        module = (sys.modules[cls.__module__].__doc__ or "").strip().partition("\n")[0]
        first = module if kind_of(cls) == "problem" and module else first
    for markup, plain in ((":math:", ""), ("`", ""), ("\\le ", "<= "), ("\\", "")):
        first = first.replace(markup, plain)
    return re.sub(r"sqrt\{(\w+)\}", r"sqrt(\1)", first)


def _owners() -> dict[type, str]:
    """The distribution that enrolled each class."""
    from importlib.metadata import entry_points

    owners: dict[type, str] = {}
    for point in entry_points(group=GROUP):
        try:
            classes = point.load()
        except Exception:  # the catalog has warned of it
            continue
        if point.dist is not None and isinstance(classes, (tuple, list)):
            owners |= {cls: point.dist.name for cls in classes}
    return owners
