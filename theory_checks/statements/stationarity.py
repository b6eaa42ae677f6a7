r"""P3, the certificate of stationarity: for differentiable phi

.. math:: -J_\phi(T(s))^\top h(s)\in\partial W(T(s)),

so that h(s) = 0 implies that T(s) is stationary; for the gradient family, :math:`\phi=\theta/\rho`,
:math:`\mathrm{dist}(0,\partial W(T(s)))\le\|h(s)\|/\rho`. Derived here.
"""

from __future__ import annotations

import numpy as np

from theory_checks.differences import jacobian
from theory_checks.families import Family
from theory_checks.landscape import Landscape

__all__ = ["certificate", "distance_to_subdifferential"]


def certificate(at: Landscape, family: Family, s: np.ndarray) -> np.ndarray:
    r""":math:`-J_\phi(T(s))^\top h(s)`, shape (d,): a subgradient of W at T(s)."""
    return -jacobian(family.phi, at.minimize(s)).T @ at.field(s)


def distance_to_subdifferential(at: Landscape, theta: np.ndarray, l1: float, v: np.ndarray) -> float:
    r""":math:`\mathrm{dist}(v,\nabla f(\theta)+a\,\partial\|\theta\|_1)` for the penalty :math:`g=a\|\cdot\|_1`, a = `l1`."""
    u = v - at.gradient(theta)  # must lie in [-a, a] where theta_j = 0, and be a sign(theta_j) elsewhere
    gap = np.where(theta != 0, u - l1 * np.sign(theta), u - np.clip(u, -l1, l1))
    return float(np.linalg.norm(gap))
