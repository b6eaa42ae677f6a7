"""`theorem`: what a program becomes, and what is said where it does not fit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st

from fedmm import SpecError
from theory_checks.claim import Status
from theory_checks.pep import mean, norm2
from theory_checks.pep.programs import Step
from theory_checks.theorem import theorem
from theory_checks.verify import examine

GRID = {"gamma": [0.5, 1.0, 1.5], "mu": [0.1, 0.5]}


def rate(gamma: float, mu: float) -> float:
    return max((1 - gamma * mu) ** 2, (1 - gamma) ** 2)


def faster(gamma: float, mu: float) -> float:
    return rate(gamma, mu) ** 1.1


def distance(world: Any, gamma: float) -> Any:
    """|x+ - x*|^2 <= max((1 - gamma mu)^2, (1 - gamma L)^2) for |x - x*| <= 1."""
    x = world.point()
    world.assume(norm2(x) <= 1.0)
    return norm2(x - gamma * mean(world.grad(x)))


def contraction(world: Any, gamma: float) -> Any:
    """V+ <= rho V."""
    x = world.point()
    return Step([norm2(x)], [norm2(x - gamma * mean(world.grad(x)))], norm2(x))


def made(program: Any, **changes: Any) -> Any:
    parts: dict[str, Any] = {"reference": "textbook", "promised": rate, "mutant": ("faster", faster), "setting": GRID}
    return theorem(**(parts | changes))(program)


@pytest.mark.parametrize(("program", "engine"), [(distance, "pep"), (contraction, "lyapunov")])
def test_one_text_becomes_a_claim(program: Any, engine: str) -> None:
    claim = made(program, kind="tight", tags=("mine",))
    assert claim.name == program.__name__
    assert claim.statement == (program.__doc__ or "").strip()
    assert claim.status is Status.MINE
    assert list(claim.engines) == ["batch", engine]
    assert claim.factor is (engine == "lyapunov")
    assert len(claim.extremes) == 4
    found = examine(claim)
    assert found.holds is True
    assert found.attained is True
    assert found.own[0].overlooked == ()


@pytest.mark.parametrize("program", [distance, contraction])
def test_a_false_theorem_is_refuted(program: Any) -> None:
    found = examine(made(program, promised=faster, mutant=("faster still", faster)))
    assert found.holds is False
    assert found.counterexample is not None
    setting = found.counterexample.setting
    assert found.counterexample.measured == pytest.approx(rate(**setting), rel=1e-5)


def test_instances_come_near_the_worst_case_and_not_beyond() -> None:
    """Quadratics of curvature mu and L are the worst case here, so that the two interpreters of the text meet."""
    for claim in (made(distance), made(contraction)):
        for trial in examine(claim).trials:
            batch, worst = trial.measured.values()
            assert batch == pytest.approx(worst, rel=1e-3)
            assert batch <= worst * (1 + 1e-6)


def drift(world: Any, gamma: float) -> Any:
    """Two local steps from the solution drift by gamma^2/2 where mu = 0."""
    world.assume(norm2(world.gstar) <= 1.0)
    y = world.origin - gamma * world.grad(world.origin)
    return norm2(mean(y - gamma * world.grad(y)))


def test_small_worst_cases_are_exact_relatively() -> None:
    """They span seven powers of ten; the solver alone is right to 1e-8."""

    def half(gamma: float) -> float:
        return gamma**4 / 4

    def third(gamma: float) -> float:
        return gamma**4 / 9

    claim = theorem(
        reference="mine", promised=half, mutant=("1/2 -> 1/3", third), setting={"gamma": [0.02, 0.1, 1.0]}, kind="tight"
    )
    found = examine(claim(drift))
    assert found.holds is True
    for trial in found.trials:
        assert trial.measured["pep"] == pytest.approx(trial.promised, rel=1e-6)


def robust(world: Any, gamma: float) -> Any:
    """With a minimum in an assumption, which only the worst case understands."""
    x = world.point()
    world.assume(norm2(x) <= 1.0, world.minimum([norm2(x), norm2(x)]) <= 1.0)
    return norm2(x - gamma * mean(world.grad(x)))


def test_what_instances_do_not_understand_is_left_to_the_worst_case() -> None:
    assert list(made(robust).engines) == ["pep"]


def test_conditions_restrict_the_grid_and_refuse_others() -> None:
    def short(gamma: float) -> bool:
        return gamma <= 1

    claim = made(distance, where=[("gamma <= 1/L", short)])
    found = examine(claim, 30)
    assert {trial.setting["gamma"] for trial in found.trials} == {0.5, 1.0}
    with pytest.raises(SpecError, match=r"needs gamma <= 1/L, got gamma = 1\.5"):
        claim.check({"gamma": 1.5, "mu": 0.1})


def test_a_step_too_long_is_undecided_not_a_rate() -> None:
    found = examine(made(contraction, setting={"gamma": [3.0], "mu": [0.1]}))
    assert found.holds is None
    assert "No Lyapunov function of this span certifies a rate of 1" in found.why


def test_values_may_be_drawn() -> None:
    claim = made(distance, setting={"gamma": st.floats(0.1, 1.9), "mu": [0.1]})
    assert claim.extremes == ()
    found = examine(claim, 10)
    assert found.holds is True
    assert len(found.trials) > 5


def test_many_corners_are_thinned_out() -> None:
    grid = GRID | {f"a{k}": [0, 1] for k in range(5)}
    extremes = made(distance, setting=grid).extremes
    assert len(extremes) == 32
    assert all({setting[name] for setting in extremes} == {values[0], values[-1]} for name, values in grid.items())


def nameless(world: Any, gamma: float) -> Any:
    return None


def nothing(world: Any, gamma: float) -> Any:
    """Returns nothing."""


def vector(world: Any, gamma: float) -> Any:
    """Forgets the norm."""
    return world.point()


def more(world: Any, gama: float) -> Any:
    """Misspelt."""


def wrong(world: Any, gamma: float) -> Any:
    """Asks for what it must not."""
    world.assume(3)


@pytest.mark.parametrize(
    ("program", "changes", "message"),
    [
        (nameless, {}, "The theorem 'nameless' has no docstring"),
        (nothing, {}, "The program returned nothing"),
        (vector, {}, "The program returned a Vector; return what is measured"),
        (more, {}, "program of theorem 'more' takes 'gama', which the setting has not. Did you mean 'gamma'"),
        (wrong, {}, "cannot be run: Expected an inequality"),
        (distance, {"setting": {"gamma": [0.5]}}, "mutant takes 'mu', which the setting has not"),
        (distance, {"setting": GRID | {"mu": []}}, "Expected the values of 'mu' in the setting as a list or a strategy"),
        (
            distance,
            {"setting": GRID | {"mu": 0.1}},
            "'mu' in the setting as a list or a strategy, got 0.1",
        ),
        (distance, {"setting": GRID | {"mu": [2.0, 3.0]}}, "cannot be run"),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_written(program: Any, changes: dict, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        made(program, **changes)
