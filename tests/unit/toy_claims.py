"""Claims that are true, false, or go wrong: y <= 1 + x/n for y that the engines make up. Also a user's file for --mine."""

from __future__ import annotations

import os
import signal
from math import nan

from hypothesis import strategies as st

from fedmm import SpecError
from theory_checks.claim import Claim, Condition, Kind, Measure, Mutant, Setting, Status

SETTING = st.fixed_dictionaries({"x": st.floats(0.0, 10.0), "n": st.integers(1, 5)})
CORNER: Setting = {"x": 0.0, "n": 1}


def bound(x: float, n: int) -> float:
    return 1.0 + x / n


def smaller_bound(x: float, n: int) -> float:
    return 0.9 * bound(x, n)


def loose(x: float, n: int) -> float:
    """Within a factor 1.25 of the bound, never nearer."""
    return 0.8 * bound(x, n)


def beyond(x: float, n: int) -> float:
    """Beyond the bound for x >= 3, n >= 2: the smallest such setting is (3, 2)."""
    return bound(x, n) + (0.5 if x >= 3 and n >= 2 else -0.5)


def stopping(x: float, n: int) -> float:
    if x > 0:
        raise SpecError("The solver stopped short (inaccurate).")
    return 1.0


def breaking(x: float, n: int) -> float:
    raise ZeroDivisionError("in an engine")


def not_a_number(x: float, n: int) -> float:
    return nan


def killing(x: float, n: int) -> float:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0.0


def allowed(x: float, n: int) -> bool:
    return n >= 1


def claim(name: str, kind: Kind = "upper", extremes: tuple[Setting, ...] = (CORNER,), **engines: Measure) -> Claim:
    return Claim(
        name=name,
        statement="y <= 1 + x/n",
        reference="a toy",
        status=Status.MINE,
        kind=kind,
        setting=SETTING,
        promised=bound,
        engines=engines,
        mutants=(Mutant("b -> 0.9 b", smaller_bound, tuple(engines)),),
        conditions=(Condition("n >= 1", allowed),),
        method="toy",
        tags=("made-up", kind),
        extremes=extremes,
    )


CLAIMS = (
    claim("true", "tight", simulation=loose, pep=bound),
    claim("false", simulation=beyond),
    claim("stops", pep=stopping),
)
