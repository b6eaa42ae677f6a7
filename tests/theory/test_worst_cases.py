"""Worst cases as federations: the library's own methods reproduce the solver's value on them."""

from __future__ import annotations

import json
from itertools import combinations
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fedmm import Batched, FedAvg, Federation, FedSGD, Samples, solve
from fedmm.errors import DataError, SpecError
from fedmm.testing import check_problem
from theory_checks.interpolated import Interpolated, Triplets, least_on_simplex
from theory_checks.pep import SymPEP, WorstCaseError, norm2
from theory_checks.pep.assemble import Rows, assemble, stacked
from theory_checks.pep.export import realize
from theory_checks.pep.programs.byzantine import byzantine_gd
from theory_checks.pep.programs.fedlin import fedlin
from theory_checks.pep.programs.fedprox import fedprox
from theory_checks.pep.programs.gradient_descent import gd_distance, gd_gap
from theory_checks.pep.programs.local_gd import averaged_iterate, local_gd, sampled_round
from theory_checks.pep.programs.prox_gradient import prox_gradient_gap
from theory_checks.pep.programs.proxskip import proxskip_step
from theory_checks.pep.solve import floats, maximize
from theory_checks.worst_federation import TIGHT, WorstCase, biased, load_worst_case, worst_case

ONE: dict[str, Any] = {"L": 1.0, "mu": 0.1}


def local(K: int, N: Any = 2, *, gamma: float = 0.5, R: float = 1.0, zeta: float = 1.0, **other: Any) -> WorstCase:
    world = {**ONE, "N": N} | {key: other.pop(key) for key in ("L", "mu") if key in other}
    return worst_case(local_gd, {"K": K, "gamma": gamma, "R": R, "zeta": zeta, **other}, **world)


# ---- the values


@pytest.mark.parametrize(("K", "printed"), [(1, 0.90250000), (2, 0.86804298), (3, 0.93866189), (4, 1.11462235), (8, 2.528911)])
@pytest.mark.parametrize("N", [2, 3, 10])
def test_fedavg_reaches_the_worst_case(K: int, printed: float, N: int) -> None:
    case = local(K, N)
    assert len(case.federation) == N
    reached, _ = case.replay(FedAvg(local_steps=K, step=0.5))
    assert abs(reached - case.value) < 1e-8
    assert abs(reached - printed) < 1e-6 if K == 8 else abs(reached - printed) < 1.1e-8
    theta = solve(case.problem, case.federation, FedAvg(local_steps=K, step=0.5), case.theta0, rounds=1, executor=Batched()).theta
    assert abs(float(theta @ theta) - reached) < 1e-12


def test_many_local_steps_end_where_points_crowd() -> None:
    """The clients' last points are close together, where a solver's 1e-10 in a Gram matrix is much."""
    case = local(5, gamma=1.0, zeta=1 / 3, mu=0.3)
    assert abs(case.replay(FedAvg(local_steps=5, step=1.0))[0] - case.value) < 1e-9


@pytest.mark.parametrize(
    ("sizes", "printed"), [((1, 1), 0.8492822), ((1, 2), 0.8566016), ((2, 1), 0.8679887), ((2, 2), 0.8679336)]
)
def test_classes_of_different_curvature(sizes: tuple[int, int], printed: float) -> None:
    case = local(2, sizes, L=(1.0, 0.3))
    reached, _ = case.replay(FedAvg(local_steps=2, step=0.5))
    assert abs(reached - case.value) < 1e-8
    assert abs(reached - printed) < 1e-7
    assert [float(data.L[0]) for data in case.federation] == [1.0] * sizes[0] + [0.3] * sizes[1]


def test_rounds_and_metrics() -> None:
    case = local(2, gamma=0.25, zeta=0.5, rounds=2, metric="gap")
    _, gap = case.replay(FedAvg(local_steps=2, step=0.25), rounds=2)
    assert abs(gap - case.value) < 1e-8
    assert abs(gap - 0.1555847) < 1e-7


def test_gradient_descent_on_its_worst_function() -> None:
    """L R^2 / (4 t + 2) for the gap, mu = 0: a function like Huber's."""
    case = worst_case(gd_gap, {"gamma": 1.0, "t": 3, "zeta": 1.0}, L=1.0, mu=0.0, N=1)
    for method, rounds in ((FedSGD(step=1.0), 3), (FedAvg(local_steps=3, step=1.0), 1)):
        _, gap = case.replay(method, rounds)
        assert abs(gap - 1 / 14) < 1e-8
    strong = worst_case(gd_distance, {"gamma": 1.0, "t": 2, "zeta": 1.0}, **ONE, N=4)
    assert abs(strong.replay(FedSGD(step=1.0), 2)[0] - 0.9**4) < 1e-8


def test_sampling_is_reached_in_expectation() -> None:
    """Every cohort of 2 out of 3 clients, equally likely."""
    case = worst_case(sampled_round, {"K": 2, "gamma": 0.25, "R": 1.0, "zeta": 1.0, "S": 2}, **ONE, N=3)
    total = 0.0
    for cohort in combinations(range(3), 2):
        part = Federation([case.federation[i] for i in cohort])
        theta = solve(case.problem, part, FedAvg(local_steps=2, step=0.25), case.theta0, rounds=1).theta
        total += float(theta @ theta) / comb(3, 2)
    assert abs(total - case.value) < 1e-8
    assert abs(total - 0.9684262) < 1e-7


def test_no_other_federation_does_worse() -> None:
    """The instance is extreme: turning it, or moving its start, only helps."""
    case, rng = local(2), np.random.default_rng(0)
    for _ in range(20):
        turned = case.theta0 + 0.3 * rng.standard_normal(len(case.theta0))
        turned /= np.linalg.norm(turned)
        theta = solve(case.problem, case.federation, FedAvg(local_steps=2, step=0.5), turned, rounds=1).theta
        assert float(theta @ theta) < case.value + 1e-9


def test_what_is_assumed_holds() -> None:
    case = local(3, 5, R=0.7, zeta=0.3)
    origin = np.zeros(len(case.theta0))
    gradients = [case.problem.gradient(data, origin) for data in case.federation]
    assert np.abs(np.sum([data.g[0] for data in case.federation], axis=0)).max() < 1e-14
    assert np.abs(np.sum(gradients, axis=0)).max() < 1e-9  # the worst case is interpolated as well as it was solved
    assert abs(np.mean([g @ g for g in gradients]) - 0.09) < 1e-8
    assert abs(np.linalg.norm(case.theta0) - 0.7) < 1e-8
    assert case.problem.objective(case.federation, origin) == pytest.approx(0.0, abs=1e-9)


# ---- from the minimiser


@pytest.mark.parametrize(("mu", "gamma", "K"), [(0.1, 0.5, 2), (0.1, 0.5, 3), (0.1, 1.0, 5), (0.3, 0.7, 6)])
def test_two_quadratics_attain_the_drift(mu: float, gamma: float, K: int) -> None:
    zeta = 0.7
    case = biased(mu, 1.0, zeta)
    reached, _ = case.replay(FedAvg(local_steps=K, step=gamma))
    closed = 0.5 * zeta * ((1 - (1 - gamma * mu) ** K) / mu - (1 - (1 - gamma) ** K))
    assert abs(np.sqrt(reached) - closed) < 1e-14
    exported = local(K, gamma=gamma, R=0.0, zeta=zeta, mu=mu)
    assert not exported.theta0.any()
    assert abs(exported.value - closed**2) < 1e-7
    assert abs(exported.replay(FedAvg(local_steps=K, step=gamma))[0] - exported.value) < 1e-8


# ---- as a file


def test_a_worst_case_is_a_file(tmp_path: Path) -> None:
    case = local(2, 3)
    again = load_worst_case(case.save(tmp_path / "new" / "case.json"))
    assert again.federation.digest() == case.federation.digest()
    np.testing.assert_array_equal(again.theta0, case.theta0)
    assert (again.value, again.says) == (case.value, case.says)
    assert "K = 2" in again.says
    assert again.replay(FedAvg(local_steps=2, step=0.5)) == case.replay(FedAvg(local_steps=2, step=0.5))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"format": "else"}, "its format is 'else'"),
        ({"theta0": [1.0]}, "of other width"),
        ({"theta0": "x"}, "could not convert"),
        ({"clients": [{}]}, "it has no 'x'"),
    ],
)
def test_files_that_are_no_worst_case(change: dict[str, Any], why: str, tmp_path: Path) -> None:
    path = local(2).save(tmp_path / "case.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(DataError, match=why):
        load_worst_case(path)
    path.write_text("{")
    with pytest.raises(DataError, match="Cannot read a worst case"):
        load_worst_case(path)
    with pytest.raises(DataError, match="No such file"):
        load_worst_case(tmp_path / "none.json")
    with pytest.raises(DataError, match="Cannot write"):
        local(2).save(path / "below")


def test_what_cannot_be_exported_is_refused() -> None:
    with pytest.raises(SpecError, match="got a Step"):
        worst_case(proxskip_step, {"gamma": 1.0, "p": 0.3}, **ONE, N=2)
    with pytest.raises(SpecError, match="without a regulariser"):
        worst_case(prox_gradient_gap, {"gamma": 1.0, "zeta": 1.0}, L=1.0, N=1, regularizer=True)
    with pytest.raises(WorstCaseError, match="unbounded"):
        worst_case(lambda world: norm2(world.grad(world.point())), {}, **ONE, N=2)
    with pytest.raises(SpecError, match="0 <= mu < L"):
        biased(1.0, 1.0, 1.0)
    pep = SymPEP(**ONE, N=2)
    x = pep.point()
    pep.assume(norm2(x) <= 1.0)
    with pytest.raises(SpecError, match="a client below 2"):
        realize(pep, pep.maximize(norm2(x))).vector(x, 2)


# ---- the functions through triplets


def test_the_least_function_takes_its_triplets_and_stays_in_its_class() -> None:
    """Triplets of a quadratic with curvatures in [mu, L] are interpolated; any two places satisfy the class's inequality."""
    rng = np.random.default_rng(1)
    mu, L, d = 0.2, 3.0, 3
    A = np.diag([0.2, 1.0, 3.0])
    x = rng.standard_normal((6, d))
    data = Triplets(x, x @ A, 0.5 * np.einsum("ki,ij,kj->k", x, A, x), np.array([mu]), np.array([L]))
    problem = Interpolated().settle(Federation([data]), ())
    for point, g, F in zip(data.x, data.g, data.F, strict=True):
        assert problem.value(data, point) == pytest.approx(F, abs=1e-12)
        np.testing.assert_allclose(problem.gradient(data, point), g, atol=1e-11)
    places = 2 * rng.standard_normal((30, d))
    values, gradients = problem.value(data, places), problem.gradient(data, places)
    assert values.shape == (30,)
    for i in range(30):
        numeric = [(problem.value(data, places[i] + e) - problem.value(data, places[i] - e)) / 2e-5 for e in 1e-5 * np.eye(d)]
        np.testing.assert_allclose(gradients[i], numeric, atol=1e-8)
        for j in range(30):
            if i != j:
                dx, dg = places[i] - places[j], gradients[i] - gradients[j]
                least = gradients[j] @ dx + (dg @ dg / L + mu * dx @ dx - 2 * mu / L * dg @ dx) / (2 * (1 - mu / L))
                assert values[i] - values[j] >= least - 1e-11


def test_the_laws_of_problems_hold() -> None:
    case = local(3, 3)
    report = str(check_problem(case.problem, case.federation, case.theta0))
    assert "0 fail" in report


PROGRAMS: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
    (local_gd, {"K": 4, "gamma": 0.25, "R": 1.0, "zeta": 0.3, "also_at_start": True}, {**ONE, "N": 3}),
    (local_gd, {"K": 2, "gamma": 0.5, "R": 1.0, "zeta": 1.0}, {"L": (1.0, 0.5, 0.2), "mu": 0.1, "N": (2, 1, 3)}),
    (averaged_iterate, {"K": 2, "gamma": 0.1, "R": 1.0, "zeta": 1.0, "rounds": 2}, {"L": 1.0, "mu": 0.0, "N": 2}),
    (fedlin, {"eta": 0.25, "tau": 2}, {**ONE, "N": 2}),
    (fedprox, {"gamma": 1.0, "zeta": 1.0}, {**ONE, "N": 2}),
    (byzantine_gd, {"gamma": 0.5, "kappa": 0.25}, {**ONE, "N": 5}),
]


@pytest.mark.parametrize(("program", "parameters", "world"), PROGRAMS, ids=[case[0].__name__ for case in PROGRAMS])
def test_realised_worst_cases_meet_every_inequality_to_rounding(
    program: Any, parameters: dict[str, Any], world: dict[str, Any]
) -> None:
    """The solver's matrices violate some by 1e-11; those of the vectors do not, and measure the same."""
    pep = SymPEP(**world)
    measured = program(pep, **parameters)
    result = maximize(pep, measured, ladder=TIGHT)
    found = realize(pep, result)
    M, D = found.mean.T @ found.mean, np.array([U.T @ U for U in found.deviations])

    def left(rows: Rows) -> np.ndarray:
        return np.sum(rows.M * M, (1, 2)) + np.sum(rows.D * D, (1, 2, 3)) + rows.F @ found.F + rows.const

    assert left(floats(assemble(pep))).max() < 1e-14
    assert left(floats(stacked(pep, [measured])))[0] == pytest.approx(result.value, abs=1e-9)


def test_weights_are_optimal_to_rounding() -> None:
    """lambda is optimal exactly if no vertex has a lower cost: also for equal, collinear and many points."""
    rng = np.random.default_rng(0)
    for trial in range(600):
        k, d = int(rng.integers(1, 12)), int(rng.integers(1, 5))
        z = rng.standard_normal((k, d))
        if trial % 3 == 1:
            z[k // 2] = z[0]
        if trial % 3 == 2:
            z = np.round(z)
        h = rng.standard_normal(k) * rng.choice([0.0, 1e-9, 0.1, 1.0])
        x = z[0] if trial % 5 == 0 else 3 * rng.standard_normal(d)
        weights = least_on_simplex(z, h, x)
        costs = (z - x) @ (weights @ (z - x)) + h
        assert (weights >= 0).all()
        assert abs(weights.sum() - 1) < 1e-12
        assert weights @ costs - costs.min() < 1e-12 * (1 + np.abs(z - x).max() ** 2)


def test_data_of_other_kinds_are_refused() -> None:
    one, two = np.zeros((2, 1)), np.zeros(2)
    problem = Interpolated()
    with pytest.raises(DataError, match="expects Triplets for client 0"):
        problem.settle(Federation([Samples(one)]), ())
    with pytest.raises(DataError, match="expects x, g"):
        problem.settle(Federation([Triplets(one, one, np.zeros(3), np.array([0.0]), np.array([1.0]))]), ())
    with pytest.raises(DataError, match="expects mu < L"):
        problem.settle(Federation([Triplets(one, one, two, np.array([1.0]), np.array([1.0]))]), ())
    facts = problem.facts(
        Federation([Triplets(one, one, two, np.array([mu]), np.array([L])) for mu, L in ((0.1, 1.0), (0.3, 2.0))])
    )
    assert (facts.smoothness, facts.strong_convexity) == (2.0, 0.2)


@pytest.mark.parametrize("kept", [-1.0, 0.0, 1.0, float("nan"), "a"])
def test_what_is_kept_is_a_part(kept: Any) -> None:
    with pytest.raises(SpecError, match="Expected kept between 0 and 1"):
        worst_case(local_gd, {"K": 1, "gamma": 0.5, "R": 1.0, "zeta": 1.0}, kept=kept, **ONE, N=2)
