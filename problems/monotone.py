r"""Logistic regression with coefficients of one sign, as a `Family` for `problems.custom.Custom`: the shipped example.

    f_i(theta) = (1/n_i) sum_j log(1 + exp(-y_ij x_ij' theta)),   g(theta) = (RIDGE/2) |theta|^2 + indicator{theta >= 0 (or <= 0)}

Boehning's bound: the Hessian of f_i is at most B_i = X_i' X_i / (4 n_i), so that

    f_i(theta) <= f_i(tau) + grad f_i(tau)' (theta - tau) + (theta - tau)' B_i (theta - tau) / 2

    psi = 0,   phi(theta) = (-theta theta' / 2, theta),   S_i(tau) = (B_i, B_i tau - grad f_i(tau))
    T(s) = argmin over theta of that sign of theta' B theta / 2 - r' theta + (RIDGE/2) |theta|^2,   s = (B, r),   S = PSD x R^d

T has no closed form: a quadratic program. In CVXPY theta' B theta is |B^(1/2) theta|^2, hence the form "sqrt" of B.

Source: D. Boehning, "Multinomial logistic regression algorithm", Annals of the Institute of Statistical Mathematics 44, 1992.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from fedmm.arrays import Array
from fedmm.federation import Samples
from problems.family import Block, Family

__all__ = ["MONOTONE", "RIDGE", "monotone"]

RIDGE = 0.01
"""The ridge of the family."""


def monotone(d: int, sign: Literal["nonneg", "nonpos"] = "nonneg") -> Family:
    """The family for `d` features: the probability of label +1 rises (or falls) in each. Data are dense `Samples`."""
    return Family(
        theta=(Block("theta", d, sign),),
        s=(Block("B", (d, d), "psd", forms=("sqrt",)), Block("r", d)),
        surrogate=surrogate,
        statistic=statistic,
        value=value,
        penalty=penalty,
        lift=lift,
    )


def surrogate(theta: Any, root_B: Any, r: Any) -> Any:
    """U_s of CVXPY's variable theta and parameters B^(1/2) and r; the sign of theta is the block's."""
    import cvxpy as cp

    return 0.5 * cp.sum_squares(root_B @ theta) - r @ theta + 0.5 * RIDGE * cp.sum_squares(theta)


def statistic(data: Samples, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(B_i, B_i theta - grad f_i(theta))."""
    X, y = data
    n = len(X)
    B = X.T @ X / (4 * n)
    gradient = -X.T @ (y / (1.0 + np.exp(np.minimum(y * (X @ theta), 700.0)))) / n
    return B, B @ theta - gradient


def value(data: Samples, theta: np.ndarray) -> float:
    """f_i."""
    y: Array = data.y
    return float(np.mean(np.logaddexp(0.0, -y * (data.X @ theta))))


def penalty(theta: np.ndarray) -> float:
    """g without the indicator."""
    return 0.5 * RIDGE * float(theta @ theta)


def lift(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(0, RIDGE theta)."""
    return np.zeros((len(theta), len(theta))), RIDGE * theta


MONOTONE = monotone(30, "nonpos")
"""For the 30 features of the breast-cancer data, all of which speak for the worse."""
