"""How replies become one value."""

from fedmm.aggregators.base import Aggregator, Combined
from fedmm.aggregators.mean import Mean

__all__ = ["CATALOG", "Aggregator", "Combined", "Mean"]

CATALOG: tuple[type[Aggregator], ...] = (Mean,)
