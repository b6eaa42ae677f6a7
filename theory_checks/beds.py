r"""Random instances on which statements are measured: the quadratic bed, and one small instance of every surrogate family.

The quadratic bed has :math:`A_i=M_iM_i^\top/d+0.2I` with Gaussian :math:`M_i`, Gaussian :math:`b_i` of scale 3, Dirichlet(3)
weights, and a ridge 0.1: every constant of the theory is exact there, and clients disagree.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fedmm.federation import Federation, Samples
from problems.dictionary import Dictionary
from problems.least_squares import LeastSquares
from problems.logistic import Logistic
from problems.quadratic import Quad, Quadratic
from problems.transport import Transport
from theory_checks.landscape import Landscape, landscape

__all__ = ["INSTANCES", "bed", "bed_problem", "random_statistic", "samples"]


def bed(n: int = 8, d: int = 10, seed: int = 0) -> Federation:
    """n quadratic clients in dimension d."""
    rng = np.random.default_rng(seed)
    M = rng.standard_normal((n, d, d))
    clients = [Quad(m @ m.T / d + 0.2 * np.eye(d), 3.0 * rng.standard_normal(d)) for m in M]
    return Federation(clients, rng.dirichlet(np.full(n, 3.0)).tolist(), normalize=True)


def bed_problem(sigma: float = 0.0, ridge: float = 0.1) -> Quadratic:
    """The quadratic of the bed; a batch of one has statistics of variance sigma^2."""
    return Quadratic(ridge=ridge, noise=sigma)


def samples(seed: int, n: int = 3, d: int = 3, labels: bool = False) -> Federation:
    """n clients of 5, 6, ... samples with features and targets of their own law; labels -1 and +1 if asked for."""
    rng = np.random.default_rng(seed)
    clients = []
    for i in range(n):
        X = rng.lognormal() * rng.standard_normal((5 + i, d)) + 0.5 * rng.standard_normal(d)
        y = X @ (2.0 * rng.standard_normal(d)) + rng.standard_normal(5 + i)
        clients.append(Samples(X, np.where(y > 0, 1.0, -1.0) if labels else y))
    return Federation(clients, rng.dirichlet(np.full(n, 3.0)).tolist(), normalize=True)


def random_statistic(at: Landscape, rng: np.random.Generator, spread: float = 1.0) -> np.ndarray:
    """A point of S: a random mixture of the clients' statistics at two random parameters, moved freely where S = R^q."""
    start = at.problem.start(at.federation)
    found = np.concatenate([at.statistics(start + spread * rng.standard_normal(start.shape)) for _ in range(2)])
    s = rng.dirichlet(np.ones(len(found))) @ found
    free = at.problem.facts(at.federation).unconstrained
    return s + spread * rng.standard_normal(s.shape) if free else s


def _quadratic(seed: int) -> Landscape:
    return landscape(Quadratic(ridge=0.1), bed(3, 4, seed))


def _least_squares(seed: int) -> Landscape:
    return landscape(LeastSquares(), samples(seed))


def _least_squares_ridge(seed: int) -> Landscape:
    return landscape(LeastSquares(ridge=0.3), samples(seed))


def _least_squares_l1(seed: int) -> Landscape:
    return landscape(LeastSquares(l1=0.5), samples(seed))


def _logistic(seed: int) -> Landscape:
    return landscape(Logistic(), samples(seed, labels=True))


def _logistic_ridge(seed: int) -> Landscape:
    return landscape(Logistic(ridge=0.1), samples(seed, labels=True))


def _logistic_l1(seed: int) -> Landscape:
    return landscape(Logistic(l1=0.05), samples(seed, labels=True))


def _jaakkola_jordan(seed: int) -> Landscape:
    return landscape(Logistic(ridge=0.1, surrogate="jaakkola-jordan"), samples(seed, labels=True))


def _dictionary(seed: int) -> Landscape:
    return landscape(Dictionary(components=2, l1=0.05, l2=0.1, iterations=600), samples(seed))


def _transport(seed: int) -> Landscape:
    rng = np.random.default_rng([seed, 1])
    public = {"atoms": rng.standard_normal((4, 2)), "masses": rng.dirichlet(np.full(4, 3.0))}
    clients = [Samples(rng.standard_normal((5 + i, 2)) + rng.standard_normal(2)) for i in range(3)]
    return landscape(Transport(epsilon=0.5), Federation(clients, "samples", public=public))


INSTANCES: dict[str, Callable[[int], Landscape]] = {
    "quadratic": _quadratic,
    "least-squares": _least_squares,
    "least-squares-ridge": _least_squares_ridge,
    "least-squares-l1": _least_squares_l1,
    "logistic": _logistic,
    "logistic-ridge": _logistic_ridge,
    "logistic-l1": _logistic_l1,
    "jaakkola-jordan": _jaakkola_jordan,
    "dictionary": _dictionary,
    "transport": _transport,
}
"""A small random instance of every family, from a seed."""
