r"""Random instances on which statements are measured.

The quadratic bed has :math:`A_i=M_iM_i^\top/d+0.2I` with Gaussian :math:`M_i`, Gaussian :math:`b_i` of scale 3, Dirichlet(3)
weights, and a ridge 0.1: every constant of the theory is exact there, and clients disagree.
"""

from __future__ import annotations

import numpy as np

from fedmm.federation import Federation
from problems.quadratic import Quad, Quadratic

__all__ = ["bed", "bed_problem"]


def bed(n: int = 8, d: int = 10, seed: int = 0) -> Federation:
    """n quadratic clients in dimension d."""
    rng = np.random.default_rng(seed)
    M = rng.standard_normal((n, d, d))
    clients = [Quad(m @ m.T / d + 0.2 * np.eye(d), 3.0 * rng.standard_normal(d)) for m in M]
    return Federation(clients, rng.dirichlet(np.full(n, 3.0)).tolist(), normalize=True)


def bed_problem(sigma: float = 0.0, ridge: float = 0.1) -> Quadratic:
    """The quadratic of the bed; a batch of one has statistics of variance sigma^2."""
    return Quadratic(ridge=ridge, noise=sigma)
