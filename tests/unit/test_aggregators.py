"""The weighted mean by hand, and laws that refute wrong aggregators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from fedmm.aggregators import Aggregator, Combined, Mean
from fedmm.keys import Key
from fedmm.participation.base import cohort_of
from fedmm.testing.aggregators import check_block, check_kind, check_ratio, check_trees, check_unbiased
from fedmm.types import Cohort, Ticket


def test_mean_by_hand() -> None:
    cohort = cohort_of([0, 2], [2.0, 4.0], [0.5, 0.3, 0.2], 1, Key(0))
    uploads = [np.array([1.0]), np.array([10.0])]
    for averages, value in (("increments", 2 * 0.5 * 1 + 4 * 0.2 * 10), ("models", (0.5 * 1 + 0.2 * 10) / 0.7)):
        mean = Mean().settle(averages)  # type: ignore[arg-type]
        total = mean.merge(*(mean.weigh(u, t, cohort) for u, t in zip(uploads, cohort.tickets, strict=True)))
        assert mean.finish(total, cohort, [0, 2]).value == pytest.approx([value], rel=1e-15)


def test_a_cohort_of_weight_zero_says_nothing() -> None:
    cohort = cohort_of([1], [2.0], [1.0, 0.0], 1, Key(0))
    mean = Mean().settle("models")
    total = mean.weigh(np.array([3.0]), cohort.tickets[0], cohort)
    assert mean.finish(total, cohort, [1]).value.tolist() == [0.0]


@dataclass(frozen=True)
class Same(Aggregator):
    """Does what `right` does. Those below lie in one place."""

    right: Mean = Mean("increments")
    name: ClassVar[str] = "wrong"
    additive: ClassVar[bool] = True

    def weigh(self, sent: Any, ticket: Ticket, cohort: Cohort) -> Any:
        return self.right.weigh(sent, ticket, cohort)

    def merge(self, a: Any, b: Any) -> Any:
        return self.right.merge(a, b)

    def finish(self, total: Any, cohort: Cohort, replied: Sequence[int]) -> Combined:
        return self.right.finish(total, cohort, replied)


class Running(Same):
    """A mean of means: depends on the tree."""

    def merge(self, a: Any, b: Any) -> Any:
        both = self.right.merge(a, b)
        return both._replace(total=type(both.total)(*(0.5 * part for part in both.total)))


class Forgetful(Same):
    """Forgets that a block's rows differ in weight."""

    def weigh(self, sent: Any, ticket: Ticket, cohort: Cohort) -> Any:
        if isinstance(ticket.client, tuple):
            ticket = ticket._replace(weight=np.full_like(ticket.weight, ticket.weight.mean()))
        return self.right.weigh(sent, ticket, cohort)


class Unscaled(Same):
    def weigh(self, sent: Any, ticket: Ticket, cohort: Cohort) -> Any:
        return self.right.weigh(sent, ticket._replace(scale=1.0), cohort)


class Everyone(Same):
    def finish(self, total: Any, cohort: Cohort, replied: Sequence[int]) -> Combined:
        return Combined(self.right.finish(total, cohort, replied).value, tuple(range(cohort.n + 1)))


class Doubled(Same):
    def finish(self, total: Any, cohort: Cohort, replied: Sequence[int]) -> Combined:
        combined = self.right.finish(total, cohort, replied)
        return combined._replace(value=np.asarray(combined.value, dtype=float))


@pytest.mark.parametrize(
    ("wrong", "law"),
    [
        (Running, check_trees),
        (Forgetful, check_block),
        (Unscaled, check_unbiased),
        (Everyone, check_kind),
        (Doubled, check_kind),
        (Same, check_ratio),  # a sum of increments is not a mean of models
    ],
)
def test_laws_refute(wrong: type[Same], law: Any) -> None:
    law(Same(Mean("models")) if law is check_ratio else Same())
    with pytest.raises(AssertionError, match=wrong.__name__):
        law(wrong())
