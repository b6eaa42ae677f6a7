"""The problems that come with fedmm. A new one goes in `CATALOG`; everything else finds it there."""

from __future__ import annotations

from fedmm.problem import Problem
from problems.custom import Custom
from problems.dictionary import Dictionary
from problems.family import Block, Family
from problems.least_squares import LeastSquares
from problems.logistic import Logistic
from problems.quadratic import Quad, Quadratic
from problems.transport import Transport

__all__ = ["CATALOG", "Block", "Custom", "Dictionary", "Family", "LeastSquares", "Logistic", "Quad", "Quadratic", "Transport"]

CATALOG: tuple[type[Problem], ...] = (Custom, Dictionary, LeastSquares, Logistic, Quadratic, Transport)
"""Every problem, by its class."""
