"""The ledger: for each theorem what is published, what is exact, and how many rounds lie between.

``python -m theory_checks.ledger --out docs/ledger.md`` writes it; every number comes from a solver or an instance, none is typed
in. The sections are functions that return a `Table`, one module a topic.
"""

from __future__ import annotations

from theory_checks.ledger.table import Table

__all__ = ["Table", "sections"]


def sections() -> list[Table]:
    """Every section, computed (about a minute)."""
    from theory_checks.ledger import by_claim, control_variates, error_feedback, local_steps, server

    found = [by_claim.claims_table()]
    for module in (local_steps, control_variates, server, error_feedback):
        found += module.tables()
    return found
