"""Clients that the data name themselves: writers, speakers, users, or the values of a feature.

The usual benchmarks with natural clients are of this kind: characters by writer, lines by speaker, ratings by user.
Source: S. Caldas et al., *LEAF: a benchmark for federated settings*, arXiv 1812.01097.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fedmm.arguments import check_fields
from fedmm.errors import DataError, SpecError
from fedmm.federation import Partition, Samples
from problems.data.feature_shift import column_of
from problems.data.shares import check_clients, check_enough

__all__ = ["ByColumn", "ByGroup"]


@dataclass(frozen=True)
class ByGroup(Partition):
    """One client for each group of the data (writer, speaker, user, ...), or whole groups brought together.

    Clients of one group each are in the order of the groups' names or numbers. For fewer clients than groups, the groups
    are taken in a random order and each goes to the client with the fewest samples so far.

    Parameters
    ----------
    clients : int or None
        The number of clients; None makes one of each group.
    """

    clients: int | None = None

    name: ClassVar[str] = "by-group"
    needs_groups: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_fields(self)
        check_clients(self, self.clients)

    def split(self, samples: Samples, generator: np.random.Generator, groups: np.ndarray | None = None) -> list[np.ndarray]:
        if groups is None:
            raise DataError("The partition 'by-group' needs the group of each sample, the data name none; use 'iid'.")
        rows = _rows_of(groups)
        clients = _at_most(self.clients, len(rows), "groups", "all samples are of one group")
        if clients == len(rows):
            return rows
        hands: list[list[np.ndarray]] = [[] for _ in range(clients)]
        sizes = np.zeros(clients, dtype=int)
        for group in generator.permutation(len(rows)):
            least = int(np.argmin(sizes))
            hands[least].append(rows[group])
            sizes[least] += len(rows[group])
        return [np.sort(np.concatenate(hand)) for hand in hands]


@dataclass(frozen=True)
class ByColumn(Partition):
    """One client for each value of a feature, or for each interval of its values.

    Clients are in the order of the values, and equal values stay together. For fewer clients than values, the values are
    cut where that comes nearest to equal shares.

    Parameters
    ----------
    column : int
        The number of the feature, from 0.
    clients : int or None
        The number of clients; None makes one of each value.
    """

    column: int
    clients: int | None = None

    name: ClassVar[str] = "by-column"

    def __post_init__(self) -> None:
        check_fields(self)
        check_clients(self, self.clients)
        if self.column < 0:
            raise SpecError(f"Expected by-column.column to be an integer >= 0, got {self.column}.")

    def split(self, samples: Samples, generator: np.random.Generator, groups: np.ndarray | None = None) -> list[np.ndarray]:
        n = check_enough(samples, self.clients or 1)
        rows = _rows_of(column_of(self, samples, self.column))
        clients = _at_most(self.clients, len(rows), "values", f"column {self.column} holds one value")
        ends = np.cumsum([len(part) for part in rows])
        cuts = _nearest(ends, n * np.arange(1, clients) / clients)
        return [np.sort(np.concatenate(rows[a:b])) for a, b in zip([0, *cuts], [*cuts, len(rows)], strict=True)]


def _rows_of(labels: np.ndarray) -> list[np.ndarray]:
    """The rows of each label, labels in increasing order and rows in theirs."""
    missing = np.zeros(len(labels), dtype=bool)
    if labels.dtype.kind == "f":
        missing = np.isnan(labels)
    elif labels.dtype.kind == "O":
        missing = np.array([label is None or label != label for label in labels])
    if missing.any():
        raise DataError(f"Sample {int(np.argmax(missing))} belongs to no group (it is missing); name one, or drop the sample.")
    try:
        _, label = np.unique(labels, return_inverse=True)
    except TypeError as error:
        raise DataError("Expected groups of one kind, numbers or strings, got both; convert them to strings.") from error
    order = np.argsort(label, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(label[order])) + 1)


def _at_most(clients: int | None, there: int, what: str, alone: str) -> int:
    """The number of clients to make of the groups or values that are there."""
    if there == 1 and clients != 1:
        raise DataError(f"Cannot tell clients apart: {alone}; use another partition, such as 'iid'.")
    if clients is not None and clients > there:
        raise DataError(f"Cannot make {clients} clients of {there} {what}; ask for at most {there}.")
    return clients or there


def _nearest(ends: np.ndarray, targets: Any) -> list[int]:
    """How many of the parts that end at `ends` lie before each cut: near the targets, and at least one between two cuts."""
    cuts: list[int] = []
    for i, target in enumerate(targets):
        k = int(np.searchsorted(ends, target))
        k = k + 1 if k == 0 or ends[k] - target <= target - ends[k - 1] else k
        least, most = (cuts[-1] if cuts else 0) + 1, len(ends) - (len(targets) - i)
        cuts.append(min(max(k, least), most))
    return cuts
