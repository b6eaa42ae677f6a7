"""Dictionary learning against scikit-learn's, from the same start, on patches of digits.

The two do not minimise the same thing: here atoms carry a ridge, there they lie in the unit ball and codes carry weight alpha.
So both results are judged by one objective, W here with l2 = 0, and scikit-learn is given every chance under it: several
alpha around the one that matches (l1 over the size of an atom here: a code in the ball is that much larger), and its atoms
rescaled to minimise W, again and again with the codes that follow, the least value counting. Only the atoms' directions are
then scikit-learn's. The reverse comparison, under its own objective, is its own to win.
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

PROBLEM = Dictionary(10, l1=0.3, l2=0.0, ridge=0.1, iterations=100)


@pytest.fixture(scope="module")
def federation() -> Federation:
    """About 400 patches of 4 x 4 pixels on 4 clients with unlike digits."""
    X, y = DigitPatches(images=100).load(None, 0)
    return Federation.from_arrays(X, y, Dirichlet(0.3, 4))


def W(federation: Federation, D: Array) -> float:
    values = (float(PROBLEM.value(data, D.ravel())) for data in federation)
    return sum(w * f for w, f in zip(federation.weights, values, strict=True)) + float(PROBLEM.penalty(D.ravel()))


def best_scaled(federation: Federation, D: Array) -> float:
    """The least W met while rescaling the atoms: c_k minimises l1 mean|h_k| / c + (ridge/2) c^2 |d_k|^2."""
    X = np.concatenate([data.X for data in federation])
    D = D / np.maximum(np.linalg.norm(D, axis=0), 1e-12)
    least = W(federation, D)
    for _ in range(25):
        use = np.abs(PROBLEM.transform(D.ravel(), X)).mean(axis=0)
        D = D * np.cbrt(PROBLEM.l1 * use / (PROBLEM.ridge * np.maximum((D * D).sum(axis=0), 1e-12)))
        least = min(least, W(federation, D))
    return least


@pytest.fixture(scope="module")
def ours(federation: Federation) -> Array:
    theta = solve(PROBLEM, federation, MM(), rounds=200, metrics=()).theta
    return PROBLEM.components_of(theta)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("batch", [None, 50])
def test_objective_is_no_worse_than_scikit_learn(federation: Federation, ours: Array, factor: float, batch: int | None) -> None:
    X = np.concatenate([data.X for data in federation])
    start = PROBLEM.components_of(PROBLEM.start(federation)).T.copy()
    alpha = factor * PROBLEM.l1 / float(np.sqrt((ours**2).sum(axis=0).mean()))
    options = {"n_components": 10, "alpha": alpha, "fit_algorithm": "cd", "dict_init": start, "random_state": 0}
    if batch is None:
        model = decomposition.DictionaryLearning(max_iter=100, tol=1e-8, **options).fit(X)
    else:
        model = decomposition.MiniBatchDictionaryLearning(max_iter=30, batch_size=batch, **options).fit(X)
    assert W(federation, ours) <= best_scaled(federation, model.components_.T)


def test_rescaling_helps_scikit_learn_and_not_us(federation: Federation, ours: Array) -> None:
    assert best_scaled(federation, ours) == pytest.approx(W(federation, ours), rel=1e-4)
    assert best_scaled(federation, 3.0 * ours) < W(federation, 3.0 * ours) - 0.1
