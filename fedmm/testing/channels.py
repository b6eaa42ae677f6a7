r"""The laws of a channel. ``check_channel(channel)`` runs them all; each raises AssertionError with numbers.

| argument | meaning |
|---|---|
| q | the length of the vectors |
| alarm | the probability that a right channel fails, over everything random in the law |
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from fedmm.arrays import Array, to_numpy
from fedmm.channels.base import MANY, Channel
from fedmm.channels.packing import payload, unpack
from fedmm.keys import Key
from fedmm.testing.report import Law, Report, judge
from fedmm.testing.support import binomial_alarm, check_frequencies, enumerated, other_libraries

__all__ = [
    "check_bits",
    "check_block",
    "check_channel",
    "check_draws",
    "check_expectation",
    "check_key",
    "check_libraries",
    "check_moments",
    "check_passing",
]

TINY = 1e-12
"""Rounding allowed where both sides are the same numbers added in another order."""


def check_channel(channel: Channel, q: int = 6, many: int = 240, alarm: float = 1e-9) -> Report:
    """Every law below, at length `q` (small enough for `outcomes` to be enumerated) and at length `many`.

    Parameters
    ----------
    channel : Channel
        The channel; it must be able to carry vectors of both lengths.
    q, many : int
        A small and a large length.
    alarm : float
        The probability that a right channel fails.

    Returns
    -------
    Report
        Which laws hold, and which do not apply and why; ``print`` it.

    Raises
    ------
    AssertionError
        With every law that fails and its numbers.
    """
    each: dict[str, Callable[[Channel, int], str | None]] = {
        "expectation": check_expectation,
        "bits": check_bits,
        "block": check_block,
        "key": check_key,
        "libraries": check_libraries,
    }
    laws: dict[str, Law] = {
        f"{name}, q = {length}": partial(law, channel, length) for length in (q, many) for name, law in each.items()
    }
    laws[f"passing, q = {q}"] = partial(check_passing, channel, q)
    laws[f"draws, q = {q}"] = partial(check_draws, channel, q, alarm / 2)
    laws[f"moments, q = {many}"] = partial(check_moments, channel, many, alarm / 2)
    return judge(str(channel), laws)


def check_expectation(channel: Channel, q: int) -> str | None:
    r"""By exact expectation over `outcomes`: E C(x) = x if unbiased, and both error factors.

    Nothing is checked where the outcomes are too many. Probabilities sum to 1,
    :math:`E\|C(x)-x\|^2 \le \omega\|x\|^2` and :math:`\le (1-\delta)\|x\|^2`.
    """
    facts, seen = channel.facts(q), 0
    assert not facts.unbiased or facts.omega is not None or facts.contraction is None, "an unbiased contraction has an omega"
    for x in vectors(q):
        outcomes = channel.outcomes(x)
        if outcomes is None:
            continue
        seen += 1
        p, values = zip(*enumerated(outcomes, MANY, str(channel)), strict=True)
        p, values = np.array(p), np.array(values)
        assert p.min() >= 0, f"{channel}: an outcome has probability {p.min()}"
        assert abs(p.sum() - 1) <= TINY * len(p), f"{channel}: the probabilities of the outcomes of {x} sum to {p.sum()!r}"
        square, error = float(x @ x), float(p @ ((values - x) ** 2).sum(1))
        if facts.unbiased:
            bias = float(np.abs(p @ values - x).max())
            assert bias <= TINY * np.sqrt(square), f"{channel} says unbiased, but E C(x) differs from x = {x} by {bias:.3g}"
        for name, factor in (("omega", facts.omega), ("1 - contraction", _complement(facts.contraction))):
            assert factor is None or error <= factor * square + TINY * square, (
                f"{channel}: E|C(x)-x|^2 = {error:.12g} for x = {x}, but {name} = {factor:.12g} promises at most "
                f"{factor * square:.12g}"
            )
    return None if seen else "the outcomes are too many to list"


def check_draws(channel: Channel, q: int, alarm: float = 1e-9, draws: int = 2000) -> str | None:
    """`encode` then `decode` gives each of the enumerated outcomes as often as `outcomes` says, and nothing else.

    An exact binomial test per outcome; nothing where the outcomes are too many.
    """
    tested = [x for x in vectors(q) if channel.outcomes(x) is not None]
    if not tested:
        return "the outcomes are too many to list"
    for number, x in enumerate(tested):
        values, p = _distinct(enumerated(channel.outcomes(x) or iter(()), MANY, str(channel)))
        keys = tuple(Key(number, round, 0, ("law",)) for round in range(draws))
        got = to_numpy(channel.decode(channel.encode(np.tile(x, (draws, 1)), keys)))
        scale = max(float(np.abs(values).max()), 1e-300)
        counts = [0] * len(p)
        for row in got:
            distance = np.abs(values - row).max(1)
            nearest = int(distance.argmin())
            assert distance[nearest] <= TINY * scale, f"{channel} decoded {row} from {x}, which is not among its outcomes"
            counts[nearest] += 1
        check_frequencies(counts, p.tolist(), draws, alarm / len(tested), f"{channel} on {x}")


def check_moments(channel: Channel, q: int, alarm: float = 1e-9, groups: int = 40, size: int = 40) -> str | None:
    r"""Unbiasedness and omega where outcomes cannot be enumerated, by the means of `groups` groups of `size` draws.

    If E C(x) = x and :math:`E\|C(x)-x\|^2 \le \omega\|x\|^2`, then by Markov's inequality a group's mean is further
    than :math:`4\omega\|x\|^2/size` from x (squared) with probability at most 1/4. More such groups than a
    Binomial(groups, 1/4) exceeds with probability `alarm` refute the facts. This finds biases of more than about
    :math:`\sqrt{4\omega/size}\|x\|`, so it is sharp for small omega only. Biased channels are not tested.
    """
    facts = channel.facts(q)
    if not facts.unbiased or facts.omega is None:
        return "the channel is biased, or has no omega"
    x = np.random.default_rng(q).standard_normal(q)
    keys = tuple(Key(1, round, 0, ("law",)) for round in range(groups * size))
    got = to_numpy(channel.decode(channel.encode(np.tile(x, (len(keys), 1)), keys)))
    error = ((got.reshape(groups, size, q).mean(1) - x) ** 2).sum(1)
    far = int((error > 4 * facts.omega * float(x @ x) / size + TINY).sum())
    _, most = binomial_alarm(groups, 0.25, alarm)
    assert far <= most, (
        f"{channel}: the mean of {size} draws at q = {q} is beyond 4 omega |x|^2/{size} from x in {far} of {groups} "
        f"groups; at most {most} are credible if it is unbiased with omega = {facts.omega:.6g}"
    )


def check_bits(channel: Channel, q: int) -> None:
    """0 <= 8 len(payload) - bits < 8 x fields, and the packed fields come back exactly; for vectors and a block."""
    block = np.stack(list(vectors(q)))
    keys = tuple(Key(2, 0, row) for row in range(len(block)))
    cases = [(row, key) for row, key in zip(block, keys, strict=True)]
    for x, key in [*cases, (block, keys), (block.astype(np.float32), keys)]:
        wire = channel.encode(x, key)
        fields, bits, data = channel.fields(wire), channel.bits(wire), payload(channel, wire)
        spare = 8 * len(data) - bits
        assert 0 <= spare < 8 * len(fields), f"{channel}: {bits} bits, but a payload of {len(data)} bytes"
        for field, numbers in zip(fields, unpack(data, fields), strict=True):
            sent = to_numpy(field.values)
            assert numbers.dtype == sent.dtype, f"{channel}: a field of {sent.dtype} came back as {numbers.dtype}"
            assert numbers.tobytes() == np.ascontiguousarray(sent).tobytes(), f"{channel}: a field did not survive packing"


def check_block(channel: Channel, q: int) -> None:
    """A leading axis with a tuple of keys equals the loop bit for bit, in what is decoded and in the bits counted."""
    block = np.stack(list(vectors(q)))
    keys = tuple(Key(3, 0, row) for row in range(len(block)))
    wire = channel.encode(block, keys)
    wires = [channel.encode(row, key) for row, key in zip(block, keys, strict=True)]
    together, alone = channel.decode(wire), np.stack([channel.decode(one) for one in wires])
    rows = np.flatnonzero((together != alone).any(1))
    assert rows.size == 0, f"{channel}: rows {rows} of a block differ from the loop by {np.abs(together - alone).max():.3g}"
    counted = sum(channel.bits(one) for one in wires)
    assert channel.bits(wire) == counted, f"{channel}: {channel.bits(wire)} bits for a block, {counted} for its rows"


def check_key(channel: Channel, q: int) -> None:
    """The same key gives the same decoding; x is left alone; float32 stays float32; channel and wire pickle."""
    copy = pickle.loads(pickle.dumps(channel))
    assert copy == channel, f"{channel} is not itself after pickling: {copy}"
    key = Key(4, 5, 6, ("law",))
    for dtype in (np.float64, np.float32):
        for x in (v.astype(dtype) for v in vectors(q)):
            before = x.tobytes()
            wire = channel.encode(x, key)
            first = channel.decode(wire)
            assert first.shape == x.shape, f"{channel}: decoded shape {first.shape} for {x.shape}"
            assert first.dtype == dtype, f"{channel}: decoded {first.dtype} from {dtype.__name__}"
            assert np.isfinite(first).all(), f"{channel}: decoded {first} from {x}"
            assert x.tobytes() == before, f"{channel}: encode changed its argument"
            again = {
                "decoding again": channel.decode(wire),
                "encoding again": channel.decode(channel.encode(x, key)),
                "a pickled copy": copy.decode(pickle.loads(pickle.dumps(wire))),
            }
            for how, second in again.items():
                assert second.tobytes() == first.tobytes(), f"{channel}: {how} gave {second} instead of {first}"


def check_libraries(channel: Channel, q: int) -> None:
    """array_api_strict and torch, as far as installed: what NumPy gives to rounding, its bits exactly, dtype kept."""
    block = np.stack(list(vectors(q)))
    keys = tuple(Key(7, 0, row) for row in range(len(block)))
    for x, key in [(block[0], keys[0]), (block, keys), (block, keys[0])]:
        wire = channel.encode(x, key)
        expected, bits, data = channel.decode(wire), channel.bits(wire), payload(channel, wire)
        for name, there in other_libraries(x):
            other = channel.encode(there, key)
            got = channel.decode(other)
            assert type(got) is type(there), f"{channel}: decoded {type(got)} from {type(there)}"
            assert got.dtype == there.dtype, f"{channel} on {name}: decoded {got.dtype} from {there.dtype}"
            gap = float(np.abs(to_numpy(got) - expected).max())
            assert gap <= TINY * float(np.abs(expected).max()), f"{channel}: {name} differs from NumPy by {gap:.3g}"
            assert channel.bits(other) == bits, f"{channel}: {channel.bits(other)} bits on {name}, {bits} on NumPy"
            assert len(payload(channel, other)) == len(data), f"{channel}: another payload on {name}"
        for name, there in other_libraries(x.astype(np.float32)):
            got = channel.decode(channel.encode(there, key))
            assert got.dtype == there.dtype, f"{channel} on {name}: decoded {got.dtype} from {there.dtype}"


def check_passing(channel: Channel, q: int) -> str | None:
    """What a `Chain` relies on: a channel that passes values on selects coordinates, as its `selections` say."""
    count = channel.passes(q)
    if count is None:
        assert channel.passes(1) is None, f"{channel}: whether values are passed on must not depend on q"
        return "the channel passes no values on as they are"
    for x in vectors(q):
        wire = channel.encode(x, Key(8))
        assert wire.values.shape == (count,), f"{channel}: passes {count} values on, the wire has {wire.values.shape}"
        ways = channel.selections(x)
        assert ways is not None, f"{channel}: no selections at q = {q}; check it at a smaller q"
        listed = list(ways)
        assert abs(sum(way.probability for way in listed) - 1) <= TINY * len(listed), f"{channel}: selections do not sum to 1"
        names = np.arange(1.0, count + 1)  # decode these instead of the values: they tell where each value goes
        places = channel.decode(wire._replace(values=names))
        drawn = np.flatnonzero(places)
        match = [way for way in listed if np.array_equal(way.indices, drawn)]
        assert match, f"{channel}: the values went to {drawn}, which is none of its selections"
        gap = float(np.abs(places[drawn] - match[0].scale * names).max())
        assert gap <= TINY * match[0].scale * count, f"{channel}: {names} were written as {places}"
        assert (wire.values == x[drawn]).all(), f"{channel}: passes {wire.values} on, but x is {x[drawn]} at {drawn}"
        if not channel.facts(q).unbiased:
            assert all(way.scale == 1 for way in listed), f"{channel} is biased and rescales what it passes on"


def vectors(q: int) -> Iterator[np.ndarray]:
    """What the laws look at: Gaussian, all equal (top-k's worst case), one-hot, zero, ties, a wide range of sizes."""
    rng = np.random.default_rng(q)
    yield rng.standard_normal(q)
    yield np.ones(q)
    yield np.eye(1, q, q // 2)[0] * -3.0
    yield np.zeros(q)
    yield np.where(np.arange(q) % 2 == 0, 1.0, -2.0)
    yield rng.standard_normal(q) * 10.0 ** rng.integers(-6, 6, q)


def _distinct(pairs: list[tuple[float, Array]]) -> tuple[np.ndarray, np.ndarray]:
    """(vectors, probabilities) with equal vectors merged: different randomness may decode to the same vector."""
    scale = max(max(float(np.abs(v).max()) for _, v in pairs), 1e-300)
    kept = np.empty((0, len(pairs[0][1])))
    p: list[float] = []
    for probability, v in pairs:
        same = np.flatnonzero(np.abs(kept - v).max(1, initial=0.0) <= TINY * scale) if len(kept) else []
        if len(same):
            p[int(same[0])] += probability
        else:
            kept, p = np.vstack([kept, v]), [*p, probability]
    return kept, np.minimum(p, 1.0)


def _complement(delta: float | None) -> float | None:
    return None if delta is None else 1.0 - delta
