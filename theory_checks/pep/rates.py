r"""Rates of FedMM with compression and participation: published, exact and tuned.

Clients L-smooth and mu-strongly convex; per round :math:`x^+=x-\gamma H` with
:math:`H=\bar h+\frac1N\sum_im_iC(\nabla f_i(x)-h_i)`, :math:`h_i^+=h_i+a\,m_iC(\cdot)` (`theory_checks.pep.programs.fedmm`);
:math:`\omega'=(1+\omega)/p-1`.

| function | what |
|---|---|
| `textbook_step` | :math:`\gamma=1/(L(1+6\omega'/N))`, :math:`a=1/(1+\omega')` |
| `textbook_rate` | :math:`\max(1-\gamma\mu,1-a/2)` |
| `psi_rate`, `best_psi_rate` | the exact one-step factor of Psi, at a constant c of M, or at the best one |
| `searched_rate` | the best rate of a quadratic Lyapunov function |
| `best_fedmm_step` | the step with the best certified rate, and a lower bound for it |

Upper bounds hold for the whole class, to the solver's accuracy; they are numerically exact, not proved. gamma is the step of
x: for the library's method it is its step times rho. Everything is cached: arguments are plain numbers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from fedmm.errors import SpecError
from theory_checks.pep.checks import check_count
from theory_checks.pep.problem import SymPEP
from theory_checks.pep.programs.fedmm import fedmm_factor, fedmm_step
from theory_checks.pep.radius import fedmm_lower
from theory_checks.pep.solve import WorstCaseError

__all__ = [
    "FedMMStep",
    "best_fedmm_step",
    "best_psi_rate",
    "psi_rate",
    "searched_rate",
    "textbook_rate",
    "textbook_step",
]

CAUTIOUS = (0.995, 0.99, 0.98, 0.97, 0.95, 0.9, 0.8, 0.6, 0.4, 0.2)
"""Parts of the tuned step that are tried where the tuned step itself has no certificate, or a much worse one than its bound."""

POLISHED = 0.99
"""With a regulariser, the part of what its lower bound allows below which a step is polished."""


class FedMMStep(NamedTuple):
    """A tuned step of FedMM.

    Parameters
    ----------
    gamma : float
        Of x: the library's ``FedMM.step`` times rho.
    alpha : float
        The effective memory step: the library's ``FedMM.a``.
    rate : float
        Certified: E V+ <= rate V on the whole class, V >= |s - s*|^2.
    lower : float
        What clients of one curvature need at this step, exactly: no certificate can be below it.
    """

    gamma: float
    alpha: float
    rate: float
    lower: float


def textbook_step(L: float, N: int, omega: float, p: float) -> tuple[float, float]:
    """(gamma, a) of DIANA's theorem with omega'."""
    omega_p = (1.0 + omega) / p - 1.0
    return 1.0 / (L * (1.0 + 6.0 * omega_p / N)), 1.0 / (1.0 + omega_p)


def textbook_rate(L: float, mu: float, N: int, omega: float, p: float) -> float:
    """max(1 - gamma mu, 1 - a/2) at the textbook step."""
    gamma, a = textbook_step(L, N, omega, p)
    return max(1.0 - gamma * mu, 1.0 - a / 2.0)


@lru_cache(maxsize=4096)
def psi_rate(L: float, mu: float, N: int, omega: float, p: float, gamma: float, a: float, c: float) -> float:
    """The exact factor of Psi over one round, with M = c omega' / (N a).

    Raises
    ------
    WorstCaseError
        If the factor is unbounded.
    """
    world = SymPEP(L=1.0, mu=mu / L, N=N)
    found = world.maximize(fedmm_factor(world, gamma=gamma * L, a=a, omega=omega, c=c, p=p))
    return found.dual_value


@lru_cache(maxsize=1024)
def best_psi_rate(L: float, mu: float, N: int, omega: float, p: float, gamma: float, a: float) -> float:
    """The least `psi_rate` over c in [1/16, 16]."""
    from scipy.optimize import minimize_scalar

    def factor(log_c: float) -> float:
        return psi_rate(L, mu, N, omega, p, gamma, a, float(np.exp(log_c)))

    found: Any = minimize_scalar(factor, bounds=(-np.log(16.0), np.log(16.0)), method="bounded", options={"xatol": 1e-4})
    return float(found.fun)


@lru_cache(maxsize=4096)
def searched_rate(
    L: float,
    mu: float,
    N: int,
    omega: float,
    p: float,
    gamma: float,
    a: float,
    *,
    S: int | None = None,
    regularizer: bool = False,
    rho: float | None = None,
    rtol: float = 1e-6,
) -> float:
    """The best rate certified by a quadratic Lyapunov function.

    Parameters
    ----------
    L, mu, N, omega, p, gamma, a
        See the module; `S` clients without replacement instead of Bernoulli(p).
    S : int or None
        Clients of a subset, in place of p.
    regularizer, rho : bool, float or None
        A convex regulariser, x = prox_{rho g}(s); rho is 2/(L + mu) if None.
    rtol : float
        Relative accuracy of 1 - rate and of the rate.

    Raises
    ------
    WorstCaseError
        If no rate up to 1 is certified.
    """
    rho = rho_of(L, mu, rho) if regularizer else 1.0 / L
    world = SymPEP(L=1.0, mu=mu / L, N=N, regularizer=regularizer)
    step = fedmm_step(world, gamma=gamma / rho, a=a, omega=omega, p=p, S=S, rho=rho * L, regularizer=regularizer)
    return world.lyapunov(*step, rtol=rtol).rate


@lru_cache(maxsize=1024)
def best_fedmm_step(
    L: float,
    mu: float,
    N: int,
    omega: float,
    p: float = 1.0,
    *,
    S: int | None = None,
    regularizer: bool = False,
    rho: float | None = None,
) -> FedMMStep:
    r"""The step (gamma, alpha) with the best certified rate.

    The exact rate on clients of one curvature, a 4 x 4 spectral radius, is minimised over (gamma, alpha); there the Lyapunov
    search certifies the same rate for the whole class, to its accuracy, unless mu/L is small: then the largest certified step
    is a little shorter, and shorter steps are tried, at last the textbook's. With a regulariser and a rho away from
    2/(L + mu), where the two may differ, the certified rate itself is then minimised.

    Parameters
    ----------
    L, mu : float
        Smoothness and strong convexity of every client, 0 < mu <= L; above .99 L, mu is taken as .99 L. Where uploads are
        exact and everyone takes part the method is gradient descent, whose best step and rate are known.
    N : int
        Clients, of equal weight.
    omega : float
        Variance factor of the channel.
    p, S : float, int or None
        Bernoulli participation, or S clients without replacement.
    regularizer, rho : bool, float or None
        As in `searched_rate`.

    Raises
    ------
    SpecError
        For numbers out of range.
    WorstCaseError
        If no step is certified: rho >= 2/L with a regulariser, or mu/L too small for the solver.
    """
    _check(L, mu, N, omega, p, S)
    mu = min(mu, 0.99 * L)
    p = p if S is None else S / N
    if (1.0 + omega) / p == 1.0 and not regularizer:  # gradient descent, whatever the memories
        rate = ((L - mu) / (L + mu)) ** 2
        return FedMMStep(2.0 / (L + mu), 1.0, rate, rate)
    tuned = _tuned(mu / L, N, omega, p, S)
    lower = fedmm_lower(1.0, mu / L, *tuned, N, omega, p, S)
    step, rate = _cautious(L, mu, N, omega, p, tuned, lower, S, regularizer, rho)
    if rate >= 1.0:
        raise _refusal(L, mu, regularizer, rho)
    if regularizer and 1.0 - rate < POLISHED * (1.0 - lower):
        step, rate = _polished(L, mu, N, omega, p, step, S, rho)
    return FedMMStep(step[0] / L, step[1], rate, fedmm_lower(1.0, mu / L, *step, N, omega, p, S))


def rho_of(L: float, mu: float, rho: float | None) -> float:
    """rho, or 2/(L + mu)."""
    return 2.0 / (L + mu) if rho is None else rho


def _tuned(mu: float, N: int, omega: float, p: float, S: int | None) -> tuple[float, float]:
    """The minimiser (gamma, a) of the exact rate on one curvature, for L = 1."""
    from scipy.optimize import minimize

    gamma, a = textbook_step(1.0, N, omega, p)

    def exact(logs: np.ndarray) -> float:
        return fedmm_lower(1.0, mu, *_step(logs), N, omega, p, S, points=3)

    starts = [np.log([2.0 * gamma, a * part]) for part in (1.0, 0.1)]
    options = {"xatol": 1e-7, "fatol": 1e-11, "maxiter": 1000}
    found = min((minimize(exact, start, method="Nelder-Mead", options=options) for start in starts), key=_value)
    return _step(found.x)


def _cautious(
    L: float,
    mu: float,
    N: int,
    omega: float,
    p: float,
    tuned: tuple[float, float],
    lower: float,
    S: int | None,
    regularizer: bool,
    rho: float | None,
) -> tuple[tuple[float, float], float]:
    """The tuned step, or a shorter one with a better certificate; and that rate, at least 1 where there is none."""
    best, rate = tuned, _certified(L, mu, N, omega, p, tuned, S, regularizer, rho)
    textbook = textbook_step(1.0, N, omega, p)
    for part in CAUTIOUS:
        # a part of the step has about that part of 1 - rate
        if 1.0 - rate >= part * (1.0 - lower) or part * tuned[0] <= textbook[0]:
            break
        shorter = part * tuned[0], tuned[1]
        found = _certified(L, mu, N, omega, p, shorter, S, regularizer, rho)
        if found < rate:
            best, rate = shorter, found
    return (best, rate) if rate < 1.0 else (textbook, _certified(L, mu, N, omega, p, textbook, S, regularizer, rho))


def _refusal(L: float, mu: float, regularizer: bool, rho: float | None) -> WorstCaseError:
    if regularizer and rho_of(L, mu, rho) >= 2.0 / L:
        words = "No step is certified: with a regulariser, rho must be below 2/L; rho = 2/(L + mu) is best."
        return WorstCaseError(words, "unbounded")
    words = f"No step is certified: mu/L = {mu / L:.3g} is too small for the solver's accuracy; add a ridge."
    return WorstCaseError(words, "inaccurate")


def _polished(
    L: float, mu: float, N: int, omega: float, p: float, start: tuple[float, float], S: int | None, rho: float | None
) -> tuple[tuple[float, float], float]:
    """A local minimum of the certified rate itself, with a regulariser."""
    from scipy.optimize import minimize

    def certified(logs: np.ndarray) -> float:
        return _certified(L, mu, N, omega, p, _step(logs), S, True, rho, rtol=1e-4)

    options = {"xatol": 1e-4, "fatol": 1e-6, "maxfev": 50}
    found = minimize(certified, np.log(start), method="Nelder-Mead", options=options)
    step = _step(found.x)
    return step, _certified(L, mu, N, omega, p, step, S, True, rho)


def _certified(
    L: float,
    mu: float,
    N: int,
    omega: float,
    p: float,
    step: tuple[float, float],
    S: int | None,
    regularizer: bool,
    rho: float | None,
    rtol: float = 1e-6,
) -> float:
    """`searched_rate` at a step for L = 1; 2 where there is no certificate."""
    gamma, a = step
    try:
        return searched_rate(L, mu, N, omega, p, gamma / L, a, S=S, regularizer=regularizer, rho=rho, rtol=rtol)
    except WorstCaseError:
        return 2.0


def _step(logs: np.ndarray) -> tuple[float, float]:
    gamma, a = np.exp(logs)
    return float(gamma), min(float(a), 0.9)  # a near 1 is never needed, and there the search is degenerate


def _value(found: Any) -> float:
    return found.fun


def _check(L: float, mu: float, N: int, omega: float, p: float, S: int | None) -> None:
    if not (np.isfinite(L) and 0 < mu <= L):
        raise SpecError(f"Expected 0 < mu <= L for a linear rate, got mu = {mu}, L = {L}; add a ridge where mu is 0.")
    check_count("N", N, None)
    if not (np.isfinite(omega) and omega >= 0):
        raise SpecError(f"Expected a variance factor omega >= 0, got {omega}; biased channels have none.")
    if S is None and not 0 < p <= 1:
        raise SpecError(f"Expected a participation probability p in (0, 1], got {p}.")
    if S is not None:
        check_count("S", S, N)
