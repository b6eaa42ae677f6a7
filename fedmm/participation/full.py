"""Everyone, every round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from fedmm.keys import Key
from fedmm.participation.base import Participation, ParticipationFacts, cohort_of
from fedmm.types import Cohort

__all__ = ["Full"]


@dataclass(frozen=True)
class Full(Participation):
    """p_i = 1 for every client."""

    name: ClassVar[str] = "full"

    def draw(self, weights: Sequence[float], round: int, state: Any, key: Key) -> Cohort:
        n = len(weights)
        return cohort_of(range(n), (1.0,) * n, weights, round, key)

    def facts(self, n: int) -> ParticipationFacts:
        return ParticipationFacts((1.0,) * n, independent=True)

    def outcomes(self, n: int) -> Iterator[tuple[float, tuple[int, ...]]]:
        yield 1.0, tuple(range(n))
