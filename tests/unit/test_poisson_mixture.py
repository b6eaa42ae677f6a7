"""Poisson mixtures: oracles against SciPy's probabilities, the prior's closed forms, what T does without a maximum, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fedmm import Federation, FedMM, RandK, Samples, solve
from fedmm.errors import DataError, SpecError
from problems import PoissonMixture
from problems.data import SyntheticCountMixture
from problems.poisson_mixture import PoissonComponents

MIXTURE = PoissonComponents(np.array([0.2, 0.5, 0.3]), np.array([[1.0, 5.0], [4.0, 2.0], [0.3, 0.7]]))


def counts(n: int = 40) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.poisson(MIXTURE.rates[rng.choice(3, n, p=MIXTURE.weights)]).astype(float)


def responsibilities(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The evidence (n,) and r (n, K), by SciPy."""
    from scipy.stats import poisson

    joint = MIXTURE.weights * np.prod(poisson.pmf(X[:, None, :], MIXTURE.rates), axis=2)
    return joint.sum(axis=1), joint / joint.sum(axis=1, keepdims=True)


def test_oracles_are_their_definitions() -> None:
    problem, X = PoissonMixture(3, a=0.2, b=0.3, c=0.4), counts()
    theta, (evidence, r) = problem.theta_of(MIXTURE), responsibilities(X)
    assert problem.value(Samples(X), theta) == pytest.approx(-np.log(evidence).mean(), rel=1e-13)
    np.testing.assert_allclose(problem.predict_proba(theta, X), r, atol=1e-14)
    assert np.array_equal(problem.predict(theta, X), r.argmax(axis=1))
    g = -0.2 * np.log(MIXTURE.weights).sum() + (0.4 * MIXTURE.rates - 0.3 * np.log(MIXTURE.rates)).sum()
    assert problem.penalty(theta) == pytest.approx(g, rel=1e-13)
    got = problem.components_of(problem.minimize(problem.statistic(Samples(X), theta)[0]))
    s1, s2 = r.mean(axis=0), r.T @ X / len(X)
    np.testing.assert_allclose(got.weights, (s1 + 0.2) / 1.6, rtol=1e-12)
    np.testing.assert_allclose(got.rates, (s2 + 0.3) / (s1 + 0.4)[:, None], rtol=1e-12)


def test_large_counts_do_not_overflow() -> None:
    """exp(-lam) lam^z underflows and z! overflows."""
    problem = PoissonMixture(2, a=0.0)
    X = np.array([[1000.0], [3000.0]])
    theta = np.array([0.5, 0.5, 1000.0, 3000.0])
    assert np.isfinite(problem.value(Samples(X), theta))
    np.testing.assert_allclose(problem.predict_proba(theta, X), np.eye(2), atol=1e-12)


def test_statistics_without_a_minimiser_are_refused_in_a_sentence() -> None:
    bare, firm = PoissonMixture(2, a=0.0, b=0.0, c=0.0), PoissonMixture(2, a=0.0, b=0.2, c=0.1)
    empty = np.array([1.0, 3.0, 2.0, 0.0, 0.0, 0.0])
    with pytest.raises(ZeroDivisionError, match="no samples"):
        bare.minimize(empty)
    with pytest.raises(ZeroDivisionError, match="every component"):
        firm.minimize(0.0 * empty)
    theta = firm.minimize(empty)
    np.testing.assert_allclose(theta, [1.0, 0.0, 3.2 / 1.1, 2.2 / 1.1, 2.0, 2.0], rtol=1e-14)
    np.testing.assert_allclose(firm.minimize(firm.lift(theta)), theta, rtol=1e-12)
    with pytest.raises(ValueError, match="weights > 0"):
        bare.lift(theta)


def test_rates_stop_at_the_floor() -> None:
    problem = PoissonMixture(1, a=0.0, b=0.0, c=0.0, floor=0.01)
    theta = problem.minimize(np.array([1.0, 0.0, 2.0]))
    assert np.array_equal(theta, [1.0, 0.01, 2.0])
    assert problem.penalty(theta) == 0
    assert problem.penalty(np.array([1.0, 0.005, 2.0])) == np.inf
    assert np.array_equal(problem.restrict(np.array([1.0, -1.0, 2.0])), theta)


@pytest.mark.parametrize("prior", [{"a": 0.1, "b": 0.4, "c": 0.2}, {"a": 0.0, "b": 0.0, "c": 0.3}])
def test_lower_bound(prior: dict[str, float]) -> None:
    """At all-zero counts and the rates that g likes best it is attained, up to what the likelihood asks."""
    problem, federation = PoissonMixture(2, **prior), Federation([Samples(np.zeros((3, 1)))])
    bound = problem.facts(federation).lower_bound
    assert bound is not None
    rates = np.logspace(-7, 3, 50)
    values = [problem.objective(federation, np.array([0.5, 0.5, one, other])) for one in rates for other in rates]
    assert bound <= min(values) <= bound + 1.5
    assert PoissonMixture(2, b=0.1, c=0.0).facts(federation).lower_bound is None


def test_compressed_statistics_are_projected_and_runs_go_on() -> None:
    federation, problem = SyntheticCountMixture(samples=60).load(4, 0), PoissonMixture(scale=5.0)
    result = solve(problem, federation, FedMM(step=0.2), rounds=100, channel=RandK(6), metrics=(), progress=False)
    assert result.status.code == "completed"
    assert problem.objective(federation, result.theta) < problem.objective(federation, problem.start(federation)) - 1.0


@pytest.mark.parametrize(
    ("given", "message"),
    [({"components": 0}, "components"), ({"b": -1.0}, "b >= 0"), ({"floor": 0.0}, "floor > 0"), ({"scale": -1.0}, "scale > 0")],
)
def test_bad_fields(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        PoissonMixture(**given)


@pytest.mark.parametrize("X", [np.array([[0.5]]), np.array([[-1.0]])])
def test_bad_data(X: np.ndarray) -> None:
    with pytest.raises(DataError, match="whole numbers"):
        PoissonMixture().settle(Federation([Samples(X)]), ())


def test_bad_parameters() -> None:
    problem = PoissonMixture(2)
    with pytest.raises(ValueError, match="2 weights"):
        problem.value(Samples(np.ones((2, 2))), np.ones(7))
    with pytest.raises(ValueError, match="floor"):
        problem.lift(np.array([0.5, 0.5, 1.0, 0.0]))


def test_synthetic_counts_follow_their_law() -> None:
    """With one component every client has the same rates; the mean of 40000 counts is within 7 standard deviations."""
    made = SyntheticCountMixture(p=2, K=1, samples=10_000).load(4, 3)
    X = np.concatenate([data.X for data in made])
    rates = X.mean(axis=0)
    for data in made:
        assert np.abs(data.X.mean(axis=0) - rates).max() < 7 * np.sqrt(rates.max() / 10_000)
    assert np.abs(X.var(axis=0) / rates - 1).max() < 7 * np.sqrt((2 + 1 / rates.min()) / 40_000)
    few = SyntheticCountMixture(concentration=0.1).load(20, 0)
    assert np.mean([np.bincount(data.y.astype(int), minlength=3).max() / 100 for data in few]) > 0.7
    for bad in ({"K": 0}, {"rate": 0.0}, {"concentration": float("inf")}):
        with pytest.raises(SpecError, match="synthetic-count-mixture"):
            SyntheticCountMixture(**bad)
