r"""Penalties g by name: l1, elastic net, a box, the group lasso; each with its prox and a right inverse of it.

| penalty | g | prox of rho g |
|---|---|---|
| l1 | :math:`a\|\theta\|_1` | soft(v, rho a) |
| elastic-net | :math:`a\|\theta\|_1+\frac b2\|\theta\|^2` | soft(v, rho a) / (1 + rho b) |
| box | 0 if low <= theta_j <= high for all j, else infinity | clip(v, low, high) |
| group-lasso | :math:`a\sum_b\|\theta_b\|` over consecutive blocks of m coordinates | :math:`\max(1-\rho a/\|v_b\|,0)\,v_b` |

with soft(v, t) = v - clip(v, -t, t).

| argument | symbol |
|---|---|
| theta | the parameter, (..., d) |
| weight, l1; l2; size | a; b; m |
| step | rho > 0 |

Source: N. Parikh and S. Boyd, "Proximal algorithms", Foundations and Trends in Optimization 1, 2014 (the prox table); group
lasso: M. Yuan and Y. Lin, JRSS B 68, 2006 (there with a weight of sqrt(m) a block, here with the weight as given).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from fedmm.arguments import check_fields
from fedmm.arrays import Array, namespace, norm2
from fedmm.errors import SpecError
from fedmm.penalty import Penalty

__all__ = ["CATALOG", "L1", "Box", "ElasticNet", "GroupLasso", "chosen", "in_words", "l1", "l1_lift", "l1_prox"]

ROUNDING = 64
"""Machine epsilons, relative to the bounds, by which a sum of points of a box may leave it."""


@dataclass(frozen=True)
class L1(Penalty):
    r"""a times the sum of the absolute values: sparse parameters.

    Parameters
    ----------
    weight : float
        a >= 0.

    Raises
    ------
    SpecError
        If it is negative or not finite.
    """

    weight: float

    name: ClassVar[str] = "l1"

    def __post_init__(self) -> None:
        check_fields(self)
        _weights(self.name, weight=self.weight)

    def __str__(self) -> str:
        return f"l1 {self.weight:g}"

    def value(self, theta: Array) -> Array:
        return l1(theta, self.weight)

    def prox(self, theta: Array, step: float) -> Array:
        return l1_prox(theta, step * self.weight)

    def lift(self, theta: Array, step: float) -> Array:
        return l1_lift(theta, step * self.weight)

    def shrinkage(self, step: float) -> float | None:
        return 1.0 if self.weight == 0 else None


@dataclass(frozen=True)
class ElasticNet(Penalty):
    r"""A sum of an l1 penalty and a ridge: sparse parameters, correlated ones together.

    Parameters
    ----------
    l1, l2 : float
        a >= 0 and b >= 0.

    Raises
    ------
    SpecError
        If one is negative or not finite.
    """

    l1: float
    l2: float

    name: ClassVar[str] = "elastic-net"

    def __post_init__(self) -> None:
        check_fields(self)
        _weights(self.name, l1=self.l1, l2=self.l2)

    def __str__(self) -> str:
        return f"elastic net {self.l1:g}, {self.l2:g}"

    def value(self, theta: Array) -> Array:
        return l1(theta, self.l1) + (0.5 * self.l2) * norm2(theta)

    def prox(self, theta: Array, step: float) -> Array:
        return l1_prox(theta, step * self.l1) / (1.0 + step * self.l2)

    def lift(self, theta: Array, step: float) -> Array:
        return l1_lift(theta * (1.0 + step * self.l2), step * self.l1)

    @property
    def strong_convexity(self) -> float:
        """b."""
        return self.l2

    def shrinkage(self, step: float) -> float | None:
        return 1.0 / (1.0 + step * self.l2) if self.l1 == 0 else None


@dataclass(frozen=True)
class Box(Penalty):
    """Every coordinate between two bounds; without arguments, no coordinate negative.

    Parameters
    ----------
    low, high : float
        low <= high; minus infinity and infinity leave a side open.

    Raises
    ------
    SpecError
        If there is no number between them, or one is NaN.
    """

    low: float = 0.0
    high: float = float("inf")

    name: ClassVar[str] = "box"

    def __post_init__(self) -> None:
        check_fields(self)
        if not (self.low <= self.high and self.low < float("inf") and self.high > float("-inf")):
            raise SpecError(f"Expected box.low <= box.high with a number between them, got {self.low} and {self.high}.")

    def __str__(self) -> str:
        return f"box [{self.low:g}, {self.high:g}]"

    def value(self, theta: Array) -> Array:
        xp = namespace(theta)
        bounds = [abs(bound) for bound in (self.low, self.high) if abs(bound) < float("inf")]
        allowed = ROUNDING * float(xp.finfo(theta.dtype).eps) * max(bounds, default=0.0)
        out = xp.any((theta < self.low - allowed) | (theta > self.high + allowed), axis=-1)
        zero = xp.zeros_like(theta[..., 0])
        return xp.where(out, xp.full_like(zero, float("inf")), zero)

    def prox(self, theta: Array, step: float) -> Array:
        return self.restrict(theta)

    def lift(self, theta: Array, step: float) -> Array:
        if not bool(namespace(theta).all(self.value(theta) == 0)):
            raise ValueError(f"Expected every coordinate of theta in the {self}; use restrict(theta).")
        return theta

    def restrict(self, theta: Array) -> Array:
        return namespace(theta).clip(theta, self.low, self.high)

    def shrinkage(self, step: float) -> float | None:
        return 1.0 if self.low == float("-inf") and self.high == float("inf") else None


@dataclass(frozen=True)
class GroupLasso(Penalty):
    r"""a times the sum of the norms of blocks: all of a block of m consecutive coordinates is zero, or nothing of it.

    Parameters
    ----------
    weight : float
        a >= 0, the same for every block.
    size : int
        m >= 1, a divisor of the length of theta.

    Raises
    ------
    SpecError
        If a field is out of range; by every method, if m does not divide the length of theta.
    """

    weight: float
    size: int

    name: ClassVar[str] = "group-lasso"

    def __post_init__(self) -> None:
        check_fields(self)
        _weights(self.name, weight=self.weight)
        if self.size < 1:
            raise SpecError(f"Expected group-lasso.size >= 1, got {self.size}.")

    def __str__(self) -> str:
        return f"group lasso {self.weight:g} on blocks of {self.size}"

    def value(self, theta: Array) -> Array:
        xp = namespace(theta)
        return self.weight * xp.sum(xp.sqrt(norm2(self._blocks(theta))), axis=-1)

    def prox(self, theta: Array, step: float) -> Array:
        blocks = self._blocks(theta)
        if self.weight == 0:
            return theta
        xp = namespace(theta)
        norms = xp.sqrt(norm2(blocks))[..., None]
        zero = xp.zeros_like(norms)
        kept = norms > step * self.weight
        share = xp.where(kept, 1.0 - (step * self.weight) / xp.where(kept, norms, zero + 1.0), zero)
        return xp.reshape(blocks * share, theta.shape)

    def lift(self, theta: Array, step: float) -> Array:
        blocks = self._blocks(theta)
        xp = namespace(theta)
        norms = xp.sqrt(norm2(blocks))[..., None]
        safe = xp.where(norms > 0, norms, xp.zeros_like(norms) + 1.0)  # a zero block is lifted to itself
        return xp.reshape(blocks + blocks * ((step * self.weight) / safe), theta.shape)

    def check_length(self, d: int) -> None:
        if d % self.size:
            raise SpecError(f"Expected theta in blocks of group-lasso.size = {self.size}, got length {d}; choose a divisor.")

    def shrinkage(self, step: float) -> float | None:
        return 1.0 if self.weight == 0 else None

    def _blocks(self, theta: Array) -> Array:
        """theta as (..., number of blocks, m)."""
        d = theta.shape[-1]
        self.check_length(d)
        return namespace(theta).reshape(theta, (*theta.shape[:-1], d // self.size, self.size))


CATALOG: tuple[type[Penalty], ...] = (L1, Box, ElasticNet, GroupLasso)
"""Every penalty, by its class."""


@lru_cache(maxsize=64)
def chosen(name: str, weight: float, g: Penalty | None) -> Penalty:
    """The penalty of the problem `name` with the fields ``l1=weight`` and ``g=g``; L1(0) where there is none.

    Raises
    ------
    SpecError
        If both are given.
    """
    if weight and g is not None:
        raise SpecError(f"{name} has both l1={weight:g} and g={g}; keep one (g=ElasticNet(l1, l2) is a sum of two).")
    return L1(weight) if g is None else g


def in_words(g: Penalty) -> str | None:
    """What g is, in a few words, or None when it is zero."""
    return None if g.shrinkage(1.0) == 1.0 else str(g)


def l1(theta: Array, weight: float) -> Array:
    r""":math:`a\|\theta\|_1`, shape (...)."""
    xp = namespace(theta)
    return weight * xp.sum(xp.abs(theta), axis=-1)


def l1_prox(theta: Array, weight: float) -> Array:
    r""":math:`\mathrm{sign}(\theta)\max(|\theta|-a,0)`: soft thresholding, (..., d). `theta` itself for a = 0."""
    if weight == 0:
        return theta
    xp = namespace(theta)
    return theta - xp.clip(theta, -weight, weight)


def l1_lift(theta: Array, weight: float) -> Array:
    r""":math:`\theta+a\,\mathrm{sign}(\theta)`, which `l1_prox` maps back to theta; (..., d)."""
    return theta + weight * namespace(theta).sign(theta)


def _weights(name: str, **weights: float) -> None:
    for field, value in weights.items():
        if not 0 <= value < float("inf"):
            raise SpecError(f"Expected {name}.{field} >= 0 and finite, got {value}.")
