r"""FedPM with the exact Hessian: Newton-type local steps, models mixed with their preconditioners as weights.

    broadcast  theta
    local      theta_i = theta;   K times: P_i = hess f_i(theta_i);  theta_i <- theta_i - eta P_i^{-1} grad f_i(theta_i)
               upload P_i (the one of the last step) and v_i = P_i (theta_i - theta)
    server     theta <- theta + (sum_i w_i P_i)^{-1} sum_i w_i v_i

This is theta = (mean P_i)^{-1} mean (P_i theta_i), written about the old theta, which is more accurate in floating point. For
K = 1 no client solves anything: v_i = -eta grad f_i(theta), and with eta = 1 a round is exactly one Newton step on f. For K > 1
on non-quadratic problems the limit is biased, even with full gradients.

| argument | symbol |
|---|---|
| local_steps | K |
| step | eta |

Source: *FedPM*, arXiv 2511.09100 (AAAI 2026). Where we differ: the mixing above instead of the plain one; means over the sampled
clients under partial participation (experimental, no theorem); weights of the federation. The constants are derived here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

from fedmm.algorithm import Algorithm
from fedmm.algorithms.common import check_options
from fedmm.arrays import Array, cholesky_solve, namespace
from fedmm.composition import Composition, missing_fact
from fedmm.errors import SpecError
from fedmm.problem import Problem
from fedmm.symmetric import packed_size, unpack
from fedmm.types import Cohort, HasGradient, HasHessian, Promise, Ticket

__all__ = ["FedPM"]


class Upload(NamedTuple):
    """P_i, packed, and v_i = P_i (theta_i - theta)."""

    P: Array
    v: Array


@dataclass(frozen=True)
class FedPM(Algorithm):
    """Preconditioned mixing with exact Hessians; the server's state is theta. Uploads go exactly: d + d(d+1)/2 numbers.

    Parameters
    ----------
    local_steps : int
        K.
    step : float
        eta in (0, 1].

    Raises
    ------
    SpecError
        For K < 1 or eta outside (0, 1].
    """

    local_steps: int = 1
    step: float = 1.0

    name: ClassVar[str] = "fedpm"
    requires: ClassVar[tuple[type, ...]] = (HasGradient, HasHessian)
    averages: ClassVar[Literal["increments", "models"]] = "models"
    sweeps: ClassVar[tuple[str, ...]] = ("step",)
    compresses: ClassVar[tuple[str, ...] | None] = ()
    handles_penalty: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_options(self)
        if not 0 < self.step <= 1:
            raise SpecError(f"Expected fedpm.step in (0, 1], got {self.step}.")

    def promise(self, composition: Composition) -> Promise:
        formula = "|theta_{t+1} - theta*| <= (L*/(2 mu)) |theta_t - theta*|^2 for K = 1, eta = 1"
        if self.local_steps != 1 or self.step != 1 or not composition.sampling.everyone:
            return Promise(step=1.0, formula=formula, missing="no theorem for K > 1, eta < 1 or partial participation")
        lacking = missing_fact(composition, "hessian_lipschitz", "strong_convexity")
        facts = composition.facts
        if lacking is None and facts.strong_convexity == 0:
            lacking = "mu is 0; add a ridge"
        if lacking is not None:
            return Promise(step=1.0, formula=formula, missing=lacking)
        factor = facts.hessian_lipschitz / (2 * facts.strong_convexity)  # type: ignore[operator]
        if factor == 0:
            return Promise(1.0, formula, "theta_1 = theta*: the problem is quadratic")
        bound = f"|theta_{{t+1}} - theta*| <= {factor:.4g} |theta_t - theta*|^2, contracting within {1 / factor:.4g} of theta*"
        return Promise(1.0, formula, bound)

    def init(self, problem: Problem, theta: Array) -> Array:
        return theta

    def broadcast(self, problem: Problem, server: Array, cohort: Cohort) -> Array:
        return server

    def local(self, problem: Any, data: Any, model: Array, memory: None, ticket: Ticket) -> tuple[Upload, None]:
        P, v = problem.hessian(data, model), -self.step * problem.gradient(data, model)
        theta = model
        for _ in range(1, self.local_steps):
            theta = theta + cholesky_solve(unpack(P), v, "A client's Hessian")
            P, v = problem.hessian(data, theta), -self.step * problem.gradient(data, theta)
        moved = theta - model  # P (theta_K - theta) = P (theta_{K-1} - theta) - eta grad: the last step needs no solve
        return Upload(P, v if self.local_steps == 1 else v + (unpack(P) @ moved[..., None])[..., 0]), None

    def nothing(self, problem: Problem, server: Array) -> Upload:
        xp, d = namespace(server), server.shape[-1]
        return Upload(xp.zeros((packed_size(d),), dtype=server.dtype), xp.zeros_like(server))

    def server(self, problem: Problem, server: Array, model: Array, combined: Upload, cohort: Cohort) -> Array:
        if not cohort.tickets:
            return server
        return server + cholesky_solve(unpack(combined.P), combined.v, "The mean Hessian")

    def solution(self, problem: Problem, server: Array) -> Array:
        return server
