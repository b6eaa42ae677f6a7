r"""What the array-API standard lacks, and the few products that every problem needs.

NumPy float64 is the reference. `namespace` is the only place that asks which library an array belongs to; for NumPy it is one
type comparison, because a look-up in every oracle would cost a third of a small client's turn.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

__all__ = [
    "Array",
    "all_finite",
    "as_like",
    "cholesky_solve",
    "data_dot",
    "data_matmul",
    "data_tdot",
    "data_tmatmul",
    "is_sparse",
    "leaves",
    "map_leaves",
    "namespace",
    "norm2",
    "put_last",
    "take_last",
    "to_numpy",
]

Array = Any
"""An array of any library that follows the array-API standard (NumPy, torch, array_api_strict)."""


def namespace(x: Array) -> Any:
    """The array namespace of `x`."""
    if type(x) is np.ndarray:
        return np
    if isinstance(x, (np.generic, float, int)):
        return np
    from array_api_compat import array_namespace

    return array_namespace(x)


def to_numpy(x: Array) -> np.ndarray:
    """`x` as a NumPy array (copied off its device where needed)."""
    if isinstance(x, np.ndarray):
        return x
    if is_torch(x):
        return x.detach().cpu().numpy()
    return np.asarray(x)


def is_torch(x: Array) -> bool:
    """Whether `x` is a torch tensor (without importing torch)."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(x, torch.Tensor)


def is_sparse(x: Array) -> bool:
    """Whether `x` is a SciPy sparse matrix or array (without importing SciPy)."""
    if type(x) is np.ndarray:
        return False
    sparse = sys.modules.get("scipy.sparse")
    return sparse is not None and sparse.issparse(x)


def as_like(values: np.ndarray, like: Array) -> Array:
    """The NumPy array `values` in the library and on the device of `like`; floating values take its dtype."""
    if is_sparse(like):
        like = like.data
    if type(like) is np.ndarray:
        return values.astype(like.dtype, copy=False) if values.dtype.kind == "f" else values
    xp = namespace(like)
    floating = values.dtype.kind == "f"
    dtype = like.dtype if floating and xp.isdtype(like.dtype, "real floating") else None
    from array_api_compat import device

    return xp.asarray(values, dtype=dtype, device=device(like))


def norm2(x: Array) -> Array:
    r""":math:`\|x\|^2` along the last axis."""
    return namespace(x).sum(x * x, axis=-1)


def data_dot(X: Array, theta: Array) -> Array:
    r""":math:`X\theta`: rows of `X` (..., n, d) against `theta` (..., d), giving (..., n).

    A leading axis may be on `X` (clients), on `theta` (configurations), or on both (clients, each with its own theta).
    With a plain 2-D `X` this is one matrix-vector or matrix-matrix product.
    """
    if type(X) is np.ndarray and X.ndim == 2:
        return theta @ X.T
    if is_sparse(X):
        return X @ theta if theta.ndim == 1 else (X @ theta.T).T
    if X.ndim == 2:
        return theta @ X.T
    return (X @ theta[..., None])[..., 0]


def data_tdot(X: Array, r: Array) -> Array:
    r""":math:`X^\top r`: `r` (..., n) against the rows of `X` (..., n, d), giving (..., d). Axes as in `data_dot`."""
    if type(X) is np.ndarray and X.ndim == 2:
        return r @ X
    if is_sparse(X):
        return X.T @ r if r.ndim == 1 else (X.T @ r.T).T
    if X.ndim == 2:
        return r @ X
    return (r[..., None, :] @ X)[..., 0, :]


def data_matmul(X: Array, A: Array) -> Array:
    r""":math:`XA`: rows of `X` (..., n, d), dense or CSR, against a matrix `A` (..., d, K), giving (..., n, K), dense."""
    if not is_sparse(X):
        return X @ A
    if A.ndim == 2:
        return X @ A
    xp = namespace(A)
    return xp.stack([X @ A[k, ...] for k in range(A.shape[0])])


def data_tmatmul(X: Array, R: Array) -> Array:
    r""":math:`X^\top R`: `R` (..., n, K) against the rows of `X` (..., n, d), dense or CSR, giving (..., d, K), dense."""
    if not is_sparse(X):
        xp = namespace(X)
        return xp.matrix_transpose(xp.matrix_transpose(R) @ X)  # a third faster than X'R for rows of X in memory
    return data_matmul(X.T.tocsr() if R.ndim > 2 else X.T, R)


def cholesky_solve(P: Array, v: Array, what: str = "The matrix") -> Array:
    r""":math:`P^{-1} v` for symmetric positive definite `P` (..., d, d) and `v` (..., d), by Cholesky where SciPy applies.

    Raises
    ------
    numpy.linalg.LinAlgError
        If `P` is not positive definite; the message begins with `what`.
    """
    remedy = f"{what} is not positive definite; add a ridge (strong convexity)."
    if type(P) is np.ndarray and P.ndim == 2:
        from scipy.linalg import LinAlgError, cho_factor, cho_solve

        try:
            return cho_solve(cho_factor(P, lower=True, check_finite=False), v.T, check_finite=False).T
        except LinAlgError as error:
            raise np.linalg.LinAlgError(remedy) from error
    xp = namespace(P)
    try:
        xp.linalg.cholesky(P)  # the standard has no triangular solve: this only checks definiteness
    except (np.linalg.LinAlgError, RuntimeError) as error:
        raise np.linalg.LinAlgError(remedy) from error
    return xp.linalg.solve(P, v[..., None])[..., 0]


def take_last(x: Array, indices: Array) -> Array:
    """``x[..., indices]``; with 2-D `indices`, row by row."""
    if type(x) is np.ndarray:
        return np.take_along_axis(x, indices, -1) if indices.ndim == x.ndim else x[..., indices]
    xp = namespace(x)
    if indices.ndim == 1:
        return xp.take(x, indices, axis=-1)
    if is_torch(x):
        return x.gather(-1, indices)
    return as_like(np.take_along_axis(to_numpy(x), to_numpy(indices), -1), x)


def put_last(values: Array, indices: Array, q: int) -> Array:
    """Zeros (..., q) with `values` (..., k) written at `indices` ((k,) or (..., k)): the right inverse of `take_last`."""
    if is_torch(values):
        index = indices.expand(values.shape) if indices.ndim < values.ndim else indices
        return values.new_zeros((*values.shape[:-1], q)).scatter(-1, index, values)
    plain, index = to_numpy(values), to_numpy(indices)
    full = np.zeros((*plain.shape[:-1], q), dtype=plain.dtype)
    np.put_along_axis(full, np.broadcast_to(index, plain.shape), plain, -1)
    return as_like(full, values)


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted path, leaf) of every leaf of nested NamedTuples; ``None`` leaves are skipped."""
    if isinstance(tree, tuple) and is_namedtuple(tree):
        for name, value in zip(tree._fields, tree, strict=True):  # type: ignore[attr-defined]
            yield from leaves(value, f"{path}.{name}" if path else name)
    elif tree is not None:
        yield path, tree


def map_leaves(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """`function` applied leaf by leaf to nested NamedTuples of one structure; ``None`` stays ``None``."""
    if tree is None:
        return None
    if isinstance(tree, tuple) and is_namedtuple(tree):
        return type(tree)(*(map_leaves(function, *parts) for parts in zip(tree, *others, strict=True)))  # type: ignore[call-arg]
    return function(tree, *others)


def is_namedtuple(tree: tuple) -> bool:
    """Whether a tuple is a NamedTuple (the one structural test in the library)."""
    return "_fields" in type(tree).__dict__


def all_finite(tree: Any) -> bool:
    """Whether every floating leaf of `tree` is free of NaN and infinity."""
    for _, leaf in leaves(tree):
        if isinstance(leaf, (bool, int, str)):
            continue
        if not bool(namespace(leaf).all(namespace(leaf).isfinite(leaf))):
            return False
    return True
