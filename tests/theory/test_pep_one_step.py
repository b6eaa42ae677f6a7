"""Exact worst cases of centralised and one-step methods: closed forms, and the values of an independent implementation.

Printed digits are compared to half a unit of the last one, plus 2e-7 for the two solvers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fedmm.errors import SpecError
from theory_checks.pep import SymPEP, WorstCaseError
from theory_checks.pep.chain import chain
from theory_checks.pep.programs.byzantine import byzantine_gd
from theory_checks.pep.programs.fedlin import fedlin
from theory_checks.pep.programs.fedprox import fedprox
from theory_checks.pep.programs.gradient_descent import gd_distance, gd_factor, gd_gap, gd_gradient
from theory_checks.pep.programs.local_gd import local_gd
from theory_checks.pep.programs.prox_gradient import prox_gradient_distance, prox_gradient_gap
from theory_checks.pep.programs.sgd import sgd

SOLVERS = 2e-7


def exact(
    program: Callable[..., Any], *, mu: float = 0.1, N: int = 10, shared: bool = False, regularizer: bool = False, **options: Any
) -> float:
    """The worst case for L = 1; primal and dual value agree."""
    pep = SymPEP(L=1.0, mu=mu, N=N, shared_optimum=shared, regularizer=regularizer)
    result = pep.maximize(program(pep, **options))
    assert result.dual_value == pytest.approx(result.value, rel=1e-6, abs=1e-7)
    return result.dual_value


def agrees(value: float, printed: str) -> bool:
    """Whether `printed` is `value` rounded."""
    digits = len(printed.partition(".")[2])
    return abs(value - float(printed)) <= 0.5 * 10.0**-digits + SOLVERS


# ---- gradient descent, with and without a regulariser


@pytest.mark.parametrize("gamma", [0.25, 1.0])
@pytest.mark.parametrize("t", [1, 4, 10])
def test_convex_gradient_descent(gamma: float, t: int) -> None:
    assert exact(gd_gap, mu=0.0, gamma=gamma, t=t) == pytest.approx(1 / (4 * t * gamma + 2), abs=SOLVERS)


@pytest.mark.parametrize("gamma", [0.5, 1.5, 1.9])
def test_strongly_convex_gradient_descent(gamma: float) -> None:
    """Steps on both sides of 2/(L + mu), for distances and for function values."""
    promised = max(1 - 0.1 * gamma, abs(1 - gamma)) ** 6
    assert exact(gd_distance, gamma=gamma, t=3) == pytest.approx(promised, abs=SOLVERS)
    assert exact(gd_factor, gamma=gamma, t=3) == pytest.approx(promised, abs=SOLVERS)


@pytest.mark.parametrize(("t", "printed"), [(1, "2"), (2, ".8"), (3, ".5"), (4, ".363636")])
def test_nonconvex_gradient_descent(t: int, printed: str) -> None:
    value = exact(gd_gradient, mu=-1.0, gamma=1.0, t=t)
    assert value == pytest.approx(float(printed), abs=5e-7)
    assert value == pytest.approx(4 / (3 * t - 1), abs=SOLVERS)


@pytest.mark.parametrize("t", [1, 2, 4])
def test_proximal_gradient(t: int) -> None:
    assert exact(prox_gradient_gap, mu=0.0, regularizer=True, gamma=1.0, t=t) == pytest.approx(1 / (4 * t), abs=SOLVERS)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 1.5])
def test_the_proximal_gradient_method_contracts_as_gradient_descent_does(gamma: float) -> None:
    value = exact(prox_gradient_distance, regularizer=True, gamma=gamma, t=2)
    assert value == pytest.approx(max(1 - 0.1 * gamma, abs(1 - gamma)) ** 4, abs=SOLVERS)


@pytest.mark.parametrize("N", [2, 5, 1000])
def test_one_stochastic_gradient(N: int) -> None:
    """gamma = .7, v = 1, R = 2: the closed form, whatever N is."""
    closed = (0.7 * 0.9 + np.sqrt((1 - 0.7 * 1.1 / 2) ** 2 * 4 + 0.49)) ** 2
    value = exact(sgd, N=N, gamma=0.7, S=1, R=2.0, v=1.0)
    assert value == pytest.approx(closed, rel=SOLVERS)
    assert value == pytest.approx(4.183000, abs=1e-6)


# ---- FedProx


@pytest.mark.parametrize(
    ("gamma", "alike", "bias", "both"),
    [(1.0, ".909091", ".204616", ".993816"), (5.0, ".666667", "1.250042", "1.691422"), (0.2, ".980392", ".014797", ".981848")],
)
def test_fedprox(gamma: float, alike: str, bias: str, both: str) -> None:
    """Distances for (R, zeta) = (1, 0), (1e-4, 1), (1, 1)."""
    assert agrees(exact(fedprox, shared=True, gamma=gamma, zeta=0) ** 0.5, alike)
    assert agrees(exact(fedprox, gamma=gamma, R=1e-4, zeta=1) ** 0.5, bias)
    assert agrees(exact(fedprox, gamma=gamma, zeta=1) ** 0.5, both)


@pytest.mark.parametrize("gamma", [0.2, 1.0, 5.0])
@pytest.mark.parametrize("mu", [0.01, 0.1, 0.3])
def test_each_term_of_fedprox_is_attained_and_their_sum_is_not(gamma: float, mu: float) -> None:
    first, second = 1 / (1 + gamma * mu), 0.5 * gamma * (1 / (1 + gamma * mu) - 1 / (1 + gamma))
    assert exact(fedprox, mu=mu, shared=True, gamma=gamma, zeta=0) ** 0.5 == pytest.approx(first, abs=1e-6)
    assert exact(fedprox, mu=mu, gamma=gamma, R=0, zeta=1) ** 0.5 == pytest.approx(second, abs=1e-6)
    assert exact(fedprox, mu=mu, gamma=gamma, zeta=1) ** 0.5 < 0.999 * (first + second)


def chained_fedprox(gamma: float, a: float) -> float:
    def phi(r: float) -> float:
        return exact(fedprox, gamma=gamma, a=a, R=r**0.5, zeta=0.1)

    return chain(phi, 1.0, 10)[-1]


def test_fedprox_over_ten_rounds() -> None:
    """mu = zeta = .1: the best step is near 2.8; extrapolation by 5 with a shorter step is six times better."""
    assert agrees(chained_fedprox(2.8, 1.0), ".0422")
    assert chained_fedprox(2.8, 1.0) < min(chained_fedprox(2.4, 1.0), chained_fedprox(3.2, 1.0))
    assert agrees(chained_fedprox(0.53, 5.0), ".0066")


def test_local_gd_over_ten_rounds() -> None:
    """K = 1 with gamma = 1.8 gives .0189; more local steps are worse for every step of the grid."""

    def last(K: int, gamma: float) -> float:
        def phi(r: float) -> float:
            return exact(local_gd, K=K, gamma=gamma, R=r**0.5, zeta=0.1)

        return chain(phi, 1.0, 10)[-1]

    best = last(1, 1.8)
    assert agrees(best, ".0189")
    assert all(last(2, gamma) > best for gamma in (0.2, 0.6, 1.0, 1.4, 1.8))


# ---- FedLin


@pytest.mark.parametrize(
    ("tau", "mu", "printed"),
    [
        (1, 0.1, ".96694 .90250 .81000 .72250"),
        (2, 0.1, ".96708 .90369 .81451 .73209"),
        (4, 0.1, ".96715 .90427 .81665 .73656"),
        (4, 0.01, ".99667 .99004 .98017 .97039"),
    ],
)
def test_fedlin(tau: int, mu: float, printed: str) -> None:
    """eta = c/tau for c = 1/6, .5, 1, 1.5."""
    for c, digits in zip((1 / 6, 0.5, 1.0, 1.5), printed.split(), strict=True):
        assert agrees(exact(fedlin, mu=mu, eta=c / tau, tau=tau), digits), c


def test_fedlin_allows_steps_nine_times_the_papers() -> None:
    published = 1 - 0.1 / 6
    assert exact(fedlin, eta=9 / (6 * 4), tau=4) == pytest.approx(0.737, abs=5e-4)
    assert published == pytest.approx(0.983, abs=5e-4)
    assert np.log(exact(fedlin, eta=1 / (6 * 4), tau=4)) / np.log(published) == pytest.approx(2.0, abs=0.02)


# ---- Byzantine clients


@pytest.mark.parametrize(
    ("kappa", "alike", "both"),
    [(0.0, ".90250", ".90250"), (0.05, ".91309", "1.13926"), (0.25, ".95366", "1.50444"), (1.0, "1.088262", "2.38146")],
)
def test_byzantine(kappa: float, alike: str, both: str) -> None:
    """Squared distances for gamma = .5 and (R, zeta) = (1, 0), (1, 1), (0, 1); the last is gamma^2 kappa."""
    assert agrees(exact(byzantine_gd, shared=True, gamma=0.5, kappa=kappa, zeta=0), alike)
    assert agrees(exact(byzantine_gd, gamma=0.5, kappa=kappa, zeta=1), both)
    assert exact(byzantine_gd, gamma=0.5, kappa=kappa, R=0, zeta=1) == pytest.approx(0.25 * kappa, abs=SOLVERS)


def test_small_robustness_constants() -> None:
    values = {0.01: ".9511", 0.02: ".9522", 0.04: ".9545", 0.06: ".9567", 0.1: ".9610"}
    for kappa, printed in values.items():
        assert agrees(exact(byzantine_gd, shared=True, gamma=0.5, kappa=kappa, zeta=0) ** 0.5, printed), kappa


# ---- the chain, and refusals


def test_the_chain_is_a_composition() -> None:
    def phi(r: float) -> float:
        return 0.5 * r + 0.1

    assert chain(phi, 1.0, 3) == [1.0, 0.6, 0.4, pytest.approx(0.3)]
    assert chain(phi, 2.0, 0) == [2.0]


def test_the_chain_is_above_the_exact_value_and_near_it() -> None:
    """Two rounds of Local GD: within .1 %."""

    def phi(r: float) -> float:
        return exact(local_gd, K=2, gamma=0.25, R=r**0.5, zeta=0.1)

    two = exact(local_gd, K=2, gamma=0.25, R=1.0, zeta=0.1, rounds=2)
    assert 1 - 1e-6 <= chain(phi, 1.0, 2)[-1] / two <= 1.001


@pytest.mark.parametrize(("R2", "rounds"), [(-1.0, 1), (float("nan"), 1), (1.0, -1), (1.0, 1.5), (1.0, True)])
def test_the_chain_refuses(R2: float, rounds: Any) -> None:
    with pytest.raises(SpecError, match=r"Expected .*\.$"):
        chain(abs, R2, rounds)


def test_a_regulariser_is_declared() -> None:
    with pytest.raises(SpecError, match="regularizer=True"):
        exact(prox_gradient_gap, mu=0.0, gamma=1.0)


def test_no_bound_is_said_to_be_none() -> None:
    """Without a bound on the heterogeneity the bias of FedProx is unbounded: an error, not a number."""

    def free(world: Any) -> Any:
        return fedprox(world, gamma=1.0, R=0, zeta=1)

    pep = SymPEP(L=1.0, mu=0.1, N=2)
    objective = free(pep)
    pep.assumptions.clear()
    with pytest.raises(WorstCaseError, match="unbounded"):
        pep.maximize(objective)
