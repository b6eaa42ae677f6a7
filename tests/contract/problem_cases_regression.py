"""The regression families of the laws: Huber, Poisson, probit, robust."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from runpy import run_path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from fedmm.federation import Federation, Samples
from problems import Box, GroupLasso, Huber, Poisson, Probit, Robust

CASES = run_path(str(Path(__file__).with_name("problem_cases.py")))
Example, regression = CASES["Example"], CASES["regression"]


def counts(sparse: bool = False) -> Federation:
    """Clients of 7, 9 and 7 counts, features >= 0 of unlike scales; one row of zeros, one feature unknown to a client."""
    rng = np.random.default_rng(4)
    clients = []
    for i, (n, scale) in enumerate(((7, 1.0), (9, 2.0), (7, 0.5))):
        X = scale * rng.exponential(size=(n, 4)) * (rng.random((n, 4)) < 0.7)
        X[:, 0] += 0.3
        X[-1] = 0.0
        X[:, 3] *= i != 1
        clients.append(Samples(csr_array(X) if sparse else X, rng.poisson(X @ np.arange(1.0, 5.0)).astype(float)))
    return Federation(clients, "samples")


def regression_counts(sparse: bool = False) -> Federation:
    """The features of `regression`, of either sign, with counts."""
    rng = np.random.default_rng(5)
    return Federation([Samples(X, rng.poisson(2.0, len(y)).astype(float)) for X, y in regression(sparse=sparse)], "samples")


AROUND = np.array([1.5, 2.0, 1.0, 3.0])
IN_BOX = np.array([0.1, -0.1, 0.2, 0.0])

EXAMPLES: dict[str, Callable[[], Any]] = {
    "huber": lambda: Example(Huber(delta=2.0), regression()),
    "huber-ridge-sparse": lambda: Example(Huber(delta=2.0, ridge=0.1), regression(sparse=True)),
    "huber-gradient": lambda: Example(Huber(delta=2.0, ridge=0.1, surrogate="gradient"), regression()),
    "huber-irls-l1": lambda: Example(Huber(delta=2.0, l1=0.3, tolerance=1e-15), regression()),
    "huber-l1": lambda: Example(Huber(delta=2.0, l1=0.3, surrogate="gradient"), regression()),
    "poisson": lambda: Example(Poisson(), counts(), AROUND, (np.array([1.0, 1.0, -1.0, 1.0]), np.zeros(4))),
    "poisson-penalties": lambda: Example(Poisson(ridge=0.1, l1=0.2, lower=0.05), counts(), AROUND),
    "poisson-sparse": lambda: Example(Poisson(l1=0.2), counts(sparse=True), AROUND),
    "poisson-log": lambda: Example(Poisson("log", radius=0.5), regression_counts(), IN_BOX, (np.ones(4),)),
    "poisson-log-no-box": lambda: Example(Poisson("log", ridge=0.1), regression_counts(), IN_BOX),
    "poisson-log-penalties": lambda: Example(Poisson("log", 0.1, 0.2, radius=0.5), regression_counts(sparse=True), IN_BOX),
    "probit": lambda: Example(Probit(), regression(labels=True)),
    "probit-ridge-sparse": lambda: Example(Probit(ridge=0.1), regression(labels=True, sparse=True)),
    "probit-box": lambda: Example(Probit(g=Box(-1.0, 1.0), tolerance=1e-15), regression(labels=True), IN_BOX),
    "probit-gradient": lambda: Example(Probit(ridge=0.1, surrogate="gradient"), regression(labels=True)),
    "probit-l1": lambda: Example(Probit(l1=0.05, surrogate="gradient"), regression(labels=True)),
    "robust": lambda: Example(Robust(epsilon=0.5), regression()),
    "robust-ridge-sparse": lambda: Example(Robust(epsilon=0.5, ridge=0.1), regression(sparse=True)),
    "robust-gradient": lambda: Example(Robust(epsilon=0.5, ridge=0.1, surrogate="gradient"), regression()),
    "robust-group-lasso": lambda: Example(Robust(epsilon=0.5, ridge=0.1, g=GroupLasso(0.1, 2), tolerance=1e-15), regression()),
    "robust-l1": lambda: Example(Robust(epsilon=0.5, l1=0.1, surrogate="gradient"), regression(sparse=True)),
}
