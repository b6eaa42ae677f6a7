"""Why statistics are what to aggregate: likelihoods whose maxima averaged parameters miss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fedmm import MM, Bernoulli, Federation, FedMM, Naive, RandK, Samples, solve
from fedmm.symmetric import pack, unpack
from problems import CensoredExponential, GaussianMixture, GaussianPrecision
from problems.gaussian_mixture import GaussianComponents


def limit(
    problem: Any, federation: Federation, method: Any, theta0: np.ndarray | None = None, rounds: int = 600, **options: Any
) -> np.ndarray:
    """Where the method is after so many rounds, at rest."""
    result = solve(problem, federation, method, theta0, rounds=rounds, metrics=(), progress=False, **options)
    more = solve(problem, federation, method, rounds=20, resume=result, metrics=(), progress=False, **options)
    assert np.abs(more.theta - result.theta).max() <= 1e-12 * (1.0 + np.abs(result.theta).max())
    return np.asarray(more.theta)


def lifetimes(rates: tuple[float, ...], censored: float = 0.4, n: int = 30, seed: int = 0) -> Federation:
    """One client a rate; of its lifetimes a share is cut short."""
    rng = np.random.default_rng(seed)
    clients = []
    for i, rate in enumerate(rates):
        y = (rng.random(n + 7 * i) >= censored).astype(float)
        clients.append(Samples(rng.exponential(1.0 / rate, (len(y), 1)), y))
    return Federation(clients, "samples")


def means(federation: Federation) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """w_i, tbar_i, ybar_i."""
    times, events = ([float(np.mean(data[k])) for data in federation] for k in (0, 1))
    return np.asarray(federation.weights), np.asarray(times), np.asarray(events)


CENSORED = CensoredExponential()


@pytest.mark.parametrize(
    ("method", "options"),
    [
        (FedMM(step=1.0), {}),
        (FedMM(step=0.5, start="lift"), {}),
        (FedMM(step=0.3), {"participation": Bernoulli(0.5), "rounds": 3000}),
    ],
    ids=["everyone", "half steps", "half of the clients"],
)
def test_fedmm_finds_the_pooled_rate(method: FedMM, options: dict[str, Any]) -> None:
    """Events per time at risk, whatever the heterogeneity; weights by samples make it that of all lifetimes together."""
    federation = lifetimes((0.2, 1.0, 5.0))
    events, time = sum(data.y.sum() for data in federation), sum(data.X.sum() for data in federation)
    theta = limit(CENSORED, federation, method, **options)
    assert theta == pytest.approx(events / time, rel=1e-10)
    facts = CENSORED.facts(federation)
    assert CENSORED.objective(federation, theta) == pytest.approx(facts.optimum, rel=1e-12)


def test_without_censoring_the_naive_limit_is_the_mean_of_the_rates() -> None:
    federation = lifetimes((0.2, 1.0, 5.0), censored=0.0)
    w, t, y = means(federation)
    assert y.min() == 1.0
    assert limit(CENSORED, federation, FedMM(step=1.0)) == pytest.approx(1.0 / (w @ t), rel=1e-10)
    assert limit(CENSORED, federation, Naive(step=1.0)) == pytest.approx(w @ (1.0 / t), rel=1e-10)
    assert w @ (1.0 / t) > 1.3 / (w @ t)


def test_with_censoring_and_two_clients_the_naive_limit_is_the_root_of_a_quadratic() -> None:
    """(theta t1 + c1)(theta t2 + c2) = w1 (theta t2 + c2) + w2 (theta t1 + c1), c = 1 - ybar."""
    federation = lifetimes((0.3, 4.0))
    (w1, w2), (t1, t2), (c1, c2) = (part if k < 2 else 1.0 - part for k, part in enumerate(means(federation)))
    roots = np.roots([t1 * t2, t1 * c2 + t2 * c1 - w1 * t2 - w2 * t1, c1 * c2 - w1 * c2 - w2 * c1])
    theta = limit(CENSORED, federation, Naive(step=1.0))
    assert theta == pytest.approx(float(roots.max()), rel=1e-10)
    assert theta > 1.3 * limit(CENSORED, federation, FedMM(step=1.0))


def test_with_censoring_the_naive_limit_solves_its_own_equation() -> None:
    federation = lifetimes((0.2, 1.0, 5.0, 0.7))
    w, t, y = means(federation)
    theta = limit(CENSORED, federation, Naive(step=0.7))
    assert w @ (1.0 / (theta * t + 1.0 - y)) == pytest.approx(1.0, abs=1e-10)
    best = CENSORED.facts(federation).optimum
    assert best is not None
    assert CENSORED.objective(federation, theta) > best + 0.05


def test_equal_clients_make_both_find_the_pooled_rate() -> None:
    """Equal in their mean time and share of events, not sample by sample."""
    t = np.array([[0.2], [1.0], [3.0]])
    clients = [Samples(t, np.array([1.0, 1.0, 0.0])), Samples(t[::-1] * 1.0, np.array([0.0, 1.0, 1.0]))]
    federation = Federation(clients)
    for method in (FedMM(step=1.0), Naive(step=1.0)):
        assert limit(CENSORED, federation, method) == pytest.approx(2.0 / 4.2, rel=1e-10)


def gaussians(homogeneous: bool = False, p: int = 3) -> Federation:
    """Clients with covariances of their own; or samples that differ in sign only."""
    rng = np.random.default_rng(1)
    mixings = [np.eye(p) + 0.8 * rng.standard_normal((p, p)) for _ in range(4)]
    shares = [rng.standard_normal((12 + 3 * i, p)) @ M for i, M in enumerate(mixings)]
    if homogeneous:
        shares = [shares[0] * np.where(rng.random((12, 1)) < 0.5, -1.0, 1.0) for _ in range(4)]
    return Federation([Samples(X) for X in shares], (0.1, 0.2, 0.3, 0.4))


def covariances(federation: Federation) -> np.ndarray:
    """S_i of every client, (n, p, p)."""
    return np.stack([data.X.T @ data.X / len(data.X) for data in federation])


@pytest.mark.parametrize(
    ("method", "options"),
    [
        (FedMM(step=1.0), {"rounds": 3}),
        (FedMM(step=0.1), {"participation": Bernoulli(0.5), "channel": RandK(3), "rounds": 2000}),
    ],
    ids=["exact", "compressed, half of the clients"],
)
def test_fedmm_finds_the_pooled_precision(method: FedMM, options: dict[str, Any]) -> None:
    federation, problem = gaussians(), GaussianPrecision(c=0.0)
    pooled = np.tensordot(federation.weights, covariances(federation), 1)
    theta = limit(problem, federation, method, **options)
    np.testing.assert_allclose(unpack(theta), np.linalg.inv(pooled), rtol=1e-10, atol=1e-10)
    assert problem.objective(federation, theta) == pytest.approx(problem.facts(federation).optimum, rel=1e-12)


def test_the_naive_precision_is_the_mean_of_the_clients_and_too_large() -> None:
    """sum w_i S_i^{-1} is at least the inverse of sum w_i S_i: the inverse is operator convex."""
    federation, problem = gaussians(), GaussianPrecision(c=0.0)
    S = covariances(federation)
    want = np.tensordot(federation.weights, np.linalg.inv(S), 1)
    best = np.linalg.inv(np.tensordot(federation.weights, S, 1))
    theta = limit(problem, federation, Naive(step=1.0), rounds=3)
    np.testing.assert_allclose(unpack(theta), want, rtol=1e-10, atol=1e-10)
    excess = np.linalg.eigvalsh(want - best)
    assert excess[0] > -1e-12
    assert excess[-1] > 0.1 * np.linalg.eigvalsh(best)[-1]
    optimum = problem.facts(federation).optimum
    assert optimum is not None
    assert problem.objective(federation, theta) > optimum + 0.05


@pytest.mark.parametrize("method", [FedMM(step=1.0), Naive(step=1.0)], ids=["fedmm", "naive"])
def test_with_the_covariance_as_the_parameter_both_find_the_pooled_one(method: Any) -> None:
    """T(s) = s is affine: there, to average parameters is to average statistics."""
    federation = gaussians()
    pooled = np.tensordot(federation.weights, covariances(federation), 1)
    theta = limit(GaussianPrecision("covariance", c=0.0), federation, method, rounds=3)
    np.testing.assert_allclose(theta, pack(pooled), rtol=1e-10)


@pytest.mark.parametrize("method", [FedMM(step=1.0), Naive(step=1.0)], ids=["fedmm", "naive"])
def test_equal_covariances_make_both_find_the_pooled_precision(method: Any) -> None:
    federation = gaussians(homogeneous=True)
    pooled = np.tensordot(federation.weights, covariances(federation), 1)
    theta = limit(GaussianPrecision(c=0.0), federation, method, rounds=3)
    np.testing.assert_allclose(unpack(theta), np.linalg.inv(pooled), rtol=1e-9)


def test_averaged_mixtures_are_not_stationary() -> None:
    """Two clients, one cluster each: FedMM stops where EM on all samples does, the naive baseline at a mixture that EM leaves."""
    rng = np.random.default_rng(2)
    shares = [rng.standard_normal((40, 2)) * 0.5 + center for center in (-2.0, 2.0)]
    federation, problem = Federation([Samples(X) for X in shares]), GaussianMixture(2, "diagonal", a=0.01, b=0.01, c=0.05)
    pooled = Federation([Samples(np.concatenate(shares))])
    theta0 = problem.theta_of(GaussianComponents(np.full(2, 0.5), np.array([[-1.0, 0.0], [1.0, 0.5]]), np.ones((2, 2))))
    theta = {
        name: limit(problem, federation, method, theta0=theta0)
        for name, method in (("fedmm", FedMM(step=1.0)), ("naive", Naive(step=1.0)))
    }
    assert theta["fedmm"] == pytest.approx(limit(problem, pooled, MM(), theta0=theta0), abs=1e-10)
    moved = {name: np.abs(problem.minimize(problem.statistic(pooled[0], at)[0]) - at).max() for name, at in theta.items()}
    assert moved["fedmm"] <= 1e-10
    assert moved["naive"] > 0.1
    assert problem.objective(federation, theta["naive"]) > problem.objective(federation, theta["fedmm"]) + 0.5
