"""Every claim, one file per paper or topic.

A module of this package that has a tuple ``CLAIMS`` contributes it: a new file is enough.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules

from fedmm.errors import SpecError, suggest
from theory_checks.claim import Claim

__all__ = ["claims", "lookup"]


@lru_cache(maxsize=1)
def claims() -> dict[str, Claim]:
    """Every claim by name, in alphabetical order of the files and in each file's own order.

    Raises
    ------
    SpecError
        If two claims share a name.
    """
    found: dict[str, Claim] = {}
    for module in sorted(info.name for info in iter_modules(__path__) if not info.name.startswith("_")):
        for claim in import_module(f"{__name__}.{module}").CLAIMS:
            if claim.name in found:
                raise SpecError(f"Two claims are called {claim.name!r}; rename one.")
            found[claim.name] = claim
    return found


def lookup(name: str) -> Claim:
    """The claim of this name.

    Raises
    ------
    SpecError
        If there is none; the message suggests the nearest name.
    """
    known = claims()
    if name not in known:
        raise SpecError(f"Unknown claim {name!r}.{suggest(name, known)}")
    return known[name]
