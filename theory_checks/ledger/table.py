"""A section of the ledger, and its Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isnan, log
from textwrap import fill
from typing import NamedTuple

__all__ = ["NUMERIC", "Table", "markdown", "number", "rounds"]

NUMERIC = "Numerically exact, not proved."
"""What is said of every exact value that no theorem gives."""


class Table(NamedTuple):
    """A section.

    Parameters
    ----------
    title : str
        What it is about.
    words : str
        What the columns mean, what is held fixed, how sure it is.
    columns : sequence of str
        The heads.
    rows : sequence of sequences of str
        The entries, already in words.
    """

    title: str
    words: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def number(value: float | None, digits: int = 5) -> str:
    """A number for a cell: significant digits, a dash for none."""
    if value is None or isnan(value):
        return "-"
    return f"{value:.{digits}g}"


def rounds(exact: float, published: float) -> str:
    """How many times fewer rounds the smaller of two factors needs: ln(exact)/ln(published)."""
    if not (0 < exact < 1 and 0 < published < 1):
        return "-"
    ratio = log(exact) / log(published)
    return "-" if ratio in (inf, -inf) else f"x {ratio:.3g}"


def markdown(tables: Sequence[Table]) -> str:
    """All sections as one page, without a head."""
    pages = []
    for table in tables:
        cells = ([cell.replace("|", "\\|") for cell in row] for row in (table.columns, *table.rows))
        head, *body = (f"| {' | '.join(row)} |" for row in cells)
        rule = "|" + "---|" * len(table.columns)
        pages.append("\n".join([f"## {table.title}", "", fill(table.words, 125), "", head, rule, *body]))
    return "\n\n".join(pages) + "\n"
