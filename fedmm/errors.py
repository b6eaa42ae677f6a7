"""The errors fedmm raises on purpose. Each message names the thing, what was expected, what came, and the remedy."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["CompositionError", "DataError", "FedmmError", "ReproductionWarning", "SpecError", "suggest"]


class FedmmError(Exception):
    """Base of the errors below; the command line turns each into one line and exit code 2 (1 for `fedmm.RunError`)."""


class DataError(FedmmError, ValueError):
    """Bad input: a file, an array, a shape, a weight."""


class SpecError(FedmmError, ValueError):
    """A name, a parameter or a recipe that fedmm does not understand."""


class CompositionError(FedmmError, ValueError):
    """A legal set of parts that must not be composed; the message says which fact is missing and what to do."""


class ReproductionWarning(UserWarning):
    """A saved run can be used, but not repeated bit for bit: other versions, other threads, or parts that are not here."""


def suggest(name: str, known: Iterable[str]) -> str:
    """``" Did you mean 'x'?"`` for the nearest known name, or the list of them all."""
    names = sorted(known)
    near = get_close_matches(str(name), names, n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(names)}."
