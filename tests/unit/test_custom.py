"""Families given as CVXPY programs: what is refused and in which words, shapes, libraries, pickling, addresses."""

from __future__ import annotations

import pickle
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import cvxpy as cp
import numpy as np
import pytest

from fedmm import (
    MM,
    CompositionError,
    DataError,
    Federation,
    FedMM,
    Naive,
    Samples,
    SpecError,
    StochasticMM,
    compose,
    load,
    solve,
)
from fedmm.explain import explain
from fedmm.keys import Key
from fedmm.metrics import Field
from fedmm.schedules import InverseSqrt
from fedmm.testing import check_algorithm
from fedmm.types import Batch, HasSurrogate
from problems import Block, Custom, Family
from problems.convex_program import SETTINGS, ConvexProgram, NotSolved
from problems.monotone import monotone

WEIGHTS = f"{Path(__file__).parents[1] / 'contract' / 'family_of_weights.py'}:WEIGHTS"


def surrogate(theta: Any, root: Any, b: Any) -> Any:
    return 0.5 * cp.sum_squares(root @ theta) - b @ theta + 0.05 * cp.sum_squares(theta)


def statistic(data: Samples, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return data.X.T @ data.X / len(data.X), data.X.T @ data.y / len(data.X)


def value(data: Samples, theta: np.ndarray) -> float:
    return 0.5 * float(np.mean((data.y - data.X @ theta) ** 2))


def penalty(theta: np.ndarray) -> float:
    return 0.05 * float(theta @ theta)


RIDGE = Family((Block("theta", 3),), (Block("A", (3, 3), "psd", ("sqrt",)), Block("b", 3)), surrogate, statistic, value, penalty)


class Pair(NamedTuple):
    """Data that are no samples."""

    a: np.ndarray
    b: np.ndarray


def regression(seed: int = 0, sizes: tuple[int, ...] = (6, 6, 8)) -> Federation:
    rng = np.random.default_rng(seed)
    return Federation([Samples(rng.standard_normal((n, 3)), rng.standard_normal(n)) for n in sizes], "samples")


def settled(family: Family, federation: Federation | None = None) -> Any:
    federation = regression() if federation is None else federation
    return Custom(family).settle(federation, (HasSurrogate,))


def scalar(U: Any, sign: Any = "any", S: Any = None, **more: Any) -> Family:
    """A family of one theta and one s, of the sign given."""
    S = S if S is not None else (lambda data, theta: np.mean(data.X**2))
    return Family((Block("theta"),), (Block("s", (), sign),), U, S, lambda data, theta: 0.0, **more)


REFUSED: list[tuple[Family, str]] = [
    (scalar(lambda t, s: -cp.square(t) + s * t), r"not convex by CVXPY's rules \(it is concave\)"),
    (scalar(lambda t, s: s * cp.square(t) - t), "not convex by CVXPY's rules .*declare the signs"),
    (scalar(lambda t, s: cp.square(s * t - 1) * s, "nonneg"), r"not DPP .*forms=\('sqrt',\)"),
    (scalar(lambda t, s: cp.square(t) - s * t + cp.Variable(name="u")), "a variable u besides theta"),
    (scalar(lambda t, s: (cp.square(t), [t >= s])), "constraint depends on s"),
    (scalar(lambda t, s: (cp.square(t) - s * t, [cp.square(t) >= 1])), "is not convex by CVXPY's rules; write it"),
    (scalar(lambda t, s: (cp.square(t) - s * t, ["t >= 0"])), "expected constraints such as theta >= 0, got str"),
    (scalar(lambda t, s: cp.square(t)), "does not use s; leave out the block"),
    (scalar(lambda t, s: 1.0), "expected surrogate to return a scalar CVXPY expression, or .*got float"),
    (scalar(lambda t, s: cp.hstack([t, s])), r"scalar CVXPY expression.*got shape \(2,\)"),
    (scalar(lambda t, s: t @ s), r"surrogate\(theta, s\) raised ValueError.*called with CVXPY variables"),
    (scalar(lambda t, s: (cp.square(t) - s * t, [t >= 1, t <= 0])), "no theta meets the constraints"),
    (scalar(lambda t, s: t - s * t, "nonneg"), "unbounded below at this s"),
    (scalar(lambda t, s: cp.pos(cp.abs(t) - 1) + 0.0 * s * t, "nonneg"), "not unique at the mean statistic"),
    (scalar(lambda t, s: cp.pos(t) + 0.0 * s * t, "nonneg"), "flat direction that goes to infinity"),
    (scalar(lambda t, s: cp.square(t) - s * t, S=lambda data, t: np.nan), "statistic.*of client 0 is not finite"),
    (scalar(lambda t, s: cp.square(t) - s * t, S=lambda data, t: np.ones(2)), r"give 's' of shape \(\), got shape \(2,\)"),
    (scalar(lambda t, s: cp.square(t) - s * t, S=lambda data, t: "a"), "give 's' as numbers, got str"),
    (
        scalar(lambda t, s: cp.square(t) - s * t, S=lambda data, t: data.Z),
        r"statistic raised Attr.*arrays \(6, 3\), \(6,\), \(\)",
    ),
    (replace(RIDGE, statistic=lambda data, t: np.ones(3)), r"return a tuple \(A, b\), got ndarray"),
    (replace(RIDGE, statistic=lambda data, t: (np.triu(np.ones((3, 3))), np.ones(3))), "symmetric 'A', got one that differs"),
    (replace(RIDGE, value=lambda data, t: np.ones(2)), r"expected value to return a number, got shape \(2,\)"),
    (replace(RIDGE, value=lambda data, t: np.nan), "value.*of client 0 is not finite"),
]


@pytest.mark.parametrize(("family", "words"), REFUSED, ids=[words[:30] for _, words in REFUSED])
def test_what_cannot_work_is_refused_before_round_0(family: Family, words: str) -> None:
    with pytest.raises((SpecError, DataError), match=words) as caught:
        settled(family)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Block("A", (2, 3), "psd"), "square shape for the psd block 'A'"),
        (lambda: Block("A", 0), "n >= 1"),
        (lambda: Block("A", (2, 2, 2)), r"\(m, n\)"),
        (lambda: Block("A", 2, "any", ("sqrt",)), "'sqrt' of block 'A' needs the sign 'nonneg' or 'psd'"),
        (lambda: Block("A", 2, forms=()), "at least one form"),
        (lambda: Block("A", 2, "positive"), "Expected Block.sign"),  # type: ignore[arg-type]
        (lambda: replace(RIDGE, s=()), "at least one block of s"),
        (lambda: replace(RIDGE, theta=(Block("b", 3),)), "Two blocks are called 'b'"),
        (lambda: replace(RIDGE, theta=(Block("t", 3, "nonneg", ("log",)),)), "block 't' of theta has forms"),
        (lambda: replace(RIDGE, value=3), "Family.value"),
        (lambda: Custom(RIDGE, accuracy=0.0), r"custom\.accuracy in \(0, 1\)"),
        (lambda: Custom(3), r"custom\.family"),  # type: ignore[arg-type]
        (lambda: Custom("nowhere"), "'package.module:NAME'"),
        (lambda: Custom("nowhere:X"), "No module named 'nowhere'"),
        (lambda: Custom("nowhere.py:X"), "Cannot import"),
        (lambda: Custom("problems.monotone:X"), "no 'X' in problems.monotone"),
        (lambda: Custom("problems.monotone:RIDGE"), "to be a Family, got float"),
    ],
)
def test_bad_declarations_are_refused_where_they_are_made(make: Any, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        make()


def test_without_cvxpy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    with pytest.raises(SpecError, match=r"install fedmm\[cvxpy\]"):
        settled(RIDGE)


def test_a_sharp_minimiser_is_unique_and_a_flat_one_is_not() -> None:
    """|theta| has a kink, theta^4 is flat to third order, and both have one minimiser; max(|theta| - w, 0) has 2w of them."""
    s = np.zeros(1)
    for U in (lambda t, s: cp.abs(t) - s * t, lambda t, s: cp.power(t, 4) - s * t):
        far, near = ConvexProgram("custom", scalar(U)).spread(s, np.ones(1))
        assert near <= 0.3 * far or near < 1e-4
    for width in (1.0, 1e-2):
        flat = scalar(lambda t, s, w=width: cp.pos(cp.abs(t) - w) + cp.square(cp.pos(cp.abs(t) - w)) - s * t)
        far, near = ConvexProgram("custom", flat).spread(s, np.ones(1))
        assert near > 0.3 * far
        assert near == pytest.approx(2 * width, rel=1e-2)


def test_a_solver_that_stops_early_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SETTINGS, "max_iter", 3)
    with pytest.raises(NotSolved, match="custom: the solver ended with user_limit"):
        Custom(WEIGHTS).minimize(np.array([0.2, 0.3, 0.4]))
    with pytest.raises(SpecError, match=r"the solver ended with user_limit\.$"):
        Custom(WEIGHTS).settle(Federation([Samples(np.ones((2, 3)) + np.eye(3)[:2])]), (HasSurrogate,))


def test_a_statistic_outside_its_sign_is_no_answer() -> None:
    problem = settled(RIDGE)
    s = problem.statistic(regression()[0], np.zeros(3))[0]
    with pytest.raises(ArithmeticError, match=r"the block 'A' of s is not psd .*project s first"):
        problem.minimize(-s)
    assert np.isfinite(problem.minimize(problem.project(-s))).all()
    logs = scalar(lambda t, s: cp.square(t) - s * t, "nonneg")
    logs = replace(logs, s=(replace(logs.s[0], forms=("log",)),))
    with pytest.raises(ArithmeticError, match="'log' of the block 's' of s is not finite"):
        settled(logs).minimize(np.zeros(1))


@pytest.mark.parametrize("form", ["itself", "sqrt", "inverse-sqrt", "log"])
def test_forms_are_functions_of_entries_or_of_the_matrix(form: Any) -> None:
    from scipy.linalg import inv, logm, sqrtm

    M = np.cov(np.random.default_rng(0).standard_normal((3, 9)))
    want = {"itself": M, "sqrt": sqrtm(M), "inverse-sqrt": inv(sqrtm(M)), "log": logm(M)}[form]
    block = Block("M", (3, 3), "psd", (form,))
    (found,) = block.parameters(block.flat(M, "here"))
    np.testing.assert_allclose(found, want, atol=1e-12)
    entries = Block("v", 2, "nonneg", (form,))
    (found,) = entries.parameters(np.array([4.0, 9.0]))
    want = {"itself": [4, 9], "sqrt": [2, 3], "inverse-sqrt": [1 / 2, 1 / 3], "log": np.log([4, 9])}[form]
    np.testing.assert_allclose(found, want, rtol=1e-15)


def test_a_family_survives_pickling_and_is_compiled_again() -> None:
    problem = settled(RIDGE)
    s = problem.statistic(regression()[0], np.zeros(3))[0]
    theta = problem.minimize(s)
    copy = pickle.loads(pickle.dumps(problem))
    assert copy == problem
    assert "program" not in copy.__dict__
    np.testing.assert_array_equal(copy.minimize(s), theta)


def test_a_solve_does_not_depend_on_earlier_ones() -> None:
    problem, federation = settled(RIDGE), regression()
    s, t = (problem.statistic(federation[i], np.zeros(3))[0] for i in (0, 2))
    alone = settled(RIDGE).minimize(s)
    problem.minimize(t)[...] = 0.0  # what is handed out is the caller's own
    assert problem.minimize(t).any()
    np.testing.assert_array_equal(problem.minimize(s), alone)


def test_batches_are_means_and_of_samples_or_arrays_only() -> None:
    problem, data = settled(RIDGE), regression()[0]
    whole = problem.statistic(data, np.zeros(3), Batch(99, Key(0)))[0]
    np.testing.assert_array_equal(whole, problem.statistic(data, np.zeros(3))[0])
    with pytest.raises(DataError, match="batches of Samples or of an array"):
        problem.statistic(Pair(data.X, data.X), np.zeros(3), Batch(2, Key(0)))


def test_restrict_projects_onto_the_constraints() -> None:
    problem = Custom(WEIGHTS)
    inside, outside = np.array([0.2, 0.3, 0.5]), np.array([1.2, 0.3, -0.5])
    np.testing.assert_array_equal(problem.restrict(inside), inside)
    np.testing.assert_allclose(problem.restrict(outside), [0.95, 0.05, 0.0], atol=1e-6)
    assert problem.penalty(outside) == np.inf
    assert np.isfinite(problem.penalty(np.stack([inside, inside]))).all()
    np.testing.assert_allclose(problem.start(Federation([Samples(np.ones((2, 3)))])), np.full(3, 1 / 3), atol=1e-8)


# Methods on a family without a lift.


def test_methods_start_without_a_lift() -> None:
    federation, problem = regression(), Custom(RIDGE)
    pairs = [statistic(data, np.zeros(3)) for data in federation]
    A, b = (sum(w * pair[k] for w, pair in zip(federation.weights, pairs, strict=True)) for k in (0, 1))
    star = np.linalg.solve(A + 0.1 * np.eye(3), b)
    for method in (MM(), FedMM(step=1.0), StochasticMM()):
        result = solve(problem, federation, method, rounds=2, progress=False)
        np.testing.assert_allclose(result.theta, star, atol=1e-9)
    with pytest.raises(CompositionError, match="stochastic-mm cannot start custom at theta0: This family has no lift"):
        solve(problem, federation, StochasticMM(step=InverseSqrt(0.5)), rounds=1)
    with pytest.raises(CompositionError, match=r"no lift.*use start='mean'\."):
        solve(problem, federation, FedMM(start="lift"), rounds=1)
    with pytest.raises(ValueError, match="no lift"):
        problem.lift(star)


@pytest.mark.parametrize("method", [FedMM(step=0.5, batch=3, memories="exact"), Naive(step=0.5)], ids=lambda m: m.name)
def test_the_laws_of_methods_hold_on_a_family(method: Any) -> None:
    report = check_algorithm(method, Custom(monotone(3)), regression_labels())
    assert {"repeats", "resumes", "stacks", "batches", "libraries"} <= set(report.laws("holds"))


def test_the_field_of_a_method_without_a_surrogate_is_unknown_without_a_lift() -> None:
    trace = solve(Custom(RIDGE), regression(), Naive(step=0.5), rounds=1, metrics=Field(), progress=False).trace
    assert np.isnan(trace["field"]).all()
    trace = solve(Custom(RIDGE), regression(), FedMM(step=0.5), rounds=1, metrics=Field(), progress=False).trace
    assert np.isfinite(trace["field"]).all()


def test_the_opening_sends_theta_down_and_statistics_up() -> None:
    result = solve(Custom(RIDGE), regression(), FedMM(step=0.5), rounds=1, progress=False)
    np.testing.assert_array_equal(np.diff(result.trace["bits_down"], prepend=0), [64 * 3 * 3, 64 * 9 * 3])
    np.testing.assert_array_equal(np.diff(result.trace["bits_up"], prepend=0), [64 * 9 * 3, 64 * 9 * 3])


def test_a_run_whose_minimiser_is_lost_says_so() -> None:
    """T(s) exists at the start; data that leave s at zero make it unbounded later."""
    family = scalar(
        lambda t, s: cp.pos(t) * 0 + s * cp.square(t) - t, "nonneg", S=lambda data, t: np.float64(t < 0.3), lift=lambda t: 1.0
    )
    result = solve(Custom(family), regression(), MM(), rounds=3, throw=False, progress=False)
    assert result.status.code == "failed"
    assert "custom: the surrogate is unbounded below at this s" in result.status.message


def test_explain_reads_well() -> None:
    text, refusal = explain(compose(Custom(WEIGHTS), Federation([Samples(np.ones((2, 3)))]), FedMM()))
    assert refusal is None
    assert "family_of_weights.py:WEIGHTS" in text
    assert "v_min of custom is unknown (a family given as a program has no constants worked out)" in text
    text, _ = explain(compose(Custom(RIDGE), regression(), FedMM()))
    assert "Family(theta: theta (3,) any; s: A (3, 3) psd, b (3,) any)" in text
    assert "function" not in text


def test_a_run_by_address_can_be_saved_and_done_again(tmp_path: Path) -> None:
    federation = Federation([Samples(np.random.default_rng(i).gamma(2.0, size=(5, 3))) for i in range(2)])
    result = solve(Custom(WEIGHTS), federation, FedMM(step=0.5), rounds=2, progress=False)
    result.save(tmp_path / "run")
    again = load(tmp_path / "run", federation)
    assert again.parts.problem == Custom(WEIGHTS)
    inline = solve(Custom(monotone(3)), regression_labels(), FedMM(step=0.5), rounds=1, progress=False)
    with pytest.raises(SpecError, match=r"custom\.family holds a Family, which cannot be written to a recipe"):
        inline.save(tmp_path / "other")


def regression_labels() -> Federation:
    return Federation([Samples(data.X, np.sign(data.y)) for data in regression()])
