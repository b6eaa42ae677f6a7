"""observed <= exact worst case <= published bound, for every program and every claim that have the parts.

Everything is derandomised; parameters are on grids, so that a worst case is solved once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from time import perf_counter
from typing import Any

import pytest
from hypothesis import assume, given, settings, target
from hypothesis import strategies as st

from theory_checks.claim import CLASSES, INSTANCES, Claim
from theory_checks.claims import claims
from theory_checks.pep import SymPEP
from theory_checks.pep.batch import Batch

from .sandwich_cases import CASES, STEPS, Case, Numbers, every_program, exact, observed, searched

RTOL = 1e-6
"""What solver and rounding may cost."""

VALUES = [case for case in CASES if case.program not in STEPS]
RATES = [case for case in CASES if case.program in STEPS]
COVERED = [c for c in claims().values() if set(c.engines) & set(INSTANCES) and set(c.engines) & set(CLASSES)]


def drawn(examples: int) -> settings:
    return settings(max_examples=examples, derandomize=True, deadline=None, database=None)


def below(small: float, large: float) -> bool:
    return small <= large + RTOL * abs(large)


def values_are_sandwiched(case: Case, world: Numbers, parameters: Numbers, seed: int) -> None:
    worst, seen = exact(case.program, world, parameters), observed(case.program, world, parameters, seed)
    target(seen / worst.dual_value)
    assert below(seen, worst.dual_value), f"{case.name}: a federation has {seen}, above the worst case {worst.dual_value}"
    assert worst.value == pytest.approx(worst.dual_value, rel=RTOL, abs=1e-7)
    if case.published is not None:
        bound = case.published(**dict(world), **dict(parameters))
        assert below(worst.value, bound), f"{case.name}: the worst case {worst.value} is above the published {bound}"


@pytest.mark.parametrize("case", VALUES, ids=lambda case: case.name)
def test_values(case: Case) -> None:
    @drawn(25)
    @given(st.sampled_from(case.points()), st.integers(0, 7))
    def check(point: tuple[Numbers, Numbers], seed: int) -> None:
        values_are_sandwiched(case, *point, seed)

    check()


@pytest.mark.parametrize("case", RATES, ids=lambda case: case.name)
def test_rates(case: Case) -> None:
    """No federation shrinks the Lyapunov function found more slowly than its rate, or has it below its target."""

    @drawn(8)
    @given(st.sampled_from(case.points()), st.integers(0, 7))
    def check(point: tuple[Numbers, Numbers], seed: int) -> None:
        world, parameters = point
        found = searched(case.program, world, parameters)
        batch = Batch(**dict(world), seed=seed)
        step = case.program(batch, **dict(parameters))
        p = found.p.tolist()
        seen = batch.worst_factor(step.now, step.after, p)
        target(seen / found.rate)
        assert below(seen, found.rate), f"{case.name}: a federation has the factor {seen}, above the rate {found.rate}"
        assert below(batch.worst_ratio(step.target, batch.weighted(p, step.now)), 1.0)
        if case.published is not None:
            assert below(found.rate, case.published(**dict(world), **dict(parameters)) + 2.0**-16)

    check()


def test_every_program_is_here() -> None:
    assert {case.program.__name__ for case in CASES} == every_program()


@pytest.mark.parametrize("claim", COVERED, ids=lambda claim: claim.name)
def test_claims(claim: Claim) -> None:
    """The engines of one claim among each other: instances below classes below the promise (above, for a lower bound)."""

    @drawn(8)
    @given(claim.setting)
    def check(setting: dict[str, Any]) -> None:
        measured = {name: engine(**setting) for name, engine in claim.engines.items()}
        sign = -1 if claim.kind == "lower" else 1
        instances = max(sign * v for name, v in measured.items() if name in INSTANCES)
        classes = min(sign * v for name, v in measured.items() if name in CLASSES)
        room = claim.rtol * abs(classes) + claim.atol + RTOL * abs(classes)
        assert instances <= classes + room, f"{claim.name}: {measured}"
        assert claim.holds(claim.promised(**setting), sign * classes), f"{claim.name}: {measured}"

    check()


def test_there_are_claims_to_sandwich() -> None:
    assert len(COVERED) >= 5


# ---- the sandwich must break when the text that runs is not the text that is proved


@cache
def by_name() -> dict[str, Case]:
    return {case.name: case for case in CASES}


def changed(value: Any, factor: float) -> Any:
    """A number times the factor; an integer one up or down."""
    if isinstance(value, tuple):
        return tuple(changed(v, factor) for v in value)
    return value + (1 if factor > 1 else -1) if isinstance(value, int) else value * factor


MUTANTS = [
    *[("local_gd", name, factor) for name, factor in [("gamma", 0.9), ("gamma", 1.1), ("zeta", 2.0), ("R", 1.1), ("K", 2.0)]],
    *[("local_gd", name, factor) for name, factor in [("L", 1.1), ("mu", 0.9)]],
    *[("local_gd-beyond", name, factor) for name, factor in [("gamma", 0.9), ("gamma", 1.1), ("rounds", 0.5)]],
    *[("local_gd-classes", name, factor) for name, factor in [("L", 1.1), ("zeta", 1.1), ("gamma", 0.9)]],
    *[("sampled_round", name, factor) for name, factor in [("S", 0.5), ("zeta", 1.1), ("gamma", 1.1)]],
    *[("sampled_round-bernoulli", name, factor) for name, factor in [("p", 0.9), ("zeta", 1.1)]],
    *[("averaged_iterate", name, factor) for name, factor in [("K", 0.5), ("R", 1.1)]],
    *[("stationarity", name, factor) for name, factor in [("Delta", 1.1), ("rounds", 0.5)]],
    *[("sgd", name, factor) for name, factor in [("gamma", 1.1), ("v", 1.1), ("mu", 0.9)]],
    *[("fedprox", name, factor) for name, factor in [("gamma", 0.9), ("a", 1.1)]],
    *[("fedlin-3", name, factor) for name, factor in [("eta", 0.9), ("tau", 0.5)]],
    *[("byzantine_gd", name, factor) for name, factor in [("kappa", 1.1), ("gamma", 0.9), ("gamma", 1.1)]],
    *[("proxskip_factor", name, factor) for name, factor in [("p", 0.9), ("gamma", 0.9), ("gamma", 1.1)]],
    *[("diana_factor-2-1.0", name, factor) for name, factor in [("omega", 1.1), ("gamma", 0.9), ("c", 1.1)]],
    *[("fedmm_factor", name, factor) for name, factor in [("gamma", 0.9), ("p", 0.9)]],
    *[("fedmm_factor-regularised", name, factor) for name, factor in [("S", 0.5), ("a", 1.1), ("omega", 1.1)]],
    *[("ef21_factor", name, factor) for name, factor in [("delta", 0.9), ("gamma", 1.1)]],
    *[("scaffold_factor", name, factor) for name, factor in [("K", 0.5), ("b", 1.1), ("gamma", 0.9)]],
]


@pytest.mark.parametrize(("name", "parameter", "factor"), MUTANTS, ids=lambda value: str(value))
def test_another_text_breaks_the_sandwich(name: str, parameter: str, factor: float) -> None:
    """The batch runs with one number changed; some point of the grid shows it."""
    case = by_name()[name]

    @drawn(40)
    @given(st.sampled_from(case.points()))
    def check(point: tuple[Numbers, Numbers]) -> None:
        world, parameters = point
        other = {key: changed(v, factor) if key == parameter else v for key, v in parameters}
        elsewhere = {key: changed(v, factor) if key == parameter else v for key, v in world}
        assume(all(other.get(count, 1) >= 1 for count in ("S", "K", "rounds", "tau")))
        seen = observed(case.program, tuple(elsewhere.items()), tuple(other.items()), 0)
        assert below(seen, exact(case.program, world, parameters).dual_value)

    with pytest.raises(AssertionError):
        check()


def forgets_the_mean(program: Callable[..., Any]) -> Callable[..., Any]:
    """The program with one client's vector in place of the mean: a batch whose average is wrong."""

    def run(batch: Batch, **parameters: Any) -> Any:
        batch.share = batch.share[::-1] ** 2 / (batch.share**2).sum()
        return program(batch, **parameters)

    return run


def test_wrong_weights_break_the_sandwich() -> None:
    """In two classes of 10 and 90 clients, averaging with the wrong shares is seen."""
    case = by_name()["local_gd-classes"]
    world = (("L", (1.0, 0.3)), ("mu", (0.1, 0.1)), ("N", (10, 90)))
    parameters = (("K", 3), ("gamma", 1.0), ("R", 1.0), ("zeta", 1.0))
    seen = observed(forgets_the_mean(case.program), world, parameters, 0)
    assert not below(seen, exact(case.program, world, parameters).dual_value)


def test_two_hundred_examples_take_two_seconds() -> None:
    case = by_name()["local_gd"]
    points = case.points()[:: len(case.points()) // 200][:200]
    exact(case.program, *points[0])  # loads the solver
    start = perf_counter()
    for world, parameters in points:
        pep, batch = SymPEP(**dict(world)), Batch(**dict(world), seed=1)
        worst = pep.maximize(case.program(pep, **dict(parameters)))
        assert below(batch.worst(case.program(batch, **dict(parameters))), worst.dual_value), parameters
    assert perf_counter() - start < 2.0
