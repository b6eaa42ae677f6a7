r"""The inner solve of a surrogate with a curvature and a penalty: accelerated proximal gradient to a stated tolerance.

    min_x  1/2 <x, P x> - <b, x> + g(x),       0 <= mu I <= P <= L I,   L' = L + mu_g,   q = (mu + mu_g) / L'

    repeat:   x+ = prox_{g/L}(y - (P y - b) / L)
              v  = L (y - x+) + P x+ - P y                      v lies in the subdifferential of the objective at x+
              stop if |v| <= tolerance (|b| + L |x+|)
              t+ = (1 - q t^2 + sqrt((1 - q t^2)^2 + 4 t^2)) / 2,   beta = (t - 1)/t+ * (1 - t+ q)/(1 - q)
              y  = x+ + beta (x+ - x);     t = 1 again after a step with <y - x+, x+ - x> > 0

The stop is a certificate: x+ is the exact solution for b + v in the place of b, and as the objective is (mu + mu_g)-strongly
convex, |x+ - x*| <= |v| / (mu + mu_g). One product with P an iteration: that of y is a combination of those of the x.

| argument | symbol |
|---|---|
| product | x -> P x |
| least, largest | mu, L |
| b, start | b, the first x; (d,) |

Source: A. Beck and M. Teboulle, SIAM J. Imaging Sciences 2, 2009; t for strongly convex objectives: A. Chambolle and T. Pock,
Acta Numerica 25, 2016; restarts: B. O'Donoghue and E. Candes, Foundations of Computational Mathematics 15, 2015.
"""

from __future__ import annotations

from collections.abc import Callable

from fedmm.arrays import Array, namespace, norm2
from fedmm.errors import SpecError
from fedmm.penalty import Penalty

__all__ = ["by_row", "check_tolerance", "minimize_quadratic"]

LIMIT = 100_000
"""Iterations after which the solve is given up: sqrt(L / mu) of some thousands."""

ROUNDING = 64
"""Machine epsilons below which no residual can be asked to fall."""


def check_tolerance(name: str, tolerance: float) -> None:
    """Refuse a tolerance outside (0, 1).

    Raises
    ------
    SpecError
        Naming the field.
    """
    if not 0 < tolerance < 1:
        raise SpecError(f"Expected {name}.tolerance in (0, 1), got {tolerance}.")


def by_row(solve: Callable[[Array, Array | None], Array], stat: Array, start: Array | None) -> Array:
    """``solve(stat, start)`` for every row of a block `stat` (m, q): each takes the path that it takes alone."""
    rows = range(stat.shape[0])
    return namespace(stat).stack([solve(stat[k, ...], None if start is None else start[k, ...]) for k in rows])


def minimize_quadratic(
    product: Callable[[Array], Array],
    least: float,
    largest: float,
    b: Array,
    g: Penalty,
    start: Array | None,
    tolerance: float,
) -> Array:
    r"""The minimiser of :math:`\frac12\langle x,Px\rangle-\langle b,x\rangle+g(x)`, shape (d,).

    Parameters
    ----------
    product : callable
        x (d,) to P x (d,), P symmetric.
    least, largest : float
        mu and L > 0; mu + mu_g > 0.
    b : array (d,)
        The linear term.
    g : Penalty
        The penalty.
    start : array (d,) or None
        A guess; None for zeros.
    tolerance : float
        See above; not below 64 machine epsilons of the dtype.

    Raises
    ------
    ArithmeticError
        If the tolerance is not met after 100,000 iterations.
    """
    xp = namespace(b)
    tolerance = max(tolerance, ROUNDING * float(xp.finfo(b.dtype).eps))
    step, mu = 1.0 / largest, g.strong_convexity
    q = (least + mu) / (largest + mu)
    x = g.restrict(xp.zeros_like(b) if start is None else start)
    y, Px, t, size = x, product(x), 1.0, xp.sqrt(norm2(b))
    Py = Px
    for _ in range(LIMIT):
        last, Plast = x, Px
        x = g.prox(y - step * (Py - b), step)
        Px = product(x)
        v = largest * (y - x) + (Px - Py)
        if bool(xp.sqrt(norm2(v)) <= tolerance * (size + largest * xp.sqrt(norm2(x)))):
            return x
        move = x - last
        if float(xp.sum((y - x) * move)) > 0:
            t, y, Py = 1.0, x, Px
            continue
        a = 1.0 - q * t * t
        after = 0.5 * (a + (a * a + 4.0 * t * t) ** 0.5)
        beta = (t - 1.0) / after * (1.0 - after * q) / (1.0 - q) if q < 1.0 else 0.0
        t, y, Py = after, x + beta * move, Px + beta * (Px - Plast)
    raise ArithmeticError(
        f"The inner solve of T(s) did not reach tolerance {tolerance:g} in {LIMIT} iterations, at condition number "
        f"{1.0 / q:.3g}; raise the ridge or the tolerance."
    )
