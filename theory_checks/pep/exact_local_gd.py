r"""Exact worst cases of Local GD as functions of plain numbers, cached: what claims, tables and tuners ask again and again.

| argument | symbol |
|---|---|
| L, mu, N | smoothness, strong convexity and number of clients |
| K, gamma, rounds | local steps, gamma, T |
| R, zeta | :math:`\|x_0-x^*\|\le R`, :math:`\frac1N\sum_i\|\nabla f_i(x^*)\|^2\le\zeta^2` |

Values are those of the multipliers, so they are upper bounds to the solver's accuracy. The texts are in
`theory_checks.pep.programs`.
"""

from __future__ import annotations

from functools import lru_cache
from math import sqrt

from theory_checks.pep.problem import SymPEP
from theory_checks.pep.programs.local_gd import Metric, averaged_iterate, local_gd, sampled_round

__all__ = ["exact_averaged_iterate", "exact_drift", "exact_local_gd", "exact_sampled_round"]


@lru_cache(maxsize=4096)
def exact_local_gd(
    *, L: float, mu: float, N: int, K: int, gamma: float, R: float, zeta: float, rounds: int = 1, metric: Metric = "distance"
) -> float:
    r"""The worst :math:`\|x_T-x^*\|^2`, or :math:`f(x_T)-f(x^*)`.

    Raises
    ------
    WorstCaseError
        If there is none, or the solver stopped short.
    """
    pep = SymPEP(L=L, mu=mu, N=N, shared_optimum=zeta == 0)
    objective = local_gd(pep, K=K, gamma=gamma, R=R, zeta=zeta, rounds=rounds, metric=metric)
    return pep.maximize(objective).dual_value


@lru_cache(maxsize=4096)
def exact_drift(*, L: float, mu: float, N: int, K: int, gamma: float, zeta: float) -> float:
    r"""The worst :math:`\|x_1-x^*\|` after one round from x* itself: how far local steps drift away.

    In units of :math:`\gamma^2L\zeta K^2/4`, so that the solver's accuracy is relative.

    Raises
    ------
    WorstCaseError
        If the solver stopped short.
    """
    if K == 1 or zeta == 0 or N == 1:
        return 0.0  # one step averages to a step along the mean gradient, which is 0 at x*
    pep = SymPEP(L=1.0, mu=mu / L, N=N)
    scale = (gamma * L * K) ** 2 / 4
    squared = pep.maximize(local_gd(pep, K=K, gamma=gamma * L, R=0, zeta=1) / scale**2).dual_value
    return scale * zeta / L * sqrt(max(squared, 0.0))


@lru_cache(maxsize=4096)
def exact_sampled_round(*, L: float, mu: float, N: int, S: int, K: int, gamma: float, R: float, zeta: float) -> float:
    r"""The worst :math:`E\|x_1-x^*\|^2` after a round that averages S of N clients.

    Raises
    ------
    WorstCaseError
        If there is none, or the solver stopped short.
    """
    pep = SymPEP(L=L, mu=mu, N=N, shared_optimum=zeta == 0)
    return pep.maximize(sampled_round(pep, K=K, gamma=gamma, R=R, zeta=zeta, S=S)).dual_value


@lru_cache(maxsize=4096)
def exact_averaged_iterate(*, L: float, mu: float, N: int, K: int, gamma: float, R: float, zeta: float, rounds: int) -> float:
    r"""The worst :math:`f(\hat x)-f(x^*)` at the mean over clients and local times.

    From x* itself (R = 0) it is some :math:`10^{-6}\zeta^2/L`; in tenths, the solver has it to one per cent.

    Raises
    ------
    WorstCaseError
        If there is none, or the solver stopped short.
    """
    pep = SymPEP(L=L, mu=mu, N=N, shared_optimum=zeta == 0)
    unit = 1.0 if R > 0 else 0.1
    return unit * pep.maximize(averaged_iterate(pep, K=K, gamma=gamma, R=R, zeta=zeta, rounds=rounds) / unit).dual_value
