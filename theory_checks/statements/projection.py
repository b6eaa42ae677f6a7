r"""P5', one step with projection in the B(s)-norm: if :math:`\gamma\le\min(1,v_{\min}/L_W)` and :math:`s+\gamma h(s)\in S`,
then for every vector H, pathwise,

.. math:: W(T(s^+))\le W(T(s))-\frac\gamma2\|h\|_B^2+\frac\gamma2\|H-h\|_B^2,\qquad s^+=\Pi_S^B(s+\gamma H).

*Proof*: :math:`\gamma L_W\le v_{\min}` gives :math:`W^+\le W-(\gamma/2)\|h\|_B^2+\|s^+-s-\gamma h\|_B^2/(2\gamma)`; the
projection is non-expansive in the B-norm. The noise floor is not damped by gamma. Derived here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from theory_checks.landscape import Landscape

__all__ = ["projected_step"]


def projected_step(
    at: Landscape,
    s: np.ndarray,
    H: np.ndarray,
    gamma: float,
    B: np.ndarray,
    project: Callable[[np.ndarray], np.ndarray],
) -> tuple[float, float]:
    """Both sides of the inequality above; `project` is the projection onto S in the norm of `B` = B(s)."""
    h = at.field(s)
    noise = H - h
    right = at.value(s) - 0.5 * gamma * float(h @ B @ h) + 0.5 * gamma * float(noise @ B @ noise)
    return at.value(project(s + gamma * H)), right
