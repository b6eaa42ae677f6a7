"""Gaussian mixtures: oracles against SciPy's densities, the prior's closed forms, what T does without a maximum, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fedmm import MM, Federation, FedMM, Mask, Samples, solve
from fedmm.errors import DataError, SpecError
from problems import GaussianMixture
from problems.gaussian_mixture import COVARIANCES, GaussianComponents

KINDS = sorted(COVARIANCES)


def samples(seed: int = 0, n: int = 40, p: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, p)) + 1.5 * rng.choice([-1.0, 1.0], (n, 1))


def components(kind: str, K: int = 3, p: int = 3) -> tuple[GaussianComponents, np.ndarray]:
    """A mixture, and its covariances as matrices."""
    rng = np.random.default_rng(1)
    M = rng.standard_normal((K, p, p))
    full = M @ M.transpose(0, 2, 1) / p + 0.5 * np.eye(p)
    diagonal = 0.5 + rng.random((K, p))
    given = {"unit": None, "spherical": diagonal[:, 0], "diagonal": diagonal, "full": full}[kind]
    matrices = {
        "unit": np.stack([np.eye(p)] * K),
        "spherical": diagonal[:, :1, None] * np.eye(p),
        "diagonal": diagonal[:, :, None] * np.eye(p),
        "full": full,
    }[kind]
    return GaussianComponents(rng.dirichlet(np.full(K, 5.0)), rng.standard_normal((K, p)), given), matrices


def densities(X: np.ndarray, mixture: GaussianComponents, matrices: np.ndarray) -> np.ndarray:
    """pi_k N(z_j; m_k, Sigma_k), (n, K), by SciPy."""
    from scipy.stats import multivariate_normal

    each = zip(mixture.weights, mixture.means, matrices, strict=True)
    return np.stack([w * multivariate_normal(m, S).pdf(X) for w, m, S in each], axis=1)


@pytest.mark.parametrize("kind", KINDS)
def test_oracles_are_their_definitions(kind: Any) -> None:
    X, (mixture, matrices) = samples(), components(kind)
    problem = GaussianMixture(3, kind, a=0.2, b=0.3, c=0.4, scale=0.7)
    theta, joint = problem.theta_of(mixture), densities(X, mixture, matrices)
    assert problem.value(Samples(X), theta) == pytest.approx(-np.log(joint.sum(axis=1)).mean(), rel=1e-13)
    np.testing.assert_allclose(problem.predict_proba(theta, X), joint / joint.sum(axis=1, keepdims=True), atol=1e-13)
    assert np.array_equal(problem.predict(theta, X), joint.argmax(axis=1))
    g = -0.2 * np.log(mixture.weights).sum()
    for m, S in zip(mixture.means, matrices, strict=True):
        P = np.linalg.inv(S)
        g += 0.15 * m @ P @ m + (0.0 if kind == "unit" else 0.2 * (np.linalg.slogdet(S)[1] + 0.7 * np.trace(P)))
    assert problem.penalty(theta) == pytest.approx(g, rel=1e-13)
    for ours, given in zip(problem.components_of(theta), mixture, strict=True):
        assert (ours is None and given is None) or np.allclose(ours, given, rtol=1e-15)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_the_prior_counts_as_samples(kind: Any) -> None:
    """b samples at the origin and c of covariance v0 I, in the closed forms of the M-step."""
    X, (mixture, matrices) = samples(), components(kind)
    a, b, c, v0 = 0.2, 0.3, 0.4, 0.7
    problem = GaussianMixture(3, kind, a=a, b=b, c=c, scale=v0)
    joint = densities(X, mixture, matrices)
    r = joint / joint.sum(axis=1, keepdims=True) / len(X)
    got = problem.components_of(problem.minimize(problem.statistic(Samples(X), problem.theta_of(mixture))[0]))
    np.testing.assert_allclose(got.weights, (r.sum(axis=0) + a) / (1 + 3 * a), rtol=1e-12)
    for k in range(3):
        m = r[:, k] @ X / (r[:, k].sum() + b)
        A = (X.T * r[:, k]) @ X + c * v0 * np.eye(3) - (r[:, k].sum() + b) * np.outer(m, m)
        S = A / (r[:, k].sum() + c)
        np.testing.assert_allclose(got.means[k], m, rtol=1e-12)
        want = {"unit": None, "spherical": np.trace(S) / 3, "diagonal": np.diag(S), "full": S}[kind]
        if want is not None:
            assert got.covariances is not None
            np.testing.assert_allclose(got.covariances[k], want, rtol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_the_lower_bound_holds_where_components_shrink_onto_samples(kind: Any) -> None:
    """Component 0 sits on the samples, with the variance that W likes best; what is lost are the unequal weights."""
    problem = GaussianMixture(2, kind, a=0.1, b=0.0, c=0.05, scale=0.5)
    federation = Federation([Samples(np.zeros((4, 2)))])
    bound = problem.facts(federation).lower_bound
    assert bound is not None
    found = []
    for v in np.logspace(-6, 3, 200):
        spread = {"unit": [], "spherical": [v, 0.5], "diagonal": [v, v, 0.5, 0.5], "full": [v, 0, v, 0.5, 0, 0.5]}[kind]
        found.append(problem.objective(federation, np.r_[0.999, 0.001, np.zeros(4), spread]))
    lost = -0.1 * np.log(0.999 * 0.001) - 0.2 * np.log(2)
    assert bound + lost - 1e-12 <= min(found) <= bound + lost + 0.01
    assert GaussianMixture(2, "full", c=0.0).facts(federation).lower_bound is None


def test_the_likelihood_is_unbounded_below_without_c() -> None:
    problem, data = GaussianMixture(2, "spherical", a=0.0, b=0.0, c=0.0), Samples(np.array([[0.0], [1.0], [2.0]]))
    values = [float(problem.value(data, np.array([0.5, 0.5, 0.0, 1.0, v, 1.0]))) for v in (1e-2, 1e-20, 1e-200)]
    assert values[0] > values[1] > values[2]
    assert values[2] < -50


@pytest.mark.parametrize("kind", KINDS)
def test_statistics_without_a_minimiser_are_refused_in_a_sentence(kind: Any) -> None:
    X = np.zeros((5, 2)) + np.arange(5.0)[:, None]
    X[:, 1] *= 2.0  # on a line
    theta = GaussianMixture(2, kind).start(Federation([Samples(X)]))
    s = GaussianMixture(2, kind, a=0.0, b=0.0, c=0.0).statistic(Samples(X), theta)[0]
    empty = np.r_[0.0 * s[: len(s) // 2], s[len(s) // 2 :]]
    bare, firm = GaussianMixture(2, kind, a=0.0, b=0.0, c=0.0), GaussianMixture(2, kind, a=0.0, b=0.1, c=0.1)
    with pytest.raises(ZeroDivisionError, match="has no samples"):
        bare.minimize(empty)
    with pytest.raises(ZeroDivisionError, match="every component"):
        firm.minimize(0.0 * s)
    point = bare.statistic(Samples(X[:1]), theta)[0]
    if kind == "full":
        with pytest.raises(np.linalg.LinAlgError, match="singular"):
            bare.minimize(s)
    if kind in ("diagonal", "spherical"):
        with pytest.raises(np.linalg.LinAlgError, match="variance is zero"):
            bare.minimize(point)
    for stat in (s, empty, point):
        theta = firm.minimize(stat)
        assert np.isfinite(theta).all()
        np.testing.assert_allclose(firm.minimize(firm.lift(theta)), theta, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_zero_change_nothing(kind: Any) -> None:
    mixture, _ = components(kind)
    problem, X = GaussianMixture(3, kind, a=0.0), samples()
    theta = problem.theta_of(mixture._replace(weights=np.array([0.4, 0.0, 0.6])))
    assert np.isfinite(problem.value(Samples(X), theta))
    assert np.isfinite(problem.penalty(theta))
    assert (problem.predict_proba(theta, X)[:, 1] == 0).all()
    assert problem.majorizer(Samples(X), problem.theta_of(mixture), theta) >= problem.value(Samples(X), problem.theta_of(mixture))
    assert GaussianMixture(3, kind, a=0.1).penalty(theta) == np.inf


@pytest.mark.parametrize("kind", KINDS)
def test_lift_stays_in_S(kind: Any) -> None:
    """Also where the priors ask for more than one sample: then the statistic is that of more."""
    mixture, _ = components(kind)
    problem = GaussianMixture(3, kind, a=0.5, b=0.5, c=0.5, scale=4.0)
    theta = problem.theta_of(mixture)
    s = problem.lift(theta)
    np.testing.assert_allclose(problem.project(s), s, rtol=1e-12, atol=1e-10)
    if kind != "unit":  # that of one sample would not be in S
        weights, m, cov = problem._split(theta)
        one = problem._kind.unfit(weights, m, cov, problem._prior)
        assert np.abs(problem._kind.project(one) - one).max() > 0.1
    np.testing.assert_allclose(problem.minimize(s), theta, rtol=1e-10)


def test_restrict_and_penalty() -> None:
    problem = GaussianMixture(2, "diagonal")
    theta = np.array([0.3, 0.7, 0.0, 1.0, 1.0, 2.0])
    assert np.array_equal(problem.restrict(theta), theta)
    outside = np.array([0.5, 0.9, 0.0, 1.0, -1.0, 2.0])
    np.testing.assert_allclose(problem.restrict(outside), [0.3, 0.7, 0.0, 1.0, 1e-8, 2.0], atol=1e-15)
    np.testing.assert_allclose(problem.restrict(np.r_[2.0, -3.0, theta[2:]]), np.r_[1.0, 0.0, theta[2:]], atol=1e-15)
    assert problem.penalty(outside) == np.inf
    with pytest.raises(np.linalg.LinAlgError, match="not positive"):
        problem.value(Samples(np.ones((3, 1))), np.r_[theta[:4], -1.0, 2.0])
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        GaussianMixture(1).value(Samples(np.ones((3, 1))), np.array([1.0, 0.0, -1.0]))


@pytest.mark.parametrize("kind", KINDS)
def test_compressed_statistics_are_projected_and_runs_go_on(kind: Any) -> None:
    """Masked uploads leave the cone of moments; with the projection every theta is finite and W falls in the end."""
    X = samples(2, 120)
    federation = Federation([Samples(X[X[:, 0] < 0]), Samples(X[X[:, 0] >= 0])], "samples")
    problem = GaussianMixture(2, kind, a=0.01, b=0.01, c=0.05)
    result = solve(problem, federation, FedMM(step=0.2), rounds=150, channel=Mask(0.3), metrics=(), progress=False)
    best = solve(problem, federation, MM(), rounds=300, metrics=(), progress=False)
    assert result.status.code == "completed"
    start = problem.objective(federation, problem.start(federation))
    last, least = (problem.objective(federation, theta) for theta in (result.theta, best.theta))
    assert last < 0.1 * start + 0.9 * least + 0.05


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"components": 0}, "components >= 1"),
        ({"covariance": "tied"}, "covariance"),
        ({"a": -1.0}, "gaussian-mixture.a >= 0"),
        ({"c": float("inf")}, "gaussian-mixture.c >= 0"),
        ({"scale": 0.0}, "scale > 0"),
    ],
)
def test_bad_fields(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        GaussianMixture(**given)


def test_bad_data_and_parameters() -> None:
    from scipy.sparse import csr_array

    problem = GaussianMixture(2)
    with pytest.raises(DataError, match="Samples"):
        problem.settle(Federation([np.ones((3, 2))]), ())
    with pytest.raises(DataError, match="sparse"):
        problem.settle(Federation([Samples(csr_array(np.eye(3)))]), ())
    with pytest.raises(ValueError, match="2 components with full"):
        problem.value(Samples(np.ones((3, 2))), np.ones(7))
    with pytest.raises(DataError, match="width"):
        problem.predict(np.ones(12), np.ones((3, 3)))
    theta = problem.start(Federation([Samples(np.ones((3, 2)))]))
    with pytest.raises(ValueError, match="sum 1"):
        problem.lift(np.r_[0.6, 0.6, theta[2:]])
    with pytest.raises(ValueError, match="weights > 0"):
        problem.lift(np.r_[1.0, 0.0, theta[2:]])
