"""What is asked of arrays on their way into a federation."""

from __future__ import annotations

from typing import Any

import numpy as np

from fedmm.arrays import Array, is_sparse, namespace, to_numpy
from fedmm.errors import DataError

__all__ = ["check_array", "check_split", "numeric"]


def numeric(x: Any, name: str) -> Array:
    """`x` as an array of floats in its own library; lists and pandas objects as NumPy arrays.

    Raises
    ------
    DataError
        If it is not an array of real numbers.
    """
    if isinstance(x, (list, tuple)) or type(x).__module__.partition(".")[0] == "pandas":
        try:
            x = np.asarray(x)
        except ValueError as error:
            raise DataError(f"Expected {name} to be rectangular, got rows of unequal length; pad them.") from error
    if is_sparse(x):
        x = x.tocsr()
        return x if x.dtype.kind == "f" else _numeric_numpy(x, name)
    if isinstance(x, np.ma.MaskedArray):
        raise DataError(f"Expected {name} without a mask, got a masked array; fill it or drop the masked samples.")
    if isinstance(x, np.ndarray):
        return _numeric_numpy(np.asarray(x), name)
    try:
        xp = namespace(x)
        ready = not isinstance(x, (np.generic, int, float))
    except TypeError:
        ready = False
    if not ready:
        raise DataError(f"Expected {name} to be an array, got {type(x).__name__}; convert it with numpy.asarray.")
    if xp.isdtype(x.dtype, "real floating"):
        return x
    if xp.isdtype(x.dtype, ("integral", "bool")):
        return xp.astype(x, xp.float64)
    raise DataError(f"Expected {name} to hold real numbers, got dtype {x.dtype}; convert it to float first.")


def _numeric_numpy(x: Any, name: str) -> Any:
    if x.dtype.kind in "biu":
        return x.astype(np.float64)
    if x.dtype.kind != "f":
        raise DataError(f"Expected {name} to hold numbers, got dtype {x.dtype}; convert it to float first.")
    return x


def check_array(x: Array, name: str) -> None:
    """That `x` is an array of finite numbers, dense or sparse.

    Raises
    ------
    DataError
        If it is not.
    """
    values = x.data if is_sparse(x) else x
    if isinstance(values, np.ndarray) and values.dtype.kind not in "fiub":
        raise DataError(f"Expected {name} to hold numbers, got dtype {values.dtype}; convert it to float first.")
    try:
        xp = namespace(values)
    except TypeError as error:
        raise DataError(f"Expected arrays for {name}, got {type(values).__name__}; convert it with numpy.asarray.") from error
    if isinstance(values, (np.generic, int, float)):
        raise DataError(f"Expected arrays for {name}, got {type(values).__name__}; convert it with numpy.asarray.")
    if not xp.isdtype(values.dtype, ("real floating", "complex floating")):
        return
    finite = xp.isfinite(values)
    if not bool(xp.all(finite)):
        bad = int(np.sum(~to_numpy(finite)))
        raise DataError(f"Expected finite values in {name}, got {bad} NaN or infinite; remove or impute them.")


def check_split(split: list[np.ndarray], n: int) -> None:
    """That a partition of `n` rows deals none twice and leaves no client empty (it may leave rows out).

    Raises
    ------
    DataError
        If it does not.
    """
    if len(split) == 0:
        raise DataError("The partition made no clients; ask for at least one.")
    for i, rows in enumerate(split):
        if len(rows) == 0:
            raise DataError(f"Client {i} of {len(split)} would be empty; use fewer clients or a larger concentration.")
    rows = np.concatenate(split)
    if rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= n:
        raise DataError(f"The partition should deal row numbers from 0 to {n - 1}, got others; mend its split().")
    if np.bincount(rows).max() > 1:
        raise DataError(f"The partition deals row {int(np.argmax(np.bincount(rows)))} twice; mend its split().")
