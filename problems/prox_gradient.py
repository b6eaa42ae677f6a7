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
from fedmm.penalty import Penalty

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


def surrogate_facts(rho: float, L: Sequence[float], g: Penalty) -> dict[str, Any]:
    r"""The fields of `Facts` that concern the surrogate of convex f_i, and how they are known.

    Where the prox is a multiple c of the identity (g zero or a ridge): B = (c / rho) I, and
    :math:`\nabla(W\circ T)(s)=c\,\nabla W(cs)`, :math:`h_i(s)=(c-1)s-\rho\nabla f_i(cs)`. Elsewhere put u = T(s) - T(s') and
    v = s - s'; the prox being the resolvent of a :math:`\rho\mu_g`-strongly monotone map,
    :math:`\langle u,v\rangle\ge(1+\rho\mu_g)\|u\|^2`, so that :math:`\|v-u\|^2+(1+2\rho\mu_g)\|u\|^2\le\|v\|^2`, and
    :math:`\|h_i(s)-h_i(s')\|\le\rho L_i\|u\|+\|v-u\|\le\sqrt{1+\rho^2L_i^2/(1+2\rho\mu_g)}\,\|v\|`.
    """
    c, mu = g.shrinkage(rho), g.strong_convexity
    if c is not None:
        plain = c == 1.0
        return {
            "v_min": c / rho,
            "v_max": c / rho,
            "composite_smoothness": c * c * (max(L) + mu),
            "field_lipschitz": tuple(1.0 - c + c * rho * one for one in L),
            "unconstrained": True,
            "notes": {
                "v_min": "exact",
                "v_max": "exact",
                "composite_smoothness": "bound: max_i L_i, for W(T(s)) = f(s)" if plain else "bound: c^2 (max_i L_i + mu_g)",
                "field_lipschitz": "rho L_i, as exact as L_i" if plain else "bound: 1 - c + c rho L_i, for convex f_i",
                "unconstrained": "exact",
            },
        }
    kink = f"unknown: T is the prox of {g}, which has kinks, and B(s) vanishes on the coordinates that it holds fixed"
    return {
        "field_lipschitz": tuple((1.0 + (rho * one) ** 2 / (1.0 + 2.0 * rho * mu)) ** 0.5 for one in L),
        "unconstrained": True,
        "notes": {
            "v_min": kink,
            "v_max": kink,
            "composite_smoothness": kink,
            "field_lipschitz": "bound: sqrt(1 + rho^2 L_i^2 / (1 + 2 rho mu_g)), the prox being firmly non-expansive",
            "unconstrained": "exact",
        },
    }
