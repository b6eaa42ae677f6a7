r"""Random draws by their second moments: compression and participation.

A draw turns a client vector u into u + n with E n = 0, n uncorrelated with everything before it. All that a quadratic needs
are, for two sources u, u' of the same draw and a class of :math:`n_c` clients,

| draw | :math:`E\langle\bar n,\bar n'\rangle` | :math:`E[\mathrm{dev}\,n\cdot\mathrm{dev}\,n']` |
|---|---|---|
| unbiased compressor omega, independent clients | :math:`(\omega/n_c)[u\cdot u']` | :math:`\omega(1-1/n_c)[u\cdot u']` |
| S of N without replacement: :math:`(N/S)1\{i\in A\}u_i` | :math:`k\,\Delta` | :math:`(N/S-1)[u\cdot u']-k\,\Delta` |

with :math:`k=(N-S)/(S(N-1))` and :math:`\Delta=[\mathrm{dev}\,u\cdot\mathrm{dev}\,u']`. A Bernoulli(p) mask
:math:`(1/p)1\{i\in A\}u_i` is a compressor with :math:`\omega=(1-p)/p` whose one draw serves several vectors.
Two compressed vectors have two draws: their noises are uncorrelated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fedmm.errors import SpecError
from theory_checks.pep.algebra import Noise, Scalar, Vector
from theory_checks.pep.checks import check_between, check_count

__all__ = ["Independent", "Moments", "Subset", "compression", "covariance", "sampling"]

Moments = tuple[Any, Any]
"""(mean part, deviation part)."""

Products = Callable[[], tuple[Any, Any]]
"""Gives ([u.u'], [dev u.dev u']) within one class."""


@dataclass(frozen=True, eq=False)
class Independent:
    """Independent clients: E|n_i|^2 = omega |u_i|^2.

    Parameters
    ----------
    omega : number
        The variance factor; (1-p)/p for a Bernoulli(p) mask.
    """

    omega: Any

    def moments(self, products: Products, n: int, one: Any) -> Moments:
        """The second moments over a class of n clients; `one` is 1 as a coefficient."""
        both, _ = products()
        return both * (self.omega / (one * n)), both * (self.omega * (one - one / n))


@dataclass(frozen=True, eq=False)
class Subset:
    """S clients out of all N, without replacement.

    Parameters
    ----------
    S : int
        Clients drawn.
    """

    S: int

    def moments(self, products: Products, n: int, one: Any) -> Moments:
        """The second moments over the one class of n clients; `one` is 1 as a coefficient."""
        both, apart = products()
        k = one * (n - self.S) / (self.S * (n - 1)) if n > 1 else one * 0
        return apart * k, both * (one * n / self.S - one) - apart * k


def compression(space: Any, omega: Any) -> Independent:
    """The draw of an unbiased compressor of variance factor omega; SpecError for omega < 0."""
    return Independent(check_between("omega", space.number(omega), 0, None))


def sampling(space: Any, S: int | None, p: Any) -> Independent | Subset:
    """The draw of S clients without replacement, or of each with probability p; SpecError for none or both of them."""
    if (S is None) == (p is None):
        raise SpecError("Expected one of S (clients without replacement) and p (a probability), got both or neither.")
    if p is not None:
        p = check_between("p", space.number(p), 0, 1, open_left=True)
        return Independent((space.one - p) / p)
    if space.r != 1:
        raise SpecError("Sampling without replacement is written for one class of clients; use p, or a single class.")
    return Subset(check_count("S", S, space.N))


def covariance(space: Any, u: Vector, w: Vector, c: int, total: Scalar) -> Scalar:
    """`total` plus what the noises of u and w add to [u.w] over class c.

    `space` has `inner`, `inner_in_class`, `sizes`, `one` and r classes.
    """
    for mine, (A, s) in u.noise.items():
        for theirs, (B, t) in w.noise.items():
            if mine.draw is theirs.draw:
                for part in _products(space, mine, theirs, A[c] * B[c], s[c] * t[c], c):
                    total = total + part
    return total


def _products(space: Any, n: Noise, k: Noise, mean: Any, dev: Any, c: int) -> Iterator[Scalar]:
    for other in range(space.r):
        if not mean[other] and not (other == c and dev):
            continue

        def products(other: int = other) -> tuple[Scalar, Scalar]:
            return space.inner_in_class(n.source, k.source, other), space.inner(n.source.dev(), k.source.dev())

        of_mean, of_dev = n.draw.moments(products, space.sizes[other], space.one)
        yield of_mean * mean[other]
        if other == c:
            yield of_dev * dev
