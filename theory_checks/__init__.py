"""The theory as programs: each statement is a function that gives both of its sides on any problem and federation."""

from theory_checks.catalog import TheoryChecks

__all__ = ["CATALOG", "TheoryChecks"]

CATALOG = (TheoryChecks,)
