r"""Lifetimes and counts of clients that differ, drawn from the models that are fitted to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fedmm.arguments import check_fields
from fedmm.errors import SpecError
from fedmm.federation import Federation, Samples, Source
from fedmm.keys import Key
from problems.data.synthetic import client_key

__all__ = ["SyntheticCountMixture", "SyntheticSurvival"]


@dataclass(frozen=True)
class SyntheticCountMixture(Source):
    r"""Counts from a mixture of K Poisson laws, in proportions of each client's own; y is the component.

    The rates are `rate` times standard exponential; client i's proportions are Dirichlet(concentration). Ten clients unless
    said otherwise.

    Parameters
    ----------
    p : int
        Counts of a sample.
    K : int
        Components.
    rate : float
        The mean rate, > 0.
    concentration : float
        > 0; the smaller, the more clients differ.
    samples : int
        Samples of each client.
    """

    p: int = 5
    K: int = 3
    rate: float = 5.0
    concentration: float = 0.5
    samples: int = 100

    name: ClassVar[str] = "synthetic-count-mixture"

    def __post_init__(self) -> None:
        check_fields(self)
        for field in ("p", "K", "samples"):
            if getattr(self, field) < 1:
                raise SpecError(f"Expected {self.name}.{field} to be an integer >= 1, got {getattr(self, field)!r}.")
        for field in ("rate", "concentration"):
            if not 0 < getattr(self, field) < float("inf"):
                raise SpecError(f"Expected {self.name}.{field} > 0 and finite, got {getattr(self, field)}.")

    def load(self, clients: int | None, seed: int) -> Federation:
        rates = self.rate * Key(seed, purpose=(self.name,)).generator().standard_exponential((self.K, self.p))
        shares = []
        for i in range(10 if clients is None else clients):
            generator = client_key(self, seed, i).generator()
            proportions = generator.dirichlet(np.full(self.K, self.concentration))
            component = generator.choice(self.K, self.samples, p=proportions)
            shares.append(Samples(generator.poisson(rates[component]).astype(float), component.astype(float)))
        return Federation(shares, "samples")


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
