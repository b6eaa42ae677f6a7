"""The regression families of the laws: Huber, robust, probit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from runpy import run_path
from typing import Any

from problems import Huber, Probit, Robust

CASES = run_path(str(Path(__file__).with_name("problem_cases.py")))
Example, regression = CASES["Example"], CASES["regression"]

EXAMPLES: dict[str, Callable[[], Any]] = {
    "huber": lambda: Example(Huber(delta=2.0), regression()),
    "huber-ridge-sparse": lambda: Example(Huber(delta=2.0, ridge=0.1), regression(sparse=True)),
    "huber-gradient": lambda: Example(Huber(delta=2.0, ridge=0.1, surrogate="gradient"), regression()),
    "huber-l1": lambda: Example(Huber(delta=2.0, l1=0.3, surrogate="gradient"), regression()),
    "probit": lambda: Example(Probit(), regression(labels=True)),
    "probit-ridge-sparse": lambda: Example(Probit(ridge=0.1), regression(labels=True, sparse=True)),
    "probit-gradient": lambda: Example(Probit(ridge=0.1, surrogate="gradient"), regression(labels=True)),
    "probit-l1": lambda: Example(Probit(l1=0.05, surrogate="gradient"), regression(labels=True)),
    "robust": lambda: Example(Robust(epsilon=0.5), regression()),
    "robust-ridge-sparse": lambda: Example(Robust(epsilon=0.5, ridge=0.1), regression(sparse=True)),
    "robust-gradient": lambda: Example(Robust(epsilon=0.5, ridge=0.1, surrogate="gradient"), regression()),
    "robust-l1": lambda: Example(Robust(epsilon=0.5, l1=0.1, surrogate="gradient"), regression(sparse=True)),
}
