"""Multinomial logistic regression with three classes, by both surrogates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from runpy import run_path
from typing import Any

import numpy as np

from fedmm.federation import Federation, Samples
from problems import GroupLasso, Multinomial

CASES = run_path(str(Path(__file__).with_name("problem_cases.py")))
Example, regression = CASES["Example"], CASES["regression"]


def classes(sparse: bool = False) -> Federation:
    """The features of `regression`, three of them, and a class that depends on them."""
    rng = np.random.default_rng(6)
    plain, given = list(regression(3, sparse=False)), regression(3, sparse=sparse)
    clients = []
    for data, seen in zip(plain, given, strict=True):
        scores = data.X @ rng.standard_normal((3, 3)) + 0.5 * rng.standard_normal((len(data.y), 3))
        clients.append(Samples(seen.X, scores.argmax(axis=1).astype(float)))
    return Federation(clients, "samples")


EXAMPLES: dict[str, Callable[[], Any]] = {
    "multinomial": lambda: Example(Multinomial(), classes()),
    "multinomial-l1": lambda: Example(Multinomial(4, ridge=0.1, l1=0.05), classes()),
    "multinomial-group-lasso": lambda: Example(Multinomial(3, g=GroupLasso(0.1, 3)), classes()),
    "multinomial-sparse": lambda: Example(Multinomial(ridge=0.1), classes(sparse=True)),
    "multinomial-boehning": lambda: Example(Multinomial(ridge=0.1, surrogate="boehning"), classes(), outside=(np.ones(9),)),
    "multinomial-boehning-no-ridge": lambda: Example(Multinomial(surrogate="boehning"), classes(), outside=(np.eye(9)[0],)),
    "multinomial-boehning-l1": lambda: Example(Multinomial(ridge=0.1, l1=0.05, surrogate="boehning", tolerance=1e-15), classes()),
    "multinomial-boehning-sparse": lambda: Example(
        Multinomial(ridge=0.1, g=GroupLasso(0.1, 3), surrogate="boehning", tolerance=1e-15), classes(sparse=True)
    ),
}
