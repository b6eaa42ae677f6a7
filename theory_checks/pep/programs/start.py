r"""Where the programs that measure distances begin: :math:`\|x-x^*\|\le R` and
:math:`\frac1N\sum_i\|\nabla f_i(x^*)\|^2\le\zeta^2`.

A bound of 0 leaves no interior, which solvers want. For R = 0 the point is left out: x is x* itself. For zeta = 0 declare the
world with ``shared_optimum=True``, which leaves out the :math:`\nabla f_i(x^*)`.
"""

from __future__ import annotations

from typing import Any

from theory_checks.pep.verbs import norm2

__all__ = ["start"]


def start(world: Any, R: Any, zeta: Any) -> Any:
    """A point x at a distance of at most R, on federations of heterogeneity at most zeta."""
    if world.gstar is not world.origin:
        world.assume(norm2(world.gstar) <= zeta**2)
    if R == 0:
        return world.origin
    x = world.point()
    world.assume(norm2(x) <= R**2)
    return x
