r"""Symmetric matrices as flat vectors, isometrically.

`pack` maps a symmetric K x K matrix to its upper triangle, row by row, with off-diagonal entries scaled by sqrt(2), so that
:math:`\langle pack(A), pack(B)\rangle = \mathrm{tr}(AB)` and Euclidean projections in packed form are Frobenius projections.
Every function takes one leading axis.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from fedmm.arrays import Array, as_like, namespace, take_last

__all__ = ["order", "pack", "packed_size", "project_psd", "unpack"]


def packed_size(K: int) -> int:
    """K(K+1)/2: the length of a packed K x K matrix."""
    return K * (K + 1) // 2


def order(q: int) -> int:
    """K with K(K+1)/2 = q.

    Raises
    ------
    ValueError
        If `q` is not a triangular number.
    """
    K = (int((8 * q + 1) ** 0.5) - 1) // 2
    if packed_size(K) != q:
        raise ValueError(f"Expected a packed symmetric matrix of length K(K+1)/2, got length {q}.")
    return K


@lru_cache(maxsize=64)
def _layout(K: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Flat positions of the upper triangle, their scales, and for every matrix entry its packed position and scale."""
    rows, cols = np.triu_indices(K)
    scale = np.where(rows == cols, 1.0, np.sqrt(2.0))
    where = np.empty((K, K), dtype=np.int64)
    where[rows, cols] = where[cols, rows] = np.arange(rows.size)
    back = (1.0 / scale)[where.ravel()]
    return rows * K + cols, scale, where.ravel(), back


def pack(A: Array) -> Array:
    """The packed vector (..., K(K+1)/2) of symmetric `A` (..., K, K); only the upper triangle is read."""
    K = A.shape[-1]
    flat, scale, _, _ = _layout(K)
    xp = namespace(A)
    return take_last(xp.reshape(A, (*A.shape[:-2], K * K)), as_like(flat, A)) * as_like(scale, A)


def unpack(a: Array) -> Array:
    """The symmetric matrix (..., K, K) of a packed vector (..., K(K+1)/2)."""
    K = order(a.shape[-1])
    _, _, where, back = _layout(K)
    xp = namespace(a)
    return xp.reshape(take_last(a, as_like(where, a)) * as_like(back, a), (*a.shape[:-1], K, K))


def project_psd(a: Array, floor: float = 0.0) -> Array:
    """Euclidean projection of packed `a` onto the matrices with eigenvalues >= `floor`."""
    xp = namespace(a)
    values, vectors = xp.linalg.eigh(unpack(a))
    if bool(xp.all(values >= floor)):
        return a
    values = xp.where(values < floor, xp.full_like(values, floor), values)
    return pack((vectors * values[..., None, :]) @ xp.linalg.matrix_transpose(vectors))
