"""P6, P7 and P8: what FedMM is in special cases, why surrogates are what to aggregate, and what control variates do."""

from __future__ import annotations

import numpy as np
import pytest

from fedmm import MM, Bernoulli, Federation, FedMM, Identity, Naive, RandK, Samples, StochasticMM, solve
from fedmm.keys import Key
from fedmm.types import Batch
from problems import Dictionary, LeastSquares, Logistic, Quadratic
from theory_checks.beds import bed, bed_problem, samples
from theory_checks.expectation import ExactFedMM


def thetas(problem, federation, algorithm, rounds, theta0=None, **options) -> np.ndarray:
    """The iterates of a run, round 0 included."""
    seen: list[np.ndarray] = []

    def look(snapshot, row) -> None:
        seen.append(np.array(snapshot.theta))

    solve(problem, federation, algorithm, theta0, rounds=rounds, callbacks=(look,), metrics=(), progress=False, **options)
    return np.stack(seen)


PROBLEMS = {
    "quadratic": (Quadratic(ridge=0.1), bed(4, 3)),
    "logistic": (Logistic(ridge=0.05), samples(0, labels=True)),
    "jaakkola-jordan": (Logistic(ridge=0.05, surrogate="jaakkola-jordan"), samples(0, labels=True)),
    "least-squares-l1": (LeastSquares(l1=0.3), samples(1)),
    "dictionary": (Dictionary(components=2, iterations=50), samples(2)),
}


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("batch", [None, 3])
def test_p6_everyone_and_exact_uploads_make_fedmm_stochastic_mm(name: str, batch: int | None) -> None:
    """The control variates cancel, whatever the heterogeneity: both are s + gamma (mean S_i - s), to rounding."""
    problem, federation = PROBLEMS[name]
    theta0 = problem.start(federation) + 0.3
    fedmm = thetas(problem, federation, FedMM(step=0.6, start="lift", batch=batch), 12, theta0)
    central = thetas(problem, federation, StochasticMM(step=0.6, batch=batch), 12, theta0)
    assert np.abs(np.diff(central, axis=0)).max() > 1e-3
    assert np.abs(fedmm - central).max() <= 1e-11 * (1 + np.abs(central).max())


@pytest.mark.parametrize("name", PROBLEMS)
def test_p6_full_step_and_no_noise_make_fedmm_mm(name: str) -> None:
    problem, federation = PROBLEMS[name]
    theta0 = problem.start(federation) + 0.3
    fedmm = thetas(problem, federation, FedMM(step=1.0, start="lift"), 8, theta0)
    mm = thetas(problem, federation, MM(), 8, theta0)
    assert np.abs(fedmm - mm).max() <= 1e-11 * (1 + np.abs(mm).max())


@pytest.mark.parametrize("participation", [None, Bernoulli(0.5)])
@pytest.mark.parametrize("channel", [Identity(), RandK(2)], ids=str)
def test_p6_gradient_surrogate_without_penalty_is_compressed_sgd_with_memories(channel, participation) -> None:
    """A plain loop: g = sum w_i (H_i + m_i / p_i), theta -= gamma rho g, H_i += (a/p_i) m_i; there theta = s, V_i = -rho H_i."""
    federation, gamma, seed, rounds, d = bed(4, 5), 0.3, 3, 15, 5
    rho = 1.0 / max(np.linalg.norm(data.A, 2) for data in federation)
    theta0 = np.ones(d)
    p = 0.5 if participation else 1.0
    omega = channel.facts(d).omega
    a = p / (1.0 + omega)
    theta, H, want = theta0.copy(), np.zeros((4, d)), [theta0.copy()]
    got = thetas(
        Quadratic(rho=rho),
        federation,
        FedMM(step=gamma, start="lift"),
        rounds,
        theta0,
        seed=seed,
        channel=channel,
        participation=participation,
    )
    for t in range(1, rounds + 1):
        key = Key(seed, t).fold("cohort")
        present = np.arange(4) if participation is None else np.flatnonzero(key.generator().random(4) < p)
        g = np.asarray(federation.weights) @ H
        for i in present:
            data = federation[int(i)]
            difference = data.A @ theta - data.b - H[i]
            m = channel.decode(channel.encode(difference, Key(seed, t, int(i)).fold("channel")))
            g = g + federation.weights[i] * m / p
            H[i] += a / p * m
        theta = theta - gamma * rho * g
        want.append(theta)
    assert np.abs(got - np.stack(want)).max() <= 1e-12 * (1 + np.abs(got).max())


def test_p6_single_client_batches_are_stochastic_mm() -> None:
    federation = samples(0, n=1, labels=True)
    problem = Logistic(ridge=0.1)
    fedmm = thetas(problem, federation, FedMM(step=0.5, start="lift", batch=2), 10)
    rho = problem.settle(federation, problem.oracles).rho
    theta = np.zeros(3)
    for t in range(1, 11):  # T is the identity, so s + gamma (S - s) = theta - gamma rho gradient
        theta = theta - 0.5 * rho * problem.gradient(federation[0], theta, Batch(2, Key(0, t, 0)))
        assert np.abs(fedmm[t] - theta).max() <= 1e-12


def heterogeneous() -> Federation:
    """The quadratics of the bed as least squares: X'X/d = A_i and X'y/d = b_i, up to a constant in f_i."""
    clients = []
    for A, b in bed(8, 10):
        X = np.sqrt(10.0) * np.linalg.cholesky(A).T
        clients.append(Samples(X, 10.0 * np.linalg.solve(X.T, b)))
    return Federation(clients, bed(8, 10).weights)


def test_p7_affine_T_makes_both_aggregations_agree() -> None:
    """Ridge in g: T(s) = c s. The naive limit is the optimum, to 1e-12 of its size."""
    federation = bed(8, 10)
    problem = Quadratic(ridge=0.1)
    star = problem.solution(federation)
    mm = solve(problem, federation, FedMM(step=1.0), rounds=3000, metrics=(), progress=False).theta
    naive = solve(problem, federation, Naive(step=1.0), rounds=3000, metrics=(), progress=False).theta
    for theta in (mm, naive):
        assert np.abs(theta - star).max() <= 1e-12 * (1 + np.abs(star).max())


def test_p7_l1_makes_the_naive_limit_wrong() -> None:
    """T is soft thresholding: the naive limit has a larger objective, and nonzeros that no minimiser has."""
    federation, problem = heterogeneous(), LeastSquares(l1=1.0)
    found = {}
    for name, method in (("fedmm", FedMM(step=1.0)), ("naive", Naive(step=1.0))):
        result = solve(problem, federation, method, rounds=3000, metrics=(), progress=False)
        more = solve(problem, federation, method, rounds=200, resume=result, metrics=(), progress=False)
        assert np.abs(more.theta - result.theta).max() <= 1e-12 * (1 + np.abs(result.theta).max())  # a fixed point
        found[name] = (problem.objective(federation, result.theta), result.theta)
    assert found["naive"][0] > found["fedmm"][0] + 0.1
    assert np.count_nonzero(found["naive"][1]) > np.count_nonzero(found["fedmm"][1])


def test_p7_homogeneous_clients_make_both_agree_even_with_l1() -> None:
    one = heterogeneous()[0]
    federation, problem = Federation([one] * 4), LeastSquares(l1=1.0)
    fedmm = thetas(problem, federation, FedMM(step=1.0), 50)
    naive = thetas(problem, federation, Naive(step=1.0), 50)
    # FedMM's opening is a step of MM: it is one round ahead
    assert np.abs(fedmm[:-1] - naive[1:]).max() <= 1e-11 * (1 + np.abs(fedmm).max())


def test_p7_the_dictionary_map_is_not_affine_even_with_a_ridge() -> None:
    federation = samples(2)
    problem = Dictionary(components=2, iterations=50)
    rng = np.random.default_rng(0)
    s, t = (problem.statistic(data, rng.standard_normal(6))[0] for data in (federation[0], federation[1]))
    middle = problem.minimize(0.5 * (s + t))
    average = 0.5 * (problem.minimize(s) + problem.minimize(t))
    assert np.linalg.norm(middle - average) > 0.05 * np.linalg.norm(middle)


def field2_after(rounds: int, a: float | None) -> float:
    """The exact E|h|^2 of FedMM on the bed with p = 1/2 and rand-3 of 10, sigma = 0; a = None keeps control variates."""
    federation, p, channel = bed(8, 10), 0.5, RandK(3)
    problem = bed_problem().settle(federation, bed_problem().oracles)
    theory = p / (1 + (channel.facts(10).omega or 0.0))
    simulator = ExactFedMM(problem, federation, theory if a is None else a, (p,) * 8, channel)
    *_, m = simulator.moments(np.zeros(10), np.zeros((8, 10)), [0.2] * rounds)
    return simulator.field2(m)


def test_p8_control_variates_remove_the_plateau() -> None:
    """Without them E|h|^2 is stationary well above zero, in exact expectation; with them it has gone down by orders."""
    plateau = [field2_after(rounds, 0.0) for rounds in (300, 600)]
    assert plateau[0] == pytest.approx(plateau[1], rel=1e-3)
    assert plateau[1] > 1e-2
    assert field2_after(600, None) < 1e-6 * plateau[1]


def test_p8_the_field_goes_to_zero_along_a_run() -> None:
    federation = bed(8, 10)
    last = {}
    for control_variates in (True, False):
        method = FedMM(step=0.2, control_variates=control_variates)
        result = solve(
            bed_problem(),
            federation,
            method,
            rounds=1500,
            participation=Bernoulli(0.5),
            channel=RandK(3),
            metrics=(),
            progress=False,
        )
        problem = result.problem
        s = result.server.s
        pairs = zip(federation.weights, federation, strict=True)
        h = sum(w * problem.statistic(data, problem.minimize(s))[0] for w, data in pairs) - s
        last[control_variates] = float(h @ h)
    assert last[True] < 1e-20
    assert last[False] > 1e-4
