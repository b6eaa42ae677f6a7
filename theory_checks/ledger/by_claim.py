"""The claims that an engine covers over the whole class, at the settings each of them always tries."""

from __future__ import annotations

from typing import Any

from fedmm.errors import FedmmError
from theory_checks.claim import CLASSES, INSTANCES, Claim, Setting, Status
from theory_checks.claims import claims
from theory_checks.ledger.table import Table, number

__all__ = ["claims_table"]

MARKS = {Status.MEMORY: " (1)", Status.NUMERIC: " (2)"}
"""Footnotes of how sure the constants are."""

ACCURACY = 1e-5
"""Exact values below are left out: they are near the solver's accuracy."""

TIGHT = 1e-5
"""An instance within this of the exact worst case is called tight."""


def claims_table() -> Table:
    """One row for the tightest and one for the loosest setting of every such claim."""
    rows = []
    for claim in claims().values():
        if not any(engine in CLASSES for engine in claim.engines):
            continue
        found = sorted((row for setting in claim.extremes if (row := _row(claim, setting)) is not None), key=_slack)
        for row in found[:1] + found[1:][-1:]:
            rows.append(row[1])
    words = (
        "For every claim of `fedmm verify` that covers a whole class of federations: what it promises, the exact "
        "worst case, how "
        "many times fewer rounds the exact value needs (a quotient of logarithms for factors per round, of "
        "values otherwise), and "
        "which instances attain it. Two settings each, the tightest and the loosest of those always tried. "
        "(1): constants to be confirmed. (2): numerically exact, not proved."
    )
    return Table("Claims", words, ("claim", "source", "setting", "published", "exact", "slack", "tight"), rows)


def _row(claim: Claim, setting: Setting) -> tuple[float, list[str]] | None:
    """(slack, the cells), or None where a number is missing or nothing is promised."""
    try:
        promised = float(claim.promised(**setting))
        measured = {name: float(engine(**setting)) for name, engine in claim.engines.items()}
    except FedmmError:
        return None
    exact = max(value for name, value in measured.items() if name in CLASSES and name != "certificate")
    if not (promised > 0 and exact > ACCURACY):
        return None
    tight = [name for name, value in measured.items() if name in INSTANCES and value >= exact * (1 - TIGHT)]
    slack = claim.slack(promised, exact)
    cells = [claim.name + MARKS.get(claim.status, ""), claim.reference, _words(setting), number(promised), number(exact)]
    return slack, [*cells, f"x {slack:.3g}", ", ".join(tight) or "none found"]


def _slack(row: tuple[float, list[str]]) -> float:
    return row[0]


def _words(setting: Setting) -> str:
    shown: dict[str, Any] = {name: value for name, value in setting.items() if name != "seed"}
    return ", ".join(f"{name} = {value:g}" if isinstance(value, float) else f"{name} = {value}" for name, value in shown.items())
