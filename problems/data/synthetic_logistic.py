r"""Heterogeneous classification with as many clients as wanted: each is generated when it is first asked for.

A client's features are :math:`x=m_i+g` and its labels follow :math:`P(y=1\mid x)=\sigma(x^\top\theta_i)` with
:math:`\theta_i=\theta+\text{heterogeneity}\,u_i`, where g is standard Gaussian, :math:`m_i` Gaussian with standard
deviation `heterogeneity` in each coordinate, and :math:`\theta, u_i` Gaussian with standard deviation
:math:`1/\sqrt d`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np

from fedmm.arguments import check_fields
from fedmm.errors import SpecError
from fedmm.federation import Federation, Samples, Source
from fedmm.keys import Key

__all__ = ["SyntheticLogistic"]


@dataclass(frozen=True)
class SyntheticLogistic(Source):
    """Logistic regression with features and labels that shift from client to client; a hundred clients by default.

    Parameters
    ----------
    d : int
        The number of features.
    samples : int
        Samples of each client.
    heterogeneity : float
        How far clients differ; 0 makes them identically distributed.
    dtype : {"float64", "float32"}
        The type of the arrays.
    keep : int
        How many clients stay in memory, the last ones used; the others are generated again when needed.
    """

    d: int = 300
    samples: int = 300
    heterogeneity: float = 0.5
    dtype: Literal["float64", "float32"] = "float64"
    keep: int = 200

    name: ClassVar[str] = "synthetic-logistic"

    def __post_init__(self) -> None:
        check_fields(self)
        for word, value, least in (("d", self.d, 1), ("samples", self.samples, 1), ("keep", self.keep, 0)):
            if value < least:
                raise SpecError(f"Expected {self.name}.{word} to be an integer >= {least}, got {value!r}.")
        if not 0 <= self.heterogeneity < float("inf"):
            raise SpecError(f"Expected {self.name}.heterogeneity >= 0 and finite, got {self.heterogeneity}.")

    def load(self, clients: int | None, seed: int) -> Federation:
        n = 100 if clients is None else clients
        return Federation(LazyClients(self, n, seed), "uniform", check=False)

    def client(self, number: int, seed: int) -> Samples:
        """What client `number` holds: X (samples, d) and y in {-1, +1}."""
        theta = Key(seed, purpose=(self.name,)).generator().standard_normal(self.d) / self.d**0.5
        generator = Key(seed, client=number, purpose=(self.name,)).generator()
        theta_i = theta + self.heterogeneity * generator.standard_normal(self.d) / self.d**0.5
        X = generator.standard_normal((self.samples, self.d))
        X += self.heterogeneity * generator.standard_normal(self.d)
        probability = 0.5 * (1.0 + np.tanh(0.5 * (X @ theta_i)))
        y = np.where(generator.random(self.samples) < probability, 1.0, -1.0)
        return Samples(X.astype(self.dtype), y.astype(self.dtype))


@dataclass(frozen=True, eq=False)
class LazyClients(Sequence[Samples]):
    """The clients of a generator; what is kept is a cache and changes no value."""

    source: SyntheticLogistic
    n: int
    seed: int
    kept: OrderedDict[int, Samples] = field(default_factory=OrderedDict, init=False, repr=False)

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, number: Any) -> Any:
        if isinstance(number, slice):
            return tuple(self[i] for i in range(*number.indices(self.n)))
        client = range(self.n)[number]  # negative numbers, and IndexError beyond the end
        if client in self.kept:
            self.kept.move_to_end(client)
            return self.kept[client]
        data = self.source.client(client, self.seed)
        self.kept[client] = data
        if len(self.kept) > self.source.keep:
            self.kept.popitem(last=False)
        return data

    def __reduce__(self) -> tuple[Any, ...]:
        """Without the cache: a worker generates what it needs."""
        return LazyClients, (self.source, self.n, self.seed)
