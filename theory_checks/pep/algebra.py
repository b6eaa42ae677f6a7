r"""Vectors and scalars of a symmetric performance estimation problem.

| name here | symbol |
|---|---|
| mean symbols | global vectors and the class means :math:`\bar v_p`: the basis of M |
| deviation symbols | :math:`d_{p,i}=v_{p,i}-\bar v_p`: the basis of :math:`D_c`, one matrix per class c |
| `Vector` | :math:`u_i=\sum_ja_{c,j}(\text{mean symbol }j)+\sum_pd_{c,p}d_{p,i}` for client i of class c, plus noise |
| `Scalar` | :math:`\langle C_M,M\rangle+\sum_c\langle C_{D,c},D_c\rangle+c_F^\top F+c_0` |
| [u.w] | :math:`\sum_c\frac{n_c}N\,(a_c^\top Ma_c'+d_c^\top D_cd_c')`, the inner product averaged over clients, in expectation |

Coefficients are floats, or exact fractions where the problem was declared so: the same program then feeds the solver and
the rational certificate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from fedmm.errors import SpecError

__all__ = ["Inequality", "Noise", "Scalar", "Space", "Vector", "check_space", "grown"]


class Space(Protocol):
    """What vectors ask of the problem they live in."""

    exact: bool

    def number(self, value: Any) -> Any:
        """`value` as a coefficient: a float, or a Fraction where the problem is exact."""
        ...

    def inner(self, u: Vector, w: Vector) -> Scalar:
        """[u.w]."""
        ...

    def average(self, u: Vector) -> Vector:
        """The server's mean of u."""
        ...


@dataclass(frozen=True, eq=False)
class Noise:
    """A zero-mean random family: what `draw` (a compressor, a sampling of clients) adds to `source`."""

    draw: Any
    source: Vector


@dataclass(frozen=True, eq=False)
class Vector:
    """One vector per client, linear in the symbols; equal for all clients if it is global.

    Parameters
    ----------
    space : Space
        The problem it lives in.
    a, d : array (r, n), array (r, m)
        Coefficients of the mean and of the deviation symbols, per class; shorter than the basis means zeros.
    noise : mapping of Noise to (array (r, r), array (r,))
        Coefficients of each noise: of its class means (row: class that sees it), of its deviations.
    """

    space: Space
    a: np.ndarray
    d: np.ndarray
    noise: Mapping[Noise, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    def __add__(self, other: Vector) -> Vector:
        same_space(self, other)
        noise = dict(self.noise)
        for key, (A, D) in other.noise.items():
            mine = noise.get(key)
            noise[key] = (A, D) if mine is None else (mine[0] + A, mine[1] + D)
        return Vector(self.space, added(self.a, other.a), added(self.d, other.d), noise)

    def __mul__(self, factor: Any) -> Vector:
        c = self.space.number(factor)
        noise = {key: (A * c, D * c) for key, (A, D) in self.noise.items()}
        return Vector(self.space, self.a * c, self.d * c, noise)

    __rmul__ = __mul__

    def __neg__(self) -> Vector:
        return self * -1

    def __sub__(self, other: Vector) -> Vector:
        return self + (-other)

    def __truediv__(self, factor: Any) -> Vector:
        return self * (1 / self.space.number(factor))

    def inner(self, other: Vector) -> Scalar:
        """[self.other], averaged over clients, in expectation."""
        same_space(self, other)
        return self.space.inner(self, other)

    def mean(self) -> Vector:
        """The mean over all clients, a global vector."""
        return self.space.average(self)

    def dev(self) -> Vector:
        """The deviation of each client from the mean over all clients."""
        return self - self.mean()


@dataclass(frozen=True, eq=False)
class Scalar:
    """A number that is linear in M, the D_c and F.

    Parameters
    ----------
    space : Space
        The problem it lives in.
    M : array (n, n)
        Symmetric.
    D : array (r, m, m)
        Symmetric, one per class.
    F : array (k,)
        Coefficients of the function values.
    const : number
        The constant.
    """

    space: Space
    M: np.ndarray
    D: np.ndarray
    F: np.ndarray
    const: Any = 0

    def __add__(self, other: Scalar | Any) -> Scalar:
        if not isinstance(other, Scalar):
            return Scalar(self.space, self.M, self.D, self.F, self.const + self.space.number(other))
        same_space(self, other)
        M, D, F = added(self.M, other.M), added(self.D, other.D), added(self.F, other.F)
        return Scalar(self.space, M, D, F, self.const + other.const)

    __radd__ = __add__

    def __mul__(self, factor: Any) -> Scalar:
        c = self.space.number(factor)
        return Scalar(self.space, self.M * c, self.D * c, self.F * c, self.const * c)

    __rmul__ = __mul__

    def __neg__(self) -> Scalar:
        return self * -1

    def __sub__(self, other: Scalar | Any) -> Scalar:
        return self + (-other)

    def __rsub__(self, other: Any) -> Scalar:
        return -self + other

    def __truediv__(self, factor: Any) -> Scalar:
        return self * (1 / self.space.number(factor))

    def __le__(self, other: Scalar | Any) -> Inequality:
        return Inequality(self - other)

    def __ge__(self, other: Scalar | Any) -> Inequality:
        return Inequality(-(self - other))


@dataclass(frozen=True, eq=False)
class Inequality:
    """``left <= 0``, as ``norm2(x) <= R**2`` makes it."""

    left: Scalar
    label: str = ""

    def __bool__(self) -> bool:
        raise SpecError("An inequality between scalars has no truth value before it is solved; pass it to assume(...).")


def same_space(u: Vector | Scalar, w: Vector | Scalar) -> None:
    """Refuse to mix two problems: their symbols mean different things."""
    check_space(u.space, w)


def check_space(space: Any, *things: Vector | Scalar) -> None:
    """Refuse vectors and scalars of another problem than `space`."""
    if any(thing.space is not space for thing in things):
        raise SpecError("Expected vectors and scalars of one problem, got them from two; build all of them on the same SymPEP.")


def grown(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """x, with zeros after its last entries, in `shape`."""
    if x.shape == shape:
        return x
    full = np.zeros(shape, dtype=x.dtype)
    full[tuple(slice(0, k) for k in x.shape)] = x
    return full


def added(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x + y, the shorter one filled with zeros."""
    if x.shape == y.shape:
        return x + y
    shape = tuple(max(pair) for pair in zip(x.shape, y.shape, strict=True))
    return grown(x, shape) + grown(y, shape)
