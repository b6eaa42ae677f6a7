r"""The gradient family of surrogates: for f_i with an L_i-Lipschitz gradient and :math:`\rho\le 1/\max_i L_i`

    f_i(theta) <= f_i(tau) + <grad f_i(tau), theta - tau> + |theta - tau|^2 / (2 rho),

that is :math:`\psi=\|\theta\|^2/(2\rho)`, :math:`\phi=\theta/\rho`, :math:`\bar S_i(\tau)=\tau-\rho\nabla f_i(\tau)`,
:math:`T(s)=\mathrm{prox}_{\rho g}(s)`; every s in R^d is a statistic. A larger rho gives gradient steps
that majorise nothing.

| argument | symbol |
|---|---|
| rho | rho |
| at | tau, the touching point (..., d) |
| value, gradient | f_i(tau), its gradient |
| L | the Lipschitz constants L_i of the clients' gradients |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fedmm.arrays import Array, namespace, norm2
from fedmm.errors import SpecError

__all__ = ["largest_rho", "majorizer", "settled", "surrogate_facts"]


def settled(name: str, rho: float | None) -> float:
    """`rho`, once it is known.

    Raises
    ------
    SpecError
        If it is None.
    """
    if rho is None:
        raise SpecError(f"{name}.rho is not known yet; give it, or call settle(federation, problem.oracles) first.")
    return rho


def largest_rho(L: Sequence[float]) -> float:
    r""":math:`1/\max_i L_i`, the largest rho that majorises; 1 where all f_i are affine."""
    return 1.0 / max(L) if max(L) > 0 else 1.0


def majorizer(value: Array, gradient: Array, theta: Array, at: Array, rho: float) -> Array:
    r""":math:`f_i(\tau)+\langle\nabla f_i(\tau),\theta-\tau\rangle+\|\theta-\tau\|^2/(2\rho)`, shape (...)."""
    move = theta - at
    return value + namespace(move).sum(gradient * move, axis=-1) + norm2(move) * (0.5 / rho)


def surrogate_facts(rho: float, L: Sequence[float], l1: float) -> dict[str, Any]:
    r"""The fields of `Facts` that concern the surrogate, for :math:`g=a\|\cdot\|_1`, and how they are known.

    Without g, T is the identity: B = I/rho, :math:`W\circ T=f` and :math:`h_i=-\rho\nabla f_i`. With g, put
    u = T(s) - T(s') and w = (s - s') - u; the prox is firmly non-expansive, so :math:`\|u\|^2+\|w\|^2\le\|s-s'\|^2`,
    and :math:`\|h_i(s)-h_i(s')\|\le\rho L_i\|u\|+\|w\|\le\sqrt{1+\rho^2L_i^2}\,\|s-s'\|`.
    """
    if l1 == 0:
        return {
            "v_min": 1.0 / rho,
            "v_max": 1.0 / rho,
            "composite_smoothness": max(L),
            "field_lipschitz": tuple(rho * one for one in L),
            "unconstrained": True,
            "notes": {
                "v_min": "exact",
                "v_max": "exact",
                "composite_smoothness": "bound: max_i L_i, for W(T(s)) = f(s)",
                "field_lipschitz": "rho L_i, as exact as L_i",
                "unconstrained": "exact",
            },
        }
    kink = "unknown: T is soft thresholding, which has kinks, and B(s) vanishes on the coordinates that it sets to zero"
    return {
        "field_lipschitz": tuple((1.0 + (rho * one) ** 2) ** 0.5 for one in L),
        "unconstrained": True,
        "notes": {
            "v_min": kink,
            "v_max": kink,
            "composite_smoothness": kink,
            "field_lipschitz": "bound: sqrt(1 + rho^2 L_i^2), the prox being firmly non-expansive",
            "unconstrained": "exact",
        },
    }
