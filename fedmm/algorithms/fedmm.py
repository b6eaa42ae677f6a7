r"""FedMM: federated majorise-minimise by surrogate aggregation.

    init          s = sum_i w_i S_i(theta_0) (an opening, theta_0 goes down), or lift(theta_0);   v = 0
    broadcast     s                                   # client and server compute theta = T(s)
    first_memory  V_i = 0
    local         Delta_i = S_i(theta) - s - V_i      # S_i: full batch, or a fresh mini-batch of b samples
    channel       q_i = Quant(Delta_i)
    remember      V_i <- V_i + (a / p_i) q_i          # absent clients: V_i unchanged
    server        h = v + sum_{i in A} (w_i / p_i) q_i;   s <- project(s + gamma_t h);   v <- v + a (h - v)
    solution      T(s)

| argument | symbol |
|---|---|
| step | gamma_t |
| a | a = 1/(1 + omega_p), the effective memory step; for equal p it is alpha p with alpha = 1/(1 + omega) |
| batch | b |

After every round v = sum_i w_i V_i, for unequal p_i too. Source: A. Dieuleveut, G. Fort, M. Hegazy, H.-T. Wai, *Federated
Majorize-Minimization: Beyond Parameter Aggregation*, arXiv 2507.17534; its box and constants were not available to us. The loop
is FedEM's (arXiv 2111.02083) with weights, unequal p_i and projection; the step is our P5 (`fedmm.bounds`), openings are ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, NamedTuple, Self

from fedmm.algorithm import Algorithm
from fedmm.algorithms.common import Variate, check_options, gamma_at, request
from fedmm.arrays import Array, namespace
from fedmm.bounds import fedmm_bound
from fedmm.composition import Composition, theory_step
from fedmm.errors import SpecError
from fedmm.problem import Problem
from fedmm.schedules import InverseSqrt, Schedule, as_schedule
from fedmm.types import Cohort, HasSurrogate, Promise, Ticket

__all__ = ["FedMM"]

START, MEMORIES, ROUNDS = 0, 1, 2  # the phases: an opening for s, an opening for the V_i, the rounds


class Server(NamedTuple):
    s: Array
    v: Array
    phase: int
    theta: Array | None = None  # theta_0, which goes down instead of s until s is known


class Model(NamedTuple):
    s: Array
    theta: Array
    phase: int


@dataclass(frozen=True)
class FedMM(Algorithm):
    """Federated MM with compression, partial participation, mini-batches and control variates.

    Parameters
    ----------
    step : float, Schedule or "theory"
        gamma_t; "theory" takes the largest step of P5 and refuses where a fact it needs is unknown.
    a, control_variates : float or "theory", bool
        The memory step; "theory" is 1/(1 + omega_p). Without control variates V_i = 0 (a = 0).
    start, memories : {"mean", "lift"}, {"zero", "exact"}
        s_0 is the mean statistic at theta_0, by an opening, or lift(theta_0). V_i is 0, or h_i(s_0) by an opening.
    batch : int or None
        Samples a client draws for S_i in a round; None for all.

    Raises SpecError for values out of range, or exact memories without control variates.
    """

    step: float | Schedule | Literal["theory"] = InverseSqrt(0.5)
    a: float | Literal["theory"] = "theory"
    control_variates: bool = True
    start: Literal["mean", "lift"] = "mean"
    memories: Literal["zero", "exact"] = "zero"
    batch: int | None = None

    name: ClassVar[str] = "fedmm"
    requires: ClassVar[tuple[type, ...]] = (HasSurrogate,)
    averages: ClassVar[Literal["increments", "models"]] = "increments"
    sweeps: ClassVar[tuple[str, ...]] = ("step", "a")
    needs_unbiased: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_options(self)
        if self.memories == "exact" and not self.control_variates:
            raise SpecError("fedmm.memories='exact' fills the control variates, but control_variates is False; change one.")

    def settle(self, composition: Composition) -> Self:
        a = 1.0 / (1.0 + composition.omega_p) if self.a == "theory" else self.a  # type: ignore[operator]
        step = theory_step(self.promise(composition)) if self.step == "theory" else self.step
        return replace(self, step=as_schedule(step), a=a if self.control_variates else 0.0)

    def promise(self, composition: Composition) -> Promise:
        variates = self.control_variates and self.a == "theory"
        return fedmm_bound(composition, self.batch, self.start, exact=self.memories == "exact", variates=variates)

    def init(self, problem: Any, theta: Array) -> Server:
        if self.start == "mean":
            return Server(problem.nil(theta), problem.nil(theta), START, theta)
        return Server(problem.lift(theta), problem.nil(theta), MEMORIES if self.memories == "exact" else ROUNDS)

    def opening(self, server: Server) -> bool:
        return server.phase != ROUNDS

    def opened(self, server: Server) -> Server:
        return server._replace(phase=ROUNDS, theta=None)

    def broadcast(self, problem: Problem, server: Server, cohort: Cohort) -> Server:
        return server._replace(v=None, s=server.s if server.theta is None else None)  # v stays at the server

    def receive(self, problem: Any, delivered: Server) -> Model:
        if delivered.phase == START:
            return Model(problem.nil(delivered.theta), delivered.theta, START)
        return Model(delivered.s, problem.minimize(problem.project(delivered.s)), delivered.phase)

    def first_memory(self, problem: Problem, data: Any, model: Model) -> Variate:
        return Variate(namespace(model.s).zeros_like(model.s), problem.cold(data))

    def local(self, problem: Any, data: Any, model: Model, memory: Variate, ticket: Ticket) -> tuple[Array, Any]:
        batch = request(self.batch, ticket.key) if model.phase == ROUNDS else None
        S, warm = problem.statistic(data, model.theta, batch, memory.warm)
        return S - model.s - memory.V, warm

    def remember(self, memory: Variate, model: Model, kept: Any, sent: Array, ticket: Ticket) -> Variate:
        if model.phase != ROUNDS:
            return Variate(sent if model.phase == MEMORIES else memory.V, kept)
        return Variate(memory.V + sent * (self.a * ticket.scale), kept)  # type: ignore[operator]

    def nothing(self, problem: Problem, server: Server) -> Array:
        return namespace(server.s).zeros_like(server.s)

    def server(self, problem: Any, server: Server, model: Model, combined: Array, cohort: Cohort) -> Server:
        s, v, phase, _ = server
        after = MEMORIES if phase == START and self.memories == "exact" else ROUNDS
        if phase != ROUNDS:
            return Server(s + combined, v, after) if phase == START else Server(s, combined, after)
        return Server(problem.project(s + (v + combined) * self.step_at(cohort.round)), v + combined * self.a, phase)

    def solution(self, problem: Any, server: Server) -> Array:
        return problem.minimize(server.s) if server.theta is None else server.theta

    def surrogate(self, server: Server) -> Array:
        return server.s if server.theta is None else None

    def step_at(self, t: int) -> float:
        return gamma_at(self.step, t)
