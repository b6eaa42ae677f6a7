"""Penalties: the prox minimises, lift inverts it, restrict projects, in every library and dtype; bad input is refused."""

from __future__ import annotations

import math
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fedmm import FedMM, load, solve
from fedmm.catalog import entries
from fedmm.errors import DataError, SpecError
from fedmm.penalty import Penalty
from fedmm.spec import parse, spell
from fedmm.testing.support import other_libraries
from problems import L1, Box, ElasticNet, GroupLasso, LeastSquares, Logistic
from problems.data import federation
from problems.penalties import CATALOG, chosen

PENALTIES: tuple[Penalty, ...] = (
    L1(0.0),
    L1(0.7),
    ElasticNet(0.5, 0.3),
    ElasticNet(0.0, 2.0),
    Box(),
    Box(-1.0, 0.5),
    Box(low=-math.inf, high=1.0),
    Box(-math.inf, math.inf),
    GroupLasso(0.8, 2),
    GroupLasso(0.8, 6),
    GroupLasso(0.0, 1),
)

points = arrays(np.float64, 6, elements=st.floats(-5, 5, allow_subnormal=False) | st.sampled_from([0.0, 0.7, -0.7, 0.5]))
steps = st.floats(0.05, 20.0)


def test_every_penalty_is_looked_at() -> None:
    assert {type(g) for g in PENALTIES} == set(CATALOG)
    assert set(entries("penalty").values()) == set(CATALOG)


@pytest.mark.parametrize("g", PENALTIES, ids=str)
@given(v=points, step=steps, seed=st.integers(0, 10**6))
def test_the_prox_minimises(g: Penalty, v: np.ndarray, step: float, seed: int) -> None:
    """By strong convexity: P(u) >= P(prox) + (1/step + mu_g)/2 |u - prox|^2 for every u, also where g is infinite."""
    best = g.prox(v, step)
    rng = np.random.default_rng(seed)

    def P(u: np.ndarray) -> float:
        return float(g.value(u)) + float((u - v) @ (u - v)) / (2 * step)

    for scale in (1e-3, 0.1, 3.0):
        for u in (best + scale * rng.standard_normal(6), g.restrict(best + scale * rng.standard_normal(6))):
            growth = 0.5 * (1 / step + g.strong_convexity) * float((u - best) @ (u - best))
            assert P(best) + growth <= P(u) + 1e-11 * (1 + P(best))


@pytest.mark.parametrize("g", PENALTIES, ids=str)
@given(v=points, step=steps)
def test_lift_inverts_the_prox_and_restrict_is_a_projection(g: Penalty, v: np.ndarray, step: float) -> None:
    theta = g.prox(v, step)
    assert np.isfinite(g.value(theta))
    np.testing.assert_allclose(g.prox(g.lift(theta, step), step), theta, rtol=1e-13, atol=1e-13)
    np.testing.assert_array_equal(g.restrict(g.restrict(v)), g.restrict(v))
    np.testing.assert_array_equal(g.restrict(theta), theta)
    assert np.isfinite(g.value(g.restrict(v)))
    c = g.shrinkage(step)
    if c is not None:
        np.testing.assert_allclose(theta, c * v, rtol=1e-15, atol=0)


@pytest.mark.parametrize("g", PENALTIES, ids=str)
def test_strong_convexity_is_the_largest(g: Penalty) -> None:
    """The prox of a mu-strongly convex g contracts by 1/(1 + step mu), and far from the kinks no more than that."""
    rng = np.random.default_rng(0)
    v, move = np.full(6, 0.25), 1e-3 * rng.standard_normal(6)
    far = v if isinstance(g, Box) else 1e6 * rng.standard_normal(6)
    ratio = np.linalg.norm(g.prox(far + move, 0.1) - g.prox(far, 0.1)) / np.linalg.norm(move)
    assert ratio == pytest.approx(1 / (1 + 0.1 * g.strong_convexity), rel=1e-4)


def evaluated(g: Penalty, theta: Any) -> Iterator[tuple[str, Any]]:
    inside = g.restrict(theta)
    yield from {
        "value": g.value(theta),
        "prox": g.prox(theta, 0.3),
        "lift": g.lift(inside, 0.3),
        "restrict": inside,
    }.items()


@pytest.mark.parametrize("g", PENALTIES, ids=str)
def test_libraries_dtypes_and_the_leading_axis(g: Penalty) -> None:
    block = np.random.default_rng(1).standard_normal((3, 6)) * np.array([1.0, 0.0, 5.0])[:, None]
    want = dict(evaluated(g, block))
    for k, row in enumerate(block):
        for name, one in evaluated(g, row):
            np.testing.assert_allclose(one, want[name][k], rtol=1e-15)
    for name, one in evaluated(g, block.astype(np.float32)):
        assert one.dtype == np.float32, name
    for library, there in other_libraries(block):
        for name, one in evaluated(g, there):
            assert type(one) is type(there), (library, name)
            np.testing.assert_allclose(np.asarray(one), want[name], rtol=1e-14, atol=1e-15)
    assert pickle.loads(pickle.dumps(g)) == g
    assert parse("penalty", spell(g)) == g


def test_a_block_goes_to_zero_exactly_at_the_threshold() -> None:
    v = np.array([0.6, 0.8, 3.0, 4.0])  # norms 1 and 5
    for weight, kept in ((0.99, 0.01), (1.0, 0.0), (1.01, 0.0)):
        want = np.concatenate([kept * v[:2], (1 - weight / 5) * v[2:]])
        np.testing.assert_allclose(GroupLasso(weight, 2).prox(v, 1.0), want, rtol=1e-12, atol=1e-15)
        assert np.any(GroupLasso(weight, 2).prox(v, 1.0)[:2]) == (kept > 0)


def test_the_box_allows_for_rounding_and_no_more() -> None:
    for dtype in (np.float32, np.float64):
        eps = np.finfo(dtype).eps
        edge = np.full(2, 3.0, dtype)
        assert Box(0.1, 3.0).value(edge * (1 + 8 * eps)) == 0
        assert Box(0.1, 3.0).value(edge * (1 + 1000 * eps)) == np.inf
        assert Box().value(np.array([-1e-300], dtype=np.float64)) == np.inf
        with pytest.raises(ValueError, match=r"in the box \[0.1, 3\]; use restrict"):
            Box(0.1, 3.0).lift(edge * 2, 1.0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: L1(-1.0), r"Expected l1.weight >= 0 and finite, got -1"),
        (lambda: L1(math.nan), "got nan"),
        (lambda: ElasticNet(0.1, math.inf), "elastic-net.l2 >= 0 and finite, got inf"),
        (lambda: Box(1.0, 0.0), "box.low <= box.high"),
        (lambda: Box(math.nan, 0.0), "box.low <= box.high"),
        (lambda: Box(math.inf, math.inf), "with a number between them"),
        (lambda: GroupLasso(0.1, 0), "group-lasso.size >= 1, got 0"),
        (lambda: GroupLasso(0.1, 2).prox(np.ones(5), 1.0), "blocks of group-lasso.size = 2, got length 5"),
        (lambda: chosen("least-squares", 0.1, Box()), r"has both l1=0.1 and g=box \[0, inf\]"),
        (lambda: LeastSquares(g="l1"), "Expected least-squares.g to be a Penalty or None, got 'l1'"),  # type: ignore[arg-type]
    ],
)
def test_bad_input_is_refused(make: Any, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        make()


def test_a_wrong_length_is_refused_before_the_run() -> None:
    data = federation("diabetes", "iid", clients=3)
    with pytest.raises(SpecError, match="size = 3, got length 10; choose a divisor"):
        solve(LeastSquares(g=GroupLasso(0.1, 3)), data, FedMM(step=0.5), rounds=1)
    with pytest.raises(DataError, match=r"inside the domain of least-squares.*restrict"):
        solve(LeastSquares(g=Box()), data, FedMM(step=0.5), theta0=-np.ones(10), rounds=1)


def test_facts_of_a_ridge_as_penalty() -> None:
    """The gradient surrogate of f + b/2 |theta|^2 with c = 1/(1 + rho b)."""
    data = federation("diabetes", "iid", clients=3)
    facts = LeastSquares(g=ElasticNet(0.0, 0.5), rho=0.2).facts(data)
    assert facts.v_min == facts.v_max == pytest.approx(5.0 / 1.1)
    assert facts.smoothness is not None
    assert facts.composite_smoothness == pytest.approx((facts.smoothness + 0.5) / 1.21)
    kinks = Logistic(g=GroupLasso(0.1, 10)).facts(federation("breast-cancer", "iid", clients=3))
    assert kinks.v_min is None
    assert "group lasso 0.1 on blocks of 10" in kinks.notes["v_min"]


def test_a_recipe_keeps_the_penalty(tmp_path: Path) -> None:
    data = federation("diabetes", "iid", clients=3)
    result = solve(LeastSquares(g=GroupLasso(0.05, 5)), data, FedMM(step=0.5), rounds=3)
    result.save(str(tmp_path / "run"))
    again = load(str(tmp_path / "run"), data)
    assert again.problem == result.problem
    assert again.problem.g == GroupLasso(0.05, 5)
