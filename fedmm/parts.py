"""What a run is made of, as the user gave it: everything a recipe records beside the data."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields

import numpy as np

from fedmm.aggregators.base import Aggregator
from fedmm.algorithm import Algorithm
from fedmm.channels.base import Channel
from fedmm.errors import CompositionError
from fedmm.participation.base import Participation
from fedmm.problem import Problem

__all__ = ["Parts"]


@dataclass(frozen=True)
class Parts:
    """The parts of a run and its seed.

    Parameters
    ----------
    problem, algorithm, channel, downlink, aggregator, participation
        Frozen values from the catalogs.
    seed : int
        The address of every draw begins with it.
    """

    problem: Problem
    algorithm: Algorithm
    channel: Channel
    downlink: Channel
    aggregator: Aggregator
    participation: Participation
    seed: int

    def check_continues(self, other: Parts) -> None:
        """Whether a run of these parts may go on from a run of `other`.

        Raises
        ------
        CompositionError
            Naming the first part that differs.
        """
        for item in fields(self):
            mine, theirs = getattr(self, item.name), getattr(other, item.name)
            if _in_full(mine) != _in_full(theirs):
                raise CompositionError(
                    f"A continued run needs the same {item.name}: the saved run has {theirs!r}, this one {mine!r}; "
                    "use the saved one, or start anew from theta0=result.theta."
                )


def _in_full(part: object) -> str:
    """The printed form with every digit of every array."""
    with np.printoptions(threshold=sys.maxsize, floatmode="unique"):
        return repr(part)
