"""Channels: closed forms, sizes by hand, refusals, and laws that refute wrong channels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from math import comb
from typing import Any, ClassVar

import numpy as np
import pytest

from fedmm.channels import Chain, Channel, ChannelFacts, Dither, Field, Identity, Mask, RandK, Selection, TopK, payload, unpack
from fedmm.errors import DataError, SpecError
from fedmm.keys import Key, Keys
from fedmm.testing.channels import (
    check_bits,
    check_block,
    check_channel,
    check_draws,
    check_expectation,
    check_key,
    check_moments,
    check_passing,
)

KEY = Key(0, 1, 2, ("channel",))
X = np.random.default_rng(0).standard_normal(6)


def error(channel: Channel, x: np.ndarray) -> float:
    """E|C(x) - x|^2 / |x|^2, exactly."""
    outcomes = channel.outcomes(x)
    assert outcomes is not None
    return sum(p * float(((v - x) ** 2).sum()) for p, v in outcomes) / float(x @ x)


def omega(channel: Channel, q: int = 6) -> float:
    found = channel.facts(q).omega
    assert found is not None
    return found


@pytest.mark.parametrize("channel", [RandK(2), RandK(6), Mask(0.4), Identity(), Chain((RandK(4), RandK(2)))], ids=str)
def test_omega_is_attained_by_every_vector(channel: Channel) -> None:
    assert error(channel, X) == pytest.approx(omega(channel), rel=1e-13, abs=1e-15)


def test_known_omegas() -> None:
    assert omega(RandK(3), 10) == pytest.approx(7 / 3)
    assert omega(Mask(0.25)) == 3.0
    assert omega(Dither(4), 9) == pytest.approx(min(9 / 16, 3 / 4))
    assert omega(Dither(1, block=4), 9) == 2.0
    assert omega(Dither(1, block=50), 9) == 3.0  # a block is never longer than the vector
    assert omega(Chain((RandK(5), Mask(0.5))), 10) == 3.0
    assert omega(Chain((RandK(5), Dither(2, block=4))), 10) == 3.0


def test_top_k_contraction_is_attained_where_all_are_equal() -> None:
    for k in range(1, 7):
        assert TopK(k).facts(6).contraction == k / 6
        assert error(TopK(k), np.ones(6)) == pytest.approx(1 - k / 6, abs=1e-15)
    rng = np.random.default_rng(1)
    for x in rng.standard_normal((200, 6)):
        assert error(TopK(2), x) <= 1 - 2 / 6


def test_top_k_ties_go_to_the_smallest_index() -> None:
    x = np.array([1.0, -2.0, 2.0, 0.5, -2.0, 1.0])
    assert TopK(2).encode(x, KEY).indices.tolist() == [1, 2]
    assert TopK(4).encode(x, KEY).indices.tolist() == [0, 1, 2, 4]
    assert TopK(2).encode(np.zeros(6), KEY).indices.tolist() == [0, 1]


def test_top_k_agrees_with_a_stable_sort() -> None:
    rng = np.random.default_rng(2)
    for x in rng.integers(-4, 5, (200, 15)).astype(float):
        expected = np.sort(np.argsort(-np.abs(x), stable=True)[:6])
        assert TopK(6).encode(x, KEY).indices.tolist() == expected.tolist()


def test_top_k_sends_what_diverged() -> None:
    x = np.array([1.0, np.nan, 3.0, np.inf])
    assert TopK(2).encode(x, KEY).indices.tolist() == [1, 3]


@pytest.mark.parametrize(
    ("channel", "bits"),
    [
        (Identity(), 100 * 64),
        (RandK(7), 7 * 64),
        (TopK(7), 7 * (64 + 7)),  # a place among 100 takes 7 bits
        (Dither(1), 64 + 100 * (1 + 1)),
        (Dither(3), 64 + 100 * (1 + 2)),
        (Dither(4), 64 + 100 * (1 + 3)),  # 5 levels take 3 bits
        (Dither(3, block=30), 4 * 64 + 100 * (1 + 2)),  # the fourth block has 10 coordinates
        (Chain((RandK(10), Dither(3))), 64 + 10 * 3),
        (Chain((TopK(10), Dither(3))), 64 + 10 * 3 + 10 * 7),
        (Chain((RandK(10), TopK(4))), 4 * (64 + 4)),
    ],
    ids=str,
)
def test_bits_by_hand(channel: Channel, bits: int) -> None:
    x = np.random.default_rng(3).standard_normal(100)
    assert channel.bits(channel.encode(x, KEY)) == bits
    norms = sum(64 for field in channel.fields(channel.encode(x, KEY)) if field.width == 64 for _ in field.values)
    assert channel.bits(channel.encode(x.astype(np.float32), KEY)) == bits - norms // 2


def test_mask_counts_kept_values_even_if_they_are_zero() -> None:
    sent = np.count_nonzero(Mask(0.3).decode(Mask(0.3).encode(np.ones(1000), KEY)))
    assert Mask(0.3).bits(Mask(0.3).encode(np.zeros(1000), KEY)) == 64 * sent
    assert 0 < sent < 1000


def test_top_k_place_in_a_vector_of_one_is_free() -> None:
    assert TopK(1).bits(TopK(1).encode(np.ones(1), KEY)) == 64


@pytest.mark.parametrize("block", [None, 3])
def test_dither_of_zero_is_zero_and_of_a_level_is_exact(block: int | None) -> None:
    assert Dither(2, block).decode(Dither(2, block).encode(np.zeros(7), KEY)).tolist() == [0.0] * 7
    one_hot = np.array([0.0, 0.0, -0.1, 0.0, 0.0, 0.0, 0.0])
    assert Dither(5, block).decode(Dither(5, block).encode(one_hot, KEY)) == pytest.approx(one_hot, rel=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dither_levels_fit_their_bits_where_squares_underflow(dtype: type) -> None:
    """x^2 = 1.4 denormal units rounds to 1, so that |x|/norm = 1.18: no level may then be s + 1."""
    x = np.array([0.0, 1.4**0.5 * float(np.finfo(dtype).smallest_subnormal) ** 0.5], dtype=dtype)
    assert np.abs(x).max() > np.sqrt(np.abs(x * x).max()) > 0
    for s in (1, 3, 7):
        for i in range(20):
            assert np.abs(Dither(s).encode(x, Key(0, i)).levels).max() == s


def test_one_key_for_many_rows_is_one_subset() -> None:
    rows = np.arange(1.0, 13.0).reshape(2, 6)
    decoded = RandK(2).decode(RandK(2).encode(rows, KEY))
    assert ((decoded != 0).sum(0) % 2 == 0).all()
    assert Mask(0.5).bits(Mask(0.5).encode(rows, KEY)) == 2 * Mask(0.5).bits(Mask(0.5).encode(rows[0], KEY))


def test_chain_of_biased_members_gives_what_is_provable() -> None:
    nested = Chain((TopK(4), TopK(2))).facts(6)
    assert nested.contraction == pytest.approx(2 / 6)  # exactly top-2
    assert not nested.unbiased
    quantised = Chain((TopK(4), Dither(4))).facts(6)
    assert quantised.omega == pytest.approx(1 - 4 / 6 * (1 - 4 / 16))
    assert Chain((TopK(3), RandK(1))).facts(6).omega == pytest.approx(2.0)  # omega of rand-1 in 3, above 1: no contraction
    assert Chain((TopK(3), RandK(1))).facts(6).contraction is None
    late = Chain((RandK(4), TopK(2))).facts(6)
    assert late.omega == pytest.approx((0.5**0.5 + (0.5 * 1.5) ** 0.5) ** 2)


def test_chain_of_top_k_and_top_k_is_top_k() -> None:
    chain = Chain((TopK(4), TopK(2)))
    assert chain.decode(chain.encode(X, KEY)).tolist() == TopK(2).decode(TopK(2).encode(X, KEY)).tolist()


def test_chain_does_not_carry_what_it_does_not_send() -> None:
    chain = Chain((RandK(4), Dither(2)))
    assert chain.encode(X, KEY).wires[0].values.size == 0


def test_outcomes_stop_at_many() -> None:
    assert comb(16, 5) > 4096
    for channel in (RandK(5), Mask(0.5), Dither(2), Chain((RandK(5), Identity())), Chain((Identity(), Mask(0.5)))):
        assert channel.outcomes(np.random.default_rng(5).standard_normal(16)) is None
    assert Chain((RandK(8), Mask(0.5))).outcomes(np.ones(10)) is None  # 45 x 256: either is few, both are many


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: RandK(0), "k of the channel rand-k .* got 0"),
        (lambda: RandK(2.5), "integer"),  # type: ignore[arg-type]
        (lambda: TopK(True), "integer"),
        (lambda: RandK(7).facts(6), "k = 7 .* length 6; set k to at most 6"),
        (lambda: TopK(7).facts(6), "k = 7 .* length 6; set k to at most 6"),
        (lambda: Chain((RandK(3), RandK(4))).facts(6), "k = 4 .* length 3"),
        (lambda: Mask(0.0), r"keep .* \(0, 1\], got 0"),
        (lambda: Mask(float("nan")), "got nan"),
        (lambda: Dither(0), "levels"),
        (lambda: Dither(2**24 + 1), "at most"),
        (lambda: Dither(2, block=0), "block"),
        (lambda: Chain(()), "at least one"),
        (lambda: Chain([RandK(2)]), "tuple"),  # type: ignore[arg-type]
        (lambda: Chain((Dither(2), RandK(2))), "dither passes no values on .* put it last"),
        (lambda: Chain((Mask(0.5), Dither(2))), "mask passes no values on"),
        (lambda: Chain((Chain((RandK(3),)), Dither(2))), "chain passes no values on"),
    ],
)
def test_refusals(make: Any, match: str) -> None:
    with pytest.raises(SpecError, match=match):
        make()


def test_packing_refuses_what_does_not_fit() -> None:
    @dataclass(frozen=True)
    class Loose(Channel):
        field: Field
        name: ClassVar[str] = "loose"

        def encode(self, x: Any, key: Keys) -> Any: ...
        def decode(self, wire: Any) -> Any: ...
        def facts(self, q: int) -> Any: ...
        def fields(self, wire: Any) -> tuple[Field, ...]:
            return (self.field,)

    for field in (Field(np.array([8]), 3), Field(np.array([-1]), 3), Field(np.ones(2), 32)):
        with pytest.raises(DataError):
            payload(Loose(field), None)
    field = Field(np.array([5, 0, 7]), 3)
    data = payload(Loose(field), None)
    assert len(data) == 2
    assert unpack(data, (field,))[0].tolist() == [5, 0, 7]
    with pytest.raises(DataError, match="Expected 2 bytes"):
        unpack(data + b"\0", (field,))


# Wrong channels: each must be refuted by the law named beside it.


@dataclass(frozen=True)
class Same(Channel):
    """Does what `right` does. Those below lie in one place."""

    right: Channel = RandK(3)
    name: ClassVar[str] = "wrong"

    def encode(self, x: Any, key: Keys) -> Any:
        return self.right.encode(x, key)

    def decode(self, wire: Any) -> Any:
        return self.right.decode(wire)

    def fields(self, wire: Any) -> tuple[Field, ...]:
        return self.right.fields(wire)

    def facts(self, q: int) -> ChannelFacts:
        return self.right.facts(q)

    def outcomes(self, x: Any) -> Iterator[tuple[float, Any]] | None:
        return self.right.outcomes(x)

    def passes(self, q: int) -> int | None:
        return self.right.passes(q)

    def selections(self, x: Any) -> Iterator[Selection] | None:
        return self.right.selections(x)


class Biased(Same):
    def outcomes(self, x: Any) -> Iterator[tuple[float, Any]] | None:
        return iter([(p, v * 1.01) for p, v in self.right.outcomes(x) or ()])


class Optimistic(Same):
    def facts(self, q: int) -> ChannelFacts:
        return self.right.facts(q)._replace(omega=0.1, contraction=None)


class Contracting(Same):
    def facts(self, q: int) -> ChannelFacts:
        return self.right.facts(q)._replace(contraction=0.1)


class Louder(Same):
    def decode(self, wire: Any) -> Any:
        return self.right.decode(wire) * 1.3


class Unfair(Same):
    """One draw in four takes one and the same subset."""

    def encode(self, x: Any, key: Keys) -> Any:
        if isinstance(key, Key):
            return self.right.encode(x, key)
        return self.right.encode(x, tuple(Key(0) if k.fold("coin").generator().random() < 0.25 else k for k in key))


class OneKey(Same):
    def encode(self, x: Any, key: Keys) -> Any:
        return self.right.encode(x, key if isinstance(key, Key) else (key[0],) * len(key))


class Forgetful(Same):
    def encode(self, x: Any, key: Keys) -> Any:
        return self.right.encode(x, Key(next(COUNTER)))


class Overwriting(Same):
    def encode(self, x: Any, key: Keys) -> Any:
        x *= 2.0
        return self.right.encode(x, key)


class Doubled(Same):
    def decode(self, wire: Any) -> Any:
        return self.right.decode(wire).astype(float)


class OverCount(Same):
    def bits(self, wire: Any) -> int:
        return self.right.bits(wire) + 1


class UnderCount(Same):
    def bits(self, wire: Any) -> int:
        return self.right.bits(wire) - 8


class Longer(Same):
    def passes(self, q: int) -> int | None:
        return 4


class Unscaled(Same):
    def selections(self, x: Any) -> Iterator[Selection] | None:
        return (way._replace(scale=1.0) for way in self.right.selections(x) or ())


COUNTER = count()


@pytest.mark.parametrize(
    ("wrong", "law"),
    [
        (Biased, check_expectation),
        (Optimistic, check_expectation),
        (Contracting, check_expectation),
        (Louder, check_draws),
        (Unfair, check_draws),
        (OverCount, check_bits),
        (UnderCount, check_bits),
        (OneKey, check_block),
        (Forgetful, check_key),
        (Overwriting, check_key),
        (Doubled, check_key),
        (Longer, check_passing),
        (Unscaled, check_passing),
        (Louder, check_moments),
        (Optimistic, check_moments),
    ],
)
def test_laws_refute(wrong: type[Same], law: Any) -> None:
    right = RandK(3) if law is not check_moments else RandK(120)
    q = 6 if law is not check_moments else 240
    law(Same(right), q)
    with pytest.raises(AssertionError, match=wrong.__name__):
        law(wrong(right), q)


def test_whole_check_refutes_a_lie() -> None:
    check_channel(Same())
    with pytest.raises(AssertionError, match="says unbiased"):
        check_channel(Biased())
