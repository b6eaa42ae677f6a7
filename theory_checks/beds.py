r"""Random instances on which statements are measured: the quadratic bed, samples with targets, points of S.

The quadratic bed has :math:`A_i=M_iM_i^\top/d+0.2I` with Gaussian :math:`M_i`, Gaussian :math:`b_i` of scale 3, Dirichlet(3)
weights, and a ridge 0.1: every constant of the theory is exact there, and clients disagree.
"""

from __future__ import annotations

import numpy as np

from fedmm.federation import Federation, Samples
from fedmm.testing.cases import inside
from problems.quadratic import Quad, Quadratic
from theory_checks.landscape import Landscape

__all__ = ["bed", "bed_problem", "random_statistic", "samples"]


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
    near = inside(at.problem, start, start + spread * rng.standard_normal((2, *start.shape)))
    found = np.concatenate([at.statistics(theta) for theta in near])
    s = rng.dirichlet(np.ones(len(found))) @ found
    free = at.problem.facts(at.federation).unconstrained
    return s + spread * rng.standard_normal(s.shape) if free else s
