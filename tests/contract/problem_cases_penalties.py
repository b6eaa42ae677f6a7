"""Penalties in the problems that take one, and the surrogates whose T is an inner solve."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from runpy import run_path
from typing import Any

import numpy as np

from problems import Box, ElasticNet, GroupLasso, LeastSquares, Logistic

CASES = run_path(str(Path(__file__).with_name("problem_cases.py")))
Example, regression = CASES["Example"], CASES["regression"]
INSIDE = np.array([0.3, -0.2, 0.1, 0.4])


def curved(surrogate: Any, sparse: bool = False, **fields: Any) -> Any:
    """A logistic problem whose T is solved as exactly as float64 lets it."""
    problem = Logistic(surrogate=surrogate, tolerance=1e-15, **fields)
    return Example(problem, regression(labels=True, sparse=sparse), INSIDE if fields.get("g") == Box(-1.0, 1.0) else None)


EXAMPLES: dict[str, Callable[[], Any]] = {
    "penalty-elastic-net": lambda: Example(LeastSquares(g=ElasticNet(0.3, 0.2)), regression()),
    "penalty-ridge": lambda: Example(LeastSquares(g=ElasticNet(0.0, 0.2)), regression()),
    "penalty-box": lambda: Example(LeastSquares(g=Box(-1.0, 1.0)), regression(), INSIDE, (np.full(4, 1.1),)),
    "penalty-not-negative": lambda: Example(Logistic(ridge=0.1, g=Box()), regression(labels=True), np.abs(INSIDE)),
    "penalty-group-lasso": lambda: Example(Logistic(g=GroupLasso(0.1, 2)), regression(labels=True)),
    "penalty-group-lasso-sparse": lambda: Example(LeastSquares(g=GroupLasso(1.0, 4)), regression(sparse=True)),
    "boehning": lambda: curved("boehning", ridge=0.1),
    "boehning-no-ridge": lambda: curved("boehning"),
    "boehning-sparse": lambda: curved("boehning", sparse=True, ridge=0.1),
    "boehning-l1": lambda: curved("boehning", l1=0.05),
    "boehning-l1-sparse": lambda: curved("boehning", sparse=True, ridge=0.01, l1=0.05),
    "boehning-box": lambda: curved("boehning", ridge=0.1, g=Box(-1.0, 1.0)),
    "boehning-ridge-as-g": lambda: curved("boehning", g=ElasticNet(0.0, 0.1)),
    "boehning-group-lasso": lambda: curved("boehning", ridge=0.1, g=GroupLasso(0.05, 2)),
    "jaakkola-jordan-l1": lambda: curved("jaakkola-jordan", ridge=0.1, l1=0.05),
}
