r"""P2, the gradient identity: where :math:`\phi\circ T` is differentiable (A4) and f is smooth

.. math:: \nabla(W\circ T)(s)=-B(s)h(s),\quad B(s)=\mathrm{Jac}(\phi\circ T)(s),\qquad
          v_{\min}\|h\|^2\le-\langle\nabla(W\circ T),h\rangle\le v_{\max}\|h\|^2.

Both derivatives are taken by differences. Derived here.
"""

from __future__ import annotations

import numpy as np

from theory_checks.differences import jacobian
from theory_checks.families import Family
from theory_checks.landscape import Landscape

__all__ = ["curvature", "gradient_identity"]


def curvature(at: Landscape, family: Family, s: np.ndarray, step: float = 1e-3) -> np.ndarray:
    """B(s), shape (q, q): symmetric and positive semidefinite."""

    def phi_T(u: np.ndarray) -> np.ndarray:
        return family.phi(at.minimize(u))

    return jacobian(phi_T, s, step)


def gradient_identity(
    at: Landscape, family: Family, s: np.ndarray, step: float = 1e-3
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    r"""(:math:`\nabla(W\circ T)(s)`, :math:`-B(s)h(s)`, B(s)): the first two are equal, up to the error of differences."""
    B = curvature(at, family, s, step)
    return jacobian(at.value, s, step), -B @ at.field(s), B
