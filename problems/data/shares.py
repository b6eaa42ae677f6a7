"""What partitions share: checks of clients and labels, and cuts."""

from __future__ import annotations

from typing import Any

import numpy as np

from fedmm.arrays import is_sparse, to_numpy
from fedmm.errors import DataError, SpecError
from fedmm.federation import Partition, Samples

__all__ = ["check_clients", "check_enough", "for_sklearn", "label_rows", "rounded"]


def check_clients(partition: Partition, clients: int | None) -> None:
    """That a number of clients, where one is given, is at least 1.

    Raises
    ------
    SpecError
        If it is not.
    """
    if clients is not None and clients < 1:
        raise SpecError(f"Expected {partition.name}.clients to be an integer >= 1, got {clients!r}.")


def check_enough(samples: Samples, clients: int) -> int:
    """The number of samples.

    Raises
    ------
    DataError
        If there are fewer than clients.
    """
    n = int(samples.X.shape[0])
    if n < clients:
        raise DataError(f"Cannot deal {n} samples out to {clients} clients; ask for at most {n} clients.")
    return n


def label_rows(partition: Partition, samples: Samples) -> list[np.ndarray]:
    """The rows of each label, labels in increasing order and rows in theirs.

    Raises
    ------
    DataError
        If there are no labels, or they are not whole numbers.
    """
    if samples.y is None:
        raise DataError(f"The partition {partition.name!r} needs labels y, the data have none; use 'iid' or 'contiguous'.")
    y = to_numpy(samples.y)
    if not np.array_equal(y, np.round(y)):
        raise DataError(
            f"The partition {partition.name!r} needs labels that are whole numbers, y holds real values; "
            "use 'iid' or 'contiguous'."
        )
    return [np.flatnonzero(y == label) for label in np.unique(y)]


def for_sklearn(samples: Samples) -> Any:
    """X as a NumPy array, or as a sparse matrix whose parts are contiguous: what scikit-learn takes."""
    X = samples.X
    if not is_sparse(X):
        return to_numpy(X)
    return type(X)((np.ascontiguousarray(X.data), X.indices, X.indptr), shape=X.shape)


def rounded(fractions: Any, total: int) -> np.ndarray:
    """Whole numbers with sum `total`, within 1 of fractions * total: the differences of the rounded cumulative sums."""
    ends = np.round(np.cumsum(fractions)[:-1] * total).astype(int)
    return np.diff(ends, prepend=0, append=total)
