r"""How samples are dealt out to clients.

`Dirichlet` is the usual model of label skew: for each label the fractions that go to the clients are one draw from
:math:`\mathrm{Dir}(\alpha, \dots, \alpha)`; small alpha means that few clients hold a label.
Source: T.-M. H. Hsu, H. Qi, M. Brown, *Measuring the effects of non-identical data distribution for federated visual
classification*, arXiv 1909.06335. There the mixture is drawn per client; drawn per label, as here, every sample is used
exactly once.

| argument | symbol |
|---|---|
| alpha | alpha, the concentration |
| clients | n, the number of clients |
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fedmm.arguments import check_fields
from fedmm.errors import SpecError
from fedmm.federation import Partition, Samples
from problems.data.shares import check_clients, check_enough, label_rows, rounded

__all__ = ["IID", "Contiguous", "Dirichlet"]

REDRAWS = 100
"""How often a Dirichlet split with an empty client is drawn afresh before it is mended."""


@dataclass(frozen=True)
class IID(Partition):
    """A random permutation cut into equal shares; sizes differ by at most one.

    Parameters
    ----------
    clients : int
        The number of clients.
    """

    clients: int = 10

    name: ClassVar[str] = "iid"

    def __post_init__(self) -> None:
        check_fields(self)
        check_clients(self, self.clients)

    def split(self, samples: Samples, generator: np.random.Generator) -> list[np.ndarray]:
        n = check_enough(samples, self.clients)
        return [np.sort(rows) for rows in np.array_split(generator.permutation(n), self.clients)]


@dataclass(frozen=True)
class Contiguous(Partition):
    """The rows in their order, cut into equal shares.

    Parameters
    ----------
    clients : int
        The number of clients.
    drop_remainder : bool
        Give every client exactly floor(n / clients) rows and leave out the last ones; otherwise sizes differ by one.
    """

    clients: int = 10
    drop_remainder: bool = False

    name: ClassVar[str] = "contiguous"

    def __post_init__(self) -> None:
        check_fields(self)
        check_clients(self, self.clients)

    def split(self, samples: Samples, generator: np.random.Generator) -> list[np.ndarray]:
        n = check_enough(samples, self.clients)
        if self.drop_remainder:
            n -= n % self.clients
        return np.array_split(np.arange(n), self.clients)


@dataclass(frozen=True)
class Dirichlet(Partition):
    """Label skew: the samples of each label go to the clients in fractions drawn from Dirichlet(alpha).

    A draw that leaves a client empty is repeated, at most 100 times; the last one is then mended without further
    randomness: each empty client, in order, takes the last row of the client that has most (the first of them on ties).

    Parameters
    ----------
    alpha : float
        The concentration; small is heterogeneous, large is nearly IID.
    clients : int
        The number of clients.
    """

    alpha: float = 0.5
    clients: int = 10

    name: ClassVar[str] = "dirichlet"

    def __post_init__(self) -> None:
        check_fields(self)
        check_clients(self, self.clients)
        if not 0 < self.alpha < float("inf"):
            raise SpecError(f"Expected dirichlet.alpha > 0 and finite, got {self.alpha}.")

    def split(self, samples: Samples, generator: np.random.Generator) -> list[np.ndarray]:
        check_enough(samples, self.clients)
        labels = label_rows(self, samples)
        shares: list[np.ndarray] = []
        for _ in range(REDRAWS):
            shares = self._draw(labels, generator)
            if min(len(rows) for rows in shares) > 0:
                break
        return [np.sort(rows) for rows in _mended(shares)]

    def _draw(self, labels: list[np.ndarray], generator: np.random.Generator) -> list[np.ndarray]:
        pieces: list[list[np.ndarray]] = [[] for _ in range(self.clients)]
        for rows in labels:
            rows = generator.permutation(rows)
            fractions = generator.dirichlet(np.full(self.clients, self.alpha))
            ends = np.cumsum(rounded(fractions, len(rows)))
            for client, piece in enumerate(np.split(rows, ends[:-1])):
                pieces[client].append(piece)
        return [np.concatenate(piece) for piece in pieces]


def _mended(shares: list[np.ndarray]) -> list[np.ndarray]:
    shares = list(shares)
    for client, rows in enumerate(shares):
        if len(rows) == 0:
            largest = max(range(len(shares)), key=lambda i: len(shares[i]))
            shares[client], shares[largest] = shares[largest][-1:], shares[largest][:-1]
    return shares
