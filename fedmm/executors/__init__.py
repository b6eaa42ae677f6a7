"""Where clients run: in this process one at a time (the reference), or in stacked blocks."""

from fedmm.executors.base import CLIENT_ERRORS, Executor, Fleet
from fedmm.executors.batched import Batched
from fedmm.executors.in_process import InProcess

__all__ = ["CATALOG", "CLIENT_ERRORS", "Batched", "Executor", "Fleet", "InProcess"]

CATALOG: tuple[type[Executor], ...] = (InProcess, Batched)
