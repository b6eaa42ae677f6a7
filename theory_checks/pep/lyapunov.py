r"""The best rate that a quadratic Lyapunov function certifies, by bisection.

For terms :math:`(V_k,V_k^+)` with :math:`V=\sum_kp_kV_k` and a target Q, find p free and :math:`\lambda,\nu\ge0` with

.. math:: \rho\sum_kp_kV_k-\sum_kp_kV_k^++\sum_j\lambda_jI_j\ge0,\qquad \sum_kp_kV_k-Q+\sum_l\nu_lJ_l\ge0,

in every block (M and the D_c positive semidefinite, F zero), where :math:`I_j\le0` are all inequalities of the problem and
:math:`J_l\le0` those among the symbols declared before the last symbol of V. Then :math:`V^+\le\rho V` and :math:`V\ge Q`.

The unknown of the bisection is the slack :math:`1-\rho`, on a logarithmic scale, so that rates near 1 are as accurate as
others. Units are chosen by `theory_checks.pep.equilibration`, hence the rate does not depend on the units of the problem.
What the solver says is not trusted: both inequalities are evaluated at the multipliers found (negative ones set to 0), and a
rate is accepted only if no eigenvalue of their remainders is below :math:`-10^{-8}` and the function values cancel to
:math:`10^{-8}`, in units in which the entries are of size 1. A proof without any tolerance is
`theory_checks.pep.certify_rate`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fedmm.errors import SpecError
from theory_checks.pep.algebra import Scalar
from theory_checks.pep.assemble import Rows, stacked, valid
from theory_checks.pep.conic import attempt, svec, violation
from theory_checks.pep.equilibration import Scaling
from theory_checks.pep.solve import WorstCaseError, floats

if TYPE_CHECKING:
    from theory_checks.pep.problem import SymPEP

__all__ = ["Lyapunov", "certifies", "columns", "current", "search"]

NEAREST = 1e-9
"""Rates above 1 less this are reported as 1."""

RESIDUAL = 1e-8
"""How far from true the certificate's inequalities may be, in units in which their entries are of size 1."""


class Lyapunov(NamedTuple):
    """A certified rate.

    Parameters
    ----------
    rate : float
        V+ <= rate V, a contraction factor per step.
    p : array (m,)
        The weights of the terms: V = sum_k p_k V_k >= target.
    multipliers, positivity : array
        lambda and nu.
    """

    rate: float
    p: np.ndarray
    multipliers: np.ndarray
    positivity: np.ndarray


def search(pep: SymPEP, now: Sequence[Scalar], after: Sequence[Scalar], target: Scalar, *, rtol: float = 1e-5) -> Lyapunov:
    """The least rate; 1 - rate, and a rate above .1, are known to a relative `rtol`. See `SymPEP.lyapunov`.

    Raises
    ------
    SpecError
        If rtol is not positive.
    WorstCaseError
        If not even rate 1 is certified over this span.
    """
    if not 0 < rtol < 1:
        raise SpecError(f"Expected a relative tolerance rtol in (0, 1), got {rtol}.")
    problem = _Problem(pep, now, after, target)
    good, bad = 0.5, 1.0
    while (found := problem.at(good)) is None:
        if good < NEAREST:
            return problem.at(0.0) or _refuse(problem)
        good, bad = max(good * good, NEAREST / 2), good
    while bad - good > rtol * good * max(1.0 - good, 0.1):
        middle = float(np.sqrt(good * bad))
        better = problem.at(middle)
        if better is None:
            bad = middle
        else:
            good, found = middle, better
    return found


def certifies(pep: SymPEP, now: Sequence[Scalar], after: Sequence[Scalar], target: Scalar, rate: float) -> Lyapunov | None:
    """A Lyapunov function of this rate, or None if the solver finds none."""
    return _Problem(pep, now, after, target).at(1.0 - rate)


def _refuse(problem: _Problem) -> Lyapunov:
    if problem.decided:
        words = (
            "No Lyapunov function of this span certifies a rate of 1: the method may not converge with these parameters, or the "
            "span is too small; shorten the step or add terms."
        )
        raise WorstCaseError(words, "unbounded")
    words = (
        "The solver could not tell whether a Lyapunov function of this span certifies a rate of 1: the rate is too near 1 for "
        "its accuracy (a tiny mu/L, or a tiny step); add a ridge, or lengthen the step."
    )
    raise WorstCaseError(words, "inaccurate")


class _Problem:
    """The linear matrix inequalities, ready for any rate.

    Both are arrays with a row for every F and every entry of an `svec`, and a column for every p, lambda, nu and for Q.
    """

    def __init__(self, pep: SymPEP, now: Sequence[Scalar], after: Sequence[Scalar], target: Scalar) -> None:
        if len(now) != len(after) or not now:
            raise SpecError(f"Expected as many terms after the step as before it, at least one, got {len(now)} and {len(after)}.")
        V, W, Q = (floats(stacked(pep, terms)) for terms in (now, after, [target]))
        rules = floats(valid(pep))
        for rows in (V, W, Q, rules):
            if rows.const.any():
                raise SpecError("Expected terms and inequalities without constants in a Lyapunov search; leave them out.")
        earlier = current(pep, rules, V)
        self.m, self.J1, self.J2 = len(now), len(rules.labels), len(earlier.labels)
        self.now, then, I, J, Q = (columns(rows, pep.r) for rows in (V, W, rules, earlier, Q))
        change = self.now - then
        rounding = 1e-14 * np.maximum(np.abs(self.now), np.abs(then))
        self.still = np.concatenate(
            [np.where(np.abs(change) > rounding, change, 0.0), I, np.zeros((len(I), self.J2 + 1))], axis=1
        )  # the first inequality at rate 1
        self.positive = np.concatenate([self.now, np.zeros((len(I), self.J1)), J, Q], axis=1)
        self.scaling = Scaling(
            V.F.shape[1], [len(pep.means)] + [len(pep.devs)] * pep.r, ([self.still, self._falls(1.0)], [self.positive] * 2)
        )
        self.around: np.ndarray | None = None  # units made from the last certificate
        self.decided = True  # whether the last answer was a certificate, or that there is none

    def at(self, slack: float) -> Lyapunov | None:
        """A verified certificate of the rate 1 - slack, or None."""
        both = self._falls(slack), self.positive
        units = self.scaling.least_squares(both)
        G, h = self._system(both, units)
        for choice in (units, self.around, self.scaling.largest_one(both)):
            if choice is None:
                continue
            status, x = self._attempt(both, choice)
            self.decided = status == "PrimalInfeasible"
            if self.decided:
                return None
            x = x * self.scaling.unknowns(choice) / self.scaling.unknowns(units)
            x[self.m :] = np.maximum(x[self.m :], 0.0)
            remainder = h - G @ x
            if np.isfinite(x).all() and violation(remainder, *self._cones()) <= RESIDUAL:
                self.decided = True
                self.around = self.scaling.around(units, x, self._parts(remainder))
                x = x * self.scaling.unknowns(units)
                return Lyapunov(1.0 - slack, x[: self.m], x[self.m : self.m + self.J1], x[self.m + self.J1 :])
        return None

    def _falls(self, slack: float) -> np.ndarray:
        """The first inequality at the rate 1 - slack."""
        falls = self.still.copy()
        falls[:, : self.m] -= slack * self.now
        return falls

    def _system(self, both: tuple[np.ndarray, np.ndarray], units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(G, h) of h - G x in the cones: equalities, signs, blocks."""
        (top, low), (first, second) = (self.scaling.scaled(A, j, units) for j, A in enumerate(both)), self.scaling.needed
        signs = np.eye(self.J1 + self.J2, top.shape[1], self.m)
        A = np.concatenate([top[: first.zero], low[: second.zero], signs, top[first.zero :], low[second.zero :]])
        return _signed(A[:, :-1], first.zero + second.zero), _signed(A[:, -1], first.zero + second.zero)

    def _attempt(self, both: tuple[np.ndarray, np.ndarray], units: np.ndarray) -> tuple[str, np.ndarray]:
        return attempt(*self._system(both, units), *self._cones(), 1e-8)

    def _cones(self) -> tuple[int, int, list[int]]:
        """How many equalities and signs, and the sides of the blocks."""
        first, second = self.scaling.needed
        return first.zero + second.zero, self.J1 + self.J2, first.sides + second.sides

    def _parts(self, remainder: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What is left of each inequality: its equalities, then its blocks."""
        first, second = self.scaling.needed
        zero = first.zero + second.zero
        cut = zero + self.J1 + self.J2 + len(first.rows) - first.zero
        blocks = remainder[zero + self.J1 + self.J2 : cut], remainder[cut:]
        return np.append(remainder[: first.zero], blocks[0]), np.append(remainder[first.zero : zero], blocks[1])


def _signed(A: np.ndarray, zero: int) -> np.ndarray:
    """Equalities as they are, inequalities A x >= 0 as -A x <= 0."""
    return np.concatenate([A[:zero], -A[zero:]])


def columns(rows: Rows, r: int) -> np.ndarray:
    """Each row as a column: F, then svec of M and of every D."""
    return np.concatenate([rows.F, svec(rows.M), *(svec(rows.D[:, c]) for c in range(r))], axis=1).T


def current(pep: SymPEP, rows: Rows, V: Rows) -> Rows:
    """The rows whose symbols were all declared before the last symbol that V uses, or are that symbol."""
    keep = _last(pep, rows) <= _last(pep, V).max(initial=-1)
    labels = tuple(label for label, kept in zip(rows.labels, keep, strict=True) if kept)
    return Rows(rows.M[keep], rows.D[keep], rows.F[keep], rows.const[keep], labels)


def _last(pep: SymPEP, rows: Rows) -> np.ndarray:
    """Per row, the declaration number of its last symbol; -1 for none."""
    used = (rows.M.any(axis=2), rows.D.any(axis=(1, 3)), rows.F != 0)
    declared = (pep.means, pep.devs, pep.values)
    found = [
        np.where(mask, np.asarray(order, dtype=int) + 1, 0).max(axis=1, initial=0)
        for mask, order in zip(used, declared, strict=True)
    ]
    return np.maximum.reduce(found) - 1
