"""Entropic transport: oracles against their definitions, the documented bounds, and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fedmm.errors import DataError, SpecError
from fedmm.federation import Federation, Samples
from problems import Quad, Transport


def instance(seed: int = 0, m: int = 6, k: int = 2, scale: float = 1.0) -> Federation:
    """Three clients around different centres, and m public atoms of unequal masses."""
    rng = np.random.default_rng(seed)
    clients = [Samples(scale * (rng.standard_normal((n, k)) + i)) for i, n in enumerate((5, 8, 6))]
    public = {"atoms": rng.standard_normal((m, k)), "masses": rng.dirichlet(np.full(m, 2.0))}
    return Federation(clients, "samples", public=public)


def settled(federation: Federation, epsilon: float = 0.5, **fields: Any) -> Transport:
    problem = Transport(epsilon, **fields)
    return problem.settle(federation, problem.oracles)


def mean_statistic(problem: Transport, federation: Federation, theta: np.ndarray) -> np.ndarray:
    return sum(w * problem.statistic(data, theta)[0] for w, data in zip(federation.weights, federation, strict=True))


def objective(problem: Transport, federation: Federation, theta: np.ndarray) -> float:
    return float(sum(w * problem.value(data, theta) for w, data in zip(federation.weights, federation, strict=True)))


def test_oracles_are_their_definitions() -> None:
    federation, eps = instance(), 0.7
    problem = settled(federation, eps)
    y, nu = federation.public["atoms"], federation.public["masses"]
    X, theta = federation[1].X, np.random.default_rng(1).standard_normal(6)
    E = nu * np.exp((X @ y.T - theta) / eps)
    p = E / E.sum(axis=1, keepdims=True)
    value = theta @ nu + eps * np.log(E.sum(axis=1)).mean()
    assert problem.value(federation[1], theta) == pytest.approx(value, abs=1e-13)
    s = p.mean(axis=0) * np.exp(theta / eps)
    np.testing.assert_allclose(problem.statistic(federation[1], theta)[0], s, rtol=1e-12)
    np.testing.assert_allclose(problem.gradient(federation[1], theta), nu - p.mean(axis=0), atol=1e-14)
    np.testing.assert_allclose(problem.minimize(s), theta + eps * np.log(p.mean(axis=0) / nu), atol=1e-13)
    np.testing.assert_allclose(problem.transform(theta, X), p @ y, atol=1e-13)


def test_a_constant_changes_nothing_but_the_scale_of_statistics() -> None:
    federation = instance()
    problem, theta, c = settled(federation), np.random.default_rng(2).standard_normal(6), 1.3
    data = federation[0]
    assert problem.value(data, theta + c) == pytest.approx(float(problem.value(data, theta)), abs=1e-12)
    s, moved = (problem.statistic(data, t)[0] for t in (theta, theta + c))
    np.testing.assert_allclose(moved, s * np.exp(c / problem.epsilon), rtol=1e-12)
    np.testing.assert_allclose(problem.minimize(moved), problem.minimize(s) + c, atol=1e-12)
    np.testing.assert_allclose(problem.plan(theta + c, data.X), problem.plan(theta, data.X), atol=1e-13)


def test_statistic_is_in_range_where_its_factors_are_not() -> None:
    """exp(theta_j / eps) overflows and p_j underflows, their product is an ordinary number."""
    public = {"atoms": np.array([[0.0], [1.0]]), "masses": np.array([0.5, 0.5])}
    federation = Federation([Samples(np.array([[0.95], [0.99]]))], public=public)
    problem, theta = settled(federation, 0.004), np.array([0.0, 4.0])  # exp(4 / 0.004) = exp(1000)
    from scipy.special import logsumexp

    scores = federation[0].X @ public["atoms"].T / 0.004
    log_p = scores - theta / 0.004 + np.log(0.5)
    log_p -= logsumexp(log_p, axis=1, keepdims=True)
    want = logsumexp(log_p + theta / 0.004, axis=0) - np.log(2)
    s = problem.statistic(federation[0], theta)[0]
    np.testing.assert_allclose(np.log(s), want, rtol=1e-12)
    np.testing.assert_allclose(problem.value(federation[0], theta), 2.0 - 0.004 * np.log(2), rtol=1e-12)


@pytest.mark.parametrize("epsilon", [0.1, 0.5, 5.0])
@pytest.mark.parametrize("gamma", [1.0, 0.3])
def test_iterates_keep_to_the_documented_bounds(epsilon: float, gamma: float) -> None:
    for seed in range(3):
        federation = instance(seed, scale=2.0)
        problem = settled(federation, epsilon)
        R, nu = problem.reach, federation.public["masses"]
        theta = problem.start(federation)
        s = problem.lift(theta)
        assert R is not None
        for _ in range(50):
            before, f = theta, objective(problem, federation, theta)
            s = s + gamma * (mean_statistic(problem, federation, theta) - s)
            theta = problem.minimize(s)
            fall = (before - theta) @ nu
            assert -1e-12 <= fall <= f - objective(problem, federation, theta) + 1e-12
            assert np.ptp(theta) <= R + 1e-12
            np.testing.assert_array_equal(problem.project(s), s)  # the clip is below every such iterate


def test_solution_has_both_marginals() -> None:
    federation = instance()
    problem = settled(federation, 0.5)
    theta = problem.start(federation)
    for _ in range(400):
        theta = problem.minimize(mean_statistic(problem, federation, theta))
    X = np.concatenate([data.X for data in federation])
    P = problem.plan(theta, X)  # weights by samples: the pooled samples are uniform
    np.testing.assert_allclose(P.sum(axis=1), 1.0 / len(X), rtol=1e-13)
    np.testing.assert_allclose(P.sum(axis=0), federation.public["masses"], rtol=1e-10)
    assert objective(problem, federation, theta) >= problem.facts(federation).lower_bound  # type: ignore[operator]


def test_potentials_of_squared_distances_give_the_plan() -> None:
    federation, eps = instance(), 0.4
    problem, X = settled(federation, eps), federation[2].X
    theta = np.random.default_rng(3).standard_normal(6)
    a, b = problem.sample_potentials(theta, X), problem.potentials(theta)
    cost = ((X[:, None] - federation.public["atoms"]) ** 2).sum(axis=-1)
    density = np.exp((a[:, None] + b - cost) / (2 * eps))
    np.testing.assert_allclose(density * federation.public["masses"] / len(X), problem.plan(theta, X), rtol=1e-11)


def test_smoothness_is_attained() -> None:
    """Two equal atoms with p = 1/2: the Hessian has the eigenvalue 1/(2 eps)."""
    public = {"atoms": np.ones((2, 1)), "masses": np.array([0.5, 0.5])}
    federation = Federation([Samples(np.ones((3, 1)))], public=public)
    problem = settled(federation, 0.1)
    v, h = np.array([1.0, -1.0]) / np.sqrt(2), 1e-5
    curvature = float((problem.gradient(federation[0], h * v) - problem.gradient(federation[0], -h * v)) @ v) / (2 * h)
    assert problem.facts(federation).smoothness == pytest.approx(5.0, abs=1e-12)
    assert curvature == pytest.approx(5.0, rel=1e-6)


def test_lower_bound_is_attained_as_epsilon_grows() -> None:
    federation = instance()
    problem = settled(federation, 1e4)
    bound = problem.facts(federation).lower_bound
    assert bound is not None
    assert bound <= objective(problem, federation, problem.start(federation)) <= bound + 1e-3


def test_facts_of_an_unsettled_problem_are_those_of_the_settled_one() -> None:
    federation = instance()
    assert Transport(0.5).facts(federation) == settled(federation).facts(federation)


def test_projection_clips_at_the_least_statistic() -> None:
    federation = instance()
    problem = settled(federation, 1.0, reach=3.0)
    s = np.array([-1.0, 0.0, 1.0, 2.0, 1e-9, 5.0])
    floor = federation.public["masses"] * np.exp(-6.0)
    np.testing.assert_allclose(problem.project(s), np.where(s < floor, floor, s), rtol=1e-14)


@pytest.mark.parametrize(("kind", "log_smallest"), [(np.float64, -708.396), (np.float32, -87.337)])
def test_epsilon_too_small_for_the_dtype_is_refused(kind: type, log_smallest: float) -> None:
    public = {"atoms": np.array([[0.0], [1.0]], dtype=kind), "masses": np.array([0.25, 0.75], dtype=kind)}
    federation = Federation([Samples(np.array([[1.0], [0.5]], dtype=kind))], public=public)  # reach 1
    least = float(2.0 / (-log_smallest + np.log(0.25)))
    with pytest.raises(DataError, match=rf"which {np.dtype(kind)} does not hold; take epsilon >= {least:.3g}"):
        settled(federation, 0.99 * least)
    problem = settled(federation, 1.01 * least)
    s = problem.statistic(federation[0], np.array([0.0, 0.0], dtype=kind))[0]
    assert s.dtype == kind
    assert np.isfinite(problem.minimize(problem.project(0.0 * s))).all()


def test_given_atoms_take_precedence() -> None:
    federation = instance()
    y, nu = np.eye(2), np.array([0.5, 0.5])
    problem = settled(federation, atoms=y, masses=nu)
    assert problem.atoms.tolist() == y.tolist()
    assert problem.start(federation).shape == (2,)


@pytest.mark.parametrize(
    ("public", "message"),
    [
        ({}, r"needs public\['atoms'\], the federation has nothing"),
        ({"atoms": np.ones((3, 2))}, r"needs public\['masses'\], the federation has atoms"),
        ({"atoms": np.ones((3, 4)), "masses": np.full(3, 1 / 3)}, r"shape \(m, 2\).* got \(3, 4\)"),
        ({"atoms": np.ones((3, 2)), "masses": np.full(2, 0.5)}, r"each of 3 atoms, got shape \(2,\)"),
        ({"atoms": np.ones((2, 2)), "masses": np.array([0.0, 1.0])}, "least 0 and sum 1; drop empty atoms"),
        ({"atoms": np.ones((2, 2)), "masses": np.array([0.5, 0.4])}, "least 0.4 and sum 0.9"),
    ],
)
def test_wrong_targets_are_refused(public: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(DataError, match=message):
        settled(Federation(list(instance()), public=public))


def test_wrong_data_and_parameters_are_refused() -> None:
    from scipy.sparse import csr_array

    public = instance().public
    for data, message in (
        (Samples(csr_array(np.ones((3, 2)))), "client 0, got a sparse one"),
        (Quad(np.eye(2), np.ones(2)), "client 0, got Quad"),
    ):
        with pytest.raises(DataError, match=message):
            settled(Federation([data], public=public))
    for fields, name in (({"epsilon": 0.0}, "epsilon >"), ({"epsilon": np.inf}, "epsilon >"), ({"reach": -1.0}, "reach >=")):
        with pytest.raises(SpecError, match=f"transport.{name} 0"):
            Transport(**fields)
    problem = settled(instance())
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 6\), got \(5,\)"):
        problem.lift(np.ones(5))
    with pytest.raises(ValueError, match="out of range"):
        problem.lift(np.full(6, 1e3))
