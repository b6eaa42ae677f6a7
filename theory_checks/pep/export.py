r"""From the Gram matrices of a worst case to vectors: a federation that attains it.

With :math:`M=U_M^\top U_M` and :math:`D_c=U_c^\top U_c`, client i of class c realises the vector (a, d) as
:math:`(U_Ma,\ s_i\otimes U_cd)`, where :math:`s_1,\dots,s_{n_c}` are +1 and -1 in turn (n_c even) or the vertices of a
centred regular simplex on the unit sphere: deviations sum to zero, are orthogonal to the means, and every client satisfies
every inequality with the same value.
"""

from __future__ import annotations

import numpy as np

from fedmm.errors import SpecError
from theory_checks.interpolated import Triplets
from theory_checks.pep.algebra import Vector, grown
from theory_checks.pep.assemble import Rows, assemble
from theory_checks.pep.problem import SymPEP
from theory_checks.pep.solve import Result, floats

__all__ = ["Realization", "polished", "realize"]

KEPT = 1e-8
"""Eigenvalues below this times the largest are the solver's noise."""

ACTIVE = 1e-6
"""An inequality whose multiplier is below this times the largest need not be an equality."""


class Realization:
    """Vectors, one per client, for every vector of a problem.

    Parameters
    ----------
    pep : SymPEP
        The problem, after its program has run.
    result : Result
        Its worst case.
    kept : float
        Eigenvalues below this times the largest are dropped.
    """

    def __init__(self, pep: SymPEP, result: Result, kept: float = KEPT) -> None:
        self.pep = pep
        factors = [_factor(X, kept) for X in (result.M, *result.D)]
        (self.mean, *self.deviations), self.F = polished(floats(assemble(pep)), factors, result.F, result.multipliers)
        self.signs = [_signs(n) for n in pep.sizes]
        ends = np.cumsum([len(self.mean), *(s.shape[1] * len(U) for s, U in zip(self.signs, self.deviations, strict=True))])
        self.starts, self.dimension = [int(end) for end in ends[:-1]], int(ends[-1])

    def vector(self, u: Vector, client: int) -> np.ndarray:
        """What u is at this client, shape (dimension,)."""
        c, i = self._place(client)
        a = grown(u.a, (self.pep.r, len(self.pep.means)))[c]
        d = grown(u.d, (self.pep.r, len(self.pep.devs)))[c]
        full = np.zeros(self.dimension)
        full[: len(self.mean)] = self.mean @ a
        part = np.outer(self.signs[c][i], self.deviations[c] @ d).ravel()
        full[self.starts[c] : self.starts[c] + len(part)] = part
        return full

    def triplets(self, client: int) -> Triplets:
        """The points, gradients and values of this client's function."""
        c, _ = self._place(client)
        seen = self.pep.evaluations
        values = [self.F[e.F[c]] if e.F[c] >= 0 else 0.0 for e in seen]
        x, g = (np.array([self.vector(u, client) for u in vectors]) for vectors in ([e.x for e in seen], [e.g for e in seen]))
        return Triplets(x, g, np.array(values), np.array([float(self.pep.mu[c])]), np.array([float(self.pep.L[c])]))

    def _place(self, client: int) -> tuple[int, int]:
        """(class, number in the class)."""
        for c, n in enumerate(self.pep.sizes):
            if client < n:
                return c, client
            client -= n
        raise SpecError(f"Expected a client below {self.pep.N}, got {client}.")


def polished(
    rows: Rows, factors: list[np.ndarray], F: np.ndarray, multipliers: np.ndarray, steps: int = 12
) -> tuple[list[np.ndarray], np.ndarray]:
    """Factors and function values moved, by about the solver's accuracy, until they satisfy the inequalities to rounding.

    A solver's answer violates them by 1e-9 or so, which functions through nearby points would amplify. Gauss-Newton steps of
    least length: inequalities with a multiplier become equalities, the others are kept. Ends early where a step no longer helps.

    Parameters
    ----------
    rows : Rows
        All inequalities.
    factors : list of array
        U_M, and U_c for every class.
    F, multipliers : array
        Function values, and one multiplier per inequality.
    steps : int
        At most so many.
    """
    blocks = [rows.M, *(rows.D[:, c] for c in range(rows.D.shape[1]))]
    tight = multipliers > ACTIVE * max(multipliers.max(initial=0.0), 1e-300)

    def violations(factors: list[np.ndarray], F: np.ndarray) -> np.ndarray:
        quadratic = sum(np.einsum("jpq,sp,sq->j", A, U, U) for A, U in zip(blocks, factors, strict=True))
        left = quadratic + rows.F @ F + rows.const
        return np.where(tight, left, np.maximum(left, 0.0))

    left = violations(factors, F)
    for _ in range(steps):
        slopes = [2 * np.einsum("jpq,sq->jsp", A, U).reshape(len(left), U.size) for A, U in zip(blocks, factors, strict=True)]
        jacobian = np.concatenate([*slopes, rows.F], axis=1)
        jacobian[~tight & (left == 0)] = 0.0
        move = np.linalg.lstsq(jacobian, -left, rcond=1e-10)[0]
        ends = np.cumsum([U.size for U in factors])
        parts = np.split(move, ends)
        moved = [U + part.reshape(U.shape) for U, part in zip(factors, parts[:-1], strict=True)]
        after = violations(moved, F + parts[-1])
        if np.abs(after).max(initial=0.0) >= np.abs(left).max(initial=0.0):
            break
        factors, F, left = moved, F + parts[-1], after
    return factors, F


def realize(pep: SymPEP, result: Result, kept: float = KEPT) -> Realization:
    """Vectors of a worst case.

    Raises
    ------
    SpecError
        For a regulariser or functions that are not convex, whose federations are not built here.
    """
    if pep.proximal or not pep.convex:
        raise SpecError("Only worst cases of convex clients without a regulariser are turned into federations.")
    return Realization(pep, result, kept)


def _factor(X: np.ndarray, kept: float) -> np.ndarray:
    """U with X = U'U, shape (rank, n)."""
    if not X.size:
        return np.zeros((0, X.shape[0]))
    values, vectors = np.linalg.eigh(X)
    keep = values > kept * max(values.max(), 1e-300)
    return (vectors[:, keep] * np.sqrt(values[keep])).T[::-1]


def _signs(n: int) -> np.ndarray:
    """Unit vectors that sum to zero, one per client: +1, -1, or a simplex; nothing for a single client. Shape (n, q)."""
    if n == 1:
        return np.zeros((1, 0))
    if n % 2 == 0:
        return np.tile([[1.0], [-1.0]], (n // 2, 1))
    centred = np.eye(n) - 1.0 / n  # rows: the vertices, in the hyperplane of vectors with sum 0
    basis = np.linalg.svd(centred)[2][: n - 1]
    return centred @ basis.T / np.sqrt(1.0 - 1.0 / n)
