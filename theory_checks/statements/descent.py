r"""P1, descent in the space of statistics: for all s, s' in S

.. math:: W(T(s'))-W(T(s))\le\langle s'-\bar s(T(s)),\;\phi(T(s'))-\phi(T(s))\rangle-D_{G^*}(s',s),\qquad D_{G^*}\ge0,

with :math:`D_{G^*}` the Bregman distance of the convex :math:`G^*`. Hence for :math:`\gamma\in(0,1]` and
:math:`s'=s+\gamma h(s)`

.. math:: W(T(s'))\le W(T(s))-\frac{1-\gamma}{\gamma}\langle s'-s,\phi(T(s'))-\phi(T(s))\rangle-D_{G^*}(s',s)\le W(T(s)).

*Proof*: majorisation at T(s), with :math:`(g+\psi)(T(\cdot))=\langle\cdot,\phi\rangle-G^*(\cdot)` at both points. Derived here.

| argument | symbol |
|---|---|
| s, t | s, s' |
| gamma | gamma |
"""

from __future__ import annotations

import numpy as np

from theory_checks.families import Family, conjugate
from theory_checks.landscape import Landscape

__all__ = ["bregman", "descent", "relaxed_descent"]


def bregman(at: Landscape, family: Family, t: np.ndarray, s: np.ndarray) -> float:
    r""":math:`D_{G^*}(s',s)=G^*(s')-G^*(s)-\langle\phi(T(s)),s'-s\rangle`, at least 0."""
    slope = family.phi(at.minimize(s))
    return conjugate(at, family, t) - conjugate(at, family, s) - float(slope @ (t - s))


def descent(at: Landscape, family: Family, t: np.ndarray, s: np.ndarray) -> tuple[float, float]:
    """Both sides of the inequality above for s' = `t`: the left is at most the right."""
    theta = at.minimize(s)
    move = family.phi(at.minimize(t)) - family.phi(theta)
    right = float((t - at.statistic(theta)) @ move) - bregman(at, family, t, s)
    return at.value(t) - at.objective(theta), right


def relaxed_descent(at: Landscape, family: Family, s: np.ndarray, gamma: float) -> tuple[float, float, float]:
    r"""W after the step :math:`s'=s+\gamma h(s)`, what P1 promises for it, and W before: in increasing order.

    Raises
    ------
    ValueError
        Unless 0 < gamma <= 1.
    """
    if not 0 < gamma <= 1:
        raise ValueError(f"Expected gamma in (0, 1], got {gamma}; P1 promises nothing beyond.")
    t = s + gamma * at.field(s)
    move = family.phi(at.minimize(t)) - family.phi(at.minimize(s))
    promised = at.value(s) - (1 - gamma) / gamma * float((t - s) @ move) - bregman(at, family, t, s)
    return at.value(t), promised, at.value(s)
