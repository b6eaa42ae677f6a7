r"""Bernoulli mask: every coordinate is kept independently with probability `keep`, and divided by it.

.. math:: C(x)_j = b_j x_j / keep, \qquad b_j \sim \text{Bernoulli}(keep) \text{ independent}

| argument | symbol |
|---|---|
| keep | k, the probability that a coordinate is sent |
| facts | :math:`\omega = 1/keep - 1`, with equality for every x |

Source: folklore; one of the unbiased compressors that FedMM (arXiv 2507.17534) admits.
Both ends regenerate b from the key of the wire, so only the kept values cost bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import ClassVar, NamedTuple

import numpy as np

from fedmm.arguments import check_fields
from fedmm.arrays import Array, as_like, namespace
from fedmm.channels.base import MANY, Channel, ChannelFacts, Field, unbiased
from fedmm.channels.identity import value_width
from fedmm.errors import SpecError
from fedmm.keys import Keys, draw

__all__ = ["Mask"]


class Wire(NamedTuple):
    """The vector with zeros where the mask is zero (..., q), undivided; the key that regenerates the mask.

    Rows of a block keep different numbers of values, which fit no rectangle: `Mask.fields` picks the kept ones.
    """

    masked: Array
    key: Keys


@dataclass(frozen=True)
class Mask(Channel):
    r"""Each coordinate kept with probability `keep` and divided by it: unbiased, :math:`\omega = 1/keep - 1`.

    Parameters
    ----------
    keep : float
        The probability that a coordinate is sent, in (0, 1].

    Raises
    ------
    SpecError
        If `keep` is outside (0, 1].
    """

    keep: float

    name: ClassVar[str] = "mask"

    def __post_init__(self) -> None:
        check_fields(self)
        if not 0 < self.keep <= 1:
            raise SpecError(f"Expected keep of the channel mask in (0, 1], got {self.keep!r}; give the part to send.")

    def encode(self, x: Array, key: Keys) -> Wire:
        return Wire(x * as_like(self._mask(key, x.shape[-1]).astype(float), x), key)

    def decode(self, wire: Wire) -> Array:
        return wire.masked / float(self.keep)

    def fields(self, wire: Wire) -> tuple[Field, ...]:
        masked = wire.masked
        kept = as_like(self._mask(wire.key, masked.shape[-1]), masked)
        return (Field(masked[namespace(masked).broadcast_to(kept, masked.shape)], value_width(masked)),)

    def facts(self, q: int) -> ChannelFacts:
        return unbiased(1.0 / self.keep - 1.0, dense=self.keep == 1)

    def outcomes(self, x: Array) -> Iterator[tuple[float, Array]] | None:
        q, keep = x.shape[-1], float(self.keep)
        if keep == 1:
            return iter([(1.0, x)])
        if 2**q > MANY:
            return None
        return (
            (keep ** sum(b) * (1 - keep) ** (q - sum(b)), x * np.array(b, dtype=x.dtype) / keep)
            for b in product((0, 1), repeat=q)
        )

    def _mask(self, key: Keys, q: int) -> np.ndarray:
        """b at the address `key`, booleans of shape (q,) or one row per key."""
        return draw(key, lambda generator: generator.random(q)) < self.keep
