"""EF21 and EF14: published, exact and searched rates; the reduction; runs below the worst case; what has no rate."""

from __future__ import annotations

import numpy as np
import pytest

from theory_checks.pep import SymPEP, WorstCaseError
from theory_checks.pep.batch import Batch
from theory_checks.pep.programs.ef14 import ef14_step
from theory_checks.pep.programs.ef21 import ef21_factor, ef21_step, published

SIX = 1e-6
"""One unit of the last digit of values printed with six digits."""
FIVE = 1e-5
"""The same for five digits."""
WIDTH = 2**-16
"""Printed rates are upper ends of intervals of this length."""


def factor(delta: float, mu: float, *, longer: float = 1.0, heavier: float = 1.0, classes: int = 0) -> float:
    """The exact factor of the published Psi, at multiples of the published step and weight."""
    gamma, c, _ = published(delta, mu)
    pep = SymPEP(L=[1.0] * classes, mu=[mu] * classes, N=[1] * classes) if classes else SymPEP(L=1.0, mu=mu, N=2)
    return pep.maximize(ef21_factor(pep, gamma=longer * gamma, delta=delta, c=longer * heavier * c)).dual_value


def rate(program, delta: float, gamma: float, mu: float = 0.1, shared_optimum: bool = False) -> float:
    pep = SymPEP(L=1.0, mu=mu, N=2, shared_optimum=shared_optimum)
    return pep.lyapunov(*program(pep, gamma=gamma, delta=delta)).rate


@pytest.mark.parametrize(
    ("delta", "mu", "exact", "promised"),
    [
        (0.1, 0.01, 0.999357, 0.999632),
        (0.5, 0.1, 0.961396, 0.977346),
        (0.9, 0.1, 0.905493, 0.939542),
        (0.3, 0.05, 0.989474, 0.993935),
    ],
)
def test_one_step_of_ef21(delta: float, mu: float, exact: float, promised: float) -> None:
    assert published(delta, mu)[2] == pytest.approx(promised, abs=SIX)
    assert factor(delta, mu) == pytest.approx(exact, abs=SIX)


def test_ef21_tuned() -> None:
    assert factor(0.5, 0.1, heavier=2.0) == pytest.approx(0.959477, abs=SIX)
    assert factor(0.9, 0.1, longer=1.5, heavier=2.0) == pytest.approx(0.845313, abs=SIX)


@pytest.mark.parametrize("n", [2, 3])
def test_the_reduction_loses_nothing(n: int) -> None:
    """n classes of one client each are the problem before its reduction by symmetry; the larger one is solved to 1e-6."""
    assert factor(0.5, 0.1, classes=n) == pytest.approx(factor(0.5, 0.1), rel=1e-6)


@pytest.mark.parametrize(("delta", "rates"), [(0.5, (0.95563, 0.99336)), (0.9, (0.88445, 0.83063))])
def test_searched_rates_of_ef21(delta: float, rates: tuple[float, float]) -> None:
    """At the published step and at 1.5 times it; no certificate at 2 and 3 times."""
    gamma, _, promised = published(delta, 0.1)
    for multiple, expected in zip((1.0, 1.5), rates, strict=True):
        assert expected - WIDTH - FIVE <= rate(ef21_step, delta, multiple * gamma) <= expected + FIVE
    assert rates[0] < promised
    for multiple in (2.0, 3.0):
        with pytest.raises(WorstCaseError, match="No Lyapunov function"):
            rate(ef21_step, delta, multiple * gamma)


@pytest.mark.parametrize(
    ("delta", "gamma", "expected"), [(0.5, 0.05, 0.99005), (0.5, 0.2, 0.96074), (0.9, 0.3, 0.94133), (0.9, 0.6, 0.88528)]
)
def test_ef14_equals_ef21_where_optima_are_shared(delta: float, gamma: float, expected: float) -> None:
    """EF14 with grad f_i(x*) = 0, and EF21 with or without: the same rate; EF14 with heterogeneity has none."""
    found = rate(ef14_step, delta, gamma, shared_optimum=True)
    assert expected - WIDTH - FIVE <= found <= expected + FIVE
    assert rate(ef21_step, delta, gamma, shared_optimum=True) == pytest.approx(found, abs=1e-6)
    assert rate(ef21_step, delta, gamma) == pytest.approx(found, abs=1e-6)
    with pytest.raises(WorstCaseError, match="No Lyapunov function") as caught:
        rate(ef14_step, delta, gamma)
    assert caught.value.status == "unbounded"


@pytest.mark.parametrize(("delta", "gamma"), [(0.5, 0.2), (0.9, 0.6)])
@pytest.mark.parametrize(("program", "shared"), [(ef14_step, True), (ef21_step, False)], ids=["EF14", "EF21"])
def test_one_text_two_interpreters(program, shared: bool, delta: float, gamma: float) -> None:
    """Quadratic federations stay below the searched rate, and come within 3e-5 of it."""
    pep = SymPEP(L=1.0, mu=0.1, N=2, shared_optimum=shared)
    found = pep.lyapunov(*program(pep, gamma=gamma, delta=delta))
    batch = Batch(L=1.0, mu=0.1, N=2, shared_optimum=shared)
    step = program(batch, gamma=gamma, delta=delta)
    low = batch.worst_factor(step.now, step.after, found.p.tolist())
    assert found.rate * (1 - 3e-5) <= low <= found.rate * (1 + 1e-7)


@pytest.mark.parametrize("seed", range(20))
def test_runs_of_ef21_stay_below(seed: int) -> None:
    """Top-1 of 3 coordinates (delta = 1/3) on random quadratics: Psi falls by the exact factor at least, and by the searched
    one in its own Lyapunov function."""
    rng = np.random.default_rng(seed)
    delta, mu, n, d = 1 / 3, 0.1, 3, 3
    gamma, c, _ = published(delta, mu)
    exact = factor(delta, mu)
    pep = SymPEP(L=1.0, mu=mu, N=n)
    found = pep.lyapunov(*ef21_step(pep, gamma=gamma, delta=delta))
    A = np.stack([random_curvature(rng, d, mu) for _ in range(n)])
    b = rng.standard_normal((n, d))
    b -= b.mean(axis=0)  # x* = 0
    x, s = 3 * rng.standard_normal(d), 3 * rng.standard_normal((n, d))

    def terms(x: np.ndarray, s: np.ndarray) -> tuple[float, float]:
        g = A @ x + b
        gap = 0.5 * x @ A.mean(axis=0) @ x
        means = [x, s.mean(axis=0), g.mean(axis=0)]
        devs = [v - v.mean(axis=0) for v in (s - g, g - b)]
        V = [gap] + [u @ w for j, u in enumerate(means) for w in means[: j + 1]]
        V += [float((u * w).sum(axis=1).mean()) for j, u in enumerate(devs) for w in devs[: j + 1]]
        return float(gap + c * ((s - g) ** 2).sum(axis=1).mean()), float(np.dot(found.p, V))

    psi, V = terms(x, s)
    for _ in range(10):
        x = x - gamma * s.mean(axis=0)
        u = A @ x + b - s
        top = np.abs(u) == np.abs(u).max(axis=1, keepdims=True)
        s = s + u * top
        psi_next, V_next = terms(x, s)
        assert psi_next <= exact * psi * (1 + 1e-9)
        assert V_next <= found.rate * V * (1 + 1e-6)
        psi, V = psi_next, V_next


def random_curvature(rng: np.random.Generator, d: int, mu: float) -> np.ndarray:
    """A symmetric matrix with eigenvalues in [mu, 1], both ends often taken."""
    Q, _ = np.linalg.qr(rng.standard_normal((d, d)))
    return Q @ np.diag(rng.choice([mu, 1.0, rng.uniform(mu, 1.0)], d)) @ Q.T
