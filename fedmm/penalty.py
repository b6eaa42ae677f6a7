r"""A penalty: a closed convex function g of the parameter with a proximal operator, as a plain value.

.. math:: \mathrm{prox}_{\rho g}(v) = \arg\min_u\; g(u) + \frac{1}{2\rho}\|u - v\|^2

| argument | symbol |
|---|---|
| theta | the parameter, (..., d) |
| step | rho > 0 |
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from fedmm.arrays import Array

__all__ = ["Penalty"]


class Penalty(ABC):
    r"""g, convex and lower semicontinuous. Subclasses are frozen dataclasses of plain values and are final."""

    name: ClassVar[str]
    """The name on the command line and in recipes."""

    @abstractmethod
    def value(self, theta: Array) -> Array:
        r""":math:`g(\theta)`, shape (...); infinite outside the domain, beyond what rounding explains."""

    @abstractmethod
    def prox(self, theta: Array, step: float) -> Array:
        r""":math:`\mathrm{prox}_{\rho g}(\theta)`, shape (..., d)."""

    @abstractmethod
    def lift(self, theta: Array, step: float) -> Array:
        r"""A v with :math:`\mathrm{prox}_{\rho g}(v)=\theta`, shape (..., d): then :math:`(v-\theta)/\rho\in\partial g(\theta)`.

        Raises
        ------
        ValueError
            If theta is outside the domain.
        """

    def restrict(self, theta: Array) -> Array:
        """The projection onto the domain, shape (..., d): theta itself where g is finite everywhere."""
        return theta

    def check_length(self, d: int) -> None:
        """Refuse a length of theta that g is not made for.

        Raises
        ------
        SpecError
            Saying which lengths it takes.
        """
        return

    @property
    def strong_convexity(self) -> float:
        r"""The largest mu_g such that :math:`g-\frac{\mu_g}2\|\cdot\|^2` is convex."""
        return 0.0

    def shrinkage(self, step: float) -> float | None:
        r"""c, where :math:`\mathrm{prox}_{\rho g}(v)=cv` for every v; None where the prox is not of that form.

        The curvature of the gradient surrogate is then c / rho in every direction. Elsewhere the prox has kinks: its Jacobian has
        eigenvalues in [0, 1/(1 + rho mu_g)], and 0 is met.
        """
        return None
