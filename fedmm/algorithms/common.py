"""What several methods share: client memories, and options with their validation."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from fedmm.arguments import check_fields
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


def check_options(method: Any) -> None:
    """Whether the fields of a method make sense: their types, then the ranges of those that several methods share.

    Raises
    ------
    SpecError
        Naming the field.
    """
    check_fields(method)
    given = vars(method)
    if isinstance(step := given.get("step"), float) and not 0 < step < float("inf"):
        raise SpecError(f"Expected {method.name}.step > 0 and finite, got {step}.")
    if given.get("batch") is not None and method.batch < 1:
        raise SpecError(f"Expected {method.name}.batch >= 1 or none, got {method.batch}.")
    if given.get("a", "theory") != "theory" and not 0 <= method.a <= 1:
        raise SpecError(f"Expected {method.name}.a in [0, 1] or 'theory', got {method.a}.")
    if given.get("local_steps", 1) < 1:
        raise SpecError(f"Expected {method.name}.local_steps >= 1, got {method.local_steps}.")


def request(batch: int | None, key: Keys) -> Batch | None:
    """A mini-batch of this size at this address, or None for all samples."""
    return None if batch is None else Batch(batch, key)


def gamma_at(step: float | Schedule | Literal["theory"], t: int) -> float:
    r""":math:`\gamma_t`; a step that theory has not filled in yet counts as 1."""
    return 1.0 if step == "theory" else as_schedule(step).at(t)
