r"""The weighted mean.

For increments: :math:`\sum_{i\in A} w_i u_i / p_i`, unbiased for :math:`\sum_i w_i u_i` (Horvitz-Thompson).
For models: :math:`\sum_{i\in A} w_i u_i / \sum_{i\in A} w_i`, the ratio over those who replied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, NamedTuple, Self

from fedmm.aggregators.base import Aggregator, Combined
from fedmm.arguments import check_fields
from fedmm.arrays import Array, map_leaves, namespace
from fedmm.types import Cohort, Ticket

__all__ = ["Mean"]


class Weighted(NamedTuple):
    """A weighted sum and its total weight."""

    total: Any
    mass: float


@dataclass(frozen=True)
class Mean(Aggregator):
    """The weighted mean of the replies.

    Parameters
    ----------
    averages : {"increments", "models", "method"}
        What is averaged; "method" takes what the algorithm declares.

    Raises
    ------
    SpecError
        For any other word.
    """

    averages: Literal["increments", "models", "method"] = "method"

    name: ClassVar[str] = "mean"
    additive: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_fields(self)

    def settle(self, averages: Literal["increments", "models"]) -> Self:
        return replace(self, averages=averages) if self.averages == "method" else self

    def weigh(self, sent: Any, ticket: Ticket, cohort: Cohort) -> Weighted:
        factor = ticket.weight * ticket.scale if self.averages == "increments" else ticket.weight
        if type(factor) is float:
            return Weighted(map_leaves(lambda x: x * factor, sent), factor)
        return Weighted(map_leaves(lambda x: namespace(x).sum(x * factor, axis=0), sent), float(namespace(factor).sum(factor)))

    def merge(self, a: Weighted, b: Weighted) -> Weighted:
        return Weighted(map_leaves(_add, a.total, b.total), a.mass + b.mass)

    def finish(self, total: Weighted, cohort: Cohort, replied: Sequence[int]) -> Combined:
        value = total.total
        if self.averages == "models":
            mass = total.mass or 1.0  # a cohort of weight zero has nothing to say: its sum is zero
            value = map_leaves(lambda x: x / mass, value)
        return Combined(value, tuple(replied))


def _add(a: Array, b: Array) -> Array:
    return a + b
