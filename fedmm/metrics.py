r"""What is measured beside a run: outside every method, outside its time.

| column | symbol |
|---|---|
| objective | :math:`W(\theta_t) = \sum_i w_i f_i(\theta_t) + g(\theta_t)` |
| field | :math:`\|h(s_t)\|^2` with :math:`h(s) = \sum_i w_i \bar S_i(T(s)) - s` |
| parameter_step | :math:`\|\theta_{t} - \theta_{t-1}\|^2/\gamma_t^2`: E^p of the naive method, E^{p,s} of FedMM |
| surrogate_step | :math:`\|s_{t} - s_{t-1}\|^2/\gamma_t^2`: E^s of FedMM; E^{s,p} of the naive method, s_t its mean statistic |
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from fedmm.algorithm import Algorithm
from fedmm.arguments import check_fields
from fedmm.arrays import Array, norm2
from fedmm.errors import SpecError
from fedmm.executors.base import Fleet
from fedmm.problem import Problem
from fedmm.types import HasSurrogate

__all__ = ["CATALOG", "Field", "Metric", "Objective", "Snapshot", "UpdateSizes", "objective_of"]


class Snapshot(NamedTuple):
    """A run after a round, as metrics and callbacks see it.

    Parameters
    ----------
    round : int
        The round just finished (0: the start).
    problem, algorithm
        The settled parts.
    weights : tuple of float
        w_i.
    fleet : Fleet
        The clients; ask them with ``fleet.map(function)``.
    server, previous
        The server's state now and a round earlier (None at the start).
    theta, theta_previous : array (d,)
        The solutions they stand for.
    """

    round: int
    problem: Problem
    algorithm: Algorithm
    weights: tuple[float, ...]
    fleet: Fleet
    server: Any
    previous: Any
    theta: Array
    theta_previous: Array | None


class Metric(ABC):
    """A measurement. Subclasses are frozen dataclasses and final."""

    name: ClassVar[str]
    """Its name; by convention that of its first column."""

    columns: ClassVar[tuple[str, ...]]
    """The columns of the trace it fills."""

    requires: ClassVar[tuple[type, ...]] = ()
    """The oracles it calls beside `value` (protocols of `fedmm.types`)."""

    every: int
    """Measured in rounds 0, every, 2 every, ... and where a run ends."""

    @abstractmethod
    def measure(self, snapshot: Snapshot) -> Mapping[str, float]:
        """Columns of the trace and their values now."""


def check_every(metric: Metric) -> None:
    """Hold the fields of a metric against their annotations, and `every` against 1; raises SpecError."""
    check_fields(metric)
    if metric.every < 1:
        raise SpecError(f"Expected {metric.name}.every >= 1, got {metric.every}; 1 measures every round.")


class _Value(NamedTuple):
    problem: Problem
    theta: Array

    def __call__(self, data: Any) -> Array:
        return self.problem.value(data, self.theta)


def objective_of(problem: Problem, fleet: Fleet, weights: tuple[float, ...], theta: Array) -> float:
    r""":math:`W(\theta)`, by one pass over the clients."""
    values = fleet.map(_Value(problem, theta))
    return sum(w * float(f) for w, f in zip(weights, values, strict=True)) + float(problem.penalty(theta))


@dataclass(frozen=True)
class Objective(Metric):
    r""":math:`W(\theta_t)`, by one pass over all clients.

    Parameters
    ----------
    every : int
        Measured every so many rounds.
    """

    every: int = 1
    name: ClassVar[str] = "objective"
    columns: ClassVar[tuple[str, ...]] = ("objective",)

    def __post_init__(self) -> None:
        check_every(self)

    def measure(self, snapshot: Snapshot) -> Mapping[str, float]:
        return {"objective": objective_of(snapshot.problem, snapshot.fleet, snapshot.weights, snapshot.theta)}


class _Statistic(NamedTuple):
    problem: Any
    theta: Array

    def __call__(self, data: Any) -> Array:
        return self.problem.statistic(data, self.theta)[0]


def mean_statistic(snapshot: Snapshot, theta: Array) -> Array:
    r""":math:`\bar s(\theta) = \sum_i w_i \bar S_i(\theta)`, full batch."""
    found = snapshot.fleet.map(_Statistic(snapshot.problem, theta))
    total = found[0] * snapshot.weights[0]
    for w, s in zip(snapshot.weights[1:], found[1:], strict=True):
        total = total + s * w
    return total


@dataclass(frozen=True)
class UpdateSizes(Metric):
    r"""Sizes of the last move in both spaces, divided by :math:`\gamma_t^2`.

    Parameters
    ----------
    every : int
        Measured every so many rounds.
    """

    every: int = 1
    name: ClassVar[str] = "update-sizes"
    columns: ClassVar[tuple[str, ...]] = ("parameter_step", "surrogate_step")
    requires: ClassVar[tuple[type, ...]] = (HasSurrogate,)

    def __post_init__(self) -> None:
        check_every(self)

    def measure(self, snapshot: Snapshot) -> Mapping[str, float]:
        if snapshot.previous is None or snapshot.theta_previous is None:
            return {}
        gamma = snapshot.algorithm.step_at(snapshot.round)
        now, before = snapshot.algorithm.surrogate(snapshot.server), snapshot.algorithm.surrogate(snapshot.previous)
        if now is None:
            now, before = mean_statistic(snapshot, snapshot.theta), mean_statistic(snapshot, snapshot.theta_previous)
        return {
            "parameter_step": float(norm2(snapshot.theta - snapshot.theta_previous)) / gamma**2,
            "surrogate_step": float(norm2(now - before)) / gamma**2,
        }


@dataclass(frozen=True)
class Field(Metric):
    r""":math:`\|h(s_t)\|^2`, the quantity of the theory.

    For a method without a surrogate state s is the lift of theta, and the column is NaN where the problem has no lift.

    Parameters
    ----------
    every : int
        Measured every so many rounds.
    """

    every: int = 1
    name: ClassVar[str] = "field"
    columns: ClassVar[tuple[str, ...]] = ("field",)
    requires: ClassVar[tuple[type, ...]] = (HasSurrogate,)

    def __post_init__(self) -> None:
        check_every(self)

    def measure(self, snapshot: Snapshot) -> Mapping[str, float]:
        s = snapshot.algorithm.surrogate(snapshot.server)
        if s is None and not snapshot.problem.liftable:
            return {"field": float("nan")}
        if s is None:
            s = snapshot.problem.lift(snapshot.theta)  # type: ignore[attr-defined]
        return {"field": float(norm2(mean_statistic(snapshot, snapshot.theta) - s))}


CATALOG: tuple[type[Metric], ...] = (Objective, UpdateSizes, Field)
"""Every metric of the library; recipes and `fedmm list` read it."""
