"""Non-negative factors against scikit-learn's NMF: multiplicative updates step by step; squared distances from its end."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from fedmm.algorithms import MM, FedMM
from fedmm.federation import Federation
from fedmm.solve import solve
from problems import NMF, Dictionary
from problems.data import Digits, Dirichlet

decomposition: Any = pytest.importorskip("sklearn.decomposition")

L1, RATE, K = 0.3, 0.2, 6


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, Federation]:
    """300 digits without pixels that are always 0, in the order of the clients, and the same on 4 clients with unlike ones."""
    X, y = Digits(labels="digit").load(None, 0)
    X, y = X[:300, (X[:300] > 0).sum(axis=0) > 3], y[:300]
    federation = Federation.from_arrays(X, y, Dirichlet(0.3, 4))
    return np.concatenate([client.X for client in federation]), federation


def sklearn_nmf(X: np.ndarray, H: np.ndarray, W: np.ndarray, steps: int, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Codes and atoms after so many updates from `H` and `W`, under our objective: theirs is n times ours."""
    model = decomposition.NMF(
        K, init="custom", beta_loss="kullback-leibler", solver="mu", tol=0, max_iter=steps, l1_ratio=1.0,
        alpha_W=L1 / X.shape[1], alpha_H=RATE, **options,
    )  # fmt: skip
    H = model.fit_transform(X, W=H.copy(), H=W.T.copy())  # alpha_W is multiplied by the number of features, alpha_H by n
    return H, model.components_.T


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("method", [MM(), FedMM(step=1.0)], ids=["mm", "fedmm"])
def test_one_round_is_one_update_of_scikit_learn(data: tuple[np.ndarray, Federation], method: Any) -> None:
    """With one multiplicative step for the codes in each round both do the same; FedMM's opening is a step too."""
    X, federation = data
    problem = NMF(K, l1=L1, shape=0.0, rate=RATE, iterations=1, warm_iterations=1)
    start = np.asarray(problem.start(federation))
    for rounds in (1, 2, 10, 100):
        theta = solve(problem, federation, method, start, rounds=rounds, metrics=()).theta
        steps = rounds + int(isinstance(method, FedMM))
        _, W = sklearn_nmf(X, np.ones((len(X), K)), np.asarray(problem.components_of(start)), steps)
        np.testing.assert_allclose(problem.components_of(theta), W, rtol=1e-6, atol=1e-7)  # they clip W h at 1e-7


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_where_scikit_learn_ends_we_stay(data: tuple[np.ndarray, Federation]) -> None:
    """With exact codes, on clients: from its end the objective falls by little, from an early iterate by much."""
    X, federation = data
    problem = NMF(K, l1=L1, shape=0.0, rate=RATE, codes="coordinate", iterations=60, warm_iterations=3)
    start, H = np.asarray(problem.components_of(problem.start(federation))), np.ones((len(X), K))
    falls = []
    for steps in (50, 3000):
        _, W = sklearn_nmf(X, H, start, steps)
        theta = solve(problem, federation, MM(), W.ravel(), rounds=30, metrics=()).theta
        before = problem.objective(federation, W.ravel())
        falls.append((before - problem.objective(federation, theta)) / before)
    assert falls[0] > 0.01
    assert 0 <= falls[1] < 0.001


def test_where_scikit_learn_ends_under_squared_distances_we_stay(data: tuple[np.ndarray, Federation]) -> None:
    """Dictionary learning with non-negative codes and atoms, against its coordinate descent under the same objective."""
    X, federation = data
    problem = Dictionary(K, l1=0.0, l2=0.1, ridge=0.2, nonnegative=True, iterations=300, tolerance=1e-10)
    start = problem.components_of(problem.start(federation))
    falls = []
    for steps in (5, 3000):
        model = decomposition.NMF(
            K, init="custom", solver="cd", tol=0 if steps == 5 else 1e-7, max_iter=steps, l1_ratio=0.0,
            alpha_W=0.1 / X.shape[1], alpha_H=0.2,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, W=np.ones((len(X), K)), H=start.T.copy())
        D = model.components_.T.ravel()
        theta = solve(problem, federation, MM(), D, rounds=30, metrics=()).theta
        before = problem.objective(federation, D)
        falls.append((before - problem.objective(federation, theta)) / before)
    assert falls[0] > 0.01
    assert -1e-9 <= falls[1] < 1e-4
