"""Mini-batches of the problems here: those of `fedmm.batches`."""

from fedmm.batches import renewed, rows, take

__all__ = ["renewed", "rows", "take"]
