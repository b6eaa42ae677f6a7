r"""Top-k: the k coordinates of largest absolute value, exactly. Biased.

.. math:: C(x) = \sum_{j\in I} x_j e_j, \qquad I \text{ the places of the } k \text{ largest } |x_j|

Among equals the smallest index wins.

| argument | symbol |
|---|---|
| k | k, the number of coordinates sent |
| facts | :math:`\|C(x)-x\|^2 \le (1-k/q)\|x\|^2`, with equality where all :math:`|x_j|` are equal |

Source: the standard contraction (S. Stich, J.-B. Cordonnier, M. Jaggi, Sparsified SGD with memory, NeurIPS 2018). The
places depend on x, so each costs :math:`\lceil\log_2 q\rceil` bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from fedmm.arguments import check_fields
from fedmm.arrays import Array, namespace, put_last, take_last
from fedmm.channels.base import Channel, ChannelFacts, Field, Selection, positive_int
from fedmm.channels.identity import value_width
from fedmm.errors import SpecError
from fedmm.keys import Keys

__all__ = ["TopK"]


class Wire(NamedTuple):
    """The k largest values (..., k) in the order of their places `indices` (..., k) among `q`."""

    values: Array
    indices: Array
    q: int


@dataclass(frozen=True)
class TopK(Channel):
    r"""The k largest coordinates: biased, :math:`\|C(x)-x\|^2 \le (1-k/q)\|x\|^2`.

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

    name: ClassVar[str] = "top-k"

    def __post_init__(self) -> None:
        check_fields(self)
        positive_int(self.name, "k", self.k)

    def encode(self, x: Array, key: Keys) -> Wire:
        indices = largest(x, self.k)
        return Wire(take_last(x, indices), indices, x.shape[-1])

    def decode(self, wire: Wire) -> Array:
        return put_last(wire.values, wire.indices, wire.q)

    def fields(self, wire: Wire) -> tuple[Field, ...]:
        return Field(wire.values, value_width(wire.values)), Field(wire.indices, (wire.q - 1).bit_length())

    def facts(self, q: int) -> ChannelFacts:
        if self.k > q:
            raise SpecError(f"top-k sends k = {self.k} coordinates of a vector of length {q}; set k to at most {q}.")
        everything = self.k == q
        return ChannelFacts(unbiased=everything, omega=1.0 - self.k / q, contraction=self.k / q, dense=everything)

    def outcomes(self, x: Array) -> Iterator[tuple[float, Array]]:
        indices = largest(x, self.k)
        yield 1.0, put_last(x[indices], indices, x.shape[-1])

    def passes(self, q: int) -> int:
        return self.k

    def selections(self, x: Array) -> Iterator[Selection]:
        yield Selection(1.0, largest(x, self.k), 1.0)


def largest(x: Array, k: int) -> Array:
    """The places (..., k) of the k largest :math:`|x_j|` in increasing order; among equals the smallest index.

    NaN counts as largest, so that it is sent and the server sees the divergence.
    """
    xp = namespace(x)
    size = xp.where(xp.isnan(x), xp.full_like(x, float("inf")), xp.abs(x))
    if xp is not np:
        return xp.sort(xp.argsort(size, axis=-1, descending=True, stable=True)[..., :k], axis=-1)
    if x.ndim > 1:
        return np.stack([largest(row, k) for row in x])
    cut = np.partition(size, -k)[-k]  # linear time; the stable sort above costs ten times as much for long vectors
    above = np.flatnonzero(size > cut)
    level = np.flatnonzero(size == cut)[: k - above.size]
    return np.sort(np.concatenate([above, level]))
