r"""Functions of one variable whose derivative is piecewise linear: where gradient descent on non-convex functions is worst.

| name | symbol |
|---|---|
| knots, slopes | :math:`t_1<\dots<t_m` and :math:`f_i'(t_k)`; f_i' is linear in between and has slope L outside |

f_i = 0 at the first knot. Where f_i' never rises or falls faster than L, f_i is L-smooth. Clients share their knots, so that
f is of the same kind and its least value is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from fedmm.federation import Federation
from fedmm.problem import Problem
from fedmm.types import Batch

__all__ = ["Curve", "Curves", "lowest", "random_curves", "zigzag"]


class Curve(NamedTuple):
    """One client's function.

    Parameters
    ----------
    knots, slopes : array (m,)
        Increasing; the derivative there.
    """

    knots: np.ndarray
    slopes: np.ndarray


@dataclass(frozen=True)
class Curves(Problem):
    """Functions of one variable with piecewise linear derivatives; data are `Curve`.

    Parameters
    ----------
    L : float
        The smoothness.
    """

    L: float = 1.0

    name: ClassVar[str] = "curves"

    def value(self, data: Curve, theta: np.ndarray) -> np.ndarray:
        """f_i, shape (...), with f_i = 0 at the first knot."""
        x = theta[..., 0]
        heights = np.concatenate([[0.0], np.cumsum(0.5 * np.diff(data.knots) * (data.slopes[1:] + data.slopes[:-1]))])
        k = np.clip(np.searchsorted(data.knots, x, side="right") - 1, 0, len(data.knots) - 1)
        return heights[k] + 0.5 * (x - data.knots[k]) * (data.slopes[k] + self.gradient(data, theta)[..., 0])

    def gradient(self, data: Curve, theta: np.ndarray, batch: Batch | None = None) -> np.ndarray:
        """f_i', shape (..., 1)."""
        x = theta[..., 0]
        beyond = np.minimum(x - data.knots[0], 0.0) + np.maximum(x - data.knots[-1], 0.0)
        return (np.interp(x, data.knots, data.slopes) + self.L * beyond)[..., None]

    def start(self, federation: Federation) -> np.ndarray:
        """The last knot, shape (1,)."""
        return federation[0].knots[-1:]


def lowest(problem: Curves, federation: Federation) -> float:
    """The infimum of f: at a zero of f', all of which are computed."""
    knots = federation[0].knots
    slopes = np.asarray(federation.weights) @ np.stack([data.slopes for data in federation])
    mean = Curve(knots, slopes)
    turns = [knots[0] - slopes[0] / problem.L] if slopes[0] > 0 else []
    turns += [knots[-1] - slopes[-1] / problem.L] if slopes[-1] < 0 else []
    for a, b, u, v in zip(knots[:-1], knots[1:], slopes[:-1], slopes[1:], strict=True):
        if u <= 0 <= v:
            turns.append(a if u == v else a - u * (b - a) / (v - u))
    turns += [knot for knot, slope in zip(knots, slopes, strict=True) if slope == 0]
    values = problem.value(mean, np.asarray(turns)[:, None])
    return float(np.min(values))


def zigzag(L: float, gamma: float, t: int, Delta: float, N: int = 1) -> tuple[Curves, Federation]:
    r"""The function on which the first t gradients of gradient descent are all equal, as large as they can be.

    With :math:`U^2=\Delta/((t-1)\gamma(1-\gamma L/4)+1/(2L))` the derivative is U at x_0, x_0 - gamma U, ..., and between two
    of these points falls with slope L to :math:`U(1-\gamma L/2)` and rises again; after the last it goes to 0. Hence f falls by
    :math:`\gamma U^2(1-\gamma L/4)` in each step, and by :math:`U^2/(2L)` from the last point to its minimum.
    """
    U = (Delta / ((t - 1) * gamma * (1 - gamma * L / 4) + 1 / (2 * L))) ** 0.5
    halves = 2 * (t - 1)
    knots = 0.5 * gamma * U * np.arange(halves + 1.0)
    slopes = np.where(np.arange(halves + 1) % 2 == 0, U, U * (1 - gamma * L / 2))
    return Curves(L), Federation([Curve(knots, slopes)] * N)


def random_curves(L: float, Delta: float, N: int, seed: int, m: int = 12) -> tuple[Curves, Federation]:
    r"""N curves on m shared knots whose derivatives walk with slopes in [-L, L], of :math:`f(x_0)-\inf f=\Delta` at the start.

    A curve is brought to this height by :math:`a^2f(x/a)`, which keeps L.
    """
    rng = np.random.default_rng([seed, m])
    gaps = rng.uniform(0.1, 1.0, m - 1)
    knots = np.concatenate([[0.0], np.cumsum(gaps)])
    steps = rng.choice([-L, L, L * rng.uniform(-1, 1)], (N, m - 1)) * gaps
    slopes = rng.uniform(-1, 1, (N, 1)) + np.concatenate([np.zeros((N, 1)), np.cumsum(steps, axis=1)], axis=1)
    problem, federation = Curves(L), Federation([Curve(knots, row) for row in slopes])
    height = problem.objective(federation, problem.start(federation)) - lowest(problem, federation)
    a = (Delta / height) ** 0.5 if height > 0 else 1.0
    return problem, Federation([Curve(a * knots, a * row) for row in slopes])
