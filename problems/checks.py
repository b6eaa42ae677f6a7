"""What the problems ask of their own constants and of their data, once, before round 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fedmm.arrays import Array, as_like, is_sparse, namespace, to_numpy
from fedmm.checks import check_array, numeric
from fedmm.errors import DataError, SpecError
from fedmm.federation import Federation, Samples

__all__ = [
    "check_classes",
    "check_constants",
    "check_labels",
    "check_liftable",
    "check_query",
    "check_supervised",
    "check_unlabelled",
    "zeros",
]


def check_constants(name: str, rho: float | None, **constants: float) -> None:
    """Refuse a penalty weight that is negative, a step that is not positive, or either that is not a finite number.

    Raises
    ------
    SpecError
        Naming the field.
    """
    for field, value in constants.items():
        if not 0 <= value < float("inf"):
            raise SpecError(f"Expected {name}.{field} >= 0 and finite, got {value}.")
    if rho is not None and not 0 < rho < float("inf"):
        raise SpecError(f"Expected {name}.rho > 0 and finite, got {rho}; leave it out for 1/max_i L_i.")


def check_supervised(name: str, federation: Federation) -> None:
    """Refuse data that are not `Samples` with a 2-D X and one target a row, of X's dtype.

    Raises
    ------
    DataError
        Naming the client.
    """
    for i, data in federation.looked_at():
        X, y = data if isinstance(data, Samples) else (None, None)
        if X is None or y is None:
            raise DataError(f"{name} expects Samples(X, y) for client {i}, got {_kind(data)}; give both.")
        if X.ndim != 2 or tuple(y.shape) != (X.shape[0],):
            raise DataError(f"{name} expects X (n, d) and y (n,) for client {i}: got {tuple(X.shape)} and {tuple(y.shape)}.")
        if is_sparse(X) and X.format != "csr":
            raise DataError(f"{name} expects a dense X or a CSR one for client {i}, got {X.format}; call X.tocsr().")
        if X.dtype != y.dtype:  # a float64 y would silently turn a float32 run into float64
            raise DataError(f"{name} expects y in the dtype of X ({X.dtype}) for client {i}, got {y.dtype}; cast y.")


def check_unlabelled(name: str, federation: Federation, sparse: bool = True) -> None:
    """Refuse data that are not `Samples` with a 2-D X, dense or, where `sparse`, in CSR form. y is not looked at.

    Raises
    ------
    DataError
        Naming the client.
    """
    for i, data in federation.looked_at():
        if not isinstance(data, Samples):
            kind = type(data).__name__
            raise DataError(f"{name} expects Samples(X) for client {i}, got {kind}; write Samples(array).")
        if is_sparse(data.X) and not sparse:
            raise DataError(f"{name} expects a dense X (n, p) for client {i}, got a sparse one; convert it.")
        if is_sparse(data.X) and data.X.format != "csr":
            raise DataError(f"{name} expects a dense X or a CSR one for client {i}, got {data.X.format}; call X.tocsr().")
        if data.X.ndim != 2:
            raise DataError(f"{name} expects X (n, p) for client {i}, got shape {tuple(data.X.shape)}; put one sample a row.")


def check_query(name: str, theta: Array, X: Array, fits: Callable[[int, int], bool]) -> tuple[Array, Array]:
    """theta (..., d) and X (..., n, p) as `predict` and the like want them: arrays of finite numbers, where ``fits(d, p)``.

    Raises
    ------
    DataError
        Naming the argument.
    """
    theta, X = numeric(theta, "theta"), numeric(X, "X")
    check_array(theta, "theta")
    check_array(X, "X")
    if theta.ndim < 1 or X.ndim < 2 or not fits(int(theta.shape[-1]), int(X.shape[-1])):
        raise DataError(
            f"{name} expects theta and then X with one sample a row, of the width it was solved for; "
            f"got theta of shape {tuple(theta.shape)} and X of shape {tuple(X.shape)}."
        )
    return theta, X


def check_labels(name: str, federation: Federation) -> None:
    """Refuse targets other than -1 and +1.

    Raises
    ------
    DataError
        Naming the client and the labels found.
    """
    for i, data in federation.looked_at():
        if not bool(namespace(data.y).all(abs(data.y) == 1)):
            found = np.unique(to_numpy(data.y))
            shown = ", ".join(f"{label:g}" for label in found[:5]) + (", ..." if len(found) > 5 else "")
            remedy = "use 2 * y - 1" if set(found) <= {0.0, 1.0} else "map one class to -1 and the other to +1"
            raise DataError(f"{name} expects labels -1 and +1, got {shown} for client {i}; {remedy}.")


def check_classes(name: str, federation: Federation, classes: int | None) -> int:
    """The number of classes: `classes`, or the largest label of any client and 1. Labels are whole numbers from 0.

    Raises
    ------
    DataError
        Naming the client and the label.
    """
    most, n = 0, 0
    for i, data in enumerate(federation) if classes is None else federation.looked_at():  # counting takes a look at everybody
        y = to_numpy(data.y)
        wrong = y[(y < 0) | (y != np.floor(y))]
        if wrong.size:
            raise DataError(
                f"{name} expects labels 0, 1, ..., K - 1 that are whole numbers, got {wrong[0]:g} for client {i}; renumber."
            )
        most, n = max(most, int(y.max())), n + y.size
        if classes is not None and most >= classes:
            raise DataError(f"{name} has classes={classes}, labels 0 to {classes - 1}, but client {i} has {most}; raise classes.")
    if classes is None and most > max(1, n):  # theta would have a row for each label that never occurs
        raise DataError(f"{name} counts classes by the largest label, {most:.6g} among {n} samples; renumber, or give classes.")
    return max(most + 1, 2) if classes is None else classes


def check_liftable(theta: Array) -> None:
    """Refuse a theta without coordinates, or with NaN or infinite ones: no statistic maps to it.

    Raises
    ------
    ValueError
        Saying which.
    """
    if theta.ndim == 0:
        raise ValueError("Expected theta of shape (..., d), got a scalar; no statistic maps to it.")
    xp = namespace(theta)
    if not bool(xp.all(xp.isfinite(theta))):
        raise ValueError("Expected finite theta, got NaN or infinity; no statistic maps to it.")


def zeros(like: Array) -> Array:
    """d zeros in the library and dtype of `like` (..., d), which may be sparse."""
    return as_like(np.zeros(like.shape[-1]), like)


def _kind(data: Any) -> str:
    return "Samples without y" if isinstance(data, Samples) else type(data).__name__
