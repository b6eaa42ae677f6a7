r"""What convex losses of a linear score share: surrogates with a packed curvature, and the constants of the theory.

    f_i(theta) = (1/n_i) sum_j l(x_ij' theta; y_ij) + (ridge/2) |theta|^2

A quadratic majoriser l(z; y) <= l(c; y) + l'(c; y) (z - c) + (k/2) (z - c)^2 of curvature k = k(c, y) gives the surrogate
family psi = (ridge/2) |theta|^2, phi = (theta, -(scale/2) theta theta'), with the statistic

    s1 = mean_j (k_j c_j - l'_j) x_j,   s2 = mean_j k_j x_j x_j' / scale,   c_j = x_j' tau,
    T(s) = (scale s2 + ridge I)^{-1} s1,   S = R^d x PSD,

s2 packed (`fedmm.symmetric`). A problem's own formulas are in its own file.

| argument | symbol |
|---|---|
| pull | k_j c_j - l'_j, (..., n) |
| weights | k_j / scale, (..., n) or (n,) |
| scale | 1, or 2 where the family is written with phi = (theta, -theta theta') |
| bounds | suprema of the derivatives of l in z |
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fedmm.arrays import Array, as_like, cholesky_solve, data_tdot, is_sparse, namespace, to_numpy
from fedmm.errors import SpecError
from fedmm.federation import Federation
from fedmm.symmetric import pack, packed_size, project_psd, unpack
from fedmm.types import Facts
from problems.gram import largest_eigenvalue, mean_gram, weighted_gram
from problems.penalties import L1
from problems.prox_gradient import surrogate_facts

__all__ = [
    "Bounds",
    "check_rank",
    "lift",
    "linear_facts",
    "minimize",
    "project",
    "reweighted_variance",
    "row_norms",
    "smoothness",
    "statistic",
]


class Bounds(NamedTuple):
    """Certified bounds of a loss l(z; y), over all z and y.

    Parameters
    ----------
    slope : float or None
        sup |l'|; None if it is unbounded.
    curvature : float
        sup l''.
    jerk : float or None
        sup |l'''|; None if l'' jumps.
    least : float
        inf l.
    """

    slope: float | None
    curvature: float
    jerk: float | None
    least: float


def statistic(X: Array, pull: Array, weights: Array) -> Array:
    r"""(s1, packed s2) :math:`=\frac1n\sum_j(pull_jx_j,\;weights_jx_jx_j^\top)`, shape (..., d + d(d+1)/2)."""
    n = X.shape[-2]
    s1 = data_tdot(X, pull * (1.0 / n))
    s2 = pack(weighted_gram(X, weights * (1.0 / n)))
    return namespace(s1).concat([s1, s2 + 0.0 * s1[..., :1]], axis=-1)  # the zero lends s1's leading axis


def minimize(stat: Array, scale: float, ridge: float, what: str) -> Array:
    r""":math:`(scale\,s_2+\lambda I)^{-1}s_1`, shape (..., d).

    Raises
    ------
    numpy.linalg.LinAlgError
        If the matrix is not positive definite; the message begins with `what`.
    """
    s1, s2 = _split(stat)
    return cholesky_solve(scale * unpack(s2) + as_like(ridge * np.eye(s1.shape[-1]), s1), s1, what)


def lift(theta: Array, scale: float, ridge: float) -> Array:
    r""":math:`((1+\lambda)\theta,\;I/scale)`: the statistic of white features and k = 1 that `minimize` maps to theta."""
    s2 = pack(as_like(np.eye(theta.shape[-1]) / scale, theta)) + 0.0 * theta[..., :1]
    return namespace(theta).concat([(1.0 + ridge) * theta, s2], axis=-1)


def project(stat: Array) -> Array:
    """(s1, s2 with its negative eigenvalues set to 0), shape (..., d + d(d+1)/2)."""
    s1, s2 = _split(stat)
    return namespace(stat).concat([s1, project_psd(s2)], axis=-1)


def check_rank(problem: str, federation: Federation) -> None:
    """Refuse pooled features of rank less than d, for which T is not defined without a ridge.

    Raises
    ------
    SpecError
        Naming the rank.
    """
    d = federation[0].X.shape[-1]
    rank = int(np.linalg.matrix_rank(mean_gram(federation), hermitian=True))
    if rank < d:
        raise SpecError(
            f"{problem} and ridge 0 needs features of full rank, got rank {rank} of {d}, "
            "so that T(s) is not defined; set ridge > 0 or surrogate='gradient'."
        )


def row_norms(X: Array) -> np.ndarray:
    """The norms of the rows of `X` (n, d), dense or sparse, in NumPy float64."""
    if is_sparse(X):
        return np.sqrt(np.asarray(X.astype(np.float64).multiply(X).sum(axis=1)).ravel())
    return np.linalg.norm(to_numpy(X).astype(np.float64, copy=False), axis=1)


def reweighted_variance(federation: Federation) -> list[float]:
    r""":math:`\mathrm{mean}_j(y_{ij}^2\|x_{ij}\|^2+\|x_{ij}\|^4/4)` of every client.

    It bounds the squared norm of a sample's :math:`(wyx,wxx^\top/2)` for weights of at most 1, and so its variance.
    """
    found = []
    for data in federation:
        squares, y = row_norms(data.X) ** 2, to_numpy(data.y).astype(np.float64, copy=False)
        found.append(float(np.mean(y * y * squares + 0.25 * squares * squares)))
    return found


def smoothness(federation: Federation, curvature: float, ridge: float) -> list[float]:
    r""":math:`L_i=\sup l''\,\lambda_{\max}(X_i^\top X_i)/n_i+\lambda` of every client."""
    return [curvature * largest_eigenvalue(data.X).value / data.X.shape[0] + ridge for data in federation]


def linear_facts(
    federation: Federation,
    bounds: Bounds,
    ridge: float,
    l1: float,
    rho: float | None,
    notes: dict[str, str],
    variance: tuple[float, ...] | None = None,
) -> Facts:
    r"""The constants of a problem of this kind, all certified bounds.

    Parameters
    ----------
    federation : Federation
        The clients' `Samples`.
    bounds : Bounds
        Of the loss.
    ridge, l1 : float
        lambda and a.
    rho : float or None
        The step of the gradient surrogate; None for the surrogate with a packed curvature.
    notes : dict
        How the suprema of `bounds` are known, and why those are None that are, by the fields of `Facts` they end in.
    variance : tuple of float or None
        sigma_i^2 of the surrogate with a packed curvature. For the gradient surrogate it is
        :math:`\rho^2\sup|l'|^2\,\mathrm{mean}_j\|x_{ij}\|^2`.
    """
    L = smoothness(federation, bounds.curvature, ridge)
    norms = [row_norms(data.X) for data in federation]
    if rho is None:
        why = "unknown: B(s) and the field depend on s without a uniform bound"
        fields = ("v_min", "v_max", "composite_smoothness", "field_lipschitz")
        known: dict[str, Any] = {"unconstrained": False, "notes": dict.fromkeys(fields, why) | {"unconstrained": "exact"}}
    else:
        known = surrogate_facts(rho, L, L1(l1))
        slope = bounds.slope
        variance = None if slope is None else tuple((rho * slope) ** 2 * float(np.mean(r**2)) for r in norms)
    general = {
        "strong_convexity": "bound: the ridge alone",
        "optimum": "unknown: no closed form",
        "lower_bound": "bound: every term is at least its infimum",
    }
    return Facts(
        smoothness=max(L),
        strong_convexity=ridge,
        hessian_lipschitz=None if bounds.jerk is None else bounds.jerk * max(float(np.mean(r**3)) for r in norms),
        oracle_variance=variance,
        lower_bound=bounds.least,
        **{**known, "notes": general | notes | known["notes"]},
    )


def _split(stat: Array) -> tuple[Array, Array]:
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
