r"""The best rate that a quadratic Lyapunov function certifies, by bisection.

For terms :math:`(V_k,V_k^+)` with :math:`V=\sum_kp_kV_k` and a target Q, find p free and :math:`\lambda,\nu\ge0` with

.. math:: \rho\sum_kp_kV_k-\sum_kp_kV_k^++\sum_j\lambda_jI_j\ge0,\qquad \sum_kp_kV_k-Q+\sum_l\nu_lJ_l\ge0,

in every block (M and the D_c positive semidefinite, F zero), where :math:`I_j\le0` are all inequalities of the problem and
:math:`J_l\le0` those among the symbols declared before the last symbol of V. Then :math:`V^+\le\rho V` and :math:`V\ge Q`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fedmm.errors import SpecError
from theory_checks.pep.algebra import Scalar
from theory_checks.pep.assemble import Rows, joined, stacked, valid
from theory_checks.pep.conic import feasible, svec
from theory_checks.pep.scaling import ordinary, units
from theory_checks.pep.solve import WorstCaseError, floats

if TYPE_CHECKING:
    from theory_checks.pep.problem import SymPEP

__all__ = ["Lyapunov", "certifies", "current", "search"]


RUNGS = {True: ((False, 1e-8), (True, 1e-8), (False, 1e-7)), False: ((True, 1e-8), (True, 1e-7))}
"""(whether in own units, tolerance) of every attempt, for problems in ordinary units and for others."""


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


def search(pep: SymPEP, now: Sequence[Scalar], after: Sequence[Scalar], target: Scalar, *, halvings: int = 16) -> Lyapunov:
    """The least rate, to 2^-halvings; see `SymPEP.lyapunov`.

    Raises
    ------
    WorstCaseError
        If not even rate 1 is certified over this span.
    """
    problem = _Problem(pep, now, after, target)
    found = problem.at(1.0)
    if found is None:
        words = (
            "No Lyapunov function of this span certifies a rate of 1: the method may not converge with these parameters, or the "
            "span is too small; shorten the step or add terms."
        )
        raise WorstCaseError(words, "unbounded")
    low, high = 0.0, 1.0
    for _ in range(halvings):
        middle = (low + high) / 2
        better = problem.at(middle)
        if better is None:
            low = middle
        else:
            high, found = middle, better
    return found


def certifies(pep: SymPEP, now: Sequence[Scalar], after: Sequence[Scalar], target: Scalar, rate: float) -> Lyapunov | None:
    """A Lyapunov function of this rate, or None if the solver finds none."""
    return _Problem(pep, now, after, target).at(rate)


class _Problem:
    """The linear matrix inequalities, ready for any rate: as they are, and in units of their own."""

    def __init__(self, pep: SymPEP, now: Sequence[Scalar], after: Sequence[Scalar], target: Scalar) -> None:
        if len(now) != len(after) or not now:
            raise SpecError(f"Expected as many terms after the step as before it, at least one, got {len(now)} and {len(after)}.")
        V, W, Q = (floats(stacked(pep, terms)) for terms in (now, after, [target]))
        rules = floats(valid(pep))
        for rows in (V, W, Q, rules):
            if rows.const.any():
                raise SpecError("Expected terms and inequalities without constants in a Lyapunov search; leave them out.")
        self.sides = [len(pep.means)] + [len(pep.devs)] * pep.r
        self.given = V, W, Q, rules, _current(pep, rules, V)
        self.ordinary = ordinary(pep.L)
        self.forms: dict[bool, _Form] = {}

    def at(self, rate: float) -> Lyapunov | None:
        """A solution at this rate, or None; what the solver leaves undecided it is asked in other units, then less strictly."""
        for own, tolerance in RUNGS[self.ordinary]:
            decided, found = self._form(own).at(rate, self.sides, tolerance)
            if decided:
                return found
        return None

    def _form(self, own: bool) -> _Form:
        if own not in self.forms:
            V, W, Q, rules, among = self.given
            plain = np.ones(len(V.labels) + 1 + len(rules.labels))
            self.forms[own] = self._in_own_units() if own else _form(V, W, Q, rules, among, plain)
        return self.forms[own]

    def _in_own_units(self) -> _Form:
        V, W, Q, rules, among = self.given
        own = units(joined([V, Q, rules]))
        terms, one, factors = np.split(own.rows, [len(V.labels), len(V.labels) + 1])
        V, W, Q, rules = (own._replace(rows=rows).of(A) for A, rows in ((V, terms), (W, terms), (Q, one), (rules, factors)))
        return _form(V, W, Q, rules, among, own.rows)


class _Form(NamedTuple):
    """The inequalities as columns, and the factors by which terms, target and inequalities were multiplied."""

    now: np.ndarray
    after: np.ndarray
    target: np.ndarray
    first: np.ndarray
    second: np.ndarray
    k: int
    factors: np.ndarray

    def at(self, rate: float, sides: Sequence[int], tolerance: float) -> tuple[bool, Lyapunov | None]:
        """(whether the solver could say, a solution at this rate)."""
        k, m, J1, J2 = self.k, self.now.shape[1], self.first.shape[1], self.second.shape[1]
        top = np.concatenate([rate * self.now - self.after, self.first, np.zeros((len(self.target), J2))], axis=1)
        low = np.concatenate([self.now, np.zeros((len(self.target), J1)), self.second], axis=1)
        signs = np.concatenate([np.zeros((J1 + J2, m)), -np.eye(J1 + J2)], axis=1)
        G = np.concatenate([top[:k], low[:k], signs, -top[k:], -low[k:]])
        size = top.shape[0] - k
        h = np.concatenate([np.zeros(k), self.target[:k], np.zeros(J1 + J2 + size), -self.target[k:]])
        decided, x = feasible(G, h, 2 * k, J1 + J2, [*sides] * 2, tolerance)
        if x is None:
            return decided, None
        x = x * self.factors
        return True, Lyapunov(rate, x[:m], x[m : m + J1], x[m + J1 :])


def _form(V: Rows, W: Rows, Q: Rows, rules: Rows, among: np.ndarray, rows: np.ndarray) -> _Form:
    r = V.D.shape[1]
    terms, one, factors = np.split(rows, [len(V.labels), len(V.labels) + 1])
    now, after, target, first = (_columns(part, r) for part in (V, W, Q, rules))
    by = np.concatenate([terms, factors, factors[among]]) / one
    return _Form(now, after, target[:, 0], first, first[:, among], V.F.shape[1], by)


def _columns(rows: Rows, r: int) -> np.ndarray:
    """Each row as a column: F, then svec of M and of every D."""
    return np.concatenate([rows.F, svec(rows.M), *(svec(rows.D[:, c]) for c in range(r))], axis=1).T


def current(pep: SymPEP, rows: Rows, V: Rows) -> Rows:
    """The rows whose symbols were all declared before the last symbol that V uses, or are that symbol."""
    keep = _current(pep, rows, V)
    labels = tuple(label for label, kept in zip(rows.labels, keep, strict=True) if kept)
    return Rows(rows.M[keep], rows.D[keep], rows.F[keep], rows.const[keep], labels)


def _current(pep: SymPEP, rows: Rows, V: Rows) -> np.ndarray:
    return _last(pep, rows) <= _last(pep, V).max(initial=-1)


def _last(pep: SymPEP, rows: Rows) -> np.ndarray:
    """Per row, the declaration number of its last symbol; -1 for none."""
    used = (rows.M.any(axis=2), rows.D.any(axis=(1, 3)), rows.F != 0)
    declared = (pep.means, pep.devs, pep.values)
    found = [
        np.where(mask, np.asarray(order, dtype=int) + 1, 0).max(axis=1, initial=0)
        for mask, order in zip(used, declared, strict=True)
    ]
    return np.maximum.reduce(found) - 1
