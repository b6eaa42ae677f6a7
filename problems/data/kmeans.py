r"""Clients as clusters: samples that are alike are together.

:math:`\min_{c_1, \dots, c_n} \sum_j \min_i \|x_j - c_i\|^2`, by Lloyd's iterations from k-means++ centres (scikit-learn); the
number of centres is the number of clients. Clusters, and so clients, may be of very different sizes.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fedmm.arguments import check_fields
from fedmm.errors import DataError, SpecError
from fedmm.federation import Partition, Samples
from problems.data.shares import check_clients, check_enough, for_sklearn

__all__ = ["KMeans"]


@dataclass(frozen=True)
class KMeans(Partition):
    """Clusters of like samples: each client is a cluster of k-means on the rows of X.

    Clients are numbered in the order of their first sample. Features of large scale decide: standardise them first.

    Parameters
    ----------
    clients : int
        The number of clusters.
    starts : int
        The best of so many random starts is taken.
    """

    clients: int = 10
    starts: int = 1

    name: ClassVar[str] = "k-means"

    def __post_init__(self) -> None:
        check_fields(self)
        check_clients(self, self.clients)
        if self.starts < 1:
            raise SpecError(f"Expected k-means.starts to be an integer >= 1, got {self.starts}.")

    def split(self, samples: Samples, generator: np.random.Generator) -> list[np.ndarray]:
        import sklearn.cluster
        from sklearn.exceptions import ConvergenceWarning
        from threadpoolctl import threadpool_limits

        check_enough(samples, self.clients)
        clusters: Any = sklearn.cluster.KMeans
        seed = int(generator.integers(2**31))
        with threadpool_limits(1), warnings.catch_warnings():  # one thread: sums over threads depend on their number
            warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different samples than clusters: refused below
            cluster = clusters(self.clients, n_init=self.starts, random_state=seed).fit_predict(for_sklearn(samples))
        _, first, client = np.unique(cluster, return_index=True, return_inverse=True)
        if len(first) < self.clients:
            raise DataError(
                f"The partition 'k-means' found {len(first)} clusters of different samples, not {self.clients}; "
                f"ask for at most {len(first)} clients."
            )
        return [np.flatnonzero(client == i) for i in np.argsort(first)]
