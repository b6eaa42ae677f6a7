"""DIANA's worst cases against published factors, reference values and the unreduced problem."""

from __future__ import annotations

from fractions import Fraction

import pytest

from theory_checks.pep import SymPEP, WorstCaseError
from theory_checks.pep.batch import Batch
from theory_checks.pep.programs.diana import diana_factor, diana_psi, diana_step
from theory_checks.pep.radius import fedmm_lower


def published(N: int, omega: float) -> tuple[float, float]:
    """(gamma, alpha)."""
    return 1 / (1 + 6 * omega / N), 1 / (1 + omega)


def factor(N: int | tuple[int, ...], omega: float, mu: float, gamma: float | None = None, c: float = 4.0) -> float:
    """The exact one-step factor of Psi, at the published alpha (and gamma, if None)."""
    same = (lambda x: x) if isinstance(N, int) else (lambda x: (x,) * len(N))
    world = SymPEP(L=same(1.0), mu=same(mu), N=N)
    step, alpha = published(world.N, omega)
    text = diana_factor(world, gamma=step if gamma is None else gamma, alpha=alpha, omega=omega, c=c)
    return world.maximize(text).dual_value


def rate(N: int, omega: float, mu: float, multiple: float = 1.0) -> float:
    """The best rate of a quadratic Lyapunov function, at a multiple of the published step."""
    world = SymPEP(L=1.0, mu=mu, N=N)
    gamma, alpha = published(N, omega)
    return world.lyapunov(*diana_step(world, gamma=multiple * gamma, alpha=alpha, omega=omega)).rate


ONE_STEP = [
    (2, 1, 0.1, 0.952307),
    (10, 3, 0.1, 0.931960),
    (10, 9, 0.01, 0.996889),
    (100, 9, 0.01, 0.987076),
    (1, 3, 0.1, 0.989946),
]


@pytest.mark.parametrize(("N", "omega", "mu", "value"), ONE_STEP)
def test_one_step_values(N: int, omega: float, mu: float, value: float) -> None:
    """The published step; to the printed digits, and below the published factor."""
    found = factor(N, omega, mu)
    gamma, alpha = published(N, omega)
    assert found == pytest.approx(value, abs=6e-7)
    assert found < max(1 - gamma * mu, 1 - alpha / 2)


TUNED = [
    (2, 1, 0.1, 2.12, 2, 0.903313),
    (10, 3, 0.1, 1.74, 4, 0.886349),
    (10, 9, 0.01, 2.5, 2, 0.992260),
    (100, 9, 0.01, 2.12, 2, 0.976411),
    (1, 3, 0.1, 2.5, 2, 0.976058),
]


@pytest.mark.parametrize(("N", "omega", "mu", "multiple", "c", "value"), TUNED)
def test_tuned_one_step_values(N: int, omega: float, mu: float, multiple: float, c: float, value: float) -> None:
    """The multiples are printed to three digits, hence the tolerance."""
    gamma, _ = published(N, omega)
    assert factor(N, omega, mu, multiple * gamma, c) == pytest.approx(value, abs=3e-4)


SEARCHED = [
    ((2, 1, 0.1), (0.950638, 0.926422, 0.902542, 0.892212, None)),
    ((10, 3, 0.1), (0.929871, 0.895905, 0.863052, 0.894974, 0.977951)),
    ((100, 9, 0.01), (0.987061, 0.980621, 0.974197, 0.979828, None)),
]


@pytest.mark.parametrize(("setting", "values"), SEARCHED)
def test_searched_rates(setting: tuple[int, float, float], values: tuple[float | None, ...]) -> None:
    """At 1, 1.5, 2, 2.5 and 3 times the published step, to a step of the bisection (2^-16); none where there is none."""
    N, omega, mu = setting
    gamma, alpha = published(N, omega)
    for multiple, value in zip((1.0, 1.5, 2.0, 2.5, 3.0), values, strict=True):
        if value is None:
            with pytest.raises(WorstCaseError, match="rate of 1"):
                rate(N, omega, mu, multiple)
        else:
            found = rate(N, omega, mu, multiple)
            assert found == pytest.approx(value, abs=2e-5)
            assert fedmm_lower(1.0, mu, multiple * gamma, alpha, N, omega) <= found


@pytest.mark.parametrize(("N", "value"), [(2, 0.9523068), (3, 0.9364449)])
def test_the_unreduced_problem_has_the_same_value(N: int, value: float) -> None:
    """Classes of one client each are the problem with all clients written out."""
    assert factor(N, 1.0, 0.1) == pytest.approx(value, abs=6e-8)
    assert factor((1,) * N, 1.0, 0.1) == pytest.approx(value, abs=1e-6)


def test_without_compression_it_is_gradient_descent() -> None:
    for gamma in (0.3, 1.0, 1.7):
        assert factor(5, 0.0, 0.1, gamma) == pytest.approx(max((1 - 0.1 * gamma) ** 2, (1 - gamma) ** 2), abs=1e-7)


def test_instances_are_below_the_worst_case() -> None:
    """One text, two worlds: a batch of federations never exceeds the worst case, for Psi and for the searched function."""
    for mu, N in ((0.05, 2), (0.4, 3)):
        pep, batch = SymPEP(1.0, mu, N), Batch(1.0, mu, N)
        worst = pep.maximize(diana_factor(pep, gamma=0.3, alpha=0.4, omega=2.0, c=4.0)).dual_value
        before, after = diana_psi(batch, gamma=0.3, alpha=0.4, omega=2.0, c=4.0)
        observed = batch.worst_ratio(after, before)
        assert 0.95 * worst <= observed <= worst * (1 + 1e-6)
        pep = SymPEP(1.0, mu, N)
        found, step = (
            pep.lyapunov(*diana_step(pep, gamma=0.3, alpha=0.4, omega=2.0)),
            diana_step(batch, gamma=0.3, alpha=0.4, omega=2.0),
        )
        assert batch.worst_factor(step.now, step.after, found.p.tolist()) <= found.rate + 1e-5


@pytest.mark.parametrize("L", [1e-6, 1e-3, 4.0, 1e3, 1e6])
def test_rescaling_changes_nothing(L: float) -> None:
    """f -> L f: mu times L, gamma over L; solvers must not lose the answer in their absolute accuracy."""

    def numbers(L: float) -> tuple[float, float]:
        one, two = SymPEP(L, 0.1 * L, 3), SymPEP(L, 0.1 * L, 3)
        exact = one.maximize(diana_factor(one, gamma=0.4 / L, alpha=0.4, omega=2.0, c=3.0)).dual_value
        return exact, two.lyapunov(*diana_step(two, gamma=0.4 / L, alpha=0.4, omega=2.0)).rate

    assert numbers(L) == (pytest.approx(numbers(1.0)[0], abs=1e-6), pytest.approx(numbers(1.0)[1], abs=2e-5))


def test_exact_coefficients() -> None:
    """The text takes fractions, for certificates."""
    world = SymPEP(L=1, mu=Fraction(1, 10), N=2, exact=True)
    text = diana_factor(world, gamma=Fraction(1, 4), alpha=Fraction(1, 2), omega=Fraction(1), c=4)
    assert world.maximize(text).dual_value == pytest.approx(0.9523068, abs=6e-8)
