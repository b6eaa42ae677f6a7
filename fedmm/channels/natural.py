r"""Natural compression: every number is rounded at random to one of the two powers of two around it.

.. math:: C(x)_j = \mathrm{sign}(x_j)\,2^{e_j + B_j}, \qquad 2^{e_j}\le|x_j|<2^{e_j+1}, \quad
          B_j\sim\text{Bernoulli}(|x_j|/2^{e_j} - 1)

| argument | symbol |
|---|---|
| facts | :math:`\omega = 1/8`, attained at :math:`|x_j| = \frac43 2^{e_j}` |

A number costs its sign and its exponent: 1 + 8 bits for float32, 1 + 11 bits for float64. Magnitudes that the exponents do not
reach are outside the facts: below the smallest normal number (1.2e-38, 2.2e-308) they are sent as 0, above the largest power of
two (1.7e38, 9.0e307) as that power. What is not finite stays so, as the exponent that is left, and the run says that it diverged.

Source: S. Horvath, C.-Y. Ho, L. Horvath, A. N. Sahu, M. Canini, P. Richtarik, "Natural compression for distributed deep
learning", arXiv 1905.10988. omega from the variance :math:`(|x|-2^e)(2^{e+1}-|x|)\le x^2/8` of one number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import ClassVar, NamedTuple

import numpy as np

from fedmm.arguments import check_fields
from fedmm.arrays import Array, as_like, namespace, to_numpy
from fedmm.channels.base import MANY, Channel, ChannelFacts, Field, unbiased
from fedmm.keys import Keys, draw

__all__ = ["Natural"]


class Wire(NamedTuple):
    """The rounded numbers (..., q): zeros, and powers of two with signs."""

    values: Array


@dataclass(frozen=True)
class Natural(Channel):
    r"""Random rounding to powers of two: unbiased, :math:`\omega = 1/8`, 9 bits for a float32 and 12 for a float64."""

    name: ClassVar[str] = "natural"

    def __post_init__(self) -> None:
        check_fields(self)

    def encode(self, x: Array, key: Keys) -> Wire:
        low, p = _powers(x)
        u = draw(key, lambda generator: generator.random(x.shape[-1]))
        return Wire(_rounded(x, low, u < p))

    def decode(self, wire: Wire) -> Array:
        return wire.values

    def fields(self, wire: Wire) -> tuple[Field, ...]:
        values = to_numpy(wire.values)
        info = np.finfo(values.dtype)
        exponents = np.where(values == 0, 0, np.frexp(values)[1] - info.minexp)  # frexp: 2^e is 0.5 * 2^(e+1), so 1, 2, ...
        width = info.nexp
        exponents = np.where(np.isfinite(values), exponents, 2**width - 1)
        return Field(np.signbit(values).astype(np.uint8), 1), Field(exponents.astype(np.int32), width)

    def facts(self, q: int) -> ChannelFacts:
        return unbiased(0.125, dense=True)

    def outcomes(self, x: Array) -> Iterator[tuple[float, Array]] | None:
        low, p = _powers(x)
        random = np.flatnonzero(p)  # powers of two stay as they are
        return None if 2**random.size > MANY else _enumerate(x, low, p, random)


def _powers(x: Array) -> tuple[np.ndarray, np.ndarray]:
    """(the power of two below |x|, the probability of the next one), both float64: exact, frexp reads the bits."""
    size = np.abs(to_numpy(x))
    info = np.finfo(size.dtype)
    highest = float(np.ldexp(1.0, info.maxexp - 1))
    size = np.where(size < info.smallest_normal, 0.0, np.minimum(size.astype(np.float64), highest))
    low = np.where(size == 0, 0.0, np.ldexp(1.0, np.frexp(size)[1] - 1))
    return low, size / np.where(low == 0, 1.0, low) - (low > 0)


def _rounded(x: Array, low: np.ndarray, up: np.ndarray) -> Array:
    xp = namespace(x)
    return xp.where(xp.isfinite(x), xp.sign(x) * as_like(low * np.where(up, 2.0, 1.0), x), x)


def _enumerate(x: Array, low: np.ndarray, p: np.ndarray, random: np.ndarray) -> Iterator[tuple[float, Array]]:
    for bits in product((False, True), repeat=random.size):
        up = np.zeros(x.shape, dtype=bool)
        up[random] = bits
        yield float(np.prod(np.where(up, p, 1 - p))), _rounded(x, low, up)
