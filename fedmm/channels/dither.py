r"""Stochastic dithering with s levels, per block of m coordinates (quantisation of QSGD).

.. math:: C(x)_j = \|x_b\|\,\mathrm{sign}(x_j)\,\ell_j/s, \qquad
          \ell_j = \lfloor r_j\rfloor + \text{Bernoulli}(r_j - \lfloor r_j\rfloor), \quad r_j = s|x_j|/\|x_b\|

where :math:`x_b` is the block of coordinate j.

| argument | symbol |
|---|---|
| levels | s, the number of positive levels |
| block | m, the length of a block; None for the whole vector |
| norms | :math:`\|x_b\|`, one number per block |
| facts | :math:`\omega \le \min(m/s^2, \sqrt m/s)` |

Source: the scheme of D. Alistarh, D. Grubic, J. Li, R. Tomioka, M. Vojnovic, QSGD, NeurIPS 2017. The bound follows from
the variance :math:`\|x_b\|^2 s^{-2}\,p_j(1-p_j)` of a coordinate, :math:`p_j = r_j - \lfloor r_j\rfloor`: with
:math:`p_j(1-p_j) \le 1` the first term, with :math:`p_j \le r_j` and
:math:`\sum_{j\in b}|x_j| \le \sqrt m\|x_b\|` the second.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import sqrt
from typing import ClassVar, NamedTuple

import numpy as np

from fedmm.arguments import check_fields
from fedmm.arrays import Array, as_like, namespace, norm2
from fedmm.channels.base import MANY, Channel, ChannelFacts, Field, positive_int, unbiased
from fedmm.channels.identity import value_width
from fedmm.errors import SpecError
from fedmm.keys import Keys, draw

__all__ = ["Dither"]


class Wire(NamedTuple):
    """The norm of every block (..., number of blocks), and sign(x_j) l_j (..., q) as whole numbers in x's dtype."""

    norms: Array
    levels: Array


@dataclass(frozen=True)
class Dither(Channel):
    r"""Signs, s random levels and one norm per block of m: unbiased, :math:`\omega \le \min(m/s^2, \sqrt{m}/s)`.

    A block costs one norm at the width of the dtype; a coordinate a sign bit and :math:`\lceil\log_2(s+1)\rceil` bits.

    Parameters
    ----------
    levels : int
        s, from 1 to 2**24 (beyond that float32 does not tell levels apart).
    block : int or None
        m; the last block may be shorter. None takes the whole vector as one block.

    Raises
    ------
    SpecError
        If `levels` or `block` is not a positive integer, or `levels` is above 2**24.
    """

    levels: int
    block: int | None = None

    name: ClassVar[str] = "dither"

    def __post_init__(self) -> None:
        check_fields(self)
        positive_int(self.name, "levels", self.levels)
        if self.levels > 2**24:
            raise SpecError(f"Expected levels of the channel dither to be at most 2**24, got {self.levels}; lower it.")
        if self.block is not None:
            positive_int(self.name, "block", self.block)

    def encode(self, x: Array, key: Keys) -> Wire:
        norms, r = self._ratios(x)
        whole = namespace(x).floor(r)
        u = as_like(draw(key, lambda generator: generator.random(x.shape[-1])), x)
        return self._wire(x, norms, whole, u < r - whole)

    def decode(self, wire: Wire) -> Array:
        return wire.levels / float(self.levels) * self._spread(wire.norms, wire.levels.shape[-1])

    def fields(self, wire: Wire) -> tuple[Field, ...]:
        xp = namespace(wire.levels)
        signs = xp.astype(wire.levels < 0, xp.uint8)
        levels = xp.astype(xp.abs(wire.levels), xp.int32)
        return Field(wire.norms, value_width(wire.norms)), Field(signs, 1), Field(levels, self.levels.bit_length())

    def facts(self, q: int) -> ChannelFacts:
        s, m = self.levels, min(self.block or q, q)
        return unbiased(min(m / s**2, sqrt(m) / s), dense=True)

    def outcomes(self, x: Array) -> Iterator[tuple[float, Array]] | None:
        norms, r = self._ratios(x)
        whole = np.floor(r)
        p = np.asarray(r - whole, dtype=float)
        random = np.flatnonzero(p)  # the other coordinates sit on a level
        if 2**random.size > MANY:
            return None
        return self._enumerate(x, norms, whole, p, random)

    def _enumerate(
        self, x: Array, norms: Array, whole: Array, p: np.ndarray, random: np.ndarray
    ) -> Iterator[tuple[float, Array]]:
        for bits in product((False, True), repeat=random.size):
            up = np.zeros(x.shape, dtype=bool)
            up[random] = bits
            yield float(np.prod(np.where(up, p, 1 - p))), self.decode(self._wire(x, norms, whole, up))

    def _ratios(self, x: Array) -> tuple[Array, Array]:
        """(norms, r): the norm of every block, and r_j in [0, s]."""
        xp = namespace(x)
        q = x.shape[-1]
        m = min(self.block or q, q)
        squares = x
        if q % m:  # zeros fill the last block
            squares = xp.concat([x, xp.zeros_like(x[..., : m - q % m])], axis=-1)
        norms = xp.sqrt(norm2(xp.reshape(squares, (*x.shape[:-1], -1, m))))
        divisor = self._spread(xp.where(norms > 0, norms, xp.ones_like(norms)), q)  # a zero block has r = 0
        s = float(self.levels)
        r = xp.abs(x) / divisor * s
        return norms, xp.where(r > s, xp.full_like(r, s), r)  # squares that underflow make norms too small

    def _spread(self, norms: Array, q: int) -> Array:
        """One number per block, repeated for every coordinate of the block; broadcasts where there is one block."""
        return norms if norms.shape[-1] == 1 else namespace(norms).repeat(norms, self.block, axis=-1)[..., :q]

    def _wire(self, x: Array, norms: Array, whole: Array, up: Array) -> Wire:
        xp = namespace(x)
        return Wire(norms, xp.sign(x) * (whole + xp.astype(up, x.dtype)))
