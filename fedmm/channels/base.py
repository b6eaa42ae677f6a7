r"""What goes over the wire: encode, decode, an honest count of bits, and facts.

A wire is a NamedTuple. `Channel.fields` lists what of it is transmitted and how wide each number is; the count of
bits and the bit-packed payload both follow from that list. Whatever a shared seed regenerates (the indices of a random
mask) travels in the wire as a key and is not a field: it is free.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np

from fedmm.arrays import Array
from fedmm.errors import SpecError
from fedmm.keys import Keys

__all__ = ["MANY", "Channel", "ChannelFacts", "Field", "Selection", "positive_int", "unbiased"]

MANY = 4096
"""`Channel.outcomes` and `Channel.selections` enumerate up to this number and say None beyond."""


class Field(NamedTuple):
    """Numbers of a wire that are transmitted: `values` (any shape), each taking `width` bits.

    Floating values go as they are (width = their dtype's); integers must lie in [0, 2**width).
    """

    values: Array
    width: int


class ChannelFacts(NamedTuple):
    r"""What is known of a channel C on vectors of length q.

    Parameters
    ----------
    unbiased : bool
        Whether E[C(x)] = x.
    omega : float or None
        The variance factor: :math:`E\|C(x) - x\|^2 \le \omega\|x\|^2`, None if there is none or it is unknown.
    contraction : float or None
        delta with :math:`E\|C(x) - x\|^2 \le (1-\delta)\|x\|^2`, None if there is none.
    dense : bool
        Whether decoded vectors are dense.
    """

    unbiased: bool
    omega: float | None
    contraction: float | None
    dense: bool


class Selection(NamedTuple):
    """One way in which a channel passes values on.

    Parameters
    ----------
    probability : float
        That of this way.
    indices : array (k,)
        What it keeps, in increasing order: ``x[indices]``.
    scale : float
        The decoder writes `scale` times what arrives back at `indices`.
    """

    probability: float
    indices: np.ndarray
    scale: float


class Channel(ABC):
    """A compressor. Subclasses are frozen dataclasses of plain values and final.

    `encode`, `decode` and `fields` take one leading axis.
    """

    name: ClassVar[str]
    """The name on the command line and in recipes."""

    @abstractmethod
    def encode(self, x: Array, key: Keys) -> Any:
        """The wire for `x` (..., q), with randomness at the address `key` (one key per row of a block)."""

    @abstractmethod
    def decode(self, wire: Any) -> Array:
        """What the receiver makes of the wire, shape (..., q)."""

    @abstractmethod
    def fields(self, wire: Any) -> tuple[Field, ...]:
        """What of the wire is transmitted."""

    @abstractmethod
    def facts(self, q: int) -> ChannelFacts:
        """What is known of this channel on vectors of length `q`.

        Raises
        ------
        SpecError
            If the channel cannot carry vectors of this length.
        """

    def bits(self, wire: Any) -> int:
        """The number of bits transmitted: the sum over fields of count x width. Counts the whole leading axis."""
        return sum(_count(field.values) * field.width for field in self.fields(wire))

    def outcomes(self, x: Array) -> Iterator[tuple[float, Array]] | None:
        """(probability, decoded vector) of every outcome for one NumPy vector `x`, or None where they are too many."""
        return None

    def passes(self, q: int) -> int | None:
        """How many values a later channel of a `Chain` may compress in their turn; None, whatever `q`, if it may not.

        A channel that passes values on keeps them in the field `values` of its wire, and selects coordinates: its
        decoder writes a multiple of `values` at the selected places; the multiple is 1 if the channel is biased.
        """
        return None

    def selections(self, x: Array) -> Iterator[Selection] | None:
        """Every way in which the values of one NumPy vector `x` may be passed on, or None where they are too many."""
        return None


def unbiased(omega: float, dense: bool) -> ChannelFacts:
    r"""The facts of an unbiased channel; it contracts with 1 - omega where omega < 1."""
    return ChannelFacts(unbiased=True, omega=omega, contraction=1.0 - omega if omega < 1 else None, dense=dense)


def positive_int(channel: str, field: str, value: int) -> None:
    """Check that ``channel(field=value)`` is given an integer >= 1; raises SpecError otherwise."""
    if value < 1:
        raise SpecError(f"Expected {field} of the channel {channel} to be an integer >= 1, got {value!r}; choose one.")


def _count(values: Array) -> int:
    size = 1
    for length in values.shape:
        size *= int(length)
    return size
