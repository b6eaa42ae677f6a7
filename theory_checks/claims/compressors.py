r"""What compressors add: the variance factors of the channels, each exact over the outcomes of the library's own channel.

For an unbiased compressor :math:`E\,C(v)=v` and :math:`E\|C(v)-v\|^2\le\omega\|v\|^2`; for a contraction
:math:`\|C(v)-v\|^2\le(1-\delta)\|v\|^2`. Errors are measured relative to :math:`\|v\|^2`.

| channel | :math:`E\|C(v)-v\|^2/\|v\|^2` | |
|---|---|---|
| dithering (QSGD), s levels | :math:`s^{-2}\sum_jr_j(1-r_j)` | exactly |
| | :math:`\le\min(d/s^2,\sqrt d/s)` | the published bound |
| | :math:`\le\min(d/(4s^2),\sqrt d/s)` | since :math:`r(1-r)\le1/4`; attained |
| natural compression | :math:`\le1/8` | attained at 4/3 of a power of two |
| rand-k | :math:`d/k-1` | exactly |
| top-k | :math:`\le1-k/d` | attained where all sizes are equal |

| argument | symbol |
|---|---|
| v | v, a vector of length d, not zero |
| s, k | the levels, the coordinates sent |
| r_j | :math:`r_j=\text{frac}(s|v_j|/\|v\|)` |

Sources: D. Alistarh, D. Grubic, J. Li, R. Tomioka, M. Vojnovic, QSGD, NeurIPS 2017; S. Horvath et al., natural compression,
arXiv 1905.10988; S. Stich, J.-B. Cordonnier, M. Jaggi, sparsified SGD with memory, NeurIPS 2018, for top-k; rand-k is folklore.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fedmm.channels import Channel, Dither, Natural, RandK, TopK
from theory_checks.claim import Claim, Condition, Mutant, Setting, Status
from theory_checks.moments import LIMIT, error

__all__ = ["CLAIMS", "FEWER", "NOT_ZERO", "NUMBERS", "ROUNDING", "SHORT", "THIRDS", "relative"]

NUMBERS = st.one_of(
    st.integers(-9, 9).map(float),
    st.floats(0.001, 1000.0, allow_subnormal=False),
    st.floats(-1000.0, -0.001, allow_subnormal=False),
)
SHORT = st.lists(NUMBERS, min_size=1, max_size=LIMIT).filter(any)
LONG = st.lists(NUMBERS, min_size=1, max_size=40).filter(any)
THIRDS = [4 / 3 * sign * 2.0**e for e, sign in enumerate([1, -1, 1], start=-1)]


def _not_zero(v: list[float], **_: object) -> bool:
    return any(v)


NOT_ZERO = Condition("a vector that is not zero", _not_zero)
ROUNDING = 1e-12


def relative(channel: Channel, v: list[float]) -> float:
    """E|C(v)-v|^2 / |v|^2."""
    x = np.array(v)
    return error(channel, x) / float(x @ x)


# Dithering.


def dither_error(v: list[float], s: int) -> float:
    """The library's dithering with s levels."""
    return relative(Dither(s), v)


def dither_exact(v: list[float], s: int) -> float:
    """sum_j r_j (1 - r_j) / s^2."""
    x = np.abs(v)
    r = np.mod(s * x / np.linalg.norm(x), 1.0)
    return float(r @ (1.0 - r)) / s**2


def _dither_ceiling(v: list[float], s: int) -> float:
    return min(len(v) / s**2, sqrt(len(v)) / s)


def _dither_quarter(v: list[float], s: int) -> float:
    return min(len(v) / (4 * s**2), sqrt(len(v)) / s)


def _dither_no_square(v: list[float], s: int) -> float:
    return s * dither_exact(v, s)


def _dither_half_root(v: list[float], s: int) -> float:
    return min(len(v) / s**2, sqrt(len(v)) / (2 * s))


def _dither_eighth(v: list[float], s: int) -> float:
    return min(len(v) / (8 * s**2), sqrt(len(v)) / s)


DITHER = st.fixed_dictionaries({"v": LONG, "s": st.integers(1, 16)})
ALL_HALVES = {"v": [1.0] * 4, "s": 1}  # r_j = 1/2 everywhere
DITHER_EXTREMES: tuple[Setting, ...] = (
    ALL_HALVES,
    {"v": [2.0] * 16, "s": 2},
    {"v": [1.0] * 36, "s": 1},  # sqrt(d) - 1 of sqrt(d)
    {"v": [3.0, -4.0], "s": 5},  # on the levels: no error
    {"v": [-7.0], "s": 3},
    {"v": [0.0] * 39 + [1.0], "s": 16},
)
QSGD = "Alistarh, Grubic, Li, Tomioka, Vojnovic, QSGD, NeurIPS 2017"


def _some_levels(s: int, **_: object) -> bool:
    return s >= 1


LEVELS = Condition("at least one level", _some_levels)


# Natural compression.


def natural_error(v: list[float]) -> float:
    """The library's natural compression."""
    return relative(Natural(), v)


def _eighth(v: list[float]) -> float:
    return 1 / 8


def _ninth(v: list[float]) -> float:
    return 1 / 9


# Sparsification.


def rand_k_error(v: list[float], k: int) -> float:
    """The library's rand-k."""
    return relative(RandK(k), v)


def _rand_k_exact(v: list[float], k: int) -> float:
    return len(v) / k - 1


def _rand_k_unscaled(v: list[float], k: int) -> float:
    return 1 - k / len(v)


def top_k_error(v: list[float], k: int) -> float:
    """The library's top-k."""
    return relative(TopK(k), v)


def _top_k_ceiling(v: list[float], k: int) -> float:
    return 1 - k / len(v)


def _top_k_squared(v: list[float], k: int) -> float:
    return (1 - k / len(v)) ** 2


@st.composite
def sparse(draw: st.DrawFn) -> dict[str, Any]:
    """A vector and k <= d."""
    v = draw(SHORT)
    return {"v": v, "k": draw(st.integers(1, len(v)))}


def _fewer(v: list[float], k: int, **_: object) -> bool:
    return 1 <= k <= len(v)


FEWER = Condition("1 <= k <= d", _fewer)


CLAIMS = (
    Claim(
        name="dithering-variance",
        statement="E|C(v)-v|^2 = (|v|/s)^2 sum_j r_j (1-r_j), r_j = frac(s |v_j| / |v|)",
        reference=QSGD,
        status=Status.CHECKED,
        kind="expectation",
        setting=DITHER,
        promised=dither_exact,
        engines={"simulation": dither_error},
        mutants=(Mutant("1/s^2 -> 1/s", _dither_no_square, ("simulation",)),),
        conditions=(NOT_ZERO, LEVELS),
        method="dither",
        tags=("compression",),
        atol=ROUNDING,
        extremes=(*DITHER_EXTREMES, {"v": [1.0, 2.0], "s": 3}),
    ),
    Claim(
        name="dithering-bound",
        statement="E|C(v)-v|^2 <= min(d/s^2, sqrt(d)/s) |v|^2",
        reference=QSGD,
        status=Status.CHECKED,
        kind="upper",
        setting=DITHER,
        promised=_dither_ceiling,
        engines={"simulation": dither_error},
        mutants=(
            Mutant("sqrt(d)/s -> sqrt(d)/(2s)", _dither_half_root, ("simulation",)),
            Mutant("d/s^2 -> d/(8 s^2)", _dither_eighth, ("simulation",)),
        ),
        conditions=(NOT_ZERO, LEVELS),
        method="dither",
        tags=("compression",),
        atol=ROUNDING,
        extremes=DITHER_EXTREMES,
    ),
    Claim(
        name="dithering-quarter",
        statement="E|C(v)-v|^2 <= min(d/(4 s^2), sqrt(d)/s) |v|^2, attained where s |v_j| / |v| is a half more than an integer",
        reference="derived here: r(1-r) <= 1/4 in the exact variance of dithering",
        status=Status.DERIVED,
        kind="tight",
        setting=DITHER,
        promised=_dither_quarter,
        engines={"simulation": dither_error},
        mutants=(Mutant("d/(4 s^2) -> d/(8 s^2)", _dither_eighth, ("simulation",)),),
        conditions=(NOT_ZERO, LEVELS),
        method="dither",
        tags=("compression",),
        atol=ROUNDING,
        extremes=DITHER_EXTREMES,
    ),
    Claim(
        name="natural-compression",
        statement="E|C(v)-v|^2 <= |v|^2 / 8",
        reference="Horvath et al., Natural compression for distributed deep learning, arXiv 1905.10988",
        status=Status.CHECKED,
        kind="tight",
        setting=st.fixed_dictionaries({"v": LONG}),
        promised=_eighth,
        engines={"simulation": natural_error},
        mutants=(Mutant("1/8 -> 1/9", _ninth, ("simulation",)),),
        conditions=(NOT_ZERO,),
        method="natural",
        tags=("compression",),
        atol=ROUNDING,
        extremes=({"v": THIRDS}, {"v": [2.0]}, {"v": THIRDS * 4}),
    ),
    Claim(
        name="rand-k-variance",
        statement="E|C(v)-v|^2 = (d/k - 1) |v|^2",
        reference="folklore; checked over all subsets",
        status=Status.CHECKED,
        kind="expectation",
        setting=sparse(),
        promised=_rand_k_exact,
        engines={"simulation": rand_k_error},
        mutants=(Mutant("d/k - 1 -> 1 - k/d", _rand_k_unscaled, ("simulation",)),),
        conditions=(NOT_ZERO, FEWER),
        method="rand-k",
        tags=("compression",),
        atol=ROUNDING,
        extremes=({"v": [1.0], "k": 1}, {"v": [1.0, 0.0, 0.0], "k": 1}, {"v": [1.0] * LIMIT, "k": LIMIT - 1}),
    ),
    Claim(
        name="top-k-contraction",
        statement="|C(v)-v|^2 <= (1 - k/d) |v|^2",
        reference="Stich, Cordonnier, Jaggi, Sparsified SGD with memory, NeurIPS 2018",
        status=Status.CHECKED,
        kind="tight",
        setting=sparse(),
        promised=_top_k_ceiling,
        engines={"simulation": top_k_error},
        mutants=(Mutant("1 - k/d -> (1 - k/d)^2", _top_k_squared, ("simulation",)),),
        conditions=(NOT_ZERO, FEWER),
        method="top-k",
        tags=("compression",),
        atol=ROUNDING,
        extremes=({"v": [1.0, -1.0, 1.0, -1.0], "k": 1}, {"v": [2.0], "k": 1}, {"v": [1.0] * LIMIT, "k": LIMIT - 1}),
    ),
)
