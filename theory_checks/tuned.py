r"""The step with the best exact worst case: `tune`.

| argument | symbol |
|---|---|
| L, mu, N | smoothness, strong convexity and number of the clients |
| K | local steps; a sequence tries each |
| zeta | :math:`\frac1N\sum_i\|\nabla f_i(x^*)\|^2\le\zeta^2` |
| R | :math:`\|x_0-x^*\|\le R` |
| omega, p | variance factor of the compressor, probability of taking part |
| rounds | T |

For methods with a fixed step that stop away from x* (FedAvg, FedProx) the number that is minimised is the worst
:math:`E\|x_T-x^*\|^2`, exact for T = 1 and an upper bound by a chain of rounds (`theory_checks.pep.chain`) for T > 1. For methods
that converge (FedSGD, ProxSkip, DIANA, FedMM) it is the certified contraction factor per round (ProxSkip: per step). Steps are
searched on a grid and refined; the value at the step returned is exact whatever the search missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from math import inf, isfinite
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from fedmm.errors import SpecError, suggest
from theory_checks.pep import SymPEP, WorstCaseError
from theory_checks.pep.chain import chain
from theory_checks.pep.checks import check_between, check_count
from theory_checks.pep.programs.fedprox import fedprox
from theory_checks.pep.programs.local_gd import local_gd, sampled_round
from theory_checks.pep.programs.proxskip import proxskip_step

__all__ = ["METHODS", "Tuned", "tune"]

GRID = 24
"""Steps tried before the refinement."""


class Tuned(NamedTuple):
    """The best step found, and what is certified for it.

    Parameters
    ----------
    method : str
        The method.
    gamma : float
        The step.
    K : int
        Local steps.
    alpha : float or None
        The memory step, where the method has one.
    value : float
        The exact worst case or certified factor at this step.
    what : str
        What `value` is.
    """

    method: str
    gamma: float
    K: int
    alpha: float | None
    value: float
    what: str


def tune(
    method: str,
    *,
    L: float = 1.0,
    mu: float = 0.0,
    N: int = 2,
    K: int | Sequence[int] = 1,
    zeta: float = 0.0,
    R: float = 1.0,
    omega: float = 0.0,
    p: float = 1.0,
    rounds: int = 1,
) -> Tuned:
    """The step (and K) with the best exact worst case over all federations of this class.

    Parameters
    ----------
    method : {"fedsgd", "fedavg", "fedprox", "proxskip", "diana", "fedmm"}
        The method; diana is fedmm with everyone in every round. For proxskip p is the probability that a step communicates.
    L, mu, N, K, zeta, R, omega, p, rounds
        See the table of the module; what a method does not have must be left at its default.

    Raises
    ------
    SpecError
        For an unknown method, a parameter out of range, or one that the method does not have.
    WorstCaseError
        If no step has a finite worst case.
    """
    if method not in METHODS:
        raise SpecError(f"Unknown method {method!r} for tune.{suggest(method, METHODS)}")
    given = _checked(method, L=L, mu=mu, N=N, zeta=zeta, R=R, omega=omega, p=p, rounds=rounds)
    counts = _counts(method, K)
    if method in ("diana", "fedmm"):
        from theory_checks.pep.rates import best_fedmm_step

        best = best_fedmm_step(given.L, given.mu, given.N, given.omega, given.p)
        if best.rate >= 1.0:
            raise WorstCaseError(f"No step of {method} is certified to converge with these parameters.", "unbounded")
        return Tuned(method, best.gamma, 1, best.alpha, best.rate, "certified factor of a Lyapunov function per round")
    if method == "proxskip":
        gamma, value = _least(partial(proxskip_rate, L=given.L, mu=given.mu, N=given.N, p=given.p), 2.0 / given.L)
        return Tuned(method, gamma, 1, None, value, "certified factor of a Lyapunov function per step, p rounds a step")
    if method == "fedsgd":
        gamma = 2.0 / (given.L + given.mu)
        value = fedavg_round(gamma, 1.0, L=given.L, mu=given.mu, N=given.N, K=1, zeta=0.0)
        return Tuned(method, gamma, 1, None, value, "exact factor of |x-x*|^2 per round")
    return min((_tuned(method, k, given) for k in counts), key=_value)


def fedavg_round(gamma: float, R2: float, *, L: float, mu: float, N: int, K: int, zeta: float, p: float = 1.0) -> float:
    r"""The worst :math:`E\|x_1-x^*\|^2` of one round of FedAvg from :math:`\|x_0-x^*\|^2\le` `R2`."""
    pep = SymPEP(L=L, mu=mu, N=N, shared_optimum=zeta == 0)
    R = R2**0.5
    text = local_gd if p == 1 else partial(sampled_round, p=p)
    return pep.maximize(text(pep, K=K, gamma=gamma, R=R, zeta=zeta)).dual_value


def fedprox_round(gamma: float, R2: float, *, L: float, mu: float, N: int, zeta: float) -> float:
    r"""The worst :math:`\|x_1-x^*\|^2` of one round of FedProx from :math:`\|x_0-x^*\|^2\le` `R2`."""
    pep = SymPEP(L=L, mu=mu, N=N, shared_optimum=zeta == 0)
    return pep.maximize(fedprox(pep, gamma=gamma, R=R2**0.5, zeta=zeta)).dual_value


def proxskip_rate(gamma: float, *, L: float, mu: float, N: int, p: float) -> float:
    """The best certified factor of ProxSkip per step; infinite where no rate up to 1 is certified."""
    pep = SymPEP(L=L, mu=mu, N=N)
    try:
        return pep.lyapunov(*proxskip_step(pep, gamma=gamma, p=p)).rate
    except WorstCaseError:
        return inf


def _tuned(method: str, K: int, given: _Given) -> Tuned:
    L, mu, N, zeta = given.L, given.mu, given.N, given.zeta
    if method == "fedprox":
        one, largest = partial(fedprox_round, L=L, mu=mu, N=N, zeta=zeta), 100.0 / L
    else:
        one, largest = partial(fedavg_round, L=L, mu=mu, N=N, K=K, zeta=zeta, p=given.p), 2.0 / L
    gamma, value = _least(partial(_after, one, given.R**2, given.rounds), largest)
    if not isfinite(value):
        raise WorstCaseError(f"No step of {method} up to {largest:g} has a finite worst case.", "unbounded")
    how = "exact" if given.rounds == 1 else f"upper bound after {given.rounds} rounds"
    edge = "; longer steps than this, the longest tried, are better" if gamma >= largest * (1 - 1e-6) else ""
    return Tuned(method, gamma, K, None, value, f"worst E|x-x*|^2, {how}{edge}")


def _after(one: Callable[[float, float], float], R2: float, rounds: int, gamma: float) -> float:
    """The chained worst case at this step; infinite where there is none."""
    try:
        return chain(partial(one, gamma), R2, rounds)[-1]
    except WorstCaseError:
        return inf


def _least(value: Callable[[float], float], largest: float) -> tuple[float, float]:
    """(argument, value) of the least value found on (0, largest]: a grid, then a bounded search beside its best point."""
    from scipy.optimize import minimize_scalar

    grid = largest * np.concatenate([np.geomspace(1e-3, 0.2, GRID // 3, endpoint=False), np.linspace(0.2, 1.0, GRID - GRID // 3)])
    values = [value(float(gamma)) for gamma in grid]
    k = int(np.argmin(values))
    if not isfinite(values[k]):
        return float(grid[k]), inf
    low, high = float(grid[max(k - 1, 0)]), float(grid[min(k + 1, GRID - 1)])
    found: Any = minimize_scalar(value, bounds=(low, high), method="bounded", options={"xatol": 1e-8 * largest})
    return (float(found.x), float(found.fun)) if found.fun < values[k] else (float(grid[k]), values[k])


def _value(one: Tuned) -> float:
    return one.value


METHODS: dict[str, frozenset[str]] = {
    "fedsgd": frozenset({"L", "mu", "N"}),
    "fedavg": frozenset({"L", "mu", "N", "R", "K", "zeta", "p", "rounds"}),
    "fedprox": frozenset({"L", "mu", "N", "R", "zeta", "rounds"}),
    "proxskip": frozenset({"L", "mu", "N", "p"}),
    "diana": frozenset({"L", "mu", "N", "omega"}),
    "fedmm": frozenset({"L", "mu", "N", "omega", "p"}),
}
"""The methods, and the parameters each of them has."""

DEFAULTS = {"zeta": 0.0, "R": 1.0, "omega": 0.0, "p": 1.0, "rounds": 1}

MOST_STEPS = 16
"""Local steps up to which a worst case is solved: beyond, the program is slow and its accuracy poor."""

MOST_ROUNDS = 1000
"""Rounds up to which a step is tuned: every one is a worst case for every step that is tried."""


class _Given(NamedTuple):
    L: float
    mu: float
    N: int
    zeta: float
    R: float
    omega: float
    p: float
    rounds: int


def _checked(method: str, **given: Any) -> _Given:
    for name, default in DEFAULTS.items():
        if name not in METHODS[method] and given[name] != default:
            raise SpecError(f"{method} has no {name} to tune for, got {name} = {given[name]}; leave it out.")
    numbers = {name: _number(name, given[name]) for name in ("L", "mu", "zeta", "R", "omega", "p")}
    if numbers["L"] <= 0:
        raise SpecError(f"Expected a smoothness L > 0, got {numbers['L']}.")
    for name in ("zeta", "omega"):
        check_between(name, numbers[name], 0, None)
    for name, most in (("p", 1), ("R", None)):
        check_between(name, numbers[name], 0, most, open_left=True)
    if not 0 <= numbers["mu"] < numbers["L"]:
        raise SpecError(f"Expected 0 <= mu < L, got mu = {numbers['mu']} and L = {numbers['L']}.")
    if method not in ("fedavg", "fedprox") and not 0 < numbers["mu"] < numbers["L"]:
        raise SpecError(f"Expected 0 < mu < L for a contraction factor, got mu = {numbers['mu']} and L = {numbers['L']}.")
    return _Given(**numbers, N=check_count("N", given["N"], None), rounds=check_count("rounds", given["rounds"], MOST_ROUNDS))


def _number(name: str, value: Any) -> float:
    if isinstance(value, (bool, str)) or not isinstance(value, Real) or not isfinite(value):
        raise SpecError(f"Expected {name} as a finite number, got {value!r}.")
    return float(value)


def _counts(method: str, K: Any) -> list[int]:
    """K as a list of integers."""
    counts = [K] if isinstance(K, (int, Integral)) else list(K) if isinstance(K, Iterable) else []
    if not counts:
        raise SpecError(f"Expected K as an integer from 1 to {MOST_STEPS}, or several, got {K!r}.")
    if "K" not in METHODS[method] and counts != [1]:
        raise SpecError(f"{method} has no K to tune for, got K = {K}; leave it out.")
    return [check_count("K", k, MOST_STEPS) for k in counts]
