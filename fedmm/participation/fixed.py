r"""The same number of clients every round, drawn uniformly without replacement.

.. math:: A \text{ uniform among the } k\text{-subsets of } \{1,\dots,n\}, \qquad p_i = k/n

| argument | symbol |
|---|---|
| k | k, the size of the cohort |
| scale | n/k |

The draws of two clients in one round are dependent, so theorems that ask for independent participation, such as the
bound of FedMM, do not cover it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any, ClassVar

from fedmm.arguments import check_fields
from fedmm.errors import SpecError
from fedmm.keys import Key
from fedmm.participation.base import MANY, Participation, ParticipationFacts, cohort_of
from fedmm.types import Cohort

__all__ = ["FixedSize"]


@dataclass(frozen=True)
class FixedSize(Participation):
    """k clients drawn uniformly without replacement; p_i = k/n. A draw costs O(k) beyond the generator.

    Parameters
    ----------
    k : int
        The size of the cohort, at least 1.

    Raises
    ------
    SpecError
        If `k` is not a positive integer; by `start`, if there are fewer than k clients.
    """

    k: int

    name: ClassVar[str] = "fixed"

    def __post_init__(self) -> None:
        check_fields(self)
        if self.k < 1:
            raise SpecError(f"Expected k of the participation fixed to be an integer >= 1, got {self.k!r}; choose one.")

    def start(self, n: int) -> None:
        if self.k > n:
            raise SpecError(f"Expected a cohort of at most {n} clients, got k = {self.k}; set k to at most {n}.")

    def draw(self, weights: Sequence[float], round: int, state: Any, key: Key) -> Cohort:
        n, k = len(weights), self.k
        clients = sorted(key.generator().choice(n, k, replace=False, shuffle=False).tolist())
        return cohort_of(clients, (n / k,) * k, weights, round, key)

    def facts(self, n: int) -> ParticipationFacts:
        self.start(n)
        return ParticipationFacts((self.k / n,) * n, independent=self.k == n)

    def outcomes(self, n: int) -> Iterator[tuple[float, tuple[int, ...]]] | None:
        count = comb(n, self.k)
        if not 0 < count <= MANY:
            return None
        return ((1.0 / count, clients) for clients in combinations(range(n), self.k))
