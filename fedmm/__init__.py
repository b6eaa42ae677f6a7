"""Federated optimization by surrogates: declare, check, solve, see the result.

>>> from fedmm import Federation, FedPM, solve
>>> from problems import Logistic
>>> from problems.data import federation
>>> data = federation("breast-cancer", "dirichlet:0.3", clients=10)
>>> result = solve(Logistic(ridge=1e-3), data, FedPM(), rounds=8)
>>> result.status.code
'completed'
"""

from fedmm.aggregators import Mean
from fedmm.algorithms import MM, FedAvg, FedMM, FedPM, FedSGD, Naive, StochasticMM
from fedmm.channels import Chain, Dither, Identity, Mask, Natural, RandK, TopK
from fedmm.composition import Composition
from fedmm.errors import CompositionError, DataError, FedmmError, ReproductionWarning, SpecError
from fedmm.executors import Batched, InProcess
from fedmm.federation import Federation, Samples
from fedmm.metrics import Field, Objective, UpdateSizes
from fedmm.participation import Bernoulli, FixedSize, Full
from fedmm.problem import Problem
from fedmm.result import Result, RunError, Status
from fedmm.schedules import Constant, Inverse, InverseSqrt
from fedmm.solve import compose, solve
from fedmm.stopping import Below, Budget, Stalled
from fedmm.sweep import Sweep, solve_many
from fedmm.trace import Trace
from fedmm.types import Batch, Facts, Promise

__version__ = "0.1.0"

__all__ = [
    "MM",
    "Batch",
    "Batched",
    "Below",
    "Bernoulli",
    "Budget",
    "Chain",
    "Composition",
    "CompositionError",
    "Constant",
    "DataError",
    "Dither",
    "Facts",
    "FedAvg",
    "FedMM",
    "FedPM",
    "FedSGD",
    "Federation",
    "FedmmError",
    "Field",
    "FixedSize",
    "Full",
    "Identity",
    "InProcess",
    "Inverse",
    "InverseSqrt",
    "Mask",
    "Mean",
    "Naive",
    "Natural",
    "Objective",
    "Problem",
    "Promise",
    "RandK",
    "ReproductionWarning",
    "Result",
    "RunError",
    "Samples",
    "SpecError",
    "Stalled",
    "Status",
    "StochasticMM",
    "Sweep",
    "TopK",
    "Trace",
    "UpdateSizes",
    "__version__",
    "compose",
    "load",
    "solve",
    "solve_many",
]


def load(folder: str, federation: Federation | None = None) -> Result:
    """Read a run folder; see `fedmm.storage.load`."""
    from fedmm.storage import load

    return load(folder, federation)
