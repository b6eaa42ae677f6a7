"""Censored lifetimes and precision matrices: oracles against SciPy's densities, facts, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fedmm import Federation, Samples
from fedmm.errors import DataError, SpecError
from fedmm.symmetric import pack, unpack
from problems import CensoredExponential, GaussianPrecision
from problems.data import SyntheticSurvival


def lifetimes() -> Samples:
    rng = np.random.default_rng(0)
    return Samples(rng.exponential(2.0, (30, 1)), (rng.random(30) < 0.6).astype(float))


def test_censored_likelihood_is_densities_and_survival() -> None:
    from scipy.stats import expon

    problem, (X, y) = CensoredExponential(), lifetimes()
    law = expon(scale=1 / 0.8)
    want = -np.mean(np.where(y == 1, law.logpdf(X[:, 0]), law.logsf(X[:, 0])))
    assert problem.value(Samples(X, y), np.array([0.8])) == pytest.approx(want, rel=1e-13)
    longer = X[:, 0] + (1 - y) / 0.8  # what is expected of a lifetime that goes on
    assert problem.statistic(Samples(X, y), np.array([0.8]))[0] == pytest.approx(longer.mean(), rel=1e-13)


def test_rates_that_are_not_positive_are_outside() -> None:
    problem, data = CensoredExponential(), lifetimes()
    for rate in (np.array([0.0]), np.array([-1.0])):
        assert problem.value(data, rate) == np.inf
        assert problem.penalty(rate) == np.inf
        assert problem.restrict(rate) == 1e-9
        assert problem.majorizer(data, rate, np.ones(1)) == np.inf
    assert problem.penalty(np.ones(1)) == 0
    assert problem.project(np.array([-3.0])) == problem.floor


def test_a_high_floor_moves_the_start() -> None:
    data = Samples(np.full((3, 1), 50.0), np.ones(3))
    problem = CensoredExponential(floor=20.0).settle(Federation([data]), ())
    start = problem.start(Federation([data]))
    np.testing.assert_allclose(problem.minimize(problem.lift(start)), start)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.ones((2, 2)), np.ones(2), "one dense column"),
        (np.array([[1.0], [0.0]]), np.ones(2), "times >= floor"),
        (np.array([[1.0], [-2.0]]), np.ones(2), "times >= floor"),
        (np.ones((2, 1)), np.array([1.0, -1.0]), "y = 1"),
        (np.ones((2, 1)), np.zeros(2), "at least one event"),
        (np.ones((2, 1)), None, "give both"),
    ],
)
def test_bad_lifetimes(X: np.ndarray, y: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        CensoredExponential().settle(Federation([Samples(X, y)]), ())


def test_a_client_without_weight_does_not_count() -> None:
    seen, unseen = Samples(np.ones((2, 1)), np.ones(2)), Samples(np.ones((2, 1)), np.zeros(2))
    CensoredExponential().settle(Federation([seen, unseen], (0.5, 0.5)), ())
    with pytest.raises(DataError, match="at least one event"):
        CensoredExponential().settle(Federation([seen, unseen], (0.0, 1.0)), ())


def centred(n: int = 20) -> np.ndarray:
    rng = np.random.default_rng(2)
    return rng.standard_normal((n, 3)) @ (np.eye(3) + 0.4 * rng.standard_normal((3, 3)))


@pytest.mark.parametrize("parameter", ["precision", "covariance"])
def test_gaussian_likelihood_is_scipys(parameter: Any) -> None:
    from scipy.stats import multivariate_normal

    X, cov = centred(), np.array([[1.0, 0.3, 0.0], [0.3, 2.0, -0.4], [0.0, -0.4, 0.7]])
    theta = pack(cov if parameter == "covariance" else np.linalg.inv(cov))
    problem = GaussianPrecision(parameter, c=0.4, scale=0.6)
    want = -multivariate_normal(np.zeros(3), cov).logpdf(X).mean()
    assert problem.value(Samples(X), theta) == pytest.approx(want, rel=1e-13)
    P = np.linalg.inv(cov)
    g = 0.2 * (0.6 * np.trace(P) + np.linalg.slogdet(cov)[1])
    assert problem.penalty(theta) == pytest.approx(g, rel=1e-13)
    best = (X.T @ X / len(X) + 0.4 * 0.6 * np.eye(3)) / 1.4
    found = unpack(problem.minimize(problem.statistic(Samples(X), theta)[0]))
    np.testing.assert_allclose(found, best if parameter == "covariance" else np.linalg.inv(best), rtol=1e-12)


@pytest.mark.parametrize("parameter", ["precision", "covariance"])
def test_the_optimum_is_that_of_the_pooled_samples(parameter: Any) -> None:
    federation = Federation([Samples(centred(12)), Samples(2.0 * centred(30))], (0.7, 0.3))
    problem = GaussianPrecision(parameter, c=0.1, scale=0.5)
    s = sum(w * problem.statistic(data, problem.start(federation))[0] for w, data in zip((0.7, 0.3), federation, strict=True))
    facts = problem.facts(federation)
    assert problem.objective(federation, problem.minimize(s)) == pytest.approx(facts.optimum, rel=1e-13)


def test_singular_statistics_are_refused_in_a_sentence() -> None:
    X = np.ones((4, 2))
    problem = GaussianPrecision(c=0.0)
    with pytest.raises(SpecError, match=r"span all 2 directions, got rank 1"):
        problem.settle(Federation([Samples(X)]), ())
    s = problem.statistic(Samples(X), pack(np.eye(2)))[0]
    with pytest.raises(np.linalg.LinAlgError, match="raise c, or scale"):
        problem.minimize(s)
    assert np.isfinite(GaussianPrecision(c=0.1).minimize(s)).all()


def test_matrices_that_are_not_positive_definite_are_outside() -> None:
    problem, theta = GaussianPrecision(), pack(np.diag([1.0, -1.0]))
    assert problem.penalty(theta) == np.inf
    np.testing.assert_allclose(problem.restrict(theta), pack(np.diag([1.0, 1e-8])), atol=1e-15)
    with pytest.raises(np.linalg.LinAlgError, match="precision is not positive definite"):
        problem.value(Samples(np.ones((2, 2))), theta)
    with pytest.raises(ValueError, match="positive definite precision"):
        problem.lift(theta)
    with pytest.raises(ValueError, match="at least"):
        GaussianPrecision(c=1.0).lift(pack(3.0 * np.eye(2)))


@pytest.mark.parametrize(
    ("given", "message"),
    [({"c": -1.0}, "c >= 0"), ({"scale": 0.0}, "scale > 0"), ({"parameter": "moments"}, "parameter")],
)
def test_bad_fields(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        GaussianPrecision(**given)
    with pytest.raises(SpecError, match="floor > 0"):
        CensoredExponential(floor=0.0)


def test_synthetic_survival_has_the_prescribed_rates_and_share() -> None:
    """Events per time at risk and the share of events, within 7 standard deviations."""
    same = SyntheticSurvival(heterogeneity=0.0, censored=0.4, samples=20_000).load(2, 0)
    for X, y in same:
        assert abs(y.mean() - 0.6) < 7 * np.sqrt(0.24 / 20_000)
        assert abs(y.sum() / X.sum() - 1.0) < 7 / np.sqrt(12_000)
    assert SyntheticSurvival(censored=0.0).load(1, 0)[0].y.min() == 1
    rates = [data.y.sum() / data.X.sum() for data in SyntheticSurvival(heterogeneity=2.0).load(30, 0)]
    assert np.log(rates).std() > 1.0
    for bad in ({"censored": 1.0}, {"heterogeneity": -1.0}, {"samples": 0}):
        with pytest.raises(SpecError, match="synthetic-survival"):
            SyntheticSurvival(**bad)  # type: ignore[arg-type]
