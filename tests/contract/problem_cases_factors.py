"""Factorisations that the laws are run on: principal components."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from runpy import run_path
from typing import Any

import numpy as np

from problems import PCA

CASES = run_path(str(Path(__file__).with_name("problem_cases.py")))
Example, regression = CASES["Example"], CASES["regression"]


def orthonormal(p: int, r: int) -> np.ndarray:
    """A point of the domain of `PCA`, flat."""
    return np.linalg.qr(np.random.default_rng(4).standard_normal((p, r)))[0].ravel()


EXAMPLES: dict[str, Callable[[], Any]] = {
    "pca": lambda: Example(PCA(2), regression(), orthonormal(4, 2), (np.ones(8), np.ones(7))),
    "pca-all": lambda: Example(PCA(4), regression(), orthonormal(4, 4)),
    "pca-sparse": lambda: Example(PCA(3), regression(sparse=True), orthonormal(4, 3)),
}
