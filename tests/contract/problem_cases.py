"""The problems that the laws are run on, each on a small federation of unequal clients. One line to enrol another."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fedmm.arrays import Array
from fedmm.federation import Federation, Samples
from fedmm.problem import Problem
from problems import Dictionary, LeastSquares, Logistic, Quad, Quadratic, Transport


class Example(NamedTuple):
    """A problem, the federation to run it on, where to look, and parameters outside the range of T."""

    problem: Problem
    federation: Federation
    theta: Array | None = None
    outside: tuple[Array, ...] = ()


def quadratics(d: int = 4) -> Federation:
    """Three clients with A_i = M M'/d + I/5."""
    rng = np.random.default_rng(1)
    clients = []
    for _ in range(3):
        M = rng.standard_normal((d, d))
        clients.append(Quad(M @ M.T / d + 0.2 * np.eye(d), 3.0 * rng.standard_normal(d)))
    return Federation(clients, (0.5, 0.3, 0.2))


def regression(d: int = 4, sparse: bool = False, labels: bool = False) -> Federation:
    """Clients of 7, 9 and 7 samples of unlike scales; weights by samples."""
    rng = np.random.default_rng(2)
    clients = []
    for n, scale in ((7, 1.0), (9, 2.0), (7, 0.5)):
        X = scale * rng.standard_normal((n, d)) * (rng.random((n, d)) < 0.6 if sparse else 1.0)
        y = X @ np.arange(1.0, d + 1) + rng.standard_normal(n)
        clients.append(Samples(_csr(X) if sparse else X, np.where(y > 0, 1.0, -1.0) if labels else y))
    return Federation(clients, "samples")


def colours(k: int = 2, m: int = 5) -> Federation:
    """The samples of `regression` with k features, and m public atoms of unequal masses."""
    rng = np.random.default_rng(3)
    masses = rng.dirichlet(np.full(m, 3.0))
    public = {"atoms": rng.standard_normal((m, k)), "masses": masses}
    return Federation(list(regression(k)), "samples", public=public)


def _csr(X: np.ndarray) -> Array:
    from scipy.sparse import csr_array

    return csr_array(X)


EXAMPLES: dict[str, Callable[[], Example]] = {
    "quadratic": lambda: Example(Quadratic(), quadratics()),
    "quadratic-ridge-noise": lambda: Example(Quadratic(ridge=0.3, noise=0.5), quadratics()),
    "least-squares": lambda: Example(LeastSquares(), regression()),
    "least-squares-ridge": lambda: Example(LeastSquares(ridge=0.1), regression()),
    "least-squares-l1": lambda: Example(LeastSquares(ridge=0.1, l1=0.3), regression()),
    "least-squares-sparse": lambda: Example(LeastSquares(l1=0.2), regression(sparse=True)),
    "logistic": lambda: Example(Logistic(), regression(labels=True)),
    "logistic-ridge": lambda: Example(Logistic(ridge=0.1), regression(labels=True)),
    "logistic-l1": lambda: Example(Logistic(l1=0.05), regression(labels=True)),
    "logistic-sparse": lambda: Example(Logistic(ridge=0.01), regression(labels=True, sparse=True)),
    "jaakkola-jordan": lambda: Example(Logistic(ridge=0.1, surrogate="jaakkola-jordan"), regression(labels=True)),
    "jaakkola-jordan-no-ridge": lambda: Example(Logistic(surrogate="jaakkola-jordan"), regression(labels=True)),
    "jaakkola-jordan-sparse": lambda: Example(
        Logistic(ridge=0.1, surrogate="jaakkola-jordan"), regression(labels=True, sparse=True)
    ),
    # The laws' difference quotients need codes whose supports do not change within their reach: so it is with these.
    "dictionary": lambda: Example(Dictionary(3, l2=0.1, iterations=250), regression(), outside=(np.ones(11),)),
    "dictionary-overcomplete": lambda: Example(Dictionary(5, l1=0.3, l2=0.1, iterations=250), regression()),
    "dictionary-no-l2": lambda: Example(Dictionary(3, l1=0.3, l2=0.0, iterations=250), regression()),
    "transport": lambda: Example(Transport(1.0), colours(), outside=(np.ones(4), np.full(5, 1e3))),
    "transport-cached": lambda: Example(Transport(1.0, cached=True), colours()),
    "transport-reach": lambda: Example(Transport(0.5, reach=15.0), colours()),
}
