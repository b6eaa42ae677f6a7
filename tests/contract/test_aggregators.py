"""Every aggregator of the catalog obeys the laws."""

import pytest

from fedmm.aggregators import CATALOG, Aggregator, Mean
from fedmm.testing.aggregators import Averages, check_aggregator

BOTH: tuple[Averages, ...] = ("increments", "models")
INSTANCES: tuple[tuple[Aggregator, tuple[Averages, ...]], ...] = (
    (Mean(), BOTH),
    (Mean("increments"), ("increments",)),
    (Mean("models"), ("models",)),
)


def test_every_aggregator_has_an_instance() -> None:
    assert {type(aggregator) for aggregator, _ in INSTANCES} == set(CATALOG)
    assert len({aggregator.name for aggregator in CATALOG}) == len(CATALOG)


@pytest.mark.parametrize(("aggregator", "averages"), INSTANCES, ids=str)
def test_laws(aggregator: Aggregator, averages: tuple[Averages, ...]) -> None:
    check_aggregator(aggregator, averages)
