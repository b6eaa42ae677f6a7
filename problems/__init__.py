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
from problems.multinomial import Multinomial
from problems.nmf import NMF
from problems.pca import PCA
from problems.penalties import L1, Box, ElasticNet, GroupLasso
from problems.poisson import Poisson
from problems.poisson_mixture import PoissonMixture
from problems.probit import Probit
from problems.quadratic import Quad, Quadratic
from problems.robust import Robust
from problems.transport import Transport

__all__ = [
    "CATALOG",
    "L1",
    "NMF",
    "PCA",
    "Block",
    "Box",
    "CensoredExponential",
    "Custom",
    "Dictionary",
    "ElasticNet",
    "Family",
    "GaussianMixture",
    "GaussianPrecision",
    "GroupLasso",
    "Huber",
    "LeastSquares",
    "Logistic",
    "Multinomial",
    "Poisson",
    "PoissonMixture",
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
    Multinomial,
    NMF,
    PCA,
    Poisson,
    PoissonMixture,
    Probit,
    Quadratic,
    Robust,
    Transport,
)
"""Every problem, by its class."""
