r"""Counts of a Poisson law whose rate is linear in non-negative features: data of emission tomography's kind.

A client's features are :math:`x_k=m_{ik}e_k` with standard exponential :math:`e_k` and
:math:`m_{ik}=e^{\text{heterogeneity}\,g_{ik}}`, g standard Gaussian, so that clients see different features well; its counts
follow Poisson(x' theta) with :math:`\theta_k` = `rate` / d x standard exponential, the same for all clients.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fedmm.arguments import check_fields
from fedmm.errors import SpecError
from fedmm.federation import Federation, Samples, Source
from fedmm.keys import Key
from problems.data.synthetic import client_key

__all__ = ["SyntheticCounts"]


@dataclass(frozen=True)
class SyntheticCounts(Source):
    """Poisson regression with an identity link; ten clients by default.

    Parameters
    ----------
    d : int
        The number of features.
    samples : int
        Samples of each client.
    rate : float
        > 0; about the mean count where heterogeneity is 0.
    heterogeneity : float
        >= 0; how far the scales of the clients' features differ.
    """

    d: int = 10
    samples: int = 100
    rate: float = 10.0
    heterogeneity: float = 1.0

    name: ClassVar[str] = "synthetic-counts"

    def __post_init__(self) -> None:
        check_fields(self)
        for field in ("d", "samples"):
            if (value := getattr(self, field)) < 1:
                raise SpecError(f"Expected {self.name}.{field} to be an integer >= 1, got {value!r}.")
        if not 0 < self.rate < float("inf"):
            raise SpecError(f"Expected {self.name}.rate > 0 and finite, got {self.rate}.")
        if not 0 <= self.heterogeneity < float("inf"):
            raise SpecError(f"Expected {self.name}.heterogeneity >= 0 and finite, got {self.heterogeneity}.")

    def theta(self, seed: int) -> np.ndarray:
        """The parameter behind the counts, shape (d,)."""
        return self.rate / self.d * Key(seed, purpose=(self.name,)).generator().exponential(size=self.d)

    def load(self, clients: int | None, seed: int) -> Federation:
        theta = self.theta(seed)
        shares = []
        for i in range(10 if clients is None else clients):
            generator = client_key(self, seed, i).generator()
            scale = np.exp(self.heterogeneity * generator.standard_normal(self.d))
            X = scale * generator.exponential(size=(self.samples, self.d))
            shares.append(Samples(X, generator.poisson(X @ theta).astype(float)))
        return Federation(shares, "samples")
