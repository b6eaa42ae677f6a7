r"""A family of your own: T(s) given as a CVXPY program, S-bar as a Python function.

    f_i <= f_i(tau) + psi - psi(tau) - <S_i(tau), phi - phi(tau)>,     T(s) = argmin g + psi - <s, phi>

You write U_s = g + psi - <s, phi> once, with CVXPY, and the statistic S_i; every surrogate method then runs on it. The
program is compiled once and solved again with new parameter values (`problems.convex_program`). Data reach your
functions as NumPy arrays, one client at a time; results come back in the library and dtype of theta.

What is checked before round 0, beyond shapes: that U_s is convex and DPP; that T(s) exists at the mean statistic of
the start; and that it is unique there, by minimising U_s +- delta <c, theta> for one random direction c: the two
minimisers must come together as delta falls from 1e-3 to 1e-5, relative to 1 + |U_s|. That finds a set of minimisers
with more than one point at this one statistic (for almost every c) if it is wider than about 1e-4; it is no proof for
every s. That your S_i makes U_s a majoriser is what `fedmm.testing.check_problem` checks.

| argument | symbol |
|---|---|
| family | U_s, S_i, f_i, g; `problems.family` |
| accuracy | how exact T(s) is, relative to 1 + max |T(s)| |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from fedmm.arguments import check_fields
from fedmm.arrays import Array, as_like, is_sparse, leaves, map_leaves, to_numpy
from fedmm.errors import DataError, FedmmError, SpecError
from fedmm.federation import Federation, Samples
from fedmm.keys import Key
from fedmm.problem import Problem
from fedmm.types import Batch, Facts, HasSurrogate
from problems.batches import take
from problems.checks import check_liftable
from problems.convex_program import ConvexProgram, NotSolved
from problems.family import Block, Family, clipped, family_at, joined, parted

__all__ = ["Custom"]


@dataclass(frozen=True)
class Custom(Problem):
    r"""A surrogate family of your own, T(s) as a CVXPY program and S-bar as a Python function; needs the extra ``fedmm[cvxpy]``.

    Parameters
    ----------
    family : Family or str
        The family, or its address: "package.module:NAME" or "file.py:NAME". Only an address can be written to a recipe.
        Left out, the shipped example (`problems.monotone`).
    accuracy : float
        How exact T(s) is as computed, relative to 1 + max |T(s)|: the laws allow as much, and points of theta's domain
        may break the constraints by as much. The default suits exponential and semidefinite cones; programs with
        quadratic and linear terms reach 1e-9, save where a constraint is active with multiplier zero.
    axes : int or None
        The number of axes of the first array of a client's data, filled in by `settle`; one more means a block.

    Raises
    ------
    SpecError
        If there is no such family.
    """

    family: Family | str = "problems.monotone:MONOTONE"
    accuracy: float = 1e-6
    axes: int | None = None

    name: ClassVar[str] = "custom"
    demo: ClassVar[Mapping[str, Any]] = {
        "data": "breast-cancer",
        "partition": "dirichlet:0.3",
        "clients": 10,
        "method": "fedmm",
        "rounds": 40,
        "set": {"method.step": 0.5},
    }

    def __post_init__(self) -> None:
        check_fields(self)
        if not 0 < self.accuracy < 1:
            raise SpecError(f"Expected custom.accuracy in (0, 1), got {self.accuracy}.")
        self.given  # noqa: B018 - an address is looked up now, so that a wrong one is refused now

    @cached_property
    def given(self) -> Family:
        """The family itself."""
        return family_at(self.family) if isinstance(self.family, str) else self.family

    @cached_property
    def program(self) -> ConvexProgram:
        """The compiled program."""
        return ConvexProgram(self.name, self.given)

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: what is cached is built again."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def liftable(self) -> bool:
        """Whether the family has a lift."""
        return self.given.lift is not None

    @property
    def penalized(self) -> str | None:
        """That there is a penalty or a constraint, if there is one."""
        return "the family's own" if self.given.penalty is not None else None

    def value(self, data: Any, theta: Array) -> Array:
        r""":math:`f_i(\theta)`, shape (...)."""

        def one(data: Any, theta: np.ndarray) -> np.ndarray:
            return np.asarray(self._number("value", data, *self._theta(theta)))

        return self._each(one, theta, data, theta)

    def penalty(self, theta: Array) -> Array:
        r""":math:`g(\theta)`, shape (...); infinite where theta breaks the constraints by more than `accuracy` allows."""

        def one(data: None, theta: np.ndarray) -> np.ndarray:
            return np.asarray(self._g(theta) if self.program.violation(theta) <= self._allowed(theta) else np.inf)

        return self._each(one, theta, None, theta)

    def restrict(self, theta: Array) -> Array:
        """The projection of theta onto the constraints and signs, shape (..., d); theta itself where it meets them."""

        def one(data: None, theta: np.ndarray) -> np.ndarray:
            inside = clipped(self.given.theta, theta)
            return inside if self.program.violation(theta) <= self._allowed(theta) else self.program.nearest(theta)

        return self._each(one, theta, None, theta)

    def statistic(self, data: Any, theta: Array, batch: Batch | None = None, warm: Any = None) -> tuple[Array, Any]:
        r""":math:`\bar S_i(\theta)`, shape (..., q)."""
        if batch is not None:
            if not isinstance(data, Samples) and len(list(leaves(data))) != 1:
                raise DataError(f"custom draws batches of Samples or of an array, got {type(data).__name__}; use batch=None.")
            data = take(data, batch) if isinstance(data, Samples) else take(Samples(data), batch).X

        def one(data: Any, theta: np.ndarray) -> np.ndarray:
            return joined(self.given.s, self._call("statistic", data, *self._theta(theta)), "statistic(data, theta)")

        return self._each(one, theta, data, theta), None

    def minimize(self, stat: Array, start: Array | None = None) -> Array:
        """T(s), shape (..., d).

        Raises
        ------
        ArithmeticError
            If T(s) does not exist, or the solver did not find it.
        """

        def one(data: None, s: np.ndarray) -> np.ndarray:
            return self.program.minimize(s)

        return self._each(one, stat, None, stat)

    def lift(self, theta: Array) -> Array:
        """The family's own, shape (..., q).

        Raises
        ------
        ValueError
            If it has none, or theta is a scalar, not finite, or outside the constraints.
        """
        if self.given.lift is None:
            raise ValueError("This family has no lift, and there is no numerical way to find one; use start='mean'.")
        check_liftable(theta)

        def one(data: None, theta: np.ndarray) -> np.ndarray:
            if self.program.violation(theta) > self._allowed(theta):
                raise ValueError("Expected theta inside the family's signs and constraints; no statistic maps to it.")
            return joined(self.given.s, self._call("lift", *self._theta(theta)), "lift(theta)")

        return self._each(one, theta, None, theta)

    def nil(self, theta: Array) -> Array:
        """Zeros (..., q)."""
        q = sum(block.size for block in self.given.s)
        return 0.0 * theta[..., :1] + as_like(np.zeros(q), theta)

    def project(self, stat: Array) -> Array:
        """The family's own projection, or every block onto its declared sign, shape (..., q)."""

        def one(data: None, s: np.ndarray) -> np.ndarray:
            if self.given.project is None:
                return clipped(self.given.s, s)
            flats = parted(self.given.s, s, "a statistic")
            arrays = [block.array(flat) for block, flat in zip(self.given.s, flats, strict=True)]
            return joined(self.given.s, self._call("project", *arrays), "project(s)")

        return self._each(one, stat, None, stat)

    def majorizer(self, data: Any, theta: Array, at: Array) -> Array:
        r""":math:`f_i(\tau)+(U_s-g)(\theta)-(U_s-g)(\tau)` with :math:`s=\bar S_i(\tau)`, shape (...)."""

        def one(data: Any, theta: np.ndarray, at: np.ndarray) -> np.ndarray:
            s = joined(self.given.s, self._call("statistic", data, *self._theta(at)), "statistic(data, theta)")
            here, there = (self.program.objective(x, s) for x in (theta, at))
            if here == np.inf:  # g is infinite there too
                return np.asarray(np.inf)
            smooth = (here - self._g(theta)) - (there - self._g(at))
            return np.asarray(self._number("value", data, *self._theta(at)) + smooth)

        return self._each(one, theta, data, theta, at)

    def start(self, federation: Federation) -> Array:
        """Zeros; identity matrices and ones where a sign is declared; moved onto the constraints. Shape (d,)."""
        blocks = self.given.theta
        first = np.concatenate([block.flat(_beginning(block), "the start") for block in blocks])
        leaf = next(leaf for _, leaf in leaves(federation[0]))
        try:
            return as_like(self.restrict(first), leaf)
        except NotSolved as error:
            raise SpecError(f"{str(error).rstrip('.')}.") from error

    def settle(self, federation: Federation, oracles: tuple[type, ...]) -> Custom:
        """This problem, once its functions and its program were tried at the start.

        Raises
        ------
        SpecError
            If the program is not one that CVXPY can compile once, T(s) does not exist or is not unique at the first
            statistic, or a function raises.
        DataError
            If a function returns something of another shape, or not finite.
        """
        settled = replace(self, axes=next(leaf for _, leaf in leaves(federation[0])).ndim)
        theta, total, weight = to_numpy(settled.start(federation)).astype(np.float64), None, 0.0
        for i, data in federation.looked_at():
            s = settled.statistic(data, theta)[0]
            if not np.isfinite(s).all() or np.isnan(settled.value(data, theta)):
                which = "value" if np.isfinite(s).all() else "statistic"
                raise DataError(f"custom: {which}(data, theta) of client {i} is not finite at the start; mend it.")
            total = federation.weights[i] * s + (0.0 if total is None else total)
            weight += federation.weights[i]
        if HasSurrogate in oracles and total is not None:
            settled._check_minimiser(settled.project(total / (weight or 1.0)))
        return settled

    def facts(self, federation: Federation) -> Facts:
        """Whether S is all of R^q; the constants of a program are unknown."""
        unconstrained = self.given.project is None and all(block.sign in ("any", "symmetric") for block in self.given.s)
        why = "a family given as a program has no constants worked out"
        silent = {name: why for name in Facts.__dataclass_fields__ if name not in ("notes", "unconstrained")}
        return Facts(unconstrained=unconstrained, notes=silent | {"unconstrained": "exact: by the declared signs of s"})

    def _check_minimiser(self, s: np.ndarray) -> None:
        try:
            theta = self.program.minimize(s)
            direction = Key(0, purpose=("custom", "unique")).generator().standard_normal(theta.shape)
            far, near = self.program.spread(s, direction / np.linalg.norm(direction))
        except NotSolved as error:
            raise SpecError(f"{str(error).rstrip('.')} (at the mean statistic of the start).") from error
        if near == np.inf:
            raise SpecError(
                "custom: the surrogate has a flat direction that goes to infinity at the mean statistic of the start (tilted by "
                "1e-5 it is unbounded below), so T(s) is not unique; add a small ridge to the surrogate and to g."
            )
        if near > 1e-4 * (1.0 + float(np.abs(theta).max())) and near > 0.3 * far:
            raise SpecError(
                f"custom: T(s) is not unique at the mean statistic of the start: tilting U_s by 1e-3 and by 1e-5 along a random "
                f"direction moves its minimiser by {far:.3g} and by {near:.3g}; add a small ridge to the surrogate and to g."
            )

    def _allowed(self, theta: np.ndarray) -> float:
        """How far theta may break the constraints: as T(s) may, and as rounding to single precision may."""
        return (self.accuracy + 1e-6) * (1.0 + float(np.abs(theta).max()))

    def _theta(self, theta: np.ndarray) -> list[np.ndarray]:
        parts = parted(self.given.theta, theta, "theta")
        return [block.array(part) for block, part in zip(self.given.theta, parts, strict=True)]

    def _g(self, theta: np.ndarray) -> float:
        return 0.0 if self.given.penalty is None else self._number("penalty", *self._theta(theta))

    def _number(self, which: str, *arguments: Any) -> float:
        """A number, by one of the family's functions."""
        found = np.asarray(self._call(which, *arguments))
        if found.size != 1 or found.dtype.kind not in "fiu":
            raise DataError(f"custom: expected {which} to return a number, got shape {found.shape} of {found.dtype}.")
        return float(found.reshape(()))

    def _call(self, which: str, *arguments: Any) -> Any:
        """One of the family's functions; what it raises is named after it."""
        try:
            return getattr(self.given, which)(*arguments)
        except (FedmmError, ArithmeticError, np.linalg.LinAlgError, MemoryError):
            raise  # a client's arithmetic may fail in a round, and is then reported as its failure
        except Exception as error:
            said = f"{type(error).__name__}: {str(error).rstrip('.')}"
            given = ", ".join(_shape(leaf) for argument in arguments for _, leaf in leaves(argument))
            raise SpecError(f"custom: the family's {which} raised {said}; it was called with arrays {given}.") from error

    def _each(self, one: Callable[..., np.ndarray], like: Array, data: Any, *vectors: Array) -> Array:
        """`one` client at a time, one vector at a time, in the library and dtype of `like`."""
        plain = map_leaves(lambda x: x if is_sparse(x) else to_numpy(x), data)
        flats = [to_numpy(v).astype(np.float64, copy=False) for v in vectors]
        first = next((leaf for _, leaf in leaves(plain)), None)
        block = first is not None and first.ndim > (2 if self.axes is None else self.axes)
        counts = {len(v) for v in flats if v.ndim > 1} | ({len(first)} if first is not None and block else set())
        if not counts:
            return as_like(np.asarray(one(plain, *flats)), like)
        rows = [
            one(map_leaves(lambda x, k=k: x[k], plain) if block else plain, *(v[k] if v.ndim > 1 else v for v in flats))
            for k in range(max(counts))
        ]
        return as_like(np.stack(rows), like)


def _shape(x: Array) -> str:
    return f"{tuple(x.shape)}{' (SciPy sparse)' if is_sparse(x) else ''}"


def _beginning(block: Block) -> np.ndarray:
    if block.sign in ("symmetric", "psd"):
        return np.eye(block.axes[0])
    return {"nonneg": np.ones, "nonpos": lambda shape: -np.ones(shape)}.get(block.sign, np.zeros)(block.axes)
