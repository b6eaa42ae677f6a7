"""What several methods share: client memories, and options with their validation."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from fedmm.arrays import Array
from fedmm.errors import SpecError
from fedmm.keys import Keys
from fedmm.schedules import Schedule, as_schedule
from fedmm.types import Batch

__all__ = ["Variate", "Warm", "check_options", "gamma_at", "request"]


class Warm(NamedTuple):
    """A memory of what the problem keeps between a client's rounds (codes, potentials)."""

    warm: Any


class Variate(NamedTuple):
    """A memory of a control variate V_i, and of what the problem keeps between a client's rounds."""

    V: Array
    warm: Any


def check_options(
    method: str,
    step: float | Schedule | Literal["theory"],
    batch: int | None = None,
    a: float | Literal["theory"] = "theory",
    local_steps: int = 1,
) -> None:
    """Whether the options of `method` make sense; raises SpecError naming the field otherwise."""
    if step != "theory":
        as_schedule(step)
    if batch is not None and batch < 1:
        raise SpecError(f"Expected {method}.batch >= 1 or none, got {batch}.")
    if a != "theory" and not 0 <= a <= 1:
        raise SpecError(f"Expected {method}.a in [0, 1] or 'theory', got {a}.")
    if local_steps < 1:
        raise SpecError(f"Expected {method}.local_steps >= 1, got {local_steps}.")


def request(batch: int | None, key: Keys) -> Batch | None:
    """A mini-batch of this size at this address, or None for all samples."""
    return None if batch is None else Batch(batch, key)


def gamma_at(step: float | Schedule | Literal["theory"], t: int) -> float:
    r""":math:`\gamma_t`; a step that theory has not filled in yet counts as 1."""
    return 1.0 if step == "theory" else as_schedule(step).at(t)
