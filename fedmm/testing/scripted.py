"""Parts that play a prescribed outcome, so that an expectation over outcomes can be taken exactly by enumeration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from fedmm.arrays import Array, as_like
from fedmm.channels.base import Channel, ChannelFacts, Field, unbiased
from fedmm.channels.identity import value_width
from fedmm.keys import Key, Keys
from fedmm.participation.base import Participation, ParticipationFacts, cohort_of
from fedmm.types import Cohort

__all__ = ["PlayedCohorts", "PlayedFactors"]


@dataclass(frozen=True)
class PlayedCohorts(Participation):
    """The cohort of round t is ``cohorts[t - 1]``, as if drawn with inclusion probabilities `p`.

    Parameters
    ----------
    cohorts : tuple of tuple of int
        Clients in increasing order, one tuple a round; they may be empty.
    p : tuple of float
        p_i, for the scales 1/p_i.
    """

    cohorts: tuple[tuple[int, ...], ...]
    p: tuple[float, ...]

    name: ClassVar[str] = "played-cohorts"

    def draw(self, weights: Sequence[float], round: int, state: Any, key: Key) -> Cohort:
        clients = self.cohorts[round - 1]
        return cohort_of(clients, [1.0 / self.p[i] for i in clients], weights, round, key)

    def facts(self, n: int) -> ParticipationFacts:
        return ParticipationFacts(self.p, independent=True)


class Wire(NamedTuple):
    """The vector times its factors."""

    values: Array


@dataclass(frozen=True)
class PlayedFactors(Channel):
    """Client i's vector of round t is multiplied by ``factors[t - 1][i]``.

    Parameters
    ----------
    factors : tuple of tuple of tuple of float
        By round, client and coordinate.
    omega : float
        The variance factor of the channel that is being played.
    """

    factors: tuple[tuple[tuple[float, ...], ...], ...]
    omega: float

    name: ClassVar[str] = "played-factors"

    def encode(self, x: Array, key: Keys) -> Wire:
        if isinstance(key, Key):
            return Wire(x * as_like(np.array(self.factors[key.round - 1][key.client]), x))
        return Wire(x * as_like(np.array([self.factors[k.round - 1][k.client] for k in key]), x))

    def decode(self, wire: Wire) -> Array:
        return wire.values

    def fields(self, wire: Wire) -> tuple[Field, ...]:
        return (Field(wire.values, value_width(wire.values)),)

    def facts(self, q: int) -> ChannelFacts:
        return unbiased(self.omega, dense=True)
