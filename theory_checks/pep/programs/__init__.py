"""Algorithms as in their papers, one file each, written once for every interpreter.

A program is a function ``program(world, *, ...) -> Scalar`` (what is measured), or ``-> Step`` for a Lyapunov function. `world`
is a `theory_checks.pep.SymPEP` (the worst case over all federations) or a numeric batch with the same verbs; it carries L, mu
and N, and the program takes everything else by keyword. Programs use only the verbs of the world and of
`theory_checks.pep.verbs`, so that one text is what is proved about and what is run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["Step"]


class Step(NamedTuple):
    """One step for a Lyapunov function.

    Parameters
    ----------
    now, after : sequences of Scalar
        The terms V_k, and their expected values after the step.
    target : Scalar
        What V must dominate.
    """

    now: Sequence[Any]
    after: Sequence[Any]
    target: Any
