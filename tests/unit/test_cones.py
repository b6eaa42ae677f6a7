"""Projections onto cones of moments: the variational inequality, edge cases, and float32."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from problems.cones import project_rotated, project_shared


def flat(x: np.ndarray, w: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.concatenate([np.atleast_1d(x), w, np.atleast_1d(y)])


@given(st.integers(0, 10**6), st.sampled_from([1e-6, 1.0, 1e6]), st.integers(1, 5))
def test_shared_projections_meet_the_variational_inequality(seed: int, size: float, p: int) -> None:
    """The projection P of z onto a closed convex cone: P in it, <z - P, P> = 0, <z - P, v> <= 0 for v in the cone."""
    rng = np.random.default_rng(seed)
    z = [size * rng.standard_normal(shape) * 10.0 ** rng.uniform(-3, 1, shape) for shape in ((), (p,), (p,))]
    t, w, y = project_shared(*z)
    norm = float(np.linalg.norm(flat(*z)))
    assert t >= 0
    assert y.min() >= 0
    assert (2 * t * y - w * w).min() >= -1e-13 * norm**2
    residual = flat(*z) - flat(t, w, y)
    assert abs(residual @ flat(t, w, y)) <= 1e-12 * norm**2
    for _ in range(200):
        moments = rng.standard_normal((3, p)) * 10.0 ** rng.uniform(-3, 3)
        inside = flat(np.array(3.0), 2.0**0.5 * moments.sum(axis=0), (moments**2).sum(axis=0))
        assert residual @ inside <= 1e-11 * norm * np.linalg.norm(inside)


@given(st.integers(0, 10**6), st.integers(1, 5))
def test_rotated_projections_meet_the_variational_inequality(seed: int, p: int) -> None:
    rng = np.random.default_rng(seed)
    z = [rng.standard_normal(shape) for shape in ((), (p,), ())]
    x, w, y = project_rotated(*z)
    assert min(x, y) >= 0
    assert 2 * x * y - w @ w >= -1e-13
    residual = flat(*z) - flat(x, w, y)
    assert abs(residual @ flat(x, w, y)) <= 1e-12
    for _ in range(200):
        moments = rng.standard_normal((3, p)) * 10.0 ** rng.uniform(-3, 3)
        inside = flat(np.array(3.0), 2.0**0.5 * moments.sum(axis=0), np.array((moments**2).sum()))
        assert residual @ inside <= 1e-11 * np.linalg.norm(inside)


def test_one_coordinate_makes_both_cones_the_same() -> None:
    rng = np.random.default_rng(0)
    x, w, y = rng.standard_normal((3, 500))
    shared = project_shared(x, w[:, None], y[:, None])
    rotated = project_rotated(x, w[:, None], y)
    for one, other in zip(shared, (rotated[0], rotated[1], rotated[2][:, None]), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-13)


@pytest.mark.parametrize(
    ("point", "want"),
    [
        ((-1.0, [0.0, 0.0], [-1.0, -2.0]), (0.0, [0.0, 0.0], [0.0, 0.0])),  # the polar cone
        ((-1.0, [0.0, 0.0], [3.0, -2.0]), (0.0, [0.0, 0.0], [3.0, 0.0])),  # a face
        ((0.0, [0.0, 0.0], [0.0, 0.0]), (0.0, [0.0, 0.0], [0.0, 0.0])),
        ((2.0, [2.0, 0.0], [1.0, 0.0]), (2.0, [2.0, 0.0], [1.0, 0.0])),  # on the boundary
        ((-5.0, [1.0, 0.0], [-1.0, 1.0]), (0.0, [0.0, 0.0], [0.0, 1.0])),  # G is positive on all of t > 0
    ],
)
def test_faces_and_apex(point: tuple, want: tuple) -> None:
    got = project_shared(*(np.asarray(part) for part in point))
    for mine, part in zip(got, want, strict=True):
        np.testing.assert_allclose(mine, part, atol=1e-15)


def test_a_leading_axis_and_float32() -> None:
    rng = np.random.default_rng(1)
    x, w, y = rng.standard_normal((4, 3)), rng.standard_normal((4, 3, 5)), rng.standard_normal((4, 3, 5))
    whole = project_shared(x, w, y)
    for i in range(4):
        for part, one in zip(whole, project_shared(x[i], w[i], y[i]), strict=True):
            np.testing.assert_allclose(part[i], one, atol=1e-14)
    single = project_shared(*(part.astype(np.float32) for part in (x, w, y)))
    for part, one in zip(whole, single, strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, part, atol=1e-5)
