r"""Proofs in exact arithmetic, from a solver's answer.

A worst case: multipliers :math:`y\ge0` with :math:`\sum_jy_ja_F^j=c_F` and :math:`\sum_jy_jA^j-C\succeq0` prove
``objective <= c_0 - sum_j y_j c^j``. A solver gives them to about nine digits. To make them exact:

1. The program is run on fractions, so that every coefficient is the number that is meant.
2. The solver maximises ``objective + margin (tr M + sum_c tr D_c)`` instead: then :math:`\sum_jy_jA^j-C` is at least margin
   times the identity, away from the boundary, and rounding cannot spoil it. The price is margin times the size of the worst
   case, about 1e-8. No bound on that size has to be believed: it is inside the proof.
3. The multipliers are rounded to 12 digits and the equalities repaired exactly, the largest multipliers absorbing the
   correction.
4. The matrices are formed and eliminated exactly. If one is not positive semidefinite, the margin is raised tenfold.

A rate: the same for :math:`V^+-\rho V\le0` and :math:`Q-V\le0`, see `certify_rate`. A worst case whose size is not bounded by
its assumptions (up to directions in which nothing changes at all) has no such proof, and is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from math import floor, log10
from typing import Any

import numpy as np

from theory_checks.check_certificate import semidefinite
from theory_checks.pep import conic
from theory_checks.pep.assemble import Rows, assemble, joined
from theory_checks.pep.certificate import Certificate, Proof, combined
from theory_checks.pep.checks import check_program, check_scalar
from theory_checks.pep.problem import SymPEP
from theory_checks.pep.rational import relevant, repaired, rounded
from theory_checks.pep.solve import WorstCaseError, floats
from theory_checks.pep.words import sentence, symbols, worded

__all__ = ["certify", "directions", "proof_of"]

MARGINS = (1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5)
"""Tried in turn."""

SMALL = Fraction(1, 100)
"""Smaller bounds are proved again in a unit of their size, so that what a proof gives away is a share of them."""


def certify(program: Callable[..., Any], parameters: Mapping[str, Any], *, claim: str = "", **world: Any) -> Certificate:
    """The worst case of a program, bounded in exact arithmetic.

    Parameters
    ----------
    program : callable
        ``program(world, **parameters)`` returns what is measured, a Scalar; see `theory_checks.pep.programs`.
    parameters : mapping
        Its keywords: integers and Fractions, no floats, which stand for slightly different numbers.
    claim : str
        What is proved, in words; made from the program's name and the numbers where empty.
    **world
        Of `SymPEP`: L, mu, N, shared_optimum, regularizer.

    Returns
    -------
    Certificate
        Its bound is above the worst case by about 1e-8 of the worst case's size.

    Raises
    ------
    SpecError
        For a float, parameters that the program does not take, or a program that is not about a worst case.
    WorstCaseError
        If the worst case is unbounded, or no margin up to 1e-5 gives a proof.
    """
    check_program(program, parameters, world)
    pep = SymPEP(**world, exact=True)
    measured = program(pep, **parameters)
    check_scalar(measured)
    return _certified(pep, measured, program, parameters, world, claim)


def _certified(pep: SymPEP, measured: Any, program: Any, parameters: Any, world: Any, claim: str) -> Certificate:
    A, C = worded(pep, assemble(pep)), combined(pep, measured, ())
    proof, margin = _proof(A, C)
    if 0 < abs(proof.bound) < SMALL:
        with suppress(WorstCaseError):
            proof, margin = min((proof, margin), _proof(A, C, Fraction(10) ** floor(log10(abs(proof.bound)))), key=_bound)
    return Certificate(
        claim=claim or sentence(program, parameters, world, proof.bound, "the worst case"),
        bound=proof.bound,
        program=f"{program.__module__}:{program.__qualname__}",
        world=dict(world),
        parameters=dict(parameters),
        symbols=symbols(pep),
        expressions=C,
        weights=(),
        proofs=(proof,),
        margin=margin,
    )


def _bound(found: tuple[Proof, float]) -> Fraction:
    return found[0].bound


def _proof(A: Rows, C: Rows, unit: Fraction = Fraction(1)) -> tuple[Proof, float]:
    """A proof and its margin, both of the objective; the solver works on the objective in this unit.

    Raises
    ------
    WorstCaseError
        If there is none.
    """
    away = directions(joined([A, C]))
    M, D, F, const = (part / unit for part in C[:4])
    rows, goal = floats(A), floats(Rows(M, D, F, const, C.labels))
    said = "the exact elimination failed"
    for margin in MARGINS:
        for form, tolerance in (("dual", 1e-11), ("primal", 1e-9)):
            answer = conic.solve(rows, _pushed(goal, away, margin), form, tolerance, conic.CANDIDATES)
            if isinstance(answer, str):
                said = answer
                continue
            y = answer[0]
            exact = [unit * v for v in rounded(y)]
            fixed = repaired(A.F.T, C.F[0], exact, [int(j) for j in np.argsort(-y, kind="stable")])
            proof = None if fixed is None else proof_of({"measured": Fraction(1)}, C, A, fixed)
            if proof is not None:
                return proof, margin * float(unit)
    raise WorstCaseError(
        f"No proof in exact arithmetic was found ({said}): the worst case may be unbounded, or so may be the size of the "
        "federations that attain it; bound every starting vector by an assumption, or rescale so that L, R and zeta are near 1.",
        "unbounded" if said in ("unbounded", "infeasible") else "inaccurate",
    )


def proof_of(objective: Mapping[str, Fraction], C: Rows, A: Rows, multipliers: Sequence[Fraction]) -> Proof | None:
    """A proof that the objective (one row C, named in `objective`) is bounded, or None if these multipliers prove nothing.

    Those that are zero are left out.
    """
    if min(multipliers, default=Fraction(0)) < 0:
        return None
    used = [j for j, y in enumerate(multipliers) if y]
    rows = Rows(A.M[used], A.D[used], A.F[used], A.const[used], tuple(A.labels[j] for j in used))
    y = np.array([multipliers[j] for j in used], dtype=object)
    M, D, F, const = (_less(y, ours, theirs[0]) for ours, theirs in zip(rows[:4], C[:4], strict=True))
    if F.any() or not all(semidefinite([list(row) for row in block]) for block in (M, *D)):
        return None
    return Proof(objective, -Fraction(const.item()), rows, tuple(y))


def _less(y: np.ndarray, ours: np.ndarray, theirs: Any) -> np.ndarray:
    """sum_j y_j ours[j] - theirs."""
    return np.asarray((np.tensordot(y, ours, 1) if len(y) else 0) - np.asarray(theirs, dtype=object), dtype=object)


def directions(rows: Rows) -> list[np.ndarray]:
    """Per block (M, then every D), the matrix B'B of the directions in which combinations of these rows change at all."""
    found = [relevant(block, rows.F) for block in (rows.M, *(rows.D[:, c] for c in range(rows.D.shape[1])))]
    return [B.T @ B for B in found]


def _pushed(C: Rows, away: list[np.ndarray], margin: float) -> Rows:
    """The objective plus margin times the size of the worst case."""
    return C._replace(M=C.M + margin * away[0], D=C.D + margin * np.array(away[1:]))
