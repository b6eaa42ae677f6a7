r"""Rates proved in exact arithmetic: a Lyapunov function in fractions.

For the terms of one step, weights p, multipliers :math:`\lambda,\nu\ge0` and a rational rate rho, with V = sum_k p_k V_k,

.. math:: V^+-\rho V\le\sum_j\lambda_jI_j\le0\ \text{ and }\ Q-V\le\sum_l\nu_lJ_l\le0,

each with a positive semidefinite remainder and function values that cancel: then Q after t steps is at most rho^t times V at
the start. The solver is asked for remainders that are as far from singular as possible; rounding and repair are those of
`theory_checks.pep.certify`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np

from fedmm.errors import SpecError
from theory_checks.pep.assemble import Rows, joined, stacked, valid
from theory_checks.pep.certificate import Certificate, combined
from theory_checks.pep.certify import directions, proof_of
from theory_checks.pep.checks import check_between, check_program
from theory_checks.pep.conic import candidate, svec
from theory_checks.pep.lyapunov import columns, current, search
from theory_checks.pep.problem import SymPEP
from theory_checks.pep.programs import Step
from theory_checks.pep.rational import repaired, rounded
from theory_checks.pep.solve import WorstCaseError, floats
from theory_checks.pep.words import sentence, symbols, worded

__all__ = ["certify_rate"]

MOST = 1e-3
"""Remainders are not asked to be further from singular than this."""

SPARE = (0, 1, 10, 100, 1000)
"""In millionths: how much above the solver's best rate is tried where no rate is given."""


def certify_rate(
    program: Callable[..., Any], parameters: Mapping[str, Any], *, rate: Any = None, claim: str = "", **world: Any
) -> Certificate:
    """A contraction factor of a method, proved in exact arithmetic.

    Parameters
    ----------
    program : callable
        ``program(world, **parameters)`` returns one `Step`.
    parameters : mapping
        Its keywords: integers and Fractions, no floats.
    rate : Fraction or None
        rho; None takes the best that a search finds, rounded up to six digits, or a little more where that has no proof.
    claim : str
        What is proved, in words; made from the program's name and the numbers where empty.
    **world
        Of `SymPEP`.

    Returns
    -------
    Certificate
        Its bound is rho.

    Raises
    ------
    SpecError
        For a float, a rate outside (0, 1], or a program that returns no step.
    WorstCaseError
        If there is no proof.
    """
    check_program(program, parameters, world)
    pep = SymPEP(**world, exact=True)
    step = program(pep, **parameters)
    if not isinstance(step, Step):
        raise SpecError("Expected a program that returns one step of a Lyapunov function; for a worst case use certify.")
    if rate is None:
        found = search(pep, step.now, step.after, step.target).rate
        least = ceil(found * 10**6)
        rates = [Fraction(least + spare, 10**6) for spare in SPARE if least + spare <= 10**6]
    else:
        rates = [check_between("rate", pep.number(rate), 0, 1, open_left=True)]
    for rho in rates:
        proved = _proved(pep, step, rho)
        if proved is not None:
            weights, proofs, margin = proved
            what = "the contraction factor per step of a Lyapunov function V >= Q"
            return Certificate(
                claim=claim or sentence(program, parameters, world, rho, what),
                bound=rho,
                program=f"{program.__module__}:{program.__qualname__}",
                world=dict(world),
                parameters=dict(parameters),
                symbols=symbols(pep),
                expressions=combined(pep, step, weights),
                weights=weights,
                proofs=proofs,
                margin=margin,
            )
    raise WorstCaseError(f"No proof of the rate {float(rates[-1]):.6g} was found; ask for a larger rate.", "inaccurate")


def _proved(pep: SymPEP, step: Step, rho: Fraction) -> tuple[Any, Any, float] | None:
    now, after, Q = (stacked(pep, terms) for terms in (step.now, step.after, [step.target]))
    first = worded(pep, valid(pep))
    second = current(pep, first, now)
    found = _solved(pep, now, after, Q, first, second, rho)
    if found is None:
        return None
    x, margin = found
    m, J1 = len(now.const), len(first.const)
    k = now.F.shape[1]
    zero = Fraction(0)
    top = np.concatenate([rho * now.F - after.F, first.F, np.full(second.F.shape, zero)]).T
    low = np.concatenate([now.F, np.full(first.F.shape, zero), second.F]).T
    b = np.concatenate([np.full(k, zero), Q.F[0]])
    order = [*np.argsort(-np.abs(x[:m]), kind="stable"), *(m + np.argsort(-x[m:], kind="stable"))]
    exact = rounded(np.concatenate([x[:m], np.maximum(x[m:], 0.0)]))
    fixed = repaired(np.concatenate([top, low]), b, exact, [int(j) for j in order])
    if fixed is None:
        return None
    weights = tuple(fixed[:m])
    V, after_V, target = (_row(combined(pep, step, weights), j) for j in range(3))
    falls = proof_of({"V+": Fraction(1), "V": -rho}, _minus(after_V, V, rho), first, fixed[m : m + J1])
    above = proof_of({"Q": Fraction(1), "V": Fraction(-1)}, _minus(target, V, Fraction(1)), second, fixed[m + J1 :])
    return None if falls is None or above is None else (weights, (falls, above), margin)


def _solved(pep: SymPEP, now: Rows, after: Rows, Q: Rows, first: Rows, second: Rows, rho: Fraction) -> Any:
    """(p, lambda, nu) that keep both remainders away from singular ones, and how far; None if there are none."""
    away = [directions(joined([_minus(now, after, 1 / rho), first])), directions(joined([now, Q, second]))]
    rate, r = float(rho), pep.r
    now, after, Q, first, second = (floats(rows) for rows in (now, after, Q, first, second))
    V, W, target, I, J = (columns(rows, r) for rows in (now, after, Q, first, second))
    k, m, J1, J2 = now.F.shape[1], len(now.const), I.shape[1], J.shape[1]
    none1, none2 = np.zeros((len(V), J2)), np.zeros((len(V), J1))
    margins = [np.concatenate([np.zeros(k), *map(svec, blocks)])[:, None] for blocks in away]
    top = np.concatenate([rate * V - W, I, none1, -margins[0]], axis=1)
    low = np.concatenate([V, none2, J, -margins[1]], axis=1)
    signs = np.concatenate([np.zeros((J1 + J2, m)), -np.eye(J1 + J2), np.zeros((J1 + J2, 1))], axis=1)
    cap = np.eye(1, m + J1 + J2 + 1, m + J1 + J2)
    G = np.concatenate([top[:k], low[:k], signs, cap, -top[k:], -low[k:]])
    zeros = np.zeros(len(V) - k)
    h = np.concatenate([np.zeros(k), target[:k, 0], np.zeros(J1 + J2), [MOST], zeros, -target[k:, 0]])
    sides = [len(pep.means)] + [len(pep.devs)] * r
    x = candidate(-cap[0], G, h, 2 * k, J1 + J2 + 1, sides * 2, 1e-9)
    return None if x is None or x[-1] <= 0 else (x[:-1], float(x[-1]))


def _row(rows: Rows, j: int) -> Rows:
    return Rows(rows.M[j : j + 1], rows.D[j : j + 1], rows.F[j : j + 1], rows.const[j : j + 1], (rows.labels[j],))


def _minus(one: Rows, two: Rows, factor: Fraction) -> Rows:
    M, D, F, const = (a - factor * b for a, b in zip(one[:4], two[:4], strict=True))
    return Rows(M, D, F, const, one.labels)
