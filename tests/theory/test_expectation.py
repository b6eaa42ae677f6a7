"""The exact-expectation simulator against the library's own FedMM, outcome by outcome."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod, sqrt
from typing import Any, ClassVar

import numpy as np
import pytest

from fedmm import Federation, FedMM, Identity, Mask, RandK, solve
from fedmm.arrays import Array
from fedmm.channels import Channel, Dither
from fedmm.keys import Key
from fedmm.problem import Problem
from fedmm.testing.scripted import PlayedCohorts, PlayedFactors
from fedmm.types import Batch
from problems import Quad, Quadratic
from theory_checks.beds import bed, bed_problem
from theory_checks.expectation import ExactFedMM, factors

GAMMA = 0.4


@dataclass(frozen=True)
class PlayedNoise(Problem):
    """A quadratic whose statistic of client i in round t is off by ``errors[t - 1][i]``."""

    exact: Quadratic
    errors: tuple[tuple[tuple[float, ...], ...], ...]

    name: ClassVar[str] = "played-noise"

    def value(self, data: Quad, theta: Array) -> Array:
        return self.exact.value(data, theta)

    def start(self, federation: Federation) -> Array:
        return self.exact.start(federation)

    def statistic(self, data: Quad, theta: Array, batch: Batch | None = None, warm: Any = None) -> tuple[Array, Any]:
        S, warm = self.exact.statistic(data, theta)
        if batch is not None:
            assert isinstance(batch.key, Key)
            S = S + np.array(self.errors[batch.key.round - 1][batch.key.client])
        return S, warm

    def minimize(self, stat: Array, start: Array | None = None) -> Array:
        return self.exact.minimize(stat)

    def lift(self, theta: Array) -> Array:
        return self.exact.lift(theta)

    def project(self, stat: Array) -> Array:
        return stat

    def majorizer(self, data: Quad, theta: Array, at: Array) -> Array:
        return self.exact.majorizer(data, theta, at)


Turn = tuple[float, bool, tuple[float, ...], tuple[float, ...]]
"""One client's round: probability, present?, factors of the channel, error of the statistic."""


def turns(p: float, channel: Channel, sigma: float, d: int) -> list[Turn]:
    """Every outcome of one client's round. The errors +-sigma e_j have mean 0 and covariance sigma^2 I / d."""
    errors = [tuple(sign * sigma * e) for e in np.eye(d) for sign in (1, -1)] if sigma else [(0.0,) * d]
    there = [(p * q / len(errors), True, tuple(x), error) for (q, x), error in product(factors(channel, d), errors)]
    absent = (1 - p, False, (0.0,) * d, (0.0,) * d)
    return [*there, absent] if p < 1 else there


def histories(per_client: list[list[Turn]], rounds: int) -> Iterator[tuple[float, list[tuple[Turn, ...]]]]:
    """(probability, turns of every client round by round) of everything that may happen."""
    a_round = list(product(*per_client))
    for history in product(a_round, repeat=rounds):
        yield prod(turn[0] for a in history for turn in a), list(history)


def state(result: Any, n: int, d: int) -> np.ndarray:
    V = [result.memories[i].V if i in result.memories else np.zeros(d) for i in range(n)]
    return np.concatenate([result.server.s, *V, [1.0]])


CASES = {
    "rand-k, two rounds": ((0.5, 0.8), RandK(1), 0.0, 2, "zero"),
    "rand-k of two, exact memories": ((0.5, 0.8), RandK(2), 0.0, 2, "exact"),
    "noise": ((0.6, 0.9), RandK(1), 0.7, 1, "exact"),
    "mask, equal p": ((0.5, 0.5), Mask(0.5), 0.0, 1, "zero"),
    "full, noise, two rounds": ((1.0, 1.0), Identity(), 0.7, 2, "zero"),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("control_variates", [True, False])
def test_moments_are_those_of_the_library(case: str, control_variates: bool) -> None:
    p, channel, sigma, rounds, memories = CASES[case]
    if not control_variates and memories == "exact":
        memories = "zero"
    n, d = 2, 3
    federation = bed(n, d)
    exact = bed_problem().settle(federation, bed_problem().oracles)
    method = FedMM(step=GAMMA, start="lift", memories=memories, batch=1, control_variates=control_variates)
    omega = channel.facts(d).omega
    assert omega is not None
    theta0 = np.array([1.0, -2.0, 0.5])
    total, mass, every = np.zeros((d + n * d + 1,) * 2), 0.0, 0
    start = None
    for probability, history in histories([turns(p_i, channel, sigma, d) for p_i in p], rounds):
        result = solve(
            PlayedNoise(exact, tuple(tuple(turn[3] for turn in a) for a in history)),
            federation,
            method,
            theta0,
            rounds=rounds,
            participation=PlayedCohorts(tuple(tuple(i for i in range(n) if a[i][1]) for a in history), p),
            channel=PlayedFactors(tuple(tuple(turn[2] for turn in a) for a in history), omega),
            metrics=(),
            progress=False,
        )
        u = state(result, n, d)
        total, mass, every = total + probability * np.outer(u, u), mass + probability, every + 1
        start = start or result
    assert every >= 16
    assert mass == pytest.approx(1.0, abs=1e-12)
    a = 1.0 / (1.0 + (1.0 + omega) / min(p) - 1.0) if control_variates else 0.0
    simulator = ExactFedMM(exact, federation, a, p, channel, sigma)
    s0 = exact.lift(theta0)
    V0 = np.stack([exact.statistic(data, theta0)[0] - s0 for data in federation]) if memories == "exact" else np.zeros((n, d))
    *_, m = simulator.moments(s0, V0, [GAMMA] * rounds)
    assert np.abs(m - total).max() <= 1e-12 * np.abs(total).max()
    spread = m[:-1, :-1] - np.outer(m[:-1, -1], m[:-1, -1])
    assert np.trace(spread) > 1e-3  # something was random


def test_moments_depend_on_everything() -> None:
    """Each ingredient changes the moments by far more than the tolerance above."""
    federation = bed(2, 3)
    exact = bed_problem().settle(federation, bed_problem().oracles)
    base = {"a": 0.2, "probabilities": (0.5, 0.8), "channel": RandK(1), "sigma": 0.5}
    changes = [{"a": 0.21}, {"probabilities": (0.5, 0.81)}, {"channel": RandK(2)}, {"sigma": 0.51}]

    def last(**options: Any) -> np.ndarray:
        *_, m = ExactFedMM(exact, federation, **options).moments(np.ones(3), np.zeros((2, 3)), [GAMMA] * 2)
        return m

    for change in changes:
        assert np.abs(last(**{**base, **change}) - last(**base)).max() > 1e-4, change


def test_values_derived_from_moments() -> None:
    """E|h|^2, G and E W at a point mass are those of the problem."""
    federation = bed(3, 4)
    problem = bed_problem().settle(federation, bed_problem().oracles)
    simulator = ExactFedMM(problem, federation, 0.1, (0.5,) * 3)
    rng = np.random.default_rng(0)
    s, V = rng.standard_normal(4), rng.standard_normal((3, 4))
    m = next(simulator.moments(s, V, []))
    theta = problem.minimize(s)
    fields = np.stack([problem.statistic(data, theta)[0] - s for data in federation])
    w = np.asarray(federation.weights)
    h = w @ fields
    W = sum(w_i * problem.value(data, theta) for w_i, data in zip(w, federation, strict=True)) + problem.penalty(theta)
    assert simulator.field2(m) == pytest.approx(float(h @ h), rel=1e-12)
    assert simulator.drift(m) == pytest.approx(float(w**2 @ ((V - fields) ** 2).sum(axis=1)), rel=1e-12)
    assert simulator.objective(m) == pytest.approx(float(W), rel=1e-12)


def test_refuses_channels_that_are_not_random_factors() -> None:
    with pytest.raises(ValueError, match="random factors"):
        factors(Dither(2), 3)
    with pytest.raises(ValueError, match="enumerated"):
        factors(RandK(20), 40)


def test_noise_of_the_quadratic_has_the_variance_the_simulator_assumes() -> None:
    """E|error|^2 = sigma^2 / b: d N |errors|^2 b / sigma^2 is chi-square; false-alarm probability 1e-9."""
    from scipy.stats import chi2

    d, b, sigma, N = 4, 3, 0.7, 2000
    federation = bed(1, d)
    problem = Quadratic(noise=sigma).settle(federation, Quadratic().oracles)
    theta = np.ones(d)
    exact = problem.statistic(federation[0], theta)[0]
    errors = np.stack([problem.statistic(federation[0], theta, Batch(b, Key(seed, 1, 0)))[0] - exact for seed in range(N)])
    statistic = float((errors**2).sum()) * d * b / sigma**2
    assert chi2.ppf(0.5e-9, N * d) <= statistic <= chi2.isf(0.5e-9, N * d)
    mean = np.abs(errors.mean(axis=0)).max() / (sigma / sqrt(b * d * N))
    assert mean < 7.0  # 2 d P(|z| > 7) < 3e-11
