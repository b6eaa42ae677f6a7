r"""Slopes of logarithms: how theorems that state a rate without constants are tested.

Errors :math:`e_1,\dots,e_m` at horizons :math:`T_1,\dots,T_m` give the least-squares slope b of log e on log T, and its
two-sided interval of Student's t with m - 2 degrees of freedom,

.. math:: b\pm t_{m-2}\,\sqrt{\frac{\sum_jr_j^2}{(m-2)\sum_j(\log T_j-\overline{\log T})^2}},\qquad r\text{ the residuals}.

The level is exact for independent Gaussian residuals. For errors in exact expectation there is no noise: residuals are then what
bends the line before the limit, and the interval says how much of it was seen. A claim of kind "rate" measures the lower end:
it is refuted where even that is above the promised exponent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fedmm.errors import DataError, SpecError

__all__ = ["Slope", "slope"]


class Slope(NamedTuple):
    """A slope and its interval.

    Parameters
    ----------
    value, low, high : float
        The least-squares slope, and the two ends.
    """

    value: float
    low: float
    high: float


def slope(horizons: Sequence[float], errors: Sequence[float], *, level: float = 0.99) -> Slope:
    """The slope of log errors on log horizons, with an interval of this level.

    Parameters
    ----------
    horizons, errors : sequences of float (m,)
        Positive; at least three, at two different horizons or more.
    level : float
        Of the interval, in (0, 1).

    Raises
    ------
    SpecError
        For a level out of range.
    DataError
        For too few points, or numbers that are not positive and finite.
    """
    from scipy.stats import t

    if not 0.0 < level < 1.0:
        raise SpecError(f"Expected a level between 0 and 1, got {level}; take .99.")
    T, e = np.asarray(horizons, dtype=float), np.asarray(errors, dtype=float)
    if T.ndim != 1 or T.shape != e.shape or len(T) < 3:
        raise DataError(f"Expected as many errors as horizons, three or more, got shapes {e.shape} and {T.shape}; measure more.")
    if not (np.isfinite(T).all() and np.isfinite(e).all() and (T > 0).all() and (e > 0).all()):
        raise DataError("Expected positive and finite horizons and errors, got others; leave out where the error is 0.")
    x, y = np.log(T), np.log(e)
    x, y = x - x.mean(), y - y.mean()
    spread = float(x @ x)
    if spread == 0.0:
        raise DataError(f"Expected two different horizons or more, got only {T[0]:g}; add a longer run.")
    b = float(x @ y) / spread
    r = y - b * x
    half = float(t.ppf(0.5 + 0.5 * level, len(T) - 2)) * float(np.sqrt(r @ r / ((len(T) - 2) * spread)))
    return Slope(b, b - half, b + half)
