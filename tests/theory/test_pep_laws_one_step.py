"""Laws of the one-step methods' worst cases: units, special cases, the number of clients, other ways to write the same method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory_checks.pep import SymPEP, mean, norm2
from theory_checks.pep.programs.byzantine import byzantine_gd
from theory_checks.pep.programs.fedlin import fedlin
from theory_checks.pep.programs.fedprox import fedprox
from theory_checks.pep.programs.gradient_descent import gd_distance, gd_factor, gd_gap, gd_gradient
from theory_checks.pep.programs.prox_gradient import prox_gradient_distance, prox_gradient_gap
from theory_checks.pep.programs.sgd import sgd
from theory_checks.pep.programs.start import start

SOLVERS = 1e-6
"""Relative, and absolute: values are near 1."""

STEPS = st.sampled_from([0.3, 0.7, 1.0])
CURVATURES = st.sampled_from([0.01, 0.1, 0.3])
UNITS = st.sampled_from([0.5, 2.0, 3.0])


def exact(
    program: Callable[..., Any], *, L: float = 1.0, mu: float = 0.1, N: Any = 4, regularizer: bool = False, **options: Any
) -> float:
    pep = SymPEP(L=L, mu=mu, N=N, regularizer=regularizer)
    return pep.maximize(program(pep, **options)).dual_value


def near(value: float) -> Any:
    return pytest.approx(value, rel=SOLVERS, abs=SOLVERS)


DISTANCES: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "gd": (gd_distance, {"gamma": 0.7, "t": 2, "R": 1.0, "zeta": 0.5}),
    "fedprox": (fedprox, {"gamma": 0.7, "a": 1.5, "R": 1.0, "zeta": 0.5}),
    "byzantine": (byzantine_gd, {"gamma": 0.7, "kappa": 0.2, "R": 1.0, "zeta": 0.5}),
    "sgd": (sgd, {"gamma": 0.7, "S": 2, "R": 1.0, "v": 0.5}),
    "prox-gradient": (prox_gradient_distance, {"gamma": 0.7, "t": 2, "R": 1.0, "zeta": 0.5, "regularizer": True}),
}
"""Programs that measure a squared distance."""

HEIGHTS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "gd": (gd_factor, {"gamma": 0.7, "t": 2, "Delta": 1.0}),
    "fedlin": (fedlin, {"eta": 0.35, "tau": 2, "Delta": 1.0}),
}
"""Programs from f(x) - f* <= Delta to f(x+) - f*."""

distances = pytest.mark.parametrize(("program", "options"), DISTANCES.values(), ids=DISTANCES)
heights = pytest.mark.parametrize(("program", "options"), HEIGHTS.values(), ids=HEIGHTS)


def units_of_x(options: dict[str, Any], c: float) -> dict[str, Any]:
    """x -> c x, f -> c^2 f(x/c): R, zeta (and v) grow c times, Delta c^2 times."""
    powers = {"R": 1, "zeta": 1, "v": 1, "Delta": 2}
    return {name: value * c ** powers[name] if name in powers else value for name, value in options.items()}


def units_of_f(options: dict[str, Any], c: float) -> dict[str, Any]:
    """f -> c f: zeta (and v) and Delta grow c times, steps shrink c times; L and mu, too, grow c times."""
    powers = {"zeta": 1, "v": 1, "Delta": 1, "gamma": -1, "eta": -1}
    return {name: value * c ** powers[name] if name in powers else value for name, value in options.items()}


@distances
@given(c=UNITS)
def test_distances_have_units(program: Callable[..., Any], options: dict[str, Any], c: float) -> None:
    value = exact(program, **options)
    assert exact(program, **units_of_x(options, c)) / c**2 == near(value)
    assert exact(program, L=c, mu=0.1 * c, **units_of_f(options, c)) == near(value)


@heights
@given(c=UNITS)
def test_heights_have_units(program: Callable[..., Any], options: dict[str, Any], c: float) -> None:
    value = exact(program, **options)
    assert exact(program, **units_of_x(options, c)) / c**2 == near(value)
    assert exact(program, L=c, mu=0.1 * c, **units_of_f(options, c)) / c == near(value)


@given(c=UNITS)
def test_other_measures_have_units(c: float) -> None:
    """Gaps from a distance, gradients of non-convex functions, F = f + g."""
    gap = {"gamma": 0.7, "t": 2, "R": 1.0, "zeta": 0.5}
    assert exact(gd_gap, mu=0.0, **units_of_x(gap, c)) / c**2 == near(exact(gd_gap, mu=0.0, **gap))
    assert exact(gd_gap, L=c, mu=0.0, **units_of_f(gap, c)) / c == near(exact(gd_gap, mu=0.0, **gap))
    free = {"gamma": 0.7, "t": 2, "Delta": 1.0}
    assert exact(gd_gradient, mu=-1.0, **units_of_x(free, c)) / c**2 == near(exact(gd_gradient, mu=-1.0, **free))
    assert exact(gd_gradient, L=c, mu=-c, **units_of_f(free, c)) / c**2 == near(exact(gd_gradient, mu=-1.0, **free))
    both = {"mu": 0.0, "gamma": 1.0, "t": 2, "regularizer": True}
    assert exact(prox_gradient_gap, **both, R=c) / c**2 == near(exact(prox_gradient_gap, **both))


@pytest.mark.parametrize("name", DISTANCES)
def test_a_step_of_almost_nothing_moves_almost_nothing(name: str) -> None:
    program, options = DISTANCES[name]
    assert exact(program, **{**options, "gamma": 1e-5}) == pytest.approx(1.0, abs=1e-4)


def test_local_steps_of_almost_nothing_move_almost_nothing() -> None:
    assert exact(fedlin, eta=1e-5, tau=3) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("name", [name for name in DISTANCES if name != "sgd"])
def test_the_number_of_clients_does_not_matter(name: str) -> None:
    program, options = DISTANCES[name]
    values = [exact(program, N=N, **options) for N in (2, 3, 10, 10**6)]
    assert values[1:] == [near(values[0])] * 3


@heights
def test_the_number_of_clients_does_not_matter_for_heights(program: Callable[..., Any], options: dict[str, Any]) -> None:
    values = [exact(program, N=N, **options) for N in (2, 3, 10, 10**6)]
    assert values[1:] == [near(values[0])] * 3


@pytest.mark.parametrize("name", [name for name in DISTANCES if name != "sgd"])
def test_equal_classes_are_one_class(name: str) -> None:
    """Sampling without replacement is written for one class."""
    program, options = DISTANCES[name]
    rest = {key: value for key, value in options.items() if key != "regularizer"}
    pep = SymPEP(L=(1.0, 1.0), mu=(0.1, 0.1), N=(2, 2), regularizer="regularizer" in options)
    assert pep.maximize(program(pep, **rest)).dual_value == near(exact(program, **options))


@given(eta=STEPS, mu=CURVATURES)
def test_fedlin_with_one_local_step_is_gradient_descent(eta: float, mu: float) -> None:
    assert exact(fedlin, mu=mu, eta=eta, tau=1) == near(exact(gd_factor, mu=mu, gamma=eta))


@given(gamma=STEPS, mu=CURVATURES, zeta=st.sampled_from([0.1, 1.0]))
def test_what_reduces_to_gradient_descent(gamma: float, mu: float, zeta: float) -> None:
    """Byzantine clients without effect; every function drawn."""
    plain = exact(gd_distance, mu=mu, gamma=gamma, zeta=zeta)
    assert exact(byzantine_gd, mu=mu, gamma=gamma, kappa=0.0, zeta=zeta) == near(plain)
    assert exact(sgd, mu=mu, N=3, gamma=gamma, S=3, v=zeta) == near(plain)


@given(gamma=STEPS, mu=CURVATURES, kappa=st.sampled_from([0.05, 0.25]))
def test_more_byzantine_clients_are_worse(gamma: float, mu: float, kappa: float) -> None:
    options = {"mu": mu, "gamma": gamma, "zeta": 0.5}
    less, more = exact(byzantine_gd, kappa=kappa, **options), exact(byzantine_gd, kappa=2 * kappa, **options)
    assert less < more * (1 - 1e-3)


@given(gamma=STEPS, mu=CURVATURES)
def test_one_client_makes_fedprox_the_proximal_point_method(gamma: float, mu: float) -> None:
    assert exact(fedprox, N=1, mu=mu, gamma=gamma, zeta=0) == near(1 / (1 + gamma * mu) ** 2)


@given(gamma=STEPS, mu=CURVATURES)
def test_a_clumsy_text_has_the_same_value(gamma: float, mu: float) -> None:
    """Averaging the clients' own steps; asking for one gradient twice; a prox as an implicit gradient step, twice halved."""

    def gd_in_another_way(world: Any) -> Any:
        x = start(world, 1, 0.5)
        half = x - gamma * world.grad(x) / 2
        return norm2(mean(half - gamma * world.grad(x + 0 * half) / 2))

    def fedprox_in_another_way(world: Any) -> Any:
        x = start(world, 1, 0.5)
        y = world.prox(x, gamma)
        return norm2(mean(x + y) / 2 - gamma * mean(world.grad(y)) / 2)

    assert exact(gd_in_another_way, mu=mu) == near(exact(gd_distance, mu=mu, gamma=gamma, zeta=0.5))
    assert exact(fedprox_in_another_way, mu=mu) == near(exact(fedprox, mu=mu, gamma=gamma, zeta=0.5))


def test_a_regulariser_can_only_make_it_worse() -> None:
    """g = 0 is one of them."""
    for t in (1, 3):
        plain = exact(gd_gap, mu=0.0, gamma=1.0, t=t)
        assert exact(prox_gradient_gap, mu=0.0, gamma=1.0, t=t, regularizer=True) > plain * 1.05
