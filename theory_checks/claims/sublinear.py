r"""FedMM with noise, any step c/sqrt(T): the mean squared field falls like 1/sqrt(T). A rate without constants.

The bound of `theory_checks.claims.fedmm_bounds` is :math:`A/(\gamma T)+\gamma B`; with :math:`\gamma=c/\sqrt T` both terms are
of order :math:`T^{-1/2}`:

.. math:: \frac1T\sum_{t<T}E\|h(\hat S_t)\|^2=O(T^{-1/2}),

whatever the heterogeneity, with compression and partial participation. Only the exponent is claimed here, and tested as the
slope of a log-log line (`theory_checks.slopes`); on quadratics with noise it is attained.

Measured without sampling for T up to 16 million rounds: a round maps second moments affinely (`theory_checks.expectation`), and
the T-fold map, with the running sum as one more entry, is a power of one matrix.

| argument | symbol |
|---|---|
| seed, clients | the quadratic bed, d = 2 |
| k, p, sigma | rand-k, participation, noise of the statistics |
| share | gamma over the largest step of the bound, at the shortest horizon |

Source: derived here; for stochastic approximation, A. Dieuleveut, G. Fort, E. Moulines, H.-T. Wai, 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from theory_checks.claim import Claim, Condition, Mutant, Status
from theory_checks.claims.fedmm_bounds import case
from theory_checks.conditions import SAMPLING, STEP
from theory_checks.expectation import ExactFedMM
from theory_checks.slopes import slope

__all__ = ["CLAIMS", "mean_fields2"]

HORIZONS = tuple(4**j for j in range(7, 13))
"""16 384 to 16 777 216 rounds."""


def mean_fields2(exact: ExactFedMM, s: np.ndarray, steps: Sequence[float], rounds: Sequence[int]) -> list[float]:
    r""":math:`\frac1T\sum_{t<T}E\|h(\hat S_t)\|^2` for every (step, T), from s with memories zero."""
    size = s.size * (exact.n + 1) + 1
    upper = np.triu_indices(size)
    count = len(upper[0])
    basis = np.zeros((count, size, size))
    basis[np.arange(count), upper[0], upper[1]] = basis[np.arange(count), upper[1], upper[0]] = 1.0
    u = np.concatenate([s, np.zeros(size - s.size - 1), [1.0]])
    start = np.concatenate([np.outer(u, u)[upper], [0.0, 1.0]])
    found = []
    for gamma, T in zip(steps, rounds, strict=True):
        noise = exact.after(np.zeros((size, size)), gamma)
        A = np.zeros((count + 2, count + 2))  # of (moments, sum of |h|^2, 1)
        for j, m in enumerate(basis):
            A[:count, j] = (exact.after(m, gamma) - noise)[upper]
            A[count, j] = exact.field2(m)
        A[:count, -1] = noise[upper]
        A[count, count] = A[-1, -1] = 1.0
        found.append(float((np.linalg.matrix_power(A, T) @ start)[count]) / T)
    return found


@lru_cache(maxsize=512)
def lower_end(*, seed: int, clients: int, k: int, p: float, sigma: float, share: float) -> float:
    """The lower end of the slope's 99 % interval."""
    at = case(seed, clients, 2, k, p, False, sigma)
    first = share * at.largest_step
    steps = [first * (HORIZONS[0] / T) ** 0.5 for T in HORIZONS]
    s = at.problem.lift(at.problem.solution(at.federation)) + 1.0
    errors = mean_fields2(at.exact(1.0 / (1.0 + at.omega_p)), s, steps, HORIZONS)
    return slope(HORIZONS, errors).low


def half(**setting: Any) -> float:
    """-1/2."""
    return -0.5


def faster(**setting: Any) -> float:
    """-.55."""
    return -0.55


def one(**setting: Any) -> float:
    """-1."""
    return -1.0


def noisy(*, sigma: float, **_: Any) -> bool:
    """sigma > 0."""
    return sigma > 0


CLAIMS = (
    Claim(
        name="fedmm-sublinear-rate",
        statement="with gamma = c/sqrt(T) the mean of E|h|^2 over T rounds falls like T^(-1/2), whatever the heterogeneity",
        reference="derived here; for stochastic approximation, Dieuleveut, Fort, Moulines and Wai 2023",
        status=Status.DERIVED,
        kind="rate",
        setting=st.fixed_dictionaries(
            {
                "seed": st.integers(0, 50),
                "clients": st.sampled_from([1, 2]),
                "k": st.sampled_from([1, 2]),
                "p": st.sampled_from([0.25, 0.5, 1.0]),
                "sigma": st.sampled_from([0.5, 3.0]),
                "share": st.sampled_from([0.3, 1.0]),
            }
        ),
        promised=half,
        engines={"simulation": lower_end},
        mutants=(
            Mutant("T^(-1/2) -> T^(-.55)", faster, ("simulation",)),
            Mutant("T^(-1/2) -> T^(-1)", one, ("simulation",)),
        ),
        conditions=(SAMPLING, STEP, Condition("sigma > 0", noisy)),
        method="fedmm",
        tags=("fedmm", "rate", "compression", "participation", "stochastic"),
        extremes=(
            {"seed": 1, "clients": 2, "k": 1, "p": 0.25, "sigma": 0.5, "share": 0.3},
            {"seed": 0, "clients": 1, "k": 2, "p": 1.0, "sigma": 3.0, "share": 1.0},
        ),
    ),
)
