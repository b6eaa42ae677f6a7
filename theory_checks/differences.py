"""Derivatives by fourth-order central differences: independent of every oracle that they are held against."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["jacobian"]


def jacobian(function: Callable[[np.ndarray], np.ndarray | float], x: np.ndarray, step: float = 1e-3) -> np.ndarray:
    r"""The Jacobian of `function` at `x`, shape (m, d), or (d,) for a real-valued function.

    Parameters
    ----------
    function : callable
        From vectors (d,) to vectors (m,) or numbers.
    x : array (d,)
        The point.
    step : float
        Of the differences, relative to 1 + mean |x|; the error is of order step^4.
    """
    h = step * (1.0 + float(np.abs(x).mean()))
    columns = []
    for e in np.eye(x.size):
        near = np.asarray(function(x + h * e)) - np.asarray(function(x - h * e))
        far = np.asarray(function(x + 2 * h * e)) - np.asarray(function(x - 2 * h * e))
        columns.append((8.0 * near - far) / (12.0 * h))
    return np.stack(columns, axis=-1)
