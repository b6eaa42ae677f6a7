"""The certified step of FedMM: from facts, refused without them, and kept by the library's own runs."""

from __future__ import annotations

import numpy as np
import pytest

from fedmm import (
    Bernoulli,
    CompositionError,
    FedAvg,
    FedMM,
    FedPM,
    FedSGD,
    FixedSize,
    Full,
    Identity,
    Naive,
    RandK,
    TopK,
    compose,
)
from fedmm.explain import explain
from fedmm.federation import Federation, Samples
from problems import LeastSquares, Logistic, Quadratic
from problems.data import federation
from problems.quadratic import Quad
from theory_checks import certified, certified_step
from theory_checks.beds import bed
from theory_checks.client_class import client_class
from theory_checks.expectation import ExactFedMM
from theory_checks.pep.rates import searched_rate
from theory_checks.quadratic_clients import alike

RIDGE = LeastSquares(ridge=0.1)


@pytest.fixture(scope="module")
def clients() -> Federation:
    rng = np.random.default_rng(0)
    data = [Samples(rng.standard_normal((12, 4)), rng.standard_normal(12)) for _ in range(6)]
    return Federation(data)


def test_the_class_is_the_clients(clients: Federation) -> None:
    """L and mu by NumPy, for equal and for unequal weights."""
    curves = [np.linalg.eigvalsh(c.X.T @ c.X / 12 + 0.1 * np.eye(4)) for c in clients]
    found = client_class(compose(RIDGE, clients, FedMM()))
    assert pytest.approx(max(c[-1] for c in curves), rel=1e-12) == found.L
    assert found.mu == pytest.approx(min(c[0] for c in curves), rel=1e-12)
    weights = np.arange(1.0, 7.0) / 21
    unequal = Federation(list(clients), weights.tolist(), normalize=True)
    found = client_class(compose(RIDGE, unequal, FedMM()))
    assert pytest.approx(max(6 * w * c[-1] for w, c in zip(weights, curves, strict=True)), rel=1e-12) == found.L
    assert found.mu == pytest.approx(min(6 * w * c[0] for w, c in zip(weights, curves, strict=True)), rel=1e-12)


def test_clients_that_are_all_alike_have_worst_cases() -> None:
    """mu = .99 L: nearer to L the inequalities are too ill-conditioned for the solver."""
    found = client_class(compose(Quadratic(), alike(2.0, 5, 1.0), FedAvg()))
    assert (found.L, found.mu) == (2.0, 1.98)
    method = FedAvg(local_steps=4, step=0.25)
    assert f"{0.505**4:.6f} |theta" in explain(compose(Quadratic(), alike(2.0, 5, 1.0), method)).text


def test_the_step_is_the_engines(clients: Federation) -> None:
    """The rate is what the Lyapunov search certifies at gamma rho and a; it beats the textbook's, and the bound is below it."""
    composition = compose(RIDGE, clients, FedMM(), channel=RandK(2), participation=Bernoulli(0.5))
    found = certified_step(composition)
    assert (found.omega, found.p, found.N) == (1.0, 0.5, 6)
    rho = composition.problem.rho
    again = searched_rate(found.L, found.mu, 6, 1.0, 0.5, found.gamma * rho, found.a)
    assert again == pytest.approx(found.rate, abs=1e-5)
    assert found.lower_bound is not None
    assert found.lower_bound <= found.rate + 1e-6
    assert found.rate < found.textbook_rate
    assert found.fewer_rounds > 3
    method = certified(FedMM(memories="exact"), RIDGE, clients, channel=RandK(2), participation=Bernoulli(0.5))
    assert method == FedMM(step=found.gamma, a=found.a, memories="exact")


@pytest.mark.parametrize("seed", range(4))
def test_exact_second_moments_keep_the_rate(seed: int) -> None:
    """E|s_t - s*|^2 of the method on quadratics falls at least as fast: the spectral radius of its second moments."""
    data = bed(3, 2, seed)
    equal = Federation([Quad(c.A, c.b) for c in data])
    problem, parts = Quadratic(), {"channel": RandK(1), "participation": Bernoulli(0.5)}
    found = certified_step(compose(problem, equal, FedMM(), **parts))
    settled = problem.settle(equal, problem.oracles)
    exact = ExactFedMM(settled, equal, found.a, (0.5,) * 3, RandK(1))
    optimum = settled.lift(settled.solution(equal))
    size = 2 + 3 * 2 + 1
    start = np.eye(size)[-1:].T @ np.eye(size)[-1:]  # at the optimum, with memories there, nothing moves
    start[:2, -1] = start[-1, :2] = optimum
    start[:2, :2] = np.outer(optimum, optimum)
    V = exact.exact_memories(optimum).ravel()
    state = np.concatenate([optimum, V, [1.0]])
    fixed = np.outer(state, state)
    np.testing.assert_allclose(exact.after(fixed, found.gamma), fixed, atol=1e-9)
    rng = np.random.default_rng(seed)
    other = state + np.concatenate([rng.standard_normal(size - 1), [0.0]])
    error = np.outer(other - state, other - state)  # the recursion of the error is linear: differences of moments decay alike
    early = late = 0.0
    m = error
    for t in range(400):
        m = exact.after(m, found.gamma)
        early, late = (float(np.trace(m)), late) if t == 199 else (early, float(np.trace(m)))
    assert late <= early * found.rate**200 * 1.05


def test_a_fixed_subset_is_at_least_as_good(clients: Federation) -> None:
    bernoulli = certified_step(compose(RIDGE, clients, FedMM(), channel=RandK(2), participation=Bernoulli(0.5)))
    subset = certified_step(compose(RIDGE, clients, FedMM(), channel=RandK(2), participation=FixedSize(3)))
    assert subset.rate <= bernoulli.rate + 1e-5


def test_a_regulariser_is_in_the_class(clients: Federation) -> None:
    found = certified_step(compose(LeastSquares(ridge=0.1, l1=0.05), clients, FedMM(), channel=RandK(2)))
    assert found.lower_bound is None
    assert found.rate < found.textbook_rate


def test_without_noise_it_is_gradient_descent(clients: Federation) -> None:
    found = certified_step(compose(RIDGE, clients, FedMM()))
    assert found.rate == pytest.approx(((found.L - found.mu) / (found.L + found.mu)) ** 2, abs=2e-3)


REFUSED = {
    "mini-batches": (FedMM(batch=2), RIDGE, {}),
    "control variates": (FedMM(control_variates=False), RIDGE, {}),
    "unbiased": (FedMM(), RIDGE, {"channel": TopK(2)}),
    "mu = 0": (FedMM(), Logistic(surrogate="gradient"), {}),
    "gradient surrogate": (FedMM(), Logistic(ridge=0.1, surrogate="boehning"), {}),
    "Expected FedMM": (FedSGD(), RIDGE, {}),
}


@pytest.mark.parametrize("words", REFUSED)
def test_a_missing_fact_is_named(words: str, clients: Federation) -> None:
    method, problem, parts = REFUSED[words]
    data = clients
    if isinstance(problem, Logistic):
        data = Federation([Samples(c.X, np.where(c.y > 0, 1.0, -1.0)) for c in clients])
    with pytest.raises(CompositionError, match=words):
        certified(method, problem, data, **parts)


def test_unequal_probabilities_are_refused(clients: Federation) -> None:
    with pytest.raises(CompositionError, match="unequal probabilities"):
        certified(FedMM(), RIDGE, clients, participation=Bernoulli((0.1, 0.2, 0.3, 0.4, 0.5, 0.6)))


# What `fedmm explain` says.


def said(method: object, problem: object, clients: Federation, **parts: object) -> str:
    return explain(compose(problem, clients, method, **parts)).text  # type: ignore[arg-type]


def test_explain_shows_textbook_certified_and_lower_bound(clients: Federation) -> None:
    text = said(FedMM(), RIDGE, clients, channel=RandK(2), participation=Bernoulli(0.5))
    found = certified_step(compose(RIDGE, clients, FedMM(), channel=RandK(2), participation=Bernoulli(0.5)))
    for number in (found.textbook_rate, found.rate, found.lower_bound):
        assert f"{number:.6f}" in text
    assert "numerically exact, not proved" in text


def test_explain_shows_the_exact_factor_of_fedsgd(clients: Federation) -> None:
    found = client_class(compose(RIDGE, clients, FedSGD()))
    step = 1 / found.L
    assert f"{(1 - step * found.mu) ** 2:.5f}" in said(FedSGD(step=step), RIDGE, clients)


def test_explain_shows_both_terms_of_fedavg(clients: Federation) -> None:
    """The closed forms (1 - gamma mu)^K and (1/2)[(1 - (1 - gamma mu)^K)/mu - (1 - (1 - gamma L)^K)/L]."""
    found = client_class(compose(RIDGE, clients, FedAvg()))
    step, K = 0.5 / found.L, 3
    contraction = (1 - step * found.mu) ** K
    drift = 0.5 * ((1 - contraction) / found.mu - (1 - (1 - step * found.L) ** K) / found.L)
    text = said(FedAvg(local_steps=K, step=step), RIDGE, clients)
    assert f"{contraction:.5f}" in text
    assert f"{drift:.3g}" in text


def test_explain_keeps_published_bounds_to_their_steps(clients: Federation) -> None:
    """Beyond 1/L neither textbook bound holds; beyond 2/L the distance may grow."""
    L = client_class(compose(RIDGE, clients, FedSGD())).L
    assert "|theta - theta*|^2 may grow by" in said(FedSGD(step=3 / L), RIDGE, clients)
    for method in (FedSGD(step=1.5 / L), FedAvg(local_steps=3, step=1.5 / L)):
        assert f"for steps up to 1/L = {1 / L:.4g}" in said(method, RIDGE, clients)
    assert "published 0." in said(FedSGD(step=1 / L), RIDGE, clients)


def test_explain_says_why_there_is_no_worst_case(clients: Federation) -> None:
    assert "it is written for full participation" in said(FedAvg(), RIDGE, clients, participation=Bernoulli(0.5))
    assert "at most 16 local steps" in said(FedAvg(local_steps=50), RIDGE, clients)
    assert "worst case" not in said(FedPM(), RIDGE, clients)
    assert "worst case" not in said(Naive(), RIDGE, clients, participation=Full(), channel=Identity())


def test_on_real_data() -> None:
    """Breast cancer, ten clients: the certified rate promises more than five times fewer rounds."""
    clients = federation("breast-cancer", "iid", clients=10, seed=0)
    problem = Logistic(ridge=0.1, surrogate="gradient")
    found = certified_step(compose(problem, clients, FedMM(), channel=RandK(5), participation=Bernoulli(0.5)))
    assert found.fewer_rounds > 5
