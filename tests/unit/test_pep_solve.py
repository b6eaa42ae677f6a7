"""Solving worst-case problems: values that are proved, refusals in sentences, and never an inexact answer as a value."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmm.errors import FedmmError, SpecError
from theory_checks.pep import SymPEP, WorstCaseError, conic, inner, mean, norm2, products, solve
from theory_checks.pep.assemble import assemble, stacked
from theory_checks.pep.programs.local_gd import local_gd


def problem(K: int = 2, gamma: float = 0.5, N: int = 10, mu: float = 0.1) -> tuple:
    """Local GD, and its squared distance."""
    pep = SymPEP(L=1.0, mu=mu, N=N)
    return pep, local_gd(pep, K=K, gamma=gamma, R=1.0, zeta=1.0)


def test_a_result_has_what_it_says() -> None:
    """Primal and dual values, the multipliers' proof, and matrices that are positive semidefinite; to 1e-7."""
    pep, objective = problem()
    result = pep.maximize(objective)
    rows = assemble(pep)
    assert result.rung == "dual at 1e-08"
    assert result.value == pytest.approx(0.86804298, abs=2e-8)
    assert result.dual_value == pytest.approx(result.value, abs=1e-7)
    assert result.dual_value == pytest.approx(-result.multipliers @ rows.const, abs=1e-12)
    assert result.labels == rows.labels
    assert len(result.labels) == len(result.multipliers) == 3 * 2 + 2
    assert result.multipliers.min() >= 0.0
    assert np.linalg.eigvalsh(result.M).min() > -1e-7
    assert np.linalg.eigvalsh(result.D[0]).min() > -1e-7
    left = np.einsum("jab,ab->j", rows.M, result.M) + np.einsum("jcab,cab->j", rows.D, result.D) + rows.F @ result.F + rows.const
    assert left.max() < 1e-7
    assert abs(result.multipliers @ left) < 1e-6


def test_the_multipliers_are_a_proof() -> None:
    """Sum y_j A_j - C is positive semidefinite and the F parts cancel, to 1e-7."""
    pep, objective = problem(K=3)
    result, rows, goal = pep.maximize(objective), assemble(pep), stacked(pep, [objective])
    y = result.multipliers
    assert np.abs(y @ rows.F - goal.F[0]).max() < 1e-7
    assert np.linalg.eigvalsh(np.tensordot(y, rows.M, 1) - goal.M[0]).min() > -1e-7
    assert np.linalg.eigvalsh(np.tensordot(y, rows.D, 1)[0] - goal.D[0, 0]).min() > -1e-7


@given(K=st.integers(1, 3), gamma=st.sampled_from((0.25, 1.0, 1.5)), mu=st.sampled_from((0.0, 0.1, 0.5)))
def test_every_rung_of_the_ladder_gives_the_same(K: int, gamma: float, mu: float) -> None:
    """To 1e-6 for the last rungs, whose tolerance is 1e-7."""
    pep, objective = problem(K, gamma, mu=mu)
    A, C = solve.floats(assemble(pep)), solve.floats(stacked(pep, [objective]))
    reference = pep.maximize(objective).value
    for form, tolerance in solve.LADDER:
        answer = conic.solve(A, C, form, tolerance)
        assert not isinstance(answer, str)
        _, M, D, F = answer
        assert np.sum(C.M[0] * M) + np.sum(C.D[0] * D) + C.F[0] @ F == pytest.approx(reference, rel=1e-6)


def test_a_rung_that_stops_short_goes_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    pep, objective = problem()
    real = conic.solve

    def stops(A, C, form, tolerance):
        return "AlmostSolved" if form == "dual" else real(A, C, form, tolerance)

    monkeypatch.setattr(conic, "solve", stops)
    assert pep.maximize(objective).rung == "primal at 1e-08"


def test_a_solver_that_always_stops_short_is_an_error_not_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    pep, objective = problem()
    monkeypatch.setattr(conic, "solve", lambda A, C, form, tolerance: "AlmostSolved")
    with pytest.raises(WorstCaseError, match="The solver stopped short") as caught:
        pep.maximize(objective)
    assert caught.value.status == "inaccurate"
    assert str(caught.value).count("AlmostSolved") == len(solve.LADDER)


@pytest.mark.parametrize("name", ["SCS", "scs", "CLARABEL"])
def test_other_solvers_agree(name: str) -> None:
    """Through CVXPY: SCS to 1e-4, Clarabel to 1e-7."""
    pytest.importorskip("cvxpy", reason="CVXPY is not installed: it is in the extra fedmm[cvxpy]")
    pep, objective = problem(K=3)
    result = pep.maximize(objective, solver=name)
    tolerance = 1e-4 if name.lower() == "scs" else 1e-7
    assert result.value == pytest.approx(pep.maximize(objective).value, abs=tolerance)
    assert result.dual_value == pytest.approx(result.value, abs=tolerance)


def test_a_solver_that_stops_short_under_cvxpy_is_an_error_without_a_warning() -> None:
    """SCS after two iterations: CVXPY calls it inaccurate (with a warning) or fails, and neither is a value."""
    cvxpy = pytest.importorskip("cvxpy", reason="CVXPY is not installed: it is in the extra fedmm[cvxpy]")
    pep, objective = problem(K=3)
    with pytest.MonkeyPatch.context() as patch:
        real = cvxpy.Problem.solve
        patch.setattr(cvxpy.Problem, "solve", lambda self, solver: real(self, solver=solver, max_iters=2))
        with pytest.raises(WorstCaseError, match="stopped short") as caught:
            pep.maximize(objective, solver="SCS")
    assert caught.value.status == "inaccurate"


def test_unknown_solvers_are_refused() -> None:
    pytest.importorskip("cvxpy", reason="CVXPY is not installed: it is in the extra fedmm[cvxpy]")
    pep, objective = problem()
    with pytest.raises(SpecError, match="Unknown solver 'scss'"):
        pep.maximize(objective, solver="scss")


@pytest.mark.parametrize("solver", ["clarabel", "SCS"])
def test_an_unbounded_worst_case_is_an_error(solver: str) -> None:
    """Nothing bounds the start."""
    pep = SymPEP(L=1.0, mu=0.1, N=3)
    x = pep.point()
    with pytest.raises(WorstCaseError, match=r"The worst case is unbounded: .* an assumption is missing .*\.$") as caught:
        pep.maximize(norm2(mean(x - 0.5 * pep.grad(x))), solver=solver)
    assert caught.value.status == "unbounded"
    assert isinstance(caught.value, FedmmError)


def test_heterogeneity_that_nothing_bounds_is_an_error() -> None:
    pep = SymPEP(L=1.0, mu=0.1, N=3)
    x = pep.point()
    pep.assume(norm2(x) <= 1.0)
    y = x - 0.5 * pep.grad(x)
    with pytest.raises(WorstCaseError, match="unbounded"):
        pep.maximize(norm2(mean(y - 0.5 * pep.grad(y))))


@pytest.mark.parametrize("solver", ["clarabel", "SCS"])
def test_assumptions_that_nothing_meets_are_an_error(solver: str) -> None:
    pep = SymPEP(L=1.0, mu=0.1, N=3)
    x = pep.point()
    pep.assume(norm2(x) <= 1.0, norm2(x) >= 2.0)
    with pytest.raises(WorstCaseError, match=r"No federation meets the assumptions; .*\.$") as caught:
        pep.maximize(norm2(mean(x - 0.5 * pep.grad(x))), solver=solver)
    assert caught.value.status == "infeasible"


def distance(**change: float) -> float:
    """The worst |x_1 - x*|^2 of K = 2 and gamma L = 1/2."""
    case = {"L": 1.0, "mu": 0.1, "gamma": 0.5, "R": 1.0, "zeta": 1.0, **change}
    pep = SymPEP(L=case["L"], mu=case["mu"], N=2)
    return pep.maximize(local_gd(pep, K=2, gamma=case["gamma"], R=case["R"], zeta=case["zeta"])).value


@pytest.mark.parametrize("c", [1e-7, 1e-3, 1e3, 1e7])
def test_units_do_not_matter(c: float) -> None:
    """x -> c x; f -> c f; both: the value scales, to 1e-6, though the numbers span 1e14."""
    value = distance()
    assert distance(R=c, zeta=c) == pytest.approx(c**2 * value, rel=1e-6)
    assert distance(L=c, mu=0.1 * c, gamma=0.5 / c, zeta=c) == pytest.approx(value, rel=1e-6)
    assert distance(L=c, mu=0.1 * c, gamma=0.5 / c, R=1 / c, zeta=1.0) == pytest.approx(value / c**2, rel=1e-6)


@pytest.mark.parametrize("change", [{"zeta": 10.0**-k} for k in range(2, 9)] + [{"R": 10.0**-k} for k in range(2, 9)], ids=str)
def test_a_vanishing_assumption_gives_its_limit_or_an_error(change: dict) -> None:
    """Between the limit and the sum of the two worst cases, to 0.1 %, or is refused; never another number."""
    R, zeta = change.get("R", 1.0), change.get("zeta", 1.0)
    contraction, drift = 0.95**2 * R, 0.1125 * zeta
    with suppress(WorstCaseError):
        assert max(contraction, drift) ** 2 * 0.999 <= distance(**change) <= (contraction + drift) ** 2 * 1.001


def test_a_start_that_nearly_vanishes_is_refused_with_a_way_out() -> None:
    with pytest.raises(WorstCaseError, match="leave out a point whose norm is bounded by 0") as caught:
        distance(R=1e-8)
    assert caught.value.status == "inaccurate"
    assert distance(R=0.0) == pytest.approx(0.1125**2, rel=1e-6)


def test_an_absurd_step_is_refused_with_a_way_out() -> None:
    with pytest.raises(WorstCaseError, match=r"The coefficients span .*: rescale so that") as caught:
        distance(gamma=1e7)
    assert caught.value.status == "inaccurate"


def test_a_long_step_has_a_finite_worst_case() -> None:
    """K = 2, gamma L = 1000: (1 - gamma L)^4 R^2 at least, and not far above it with the drift."""
    least, most = 999.0**4, (999.0**2 + 0.5 * 0.9 * 1000.0**2) ** 2
    assert least * 0.999 <= distance(gamma=1e3) <= most * 1.001


def test_two_problems_live_at_once() -> None:
    """Built in turn, and solved in threads: what one does leaves the other as it is."""
    one, two = SymPEP(L=1.0, mu=0.1, N=3), SymPEP(L=1.0, mu=0.1, N=7)
    worlds, points = (one, two), [one.point(), two.point()]
    for world, x in zip(worlds, points, strict=True):
        world.assume(norm2(x) <= 1.0, norm2(world.gstar) <= 1.0)
    y = points
    for _ in range(2):
        y = [point - 0.5 * world.grad(point) for world, point in zip(worlds, y, strict=True)]
    goals = [norm2(mean(point)) for point in y]
    with ThreadPoolExecutor(2) as pool:
        values = [
            f.result().value for f in [pool.submit(world.maximize, goal) for world, goal in zip(worlds, goals, strict=True)]
        ]
    assert values[0] == values[1] == pytest.approx(0.86804298, abs=2e-8)


def test_solving_twice_and_asking_something_else_gives_the_same() -> None:
    pep, objective = problem()
    first = pep.maximize(objective).value
    assert pep.maximize(objective).value == first
    pep.maximize(norm2(pep.gstar))
    assert pep.maximize(objective).value == first


def test_an_exact_problem_has_the_value_of_the_float_one() -> None:
    """To 1e-9: the same floats reach the solver up to rounding."""
    exact = SymPEP(L=1, mu=Fraction(1, 10), N=10, exact=True)
    objective = local_gd(exact, K=2, gamma=Fraction(1, 2), R=1, zeta=1)
    pep, same = problem()
    assert exact.maximize(objective).value == pytest.approx(pep.maximize(same).value, abs=1e-9)


def test_constants_count() -> None:
    pep, objective = problem()
    assert pep.maximize(2 * objective + 3.0).value == pytest.approx(3.0 + 2 * pep.maximize(objective).value, abs=1e-7)


def test_the_least_of_several() -> None:
    pep = SymPEP(L=1.0, mu=0.1, N=2)
    x = pep.point()
    pep.assume(norm2(x) <= 2.0, pep.gap(x) <= 0.5)
    least = pep.minimum([norm2(x), 10.0 * pep.gap(x)])
    assert pep.maximize(least).value == pytest.approx(2.0, abs=1e-7)


def test_only_scalars_are_maximised() -> None:
    pep, _ = problem()
    for wrong in (pep.gstar, norm2(pep.gstar) <= 1.0, 1.0):
        with pytest.raises(SpecError, match="Expected a scalar such as norm2"):
            pep.maximize(wrong)


def test_a_lyapunov_search_needs_as_many_terms_after_as_before_and_no_constants() -> None:
    pep = SymPEP(L=1.0, mu=0.1, N=2)
    x = pep.point()
    after = mean(x - 0.5 * pep.grad(x))
    terms = products(means=[x])
    with pytest.raises(SpecError, match="as many terms after the step as before it"):
        pep.lyapunov(terms, [], norm2(x))
    with pytest.raises(SpecError, match="without constants"):
        pep.lyapunov([norm2(x) + 1.0], [norm2(after)], norm2(x))
    assert pep.lyapunov(terms, products(means=[after]), norm2(x)).rate == pytest.approx(0.9025, abs=2e-5)


def test_a_lyapunov_search_without_an_answer_is_an_error() -> None:
    """A step longer than 2/L."""
    pep = SymPEP(L=1.0, mu=0.1, N=2)
    x = pep.point()
    after = mean(x - 2.5 * pep.grad(x))
    with pytest.raises(WorstCaseError, match="No Lyapunov function of this span certifies a rate of 1") as caught:
        pep.lyapunov(products(means=[x]), products(means=[after]), norm2(x))
    assert caught.value.status == "unbounded"


def test_gradients_of_opposite_clients_cancel() -> None:
    """[g* . mean g*] = 0 on every federation: a worst case of an inner product with the mean of a zero-mean family is 0."""
    pep = SymPEP(L=1.0, mu=0.1, N=4)
    x = pep.point()
    pep.assume(norm2(x) <= 1.0, norm2(pep.gstar) <= 1.0)
    assert pep.maximize(inner(mean(pep.gstar), x)).value == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize("zeta", [1e2, 1e4, 1e6, 1e8, 1e12])
def test_a_ratio_that_no_units_repair_is_refused_or_right(zeta: float) -> None:
    """One step does not see zeta: the value is (1 - gamma mu)^2 for every zeta, or there is none."""
    pep = SymPEP(L=1.0, mu=0.1, N=2)
    objective = local_gd(pep, K=1, gamma=0.5, R=1.0, zeta=zeta)
    if zeta < 1e5:
        assert pep.maximize(objective).dual_value == pytest.approx(0.9025, rel=1e-3)
    else:
        with pytest.raises(WorstCaseError, match="stopped short"):
            pep.maximize(objective)
