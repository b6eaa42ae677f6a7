r"""Quantity skew: clients hold like samples, but unequal numbers of them.

| argument | symbol |
|---|---|
| alpha | alpha, the concentration of the Dirichlet law or the exponent of the power law |
| clients | n, the number of clients |
| minimum | m, the least number of samples of a client |

Of N samples every client gets m; the N - n m others are shared out in fractions q, rounded, with
:math:`q \sim \mathrm{Dir}(\alpha, \dots, \alpha)`, or :math:`q_i \propto \mathrm{rank}_i^{-\alpha}` where the ranks 1 to n go to
the clients at random. Source of the Dirichlet law of sizes: Q. Li, Y. Diao, Q. Chen, B. He, *Federated learning on non-IID
data silos: an experimental study*, ICDE 2022, arXiv 2102.02079.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from fedmm.arguments import check_fields
from fedmm.errors import DataError, SpecError
from fedmm.federation import Partition, Samples
from problems.data.shares import check_clients, check_enough, rounded

__all__ = ["Quantity"]


@dataclass(frozen=True)
class Quantity(Partition):
    """Quantity skew: a random permutation cut into shares of unequal sizes.

    Parameters
    ----------
    alpha : float
        For the Dirichlet law the concentration: small is unequal, large nearly equal. For the power law the exponent:
        the other way round.
    clients : int
        The number of clients.
    law : {"dirichlet", "power"}
        The law of the sizes.
    minimum : int
        The least number of samples of a client, at least 1.
    """

    alpha: float = 0.5
    clients: int = 10
    law: Literal["dirichlet", "power"] = "dirichlet"
    minimum: int = 1

    name: ClassVar[str] = "quantity"

    def __post_init__(self) -> None:
        check_fields(self)
        check_clients(self, self.clients)
        if not 0 < self.alpha < float("inf"):
            raise SpecError(f"Expected quantity.alpha > 0 and finite, got {self.alpha}.")
        if self.minimum < 1:
            raise SpecError(f"Expected quantity.minimum to be an integer >= 1, got {self.minimum}; no client may be empty.")

    def split(self, samples: Samples, generator: np.random.Generator) -> list[np.ndarray]:
        n = check_enough(samples, self.clients)
        rest = n - self.clients * self.minimum
        if rest < 0:
            raise DataError(
                f"Cannot deal {n} samples out to {self.clients} clients with at least {self.minimum} each; use fewer clients "
                "or a smaller minimum."
            )
        if self.law == "dirichlet":
            fractions = generator.dirichlet(np.full(self.clients, self.alpha))
        else:
            ranks = 1.0 + generator.permutation(self.clients)
            fractions = ranks**-self.alpha / np.sum(ranks**-self.alpha)
        ends = np.cumsum(self.minimum + rounded(fractions, rest))
        return [np.sort(rows) for rows in np.split(generator.permutation(n), ends[:-1])]
