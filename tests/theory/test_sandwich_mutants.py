"""The sandwich must break when the text that runs is not the text that is proved: one number changed, in the batch only."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from theory_checks.pep.batch import Batch

from .sandwich_cases import CASES, Case, Numbers, below, exact, observed


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

    @settings(max_examples=40, derandomize=True, deadline=None, database=None, phases=[Phase.generate])
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
