"""The problems that come with fedmm. A new one goes in `CATALOG`; everything else finds it there."""

from __future__ import annotations

from fedmm.problem import Problem
from problems.censored_exponential import CensoredExponential
from problems.custom import Custom
from problems.dictionary import Dictionary
from problems.family import Block, Family
from problems.gaussian_mixture import GaussianMixture
from problems.gaussian_precision import GaussianPrecision
from problems.huber import Huber
from problems.least_squares import LeastSquares
from problems.logistic import Logistic
from problems.nmf import NMF
from problems.pca import PCA
from problems.poisson import Poisson
from problems.probit import Probit
from problems.quadratic import Quad, Quadratic
from problems.robust import Robust
from problems.transport import Transport

__all__ = [
    "CATALOG",
    "NMF",
    "PCA",
    "Block",
    "CensoredExponential",
    "Custom",
    "Dictionary",
    "Family",
    "GaussianMixture",
    "GaussianPrecision",
    "Huber",
    "LeastSquares",
    "Logistic",
    "Poisson",
    "Probit",
    "Quad",
    "Quadratic",
    "Robust",
    "Transport",
]

CATALOG: tuple[type[Problem], ...] = (
    CensoredExponential,
    Custom,
    Dictionary,
    GaussianMixture,
    GaussianPrecision,
    Huber,
    LeastSquares,
    Logistic,
    NMF,
    PCA,
    Poisson,
    Probit,
    Quadratic,
    Robust,
    Transport,
)
"""Every problem, by its class."""
