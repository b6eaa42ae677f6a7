"""Symmetric performance estimation: exact worst cases of federated algorithms, for any number of clients."""

from theory_checks.pep.algebra import Inequality, Scalar, Vector
from theory_checks.pep.lyapunov import Lyapunov
from theory_checks.pep.problem import SymPEP
from theory_checks.pep.solve import Result, WorstCaseError
from theory_checks.pep.verbs import dev, inner, mean, mix, norm2, products

__all__ = [
    "Inequality",
    "Lyapunov",
    "Result",
    "Scalar",
    "SymPEP",
    "Vector",
    "WorstCaseError",
    "dev",
    "inner",
    "mean",
    "mix",
    "norm2",
    "products",
]
