"""Factorisations that the laws are run on: principal components, non-negative factors under either distance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from runpy import run_path
from typing import Any

import numpy as np

from fedmm.federation import Federation, Samples
from problems import NMF, PCA, Dictionary

CASES = run_path(str(Path(__file__).with_name("problem_cases.py")))
Example, regression = CASES["Example"], CASES["regression"]


def orthonormal(p: int, r: int) -> np.ndarray:
    """A point of the domain of `PCA`, flat."""
    return np.linalg.qr(np.random.default_rng(4).standard_normal((p, r)))[0].ravel()


def counts(p: int = 5) -> Federation:
    """Clients of 7, 9 and 7 positive samples of unlike scales; one entry is 0."""
    rng = np.random.default_rng(5)
    clients = [Samples(scale * rng.gamma(2.0, 1.0, (n, p))) for n, scale in ((7, 1.0), (9, 2.0), (7, 0.5))]
    clients[1].X[0, 0] = 0.0
    return Federation(clients, "samples")


def positive(p: int, K: int) -> np.ndarray:
    """A point inside the domain of `NMF`, flat."""
    return np.random.default_rng(6).uniform(0.5, 1.5, p * K)


EXAMPLES: dict[str, Callable[[], Any]] = {
    "dictionary-nonnegative": lambda: Example(
        Dictionary(2, l2=0.1, iterations=250, nonnegative=True, tolerance=1e-13), counts(), positive(5, 2), (-np.ones(10),)
    ),
    "pca": lambda: Example(PCA(2), regression(), orthonormal(4, 2), (np.ones(8), np.ones(7))),
    "pca-all": lambda: Example(PCA(4), regression(), orthonormal(4, 4)),
    "pca-sparse": lambda: Example(PCA(3), regression(sparse=True), orthonormal(4, 3)),
    "nmf": lambda: Example(
        NMF(2, 0.5, codes="coordinate", iterations=100), counts(), positive(5, 2), (np.zeros(10), -np.ones(10), np.ones(9))
    ),
    # One atom has its code after one multiplicative step; more need thousands for the laws' difference quotients.
    "nmf-no-shape": lambda: Example(NMF(1, shape=0.0, iterations=2), counts(), positive(5, 1), (-np.ones(5),)),
}
