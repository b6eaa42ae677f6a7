r"""Lifetimes and counts of clients that differ, drawn from the models that are fitted to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fedmm.arguments import check_fields
from fedmm.errors import SpecError
from fedmm.federation import Federation, Samples, Source
from problems.data.synthetic import client_key

__all__ = ["SyntheticSurvival"]


@dataclass(frozen=True)
class SyntheticSurvival(Source):
    r"""Exponential lifetimes, right-censored at exponential times; X (n, 1) holds the times, y = 1 for an event, 0 if censored.

    Client i has the rate :math:`\exp(h u_i)`, :math:`u_i` standard Gaussian, h the heterogeneity, and censoring times of such a
    rate that a share `censored` of its lifetimes is censored on average. Ten clients unless said otherwise.

    Parameters
    ----------
    heterogeneity : float
        h >= 0.
    censored : float
        In [0, 1).
    samples : int
        Lifetimes of each client.
    """

    heterogeneity: float = 1.0
    censored: float = 0.3
    samples: int = 100

    name: ClassVar[str] = "synthetic-survival"

    def __post_init__(self) -> None:
        check_fields(self)
        if not 0 <= self.heterogeneity < float("inf"):
            raise SpecError(f"Expected {self.name}.heterogeneity >= 0 and finite, got {self.heterogeneity}.")
        if not 0 <= self.censored < 1:
            raise SpecError(f"Expected {self.name}.censored in [0, 1), got {self.censored}.")
        if self.samples < 1:
            raise SpecError(f"Expected {self.name}.samples to be an integer >= 1, got {self.samples!r}.")

    def load(self, clients: int | None, seed: int) -> Federation:
        shares = []
        for i in range(10 if clients is None else clients):
            generator = client_key(self, seed, i).generator()
            rate = np.exp(self.heterogeneity * generator.standard_normal())
            life = generator.standard_exponential(self.samples) / rate
            leave = generator.standard_exponential(self.samples) / rate
            odds = self.censored / (1.0 - self.censored)  # the rate of leaving, in units of the rate
            leave = leave / odds if odds > 0 else np.full_like(leave, np.inf)
            shares.append(Samples(np.minimum(life, leave)[:, None], (life <= leave).astype(float)))
        return Federation(shares, "samples")
