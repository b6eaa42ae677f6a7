"""One problem on one federation, the random points to look at, and assertions that show their numbers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from fedmm.arrays import Array, is_sparse, leaves, to_numpy
from fedmm.federation import Federation
from fedmm.problem import Problem

__all__ = ["NO_SURROGATE", "Case", "assert_below", "assert_close", "inside", "slope"]

NO_SURROGATE = "the problem offers no surrogate"
"""Why a law of surrogates does not apply."""


class Case:
    """A problem, settled on a federation, and where to look at it.

    Parameters
    ----------
    problem : Problem
        As given by the user; `Case.problem` is the settled one.
    federation : Federation
        NumPy float64 data, dense or sparse.
    theta : array (d,) or None
        Around where to look; None takes the problem's start, moved at random.
    seed : int
        The seed of everything random.
    outside : tuple of array (d,)
        Parameters outside the range of T.
    """

    def __init__(
        self,
        problem: Problem,
        federation: Federation,
        theta: Array | None = None,
        seed: int = 0,
        outside: tuple[Array, ...] = (),
    ) -> None:
        self.given, self.federation, self.seed, self.outside = problem, federation, seed, outside
        self.oracles = problem.oracles
        self.problem: Any = problem.settle(federation, problem.oracles)  # Any: the laws ask `oracles` what it offers
        self.clients = list(federation)
        self.rng = np.random.default_rng(seed)
        start = to_numpy(self.problem.start(federation))
        self.theta = start + 0.5 * self.rng.standard_normal(start.shape) if theta is None else theta

    @property
    def sparse(self) -> bool:
        """Whether the first client's data are sparse."""
        return any(is_sparse(leaf) for _, leaf in leaves(self.clients[0]))

    @property
    def accuracy(self) -> float:
        """How exact the problem's T is beyond rounding (`Problem.accuracy`)."""
        return self.problem.accuracy

    @cached_property
    def facts(self) -> Any:
        """The problem's facts on the federation."""
        return self.problem.facts(self.federation)

    def points(self, count: int, scale: float = 1.0) -> np.ndarray:
        """`count` random parameters around theta, inside the problem's domain, shape (count, d)."""
        spread = scale * (1.0 + np.abs(self.theta).mean())
        free = self.theta + 0.5 * spread * self.rng.standard_normal((count, *self.theta.shape))
        return inside(self.problem, self.theta, free)

    def direction(self) -> np.ndarray:
        """A random unit vector, shape (d,)."""
        v = self.rng.standard_normal(self.theta.shape)
        return v / np.linalg.norm(v)

    def pair(self) -> tuple[Any, Any]:
        """The first client and another of the same shape; itself where there is none."""
        first = self.clients[0]
        for other in self.clients[1:]:
            if _shapes(other) == _shapes(first):
                return first, other
        return first, first

    def objective(self, theta: Array) -> float:
        """W(theta) = sum_i w_i f_i(theta) + g(theta)."""
        pairs = zip(self.federation.weights, self.clients, strict=True)
        return float(sum(w * self.problem.value(data, theta) for w, data in pairs) + self.problem.penalty(theta))


def _shapes(data: Any) -> list[tuple[int, ...]]:
    return [tuple(leaf.shape) for _, leaf in leaves(data)]


def inside(problem: Problem, center: np.ndarray, points: np.ndarray) -> np.ndarray:
    r"""`points` (m, d), those outside the domain replaced by the middle of `center` and their restriction.

    In a convex domain that is an interior point if `center` is one, so that difference quotients make sense there. Where
    the domain is not convex the middle may lie outside it, and is restricted once more.
    """
    restricted = problem.restrict(points)
    moved = np.any(restricted != points, axis=-1, keepdims=True)
    return np.where(moved, problem.restrict(0.5 * (center + restricted)), points)


def slope(function: Callable[[np.ndarray], Any], x: np.ndarray, v: np.ndarray) -> Any:
    """The derivative of `function` at `x` along `v`, by fourth-order central differences."""
    h = 1e-3 * (1.0 + np.abs(x).mean())
    near = function(x + h * v) - function(x - h * v)
    far = function(x + 2 * h * v) - function(x - 2 * h * v)
    return (8.0 * near - far) / (12.0 * h)


def assert_close(what: str, got: Any, want: Any, rtol: float) -> None:
    """|got - want| <= rtol (1 + max |want|) in every entry, and equal shapes."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"{what}: shapes {got.shape} and {want.shape} differ"
    error, allowed = float(np.abs(got - want).max()), rtol * (1.0 + float(np.abs(want).max()))
    assert error <= allowed, f"{what} differ by {error:.3g}, more than {allowed:.3g}"


def assert_below(what: str, small: float, large: float, rtol: float = 1e-11) -> None:
    """small <= large up to rounding."""
    small, large = float(small), float(large)
    assert small <= large + rtol * (1.0 + abs(large)), f"{what}: {small!r} > {large!r}"
