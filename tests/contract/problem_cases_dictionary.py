"""Dictionaries with atoms in the unit ball, and from sparse samples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from runpy import run_path
from typing import Any

import numpy as np

from problems import Dictionary

CASES = run_path(str(Path(__file__).with_name("problem_cases.py")))
Example, regression = CASES["Example"], CASES["regression"]
INSIDE = 0.6 * np.linalg.qr(np.random.default_rng(8).standard_normal((4, 3)))[0].ravel()


def ball(sparse: bool = False, **fields: Any) -> Any:
    """A problem whose T is found as exactly as float64 lets it, around well separated atoms inside the ball."""
    problem = Dictionary(3, l2=0.1, iterations=250, ball=True, tolerance=1e-15, **fields)
    return Example(problem, regression(sparse=sparse), INSIDE, (2.0 * INSIDE,))


EXAMPLES: dict[str, Callable[[], Any]] = {
    "dictionary-ball": lambda: ball(ridge=0.0),
    "dictionary-ball-ridge": lambda: ball(ridge=0.1),
    "dictionary-ball-sparse": lambda: ball(sparse=True, ridge=0.01),
    "dictionary-sparse": lambda: Example(Dictionary(3, l2=0.1, iterations=250), regression(sparse=True)),
}
