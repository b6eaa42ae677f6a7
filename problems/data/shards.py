r"""Label shards: every client holds few labels.

Samples are sorted by label and cut into n k shards; each client is handed k of them at random.
Source: B. McMahan, E. Moore, D. Ramage, S. Hampson, B. Aguera y Arcas, *Communication-efficient learning of deep networks
from decentralized data*, AISTATS 2017, section 3: MNIST in 200 shards of 300, two for each of 100 clients.

| argument | symbol |
|---|---|
| per_client | k, the number of shards of a client |
| clients | n, the number of clients |

**Where we differ.** There the sorted samples are cut in equal parts, so that a shard may run from one label into the
next and a client may hold more than k labels. Here a shard lies within one label unless ``within_labels`` is False.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heapreplace
from typing import ClassVar

import numpy as np

from fedmm.arguments import check_fields
from fedmm.errors import DataError, SpecError
from fedmm.federation import Partition, Samples
from problems.data.shares import check_clients, check_enough, label_rows

__all__ = ["Shards"]


@dataclass(frozen=True)
class Shards(Partition):
    """Label skew by shards: at most `per_client` labels for each client.

    The samples of a label are permuted and cut into shards of equal size, up to one sample. Labels get shards in
    proportion to their samples: one each, and every further one goes to the label whose shards are largest.

    Parameters
    ----------
    per_client : int
        k, the number of shards of a client.
    clients : int
        The number of clients.
    within_labels : bool
        Cut shards within labels. Otherwise all samples, sorted by label, are cut into shards of equal size, up to one
        sample: clients then have nearly equal sizes, and a shard may hold two labels or more.
    """

    per_client: int = 2
    clients: int = 10
    within_labels: bool = True

    name: ClassVar[str] = "shards"

    def __post_init__(self) -> None:
        check_fields(self)
        check_clients(self, self.clients)
        if self.per_client < 1:
            raise SpecError(f"Expected shards.per_client to be an integer >= 1, got {self.per_client!r}.")

    def split(self, samples: Samples, generator: np.random.Generator) -> list[np.ndarray]:
        n = check_enough(samples, self.clients)
        labels = [generator.permutation(rows) for rows in label_rows(self, samples)]
        shards = self.clients * self.per_client
        if n < shards:
            raise DataError(
                f"Cannot cut {n} samples into {shards} shards ({self.per_client} for each of {self.clients} clients); "
                "use fewer clients or fewer shards for each."
            )
        if self.within_labels:
            if shards < len(labels):
                raise DataError(
                    f"Cannot cut {len(labels)} labels into {shards} shards of one label each; use more clients, more "
                    "shards for each, or within_labels=false."
                )
            counts = _apportioned([len(rows) for rows in labels], shards)
            pieces = [piece for rows, count in zip(labels, counts, strict=True) for piece in np.array_split(rows, count)]
        else:
            pieces = np.array_split(np.concatenate(labels), shards)
        hands = generator.permutation(shards).reshape(self.clients, self.per_client)
        return [np.sort(np.concatenate([pieces[shard] for shard in hand])) for hand in hands]


def _apportioned(sizes: list[int], shards: int) -> list[int]:
    """How many shards each label is cut into: the largest shard is as small as it can be."""
    counts = [1] * len(sizes)
    largest = [(-float(size), label) for label, size in enumerate(sizes)]
    heapify(largest)
    for _ in range(shards - len(sizes)):
        label = largest[0][1]
        counts[label] += 1
        heapreplace(largest, (-sizes[label] / counts[label], label))
    return counts
