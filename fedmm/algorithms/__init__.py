"""Methods: one method, one file, after its paper."""

from fedmm.algorithm import Algorithm
from fedmm.algorithms.fedavg import FedAvg
from fedmm.algorithms.fedmm import FedMM
from fedmm.algorithms.fedpm import FedPM
from fedmm.algorithms.fedsgd import FedSGD
from fedmm.algorithms.mm import MM
from fedmm.algorithms.naive import Naive
from fedmm.algorithms.stochastic_mm import StochasticMM

__all__ = ["CATALOG", "MM", "FedAvg", "FedMM", "FedPM", "FedSGD", "Naive", "StochasticMM"]

CATALOG: tuple[type[Algorithm], ...] = (MM, StochasticMM, FedMM, Naive, FedSGD, FedAvg, FedPM)
