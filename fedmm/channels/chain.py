r"""Channels one after another: a later one compresses the values that the earlier one would have sent.

.. math:: C(x) = D_1(C_2(v)), \qquad v \text{ the values of } C_1\text{'s wire}, \; D_1 \text{ its decoder}

Every channel but the last selects coordinates: :math:`D_1(v)` writes a multiple of v at the selected places (the
multiple is 1 where :math:`C_1` is biased). With :math:`E\|C_j(x)-x\|^2 \le \omega_j\|x\|^2` this gives

| C_1 | C_2 | :math:`\omega` of the chain |
|---|---|---|
| unbiased | unbiased | :math:`(1+\omega_1)(1+\omega_2)-1` |
| unbiased | biased | :math:`(\sqrt{\omega_1}+\sqrt{\omega_2(1+\omega_1)})^2` |
| biased | any | :math:`\max(\omega_2,\, 1-\delta_1(1-\omega_2))` |

Row 1: the cross term vanishes. Row 2: Minkowski's inequality and :math:`E\|C_1(x)\|^2 \le (1+\omega_1)\|x\|^2`.
Row 3: with :math:`t = C_1(x)`, :math:`C(x)-t` lives on the places of t, :math:`x-t` off them, so the error is at most
:math:`\|x\|^2-(1-\omega_2)\|t\|^2`, and :math:`\delta_1\|x\|^2 \le \|t\|^2 \le \|x\|^2`. An unknown
:math:`\omega_j` leaves the chain's unknown. Wherever :math:`\omega<1` the chain contracts with :math:`1-\omega`.

| argument | symbol |
|---|---|
| channels | C_1, C_2, ..., the first applied to x |

Source: row 1 is how channel and participation compose in the theory of FedMM (omega_p); the others are derived here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from typing import Any, ClassVar, NamedTuple

from fedmm.arguments import check_fields
from fedmm.arrays import Array, put_last
from fedmm.channels.base import MANY, Channel, ChannelFacts, Field
from fedmm.errors import SpecError
from fedmm.keys import Keys, fold

__all__ = ["Chain"]


class Wire(NamedTuple):
    """The wires of the channels in their order; all but the last without their values."""

    wires: tuple[Any, ...]


@dataclass(frozen=True)
class Chain(Channel):
    """Channels applied one after another, the first to x, each later one to the values the one before passes on.

    Parameters
    ----------
    channels : tuple of Channel
        At least one. Every channel but the last must pass values on (identity, rand-k and top-k do).

    Raises
    ------
    SpecError
        If there is no channel, or one that passes nothing on is not the last; by `facts`, if a channel cannot carry the
        vectors it would get.
    """

    channels: tuple[Channel, ...]

    name: ClassVar[str] = "chain"

    def __post_init__(self) -> None:
        check_fields(self)
        if not isinstance(self.channels, tuple) or not all(isinstance(channel, Channel) for channel in self.channels):
            raise SpecError(f"Expected a tuple of channels, got {self.channels!r}; write Chain((RandK(8), Dither(4))).")
        if not self.channels:
            raise SpecError("Expected at least one channel in a chain, got none; use the identity channel to send all.")
        for channel in self.channels[:-1]:
            if channel.passes(1) is None:
                raise SpecError(
                    f"The channel {channel.name} passes no values on that a later channel could compress; "
                    "put it last in the chain, or use rand-k before it."
                )

    def encode(self, x: Array, key: Keys) -> Wire:
        wires = []
        for j, channel in enumerate(self.channels[:-1]):
            wire = channel.encode(x, fold(key, j))
            x = wire.values
            wires.append(wire._replace(values=x[..., :0]))  # the next channel sends these in its own way
        last = len(self.channels) - 1
        return Wire((*wires, self.channels[last].encode(x, fold(key, last))))

    def decode(self, wire: Wire) -> Array:
        values = self.channels[-1].decode(wire.wires[-1])
        for channel, outer in zip(self.channels[-2::-1], wire.wires[-2::-1], strict=True):
            values = channel.decode(outer._replace(values=values))
        return values

    def fields(self, wire: Wire) -> tuple[Field, ...]:
        pairs = zip(self.channels, wire.wires, strict=True)
        return tuple(field for channel, part in pairs for field in channel.fields(part))

    def facts(self, q: int) -> ChannelFacts:
        first = self.channels[0].facts(q)
        if len(self.channels) == 1:
            return first
        rest = self._rest.facts(self.channels[0].passes(q) or 0)
        omega = _compose(first, rest)
        return ChannelFacts(
            unbiased=first.unbiased and rest.unbiased,
            omega=omega,
            contraction=1.0 - omega if omega is not None and omega < 1 else None,
            dense=first.dense and rest.dense,
        )

    def outcomes(self, x: Array) -> Iterator[tuple[float, Array]] | None:
        if len(self.channels) == 1:
            return self.channels[0].outcomes(x)
        ways = self.channels[0].selections(x)
        if ways is None:
            return None
        found: list[tuple[float, Array]] = []
        for way in ways:
            tails = self._rest.outcomes(x[way.indices])
            if tails is None:
                return None
            found += [(way.probability * p, put_last(v * way.scale, way.indices, x.shape[-1])) for p, v in tails]
            if len(found) > MANY:
                return None
        return iter(found)

    @property
    def _rest(self) -> Chain:
        return Chain(self.channels[1:])


def _compose(first: ChannelFacts, rest: ChannelFacts) -> float | None:
    """omega of the chain by the table of this module."""
    w1, w2 = first.omega, rest.omega
    if w1 is None or w2 is None:
        return None
    if first.unbiased:
        return (1 + w1) * (1 + w2) - 1 if rest.unbiased else (sqrt(w1) + sqrt(w2 * (1 + w1))) ** 2
    return max(w2, 1 - (first.contraction or 0.0) * (1 - w2))
