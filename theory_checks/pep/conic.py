"""The semidefinite program in a solver's own form: Clarabel called directly (dual and primal form), others through CVXPY."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from theory_checks.pep.assemble import Rows

__all__ = ["CANDIDATES", "Answer", "attempt", "candidate", "solve", "svec", "unsvec", "violation"]

Answer = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""(multipliers, M, D, F)."""


CANDIDATES = ("Solved", "AlmostSolved", "InsufficientProgress")
"""What is good enough for those who check an answer exactly."""


def solve(A: Rows, C: Rows, form: str, tolerance: float, accepted: tuple[str, ...] = ("Solved",)) -> Answer | str:
    """The optimum of ``maximise C subject to A <= 0``, or in a word why there is none.

    Parameters
    ----------
    A, C : Rows
        The inequalities, and the objective as a single row.
    form : str
        "dual" or "primal" for Clarabel; anything else is the name of a CVXPY solver.
    tolerance : float
        On feasibility and gap.
    accepted : tuple of str
        Clarabel's words for an answer that is taken.
    """
    if form == "dual":
        return _dual(A, C, tolerance, accepted)
    if form == "primal":
        return _primal(A, C, tolerance, accepted)
    from theory_checks.pep.through_cvxpy import solve_cvxpy

    return solve_cvxpy(A, C, form)


def attempt(G: np.ndarray, h: np.ndarray, zero: int, positive: int, sides: list[int], tolerance: float) -> tuple[str, np.ndarray]:
    """(status, x) of finding x with h - G x in {0}^zero x R_+^positive x PSD cones (svec of these sides).

    Unless "PrimalInfeasible", x is the solver's last one: `violation` says whether it is a solution.
    """
    status, x, _ = _clarabel(np.zeros(G.shape[1]), G, h, zero, positive, sides, tolerance)
    return status, x


def violation(slack: np.ndarray, zero: int, positive: int, sides: list[int]) -> float:
    """How far `slack` is from the cones of `attempt`: its largest wrong entry or eigenvalue."""
    found = [np.abs(slack[:zero]).max(initial=0.0), -slack[zero : zero + positive].min(initial=0.0)]
    at = zero + positive
    for side in sides:
        size = side * (side + 1) // 2
        found.append(-np.linalg.eigvalsh(unsvec(slack[at : at + size], side)).min(initial=0.0))
        at += size
    return float(max(found))


def candidate(
    q: np.ndarray, G: np.ndarray, h: np.ndarray, zero: int, positive: int, sides: list[int], tolerance: float
) -> np.ndarray | None:
    """x minimising q'x with h - G x in the cones of `attempt`, however inaccurate: for those who check it exactly."""
    status, x, _ = _clarabel(q, G, h, zero, positive, sides, tolerance)
    return x if status in CANDIDATES and np.isfinite(x).all() else None


def svec(X: np.ndarray) -> np.ndarray:
    """The upper triangles of symmetric matrices (..., n, n), column by column, off-diagonal entries times sqrt 2."""
    i, j = _triangle(X.shape[-1])
    return X[..., i, j] * np.where(i == j, 1.0, np.sqrt(2.0))


def unsvec(v: np.ndarray, n: int) -> np.ndarray:
    """The symmetric matrix (n, n) of an `svec`."""
    i, j = _triangle(n)
    X = np.zeros((n, n))
    X[i, j] = X[j, i] = v / np.where(i == j, 1.0, np.sqrt(2.0))
    return X


@lru_cache(maxsize=128)
def _triangle(n: int) -> tuple[np.ndarray, np.ndarray]:
    j, i = np.tril_indices(n)
    return i, j


def _dual(A: Rows, C: Rows, tolerance: float, accepted: tuple[str, ...]) -> Answer | str:
    J, n, r, m, k = _sizes(A)
    blocks = [svec(A.M).T, *(svec(A.D[:, c]).T for c in range(r))]
    targets = [svec(C.M[0]), *(svec(C.D[0, c]) for c in range(r))]
    G = np.concatenate([A.F.T, -np.eye(J), *(-b for b in blocks)])
    h = np.concatenate([C.F[0], np.zeros(J), *(-t for t in targets)])
    status, y, z = _clarabel(-A.const, G, h, k, J, [n] + [m] * r, tolerance)
    if status not in accepted:
        return {"PrimalInfeasible": "unbounded", "DualInfeasible": "infeasible"}.get(status, status)
    M, D = _unpacked(z[k + J :], n, r, m)
    return np.maximum(y, 0.0), M, D, -z[:k]


def _primal(A: Rows, C: Rows, tolerance: float, accepted: tuple[str, ...]) -> Answer | str:
    J, n, r, m, k = _sizes(A)
    rows = np.concatenate([svec(A.M), *(svec(A.D[:, c]) for c in range(r)), A.F], axis=1)
    cost = np.concatenate([svec(C.M[0]), *(svec(C.D[0, c]) for c in range(r)), C.F[0]])
    size = rows.shape[1] - k
    G = np.concatenate([rows, -np.eye(size, rows.shape[1])])
    h = np.concatenate([-A.const, np.zeros(size)])
    status, x, z = _clarabel(-cost, G, h, 0, J, [n] + [m] * r, tolerance)
    if status not in accepted:
        return {"PrimalInfeasible": "infeasible", "DualInfeasible": "unbounded"}.get(status, status)
    M, D = _unpacked(x[:size], n, r, m)
    return np.maximum(z[:J], 0.0), M, D, x[size:]


def _sizes(A: Rows) -> tuple[int, int, int, int, int]:
    J, r, m = A.D.shape[:3]
    return J, A.M.shape[1], r, m, A.F.shape[1]


def _unpacked(v: np.ndarray, n: int, r: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    first, each = n * (n + 1) // 2, m * (m + 1) // 2
    D = [unsvec(v[first + c * each : first + (c + 1) * each], m) for c in range(r)]
    return unsvec(v[:first], n), np.array(D).reshape(r, m, m)


def _clarabel(
    q: np.ndarray, G: np.ndarray, h: np.ndarray, zero: int, positive: int, sides: list[int], tolerance: float
) -> tuple[str, np.ndarray, np.ndarray]:
    """(status, x, dual) of min q'x, h - G x in the cones."""
    import clarabel as compiled
    from scipy.sparse import csc_matrix

    clarabel: Any = compiled  # its types are compiled, unseen by type checkers
    cones: list[Any] = [clarabel.ZeroConeT(zero)] if zero else []
    cones += [clarabel.NonnegativeConeT(positive)] if positive else []
    cones += [clarabel.PSDTriangleConeT(side) for side in sides if side]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
    nothing = csc_matrix((q.shape[0], q.shape[0]))
    found = clarabel.DefaultSolver(nothing, q, csc_matrix(G), h, cones, settings).solve()
    return str(found.status), np.asarray(found.x), np.asarray(found.z)
