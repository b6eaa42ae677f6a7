r"""The covariances of Gaussian components: unit, spherical, diagonal; the full one is in `problems.full_covariance`.

Each is a set of functions on components side by side. The complete data of a sample z and its component k have log-density
log pi_k + log N(z; m_k, Sigma_k), linear in a statistic; the prior of a component is

    g_k = (b/2) m' Sigma^{-1} m + (c/2) (log det Sigma + v0 tr Sigma^{-1})          (c = 0 for unit covariances)

and what a component's statistic (s1, s2, s3) is mapped to, with the pseudo-samples that the prior stands for, is

    m = s2 / (s1 + b),      Sigma = (s3 + c v0 I - s2 s2' / (s1 + b)) / (s1 + c).

| covariance | Sigma | statistic, mean of | phi | S |
|---|---|---|---|---|
| unit | I | r (1, z) | (l, m) | s1 >= 0 |
| spherical | v I | r (1, q z, \|z\|^2) | (l, m / (q v), -1/(2v)) | 2 x y >= \|w\|^2 for (x, w, y) |
| diagonal | diag(v) | r (1, q z, z^2) | (l, m / (q v), -1/(2v)) | 2 x y_j >= w_j^2 for all j |
| full | Sigma | r (1, q z, pack(z z')) | (l, Sigma^{-1} m / q, -pack(Sigma^{-1})/2) | [[x, (w/q)'], [w/q, y]] PSD |

with q = sqrt(2), which makes Euclidean projections onto S simple, and l = log pi - (log det Sigma + m' Sigma^{-1} m)/2. There
are as many coordinates in a statistic as in (pi, m, Sigma).

| argument | shape | symbol |
|---|---|---|
| X | (..., n, p) | z, one a row |
| m | (..., K, p) | means |
| cov | (..., K, f) | nothing, v, diag(v), or the packed Sigma: f = 0, 1, p, p(p+1)/2 |
| r | (..., n, K) | responsibilities, divided by n where a mean is meant |
| stat | (..., K, 1 + p + f) | one component a row |
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import log, pi

import numpy as np

from fedmm.arrays import Array, namespace, norm2
from problems.cones import project_rotated, project_shared
from problems.mixtures import first_moments

__all__ = ["FLOOR", "LOG_2PI", "ROOT2", "Covariance", "Diagonal", "Prior", "Spherical", "Unit", "means_of"]

FLOOR = 1e-8
"""What `restrict` lifts variances and eigenvalues to."""

LOG_2PI = log(2.0 * pi)
ROOT2 = 2.0**0.5


@dataclass(frozen=True)
class Prior:
    """b, c and v0 of the docstring above."""

    b: float
    c: float
    scale: float


class Covariance(ABC):
    """What a kind of covariance offers; shapes as above. Subclasses have no state and are final."""

    @abstractmethod
    def free(self, p: int) -> int:
        """f, the numbers that a component's covariance takes."""

    @abstractmethod
    def features(self, size: int) -> int:
        """p where a component has 1 + p + f = `size` coordinates; anything where there is no such p."""

    @abstractmethod
    def of_variance(self, p: int, variance: float) -> list[float]:
        """variance x I, f numbers."""

    @abstractmethod
    def log_density(self, X: Array, m: Array, cov: Array) -> Array:
        """log N(z; m_k, Sigma_k), (..., n, K)."""

    @abstractmethod
    def moments(self, X: Array, r: Array) -> Array:
        """The statistic, (..., K, 1 + p + f)."""

    @abstractmethod
    def fit(self, stat: Array, prior: Prior) -> tuple[Array, Array]:
        """(m, cov) of a statistic.

        Raises
        ------
        ZeroDivisionError
            If a component is empty and no prior says where it is.
        numpy.linalg.LinAlgError
            If a component's covariance is not positive definite.
        """

    @abstractmethod
    def unfit(self, s1: Array, m: Array, cov: Array, prior: Prior) -> Array:
        """A statistic with this s1 (..., K) that `fit` maps to (m, cov)."""

    @abstractmethod
    def demand(self, m: Array, cov: Array, prior: Prior) -> Array:
        """An s1 (..., K) from which on `unfit` is in S."""

    @abstractmethod
    def penalty(self, m: Array, cov: Array, prior: Prior) -> Array:
        """sum_k g_k, (...); only where `inside`."""

    @abstractmethod
    def project(self, stat: Array) -> Array:
        """The Euclidean projection onto S, (..., K, 1 + p + f)."""

    @abstractmethod
    def inside(self, cov: Array) -> Array:
        """Whether all covariances are positive definite, (...)."""

    @abstractmethod
    def restrict(self, cov: Array) -> Array:
        """The projection onto the covariances with eigenvalues >= FLOOR, (..., K, f)."""


class Unit(Covariance):
    """Sigma = I."""

    def free(self, p: int) -> int:
        return 0

    def features(self, size: int) -> int:
        return size - 1

    def of_variance(self, p: int, variance: float) -> list[float]:
        return []

    def log_density(self, X: Array, m: Array, cov: Array) -> Array:
        return -0.5 * (norm2(X)[..., None] - 2.0 * _cross(X, m) + norm2(m)[..., None, :] + X.shape[-1] * LOG_2PI)

    def moments(self, X: Array, r: Array) -> Array:
        s1, s2 = first_moments(X, r)
        return namespace(X).concat([s1[..., None], s2], axis=-1)

    def fit(self, stat: Array, prior: Prior) -> tuple[Array, Array]:
        return means_of(stat[..., 0], stat[..., 1:], prior.b), stat[..., :0]

    def unfit(self, s1: Array, m: Array, cov: Array, prior: Prior) -> Array:
        return namespace(m).concat([s1[..., None], (s1 + prior.b)[..., None] * m], axis=-1)

    def demand(self, m: Array, cov: Array, prior: Prior) -> Array:
        return namespace(m).zeros_like(m[..., 0])

    def penalty(self, m: Array, cov: Array, prior: Prior) -> Array:
        return (0.5 * prior.b) * namespace(m).sum(norm2(m), axis=-1)

    def project(self, stat: Array) -> Array:
        xp = namespace(stat)
        return xp.concat([xp.maximum(stat[..., :1], xp.zeros_like(stat[..., :1])), stat[..., 1:]], axis=-1)

    def inside(self, cov: Array) -> Array:
        xp = namespace(cov)
        return xp.all(xp.all(cov == cov, axis=-1), axis=-1)

    def restrict(self, cov: Array) -> Array:
        return cov


class Diagonal(Covariance):
    """Sigma = diag(v)."""

    def free(self, p: int) -> int:
        return p

    def features(self, size: int) -> int:
        return (size - 1) // 2

    def of_variance(self, p: int, variance: float) -> list[float]:
        return [variance] * p

    def log_density(self, X: Array, m: Array, cov: Array) -> Array:
        xp = namespace(X)
        precise = 1.0 / cov
        square = _cross(X * X, precise) - 2.0 * _cross(X, m * precise) + xp.sum(m * m * precise, axis=-1)[..., None, :]
        return -0.5 * (square + (xp.sum(xp.log(cov), axis=-1) + X.shape[-1] * LOG_2PI)[..., None, :])

    def moments(self, X: Array, r: Array) -> Array:
        s1, s2 = first_moments(X, r)
        xp = namespace(X)
        return xp.concat([s1[..., None], ROOT2 * s2, xp.matrix_transpose(r) @ (X * X)], axis=-1)

    def fit(self, stat: Array, prior: Prior) -> tuple[Array, Array]:
        x, w, y = _diagonal_parts(stat)
        m = means_of(x, w / ROOT2, prior.b)
        return m, _variances(y + prior.c * prior.scale, m * m * (x + prior.b)[..., None], (x + prior.c)[..., None])

    def unfit(self, s1: Array, m: Array, cov: Array, prior: Prior) -> Array:
        wide = s1[..., None]
        y = (wide + prior.c) * cov - prior.c * prior.scale + (wide + prior.b) * m * m
        return namespace(m).concat([wide, ROOT2 * (wide + prior.b) * m, y], axis=-1)

    def demand(self, m: Array, cov: Array, prior: Prior) -> Array:
        xp = namespace(m)
        return xp.max(_demand(m * m / cov, 1.0 / cov, prior), axis=-1)

    def penalty(self, m: Array, cov: Array, prior: Prior) -> Array:
        xp = namespace(m)
        safe = xp.where(cov > 0, cov, xp.ones_like(cov))
        each = prior.b * m * m / safe + prior.c * (xp.log(safe) + prior.scale / safe)
        return 0.5 * xp.sum(xp.sum(each, axis=-1), axis=-1)

    def project(self, stat: Array) -> Array:
        x, w, y = project_shared(*_diagonal_parts(stat))
        return namespace(stat).concat([x[..., None], w, y], axis=-1)

    def inside(self, cov: Array) -> Array:
        xp = namespace(cov)
        return xp.all(xp.all(cov > 0, axis=-1), axis=-1)

    def restrict(self, cov: Array) -> Array:
        xp = namespace(cov)
        return xp.maximum(cov, xp.full_like(cov, FLOOR))


class Spherical(Covariance):
    """Sigma = v I."""

    def free(self, p: int) -> int:
        return 1

    def features(self, size: int) -> int:
        return size - 2

    def of_variance(self, p: int, variance: float) -> list[float]:
        return [variance]

    def log_density(self, X: Array, m: Array, cov: Array) -> Array:
        p, v = X.shape[-1], cov[..., None, :, 0]
        square = norm2(X)[..., None] - 2.0 * _cross(X, m) + norm2(m)[..., None, :]
        return -0.5 * (square / v + p * (namespace(v).log(v) + LOG_2PI))

    def moments(self, X: Array, r: Array) -> Array:
        s1, s2 = first_moments(X, r)
        xp = namespace(X)
        return xp.concat([s1[..., None], ROOT2 * s2, xp.matrix_transpose(r) @ norm2(X)[..., None]], axis=-1)

    def fit(self, stat: Array, prior: Prior) -> tuple[Array, Array]:
        x, w, y = stat[..., 0], stat[..., 1:-1], stat[..., -1]
        m, p = means_of(x, w / ROOT2, prior.b), w.shape[-1]
        v = _variances(y + p * prior.c * prior.scale, norm2(m) * (x + prior.b), p * (x + prior.c))
        return m, v[..., None]

    def unfit(self, s1: Array, m: Array, cov: Array, prior: Prior) -> Array:
        p, v = m.shape[-1], cov[..., 0]
        y = p * ((s1 + prior.c) * v - prior.c * prior.scale) + (s1 + prior.b) * norm2(m)
        return namespace(m).concat([s1[..., None], ROOT2 * (s1 + prior.b)[..., None] * m, y[..., None]], axis=-1)

    def demand(self, m: Array, cov: Array, prior: Prior) -> Array:
        v = cov[..., 0]
        return _demand(norm2(m) / v, 1.0 / v, prior)

    def penalty(self, m: Array, cov: Array, prior: Prior) -> Array:
        xp, v = namespace(m), cov[..., 0]
        safe = xp.where(v > 0, v, xp.ones_like(v))
        each = prior.b * norm2(m) / safe + (prior.c * m.shape[-1]) * (xp.log(safe) + prior.scale / safe)
        return 0.5 * xp.sum(each, axis=-1)

    def project(self, stat: Array) -> Array:
        x, w, y = project_rotated(stat[..., 0], stat[..., 1:-1], stat[..., -1])
        return namespace(stat).concat([x[..., None], w, y[..., None]], axis=-1)

    def inside(self, cov: Array) -> Array:
        return namespace(cov).all(cov[..., 0] > 0, axis=-1)

    def restrict(self, cov: Array) -> Array:
        xp = namespace(cov)
        return xp.maximum(cov, xp.full_like(cov, FLOOR))


def means_of(s1: Array, s2: Array, b: float) -> Array:
    """s2 / (s1 + b), (..., K, p), with s1 (..., K).

    Raises
    ------
    ZeroDivisionError
        If s1 + b is 0.
    """
    xp = namespace(s1)
    count = s1 + b
    if not bool(xp.all(count >= float(xp.finfo(s1.dtype).smallest_normal))):
        raise ZeroDivisionError(
            "gaussian-mixture: a component has no samples, so T(s) does not exist; set b > 0, or take fewer components or "
            "another start."
        )
    return s2 / count[..., None]


def _variances(second: Array, square: Array, count: Array) -> Array:
    """(second - square) / count where that is a positive variance, and more than the rounding of the difference."""
    xp = namespace(second)
    v = second - square
    if not bool(xp.all(v > 8.0 * float(xp.finfo(v.dtype).eps) * second)):
        raise np.linalg.LinAlgError(
            "gaussian-mixture: a component's variance is zero (its samples coincide, or there are none), so T(s) does not "
            "exist; set c > 0, or take fewer components."
        )
    return v / count


def _demand(square: Array, precise: Array, prior: Prior) -> Array:
    """max(b, c (v0/v - 1) + 2 b m^2/v), at least 0: then (s1 + c) v - c v0 >= b (1 + b/s1) m^2."""
    need = prior.c * (prior.scale * precise - 1.0) + 2.0 * prior.b * square
    return namespace(need).clip(need, prior.b, None)


def _cross(X: Array, rows: Array) -> Array:
    """<z_j, row_k>, (..., n, K)."""
    return X @ namespace(X).matrix_transpose(rows)


def _diagonal_parts(stat: Array) -> tuple[Array, Array, Array]:
    p = (stat.shape[-1] - 1) // 2
    return stat[..., 0], stat[..., 1 : 1 + p], stat[..., 1 + p :]
