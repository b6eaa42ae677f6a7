"""Sampling schemes: refusals, empty cohorts, cost for many clients, and laws that refute wrong schemes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, ClassVar

import pytest

from fedmm.errors import SpecError
from fedmm.keys import Key
from fedmm.participation import Bernoulli, FixedSize, Full, Participation, ParticipationFacts
from fedmm.testing.participation import check_cohorts, check_inclusion, check_outcomes
from fedmm.testing.support import enumerated
from fedmm.types import Cohort


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Bernoulli(0.0), r"\(0, 1\], got 0"),
        (lambda: Bernoulli((0.5, 1.5)), "got 1.5"),
        (lambda: Bernoulli((0.5, 0.5)).start(3), "each of 3 clients, got 2"),
        (lambda: Bernoulli((0.5, 0.5)).facts(3), "each of 3 clients, got 2"),
        (lambda: FixedSize(0), "got 0"),
        (lambda: FixedSize(1.5), "integer"),  # type: ignore[arg-type]
        (lambda: FixedSize(4).start(3), "at most 3 clients, got k = 4"),
    ],
)
def test_refusals(make: Any, match: str) -> None:
    with pytest.raises(SpecError, match=match):
        make()


def test_an_empty_cohort_is_possible_and_listed() -> None:
    assert dict((clients, p) for p, clients in Bernoulli(0.5).outcomes(2) or ())[()] == 0.25
    empty = [seed for seed in range(200) if not Bernoulli(0.1).draw((0.5, 0.5), 1, None, Key(seed)).tickets]
    assert empty


def test_who_takes_part_does_not_depend_on_the_others() -> None:
    """Client i's coin is the i-th number of the round's address, whatever the other probabilities are."""
    weights = (0.25,) * 4
    for seed in range(50):
        many = {t.client for t in Bernoulli((0.9, 0.5, 0.9, 0.9)).draw(weights, 1, None, Key(seed)).tickets}
        few = {t.client for t in Bernoulli((0.1, 0.5, 0.1, 0.1)).draw(weights, 1, None, Key(seed)).tickets}
        assert few <= many
        assert (1 in few) == (1 in many)


def test_a_fixed_cohort_of_10000_clients_costs_about_that_of_1000() -> None:
    """O(k) and not O(n) Python work: a loop over 10,000 clients would take milliseconds, ten times that over 1,000."""

    def best(n: int) -> float:
        weights, times = (1.0 / n,) * n, []
        for round in range(30):
            start = perf_counter()
            FixedSize(100).draw(weights, round, None, Key(0, round))
            times.append(perf_counter() - start)
        return min(times)

    assert best(10_000) < 3 * best(1_000)


@dataclass(frozen=True)
class Same(Participation):
    """Does what `right` does. Those below lie in one place."""

    right: Participation = Bernoulli(0.5)
    name: ClassVar[str] = "wrong"

    def draw(self, weights: Sequence[float], round: int, state: Any, key: Key) -> Cohort:
        return self.right.draw(weights, round, state, key)

    def facts(self, n: int) -> ParticipationFacts:
        return self.right.facts(n)

    def outcomes(self, n: int) -> Iterator[tuple[float, tuple[int, ...]]] | None:
        return self.right.outcomes(n)


class Backwards(Same):
    def draw(self, weights: Sequence[float], round: int, state: Any, key: Key) -> Cohort:
        cohort = self.right.draw(weights, round, state, key)
        return cohort._replace(tickets=cohort.tickets[::-1])


class Unscaled(Same):
    def draw(self, weights: Sequence[float], round: int, state: Any, key: Key) -> Cohort:
        cohort = self.right.draw(weights, round, state, key)
        return cohort._replace(tickets=tuple(ticket._replace(scale=1.0) for ticket in cohort.tickets))


class Rarer(Same):
    def draw(self, weights: Sequence[float], round: int, state: Any, key: Key) -> Cohort:
        return Bernoulli(0.4).draw(weights, round, state, key)


class OneProbability(Same):
    def facts(self, n: int) -> ParticipationFacts:
        return ParticipationFacts((0.6, *self.right.facts(n).probabilities[1:]), independent=False)


class Together(Same):
    """All or nobody: the right inclusion probabilities, but not independent."""

    def outcomes(self, n: int) -> Iterator[tuple[float, tuple[int, ...]]] | None:
        return iter([(0.5, ()), (0.5, tuple(range(n)))])


@pytest.mark.parametrize(
    ("wrong", "law", "says"),
    [
        (Backwards, check_cohorts, "increasing order"),
        (Unscaled, check_cohorts, "scale"),
        (Rarer, check_outcomes, "draws"),
        (Rarer, check_inclusion, "draws"),
        (OneProbability, check_outcomes, "the facts say 0.6"),
        (Together, check_outcomes, "says independent"),
    ],
)
def test_laws_refute(wrong: type[Same], law: Any, says: str) -> None:
    law(Same(), 4)
    with pytest.raises(AssertionError, match=says):
        law(wrong(), 4)


def test_full_is_everyone() -> None:
    assert Full().facts(3).everyone
    assert Bernoulli(1.0).facts(3).everyone
    assert FixedSize(3).facts(3).everyone
    assert not FixedSize(2).facts(3).everyone


def test_the_law_refuses_outcomes_without_end() -> None:
    with pytest.raises(AssertionError, match="outcomes lists more than 3"):
        enumerated(iter(range(10**9)), 3, "endless")
