r"""Smooth strongly convex functions through given points: what a worst case looks like as a problem to run.

Client i's function is the least one of F_{mu,L} through its triplets :math:`(x_k,g_k,F_k)`: a value and a gradient at each of
a few points. With :math:`\tilde L=L-\mu`, :math:`\tilde g_k=g_k-\mu x_k`, :math:`z_k=x_k-\tilde g_k/\tilde L` and
:math:`h_k=F_k-\frac\mu2\|x_k\|^2-\frac1{2\tilde L}\|\tilde g_k\|^2`,

.. math::
    f(x)=\tfrac\mu2\|x\|^2+\min_{\lambda\in\Delta}\ \tfrac{\tilde L}2\Big\|x-\sum_k\lambda_kz_k\Big\|^2+\sum_k\lambda_kh_k,
    \qquad \nabla f(x)=\mu x+\tilde L\Big(x-\sum_k\lambda^*_kz_k\Big).

It takes the given values and gradients wherever they satisfy the interpolation inequalities of the class. The minimum over
the simplex is found exactly, by active sets: its accuracy is what limits a replay.

| argument | symbol |
|---|---|
| x, g, F | points, gradients, values of one client |
| mu, L | the class of this client |

Source: the interpolating function of A. Taylor, J. Hendrickx, F. Glineur, "Smooth strongly convex interpolation and exact
worst-case performance of first-order methods", Math. Programming 161, 2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from fedmm.arguments import check_fields
from fedmm.arrays import Array, as_like, norm2, to_numpy
from fedmm.errors import DataError
from fedmm.federation import Federation
from fedmm.problem import Problem
from fedmm.types import Batch, Facts

__all__ = ["Interpolated", "Triplets", "least_on_simplex"]

SURROGATE = ("v_min", "v_max", "composite_smoothness", "field_lipschitz", "unconstrained")
"""Facts about a surrogate."""

ROUNDING = 1e-13
"""A reduced cost above minus this (relative to the problem's size) is not worth another point."""


class Triplets(NamedTuple):
    """What is known of one client's function.

    Parameters
    ----------
    x, g : array (k, d)
        Points, and the gradients there.
    F : array (k,)
        The values there.
    mu, L : array (1,)
        Strong convexity and smoothness of this client, mu < L.
    """

    x: Array
    g: Array
    F: Array
    mu: Array
    L: Array


@dataclass(frozen=True)
class Interpolated(Problem):
    """The functions through clients' triplets. Data are `Triplets`; the origin is taken to be the minimiser of the mean.

    Values and gradients only: it is a test bed for gradient methods. Not in the catalog.
    """

    name: ClassVar[str] = "interpolated"

    def __post_init__(self) -> None:
        check_fields(self)

    def value(self, data: Triplets, theta: Array) -> Array:
        r""":math:`f_i(\theta)`, shape (...)."""
        return self._both(data, theta)[0]

    def gradient(self, data: Triplets, theta: Array, batch: Batch | None = None) -> Array:
        r""":math:`\nabla f_i(\theta)`, shape (..., d); a batch is the whole client."""
        return self._both(data, theta)[1]

    def start(self, federation: Federation) -> Array:
        """Zeros, the minimiser, shape (d,); worst cases have a start of their own."""
        return as_like(np.zeros(federation[0].x.shape[-1]), federation[0].x)

    def settle(self, federation: Federation, oracles: tuple[type, ...]) -> Interpolated:
        """This problem.

        Raises
        ------
        DataError
            If a client's data are not `Triplets`, or their shapes or constants do not fit.
        """
        for i, data in federation.looked_at():
            _check(i, data)
        return self

    def facts(self, federation: Federation) -> Facts:
        """L, and mu as the clients' mean; nothing else is known of functions through points."""
        mu = sum(w * float(data.mu[0]) for w, data in zip(federation.weights, federation, strict=True))
        known: dict[str, str] = {"smoothness": "exact", "strong_convexity": "bound: the clients' mean"}
        unknown: dict[str, str] = dict.fromkeys((*SURROGATE, "oracle_variance"), "unknown: there is no surrogate")
        unknown["hessian_lipschitz"] = "unknown: gradients have kinks"
        unknown |= dict.fromkeys(("optimum", "lower_bound"), "unknown: only values and gradients at points are given")
        smoothness = max(float(data.L[0]) for data in federation)
        return Facts(smoothness=smoothness, strong_convexity=mu, notes=known | unknown)

    def _both(self, data: Triplets, theta: Array) -> tuple[Array, Array]:
        points = to_numpy(theta).astype(np.float64, copy=False)
        if data.x.ndim == 3:  # a block of clients
            lead = np.broadcast_to(points, (data.x.shape[0], points.shape[-1]))
            parts = [_one(Triplets(*(to_numpy(a[i]) for a in data)), x) for i, x in enumerate(lead)]
        else:
            client = Triplets(*(to_numpy(a) for a in data))
            parts = [_one(client, x) for x in points.reshape(-1, points.shape[-1])]
        values, gradients = np.array([v for v, _ in parts]), np.array([g for _, g in parts])
        shape = (data.x.shape[0],) if data.x.ndim == 3 else points.shape[:-1]
        return as_like(values.reshape(shape), theta), as_like(gradients.reshape(*shape, points.shape[-1]), theta)


def _one(data: Triplets, x: np.ndarray) -> tuple[float, np.ndarray]:
    """Value and gradient at one point."""
    mu, curvature = float(data.mu[0]), float(data.L[0] - data.mu[0])
    tilted = data.g - mu * data.x
    z = data.x - tilted / curvature
    h = data.F - 0.5 * mu * np.asarray(norm2(data.x)) - np.asarray(norm2(tilted)) / (2 * curvature)
    weights = least_on_simplex(z, h / curvature, x)
    apart = x - weights @ z
    value = 0.5 * mu * (x @ x) + 0.5 * curvature * (apart @ apart) + weights @ h
    return float(value), mu * x + curvature * apart


def least_on_simplex(z: np.ndarray, h: np.ndarray, x: np.ndarray) -> np.ndarray:
    r"""The weights that minimise :math:`\frac12\|x-\sum_k\lambda_kz_k\|^2+\sum_k\lambda_kh_k` over the simplex.

    Active sets, started at the best vertex: add the point of the most negative reduced cost; move to the minimiser over the
    affine hull of the active points (along a direction of no curvature to the boundary, if they are dependent), dropping
    points whose weight reaches 0.

    Parameters
    ----------
    z, h, x : array (k, d), array (k,), array (d,)
        Points, linear costs, the place.

    Returns
    -------
    array (k,)
        Nonnegative, with sum 1.
    """
    z = z - x
    at_vertices = 0.5 * np.asarray(norm2(z)) + h
    weights = np.zeros(len(h))
    weights[np.argmin(at_vertices)] = 1.0
    size = 1.0 + np.abs(h).max() + np.abs(z).max() ** 2
    for _ in range(50 * len(h)):
        costs = z @ (weights @ z) + h
        slack = costs - weights @ costs
        best = int(np.argmin(slack))
        if slack[best] >= -ROUNDING * size:
            break
        active = [k for k in range(len(h)) if weights[k] > 0 or k == best]
        _descend(z, h, weights, active)
    return weights


def _descend(z: np.ndarray, h: np.ndarray, weights: np.ndarray, active: list[int]) -> None:
    """To the minimiser over the hull of the active points; those on the boundary are dropped. In place."""
    while True:
        Z, costs = z[active], h[active]
        gradient = Z @ (weights[active] @ Z) + costs
        base = Z[1:] - Z[0]  # directions: weight from the first active point to another
        slope = gradient[1:] - gradient[0]
        values, vectors = np.linalg.eigh(base @ base.T)
        along = vectors.T @ slope
        flat = values <= 1e-14 * max(values.max(initial=0.0), 1e-300)
        falls = flat & (np.abs(along) > ROUNDING * (1.0 + np.abs(slope).max(initial=0.0)))
        step = (
            -vectors @ np.where(falls, along, 0.0)
            if falls.any()
            else -vectors @ (np.where(flat, 0.0, along / np.where(flat, 1.0, values)))
        )
        move = np.concatenate([[-step.sum()], step])
        current = weights[active]
        shrinking = move < 0
        ratios = np.where(shrinking, current / np.where(shrinking, -move, 1.0), np.inf)
        limit = ratios.min(initial=np.inf) if falls.any() else min(1.0, ratios.min(initial=np.inf))
        weights[active] = np.maximum(current + limit * move, 0.0)
        if limit == 1.0 and not falls.any():
            break
        out = active[int(np.argmin(ratios))]
        weights[out] = 0.0
        active.remove(out)
        if len(active) == 1:
            break
    weights /= weights.sum()


def _check(i: int, data: Any) -> None:
    if not isinstance(data, Triplets):
        raise DataError(f"interpolated expects Triplets for client {i}, got {type(data).__name__}; give x, g, F, mu and L.")
    shapes = [tuple(a.shape) for a in data]
    k, d = shapes[0] if len(shapes[0]) == 2 else (0, 0)
    if shapes != [(k, d), (k, d), (k,), (1,), (1,)] or k == 0:
        raise DataError(f"interpolated expects x, g (k, d), F (k,), mu and L (1,) for client {i}, got {shapes}.")
    if not float(data.mu[0]) < float(data.L[0]):
        raise DataError(f"interpolated expects mu < L for client {i}, got mu = {float(data.mu[0])}, L = {float(data.L[0])}.")
