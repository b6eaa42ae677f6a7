r""":math:`X^\top D X` and its extreme eigenvalues, dense and sparse.

| argument | symbol |
|---|---|
| X | X, samples in rows, (n, d) |
| weights | the diagonal of D, (n,), not negative |

The eigenvalues are for facts and default steps, not for oracles: they are computed in NumPy float64 whatever holds the
data.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fedmm.arrays import Array, is_sparse, namespace, to_numpy
from fedmm.federation import Federation

__all__ = ["Bound", "gram", "largest_eigenvalue", "mean_gram", "row_norms", "weighted_gram"]

SPARSE_SIDE = 2000
"""Up to this length of the smaller side, a sparse matrix's Gram matrix is formed and its eigenvalue is exact."""


class Bound(NamedTuple):
    """A number that is exact (to rounding), or else a certified upper bound."""

    value: float
    exact: bool


def gram(X: Array) -> Array:
    r""":math:`X^\top X/n`, shape (..., d, d), dense, for `X` (..., n, d) dense or sparse."""
    if is_sparse(X):
        return (X.T @ X).toarray() * (1.0 / X.shape[0])
    return (namespace(X).matrix_transpose(X) @ X) * (1.0 / X.shape[-2])


def weighted_gram(X: Array, weights: Array) -> Array:
    r""":math:`X^\top\mathrm{diag}(w)X`, shape (..., d, d), dense; a leading axis on `X`, on `weights`, or on both.

    Parameters
    ----------
    X : array (..., n, d) or sparse matrix (n, d)
        Samples in rows.
    weights : array (..., n)
        Not negative: the product is formed as :math:`Z^\top Z`, which is exactly symmetric and half the work.
    """
    if is_sparse(X):
        if weights.ndim > 1:
            return np.stack([weighted_gram(X, w) for w in weights])
        Z = X.copy()
        Z.data = X.data * np.repeat(np.sqrt(weights), np.diff(X.indptr))
        return (Z.T @ Z).toarray()
    xp = namespace(X)
    Z = X * xp.sqrt(weights)[..., None]
    return xp.matrix_transpose(Z) @ Z


def largest_eigenvalue(X: Array) -> Bound:
    r""":math:`\lambda_{\max}(X^\top X)` from the Gram matrix of the smaller side.

    For sparse `X` with both sides over 2000: :math:`\max_j (Gv)_j/v_j` with :math:`G=|X|^\top|X|`, which bounds
    :math:`\lambda_{\max}(G)\ge\lambda_{\max}(X^\top X)` for every v > 0 (Collatz and Wielandt); v comes from power
    iterations.

    Parameters
    ----------
    X : array (n, d) or sparse matrix (n, d)
        Samples in rows.
    """
    if not is_sparse(X):
        dense = to_numpy(X).astype(np.float64, copy=False)
        small = dense.T @ dense if dense.shape[0] >= dense.shape[1] else dense @ dense.T
        return Bound(float(np.linalg.eigvalsh(small)[-1]), exact=True)
    X = X.astype(np.float64)
    if min(X.shape) <= SPARSE_SIDE:
        small = (X.T @ X if X.shape[0] >= X.shape[1] else X @ X.T).toarray()
        return Bound(float(np.linalg.eigvalsh(small)[-1]), exact=True)
    X = abs(X)
    v = np.ones(X.shape[1])
    best = np.inf
    for _ in range(20):
        Gv = X.T @ (X @ v)
        best = min(best, float(np.max(Gv / v)))
        v = np.maximum(Gv, 1e-12 * np.max(Gv)) if np.any(Gv) else v  # v stays positive on empty columns
    return Bound(best, exact=False)


def mean_gram(federation: Federation) -> np.ndarray:
    r""":math:`\sum_i w_i X_i^\top X_i/n_i` (d, d) in NumPy float64, for a federation of `Samples`."""
    total = 0.0
    for w, data in zip(federation.weights, federation, strict=True):
        X = data.X
        if not is_sparse(X):
            X = to_numpy(X).astype(np.float64, copy=False)
        product: Any = X.T @ X
        total = total + (w / X.shape[0]) * (product.toarray() if is_sparse(product) else product)
    return np.asarray(total)


def row_norms(X: Array) -> np.ndarray:
    """The norms of the rows of `X` (n, d), dense or sparse, in NumPy float64."""
    if is_sparse(X):
        return np.sqrt(np.asarray(X.astype(np.float64).multiply(X).sum(axis=1)).ravel())
    return np.linalg.norm(to_numpy(X).astype(np.float64, copy=False), axis=1)
