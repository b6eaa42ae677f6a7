"""Dictionaries with atoms in the unit ball against scikit-learn's, which minimises the same objective.

The problem is not convex, so what is compared is the objective itself, stationary points both ways, and the value reached.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fedmm.algorithms import MM
from fedmm.arrays import Array
from fedmm.federation import Federation
from fedmm.solve import solve
from problems import Dictionary
from problems.data import DigitPatches, Dirichlet

decomposition: Any = pytest.importorskip("sklearn.decomposition")

PROBLEM = Dictionary(6, l1=0.3, l2=0.0, ridge=0.0, ball=True, iterations=100)


@pytest.fixture(scope="module")
def federation() -> Federation:
    """About 120 patches of 4 x 4 pixels on 3 clients with unlike digits."""
    X, y = DigitPatches(images=30).load(None, 0)
    return Federation.from_arrays(X, y, Dirichlet(0.3, 3), weights="samples")


def ours(federation: Federation, D: Array, rounds: int) -> Array:
    return PROBLEM.components_of(solve(PROBLEM, federation, MM(), D.ravel(), rounds=rounds, metrics=()).theta)


def theirs(federation: Federation, D: Array, rounds: int) -> Any:
    X = np.concatenate([data.X for data in federation])
    options = {"n_components": 6, "alpha": PROBLEM.l1, "fit_algorithm": "cd", "random_state": 0}
    return decomposition.DictionaryLearning(max_iter=rounds, tol=1e-10, dict_init=D.T.copy(), **options).fit(X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_one_objective_and_the_same_stationary_points(federation: Federation) -> None:
    n = sum(federation.sizes())
    start = PROBLEM.components_of(PROBLEM.start(federation))
    model, own = theirs(federation, start, 300), ours(federation, start, 300)
    D = model.components_.T
    W = {name: PROBLEM.objective(federation, A.ravel()) for name, A in (("theirs", D), ("ours", own), ("start", start))}
    assert W["theirs"] == pytest.approx(model.error_[-1] / n, rel=1e-8)  # the objective is the same
    polished = PROBLEM.objective(federation, ours(federation, D, 100).ravel())
    assert W["theirs"] * (1 - 1e-5) <= polished <= W["theirs"] * (1 + 1e-9)  # where they stop, MM stays
    again = theirs(federation, own, 100).error_[-1] / n
    assert again >= W["ours"] * (1 - 1e-5)  # where MM stops, they find nothing better nearby
    assert W["ours"] <= W["theirs"] + 0.01 * (W["start"] - W["theirs"])  # another valley is allowed, a bad one is not
