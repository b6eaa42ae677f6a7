r"""FedMM's second moments on quadratics as a linear map: the worst start of one round, and the rate of many.

In errors :math:`z=(s-s^*,V_1-V_1^*,\dots,V_n-V_n^*)` the recursion of `theory_checks.expectation` has no constant part:
:math:`E[z^+z^{+\top}]=\mathcal T(zz^\top)`. Then, for weights P,

.. math:: \max_z\frac{E\,z^{+\top}Pz^+}{z^\top Pz}=\lambda_{\max}(P^{-1/2}\,\mathcal T^*(P)\,P^{-1/2}),\qquad
          E\|z_t\|^2\sim\mathrm{radius}(\mathcal T)^t.

The simulator's clients must have b_i = 0, so that the fixed point is 0; other b_i have the same linear part.
"""

from __future__ import annotations

import numpy as np

from theory_checks.expectation import ExactFedMM

__all__ = ["radius", "worst_factor"]


def worst_factor(simulator: ExactFedMM, gamma: float, weights: np.ndarray) -> float:
    """The largest E Psi+ / Psi over all states, Psi = sum_j weights_j z_j^2.

    Parameters
    ----------
    simulator : ExactFedMM
        With clients of b_i = 0.
    gamma : float
        The step.
    weights : array (d + n d,)
        Positive.
    """
    size = weights.shape[0]
    adjoint = np.zeros((size, size))
    for i, j, after in _images(simulator, gamma):
        adjoint[i, j] = adjoint[j, i] = np.diagonal(after) @ weights
    root = np.sqrt(weights)
    return float(np.linalg.eigvalsh(adjoint / np.outer(root, root))[-1])


def radius(simulator: ExactFedMM, gamma: float) -> float:
    """The spectral radius of the map on symmetric matrices: the rate of E|z_t|^2."""
    size = simulator.d * (simulator.n + 1)
    upper = np.triu_indices(size)
    columns = [(after * (1.0 if i == j else 2.0))[upper] for i, j, after in _images(simulator, gamma)]
    return float(np.abs(np.linalg.eigvals(np.array(columns).T)).max())


def _images(simulator: ExactFedMM, gamma: float) -> list[tuple[int, int, np.ndarray]]:
    """(i, j, T of the symmetric part of e_i e_j'), i <= j."""
    size = simulator.d * (simulator.n + 1)
    found = []
    for i, j in zip(*np.triu_indices(size), strict=True):
        m = np.zeros((size + 1, size + 1))
        m[i, j] = m[j, i] = 1.0 if i == j else 0.5
        found.append((int(i), int(j), simulator.after(m, gamma)[:-1, :-1]))
    return found
