"""The same semidefinite program through CVXPY: any conic solver it has, and an independent check of our own forms."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from fedmm.errors import SpecError, suggest
from theory_checks.pep.assemble import Rows

__all__ = ["solve_cvxpy"]


def solve_cvxpy(A: Rows, C: Rows, solver: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | str:
    """(multipliers, M, D, F) of the primal form, or in a word why there is none.

    Raises
    ------
    SpecError
        If CVXPY is not installed, or does not have the solver.
    """
    try:
        import cvxpy as cp
    except ImportError:
        raise SpecError("Solvers other than clarabel are called through CVXPY; install fedmm[cvxpy].") from None
    known: dict[str, Any] = {name.lower(): name for name in cp.installed_solvers()}
    if solver.lower() not in known:
        raise SpecError(f"Unknown solver {solver!r}.{suggest(solver, known)}")
    n, (r, m), k = A.M.shape[1], A.D.shape[1:3], A.F.shape[1]
    M = cp.Variable((n, n), PSD=True) if n else None
    D = [cp.Variable((m, m), PSD=True) if m else None for _ in range(r)]
    F = cp.Variable(k) if k else None
    blocks = [(A.M.reshape(len(A.const), n * n), C.M.reshape(-1), M), (A.F, C.F[0], F)]
    blocks += [(A.D[:, c].reshape(len(A.const), m * m), C.D[0, c].reshape(-1), D[c]) for c in range(r)]
    used: Any = [(rows, cost, v.flatten(order="C") if v.ndim == 2 else v) for rows, cost, v in blocks if v is not None]
    bound: Any = sum(rows @ v for rows, _, v in used) + A.const <= 0
    program = cp.Problem(cp.Maximize(sum(cost @ v for _, cost, v in used)), [bound])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Solution may be inaccurate", UserWarning)  # the status says so, and it is refused
        program.solve(solver=known[solver.lower()])
    if program.status != "optimal":
        return str(program.status)
    y = np.maximum(np.asarray(bound.dual_value), 0.0)
    matrices = np.array([np.zeros((0, 0)) if X is None else X.value for X in D]).reshape(r, m, m)
    return y, np.zeros((0, 0)) if M is None else np.asarray(M.value), matrices, np.zeros(0) if F is None else np.asarray(F.value)
