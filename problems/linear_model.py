r"""What convex losses of a linear score share: reweighted least squares, and the constants of the theory.

    f_i(theta) = (1/n_i) sum_j l(x_ij' theta; y_ij) + (ridge/2) |theta|^2

Where l is a concave function of the squared residual, weights w_j = l'/r at tau give the surrogate of `problems.curved` with
c = 2: psi = (ridge/2) |theta|^2, phi = (theta, -theta theta'), and the statistic

    s1 = mean_j w_j y_j x_j,   s2 = mean_j w_j x_j x_j' / 2,

s2 packed (`fedmm.symmetric`). A problem's own formulas are in its own file.

| argument | symbol |
|---|---|
| weights | w_j, (..., n) |
| bounds | suprema of the derivatives of l in the score |
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fedmm.arrays import Array, data_tdot, namespace, to_numpy
from fedmm.federation import Federation, Samples
from fedmm.penalty import Penalty
from fedmm.symmetric import pack
from fedmm.types import Facts
from problems.gram import largest_eigenvalue, row_norms, weighted_gram
from problems.prox_gradient import surrogate_facts

__all__ = ["Bounds", "linear_facts", "reweighted", "reweighted_variance", "smoothness"]


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


def reweighted(data: Samples, weights: Array) -> Array:
    r"""(s1, packed s2), shape (..., d + d(d+1)/2), for the weights (..., n)."""
    X: Array = data.X
    shares = weights * (1.0 / X.shape[-2])
    return namespace(weights).concat([data_tdot(X, shares * data.y), pack(weighted_gram(X, 0.5 * shares))], axis=-1)


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
    g: Penalty,
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
    ridge : float
        lambda.
    g : Penalty
        The penalty.
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
        known = surrogate_facts(rho, L, g)
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
