r"""Solving a worst-case problem: a ladder of formulations, and never an inexact answer as a value.

Primal: maximise :math:`\langle C_M,M\rangle+\langle C_D,D\rangle+c_F^\top F+c_0` over M, D positive semidefinite, subject to
the inequalities. Dual: multipliers :math:`y\ge0` with :math:`\sum_jy_ja_F^j=c_F` and
:math:`\sum_jy_jA^j-C\succeq0`, minimising :math:`c_0-\sum_jy_jc^j`.

The ladder: the dual form at 1e-8, the primal form at 1e-8, then both at 1e-7. A status other than "Solved" goes to the next
rung, and after the last one it is an error. M, D and F are in the unit of the largest assumption, and a small value is solved for
a second time in its own unit: the solver's tolerance is absolute. An ill-scaled problem is solved in units of its own
(`theory_checks.pep.scaling`). A proof and an example that do not fit each other are no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fedmm.errors import FedmmError, SpecError
from theory_checks.pep import conic
from theory_checks.pep.algebra import Scalar
from theory_checks.pep.assemble import Rows, assemble, stacked
from theory_checks.pep.scaling import Units, spread, units

if TYPE_CHECKING:
    from theory_checks.pep.problem import SymPEP

__all__ = ["Result", "WorstCaseError", "maximize"]

LADDER = (("dual", 1e-8), ("primal", 1e-8), ("dual", 1e-7), ("primal", 1e-7))
"""(form, tolerance) of every rung."""

SMALL = (1e-10, 1e-2)
"""Values of this size are solved for again, with the objective scaled to 1."""

ILL_SCALED = 1e4
"""Where the inequalities' sizes are further apart than this, the problem is solved in units of its own."""

GAP = 1e-3
"""What multipliers and matrices may disagree by, as a share of the value; beyond it there is no value."""


class WorstCaseError(FedmmError, ArithmeticError):
    """No worst case was found: it is unbounded, no federation meets the assumptions, or the solver stopped short.

    Parameters
    ----------
    message : str
        The sentence.
    status : str
        "unbounded", "infeasible" or "inaccurate".
    """

    def __init__(self, message: str, status: str) -> None:
        super().__init__(message)
        self.status = status


class Result(NamedTuple):
    """A worst case.

    Parameters
    ----------
    value : float
        Of the federation found (primal).
    dual_value : float
        Proved by the multipliers, to the solver's accuracy.
    M, D, F : arrays (n, n), (r, m, m), (k,)
        The Gram matrices and function values of the worst case, in the order of the problem's symbols.
    multipliers : array (J,)
        One per inequality.
    labels : tuple of str
        What each inequality says.
    rung : str
        The formulation that was solved.
    """

    value: float
    dual_value: float
    M: np.ndarray
    D: np.ndarray
    F: np.ndarray
    multipliers: np.ndarray
    labels: tuple[str, ...]
    rung: str


def maximize(pep: SymPEP, objective: Scalar, *, solver: str = "clarabel", ladder: Sequence[tuple[str, float]] = LADDER) -> Result:
    """See `SymPEP.maximize`; `ladder` says which (form, tolerance) Clarabel tries in turn."""
    if not isinstance(objective, Scalar):
        raise SpecError(f"Expected a scalar such as norm2(x) to maximise, got {type(objective).__name__}; take an inner product.")
    A, C = floats(assemble(pep)), floats(stacked(pep, [objective]))
    rungs = ladder if solver == "clarabel" else ((solver, 1e-8),)
    own = units(A) if spread(A) > ILL_SCALED else None
    said: list[str] = []
    for form, tolerance in rungs:
        answer = _in_unit(A, C, form, tolerance) if own is None else _in_own(own, A, C, form, tolerance)
        if isinstance(answer, str):
            said.append(answer)
            if answer in ("unbounded", "infeasible") and said.count(answer) == 2:
                break  # two formulations agree
            continue
        y, M, D, F = answer
        value = float(np.sum(C.M[0] * M) + np.sum(C.D[0] * D) + C.F[0] @ F + C.const[0])
        dual = float(C.const[0] - y @ A.const)
        if _gap(A, C, y, M, D, F) > GAP * max(abs(value), abs(dual)) + 1e-6:
            said.append(f"a proof that does not fit its example, {dual:.4g} and {value:.4g}")
            continue
        return Result(value, dual, M, D, F, y, A.labels, f"{form} at {tolerance:g}" + (", rescaled" if own else ""))
    raise _refusal(said, A, trusted=own is None or spread(own.of(A)) < ILL_SCALED)


def _in_unit(A: Rows, C: Rows, form: str, tolerance: float) -> conic.Answer | str:
    """The optimum with M, D and F in the unit of the assumptions, and a small value in its own."""
    unit = np.abs(A.const).max(initial=0.0) or 1.0
    B = A._replace(const=A.const / unit)
    answer = conic.solve(B, C, form, tolerance)
    if isinstance(answer, str):
        return answer
    y, M, D, F = _finer(B, C, answer, form, tolerance)
    return y, M * unit, D * unit, F * unit


def _in_own(own: Units, A: Rows, C: Rows, form: str, tolerance: float) -> conic.Answer | str:
    """The optimum of an ill-scaled problem, solved in units of its own."""
    goal, size = own.goal(C)
    answer = conic.solve(own.of(A), goal, form, tolerance)
    return answer if isinstance(answer, str) else own.back(answer, size)


def _gap(A: Rows, C: Rows, y: np.ndarray, M: np.ndarray, D: np.ndarray, F: np.ndarray) -> float:
    """The largest part of dual value minus primal value: each is zero at an optimum, and together they could cancel."""
    left = np.tensordot(A.M, M, 2) + np.tensordot(A.D, D, 3) + A.F @ F + A.const
    in_M = np.sum((np.tensordot(y, A.M, 1) - C.M[0]) * M)
    in_D = np.sum((np.tensordot(y, A.D, 1) - C.D[0]) * D)
    in_F = (y @ A.F - C.F[0]) @ F
    return float(max(abs(in_M), abs(in_D), abs(in_F), np.sum(y * np.abs(left))))


def _finer(A: Rows, C: Rows, answer: conic.Answer, form: str, tolerance: float) -> conic.Answer:
    """The same optimum with the objective in a unit nearer its own value, if it is small and both agree to the tolerance."""
    small = -float(answer[0] @ A.const)
    if not SMALL[0] < small < SMALL[1]:
        return answer
    for unit in (small, small**0.5):
        found = conic.solve(A, _scaled(C, 1 / unit), form, tolerance)
        if not isinstance(found, str) and abs(-(found[0] @ A.const) * unit - small) <= 10 * tolerance:
            return (found[0] * unit, *found[1:])
    return answer


def _scaled(rows: Rows, factor: float) -> Rows:
    return Rows(rows.M * factor, rows.D * factor, rows.F * factor, rows.const * factor, rows.labels)


def floats(rows: Rows) -> Rows:
    """The same rows in floating point."""
    M, D, F, const = (np.asarray(part, dtype=float) for part in rows[:4])
    return Rows(M, D, F, const, rows.labels)


def _refusal(said: list[str], A: Rows, trusted: bool) -> WorstCaseError:
    """What to raise; a solver's "unbounded" or "infeasible" is not trusted on an ill-scaled problem."""
    if trusted and set(said) == {"unbounded"}:
        words = (
            "The worst case is unbounded: the method may diverge with these parameters, or an assumption is missing "
            "(on the start, on the heterogeneity); add it or shorten the step."
        )
        return WorstCaseError(words, "unbounded")
    if trusted and set(said) == {"infeasible"}:
        words = "No federation meets the assumptions; check their signs and bounds."
        return WorstCaseError(words, "infeasible")
    sizes = np.abs(np.concatenate([A.M.ravel(), A.D.ravel(), A.const]))
    sizes = sizes[sizes > 0]
    span = f"{sizes.min():.1g} to {sizes.max():.1g}" if sizes.size else "nothing"
    words = (
        f"The solver stopped short ({', '.join(said)}), so there is no worst case to report. The coefficients span {span}: "
        "rescale so that L, R and zeta are near 1 (x -> c x scales R and zeta; f -> c f scales L, mu and zeta and divides "
        "gamma), leave out a point whose norm is bounded by 0, or take fewer steps."
    )
    return WorstCaseError(words, "inaccurate")
