"""The laws' cases of likelihoods whose parameters must not be averaged: censored lifetimes, precision matrices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from runpy import run_path

import numpy as np

from fedmm.federation import Federation, Samples
from fedmm.symmetric import pack
from problems import CensoredExponential, GaussianPrecision

Example = run_path(str(Path(__file__).with_name("problem_cases.py")))["Example"]


def lifetimes() -> Federation:
    """Three clients of 7, 9 and 7 lifetimes with unlike rates, about a third censored."""
    rng = np.random.default_rng(5)
    clients = []
    for n, rate in ((7, 0.5), (9, 2.0), (7, 1.0)):
        y = (rng.random(n) < 0.65).astype(float)
        clients.append(Samples(0.05 + rng.exponential(1.0 / rate, (n, 1)), y))
    return Federation(clients, (0.5, 0.3, 0.2))


def centred() -> Federation:
    """Three clients of 8, 10 and 8 samples in three dimensions, with unlike covariances."""
    rng = np.random.default_rng(6)
    clients = [Samples(rng.standard_normal((n, 3)) @ (np.eye(3) + 0.3 * rng.standard_normal((3, 3)))) for n in (8, 10, 8)]
    return Federation(clients, (0.5, 0.3, 0.2))


def precision(parameter: str, c: float) -> Example:
    """Parameters outside: not positive definite, too short; with c also a variance below what c allows."""
    theta = pack(1.2 * np.eye(3) + 0.1)
    beyond = 1e3 * theta if parameter == "precision" else 1e-3 * theta
    outside = (-theta, theta[:5], *((beyond,) if c else ()))
    return Example(GaussianPrecision(parameter, c=c, scale=0.7), centred(), theta, outside)  # type: ignore[arg-type]


EXAMPLES: dict[str, Callable[[], Example]] = {
    "censored-exponential": lambda: Example(
        CensoredExponential(floor=1e-2), lifetimes(), np.array([1.2]), (np.array([-1.0]), np.array([101.0]), np.ones(2))
    ),
    "gaussian-precision": lambda: precision("precision", 0.1),
    "gaussian-covariance": lambda: precision("covariance", 0.1),
    "gaussian-precision-likelihood": lambda: precision("precision", 0.0),
}
