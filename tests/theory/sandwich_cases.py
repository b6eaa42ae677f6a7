"""Every program with parameters on a grid: what the sandwich is asserted about.

A grid, so that every worst case is solved once, however often it is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from inspect import Parameter, isfunction, signature
from itertools import product
from math import inf
from pkgutil import iter_modules
from typing import Any

from theory_checks.pep import Result, SymPEP, programs
from theory_checks.pep.batch import Batch
from theory_checks.pep.lyapunov import Lyapunov
from theory_checks.pep.programs import (
    byzantine,
    diana,
    ef14,
    ef21,
    fedlin,
    fedmm,
    fedprox,
    gradient_descent,
    local_gd,
    local_gd_nonconvex,
    prox_gradient,
    proxskip,
    scaffold,
    sgd,
)

Numbers = tuple[tuple[str, Any], ...]
"""Named values, hashable."""


RTOL = 1e-6
"""What solver and rounding may cost."""


def below(small: float, large: float) -> bool:
    """small <= large, to rounding."""
    return small <= large + RTOL * abs(large)


@dataclass(frozen=True)
class Case:
    """A program, its grid of worlds and of parameters, and the bound published for it, if any.

    A program that returns a Step is about the rate of a searched Lyapunov function. `published` takes all values by keyword.
    """

    program: Callable[..., Any]
    world: Mapping[str, Sequence[Any]]
    parameters: Mapping[str, Sequence[Any]]
    published: Callable[..., float] | None = None
    fixed: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""

    @property
    def name(self) -> str:
        return self.program.__name__ + self.label

    def points(self) -> list[tuple[Numbers, Numbers]]:
        """All pairs (world, parameters) of the grid."""
        worlds = [tuple(zip(self.world, values, strict=True)) for values in product(*self.world.values())]
        worlds = [(*world, *self.fixed.items()) for world in worlds]
        parameters = [tuple(zip(self.parameters, values, strict=True)) for values in product(*self.parameters.values())]
        return [pair for pair in product(worlds, parameters)]


@cache
def exact(program: Callable[..., Any], world: Numbers, parameters: Numbers) -> Result:
    """The worst case."""
    pep = SymPEP(**dict(world))
    return pep.maximize(program(pep, **dict(parameters)))


@cache
def searched(program: Callable[..., Any], world: Numbers, parameters: Numbers) -> Lyapunov:
    """The best Lyapunov function."""
    pep = SymPEP(**dict(world))
    return pep.lyapunov(*program(pep, **dict(parameters)))


@cache
def observed(program: Callable[..., Any], world: Numbers, parameters: Numbers, seed: int) -> float:
    """The largest value over a batch of federations."""
    batch = Batch(**dict(world), seed=seed)
    return batch.worst(program(batch, **dict(parameters)))


def local_gd_bound(*, L: float, mu: float, K: int, gamma: float, R: float, zeta: float, **_: Any) -> float:
    """One round, gamma <= 1/L: the square of the closed form."""
    drift = (1 - (1 - gamma * mu) ** K) / mu - (1 - (1 - gamma * L) ** K) / L
    return ((1 - gamma * mu) ** K * R + zeta / 2 * drift) ** 2


def gd_gap_bound(*, L: float, gamma: float, t: int, R: float, **_: Any) -> float:
    return L * R**2 / (4 * t * gamma * L + 2)


def gd_distance_bound(*, L: float, mu: float, gamma: float, t: int, R: float, **_: Any) -> float:
    return max(1 - gamma * mu, abs(1 - gamma * L)) ** (2 * t) * R**2


def gd_gradient_bound(*, gamma: float, t: int, **_: Any) -> float:
    return 2 / (gamma * t)


def prox_gradient_bound(*, L: float, t: int, R: float, **_: Any) -> float:
    return L * R**2 / (4 * t)


def sgd_bound(*, L: float, mu: float, gamma: float, R: float, v: float, **_: Any) -> float:
    return (gamma * (L - mu) * R / 2 + ((1 - gamma * (L + mu) / 2) ** 2 * R**2 + gamma**2 * v**2) ** 0.5) ** 2


def proxskip_psi_bound(*, L: float, mu: float, gamma: float, p: float, **_: Any) -> float:
    return max((1 - gamma * mu) ** 2, (1 - gamma * L) ** 2, 1 - p**2)


def proxskip_bound(*, mu: float, gamma: float, p: float, **_: Any) -> float:
    return 1 - min(gamma * mu, p**2)


def fedprox_bound(*, L: float, mu: float, gamma: float, R: float, zeta: float, **_: Any) -> float:
    return (R / (1 + gamma * mu) + gamma / 2 * (1 / (1 + gamma * mu) - 1 / (1 + gamma * L)) * zeta) ** 2


def byzantine_gradients_bound(*, kappa: float, t: int, G: float, **_: Any) -> float:
    """L = Delta = 1, gamma = 1: attained."""
    return 2 / t + kappa * G**2 * (t - 1) / t


def fedlin_bound(*, mu: float, **_: Any) -> float:
    return 1 - mu / 6  # L = 1, eta = 1/(6 tau)


def ef21_run_bound(*, gamma: float, delta: float, rounds: int, **_: Any) -> float:
    theta = 1 - (1 - delta) ** 0.5
    short = gamma <= 1 / (1 + ((1 - delta) / theta**2) ** 0.5)  # L = 1
    return 2 / (gamma * rounds) + 1 / (theta * rounds) if short else inf


def diana_world(omega: float, N: int) -> dict[str, Any]:
    """The published step, shift step and Lyapunov weight."""
    return {"gamma": 1 / (1 + 6 * omega / N), "alpha": 1 / (1 + omega), "omega": omega, "c": 4}


STRONG: dict[str, Sequence[Any]] = {"L": [1.0], "mu": [0.05, 0.1, 0.3], "N": [1, 2, 3, 10, 10**6]}
CONVEX: dict[str, Sequence[Any]] = {"L": [1.0], "mu": [0.0], "N": [2, 5]}
CLASSES: dict[str, Sequence[Any]] = {"L": [(1.0, 0.3)], "mu": [(0.1, 0.1)], "N": [(1, 1), (2, 1), (5, 5), (10, 90)]}

CASES: list[Case] = [
    Case(
        local_gd.local_gd,
        STRONG,
        {"K": [1, 2, 3, 4], "gamma": [0.1, 0.25, 0.5, 1.0], "R": [0, 0.3, 1.0], "zeta": [0.1, 1.0]},
        local_gd_bound,
    ),
    Case(
        local_gd.local_gd,
        STRONG,
        {"K": [1, 2, 3], "gamma": [1.3, 1.9], "R": [1.0], "zeta": [0.1], "rounds": [1, 2], "metric": ["distance", "gap"]},
        label="-beyond",
    ),
    Case(local_gd.local_gd, CLASSES, {"K": [1, 2, 3], "gamma": [0.5, 1.0], "R": [1.0], "zeta": [0.3, 1.0]}, label="-classes"),
    Case(
        local_gd.local_gd,
        STRONG,
        {"K": [2, 4], "gamma": [0.25], "R": [1.0], "zeta": [0.3], "also_at_start": [True]},
        label="-start",
    ),
    Case(local_gd.averaged_iterate, CONVEX, {"K": [2, 3], "gamma": [0.1, 0.3], "R": [1.0], "zeta": [0.3], "rounds": [1, 2]}),
    Case(
        local_gd.sampled_round,
        {**STRONG, "N": [3, 10, 10**6]},
        {"K": [1, 2, 3], "gamma": [0.25, 1.0], "R": [0, 1.0], "zeta": [0.1, 1.0], "S": [1, 2, 3]},
    ),
    Case(
        local_gd.sampled_round,
        {**CLASSES, "N": [(2, 1), (10, 90)]},
        {"K": [1, 2, 3], "gamma": [0.25, 1.0], "R": [1.0], "zeta": [0.3], "p": [0.1, 0.5, 1.0]},
        label="-bernoulli",
    ),
    Case(
        local_gd_nonconvex.stationarity,
        {"L": [1.0], "mu": [-1.0], "N": [2, 10]},
        {"K": [1, 2], "gamma": [0.25, 0.5], "Delta": [1.0], "zeta": [0.3], "rounds": [1, 2]},
    ),
    Case(gradient_descent.gd_gap, CONVEX, {"gamma": [0.5, 1.0], "t": [1, 2, 4], "R": [1.0]}, gd_gap_bound),
    Case(gradient_descent.gd_distance, STRONG, {"gamma": [0.5, 1.0, 1.9], "t": [1, 3], "R": [1.0]}, gd_distance_bound),
    Case(gradient_descent.gd_factor, STRONG, {"gamma": [0.5, 1.0, 1.9], "t": [1, 3]}),
    Case(
        gradient_descent.gd_gradient,
        {"L": [1.0], "mu": [-1.0], "N": [2]},
        {"gamma": [0.5, 1.0], "t": [1, 2, 3]},
        gd_gradient_bound,
    ),
    Case(
        prox_gradient.prox_gradient_gap,
        CONVEX,
        {"gamma": [1.0], "t": [1, 2, 4], "R": [1.0]},
        prox_gradient_bound,
        {"regularizer": True},
    ),
    Case(
        prox_gradient.prox_gradient_distance,
        STRONG,
        {"gamma": [0.5, 1.0], "t": [1, 2], "R": [1.0], "zeta": [None, 1.0]},
        gd_distance_bound,
        {"regularizer": True},
    ),
    Case(sgd.sgd, {**STRONG, "N": [2, 5]}, {"gamma": [0.3, 0.7], "S": [1], "R": [1.0, 2.0], "v": [1.0]}, sgd_bound),
    Case(fedprox.fedprox, STRONG, {"gamma": [0.2, 1.0, 5.0], "a": [1.0], "R": [1.0], "zeta": [0.1, 1.0]}, fedprox_bound),
    Case(fedprox.fedprox, STRONG, {"gamma": [0.5], "a": [1.5, 3.0], "R": [0, 1.0], "zeta": [0.1]}, label="-extrapolated"),
    *(Case(fedlin.fedlin, STRONG, {"eta": [1 / (6 * k)], "tau": [k]}, fedlin_bound, label=f"-{k}") for k in (1, 2, 3)),
    *(Case(fedlin.fedlin, STRONG, {"eta": [1.5 / k], "tau": [k]}, label=f"-long-{k}") for k in (1, 2, 3)),
    Case(byzantine.byzantine_gd, STRONG, {"gamma": [0.5, 1.0], "kappa": [0.0, 0.25, 1.0], "R": [0, 1.0], "zeta": [1.0]}),
    Case(
        byzantine.byzantine_gradients,
        {"L": [1.0], "mu": [-1.0], "N": [2, 10]},
        {"gamma": [1.0], "kappa": [0.05, 0.25], "t": [1, 2, 3], "G": [0.5, 1.0]},
        byzantine_gradients_bound,
    ),
    Case(proxskip.proxskip_factor, STRONG, {"gamma": [0.5, 1.0, 1.8], "p": [0.1, 0.3, 0.6, 1.0]}, proxskip_psi_bound),
    Case(proxskip.proxskip_step, {**STRONG, "N": [2, 10]}, {"gamma": [0.5, 1.0], "p": [0.3, 0.5]}, proxskip_bound),
    *(
        Case(
            diana.diana_factor,
            {**STRONG, "N": [N]},
            {key: [value] for key, value in diana_world(omega, N).items()},
            lambda gamma, alpha, mu, **_: max(1 - gamma * mu, 1 - alpha / 2),
            label=f"-{N}-{omega}",
        )
        for N, omega in [(1, 3.0), (2, 1.0), (10, 3.0), (100, 9.0)]
    ),
    Case(diana.diana_step, {**STRONG, "N": [2, 10]}, {"gamma": [0.25, 0.35], "alpha": [0.5, 0.25], "omega": [1.0]}),
    Case(
        fedmm.fedmm_factor,
        {**STRONG, "N": [4, 10]},
        {"gamma": [0.2], "a": [0.1], "omega": [0.0, 1.0], "c": [4], "p": [0.5], "regularizer": [False]},
    ),
    Case(
        fedmm.fedmm_factor,
        {**STRONG, "N": [4, 10]},
        {"gamma": [0.2], "a": [0.1], "omega": [0.0, 1.0], "c": [4], "S": [2], "rho": [0.5, 1.0], "regularizer": [True]},
        fixed={"regularizer": True},
        label="-regularised",
    ),
    Case(
        fedmm.fedmm_step,
        {**STRONG, "N": [10]},
        {"gamma": [0.1], "a": [0.1], "omega": [1.0], "p": [0.5], "regularizer": [False]},
    ),
    Case(ef21.ef21_factor, STRONG, {"gamma": [0.05, 0.2], "delta": [0.3, 0.9], "c": [0.3, 1.0]}),
    Case(
        ef21.ef21_run,
        {"L": [1.0], "mu": [0.1, -1.0], "N": [3]},
        {"gamma": [0.05, 0.2], "delta": [0.5, 0.9], "rounds": [1, 2, 3]},
        ef21_run_bound,
    ),
    Case(ef21.ef21_step, {**STRONG, "N": [2]}, {"gamma": [0.2], "delta": [0.5, 0.9]}),
    Case(ef14.ef14_step, {**STRONG, "N": [2]}, {"gamma": [0.05, 0.2], "delta": [0.5]}, fixed={"shared_optimum": True}),
    Case(scaffold.scaffold_factor, STRONG, {"gamma": [0.1, 0.4], "K": [1, 2], "b": [0.1]}),
    Case(scaffold.scaffold_factor, {**STRONG, "N": [3, 100]}, {"gamma": [0.1], "K": [2], "b": [0.1], "S": [1, 2]}, label="-S"),
    Case(scaffold.scaffold_step, {**STRONG, "N": [5]}, {"gamma": [0.1, 0.4], "K": [1, 2]}),
]

STEPS = (proxskip.proxskip_step, diana.diana_step, fedmm.fedmm_step, ef21.ef21_step, ef14.ef14_step, scaffold.scaffold_step)
"""Programs that return a Step."""


def every_program() -> set[str]:
    """The names of all programs: functions of a world and keyword arguments only that some interpreter can be asked about."""
    found = set()
    for info in iter_modules(programs.__path__):
        module = import_module(f"{programs.__name__}.{info.name}")
        for symbol in module.__all__:
            thing = vars(module)[symbol]
            if isfunction(thing) and thing.__module__ == module.__name__:
                asked = signature(thing)
                first, *others = asked.parameters.values()
                named = others and all(p.kind in (Parameter.KEYWORD_ONLY, Parameter.VAR_KEYWORD) for p in others)
                if first.name == "world" and named and asked.return_annotation in ("Any", "Step"):
                    found.add(symbol)
    return found
