r"""The naive baseline: FedMM's loop in parameter space, where the clients' own minimisers are averaged.

    init          theta = theta_0;   v = 0
    first_memory  V_i = 0
    local         Delta_i = T(S_i(theta)) - theta - V_i
    channel       q_i = Quant(Delta_i)
    remember      V_i <- V_i + (a / p_i) q_i
    server        h = v + sum_{i in A} (w_i / p_i) q_i;   theta <- theta + gamma_t h;   v <- v + a (h - v)

Its fixed points solve theta = sum_i w_i T(S_i(theta)). Where T is affine or the data are homogeneous they are FedMM's; otherwise
they are in general others (statement P7): the method then converges to a wrong point.

| argument | symbol |
|---|---|
| step | gamma_t |
| a | a = 1/(1 + omega_p) |
| batch | b |

Source: the competing aggregation space of arXiv 2507.17534; whether that paper's baseline has control variates and
quantisation is not known to us, so both are options.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, NamedTuple, Self

from fedmm.algorithm import Algorithm
from fedmm.algorithms.common import Variate, check_options, gamma_at, request
from fedmm.arrays import Array, namespace
from fedmm.composition import Composition
from fedmm.problem import Problem
from fedmm.schedules import InverseSqrt, Schedule, as_schedule
from fedmm.types import Cohort, HasSurrogate, Promise, Ticket

__all__ = ["Naive"]


class Server(NamedTuple):
    """theta and v = sum_i w_i V_i."""

    theta: Array
    v: Array


@dataclass(frozen=True)
class Naive(Algorithm):
    """Parameter aggregation of local minimisers, with the same options as FedMM.

    Parameters
    ----------
    step : float or Schedule
        gamma_t.
    a : float or "theory"
        The memory step; "theory" is 1/(1 + omega_p).
    control_variates : bool
        False keeps V_i = 0 (a = 0).
    batch : int or None
        Samples a client draws for S_i in a round; None for all.

    Raises
    ------
    SpecError
        For a step <= 0, a outside [0, 1], or a batch < 1.
    """

    step: float | Schedule = InverseSqrt(0.5)
    a: float | Literal["theory"] = "theory"
    control_variates: bool = True
    batch: int | None = None

    name: ClassVar[str] = "naive"
    requires: ClassVar[tuple[type, ...]] = (HasSurrogate,)
    averages: ClassVar[Literal["increments", "models"]] = "increments"
    sweeps: ClassVar[tuple[str, ...]] = ("step", "a")
    needs_unbiased: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_options(self)

    def settle(self, composition: Composition) -> Self:
        a = 1.0 / (1.0 + composition.omega_p) if self.a == "theory" else self.a  # type: ignore[operator]
        return replace(self, step=as_schedule(self.step), a=a if self.control_variates else 0.0)

    def promise(self, composition: Composition) -> Promise:
        return Promise(missing="averaging minimisers has no guarantee: it is wrong on heterogeneous data unless T is affine (P7)")

    def init(self, problem: Problem, theta: Array) -> Server:
        return Server(theta, namespace(theta).zeros_like(theta))

    def broadcast(self, problem: Problem, server: Server, cohort: Cohort) -> Array:
        return server.theta

    def first_memory(self, problem: Problem, data: Any, model: Array) -> Variate:
        return Variate(namespace(model).zeros_like(model), problem.cold(data))

    def local(self, problem: Any, data: Any, model: Array, memory: Variate, ticket: Ticket) -> tuple[Array, Any]:
        S, warm = problem.statistic(data, model, request(self.batch, ticket.key), memory.warm)
        return problem.minimize(S, start=model) - model - memory.V, warm

    def remember(self, memory: Variate, model: Array, kept: Any, sent: Array, ticket: Ticket) -> Variate:
        return Variate(memory.V + sent * (self.a * ticket.scale), kept)  # type: ignore[operator]

    def nothing(self, problem: Problem, server: Server) -> Array:
        return namespace(server.theta).zeros_like(server.theta)

    def server(self, problem: Problem, server: Server, model: Array, combined: Array, cohort: Cohort) -> Server:
        h = server.v + combined
        theta = problem.restrict(server.theta + h * self.step_at(cohort.round))
        return Server(theta, server.v + combined * self.a)

    def solution(self, problem: Problem, server: Server) -> Array:
        return server.theta

    def step_at(self, t: int) -> float:
        return gamma_at(self.step, t)
