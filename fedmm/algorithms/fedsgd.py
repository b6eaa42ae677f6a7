r"""FedSGD: one averaged gradient step a round.

    local    g_i = grad f_i(theta)  (full batch, or b fresh samples)
    server   theta <- theta - gamma_t sum_{i in A} (w_i / p_i) g_i

| argument | symbol |
|---|---|
| step | gamma_t |
| batch | b |

Source: B. McMahan et al., *Communication-efficient learning of deep networks from decentralized data*, AISTATS 2017. With exact
uploads, everyone present and full batches this is gradient descent: for gamma <= 1/L and f mu-strongly convex,
f(theta_T) - f* <= (1 - gamma mu)^T (f(theta_0) - f*).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

from fedmm.algorithm import Algorithm
from fedmm.algorithms.common import check_options, gamma_at, request
from fedmm.arrays import Array, namespace
from fedmm.composition import Composition, inverse_smoothness, missing_fact
from fedmm.problem import Problem
from fedmm.schedules import Schedule, as_schedule
from fedmm.types import Cohort, HasGradient, Promise, Ticket

__all__ = ["FedSGD"]


@dataclass(frozen=True)
class FedSGD(Algorithm):
    """Distributed (stochastic) gradient descent; the server's state is theta.

    Parameters
    ----------
    step : float, Schedule or "theory"
        gamma_t; "theory" is 1/L, and is refused where L is unknown.
    batch : int or None
        Samples a client draws in a round; None for all.

    Raises
    ------
    SpecError
        For a step <= 0 or a batch < 1.
    """

    step: float | Schedule | Literal["theory"] = "theory"
    batch: int | None = None

    name: ClassVar[str] = "fedsgd"
    requires: ClassVar[tuple[type, ...]] = (HasGradient,)
    averages: ClassVar[Literal["increments", "models"]] = "increments"
    sweeps: ClassVar[tuple[str, ...]] = ("step",)
    handles_penalty: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_options(self)

    def settle(self, composition: Composition) -> Self:
        return replace(self, step=as_schedule(inverse_smoothness(composition) if self.step == "theory" else self.step))

    def promise(self, composition: Composition) -> Promise:
        formula = "f(theta_T) - f* <= (1 - gamma mu)^T (f(theta_0) - f*) for gamma <= 1/L"
        if composition.omega_p != 0 or self.batch is not None or composition.downlink.name != "identity":
            return Promise(missing="this formula is for exact uploads, full participation and full batches", formula=formula)
        lacking = missing_fact(composition, "smoothness", "strong_convexity")
        if lacking is not None:
            return Promise(missing=lacking, formula=formula)
        facts = composition.facts
        rate = 1.0 - facts.strong_convexity / facts.smoothness  # type: ignore[operator]
        bound = f"f(theta_T) - f* <= {rate:.6g}^T (f(theta_0) - f*) at gamma = {1 / facts.smoothness:.4g}"  # type: ignore[operator]
        return Promise(1.0 / facts.smoothness, formula, bound)  # type: ignore[operator]

    def init(self, problem: Problem, theta: Array) -> Array:
        return theta

    def broadcast(self, problem: Problem, server: Array, cohort: Cohort) -> Array:
        return server

    def local(self, problem: Any, data: Any, model: Array, memory: None, ticket: Ticket) -> tuple[Array, None]:
        return problem.gradient(data, model, request(self.batch, ticket.key)), None

    def nothing(self, problem: Problem, server: Array) -> Array:
        return namespace(server).zeros_like(server)

    def server(self, problem: Problem, server: Array, model: Array, combined: Array, cohort: Cohort) -> Array:
        return server - combined * self.step_at(cohort.round)

    def solution(self, problem: Problem, server: Array) -> Array:
        return server

    def step_at(self, t: int) -> float:
        return gamma_at(self.step, t)
