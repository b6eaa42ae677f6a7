"""The laws' cases of mixtures: clients of unlike means, and an interior parameter to look around."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from runpy import run_path

import numpy as np

from fedmm.federation import Federation, Samples
from fedmm.symmetric import pack
from problems import GaussianMixture, PoissonMixture

Example = run_path(str(Path(__file__).with_name("problem_cases.py")))["Example"]


def clusters(p: int = 2) -> Federation:
    """Three clients of 9, 12 and 9 samples around two centres, in unlike proportions."""
    rng = np.random.default_rng(3)
    clients = []
    for n, share in ((9, 0.2), (12, 0.5), (9, 0.8)):
        where = np.where(rng.random(n) < share, 1.2, -1.0)
        clients.append(Samples(where[:, None] + 0.6 * rng.standard_normal((n, p))))
    return Federation(clients, "samples")


def gaussian(covariance: str, a: float = 0.1, b: float = 0.1, c: float = 0.2, p: int = 2) -> Example:
    """Two components, and parameters off the simplex or without a covariance."""
    problem = GaussianMixture(2, covariance, a=a, b=b, c=c, scale=0.8)  # type: ignore[arg-type]
    spread = {
        "unit": [],
        "spherical": [0.9, 1.3],
        "diagonal": np.linspace(0.8, 1.4, 2 * p),
        "full": np.concatenate([pack(np.eye(p) + 0.2), pack(1.3 * np.eye(p))]),
    }[covariance]
    theta = np.concatenate([[0.4, 0.6], np.full(p, 0.9), np.full(p, -0.8), spread])
    outside = [theta[:-1], np.r_[0.5, 0.6, theta[2:]]]
    return Example(problem, clusters(p), theta, tuple(outside + ([] if covariance == "unit" else [np.r_[theta[:-1], -1.0]])))


def counts() -> Federation:
    """Three clients of 9, 12 and 9 pairs of counts from two laws, in unlike proportions."""
    rng = np.random.default_rng(4)
    rates = np.array([[1.0, 4.0], [5.0, 2.0]])
    shares = [rng.poisson(rates[(rng.random(n) < share).astype(int)]) for n, share in ((9, 0.2), (12, 0.5), (9, 0.8))]
    return Federation([Samples(X.astype(float)) for X in shares], "samples")


def poisson(a: float, b: float, c: float) -> Example:
    """Two components, and parameters off the simplex or with a rate of 0."""
    theta = np.array([0.4, 0.6, 1.5, 3.0, 4.0, 2.5])
    outside = (theta[:-1], np.r_[0.5, 0.6, theta[2:]], np.r_[theta[:-1], 0.0])
    return Example(PoissonMixture(2, a=a, b=b, c=c), counts(), theta, outside)


EXAMPLES: dict[str, Callable[[], Example]] = {
    "gaussian-mixture-unit": lambda: gaussian("unit"),
    "gaussian-mixture-spherical": lambda: gaussian("spherical"),
    "gaussian-mixture-diagonal": lambda: gaussian("diagonal", p=3),
    "gaussian-mixture-full": lambda: gaussian("full"),
    "gaussian-mixture-unit-likelihood": lambda: gaussian("unit", 0.0, 0.0, 0.0),
    "gaussian-mixture-spherical-likelihood": lambda: gaussian("spherical", 0.0, 0.0, 0.0),
    "gaussian-mixture-diagonal-likelihood": lambda: gaussian("diagonal", 0.0, 0.0, 0.0),
    "gaussian-mixture-full-likelihood": lambda: gaussian("full", 0.0, 0.0, 0.0),
    "poisson-mixture": lambda: poisson(0.1, 0.3, 0.2),
    "poisson-mixture-likelihood": lambda: poisson(0.0, 0.0, 0.0),
}
