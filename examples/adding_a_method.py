r"""A new method in one file
========================

**The question.** You have an idea for a federated method. What do you have to write, before it runs with every
problem, channel, participation and executor, and takes the same tests as the methods that are already there?

**The mathematics.** Take gradient descent with Polyak's momentum at the server ("heavy ball"):

.. math::
    m_t = \beta m_{t-1} + \sum_{i\in A_t} \frac{w_i}{p_i} \nabla f_i(\theta_{t-1}), \qquad
    \theta_t = \theta_{t-1} - \gamma m_t.

For quadratics with curvature in :math:`[\mu, L]` Polyak chose :math:`\gamma = 4/(\sqrt L + \sqrt\mu)^2` and
:math:`\beta = \big((\sqrt L - \sqrt\mu)/(\sqrt L + \sqrt\mu)\big)^2`. The error then falls like
:math:`\sqrt\beta^{\,t} \approx (1 - 2\sqrt{\mu/L})^t`, where gradient descent has only :math:`(1 - \mu/L)^t`. Beyond
quadratics there is no such theorem; locally, near the minimiser, the rate is the same.

**What to write.** A frozen dataclass of pure functions: what the server knows (`init`), what it sends down
(`broadcast`), what a client answers (`local`), and what the server makes of the combined answers (`server`). Nothing
about data, networks, sampling, compression or seeds: the engine hands `server` a `combined` that is already the
unbiased sum over the cohort. The rest of the class is a courtesy to its users: `settle` turns ``"theory"`` into
numbers, from constants that the problem declares, and refuses where one is unknown; `promise` is what
``fedmm explain`` prints.

**Enrolling it.** In a package of your own, one line of its ``pyproject.toml`` makes the method known to ``fedmm run``,
``fedmm compare``, ``fedmm list`` and recipes; the value is a tuple of classes, here `CATALOG` below the class:

    [project.entry-points."fedmm.catalog"]
    heavy-ball = "adding_a_method:CATALOG"

Run this file to see the method checked and compared:

    python examples/adding_a_method.py

| argument | symbol |
|---|---|
| step | gamma |
| momentum | beta |

Source: B. T. Polyak, *Some methods of speeding up the convergence of iteration methods*, 1964.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, NamedTuple, Self

import numpy as np

from fedmm import Bernoulli, FedPM, FedSGD, RandK, solve
from fedmm.algorithm import Algorithm
from fedmm.arrays import Array, namespace
from fedmm.composition import Composition, missing_fact
from fedmm.errors import CompositionError, SpecError
from fedmm.problem import Problem
from fedmm.result import Result
from fedmm.testing.algorithms import check_algorithm
from fedmm.types import Cohort, HasGradient, Promise, Ticket
from problems import Logistic, Quadratic
from problems.data import SyntheticQuadratic, federation

# ---------------------------------------------------------------------------------------------------- the method


class Server(NamedTuple):
    """The parameter and the momentum."""

    theta: Array
    m: Array


@dataclass(frozen=True)
class HeavyBall(Algorithm):
    """Gradient descent with momentum at the server; clients keep nothing.

    Parameters
    ----------
    step : float or "theory"
        gamma; "theory" is Polyak's for quadratics and needs L and mu > 0.
    momentum : float or "theory"
        beta in [0, 1); 0 is FedSGD.

    Raises
    ------
    SpecError
        For a step <= 0 or a momentum outside [0, 1).
    """

    step: float | Literal["theory"] = "theory"
    momentum: float | Literal["theory"] = "theory"

    name: ClassVar[str] = "heavy-ball"
    requires: ClassVar[tuple[type, ...]] = (HasGradient,)  # problems without gradients are refused before round 0
    averages: ClassVar[Literal["increments", "models"]] = "increments"  # sum_i (w_i / p_i) u_i, unbiased
    handles_penalty: ClassVar[bool] = False  # it sees f only, so problems with an l1 term are refused as well

    def __post_init__(self) -> None:
        if self.step != "theory" and not 0 < self.step < float("inf"):
            raise SpecError(f"Expected heavy-ball.step > 0 and finite, or 'theory', got {self.step!r}.")
        if self.momentum != "theory" and not 0 <= self.momentum < 1:
            raise SpecError(f"Expected heavy-ball.momentum in [0, 1) or 'theory', got {self.momentum!r}.")

    def settle(self, composition: Composition) -> Self:
        if "theory" not in (self.step, self.momentum):
            return self
        lacking = _lacking(composition)
        if lacking:
            raise CompositionError(f"heavy-ball's 'theory' is not possible: {lacking}; give a step and a momentum.")
        gamma, beta = _polyak(composition)
        return replace(
            self,
            step=gamma if self.step == "theory" else self.step,
            momentum=beta if self.momentum == "theory" else self.momentum,
        )

    def promise(self, composition: Composition) -> Promise:
        lacking = _lacking(composition)
        if lacking:
            return Promise(missing=lacking)
        formula = "|theta_t - theta*| falls like sqrt(beta)^t"
        if composition.facts.hessian_lipschitz != 0 or composition.omega_p != 0:
            return Promise(missing="Polyak's theorem is for quadratics, everyone present, exact uploads", formula=formula)
        gamma, beta = _polyak(composition)
        return Promise(step=gamma, formula=formula, bound=f"sqrt(beta) = {beta**0.5:.4g}")

    def init(self, problem: Problem, theta: Array) -> Server:
        return Server(theta, namespace(theta).zeros_like(theta))

    def broadcast(self, problem: Problem, server: Server, cohort: Cohort) -> Array:
        return server.theta

    def local(self, problem: Any, data: Any, model: Array, memory: None, ticket: Ticket) -> tuple[Array, None]:
        return problem.gradient(data, model), None

    def nothing(self, problem: Problem, server: Server) -> Array:
        return namespace(server.theta).zeros_like(server.theta)

    def server(self, problem: Any, server: Server, model: Array, combined: Array, cohort: Cohort) -> Server:
        m = server.m * self.momentum + combined
        return Server(server.theta - m * self.step, m)

    def solution(self, problem: Problem, server: Server) -> Array:
        return server.theta


def _lacking(composition: Composition) -> str | None:
    """Which of L and mu > 0 is missing, in a sentence."""
    if composition.facts.strong_convexity == 0:
        return f"{composition.problem.name} is not known to be strongly convex (mu = 0); add a ridge"
    return missing_fact(composition, "smoothness", "strong_convexity")


def _polyak(composition: Composition) -> tuple[float, float]:
    """gamma and beta, for L and mu that are known."""
    L, mu = composition.facts.smoothness, composition.facts.strong_convexity
    assert L is not None
    assert mu is not None
    low, high = mu**0.5, L**0.5
    return 4.0 / (high + low) ** 2, ((high - low) / (high + low)) ** 2


CATALOG = (HeavyBall,)

# --------------------------------------------------------------------------------------------- is it right, is it fast?


def check() -> float:
    """The laws every method obeys; then the limit point, which no law knows: the distance to the minimiser of quadratics.

    Raises
    ------
    AssertionError
        Naming the law that fails.
    """
    quads = federation(SyntheticQuadratic(d=6, L=1.0, mu=0.05), clients=5, seed=0)
    check_algorithm(HeavyBall(), Quadratic(), quads)
    result = solve(Quadratic(), quads, HeavyBall(), rounds=150, progress=False)
    A, b = (sum(w * part for w, part in zip(quads.weights, parts, strict=True)) for parts in zip(*quads, strict=True))
    return float(np.linalg.norm(result.theta - np.linalg.solve(A, b)))


def compare(rounds: int) -> tuple[float, dict[str, Result]]:
    """W_* by Newton's method, and gradient descent with and without momentum, exact and compressed, on real data."""
    problem, data = Logistic(ridge=1e-2), federation("breast-cancer", "dirichlet:0.3", clients=10, seed=0)
    optimum = solve(problem, data, FedPM(), rounds=12, progress=False).objective
    lossy = {"participation": Bernoulli(0.5), "channel": RandK(10)}
    results = {
        "fedsgd": solve(problem, data, FedSGD(), rounds=rounds, progress=False),
        "heavy-ball": solve(problem, data, HeavyBall(), rounds=rounds, progress=False),
        # momentum is as good as a step gamma / (1 - beta), for noise too: with lossy uploads take smaller ones
        "heavy-ball, half the clients, a third of the numbers": solve(
            problem, data, HeavyBall(step=0.01, momentum=0.9), rounds=rounds, progress=False, **lossy
        ),
    }
    return optimum, results


def main(argv: Sequence[str] | None = None) -> tuple[float, dict[str, Result]]:
    """Check the method, run it, print a table."""
    parser = argparse.ArgumentParser(description="A new method in one file: gradient descent with momentum at the server.")
    parser.add_argument("--rounds", type=int, default=300, help="communication rounds (default 300)")
    parser.add_argument("--quick", action="store_true", help="60 rounds, to see that it works")
    args = parser.parse_args(argv)
    if args.rounds < 1:
        parser.error("expected --rounds >= 1")
    print(f"the laws hold; on quadratics |theta - theta*| = {check():.1e}")
    optimum, results = compare(60 if args.quick else args.rounds)
    width = max(map(len, results))
    print(f"\nlogistic regression, W - W_* at the start and after {len(next(iter(results.values())).trace) - 1} rounds")
    for name, result in results.items():
        gap = result.trace["objective"] - optimum
        print(f"{name:{width}}  {gap[0]:.2e}  {gap[-1]:.2e}  ({result.bits_up / 1000:.0f} kbit up)")
    return optimum, results


if __name__ == "__main__":
    main()
