"""Mixing weights w of known components: f_i = -mean log sum_k w_k x_k, x_k the density of component k at a sample.

EM with a Dirichlet prior, over the simplex: the M-step is w_k = (s_k + PRIOR) / sum_l (s_l + PRIOR).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fedmm.federation import Samples
from problems.family import Block, Family

PRIOR = 0.1


def surrogate(w: Any, s: Any) -> tuple[Any, list[Any]]:
    """-<s, log w> over the simplex, with a Dirichlet prior."""
    import cvxpy as cp

    return -s @ cp.log(w) - PRIOR * cp.sum(cp.log(w)), [cp.sum(w) == 1]


def statistic(data: Samples, w: np.ndarray) -> np.ndarray:
    """The mean responsibilities."""
    joint = data.X * w
    return (joint / joint.sum(axis=1, keepdims=True)).mean(axis=0)


def value(data: Samples, w: np.ndarray) -> float:
    """f_i."""
    with np.errstate(all="ignore"):
        return -float(np.mean(np.log(data.X @ w)))


def penalty(w: np.ndarray) -> float:
    """The prior."""
    with np.errstate(all="ignore"):
        return -PRIOR * float(np.log(w).sum())


WEIGHTS = Family((Block("w", 3, "nonneg"),), (Block("s", 3, "nonneg"),), surrogate, statistic, value, penalty)
