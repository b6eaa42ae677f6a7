r"""A sampled round without the symmetric reduction: every client a class of its own, every cohort written out.

.. math:: E\|x^+-x^*\|^2=\binom NS^{-1}\sum_{|A|=S}\Big\|x+\frac1S\sum_{i\in A}(y_i-x)-x^*\Big\|^2.

What it shares with `theory_checks.pep.programs.local_gd.sampled_round` is the local steps; the second moments of the draw, on
which the reduction rests, are not used here. Its size grows with N, so it is for a few clients.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations

import numpy as np

from fedmm.errors import SpecError
from theory_checks.pep.algebra import Vector
from theory_checks.pep.problem import SymPEP
from theory_checks.pep.programs.local_gd import local_steps
from theory_checks.pep.verbs import norm2

__all__ = ["cohort_mean", "unreduced_sampled_round"]

MOST = 4
"""Clients."""


def cohort_mean(u: Vector, cohort: Sequence[int]) -> Vector:
    """The mean of u over these clients, in a world where client i is class i."""
    one = u.a[list(cohort)].mean(axis=0)
    return Vector(u.space, np.tile(one, (u.a.shape[0], 1)), u.d * 0)


@lru_cache(maxsize=4096)
def unreduced_sampled_round(*, L: float, mu: float, N: int, S: int, K: int, gamma: float, R: float, zeta: float) -> float:
    r"""The worst :math:`E\|x_1-x^*\|^2` after a round that averages S of N clients, R > 0.

    Raises
    ------
    SpecError
        For more than four clients, or S out of 1 to N.
    WorstCaseError
        If there is none, or the solver stopped short.
    """
    if not 1 <= S <= N <= MOST:
        raise SpecError(f"Expected 1 <= S <= N <= {MOST} clients written out, got S = {S} and N = {N}; take fewer.")
    pep = SymPEP(L=(L,) * N, mu=(mu,) * N, N=(1,) * N, shared_optimum=zeta == 0)
    if zeta > 0:
        pep.assume(norm2(pep.gstar) <= zeta**2)
    x = pep.point()
    pep.assume(norm2(x) <= R**2)
    away = local_steps(pep, x, K, gamma)[-1] - x
    cohorts = list(combinations(range(N), S))
    total = norm2(pep.origin)
    for cohort in cohorts:
        total = total + norm2(x + cohort_mean(away, cohort)) / len(cohorts)
    return pep.maximize(total).dual_value
