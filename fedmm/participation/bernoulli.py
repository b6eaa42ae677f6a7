r"""Every client flips its own coin.

.. math:: i \in A \text{ with probability } p_i, \text{ independently over clients and rounds}

| argument | symbol |
|---|---|
| p | p, or :math:`p_1, \dots, p_n` |
| scale | :math:`1/p_i` |

Source: assumption A9 of the FedMM theory (arXiv 2507.17534), extended to unequal p_i.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, ClassVar

import numpy as np

from fedmm.arguments import check_fields
from fedmm.errors import SpecError
from fedmm.keys import Key
from fedmm.participation.base import MANY, Participation, ParticipationFacts, cohort_of
from fedmm.types import Cohort

__all__ = ["Bernoulli"]


@dataclass(frozen=True)
class Bernoulli(Participation):
    r"""Client i takes part with probability :math:`p_i`, independently. A cohort may be empty.

    Parameters
    ----------
    p : float or tuple of float
        One probability for all, or one per client; each in (0, 1].

    Raises
    ------
    SpecError
        If a probability is outside (0, 1]; by `start`, if there is not one per client.
    """

    p: float | tuple[float, ...]

    name: ClassVar[str] = "bernoulli"

    def __post_init__(self) -> None:
        check_fields(self)
        for p in self.p if isinstance(self.p, tuple) else (self.p,):
            if not 0 < p <= 1:
                raise SpecError(f"Expected p of the participation bernoulli in (0, 1], got {p!r}; give a probability.")

    def start(self, n: int) -> None:
        if isinstance(self.p, tuple) and len(self.p) != n:
            raise SpecError(f"Expected one p for each of {n} clients, got {len(self.p)}; give {n} of them or one p.")

    def draw(self, weights: Sequence[float], round: int, state: Any, key: Key) -> Cohort:
        n = len(weights)
        clients = np.flatnonzero(key.generator().random(n) < np.asarray(self.p)).tolist()
        p = self.p
        scales = [1.0 / p[i] for i in clients] if isinstance(p, tuple) else (1.0 / p,) * len(clients)
        return cohort_of(clients, scales, weights, round, key)

    def facts(self, n: int) -> ParticipationFacts:
        self.start(n)
        p = self.p if isinstance(self.p, tuple) else (self.p,) * n
        return ParticipationFacts(tuple(float(p_i) for p_i in p), independent=True)

    def outcomes(self, n: int) -> Iterator[tuple[float, tuple[int, ...]]] | None:
        p = self.facts(n).probabilities
        coins = [(True, False) if p_i < 1 else (True,) for p_i in p]
        if sum(len(coin) - 1 for coin in coins) > MANY.bit_length() - 1:
            return None
        return (
            (
                prod(p_i if heads else 1 - p_i for p_i, heads in zip(p, flips, strict=True)),
                tuple(i for i, heads in enumerate(flips) if heads),
            )
            for flips in product(*coins)
        )
