"""One-step methods against PEPit's own examples: the same theorems, on the problem without symmetry reduction."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest

from theory_checks.pep import SymPEP, mean, norm2
from theory_checks.pep.programs.gradient_descent import descend, gd_gap
from theory_checks.pep.programs.prox_gradient import prox_gradient_distance
from theory_checks.pep.programs.sgd import sgd

pytest.importorskip("PEPit", reason="PEPit is not installed")

AGREE = 2e-6
"""Absolute, on values below 5: PEPit goes through CVXPY at its default accuracy."""


def example(folder: str, name: str, function: str, **options: Any) -> tuple[float, float]:
    """(PEPit's value, its closed form)."""
    wc: Callable[..., tuple[float, float]] = getattr(import_module(f"PEPit.examples.{folder}.{name}"), function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # CVXPY's and PEPit's own
        value, closed = wc(**options, wrapper="cvxpy", solver="CLARABEL", verbose=-1)
    return float(value), float(closed)


@pytest.mark.parametrize("n", [1, 4])
def test_gradient_descent(n: int) -> None:
    theirs = example("unconstrained_convex_minimization", "gradient_descent", "wc_gradient_descent", L=2.0, gamma=0.5, n=n)
    pep = SymPEP(L=2.0, mu=0.0, N=5)
    ours = pep.maximize(gd_gap(pep, gamma=0.5, t=n)).dual_value
    assert (ours, ours) == pytest.approx(theirs, abs=AGREE)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 1.7])
def test_proximal_gradient(gamma: float) -> None:
    folder, name = "composite_convex_minimization", "proximal_gradient"
    theirs = example(folder, name, "wc_proximal_gradient", L=1.0, mu=0.1, gamma=gamma, n=2)
    pep = SymPEP(L=1.0, mu=0.1, N=5, regularizer=True)
    ours = pep.maximize(prox_gradient_distance(pep, gamma=gamma, t=2)).dual_value
    assert (ours, ours) == pytest.approx(theirs, abs=AGREE)


@pytest.mark.parametrize("n", [1, 3])
def test_nonconvex_gradient_descent(n: int) -> None:
    """There the start is bounded against the end, f(x_0) - f(x_n) <= 1, and the least of n + 1 gradients is measured."""
    theirs = example("nonconvex_optimization", "gradient_descent", "wc_gradient_descent", L=1.0, gamma=1.0, n=n)
    pep = SymPEP(L=1.0, mu=-1.0, N=5)
    points = descend(pep, pep.point(), 1.0, n)
    pep.assume(pep.gap(points[0]) - pep.gap(points[-1]) <= 1)
    ours = pep.maximize(pep.minimum([norm2(mean(pep.grad(y))) for y in points])).dual_value
    assert (ours, ours) == pytest.approx(theirs, abs=AGREE)


@pytest.mark.parametrize("n", [2, 5])
def test_one_stochastic_gradient(n: int) -> None:
    folder = "stochastic_and_randomized_convex_minimization"
    theirs = example(folder, "sgd", "wc_sgd", L=1.0, mu=0.1, gamma=0.7, v=1.0, R=2.0, n=n)
    pep = SymPEP(L=1.0, mu=0.1, N=n)
    ours = pep.maximize(sgd(pep, gamma=0.7, S=1, R=2.0, v=1.0)).dual_value
    assert (ours, ours) == pytest.approx(theirs, abs=AGREE)
