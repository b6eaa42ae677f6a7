r"""Step sizes as functions of the round: frozen values, never lambdas, so that they pickle and write themselves to a recipe."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from fedmm.arguments import check_fields
from fedmm.errors import SpecError

__all__ = ["CATALOG", "Constant", "Inverse", "InverseSqrt", "Schedule", "as_schedule"]


class Schedule(ABC):
    r"""A step size :math:`\gamma_t`, t = 1, 2, ... Subclasses are frozen dataclasses and final."""

    name: ClassVar[str]
    """The name on the command line and in recipes."""

    @abstractmethod
    def at(self, t: int) -> float:
        r""":math:`\gamma_t` for round t >= 1."""


@dataclass(frozen=True)
class Constant(Schedule):
    r""":math:`\gamma_t = value`."""

    value: float
    name: ClassVar[str] = "constant"

    def __post_init__(self) -> None:
        check_fields(self)
        _positive(self.name, "value", self.value)

    def at(self, t: int) -> float:
        return self.value


@dataclass(frozen=True)
class InverseSqrt(Schedule):
    r""":math:`\gamma_t = scale/\sqrt{t}`."""

    scale: float = 0.5
    name: ClassVar[str] = "inverse-sqrt"

    def __post_init__(self) -> None:
        check_fields(self)
        _positive(self.name, "scale", self.scale)

    def at(self, t: int) -> float:
        return self.scale / t**0.5


@dataclass(frozen=True)
class Inverse(Schedule):
    r""":math:`\gamma_t = scale/(t + offset)`; 1/t is the step of Mairal's stochastic MM and of online EM."""

    scale: float = 1.0
    offset: float = 0.0
    name: ClassVar[str] = "inverse"

    def __post_init__(self) -> None:
        check_fields(self)
        _positive(self.name, "scale", self.scale)
        if not 0 <= self.offset < float("inf"):
            raise SpecError(f"Expected inverse.offset >= 0, got {self.offset}.")

    def at(self, t: int) -> float:
        return self.scale / (t + self.offset)


def as_schedule(step: float | Schedule) -> Schedule:
    """A number as a constant schedule; a schedule as it is."""
    return step if isinstance(step, Schedule) else Constant(step)


def _positive(name: str, field: str, value: float) -> None:
    if not 0 < value < float("inf"):
        raise SpecError(f"Expected {name}.{field} > 0 and finite, got {value}.")


CATALOG: tuple[type[Schedule], ...] = (Constant, Inverse, InverseSqrt)
