r"""T(s) by CVXPY: the program is compiled once and solved again with new parameter values.

    minimise U_s(theta) over the constraints;   U_s is DPP: convex in theta, and affine in the parameters where they meet it

Clarabel is asked for a duality gap of 1e-14 and may stop at 1e-8 where rounding ends its progress. The minimiser of a
program with quadratic and linear terms is then exact to about 1e-10; where a constraint is active with multiplier zero,
and with exponential or semidefinite cones, to about 1e-7: near a smooth minimum an error of the objective is the square of
that of the minimiser.

A solve depends on s alone, not on earlier solves: the solver is not warm-started.
"""

from __future__ import annotations

import threading
import warnings
from typing import Any

import numpy as np

from fedmm.errors import SpecError
from problems.family import Block, Family, clipped, joined, parted

__all__ = ["ConvexProgram", "NotSolved"]

SETTINGS: dict[str, float] = {"max_step_fraction": 0.7, "tol_gap_abs": 1e-14, "tol_gap_rel": 1e-14, "tol_feas": 1e-11}
SETTINGS |= {"reduced_tol_gap_abs": 1e-8, "reduced_tol_gap_rel": 1e-8, "reduced_tol_feas": 1e-8}
"""Clarabel's tolerances; short steps keep it centred, so that it reaches them with exponential and semidefinite cones."""

TILTS = (1e-3, 1e-5)
"""Sizes of the linear terms by which `spread` tilts U_s."""


class NotSolved(ArithmeticError):
    """T(s) was not found; the message says why, without a full stop."""


class ConvexProgram:
    """The compiled program of a family. Not pickled: it is built again from the family.

    Parameters
    ----------
    name : str
        The problem's name, for messages.
    family : Family
        The family.

    Raises
    ------
    SpecError
        If CVXPY is missing, or U_s is not a convex DPP expression of theta and the parameters alone.
    """

    def __init__(self, name: str, family: Family) -> None:
        self.name, self.family = name, family
        self._last: tuple[bytes | None, np.ndarray] = None, np.zeros(0)
        self._lock = threading.Lock()  # the values of parameters and variables are CVXPY's, and shared
        cp = self._cp = _cvxpy(name)
        self._theta = [cp.Variable(block.axes, name=block.name, **_attributes(block)) for block in family.theta]
        self._s = [
            cp.Parameter(block.axes, name=_named(block, form), **_attributes(block, form))
            for block in family.s
            for form in block.forms
        ]
        self._U, self._constraints = self._called(family)
        self._tilt = [cp.Parameter(block.axes, name=f"tilt of {block.name}") for block in family.theta]
        self._target = [cp.Parameter(block.axes, name=f"target of {block.name}") for block in family.theta]
        terms = [cp.sum(cp.multiply(c, v)) for c, v in zip(self._tilt, self._theta, strict=True)]
        away = [cp.sum_squares(v - c) for c, v in zip(self._target, self._theta, strict=True)]
        self._plain = cp.Problem(cp.Minimize(self._U), self._constraints)
        self._check(family)
        self._tilted = cp.Problem(cp.Minimize(self._U + sum(terms)), self._constraints)
        self._nearest = cp.Problem(cp.Minimize(sum(away)), self._constraints)

    def minimize(self, s: np.ndarray, tilt: np.ndarray | None = None) -> np.ndarray:
        r"""T(s), shape (d,); with a `tilt` c, the minimiser of :math:`U_s+\langle c,\theta\rangle`.

        Raises
        ------
        NotSolved
            If there is no minimiser, or the solver did not find it.
        """
        with self._lock:
            if tilt is not None:
                self._set_s(s)
                self._set(self._tilt, tilt)
                return self._solved(self._tilted)
            asked = s.tobytes()
            if asked != self._last[0]:  # a method asks for T(s) twice: for its solution, and to begin the next round
                self._set_s(s)
                self._last = asked, self._solved(self._plain)
            return self._last[1].copy()

    def nearest(self, theta: np.ndarray) -> np.ndarray:
        """The projection of `theta` onto the constraints, shape (d,).

        Raises
        ------
        NotSolved
            If the constraints have no common point.
        """
        with self._lock:
            self._set(self._target, theta)
            return self._solved(self._nearest)

    def objective(self, theta: np.ndarray, s: np.ndarray) -> float:
        """U_s(theta) without the constraints; infinite outside its domain."""
        with self._lock, np.errstate(all="ignore"):
            self._set_s(s)
            self._place(theta)
            value = float(np.asarray(self._U.value).reshape(()))
        return np.inf if np.isnan(value) else value

    def violation(self, theta: np.ndarray) -> float:
        """How far `theta` is from meeting the constraints and signs; 0 inside."""
        flats = parted(self.family.theta, theta, "theta")
        signs = [np.abs(b.clip(flat) - flat).max() for b, flat in zip(self.family.theta, flats, strict=True)]
        with self._lock, np.errstate(all="ignore"):
            self._place(theta)
            broken = [np.max(constraint.violation()) for constraint in self._constraints]
        worst = float(max([*signs, *broken]))
        return np.inf if np.isnan(worst) else worst

    def spread(self, s: np.ndarray, direction: np.ndarray) -> tuple[float, float]:
        r"""How far apart the minimisers of :math:`U_s\pm\delta\langle c,\theta\rangle` are, for the two `TILTS` delta.

        At a unique minimiser they meet as delta falls. If the minimisers of U_s form a set with more than one point, they
        stay on opposite faces of it, for almost every direction c.
        """
        scale = 1.0 + abs(self.objective(self.minimize(s), s))
        far = []
        for size in TILTS:
            try:
                one, other = (self.minimize(s, sign * size * scale * direction) for sign in (1.0, -1.0))
            except NotSolved:
                far.append(np.inf)  # a face that goes to infinity
            else:
                far.append(float(np.abs(one - other).max()))
        return far[0], far[1]

    def _called(self, family: Family) -> tuple[Any, list[Any]]:
        """What the user's function makes of the variables and parameters."""
        cp = self._cp
        try:
            made: Any = family.surrogate(*self._theta, *self._s)
        except Exception as error:
            given = ", ".join(leaf.name() for leaf in (*self._theta, *self._s))
            raise SpecError(
                f"{self.name}: surrogate({given}) raised {type(error).__name__}: {str(error).rstrip('.')}; it is called "
                "with CVXPY variables and parameters of the declared shapes."
            ) from error
        parts: Any = made if isinstance(made, tuple) and len(made) == 2 else (made, [])
        U, constraints = parts
        if not isinstance(U, cp.Expression) or U.size != 1 or not isinstance(constraints, (list, tuple)):
            got = f"shape {U.shape}" if isinstance(U, cp.Expression) else type(U).__name__
            raise SpecError(f"{self.name}: expected surrogate to return a scalar CVXPY expression, or (it, list), got {got}.")
        wrong = [type(c).__name__ for c in constraints if not isinstance(c, cp.constraints.constraint.Constraint)]
        if wrong:
            raise SpecError(f"{self.name}: expected constraints such as theta >= 0, got {wrong[0]} among them.")
        return U, list(constraints)

    def _check(self, family: Family) -> None:
        name, cp = self.name, self._cp
        if not isinstance(self._U, cp.Expression) or not self._U.is_dcp() or not self._U.is_convex():
            raise SpecError(
                f"{name}: the surrogate is not convex by CVXPY's rules (it is {self._U.curvature.lower()}); write U_s with "
                "convex atoms, and declare the signs of the blocks of s that multiply them."
            )
        strange = [c for c in self._constraints if not c.is_dcp()]
        if strange:
            raise SpecError(f"{name}: the constraint {strange[0]} is not convex by CVXPY's rules; write it otherwise.")
        own = {v.id for v in self._theta}
        extra = [v.name() for v in self._plain.variables() if v.id not in own]
        if extra:
            raise SpecError(f"{name}: the surrogate has a variable {extra[0]} besides theta; use CVXPY's atoms instead.")
        if any(c.parameters() for c in self._constraints):
            raise SpecError(f"{name}: a constraint depends on s, but theta's domain is the same for every s; move it into U_s.")
        used = {leaf.id for leaf in (*self._U.parameters(), *self._plain.variables())}
        unused = [p.name() for p in self._s if p.id not in used]
        if unused:
            raise SpecError(f"{name}: the surrogate does not use {unused[0]}; leave out the block, or that form of it.")
        free = [v.name() for v in self._theta if v.id not in used]
        if free:
            raise SpecError(f"{name}: the surrogate does not use {free[0]}, so T(s) is not unique; leave out the block.")
        if not self._plain.is_dcp(dpp=True):
            raise SpecError(
                f"{name}: the surrogate is not DPP (affine in the parameters where they meet theta), so it cannot be compiled "
                "once; use every parameter linearly and declare what else is needed of s as forms, for example "
                "forms=('sqrt',) for sum_squares(theta @ sqrt_s)."
            )

    def _set(self, leaves: list[Any], flat: np.ndarray) -> None:
        for leaf, block, part in zip(leaves, self.family.theta, parted(self.family.theta, flat, "theta"), strict=True):
            leaf.value = block.array(part)

    def _place(self, theta: np.ndarray) -> None:
        """Give the variables this value, whatever their signs."""
        for leaf, block, part in zip(self._theta, self.family.theta, parted(self.family.theta, theta, "theta"), strict=True):
            leaf.save_value(block.array(part))

    def _set_s(self, s: np.ndarray) -> None:
        parts = zip(self.family.s, parted(self.family.s, s, "a statistic"), strict=True)
        try:
            values = [value for block, part in parts for value in block.parameters(part)]
        except ArithmeticError as error:
            raise NotSolved(f"{self.name}: T(s) is not defined: {str(error).rstrip('.')}") from error
        for parameter, value in zip(self._s, values, strict=True):
            parameter.save_value(value)

    def _solved(self, problem: Any) -> np.ndarray:
        error = self._cp.error
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about accuracy: the tolerances above say what is accepted
                problem.solve(solver="CLARABEL", warm_start=False, **SETTINGS)
        except (error.SolverError, ValueError, ArithmeticError) as trouble:
            raise NotSolved(f"{self.name}: T(s) was not found: {str(trouble).splitlines()[0].rstrip('.')}") from trouble
        if problem.status not in ("optimal", "optimal_inaccurate"):
            raise NotSolved(f"{self.name}: {_REASONS.get(problem.status, f'the solver ended with {problem.status}')}")
        blocks = self.family.theta
        flat = joined(blocks, tuple(v.value for v in self._theta), "the solver")
        if not np.isfinite(flat).all():
            raise NotSolved(f"{self.name}: the solver gave values that are not finite")
        return clipped(blocks, flat)


_REASONS = {
    "infeasible": "no theta meets the constraints, so T(s) does not exist",
    "infeasible_inaccurate": "no theta seems to meet the constraints, so T(s) does not exist",
    "unbounded": "the surrogate is unbounded below at this s, so T(s) does not exist; add a penalty or a constraint",
    "unbounded_inaccurate": "the surrogate seems unbounded below at this s; add a penalty or a constraint",
}


def _named(block: Block, form: str) -> str:
    return block.name if form == "itself" else f"{form} of {block.name}"


def _attributes(block: Block, form: str = "itself") -> dict[str, bool]:
    """CVXPY's names of a sign: of the block itself, or of a form of it."""
    if form == "log":
        return {"symmetric": True} if block.square else {}
    return {"any": {}, "nonneg": {"nonneg": True}, "nonpos": {"nonpos": True}, "symmetric": {"symmetric": True}}.get(
        block.sign, {"PSD": True}
    )


def _cvxpy(name: str) -> Any:
    try:
        import cvxpy
    except ImportError as error:
        raise SpecError(f"{name} needs CVXPY, which is not installed; install fedmm[cvxpy].") from error
    return cvxpy
