"""Tuned steps: reference values, closed forms, and that no other step is better."""

from __future__ import annotations

import numpy as np
import pytest

from fedmm import FedmmError, SpecError
from theory_checks import crossover, phase_diagram, tune
from theory_checks.pep.radius import proxskip_lower
from theory_checks.tuned import fedavg_round

MU = 0.1


@pytest.mark.parametrize(("L", "mu"), [(1.0, 0.1), (4.0, 0.5), (1.0, 0.9)])
def test_fedsgd_has_the_textbook_step(L: float, mu: float) -> None:
    """2/(L + mu), with factor ((L - mu)/(L + mu))^2."""
    best = tune("fedsgd", L=L, mu=mu)
    assert best.gamma == pytest.approx(2 / (L + mu), rel=1e-4)
    assert best.value == pytest.approx(((L - mu) / (L + mu)) ** 2, rel=1e-4)


REFERENCE = {  # the best value on a coarse grid of steps, computed independently: at least the tuned one
    (0.0, 2): 0.4482,
    (0.0, 8): 0.0403,
    (0.01, 4): 0.2235,
    (0.05, 2): 0.5025,
    (0.2, 8): 0.5452,
    (1.0, 2): 0.8678,
}


@pytest.mark.parametrize(("zeta", "K"), REFERENCE)
def test_local_steps_against_a_coarse_grid(zeta: float, K: int) -> None:
    best = tune("fedavg", mu=MU, K=K, zeta=zeta)
    assert REFERENCE[zeta, K] - 0.012 <= best.value <= REFERENCE[zeta, K] + 5e-5
    for factor in (0.9, 0.97, 1.03, 1.1):
        assert fedavg_round(factor * best.gamma, 1.0, L=1.0, mu=MU, N=2, K=K, zeta=zeta) >= best.value - 1e-7


def test_the_best_of_several_K() -> None:
    assert tune("fedavg", mu=MU, K=(1, 2, 4), zeta=0.05).K == 4
    assert tune("fedavg", mu=MU, K=(1, 2, 4), zeta=1.0).K == 1


def test_fedprox_over_ten_rounds() -> None:
    """A chain of ten rounds; the reference step 2.8 gives .0422."""
    best = tune("fedprox", mu=MU, zeta=0.1, rounds=10)
    assert best.gamma == pytest.approx(2.8, abs=0.05)
    assert best.value == pytest.approx(0.0422, abs=5e-5)


def test_fedmm_with_compression_and_participation() -> None:
    """The reference, tuned on a grid, is .908504."""
    best = tune("fedmm", mu=MU, N=10, omega=3.0, p=0.5)
    assert 0.908504 - 2e-5 <= best.value <= 0.908504 + 1e-6
    assert best.alpha is not None


@pytest.mark.parametrize(("p", "known"), [(0.1, 0.98148), (0.3, 0.85759), (1.0, ((1 - MU) / (1 + MU)) ** 2)])
def test_proxskip(p: float, known: float) -> None:
    """No worse than gamma = 1/L, whose rate is known, nor better than quadratics need; with p = 1 it is gradient descent."""
    best = tune("proxskip", mu=MU, p=p)
    assert proxskip_lower(best.gamma, p, mu=MU) - 1e-6 <= best.value <= known + 2e-5
    if p == 1:
        assert best.value == pytest.approx(known, abs=2e-5)


def test_diana_is_fedmm_with_everyone() -> None:
    assert tune("diana", mu=MU, N=10, omega=3.0)[1:] == tune("fedmm", mu=MU, N=10, omega=3.0)[1:]


def test_units_do_not_matter() -> None:
    """f -> c f scales L, mu and zeta, and divides the step; x -> c x scales R and zeta."""
    one = tune("fedavg", mu=MU, K=2, zeta=0.2)
    scaled = tune("fedavg", L=3.0, mu=3 * MU, K=2, zeta=0.6)
    longer = tune("fedavg", mu=MU, K=2, zeta=0.4, R=2.0)
    assert scaled.value == pytest.approx(one.value, rel=1e-6)
    assert scaled.gamma == pytest.approx(one.gamma / 3, rel=1e-2)
    assert longer.value == pytest.approx(4 * one.value, rel=1e-6)


def test_phase_diagram() -> None:
    diagram = phase_diagram(mu=MU, zetas=(0.0, 1.0), Ks=(1, 2))
    assert diagram.best == (2, 1)
    np.testing.assert_allclose(diagram.values[:, 0], ((1 - MU) / (1 + MU)) ** 2, rtol=1e-6)  # one step does not see zeta
    assert str(diagram).count("\n") == 2


def test_phase_diagram_draws(tmp_path: object) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "phases.png"
    phase_diagram(mu=MU, zetas=(0.0, 1.0), Ks=(1, 2)).plot(path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_crossover_is_where_two_steps_tie() -> None:
    zeta = crossover(2, mu=MU, tolerance=1e-3)
    one = tune("fedavg", mu=MU, K=1).value
    assert tune("fedavg", mu=MU, K=2, zeta=zeta - 0.002).value < one < tune("fedavg", mu=MU, K=2, zeta=zeta + 0.002).value


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"method": "fedavgg"}, "Did you mean 'fedavg'"),
        ({"method": "fedsgd", "K": 2}, "fedsgd has no K"),
        ({"method": "fedsgd", "R": 0.0}, "fedsgd has no R"),
        ({"method": "fedmm", "zeta": 1.0}, "fedmm has no zeta"),
        ({"method": "fedmm", "N": "a"}, "N as an integer"),
        ({"method": "fedavg", "L": 0}, "L > 0"),
        ({"method": "fedavg", "L": "a"}, "L as a finite number"),
        ({"method": "fedavg", "R": 0.0}, "R in \\(0"),
        ({"method": "fedavg", "zeta": -1.0}, "zeta in"),
        ({"method": "fedavg", "zeta": float("nan")}, "zeta as a finite number"),
        ({"method": "fedavg", "K": 0}, "K as an integer"),
        ({"method": "fedavg", "K": ()}, "K as an integer"),
        ({"method": "fedavg", "K": 17}, "from 1 to 16"),
        ({"method": "fedavg", "rounds": 1.5}, "rounds as an integer"),
        ({"method": "fedavg", "rounds": 10**6}, "rounds as an integer"),
        ({"method": "fedavg", "mu": -0.1}, "0 <= mu < L"),
        ({"method": "fedavg", "p": 0.0}, "p in \\(0, 1\\]"),
        ({"method": "fedsgd", "mu": 0.0}, "0 < mu < L"),
        ({"method": "fedavg", "mu": 2.0}, "mu < L"),
        ({"method": "fedavg", "mu": -0.1, "zeta": 1.0}, "0 <= mu < L"),
    ],
)
def test_bad_parameters_are_refused(arguments: dict, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        tune(**({"mu": MU} | arguments))


def test_a_noise_that_no_step_survives_is_refused() -> None:
    with pytest.raises(FedmmError, match="certified"):
        tune("fedmm", mu=MU, N=10, omega=1e9, p=1e-6)


def test_numpy_numbers_are_numbers() -> None:
    assert tune("fedavg", mu=np.float64(MU), K=np.int64(2)).K == 2
    assert phase_diagram(mu=MU, zetas=np.array([0.0, 1.0]), Ks=np.array([1, 2])).best == (2, 1)


def test_the_edge_of_the_search_is_said() -> None:
    """FedProx without heterogeneity: the longer the step the better."""
    assert "longest tried" in tune("fedprox", mu=MU).what


def test_bad_axes_are_refused() -> None:
    with pytest.raises(SpecError, match="increasing zetas"):
        phase_diagram(mu=MU, zetas=(1.0, 0.0))
    with pytest.raises(SpecError, match="zetas as a list of increasing numbers, at least one"):
        phase_diagram(mu=MU, zetas=())
    with pytest.raises(SpecError, match="at least 2"):
        crossover(1, mu=MU)


@pytest.mark.parametrize("axes", [{"Ks": 3}, {"zetas": 0.1}, {"Ks": (1, "x")}, {"Ks": "12"}, {"Ks": ()}])
def test_an_axis_is_a_list_of_numbers(axes: dict) -> None:
    with pytest.raises(SpecError, match="as a list of increasing numbers"):
        phase_diagram(mu=MU, **axes)


@pytest.mark.parametrize("tolerance", [0, -1.0, 1e-12, float("nan"), "a"])
def test_a_tolerance_that_no_search_reaches_is_refused(tolerance: object) -> None:
    with pytest.raises(SpecError, match="Expected a tolerance from 1e-06"):
        crossover(2, mu=MU, tolerance=tolerance)  # type: ignore[arg-type]
