"""Every problem of the catalog obeys the laws, and the laws refuse broken problems."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from runpy import run_path
from typing import Any

import numpy as np
import pytest

from fedmm.keys import Key
from fedmm.testing.cases import Case
from fedmm.testing.problems import LAWS, check_problem
from fedmm.types import Batch
from problems import CATALOG, Logistic, Quadratic
from problems.penalties import l1_prox

CASES = run_path(str(Path(__file__).with_name("problem_cases.py")))
EXAMPLES: dict[str, Callable[[], Any]] = dict(CASES["EXAMPLES"])
for more in sorted(Path(__file__).parent.glob("problem_cases_*.py")):
    EXAMPLES |= run_path(str(more))["EXAMPLES"]


def test_every_problem_has_an_example() -> None:
    assert {type(make().problem) for make in EXAMPLES.values()} == set(CATALOG)
    assert len({problem.name for problem in CATALOG}) == len(CATALOG)


def test_every_problem_is_held_against_software_that_nobody_here_wrote() -> None:
    tests = " ".join(path.read_text(encoding="utf-8") for path in Path(__file__).parents[1].glob("agreement/test_*.py"))
    assert [problem.__name__ for problem in CATALOG if f"{problem.__name__}(" not in tests] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_laws(name: str) -> None:
    problem, federation, theta, outside = EXAMPLES[name]()
    check_problem(problem, federation, theta, outside=outside)


def logistic(**oracles: Any) -> Case:
    """Logistic regression with some methods replaced by wrong ones."""
    problem = type("Broken", (Logistic,), oracles)(ridge=0.1, l1=0.05)
    return Case(problem, CASES["regression"](labels=True))


def first_rows(self: Any, data: Any, theta: Any, batch: Batch | None = None) -> Any:
    size = None if batch is None else batch.size
    return Logistic.gradient(self, type(data)(data.X[:size], data.y[:size]), theta)


def same_key_differs(self: Any, data: Any, theta: Any, batch: Batch | None = None) -> Any:
    key = Key(int(np.random.default_rng().integers(2**60)))
    return Logistic.gradient(self, data, theta, None if batch is None else Batch(batch.size, key))


BROKEN: list[tuple[str, dict[str, Any]]] = [
    ("touches", {"majorizer": lambda s, d, t, a: Logistic.majorizer(s, d, t, a) + 1e-9}),
    ("touches", {"majorizer": lambda s, d, t, a: Logistic.majorizer(s, d, t, a) + 1e-5 * (t - a).sum(-1)}),
    ("majorises", {"majorizer": lambda s, d, t, a: Logistic.majorizer(s, d, t, a) - ((t - a) ** 2).sum(-1) / s.rho / 2}),
    ("minimises", {"minimize": lambda s, x, start=None: 1.01 * Logistic.minimize(s, x)}),
    ("minimises", {"statistic": lambda s, d, t, b=None, warm=None: (t + s.rho * s.gradient(d, t, b), None)}),
    ("lifts", {"lift": lambda s, t: t}),
    ("lifts", {"lift": lambda s, t: Logistic.lift(s, np.nan_to_num(t))}),
    ("gradients", {"gradient": lambda s, d, t, b=None: Logistic.gradient(s, d, t, b) * (1 + 1e-5)}),
    ("gradients", {"hessian": lambda s, d, t: Logistic.hessian(s, d, t) * (1 + 1e-5)}),
    ("proximal", {"prox": lambda s, t, step: l1_prox(t, 0.9 * step * s.l1)}),
    ("leading_axis", {"value": lambda s, d, t: Logistic.value(s, d, t).mean()}),
    ("leading_axis", {"gradient": lambda s, d, t, b=None: Logistic.gradient(s, d, t, b).mean(0, keepdims=t.ndim > 1)}),
    ("batches", {"gradient": first_rows}),
    ("batches", {"gradient": same_key_differs}),
    ("batches", {"gradient": lambda s, d, t, b=None: Logistic.gradient(s, d, t, b) * (1.0 if b is None else 1.1)}),
    ("projects", {"project": lambda s, x: 0.9 * x}),
    ("projects", {"project": lambda s, x: np.where(np.abs(x) < 10, x, 3 * x)}),
    ("pickles", {"__reduce__": lambda s: (Logistic, (0.2, s.l1, s.surrogate, s.rho))}),
    ("keeps_float32", {"gradient": lambda s, d, t, b=None: Logistic.gradient(s, d, t, b) * np.float64(1.0)}),
    ("descends", {"statistic": lambda s, d, t, b=None, warm=None: (t - 30.0 * s.rho * s.gradient(d, t, b), None)}),
    ("descends", {"minimize": lambda s, x, start=None: 1.5 * Logistic.minimize(s, x)}),
    ("centralises", {"minimize": lambda s, x, start=None: Logistic.minimize(s, x) + (0.0 if start is None else 1e-6 * start)}),
    ("centralises", {"project": lambda s, x: x + 1e-6}),
    ("same_on_array_api_strict", {"prox": lambda s, t, step: t if type(t) is np.ndarray else 1.001 * t}),
]


@pytest.mark.parametrize(("law", "oracles"), BROKEN, ids=[f"{law}-{'-'.join(oracles)}" for law, oracles in BROKEN])
def test_laws_refuse_broken_oracles(law: str, oracles: dict[str, Any]) -> None:
    if law.startswith("same_on"):
        pytest.importorskip("array_api_strict")
    with pytest.raises(AssertionError, match=r"differ|>|expected|draws"):
        LAWS[law](logistic(**oracles))


def test_laws_refuse_a_step_that_does_not_majorise() -> None:
    case = Case(Logistic(rho=100.0), CASES["regression"](labels=True))
    with pytest.raises(AssertionError, match="majorizer"):
        LAWS["majorises"](case)


@pytest.mark.parametrize(
    ("law", "change"),
    [
        ("smooth", {"smoothness": 0.5}),
        ("smooth", {"strong_convexity": 3.0}),
        ("smooth", {"hessian_lipschitz": -1.0}),
        ("curved", {"v_min": 1.001}),
        ("curved", {"v_max": 0.999}),
        ("curved", {"composite_smoothness": 0.2}),
        ("fields", {"field_lipschitz": 0.3}),
        ("bounded", {"optimum": 0.99}),
        ("bounded", {"lower_bound": 0.99}),
        ("explains", {"v_min": None}),
    ],
)
def test_laws_refuse_wrong_facts(law: str, change: dict[str, float | None]) -> None:
    case = Case(Quadratic(ridge=0.3), CASES["quadratics"]())
    true = case.facts
    wrong: dict[str, Any] = {"notes": {}}
    for name, factor in change.items():
        value = getattr(true, name)
        if factor is None:
            wrong[name] = None
        else:
            wrong[name] = tuple(factor * one for one in value) if isinstance(value, tuple) else factor * (value or 1.0)
    LAWS[law](case)
    case.__dict__["facts"] = replace(true, **wrong)  # what the cached property would hold
    with pytest.raises(AssertionError):
        LAWS[law](case)


def test_law_of_noise_refuses_a_small_variance() -> None:
    case = Case(Logistic(), CASES["regression"](labels=True))
    LAWS["noisy"](case)
    case.__dict__["facts"] = replace(case.facts, oracle_variance=tuple(0.01 * v for v in case.facts.oracle_variance))
    with pytest.raises(AssertionError, match="variance"):
        LAWS["noisy"](case)
