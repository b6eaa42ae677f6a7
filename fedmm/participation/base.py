"""Who takes part in a round, with exact inclusion probabilities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

from fedmm.keys import Key
from fedmm.types import Cohort, Failure, Ticket

__all__ = ["MANY", "Participation", "ParticipationFacts", "cohort_of"]

MANY = 4096
"""`Participation.outcomes` enumerates up to this number of cohorts and says None beyond."""


class ParticipationFacts(NamedTuple):
    """What is known of a sampling scheme over n clients.

    Parameters
    ----------
    probabilities : tuple of float
        p_i, the probability that client i is in a round's cohort.
    independent : bool
        Whether clients are drawn independently of one another, and rounds too.
    """

    probabilities: tuple[float, ...]
    independent: bool

    @property
    def everyone(self) -> bool:
        """Whether every client takes part in every round."""
        return min(self.probabilities) >= 1.0


class Participation(ABC):
    """A sampling scheme. Subclasses are frozen dataclasses of plain values and final."""

    name: ClassVar[str]
    """The name on the command line and in recipes."""

    def start(self, n: int) -> Any:
        """The scheme's state before round 1.

        Raises
        ------
        SpecError
            If the scheme does not fit `n` clients.
        """
        return None

    @abstractmethod
    def draw(self, weights: Sequence[float], round: int, state: Any, key: Key) -> Cohort:
        """The cohort of a round, drawn at the address `key`. It may be empty."""

    def observe(self, state: Any, replied: Iterable[int]) -> Any:
        """The state after a round in which these clients replied."""
        return state

    def tolerates(self, cohort: Cohort, failures: Sequence[Failure]) -> bool:
        """Whether the round may go on without the replies that failed."""
        return False

    @abstractmethod
    def facts(self, n: int) -> ParticipationFacts:
        """The inclusion probabilities over `n` clients."""

    def outcomes(self, n: int) -> Iterator[tuple[float, tuple[int, ...]]] | None:
        """(probability, clients) of every possible cohort, or None where they are too many."""
        return None


def cohort_of(clients: Iterable[int], scales: Iterable[float], weights: Sequence[float], round: int, key: Key) -> Cohort:
    """The cohort of these clients, given in increasing order, with 1/p_i each."""
    seed = key.seed
    tickets = tuple(
        Ticket(client, slot, round, weights[client], scale, Key(seed, round, client))
        for slot, (client, scale) in enumerate(zip(clients, scales, strict=True))
    )
    return Cohort(round, tickets, len(weights), key)
