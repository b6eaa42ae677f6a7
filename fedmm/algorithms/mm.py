r"""MM: majorise, then minimise.

    theta_0 given
    for t = 0, 1, ...:   theta_{t+1} = T(sbar(theta_t)),   sbar = sum_i w_i Sbar_i

Every client sends its exact statistic, the server minimises the mean surrogate. W never increases (statement P1 with gamma = 1).

| name | symbol |
|---|---|
| statistic | Sbar_i, client i's full-batch statistic |
| minimize | T |

Source: majorise-minimise, e.g. K. Lange, *Optimization* (2013); the linearly parameterised family is that of A. Dieuleveut,
G. Fort, M. Hegazy, H.-T. Wai, *Federated Majorize-Minimization: Beyond Parameter Aggregation*, arXiv 2507.17534.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

from fedmm.algorithm import Algorithm
from fedmm.algorithms.common import Warm
from fedmm.arrays import Array
from fedmm.composition import Composition
from fedmm.problem import Problem
from fedmm.types import Cohort, HasSurrogate, Promise, Ticket

__all__ = ["MM"]


class Server(NamedTuple):
    """theta."""

    theta: Array


@dataclass(frozen=True)
class MM(Algorithm):
    """Exact majorise-minimise over the federation: full participation, exact uploads, no step size."""

    name: ClassVar[str] = "mm"
    requires: ClassVar[tuple[type, ...]] = (HasSurrogate,)
    averages: ClassVar[Literal["increments", "models"]] = "models"
    compresses: ClassVar[tuple[str, ...] | None] = ()
    needs_everyone: ClassVar[bool] = True

    def promise(self, composition: Composition) -> Promise:
        return Promise(1.0, "W(theta_{t+1}) <= W(theta_t) for every t (P1 with gamma = 1)", "W never increases")

    def init(self, problem: Problem, theta: Array) -> Server:
        return Server(theta)

    def broadcast(self, problem: Problem, server: Server, cohort: Cohort) -> Array:
        return server.theta

    def first_memory(self, problem: Problem, data: Any, model: Array) -> Warm:
        return Warm(problem.cold(data))

    def local(self, problem: Any, data: Any, model: Array, memory: Warm, ticket: Ticket) -> tuple[Array, Any]:
        return problem.statistic(data, model, warm=memory.warm)

    def remember(self, memory: Warm, model: Array, kept: Any, sent: Array, ticket: Ticket) -> Warm:
        return Warm(kept)

    def nothing(self, problem: Any, server: Server) -> Array:
        return problem.nil(server.theta)

    def server(self, problem: Any, server: Server, model: Array, combined: Array, cohort: Cohort) -> Server:
        return Server(problem.minimize(combined, start=server.theta))

    def solution(self, problem: Problem, server: Server) -> Array:
        return server.theta
