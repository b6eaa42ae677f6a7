"""Mini-batches of the problems here: those of `fedmm.batches`."""

from fedmm.batches import rows, take

__all__ = ["rows", "take"]
