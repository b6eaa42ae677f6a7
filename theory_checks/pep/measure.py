"""A program measured by plain numbers, cached: its exact worst case, and the worst of a batch of federations.

Both take the world's parameters and the program's together, with L = 1: ``worst(gd_gap, mu=0.0, N=2, gamma=0.5, t=3)``. Claims
normalise their units and ask here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from theory_checks.pep.batch import Batch
from theory_checks.pep.problem import SymPEP

__all__ = ["observed", "worst"]


@lru_cache(maxsize=1 << 14)
def worst(
    program: Callable[..., Any],
    *,
    mu: float,
    N: int,
    shared_optimum: bool = False,
    regularizer: bool = False,
    **parameters: Any,
) -> float:
    """The exact worst case over L = 1, as the multipliers prove it.

    Raises
    ------
    WorstCaseError
        If there is none, or the solver stopped short.
    """
    pep = SymPEP(L=1.0, mu=mu, N=N, shared_optimum=shared_optimum, regularizer=regularizer)
    return pep.maximize(program(pep, **parameters)).dual_value


@lru_cache(maxsize=1 << 14)
def observed(
    program: Callable[..., Any],
    *,
    mu: float,
    N: int,
    shared_optimum: bool = False,
    regularizer: bool = False,
    **parameters: Any,
) -> float:
    """The largest value over a batch of 256 quadratic federations with L = 1, in exact expectation."""
    batch = Batch(L=1.0, mu=mu, N=N, shared_optimum=shared_optimum, regularizer=regularizer)
    return batch.worst(program(batch, **parameters))
