r"""Solving a worst-case problem: a ladder of formulations, and never an inexact answer as a value.

Primal: maximise :math:`\langle C_M,M\rangle+\langle C_D,D\rangle+c_F^\top F+c_0` over M, D positive semidefinite, subject to
the inequalities. Dual: multipliers :math:`y\ge0` with :math:`\sum_jy_ja_F^j=c_F` and
:math:`\sum_jy_jA^j-C\succeq0`, minimising :math:`c_0-\sum_jy_jc^j`.

The ladder: the dual form at 1e-8, the primal form at 1e-8, then both at 1e-7. A status other than "Solved" goes to the next
rung, and after the last one it is an error. M, D and F are in the unit of
the largest assumption, and a small value is solved for a second time in its own unit: the solver's tolerance is absolute.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fedmm.errors import FedmmError
from theory_checks.pep import conic
from theory_checks.pep.algebra import Scalar
from theory_checks.pep.assemble import Rows, assemble, stacked

if TYPE_CHECKING:
    from theory_checks.pep.problem import SymPEP

__all__ = ["Result", "WorstCaseError", "maximize"]

LADDER = (("dual", 1e-8), ("primal", 1e-8), ("dual", 1e-7), ("primal", 1e-7))
"""(form, tolerance) of every rung."""

SMALL = (1e-10, 1e-2)
"""Values of this size are solved for again, with the objective scaled to 1."""


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
    A, C = floats(assemble(pep)), floats(stacked(pep, [objective]))
    rungs = ladder if solver == "clarabel" else ((solver, 1e-8),)
    said: list[str] = []
    unit = np.abs(A.const).max(initial=0.0) or 1.0  # M, D and F are solved for in the unit of the assumptions
    B = A._replace(const=A.const / unit)
    for form, tolerance in rungs:
        answer = conic.solve(B, C, form, tolerance)
        if isinstance(answer, str):
            said.append(answer)
            if answer in ("unbounded", "infeasible") and said.count(answer) == 2:
                break  # two formulations agree
            continue
        answer = _finer(B, C, answer, form, tolerance)
        y, *blocks = answer
        M, D, F = (block * unit for block in blocks)
        value = np.sum(C.M[0] * M) + np.sum(C.D[0] * D) + C.F[0] @ F + C.const[0]
        dual = C.const[0] - y @ A.const
        return Result(float(value), float(dual), M, D, F, y, A.labels, f"{form} at {tolerance:g}")
    raise _refusal(said, A)


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


def _refusal(said: list[str], A: Rows) -> WorstCaseError:
    if set(said) == {"unbounded"}:
        words = (
            "The worst case is unbounded: the method may diverge with these parameters, or an assumption is missing "
            "(on the start, on the heterogeneity); add it or shorten the step."
        )
        return WorstCaseError(words, "unbounded")
    if set(said) == {"infeasible"}:
        words = "No federation meets the assumptions; check their signs and bounds."
        return WorstCaseError(words, "infeasible")
    sizes = np.abs(np.concatenate([A.M.ravel(), A.D.ravel(), A.const]))
    sizes = sizes[sizes > 0]
    spread = f"{sizes.min():.1g} to {sizes.max():.1g}" if sizes.size else "nothing"
    words = (
        f"The solver stopped short ({', '.join(said)}), so there is no worst case to report. The coefficients span {spread}: "
        "rescale so that L, R and zeta are near 1 (x -> c x scales R and zeta; f -> c f scales L, mu and zeta and divides "
        "gamma), leave out a point whose norm is bounded by 0, or take fewer steps."
    )
    return WorstCaseError(words, "inaccurate")
