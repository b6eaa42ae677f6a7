r"""Stochastic MM: SSMM and SA-SSMM, a running surrogate driven by random statistics.

    s_0 = lift(theta_0)                         # forgotten, and not needed, where gamma_1 = 1
    for t = 1, 2, ...:
        S_t = sum_i w_i (mean of Sbar over b fresh samples of client i, at theta_{t-1})
        s_t = s_{t-1} + gamma_t (S_t - s_{t-1});   theta_t = T(s_t)

With gamma_t = 1/t (the default) this is SSMM: Mairal's stochastic MM, online dictionary learning, and online EM in exponential
families; s_0 is then forgotten after one round. Any other gamma_t in (0, 1] gives SA-SSMM, which keeps s in S by convexity.

| argument | symbol |
|---|---|
| step | gamma_t |
| batch | b |

Sources: J. Mairal, *Stochastic majorization-minimization algorithms for large-scale optimization* (2013); O. Cappe, E. Moulines,
*On-line expectation-maximization* (2009); SA-SSMM is named in arXiv 2507.17534. The bound is P4 of `fedmm.bounds`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, NamedTuple, Self

from fedmm.algorithm import Algorithm
from fedmm.algorithms.common import Warm, check_options, gamma_at, request
from fedmm.arrays import Array, namespace
from fedmm.bounds import stochastic_mm_bound
from fedmm.composition import Composition, theory_step
from fedmm.errors import SpecError
from fedmm.problem import Problem
from fedmm.schedules import Inverse, Schedule, as_schedule
from fedmm.types import Cohort, HasSurrogate, Promise, Ticket

__all__ = ["StochasticMM"]


class Server(NamedTuple):
    """s and theta = T(s)."""

    s: Array
    theta: Array


@dataclass(frozen=True)
class StochasticMM(Algorithm):
    """SSMM (step 1/t) and SA-SSMM (any other step in (0, 1]); full participation, exact uploads.

    Parameters
    ----------
    step : float, Schedule or "theory"
        gamma_t; "theory" takes the largest constant step of P4 and refuses where a fact it needs is unknown.
    batch : int or None
        Samples each client draws in a round; None for all.

    Raises
    ------
    SpecError
        For gamma_1 outside (0, 1], or a batch < 1.
    """

    step: float | Schedule | Literal["theory"] = Inverse()
    batch: int | None = None

    name: ClassVar[str] = "stochastic-mm"
    requires: ClassVar[tuple[type, ...]] = (HasSurrogate,)
    averages: ClassVar[Literal["increments", "models"]] = "models"
    sweeps: ClassVar[tuple[str, ...]] = ("step",)
    compresses: ClassVar[tuple[str, ...] | None] = ()
    needs_everyone: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_options(self)
        if self.step != "theory" and not 0 < as_schedule(self.step).at(1) <= 1:
            raise SpecError(f"Expected stochastic-mm.step in (0, 1], got {as_schedule(self.step).at(1)} in round 1.")

    def settle(self, composition: Composition) -> Self:
        return replace(self, step=as_schedule(theory_step(self.promise(composition)) if self.step == "theory" else self.step))

    def promise(self, composition: Composition) -> Promise:
        return stochastic_mm_bound(composition, self.batch)

    def init(self, problem: Any, theta: Array) -> Server:
        gamma = 0.0 if self.step == "theory" else self.step_at(1)
        forgotten = not problem.liftable and bool(namespace(gamma).all(gamma == 1))
        return Server(problem.nil(theta) if forgotten else problem.lift(theta), theta)

    def broadcast(self, problem: Problem, server: Server, cohort: Cohort) -> Array:
        return server.theta

    def first_memory(self, problem: Problem, data: Any, model: Array) -> Warm:
        return Warm(problem.cold(data))

    def local(self, problem: Any, data: Any, model: Array, memory: Warm, ticket: Ticket) -> tuple[Array, Any]:
        return problem.statistic(data, model, request(self.batch, ticket.key), memory.warm)

    def remember(self, memory: Warm, model: Array, kept: Any, sent: Array, ticket: Ticket) -> Warm:
        return Warm(kept)

    def nothing(self, problem: Problem, server: Server) -> Array:
        return namespace(server.s).zeros_like(server.s)

    def server(self, problem: Any, server: Server, model: Array, combined: Array, cohort: Cohort) -> Server:
        s = server.s + (combined - server.s) * self.step_at(cohort.round)
        return Server(s, problem.minimize(s, start=server.theta))

    def solution(self, problem: Problem, server: Server) -> Array:
        return server.theta

    def surrogate(self, server: Server) -> Array:
        return server.s

    def step_at(self, t: int) -> float:
        return gamma_at(self.step, t)
