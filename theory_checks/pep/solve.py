r"""Solving a worst-case problem: a ladder of formulations, and never an inexact answer as a value.

Primal: maximise :math:`\langle C_M,M\rangle+\langle C_D,D\rangle+c_F^\top F+c_0` over M, D positive semidefinite, subject to
the inequalities. Dual: multipliers :math:`y\ge0` with :math:`\sum_jy_ja_F^j=c_F` and
:math:`\sum_jy_jA^j-C\succeq0`, minimising :math:`c_0-\sum_jy_jc^j`.

The ladder: the dual form at 1e-8, the primal form at 1e-8, then both at 1e-7. A status other than "Solved" goes to the next
rung, and after the last one it is an error. M, D and F are in the unit of
the largest assumption, and a small value is solved for a second time in its own unit: the solver's tolerance is absolute.
Where the inequalities' sizes are far apart, what is not proved to 1e-5 is solved again in units of its own
(`theory_checks.pep.scaling`); and multipliers that do not fit their example are no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fedmm.errors import FedmmError, SpecError
from theory_checks.pep import conic
from theory_checks.pep.algebra import Scalar
from theory_checks.pep.assemble import Rows, assemble, stacked
from theory_checks.pep.scaling import ordinary, spread, units

if TYPE_CHECKING:
    from theory_checks.pep.problem import SymPEP

__all__ = ["Result", "WorstCaseError", "maximize"]

Rungs = Sequence[tuple[str, float]]
"""(form, tolerance), to be tried in turn."""

LADDER: Rungs = (("dual", 1e-8), ("primal", 1e-8), ("dual", 1e-7), ("primal", 1e-7))
"""The usual rungs."""

SMALL = (1e-10, 1e-2)
"""Values of this size are solved for again, with the objective scaled to 1."""

ILL_SCALED = 1e4
"""Where the inequalities' sizes are further apart than this, units of their own may be needed."""

GAP = 1e-3
"""What multipliers and example may disagree by, as a share of the value."""


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


def maximize(pep: SymPEP, objective: Scalar, *, solver: str = "clarabel", ladder: Rungs = LADDER) -> Result:
    """See `SymPEP.maximize`; `ladder` says which (form, tolerance) Clarabel tries in turn."""
    if not isinstance(objective, Scalar):
        raise SpecError(f"Expected a scalar such as norm2(x) to maximise, got {type(objective).__name__}; take an inner product.")
    A, C = floats(assemble(pep)), floats(stacked(pep, [objective]))
    rungs = ladder if solver == "clarabel" else ((solver, 1e-8),)
    unit = np.abs(A.const).max(initial=0.0) or 1.0  # M, D and F are solved for in the unit of the assumptions
    B = A._replace(const=A.const / unit)
    plain = ordinary(pep.L)
    good = plain and spread(B) <= ILL_SCALED
    said, trusted = (_climb(B, C, rungs, (GAP, 1e-7)), True) if good else _ill_scaled(B, C, rungs, plain)
    if isinstance(said, list):
        raise _refusal(said, A, trusted)
    (y, *blocks), rung = said
    M, D, F = (block * unit for block in blocks)
    value = np.sum(C.M[0] * M) + np.sum(C.D[0] * D) + C.F[0] @ F + C.const[0]
    dual = C.const[0] - y @ A.const
    if abs(dual - value) > GAP * max(abs(dual), abs(value)) + 1e-7 * min(unit, 1.0):  # units may hide what is lost in them
        raise _refusal([f"an example of {value:.4g} and a proof of {dual:.4g}"], A, False)
    return Result(float(value), float(dual), M, D, F, y, A.labels, rung)


def _ill_scaled(A: Rows, C: Rows, rungs: Rungs, plain_too: bool) -> tuple[tuple[conic.Answer, str] | list[str], bool]:
    """Plain units if they prove it well, else units of its own, else what plain units prove; and whether to trust a refusal."""
    if plain_too:  # gradients of another size than points can fit wrong multipliers to a wrong example
        plain = _climb(A, C, rungs, (1e-5, 0.0))
        if not isinstance(plain, list):
            return plain, True
    own = units(A)
    rows, (goal, size) = own.of(A), own.goal(C)
    found = _climb(rows, goal, rungs, (GAP, 1e-7))
    if not isinstance(found, list):
        return (own.back(found[0], size), f"{found[1]}, rescaled"), True
    if not plain_too:
        return found, spread(rows) < ILL_SCALED
    rough = _climb(A, C, rungs, (1e-4, 1e-5 * size))  # a value that is small for this objective, to what is small for it
    return (found if isinstance(rough, list) else rough), spread(rows) < ILL_SCALED


def _climb(A: Rows, C: Rows, rungs: Rungs, room: tuple[float, float]) -> tuple[conic.Answer, str] | list[str]:
    """The first answer whose multipliers fit its example, to a share and an amount, with its rung; or what every rung said."""
    said: list[str] = []
    for form, tolerance in rungs:
        answer = conic.solve(A, C, form, tolerance)
        if isinstance(answer, str):
            said.append(answer)
            if answer in ("unbounded", "infeasible") and said.count(answer) == 2:
                break  # two formulations agree
            continue
        answer = _finer(A, C, answer, form, tolerance)
        size = abs(float(answer[0] @ A.const))
        if _gap(A, C, answer) <= room[0] * size + room[1]:
            return answer, f"{form} at {tolerance:g}"
        said.append(f"multipliers that do not fit their example, {size:.3g}")
    return said


def _gap(A: Rows, C: Rows, answer: conic.Answer) -> float:
    """The largest part of dual minus primal value: each is zero at an optimum, and together they could cancel.

    Multipliers that prove nothing count too: a remainder's negative eigenvalue costs itself times the example's trace.
    """
    y, M, D, F = answer
    left = np.tensordot(A.M, M, 2) + np.tensordot(A.D, D, 3) + A.F @ F + A.const
    rest = [np.tensordot(y, A.M, 1) - C.M[0], *(np.tensordot(y, A.D, 1) - C.D[0])]
    parts = [np.sum(S * X) for S, X in zip(rest, (M, *D), strict=True)]
    parts += [np.linalg.eigvalsh(S).min(initial=0.0) * np.trace(X) for S, X in zip(rest, (M, *D), strict=True)]
    return float(max(*np.abs(parts), np.abs(y @ A.F - C.F[0]) @ np.abs(F), np.sum(y * np.abs(left))))


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
    """What to raise; "unbounded" or "infeasible" is not trusted on an ill-scaled problem."""
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
