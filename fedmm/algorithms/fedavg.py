r"""FedAvg: local gradient steps, then an average of models.

    local    theta_i = theta;   K times: theta_i <- theta_i - gamma_t grad f_i(theta_i)   (full batch, or b fresh samples),
             or E times, for every batch of b of the shuffled data: the same step on that batch
             upload theta_i - theta
    server   theta <- theta + eta sum_{i in A} w_i (theta_i - theta) / sum_{i in A} w_i

| argument | symbol |
|---|---|
| local_steps | K |
| local_epochs | E |
| step | gamma_t |
| server_step | eta |
| batch | b |

Source: B. McMahan et al., *Communication-efficient learning of deep networks from decentralized data*, AISTATS 2017. For K > 1 on
heterogeneous data with a constant step it does not converge to the minimiser of f but to its own fixed point.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

from fedmm.algorithm import Algorithm
from fedmm.algorithms.common import check_options, gamma_at, request
from fedmm.arrays import Array, namespace
from fedmm.composition import Composition, inverse_smoothness
from fedmm.errors import SpecError
from fedmm.federation import sample_count
from fedmm.keys import fold
from fedmm.problem import Problem
from fedmm.schedules import Schedule, as_schedule
from fedmm.types import Batch, Cohort, HasGradient, Promise, Ticket

__all__ = ["FedAvg"]


@dataclass(frozen=True)
class FedAvg(Algorithm):
    """Local gradient descent with model averaging; the server's state is theta.

    Parameters
    ----------
    local_steps : int
        K.
    step : float, Schedule or "theory"
        gamma_t; "theory" is 1/L (a client's own f_i cannot increase), and is refused where L is unknown.
    server_step : float
        eta; 1 is plain averaging.
    batch : int or None
        Samples a client draws for each local step; None for all.
    local_epochs : int or None
        E passes over the client's data in place of the K steps; needs `batch`. The last batch of a pass may be smaller.

    Raises
    ------
    SpecError
        For K < 1, E < 1 or without a batch, a step <= 0, or a batch < 1.
    """

    local_steps: int = 5
    step: float | Schedule | Literal["theory"] = "theory"
    server_step: float = 1.0
    batch: int | None = None
    local_epochs: int | None = None

    name: ClassVar[str] = "fedavg"
    requires: ClassVar[tuple[type, ...]] = (HasGradient,)
    averages: ClassVar[Literal["increments", "models"]] = "models"
    sweeps: ClassVar[tuple[str, ...]] = ("step", "server_step")
    handles_penalty: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_options(self)
        as_schedule(self.server_step)
        if self.local_epochs is not None and (self.local_epochs < 1 or self.batch is None):
            raise SpecError(
                f"Expected fedavg.local_epochs >= 1 and fedavg.batch to be set, got {self.local_epochs} and {self.batch}."
            )

    def settle(self, composition: Composition) -> Self:
        return replace(self, step=as_schedule(inverse_smoothness(composition) if self.step == "theory" else self.step))

    def promise(self, composition: Composition) -> Promise:
        return Promise(missing="a bound for local steps needs a heterogeneity constant, which no problem of the core declares")

    def init(self, problem: Problem, theta: Array) -> Array:
        return theta

    def broadcast(self, problem: Problem, server: Array, cohort: Cohort) -> Array:
        return server

    def local(self, problem: Any, data: Any, model: Array, memory: None, ticket: Ticket) -> tuple[Array, None]:
        gamma, theta = self.step_at(ticket.round), model
        for batch in self._batches(data, ticket):
            theta = theta - gamma * problem.gradient(data, theta, batch)
        return theta - model, None

    def _batches(self, data: Any, ticket: Ticket) -> Iterator[Batch | None]:
        if self.local_epochs is not None and self.batch is not None:
            pieces = -(-sample_count(data, isinstance(ticket.client, tuple)) // self.batch)
            for e in range(self.local_epochs):
                yield from (Batch(self.batch, fold(ticket.key, e), k) for k in range(pieces))
            return
        for k in range(self.local_steps):
            yield None if self.batch is None else request(self.batch, fold(ticket.key, k))

    def nothing(self, problem: Problem, server: Array) -> Array:
        return namespace(server).zeros_like(server)

    def server(self, problem: Problem, server: Array, model: Array, combined: Array, cohort: Cohort) -> Array:
        return server + self.server_step * combined

    def solution(self, problem: Problem, server: Array) -> Array:
        return server

    def step_at(self, t: int) -> float:
        return gamma_at(self.step, t)
