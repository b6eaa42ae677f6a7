r"""Surrogates with a curvature of their own, :math:`\phi=(\theta,-\frac c2\theta\theta^\top)`, for a ridge and a penalty g:

    S = (s1, s2) in R^d x PSD,   s2 packed,      U_s = g + (ridge/2) |theta|^2 - <s1, theta> + (c/2) theta' s2 theta,
    T(s) = (c s2 + ridge I)^{-1} s1  where g is zero or a ridge,  else by `problems.inner`, from `start`, to a tolerance.

T(s) is unique where c s2 + ridge I is positive definite or g is strongly convex; elsewhere it is refused.

| argument | symbol |
|---|---|
| curvature | c: 1 for Boehning's surrogate, 2 for that of Jaakkola and Jordan |
| white | w: lift takes s2 = w I, the curvature at 0 of features with identity covariance |
| ridge, g | lambda, g |
"""

from __future__ import annotations

import numpy as np

from fedmm.arrays import Array, all_finite, as_like, cholesky_solve, namespace, to_numpy
from fedmm.errors import SpecError
from fedmm.federation import Federation
from fedmm.penalty import Penalty
from fedmm.symmetric import pack, packed_size, project_psd, unpack
from problems.gram import mean_gram
from problems.inner import by_row, minimize_quadratic

__all__ = ["bounds", "check_rank", "lift", "minimize", "project", "split"]


def split(stat: Array) -> tuple[Array, Array]:
    """(s1, s2) of a statistic of length d + d(d+1)/2 = d(d+3)/2.

    Raises
    ------
    ValueError
        If the length is not of that form.
    """
    q = stat.shape[-1]
    d = (int((8 * q + 9) ** 0.5) - 3) // 2
    if d + packed_size(d) != q:
        raise ValueError(f"Expected a statistic (s1, packed s2) of length d + d(d+1)/2, got length {q}.")
    return stat[..., :d], stat[..., d:]


def minimize(stat: Array, curvature: float, ridge: float, g: Penalty, start: Array | None, tolerance: float, what: str) -> Array:
    r"""T(s), shape (..., d).

    Raises
    ------
    numpy.linalg.LinAlgError
        If T(s) is not unique; the message begins with `what`.
    """
    s1, s2 = split(stat)
    bare = ridge == 0 and g.strong_convexity == 0  # nothing but the data keeps P away from singular
    if stat.ndim > 1 and (bare or g.shrinkage(1.0) is None or not all_finite(stat)):

        def alone(s: Array, first: Array | None) -> Array:
            return minimize(s, curvature, ridge, g, first, tolerance, what)

        return by_row(alone, stat, start)
    if not all_finite(stat):
        return s1 * float("nan")  # the run says that it diverged
    P = curvature * unpack(s2) + as_like(ridge * np.eye(s1.shape[-1]), s1)
    if g.shrinkage(1.0) is not None:  # g is zero or a ridge
        if bare:
            bounds(P, g, what)  # Cholesky alone passes some matrices that are singular to rounding
        return cholesky_solve(P + as_like(g.strong_convexity * np.eye(s1.shape[-1]), s1), s1, what)
    least, largest = bounds(P, g, what)

    def product(theta: Array) -> Array:
        return P @ theta

    return minimize_quadratic(product, least, largest, s1, g, start, tolerance)


def bounds(P: Array, g: Penalty, what: str) -> tuple[float, float]:
    """The extreme eigenvalues of symmetric `P` (d, d).

    Raises
    ------
    numpy.linalg.LinAlgError
        If P is not positive definite to rounding, and g not strongly convex; the message begins with `what`.
    """
    spectrum = np.asarray(to_numpy(namespace(P).linalg.eigvalsh(P)), dtype=float)
    least, largest = float(spectrum.min()), float(spectrum.max())
    rounding = spectrum.shape[-1] * float(namespace(P).finfo(P.dtype).eps) * abs(largest)
    if least + g.strong_convexity <= rounding:
        raise np.linalg.LinAlgError(f"{what} is not positive definite, so that T(s) need not be unique; add a ridge.")
    return max(least, 0.0), max(largest, rounding)


def lift(theta: Array, curvature: float, white: float, ridge: float, g: Penalty) -> Array:
    r""":math:`((cw+\lambda)\theta+u,\,wI)` with :math:`u\in\partial g(\theta)`, shape (..., q).

    Raises
    ------
    ValueError
        If theta is outside the domain of g.
    """
    subgradient = g.lift(theta, 1.0) - theta
    s2 = pack(as_like(white * np.eye(theta.shape[-1]), theta)) + 0.0 * theta[..., :1]
    return namespace(theta).concat([(curvature * white + ridge) * theta + subgradient, s2], axis=-1)


def project(stat: Array) -> Array:
    """(s1, s2 with its negative eigenvalues set to 0)."""
    s1, s2 = split(stat)
    return namespace(stat).concat([s1, project_psd(s2)], axis=-1)


def check_rank(name: str, surrogate: str, federation: Federation, g: Penalty) -> None:
    """Refuse pooled features of rank less than d where nothing else makes T(s) unique. For a problem without ridge.

    Raises
    ------
    SpecError
        Naming the rank.
    """
    if g.strong_convexity > 0:
        return
    d = federation[0].X.shape[-1]
    rank = int(np.linalg.matrix_rank(mean_gram(federation), hermitian=True))
    if rank < d:
        raise SpecError(
            f"{name} with surrogate {surrogate!r} and ridge 0 needs features of full rank, got rank {rank} of {d}, "
            "so that T(s) is not unique; set ridge > 0 or surrogate='gradient'."
        )
