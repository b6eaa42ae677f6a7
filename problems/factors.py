"""Matrices in flat vectors, row by row: what the problems whose parameter is a matrix share."""

from __future__ import annotations

from fedmm.arrays import Array, namespace

__all__ = ["check_matrix", "columns", "flat"]


def columns(theta: Array, r: int) -> Array:
    """The matrix (..., p, r) in theta (..., p r)."""
    return namespace(theta).reshape(theta, (*theta.shape[:-1], theta.shape[-1] // r, r))


def flat(A: Array) -> Array:
    """The vector (..., p r) of a matrix (..., p, r)."""
    return namespace(A).reshape(A, (*A.shape[:-2], A.shape[-2] * A.shape[-1]))


def check_matrix(theta: Array, r: int) -> None:
    """Refuse a theta that is not a matrix of r columns, row by row, of finite numbers.

    Raises
    ------
    ValueError
        Saying what it is.
    """
    if theta.ndim == 0 or theta.shape[-1] == 0 or theta.shape[-1] % r:
        raise ValueError(f"Expected theta of shape (..., p * {r}), got {tuple(theta.shape)}.")
    xp = namespace(theta)
    if not bool(xp.all(xp.isfinite(theta))):
        raise ValueError("Expected finite theta, got NaN or infinity; no statistic maps to it.")
