"""Claims about centralised gradient methods: they hold, are attained where tight, false promises are refuted by every engine
that says so, and settings outside the conditions are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from fedmm import MM, FedSGD, solve
from fedmm.errors import SpecError
from problems.quadratic import Quadratic
from theory_checks.claim import Claim
from theory_checks.claims import gradient_descent, lookup, prox_gradient, stochastic_approximation
from theory_checks.curves import Curve, lowest, random_curves, zigzag
from theory_checks.expectation import ExactFedMM
from theory_checks.quadratics import drawn

CLAIMS = (*gradient_descent.CLAIMS, *prox_gradient.CLAIMS, *stochastic_approximation.CLAIMS)
TIGHT = [claim for claim in CLAIMS if claim.kind == "tight"]


def both(claim: Claim, setting: dict) -> tuple[float, dict[str, float]]:
    """What is promised, and what every engine measures."""
    claim.check(setting)
    return claim.promised(**setting), {name: engine(**setting) for name, engine in claim.engines.items()}


def sandwiched(claim: Claim, setting: dict) -> None:
    """Instances <= class <= promised, and equal where tight."""
    promised, measured = both(claim, setting)
    assert measured["simulation"] <= measured["pep"] * (1 + 1e-6) + 1e-12, setting
    assert claim.holds(promised, measured["pep"]), (setting, promised, measured)
    if claim.kind == "tight":
        assert measured["simulation"] == pytest.approx(promised, rel=1e-9), setting
        assert measured["pep"] == pytest.approx(promised, rel=1e-6), setting


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
@given(data=st.data())
def test_sandwich(claim: Claim, data: st.DataObject) -> None:
    sandwiched(claim, data.draw(claim.setting))


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_sandwich_at_the_extremes(claim: Claim) -> None:
    for setting in claim.extremes:
        sandwiched(claim, dict(setting))


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.name)
def test_mutants_are_refuted_by_every_engine_that_sees_them(claim: Claim) -> None:
    for mutant in claim.mutants:
        for name in mutant.seen_by:
            seen = (claim.holds(mutant.promised(**s), claim.engines[name](**s)) for s in claim.extremes)
            assert not all(seen), (mutant.says, name)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("gd-convex-gap", {"gamma": 1.01}),
        ("gd-distance", {"gamma": 2.0}),
        ("gd-distance", {"mu": 0.0}),
        ("gd-strongly-convex-gap", {"mu": 1.0}),
        ("gd-nonconvex", {"gamma": 1.5}),
        ("gd-nonconvex-exact", {"gamma": 0.0}),
        ("sgd-constant-step", {"gamma": 1.5}),
    ],
)
def test_outside_the_conditions(name: str, change: dict) -> None:
    claim = lookup(name)
    with pytest.raises(SpecError, match=f"Claim '{name}' needs "):
        claim.check({**claim.extremes[0], **change})


def test_the_published_nonconvex_bound_is_loose_and_how() -> None:
    """At gamma = 1/L, 2 Delta / (gamma t) is (3t - 1)/(2t) times the exact value: up to 1.5."""
    for setting in lookup("gd-nonconvex-exact").extremes:
        t = setting["t"]
        ratio = gradient_descent.gradient(**setting) / gradient_descent.gradient_exact(**setting)
        assert ratio == pytest.approx((3 * t - 1) / (2 * t))


def test_random_federations_alone_would_not_see_a_small_error() -> None:
    """Why extremes are tried: a hundred random federations stay under half of the bound for convex f."""
    claim = lookup("gd-convex-gap")
    setting = {"L": 1.0, "gamma": 1.0, "R": 1.0, "t": 5, "N": 2, "seed": 0}
    found = []
    for seed in range(100):
        bowl = drawn(1.0, 0.0, 2, seed)
        x = gradient_descent.descended(Quadratic(), bowl.federation, bowl.start, 1.0, 5)
        found.append(gradient_descent.gap_of(bowl, x))
    assert 0 < max(found) < 0.5 * claim.promised(**setting)


# ---- the instances are what they are said to be


@given(seed=st.integers(0, 10**6), N=st.sampled_from([1, 2, 5]))
def test_random_quadratics_are_in_their_class(seed: int, N: int) -> None:
    bowl = drawn(2.0, 0.3, N, seed, R=1.5, zeta=0.7)
    problem = Quadratic()
    gradients = np.stack([problem.gradient(data, bowl.best) for data in bowl.federation])
    curvatures = np.concatenate([np.linalg.eigvalsh(data.A) for data in bowl.federation])
    assert curvatures.min() >= 0.3 * (1 - 1e-12)
    assert curvatures.max() <= 2.0 * (1 + 1e-12)
    np.testing.assert_allclose(gradients.mean(axis=0), 0, atol=1e-12)
    assert np.mean(np.sum(gradients**2, axis=1)) == pytest.approx(0.49 if N > 1 else 0.0, abs=1e-12)
    assert np.linalg.norm(bowl.start - bowl.best) == pytest.approx(1.5)


@given(seed=st.integers(0, 10**6), N=st.sampled_from([1, 2, 5]))
def test_curves_are_in_their_class(seed: int, N: int) -> None:
    """Derivatives against differences, smoothness on a grid, the infimum against a fine grid."""
    problem, federation = random_curves(2.0, 3.0, N, seed)
    knots = federation[0].knots
    x = np.linspace(knots[0] - 5, knots[-1] + 5, 20001)[:, None]
    values = np.stack([problem.value(data, x) for data in federation])
    slopes = np.stack([problem.gradient(data, x)[:, 0] for data in federation])
    h = float(x[1, 0] - x[0, 0])
    assert np.abs(np.diff(slopes)).max() <= 2.0 * h * (1 + 1e-9)
    trapezoid = 0.5 * h * (slopes[:, 1:] + slopes[:, :-1])  # exact between knots
    np.testing.assert_allclose(np.diff(values), trapezoid, atol=2.0 * h * h)
    start, least = problem.start(federation), lowest(problem, federation)
    assert least <= values.mean(axis=0).min() + 1e-12
    assert problem.objective(federation, start) - least == pytest.approx(3.0)


@pytest.mark.parametrize(("L", "gamma", "t", "Delta"), [(1.0, 1.0, 4, 1.0), (2.0, 0.1, 3, 3.0), (4.0, 0.25, 1, 0.1)])
def test_the_zigzag_has_its_height(L: float, gamma: float, t: int, Delta: float) -> None:
    problem, federation = zigzag(L, gamma, t, Delta, 2)
    height = problem.objective(federation, problem.start(federation)) - lowest(problem, federation)
    assert height == pytest.approx(Delta, rel=1e-12)
    data: Curve = federation[0]
    assert np.all(np.abs(np.diff(data.slopes)) <= L * np.diff(data.knots) * (1 + 1e-12))


@given(seed=st.integers(0, 10**6), N=st.sampled_from([1, 2, 5]))
def test_the_solution_of_the_random_lasso_is_a_fixed_point(seed: int, N: int) -> None:
    problem, federation, best = prox_gradient.lasso(2.0, N, seed)
    x = solve(problem, federation, MM(), best, rounds=1, metrics=(), progress=False).theta
    np.testing.assert_allclose(x, best, atol=1e-9 * (1 + np.abs(federation[0].y).max()))
    smoothness = max(np.linalg.eigvalsh(data.X.T @ data.X / len(data.y))[-1] for data in federation)
    assert smoothness == pytest.approx(2.0)


# ---- the moments of noisy gradient descent are those of the library


def test_moments_without_noise_are_the_run() -> None:
    bowl = drawn(1.0, 0.1, 3, 5)
    m, C = stochastic_approximation.moments(bowl, 0.7, 0.0, 6)
    x = solve(Quadratic(), bowl.federation, FedSGD(step=0.7), bowl.start, rounds=6, metrics=(), progress=False).theta
    np.testing.assert_allclose(m, x - bowl.best, atol=1e-12)
    assert np.all(C == 0)


def test_moments_against_those_of_the_surrogate_method() -> None:
    """The gradient surrogate with rho and step gamma' is a gradient step of gamma' rho, its noise sigma is rho times it."""
    bowl, rho, gamma, s2, N = drawn(1.0, 0.1, 3, 5), 0.5, 0.4, 2.0, 3
    m, C = stochastic_approximation.moments(bowl, gamma, s2, 6)
    problem = Quadratic(rho=rho)
    other = ExactFedMM(problem, bowl.federation, 0.0, [1.0] * N, sigma=rho * (s2 * N) ** 0.5)
    *_, last = other.moments(bowl.start, np.zeros((N, 3)), [gamma / rho] * 6)
    second = last[:3, :3] - np.outer(last[:3, -1], bowl.best) - np.outer(bowl.best, last[:3, -1]) + np.outer(bowl.best, bowl.best)
    np.testing.assert_allclose(second, np.outer(m, m) + C, atol=1e-12)


def test_moments_against_three_hundred_runs_of_the_library() -> None:
    """x_t is Gaussian, so the whitened errors are chi-squared: outside the interval with probability 1e-9."""
    bowl, rho, gamma, s2, N, runs = drawn(1.0, 0.1, 3, 5), 1.0, 0.4, 2.0, 3, 300
    problem = Quadratic(rho=rho, noise=rho * (s2 * N) ** 0.5)
    m, C = stochastic_approximation.moments(bowl, gamma, s2, 4)
    method = FedSGD(step=gamma, batch=1)
    whitened = 0.0
    for seed in range(runs):
        run = solve(problem, bowl.federation, method, bowl.start, rounds=4, seed=seed, metrics=(), progress=False)
        error = run.theta - bowl.best - m
        whitened += float(error @ np.linalg.solve(C, error))
    low, high = chi2.ppf([5e-10, 1 - 5e-10], 3 * runs)
    assert low < whitened < high
    assert not low < 1.5 * whitened < high  # what a noise of 3/2 the variance would show
