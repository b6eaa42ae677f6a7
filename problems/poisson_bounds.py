r"""What is known of Poisson regression on its domain: the checks of the data, and the constants of the theory.

    identity link, theta >= lower:     mu >= lower |x|_1,            l'' = y/mu^2,   |l'''| = 2 y/mu^3,  l' = 1 - y/mu
    log link, |theta_k| <= radius:     |log mu| <= radius |x|_1,     l'' = mu,       l''' = mu,          l' = mu - y

as functions of z = x' theta. Either way mu - y log mu >= y - y log y. A row of zeros has no count (`check_identity`), and
counts for nothing.

| argument | symbol |
|---|---|
| X, y | a client's features and counts |
| lower, radius | of the domain |
| L | the Lipschitz constants of the clients' gradients |
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fedmm.arrays import Array, is_sparse, to_numpy
from fedmm.errors import DataError
from fedmm.federation import Federation
from fedmm.types import Facts
from problems.gram import largest_eigenvalue, row_norms
from problems.penalties import Box
from problems.prox_gradient import surrogate_facts

__all__ = ["box_facts", "box_smoothness", "check_box", "check_counts", "check_identity", "free_facts", "identity_facts"]

SURROGATE = ("v_min", "v_max", "composite_smoothness", "field_lipschitz")


def check_counts(i: int, y: Array) -> None:
    """Refuse negative counts of client `i`.

    Raises
    ------
    DataError
        Naming the least.
    """
    least = float(to_numpy(y).min())
    if least < 0:
        raise DataError(f"poisson expects counts y >= 0, got {least:g} for client {i}; drop or correct these samples.")


def check_identity(i: int, X: Array, y: Array) -> None:
    """Refuse features of client `i` for which a rate could be negative, or 0 where there is a count.

    Raises
    ------
    DataError
        Naming the least feature, or the row.
    """
    least = float((X.data if is_sparse(X) else to_numpy(X)).min(initial=0.0))
    if least < 0:
        raise DataError(
            f"poisson with link 'identity' expects features >= 0, got {least:g} for client {i}; use link='log', or code "
            "the feature as two, one for each sign."
        )
    impossible = (_sums(X) == 0) & (to_numpy(y) > 0)
    if impossible.any():
        raise DataError(
            f"poisson with link 'identity' gives row {int(np.argmax(impossible))} of client {i} rate 0, for all its features "
            "are 0, but its count is positive; drop it, or append a column of ones."
        )


def check_box(i: int, X: Array, radius: float) -> None:
    """Refuse a box on which the rates of client `i` leave the range of the dtype.

    Raises
    ------
    DataError
        Naming the largest radius.
    """
    dtype = to_numpy(X.data if is_sparse(X) else X).dtype
    room = 0.5 * float(np.log(float(np.finfo(dtype).max)))  # half: for squares, and sums over samples
    largest = float(_sums(X).max())
    if radius * largest > room:
        raise DataError(
            f"poisson with radius {radius:g} has rates up to exp({radius * largest:.4g}) for client {i}, whose squares {dtype} "
            f"does not hold; take radius <= {room / largest:.3g}, or scale the features down."
        )


def box_smoothness(federation: Federation, radius: float, ridge: float) -> list[float]:
    r""":math:`L_i=\lambda_{\max}(\mathrm{mean}_je^{radius\|x_{ij}\|_1}x_{ij}x_{ij}^\top)+\lambda` of every client."""
    return [_smoothness(X, np.exp(radius * _sums(X)), ridge) for X, _ in federation]


def identity_facts(federation: Federation, lower: float, ridge: float) -> Facts:
    r"""The constants for the identity link; a sample's statistic has :math:`\|s_1\|\le y`, :math:`\|s_2\|=\|x\|`."""
    L, jerks, variance = [], [], []
    for X, y in federation:
        y, norms, least = _plain(y), row_norms(X), lower * _sums(X)
        rate = np.where(least > 0, least, 1.0)
        L.append(_smoothness(X, y / rate**2, ridge))
        jerks.append(float(np.mean(2.0 * y * (norms / rate) ** 3)))
        variance.append(float(np.mean(y**2 + norms**2)))
    why = "unknown: phi = (log theta, -theta), so that B(s) has no uniform bound over S"
    notes = dict.fromkeys(SURROGATE, why) | {
        "smoothness": "bound: max_i of mean_j y x x'/(lower |x|_1)^2",
        "hessian_lipschitz": "bound: max_i mean_j 2 y |x|^3/(lower |x|_1)^3",
        "oracle_variance": "bound: mean_j (y^2 + |x|^2)",
        "unconstrained": "exact",
    }
    return _facts(
        federation,
        ridge,
        notes,
        smoothness=max(L),
        hessian_lipschitz=max(jerks),
        oracle_variance=tuple(variance),
        unconstrained=False,
    )


def box_facts(federation: Federation, radius: float, ridge: float, rho: float) -> Facts:
    """The constants for the log link on its box."""
    L, jerks, variance = box_smoothness(federation, radius, ridge), [], []
    for X, y in federation:
        norms, top = row_norms(X), np.exp(radius * _sums(X))
        jerks.append(float(np.mean(top * norms**3)))
        variance.append(rho**2 * float(np.mean(np.maximum(top, _plain(y)) ** 2 * norms**2)))
    known = surrogate_facts(rho, L, Box(-radius, radius))
    kink = "unknown: T clips to the box, and B(s) vanishes on the coordinates at its faces"
    notes = known.pop("notes") | dict.fromkeys(("v_min", "v_max", "composite_smoothness"), kink)
    notes |= {
        "smoothness": "bound: max_i of mean_j exp(radius |x|_1) x x', on the box",
        "hessian_lipschitz": "bound: max_i mean_j exp(radius |x|_1) |x|^3, on the box",
        "oracle_variance": "bound: rho^2 mean_j max(exp(radius |x|_1), y)^2 |x|^2",
    }
    rest = {"smoothness": max(L), "hessian_lipschitz": max(jerks), "oracle_variance": tuple(variance)}
    return _facts(federation, ridge, notes, **rest, **known)


def free_facts(federation: Federation, ridge: float) -> Facts:
    """The constants for the log link without a box: hardly any."""
    unbounded = ("smoothness", "hessian_lipschitz", "oracle_variance", *SURROGATE, "unconstrained")
    why = "none: without a radius the derivatives of exp are unbounded, and there is no surrogate"
    return _facts(federation, ridge, dict.fromkeys(unbounded, why))


def _facts(federation: Federation, ridge: float, notes: dict[str, str], **known: Any) -> Facts:
    least = 0.0
    for w, (_, y) in zip(federation.weights, federation, strict=True):
        counts = _plain(y)
        least += w * float(np.mean(counts - counts * np.log(np.where(counts > 0, counts, 1.0))))
    common = {
        "strong_convexity": "bound: the ridge alone",
        "optimum": "unknown: no closed form",
        "lower_bound": "bound: mean (y - y log y), the least of every term",
    }
    return Facts(strong_convexity=ridge, lower_bound=least, notes=common | notes, **known)


def _smoothness(X: Array, bend: np.ndarray, ridge: float) -> float:
    """lambda_max(X' diag(bend) X)/n + ridge."""
    factors = np.sqrt(bend)
    if is_sparse(X):
        Z = X.astype(np.float64)
        Z.data = Z.data * np.repeat(factors, np.diff(X.indptr))
    else:
        Z = to_numpy(X) * factors[:, None]
    return largest_eigenvalue(Z).value / X.shape[0] + ridge


def _sums(X: Array) -> np.ndarray:
    """|x_j|_1 of every row, in NumPy float64."""
    return np.asarray(abs(X if is_sparse(X) else to_numpy(X)).sum(axis=1, dtype=np.float64)).ravel()


def _plain(y: Array) -> np.ndarray:
    return to_numpy(y).astype(np.float64, copy=False)
