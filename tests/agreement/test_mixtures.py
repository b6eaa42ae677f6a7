"""Mixtures step by step against scikit-learn and SciPy's probabilities, from one start; projections against CVXPY."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest

from fedmm import MM, Federation, FedMM, Samples, solve
from problems import GaussianMixture, PoissonMixture
from problems.cones import project_rotated, project_shared
from problems.gaussian_mixture import GaussianComponents
from problems.poisson_mixture import PoissonComponents

mixture: Any = pytest.importorskip("sklearn.mixture")

NAMES = {"spherical": "spherical", "diagonal": "diag", "full": "full"}


def flowers() -> tuple[Federation, np.ndarray]:
    """Fisher's irises, dealt out by species in unlike proportions; and all of them."""
    from sklearn.datasets import load_iris

    X = load_iris().data  # type: ignore[union-attr]
    X = X - X.mean(axis=0)
    shares = [X[:40], X[40:90], X[90:], X[::3] + 0.1]
    return Federation([Samples(share) for share in shares], "samples"), np.concatenate(shares)


def start(covariance: str, X: np.ndarray, K: int = 3) -> GaussianComponents:
    rng = np.random.default_rng(0)
    p = X.shape[1]
    spread = {"spherical": np.linspace(0.5, 1.5, K), "diagonal": 0.5 + rng.random((K, p)), "full": None}[covariance]
    if spread is None:
        M = rng.standard_normal((K, p, p))
        spread = M @ M.transpose(0, 2, 1) / p + 0.3 * np.eye(p)
    return GaussianComponents(rng.dirichlet(np.full(K, 5.0)), X[rng.choice(len(X), K, replace=False)], spread)


def theirs(covariance: str, X: np.ndarray, at: GaussianComponents) -> tuple[GaussianComponents, float]:
    """One iteration of scikit-learn's EM without regularisation, and its mean log-likelihood at the start."""
    assert at.covariances is not None
    precisions = np.linalg.inv(at.covariances) if covariance == "full" else 1.0 / at.covariances
    model = mixture.GaussianMixture(
        len(at.weights),
        covariance_type=NAMES[covariance],
        reg_covar=0.0,
        max_iter=1,
        weights_init=at.weights,
        means_init=at.means,
        precisions_init=precisions,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that one iteration is not convergence
        model.fit(X)
    return GaussianComponents(model.weights_, model.means_, model.covariances_), float(model.lower_bound_)


@pytest.mark.parametrize("covariance", NAMES)
def test_every_step_of_federated_em_is_scikit_learns(covariance: Any) -> None:
    federation, X = flowers()
    problem = GaussianMixture(3, covariance, a=0.0, b=0.0, c=0.0)
    at = start(covariance, X)
    theta0 = problem.theta_of(at)
    seen: list[np.ndarray] = []
    solve(problem, federation, MM(), theta0, rounds=30, metrics=(), progress=False, callbacks=lambda s, _: seen.append(s.theta))
    for before, theta in itertools.pairwise(seen):
        at, evidence = theirs(covariance, X, problem.components_of(before))
        assert problem.objective(federation, before) == pytest.approx(-evidence, rel=1e-12)
        for ours, want in zip(problem.components_of(theta), at, strict=True):
            np.testing.assert_allclose(ours, want, rtol=1e-10, atol=1e-10)  # type: ignore[arg-type]
    assert np.abs(seen[-1] - seen[0]).max() > 0.1


@pytest.mark.parametrize("covariance", NAMES)
def test_thirty_steps_without_starting_anew(covariance: Any) -> None:
    """The two EMs run by themselves for thirty steps, and give the same labels and probabilities in the end."""
    federation, X = flowers()
    problem = GaussianMixture(3, covariance, a=0.0, b=0.0, c=0.0)
    at = start(covariance, X)
    theta = solve(problem, federation, FedMM(step=1.0), problem.theta_of(at), rounds=29, metrics=(), progress=False).theta
    assert at.covariances is not None
    precisions = np.linalg.inv(at.covariances) if covariance == "full" else 1.0 / at.covariances
    model = mixture.GaussianMixture(
        3, covariance_type=NAMES[covariance], reg_covar=0.0, max_iter=30, tol=0.0, weights_init=at.weights,
        means_init=at.means, precisions_init=precisions,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X)
    np.testing.assert_allclose(problem.components_of(theta).means, model.means_, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(problem.predict_proba(theta, X), model.predict_proba(X), atol=1e-7)
    assert np.array_equal(problem.predict(theta, X), model.predict(X))


def test_unit_covariances_are_scikit_learns_with_the_covariance_put_back() -> None:
    federation, X = flowers()
    problem = GaussianMixture(3, "unit", a=0.0, b=0.0)
    at = GaussianComponents(np.array([0.2, 0.3, 0.5]), X[[3, 70, 120]])
    for _ in range(10):
        ours = problem.components_of(
            solve(problem, federation, MM(), problem.theta_of(at), rounds=1, metrics=(), progress=False).theta
        )
        want, _ = theirs("spherical", X, GaussianComponents(at.weights, at.means, np.ones(3)))
        np.testing.assert_allclose(ours.weights, want.weights, rtol=1e-10)
        np.testing.assert_allclose(ours.means, want.means, rtol=1e-10)
        at = ours


@pytest.mark.parametrize("seed", range(6))
def test_cones_against_cvxpy(seed: int) -> None:
    cp = pytest.importorskip("cvxpy")
    rng = np.random.default_rng(seed)
    x, w, y = 2.0 * rng.standard_normal(), 2.0 * rng.standard_normal(3), rng.standard_normal(3) + 0.5
    a, b, c, top = cp.Variable(), cp.Variable(3), cp.Variable(3), cp.Variable()
    shared = [cp.quad_over_lin(b[j], a) <= 2.0 * c[j] for j in range(3)]
    away = cp.sum_squares(a - x) + cp.sum_squares(b - w)
    cp.Problem(cp.Minimize(away + cp.sum_squares(c - y)), [a >= 0, c >= 0, *shared]).solve(solver="CLARABEL")
    got = project_shared(np.array(x), w, y)
    for mine, want in zip(got, (a.value, b.value, c.value), strict=True):
        np.testing.assert_allclose(mine, want, atol=2e-4)
    squares = float((got[0] - x) ** 2 + ((got[1] - w) ** 2).sum() + ((got[2] - y) ** 2).sum())
    assert squares == pytest.approx(float(away.value + ((c.value - y) ** 2).sum()), abs=1e-6)
    together = [cp.quad_over_lin(b, a) <= 2.0 * top, a >= 0, top >= 0]
    cp.Problem(cp.Minimize(away + cp.square(top - y[0])), together).solve(solver="CLARABEL")
    for mine, want in zip(project_rotated(np.array(x), w, np.array(y[0])), (a.value, b.value, top.value), strict=True):
        np.testing.assert_allclose(mine, want, atol=2e-4)


def plain_em(X: np.ndarray, weights: np.ndarray, rates: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """A step of EM for Poisson mixtures in probabilities, not logarithms, and the mean log-likelihood before it."""
    from scipy.stats import poisson

    joint = weights * np.prod(poisson.pmf(X[:, None, :], rates), axis=2)
    total = joint.sum(axis=1)
    r = joint / total[:, None]
    return r.mean(axis=0), (r.T @ X) / r.sum(axis=0)[:, None], float(np.log(total).mean())


def test_every_step_of_poisson_em_is_that_of_scipys_probabilities() -> None:
    rng = np.random.default_rng(0)
    truth = np.array([[1.0, 6.0, 2.0], [5.0, 1.0, 3.0], [9.0, 9.0, 0.3]])
    shares = [rng.poisson(truth[rng.choice(3, n, p=p)]).astype(float) for n, p in ((50, [0.8, 0.1, 0.1]), (80, [0.1, 0.2, 0.7]))]
    federation, X = Federation([Samples(share) for share in shares], "samples"), np.concatenate(shares)
    problem = PoissonMixture(3, a=0.0, b=0.0, c=0.0)
    weights, rates = np.array([0.3, 0.3, 0.4]), rng.uniform(1.0, 8.0, (3, 3))
    theta0 = problem.theta_of(PoissonComponents(weights, rates))
    seen: list[np.ndarray] = []
    solve(problem, federation, MM(), theta0, rounds=60, metrics=(), progress=False, callbacks=lambda s, _: seen.append(s.theta))
    values = []
    for theta in seen:
        ours = problem.components_of(theta)
        np.testing.assert_allclose(ours.weights, weights, rtol=1e-10)
        np.testing.assert_allclose(ours.rates, rates, rtol=1e-10, atol=1e-12)
        weights, rates, evidence = plain_em(X, weights, rates)
        assert problem.objective(federation, theta) == pytest.approx(-evidence, rel=1e-12)
        values.append(evidence)
    assert np.diff(values).min() >= -1e-12
    assert values[-1] > values[0] + 0.1
