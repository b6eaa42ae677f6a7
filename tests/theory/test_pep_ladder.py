"""The solving ladder on ordinary settings: it always ends, both sides agree, and small values are as exact as large ones."""

from __future__ import annotations

from itertools import product
from math import sqrt
from typing import Any

import pytest

from theory_checks.pep import Lyapunov, SymPEP, WorstCaseError, conic
from theory_checks.pep.assemble import Rows
from theory_checks.pep.lyapunov import certifies
from theory_checks.pep.programs.diana import diana_step
from theory_checks.pep.programs.local_gd import local_gd
from theory_checks.pep.programs.proxskip import proxskip_step
from theory_checks.pep.programs.scaffold import scaffold_step

MUS = (0.0, 0.001, 0.01, 0.05, 0.1, 0.3, 0.7)
GAMMAS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0, 1.2, 1.5, 1.8, 1.95)
SIZES = ((1.0, 1.0), (1.0, 0.1), (1.0, 0.01), (0, 1.0), (1.0, 3.0), (0.1, 1.0), (2.0, 0.5), (1.0, 1e-3))
"""(R, zeta)."""


def one(mu: float, gamma: float, K: int, R: float, zeta: float) -> Any:
    pep = SymPEP(L=1.0, mu=mu, N=10)
    return pep.maximize(local_gd(pep, K=K, gamma=gamma, R=R, zeta=zeta))


def disagree(settings: Any) -> list[Any]:
    """Settings without a worst case, or with sides that differ by more than 1e-6 of the value and 1e-8 of max(R, zeta)^2."""
    found = []
    for mu, gamma, K, (R, zeta) in settings:
        try:
            result = one(mu, gamma, K, R, zeta)
        except WorstCaseError as error:
            found.append((mu, gamma, K, R, zeta, error.status))
            continue
        room = 1e-6 * abs(result.dual_value) + 1e-8 * max(R, zeta) ** 2
        if not abs(result.value - result.dual_value) <= room:
            found.append((mu, gamma, K, R, zeta, result.value, result.dual_value))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("K", [1, 2, 3, 4, 5, 6])
def test_no_ordinary_setting_is_left_unsolved(K: int) -> None:
    assert disagree(product(MUS, GAMMAS, [K], SIZES)) == []


@pytest.mark.slow
@pytest.mark.parametrize("K", [8, 12, 16, 20, 24])
def test_long_rounds_are_solved(K: int) -> None:
    assert disagree(product([0.1], [0.05, 0.5 / K, 0.5, 1.5], [K], [(1.0, 0.1), (1.0, 1.0)])) == []


def test_some_of_them_in_a_second() -> None:
    assert disagree(list(product(MUS, GAMMAS, range(1, 5), SIZES))[::29]) == []


def test_a_form_that_stops_short_hands_over_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    value, honest = one(0.1, 0.5, 3, 1.0, 0.5).dual_value, conic.solve
    fails = {"dual"}

    def solve(A: Rows, C: Rows, form: str, tolerance: float) -> conic.Answer | str:
        return "AlmostSolved" if form in fails else honest(A, C, form, tolerance)

    monkeypatch.setattr(conic, "solve", solve)
    found = one(0.1, 0.5, 3, 1.0, 0.5)
    assert found.rung == "primal at 1e-08"
    assert found.dual_value == pytest.approx(value, rel=1e-7)
    fails.add("primal")
    with pytest.raises(WorstCaseError, match="stopped short") as error:
        one(0.1, 0.5, 3, 1.0, 0.5)
    assert error.value.status == "inaccurate"


def one_step(L: float, spread: float) -> float:
    """|x+ - x*|^2 from |x - x*| <= 1: (1 - gamma mu)^2, whatever zeta."""
    pep = SymPEP(L=L, mu=0.1 * L, N=4)
    return pep.maximize(local_gd(pep, K=1, gamma=0.5 / L, R=1.0, zeta=spread * L)).dual_value


@pytest.mark.parametrize("L", [1e-6, 1e-3, 1.0, 30.0, 1e6])
@pytest.mark.parametrize("spread", [1e-6, 1e-3, 1.0, 1e4])
def test_units_do_not_change_the_value(L: float, spread: float) -> None:
    """Sides may differ by 1e-3, as `solve.GAP` says."""
    assert one_step(L, spread) == pytest.approx(0.95**2, rel=1e-3)


def test_multipliers_that_prove_nothing_are_refused() -> None:
    """The solver says "Solved", the sides agree to 1e-4, and the value is 3 % too small: a remainder is not semidefinite."""
    with pytest.raises(WorstCaseError, match="multipliers that do not fit") as error:
        one_step(1e-6, 1e-9)
    assert error.value.status == "inaccurate"


@pytest.mark.parametrize(("gamma", "K"), [(0.1, 2), (0.05, 2), (0.01, 2), (0.01, 4)])
def test_small_values_are_relatively_exact(gamma: float, K: int) -> None:
    """The drift from the optimum, whose closed form is known, down to values of 1e-9."""
    drift = (1 - (1 - gamma * 0.1) ** K) / 0.1 - (1 - (1 - gamma) ** K)
    result = one(0.1, gamma, K, 0, 1.0)
    assert sqrt(result.dual_value) == pytest.approx(drift / 2, rel=1e-5)
    assert sqrt(result.value) == pytest.approx(drift / 2, rel=1e-5)


@pytest.mark.parametrize("unit", [1e-4, 1e-2, 1e2, 1e4])
def test_the_unit_of_the_assumptions_is_of_no_account(unit: float) -> None:
    value = one(0.1, 0.5, 3, 1.0, 0.5).dual_value
    assert one(0.1, 0.5, 3, unit, 0.5 * unit).dual_value == pytest.approx(unit**2 * value, rel=1e-6)
    assert one(0.1, 0.5, 3, unit, 0.5 * unit).value == pytest.approx(unit**2 * value, rel=1e-6)


STEPS: list[tuple[Any, dict[str, Any]]] = [
    (proxskip_step, {"gamma": 1.0, "p": 0.1}),
    (proxskip_step, {"gamma": 1.0, "p": 0.3}),
    (proxskip_step, {"gamma": 0.5, "p": 0.2}),
    (diana_step, {"gamma": 0.25, "alpha": 0.5, "omega": 1.0}),
    (diana_step, {"gamma": 0.8, "alpha": 0.25, "omega": 3.0}),
    (scaffold_step, {"gamma": 0.2, "K": 2}),
]


@pytest.mark.parametrize(("program", "parameters"), STEPS, ids=lambda value: str(value))
def test_whatever_rate_is_certified_every_larger_one_is(program: Any, parameters: dict[str, Any]) -> None:
    """What the bisection takes for granted."""
    pep = SymPEP(L=1.0, mu=0.1, N=10)
    step = program(pep, **parameters)
    rate = pep.lyapunov(*step).rate
    for share in (0.001, 0.01, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0):
        larger = rate + share * (1 - rate)
        assert isinstance(certifies(pep, *step, larger), Lyapunov), larger
    for share in (0.5, 0.9, 0.99):
        assert certifies(pep, *step, share * rate) is None
