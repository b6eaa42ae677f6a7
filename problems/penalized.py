r"""What every problem with a penalty of choice has in common: g is the field ``g``, or ``l1`` times the l1 norm.

| argument | symbol |
|---|---|
| g, l1 | g, or a with :math:`g=a\|\cdot\|_1` |
"""

from __future__ import annotations

from fedmm.arrays import Array
from fedmm.penalty import Penalty
from fedmm.problem import Problem
from problems.penalties import chosen, in_words

__all__ = ["Penalized"]


class Penalized(Problem):
    """A problem with the fields ``l1`` and ``g``, of which at most one is given. Abstract; subclasses are final."""

    l1: float
    g: Penalty | None

    @property
    def _g(self) -> Penalty:
        return chosen(self.name, self.l1, self.g)

    def penalty(self, theta: Array) -> Array:
        r""":math:`g(\theta)`, shape (...)."""
        return self._g.value(theta)

    @property
    def penalized(self) -> str | None:
        """What g is, if there is one."""
        return in_words(self._g)

    def restrict(self, theta: Array) -> Array:
        """The projection onto the domain of g, shape (..., d)."""
        return self._g.restrict(theta)

    def prox(self, theta: Array, step: float) -> Array:
        """The prox of g, shape (..., d)."""
        return self._g.prox(theta, step)
