r"""First and second moments of the channels, and what each channel of the library declares about itself.

| channel | :math:`E\,C(v)` | :math:`E\,C(v)C(v)^\top`, with :math:`V=vv^\top` |
|---|---|---|
| Bernoulli(q) mask | v | :math:`V+(1/q-1)\,\text{diag}\,V` |
| rand-k | v | :math:`\frac dk\,\text{diag}\,V+\frac{d(k-1)}{k(d-1)}(V-\text{diag}\,V)` |

| argument | symbol |
|---|---|
| v | v, a vector of length d, not zero |
| u | u, a direction: moments are :math:`E\langle C(v),u\rangle` and :math:`E\langle C(v),u\rangle^2`, relative to the lengths |
| k, q | the coordinates sent, the probability that a coordinate is sent |
| channel | a channel as the command line spells it, for vectors of length 6 |

All of it is exact, over the outcomes of the library's own channels. Source: the second moments are derived here; omega and delta
are those of the channels' own docstrings.
"""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fedmm.channels import Channel, Mask, RandK
from fedmm.spec import parse
from theory_checks.claim import Claim, Condition, Mutant, Status
from theory_checks.claims.compressors import FEWER, NOT_ZERO, NUMBERS, ROUNDING, SHORT, THIRDS, relative
from theory_checks.moments import mean, second

__all__ = ["CLAIMS"]

RATES = st.sampled_from([0.1, 0.25, 0.5, 0.75, 0.9, 1.0])


def _rate(q: float, **_: object) -> bool:
    return 0 < q <= 1


RATE = Condition("0 < q <= 1", _rate)


@st.composite
def directed(draw: st.DrawFn) -> dict[str, Any]:
    """A vector and a direction of the same length, k <= d and a rate q."""
    v = draw(SHORT)
    u = draw(st.lists(NUMBERS, min_size=len(v), max_size=len(v)).filter(any))
    return {"v": v, "u": u}


@st.composite
def directed_sparse(draw: st.DrawFn) -> dict[str, Any]:
    """The same with k <= d."""
    setting = draw(directed())
    return {**setting, "k": draw(st.integers(1, len(setting["v"])))}


@st.composite
def directed_masked(draw: st.DrawFn) -> dict[str, Any]:
    """The same with a rate."""
    return {**draw(directed()), "q": draw(RATES)}


def _alike(v: list[float], u: list[float], **_: object) -> bool:
    return len(v) == len(u) and any(v) and any(u)


ALIKE = Condition("v and u of one length, neither zero", _alike)


def _square(channel: Channel, v: list[float], u: list[float]) -> float:
    """E<C(v), u>^2 / (|v||u|)^2."""
    x, y = np.array(v), np.array(u)
    return float(y @ second(channel, x) @ y) / float((x @ x) * (y @ y))


def _masked_square(v: list[float], u: list[float], apart: float, together: float) -> float:
    """u'(together V + (apart - together) diag V)u / (|v||u|)^2 with V = vv'."""
    x, y = np.array(v), np.array(u)
    square = together * float(x @ y) ** 2 + (apart - together) * float((x * y) @ (x * y))
    return square / float((x @ x) * (y @ y))


def mask_square(v: list[float], u: list[float], q: float) -> float:
    """The library's Bernoulli mask."""
    return _square(Mask(q), v, u)


def _mask_exact(v: list[float], u: list[float], q: float) -> float:
    return _masked_square(v, u, 1 / q, 1.0)


def _mask_together(v: list[float], u: list[float], q: float) -> float:
    return _masked_square(v, u, 1 / q, 1 / q)


def rand_k_square(v: list[float], u: list[float], k: int) -> float:
    """The library's rand-k."""
    return _square(RandK(k), v, u)


def _rand_k_pairs(v: list[float], u: list[float], k: int) -> float:
    d = len(v)
    return _masked_square(v, u, d / k, d * (k - 1) / (k * (d - 1)) if d > 1 else 1.0)


def _rand_k_independent(v: list[float], u: list[float], k: int) -> float:
    return _masked_square(v, u, len(v) / k, 1.0)


# What every channel of the library declares.


@st.composite
def spelled(draw: st.DrawFn, unbiased: bool = False) -> str:
    """A channel of the library, alone or in a chain, for vectors of length 6; with a few outcomes only."""
    k, s, q = draw(st.integers(1, 6)), draw(st.integers(1, 8)), draw(RATES)
    firsts = [f"rand-k:{k}"] if unbiased else [f"rand-k:{k}", f"top-k:{k}"]
    lasts = ["identity", f"rand-k:{draw(st.integers(1, k))}", f"mask:{q}", f"dither:{s}", f"dither:{s},block=2", "natural"]
    last = draw(st.sampled_from(lasts if unbiased else [*lasts, f"top-k:{draw(st.integers(1, k))}"]))
    return draw(st.sampled_from([*firsts, last, *(f"{first}+{last}" for first in firsts)]))


def channel_error(channel: str, v: list[float]) -> float:
    """Any channel of the library."""
    return relative(parse("channel", channel), v)


def _declared(channel: str, v: list[float]) -> float:
    """The stronger one of the two factors that the channel declares."""
    facts = parse("channel", channel).facts(len(v))
    if facts.omega is None:
        return inf
    return facts.omega if facts.contraction is None else min(facts.omega, 1.0 - facts.contraction)


def _declared_less(channel: str, v: list[float]) -> float:
    return 0.9 * _declared(channel, v)


def channel_mean(channel: str, v: list[float], u: list[float]) -> float:
    """<E C(v), u> / (|v||u|)."""
    x, y = np.array(v), np.array(u)
    return float(mean(parse("channel", channel), x) @ y) / float(np.linalg.norm(x) * np.linalg.norm(y))


def _cosine(channel: str, v: list[float], u: list[float]) -> float:
    x, y = np.array(v), np.array(u)
    return float(x @ y) / float(np.linalg.norm(x) * np.linalg.norm(y))


def _shrunk(channel: str, v: list[float], u: list[float]) -> float:
    return 0.99 * _cosine(channel, v, u)


SIX = st.lists(NUMBERS, min_size=6, max_size=6).filter(any)


def _unbiased(channel: str, v: list[float], **_: object) -> bool:
    return parse("channel", channel).facts(len(v)).unbiased


DECLARES = Condition("an unbiased channel", _unbiased)

CLAIMS = (
    Claim(
        name="mask-second-moment",
        statement="E C(v)C(v)' = V + (1/q - 1) diag V, V = vv', for the Bernoulli(q) mask",
        reference="derived here",
        status=Status.DERIVED,
        kind="expectation",
        setting=directed_masked(),
        promised=_mask_exact,
        engines={"simulation": mask_square},
        mutants=(Mutant("coordinates masked together: V/q", _mask_together, ("simulation",)),),
        conditions=(ALIKE, RATE),
        method="mask",
        tags=("compression", "moments"),
        atol=ROUNDING,
        extremes=({"v": [1.0, 1.0], "u": [1.0, 1.0], "q": 0.5}, {"v": [1.0, 2.0], "u": [2.0, -1.0], "q": 0.25}),
    ),
    Claim(
        name="rand-k-second-moment",
        statement="E C(v)C(v)' = (d/k) diag V + d(k-1)/(k(d-1)) (V - diag V), V = vv'",
        reference="derived here",
        status=Status.DERIVED,
        kind="expectation",
        setting=directed_sparse(),
        promised=_rand_k_pairs,
        engines={"simulation": rand_k_square},
        mutants=(Mutant("coordinates drawn independently", _rand_k_independent, ("simulation",)),),
        conditions=(ALIKE, FEWER),
        method="rand-k",
        tags=("compression", "moments"),
        atol=ROUNDING,
        extremes=({"v": [1.0, 1.0], "u": [1.0, 1.0], "k": 1}, {"v": [1.0] * 5, "u": [1.0] * 5, "k": 2}),
    ),
    Claim(
        name="channel-facts",
        statement="E|C(v)-v|^2 <= min(omega, 1 - delta) |v|^2 with the omega and delta that each channel declares",
        reference="the sources of the channels; chains are derived in fedmm.channels.chain",
        status=Status.CHECKED,
        kind="tight",
        setting=st.fixed_dictionaries({"channel": spelled(), "v": SIX}),
        promised=_declared,
        engines={"simulation": channel_error},
        mutants=(Mutant("omega -> .9 omega", _declared_less, ("simulation",)),),
        conditions=(NOT_ZERO,),
        method="chain",
        tags=("compression", "facts"),
        atol=ROUNDING,
        extremes=(
            {"channel": "rand-k:2", "v": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]},
            {"channel": "mask:0.25", "v": [1.0, 0.0, 0.0, 0.0, 0.0, -1.0]},
            {"channel": "top-k:2", "v": [1.0] * 6},
            {"channel": "natural", "v": THIRDS * 2},
            {"channel": "rand-k:3+mask:0.5", "v": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]},
            {"channel": "top-k:3+natural", "v": THIRDS * 2},
        ),
    ),
    Claim(
        name="channel-unbiased",
        statement="E<C(v), u> = <v, u> for every channel that declares itself unbiased",
        reference="the sources of the channels",
        status=Status.CHECKED,
        kind="expectation",
        setting=st.fixed_dictionaries({"channel": spelled(unbiased=True), "v": SIX, "u": SIX}),
        promised=_cosine,
        engines={"simulation": channel_mean},
        mutants=(Mutant("E C(v) -> .99 v", _shrunk, ("simulation",)),),
        conditions=(ALIKE, DECLARES),
        method="chain",
        tags=("compression", "moments"),
        atol=ROUNDING,
        extremes=(
            {"channel": "rand-k:1+dither:1", "v": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "u": [1.0, 0.0, 0.0, 0.0, 0.0, 0.0]},
            {"channel": "dither:3,block=4", "v": [1.0, -2.0, 3.0, 0.0, 5.0, 6.0], "u": [1.0] * 6},
        ),
    ),
)
