"""The problems that come with fedmm. A new one goes in `CATALOG`; everything else finds it there."""

from __future__ import annotations

from fedmm.problem import Problem
from problems.dictionary import Dictionary
from problems.least_squares import LeastSquares
from problems.logistic import Logistic
from problems.multinomial import Multinomial
from problems.penalties import L1, Box, ElasticNet, GroupLasso
from problems.quadratic import Quad, Quadratic
from problems.transport import Transport

__all__ = [
    "CATALOG",
    "L1",
    "Box",
    "Dictionary",
    "ElasticNet",
    "GroupLasso",
    "LeastSquares",
    "Logistic",
    "Multinomial",
    "Quad",
    "Quadratic",
    "Transport",
]

CATALOG: tuple[type[Problem], ...] = (Dictionary, LeastSquares, Logistic, Multinomial, Quadratic, Transport)
"""Every problem, by its class."""
