"""The problems that come with fedmm. A new one goes in `CATALOG`; everything else finds it there."""

from __future__ import annotations

from fedmm.problem import Problem
from problems.least_squares import LeastSquares
from problems.logistic import Logistic
from problems.quadratic import Quad, Quadratic

__all__ = ["CATALOG", "LeastSquares", "Logistic", "Quad", "Quadratic"]

CATALOG: tuple[type[Problem], ...] = (LeastSquares, Logistic, Quadratic)
"""Every problem, by its class."""
