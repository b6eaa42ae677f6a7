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

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Independent", "Moments", "Subset"]

Moments = tuple[Any, Any]
"""(mean part, deviation part): scalars, or numbers where an interpreter is numeric."""

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
