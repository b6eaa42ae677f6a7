"""The channel that sends everything as it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from fedmm.arrays import Array, namespace
from fedmm.channels.base import Channel, ChannelFacts, Field, Selection
from fedmm.keys import Keys

__all__ = ["Identity", "value_width"]


class Wire(NamedTuple):
    """The vector itself."""

    values: Array


def value_width(x: Array) -> int:
    """The number of bits of one value of `x`: 64 for float64, 32 for float32."""
    if type(x) is np.ndarray:
        return 8 * x.dtype.itemsize
    xp = namespace(x)
    return int((xp.iinfo if xp.isdtype(x.dtype, "integral") else xp.finfo)(x.dtype).bits)


@dataclass(frozen=True)
class Identity(Channel):
    r"""C(x) = x: unbiased, omega = 0, q x (width of the dtype) bits."""

    name: ClassVar[str] = "identity"

    def encode(self, x: Array, key: Keys) -> Wire:
        return Wire(x)

    def decode(self, wire: Wire) -> Array:
        return wire.values

    def fields(self, wire: Wire) -> tuple[Field, ...]:
        return (Field(wire.values, value_width(wire.values)),)

    def facts(self, q: int) -> ChannelFacts:
        return ChannelFacts(unbiased=True, omega=0.0, contraction=1.0, dense=True)

    def outcomes(self, x: Array) -> Iterator[tuple[float, Array]]:
        yield 1.0, x

    def passes(self, q: int) -> int:
        return q

    def selections(self, x: Array) -> Iterator[Selection]:
        yield Selection(1.0, np.arange(x.shape[-1]), 1.0)
