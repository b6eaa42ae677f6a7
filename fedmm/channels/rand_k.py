r"""Rand-k: a uniform k-subset of the coordinates, scaled up.

.. math:: C(x) = \frac{q}{k} \sum_{j\in I} x_j e_j, \qquad I \text{ a uniform } k\text{-subset of } \{1,\dots,q\}

| argument | symbol |
|---|---|
| k | k, the number of coordinates sent |
| facts | :math:`\omega = q/k - 1`, with equality for every x |

Source: folklore; one of the unbiased compressors that FedMM (arXiv 2507.17534) admits.
Both ends regenerate I from the key of the wire, so it costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import ClassVar, NamedTuple

import numpy as np

from fedmm.arguments import check_fields
from fedmm.arrays import Array, as_like, put_last, take_last
from fedmm.channels.base import MANY, Channel, ChannelFacts, Field, Selection, positive_int, unbiased
from fedmm.channels.identity import value_width
from fedmm.errors import SpecError
from fedmm.keys import Keys, draw

__all__ = ["RandK"]


class Wire(NamedTuple):
    """The selected values (..., k), unscaled; the key that regenerates their places among `q`."""

    values: Array
    key: Keys
    q: int


@dataclass(frozen=True)
class RandK(Channel):
    r"""k coordinates drawn uniformly without replacement, times q/k: unbiased, :math:`\omega = q/k - 1`.

    Parameters
    ----------
    k : int
        The number of coordinates sent, at least 1.

    Raises
    ------
    SpecError
        If `k` is not a positive integer; by `facts`, if the vector is shorter than k.
    """

    k: int

    name: ClassVar[str] = "rand-k"

    def __post_init__(self) -> None:
        check_fields(self)
        positive_int(self.name, "k", self.k)

    def encode(self, x: Array, key: Keys) -> Wire:
        q = x.shape[-1]
        return Wire(take_last(x, as_like(self._subset(key, q), x)), key, q)

    def decode(self, wire: Wire) -> Array:
        indices = as_like(self._subset(wire.key, wire.q), wire.values)
        return put_last(wire.values * (wire.q / self.k), indices, wire.q)

    def fields(self, wire: Wire) -> tuple[Field, ...]:
        return (Field(wire.values, value_width(wire.values)),)

    def facts(self, q: int) -> ChannelFacts:
        if self.k > q:
            raise SpecError(f"rand-k sends k = {self.k} coordinates of a vector of length {q}; set k to at most {q}.")
        return unbiased(q / self.k - 1.0, dense=self.k == q)

    def outcomes(self, x: Array) -> Iterator[tuple[float, Array]] | None:
        ways, q = self.selections(x), x.shape[-1]
        if ways is None:
            return None
        return ((way.probability, put_last(x[way.indices] * way.scale, way.indices, q)) for way in ways)

    def passes(self, q: int) -> int:
        return self.k

    def selections(self, x: Array) -> Iterator[Selection] | None:
        q, k = x.shape[-1], self.k
        count = comb(q, k)
        if not 0 < count <= MANY:
            return None
        return (Selection(1.0 / count, np.array(places), q / k) for places in combinations(range(q), k))

    def _subset(self, key: Keys, q: int) -> np.ndarray:
        """I at the address `key` in increasing order, shape (k,) or one row per key."""
        return np.sort(draw(key, lambda generator: generator.choice(q, self.k, replace=False, shuffle=False)), axis=-1)
