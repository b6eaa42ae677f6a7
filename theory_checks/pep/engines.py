r"""Engines of claims: proved in fractions, and replayed by the library on the worst federation.

Functions of plain numbers, cached. A float setting stands for the short fraction it was typed as: 0.1 is 1/10. Those of Local GD
measure :math:`\|x^+-x^*\|` after one round, from anywhere or from x* itself (R = 0), in units (L = 1, and R = 1 or the size of
the drift), so that accuracy is relative.

| engine | what |
|---|---|
| `proved` | any program, as `theory_checks.pep.measure.worst` measures it: a bound proved in exact fractions, rounded up |
| `certified_local_gd` | an upper bound proved in exact fractions, rounded up |
| `replayed_descent`, `replayed_local_gd` | what the library's FedSGD and FedAvg do on the exported worst case |

All agree with the exact worst case to about 1e-7.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from math import inf, nextafter, sqrt
from typing import Any

from fedmm.algorithms import FedAvg, FedSGD
from theory_checks.pep.certify import certify
from theory_checks.pep.programs.gradient_descent import gd_distance
from theory_checks.pep.programs.local_gd import local_gd
from theory_checks.worst_federation import worst_case

__all__ = ["certified_local_gd", "drift", "meant", "proved", "replayed_descent", "replayed_local_gd", "root_up", "up"]


def meant(x: float) -> Fraction:
    """The fraction of denominator at most 10^6 that a float was typed as, if there is one to 1e-14; else the float, exactly."""
    short = Fraction(x).limit_denominator(10**6)
    return short if abs(short - Fraction(x)) <= abs(Fraction(x)) / 10**14 else Fraction(x)


def up(x: Fraction) -> float:
    """The least float that is not below x."""
    near = float(x)
    return near if Fraction(near) >= x else nextafter(near, inf)


def root_up(x: Fraction) -> float:
    """The square root of x >= 0, rounded up."""
    root = sqrt(x)
    while Fraction(root) ** 2 < x:
        root = nextafter(root, inf)
    return root


@lru_cache(maxsize=1 << 14)
def proved(
    program: Callable[..., Any],
    *,
    mu: float,
    N: int,
    shared_optimum: bool = False,
    regularizer: bool = False,
    **parameters: Any,
) -> float:
    """An upper bound of what a program measures over L = 1, proved in exact fractions and rounded up.

    Raises
    ------
    WorstCaseError
        If no proof was found.
    """
    exact = {name: meant(value) if isinstance(value, float) else value for name, value in parameters.items()}
    return up(certify(program, exact, L=1, mu=meant(mu), N=N, shared_optimum=shared_optimum, regularizer=regularizer).bound)


@lru_cache(maxsize=1 << 14)
def replayed_descent(program: Callable[..., Any], *, mu: float, N: int, gamma: float, t: int) -> float:
    """What the library's FedSGD does in t rounds on the worst federation for a text of gradient descent, L = 1.

    Measures the squared distance for `gd_distance`, and the gap for `gd_gap` and `gd_factor`.

    Raises
    ------
    WorstCaseError
        If there is no worst case.
    """
    case = worst_case(program, {"gamma": gamma, "t": t}, L=1.0, mu=mu, N=N)
    distance, gap = case.replay(FedSGD(step=gamma), t)
    return distance if program is gd_distance else gap


def drift(world: Any, *, K: int, gamma: Any, unit: Any) -> Any:
    r""":math:`\|x^+-x^*\|^2/unit^2` after one round from x* with zeta = 1: a program."""
    return local_gd(world, K=K, gamma=gamma, R=0, zeta=1) / unit**2


def certified_local_gd(*, L: float, mu: float, K: int, gamma: float, R: float, zeta: float) -> float:
    r"""An upper bound of :math:`\|x^+-x^*\|` on every federation of the class, proved in fractions and rounded up.

    Raises
    ------
    WorstCaseError
        If no proof was found.
    """
    return _certified(meant(mu) / meant(L), K, meant(gamma) * meant(L), meant(R), meant(zeta) / meant(L))


def replayed_local_gd(*, L: float, mu: float, N: int, K: int, gamma: float, R: float, zeta: float) -> float:
    r""":math:`\|x^+-x^*\|` of the library's FedAvg on the worst federation of N clients.

    Raises
    ------
    WorstCaseError
        If there is no worst case.
    """
    return _replayed(mu / L, N, K, gamma * L, R, zeta / L)


@lru_cache(maxsize=4096)
def _certified(mu: Fraction, K: int, gamma: Fraction, R: Fraction, zeta: Fraction) -> float:
    world = {"L": 1, "mu": mu, "N": 2}
    if R == 0:
        if K == 1 or zeta == 0:
            return 0.0  # the mean gradient at x* is 0
        unit = (gamma * K) ** 2 / 4
        bound = certify(drift, {"K": K, "gamma": gamma, "unit": unit}, **world).bound
        return root_up(bound * (unit * zeta) ** 2)
    parameters = {"K": K, "gamma": gamma, "R": 1, "zeta": zeta / R}
    return root_up(certify(local_gd, parameters, **world, shared_optimum=zeta == 0).bound * R**2)


@lru_cache(maxsize=4096)
def _replayed(mu: float, N: int, K: int, gamma: float, R: float, zeta: float) -> float:
    method = FedAvg(local_steps=K, step=gamma)
    world = {"L": 1.0, "mu": mu, "N": N}
    if R == 0:
        if K == 1 or zeta == 0 or N == 1:
            return 0.0
        unit = (gamma * K) ** 2 / 4
        case = worst_case(drift, {"K": K, "gamma": gamma, "unit": unit}, **world)
        return zeta * sqrt(case.replay(method)[0])
    case = worst_case(local_gd, {"K": K, "gamma": gamma, "R": 1.0, "zeta": zeta / R}, **world, shared_optimum=zeta == 0)
    return R * sqrt(case.replay(method)[0])
