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
from theory_checks.pep.problem import SymPEP
from theory_checks.pep.solve import Result

__all__ = ["Realization", "realize"]

KEPT = 1e-8
"""Eigenvalues below this times the largest are the solver's noise."""


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
        self.pep, self.result = pep, result
        self.mean = _factor(result.M, kept)
        self.deviations = [_factor(D, kept) for D in result.D]
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
        values = [self.result.F[e.F[c]] if e.F[c] >= 0 else 0.0 for e in seen]
        x, g = (np.array([self.vector(u, client) for u in vectors]) for vectors in ([e.x for e in seen], [e.g for e in seen]))
        return Triplets(x, g, np.array(values), np.array([float(self.pep.mu[c])]), np.array([float(self.pep.L[c])]))

    def _place(self, client: int) -> tuple[int, int]:
        """(class, number in the class)."""
        for c, n in enumerate(self.pep.sizes):
            if client < n:
                return c, client
            client -= n
        raise SpecError(f"Expected a client below {self.pep.N}, got {client}.")


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
