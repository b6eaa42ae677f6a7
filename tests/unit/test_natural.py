"""Natural compression: exact powers of two, the worst case of omega, the bits of both dtypes, the ends of the range."""

from __future__ import annotations

import numpy as np
import pytest

from fedmm.channels import Natural
from fedmm.keys import Key
from fedmm.testing.support import binomial_alarm


@pytest.mark.parametrize(("dtype", "width"), [(np.float32, 9), (np.float64, 12)])
def test_bits_and_powers_of_two(dtype: type, width: int) -> None:
    info = np.finfo(dtype)
    powers = np.ldexp(np.ones(1, dtype), np.arange(info.minexp, info.maxexp))
    x = np.concatenate([powers, -powers, np.zeros(1, dtype)])
    wire = Natural().encode(x, Key(0))
    np.testing.assert_array_equal(Natural().decode(wire), x)  # every normal power of two, and 0, stays as it is
    assert Natural().bits(wire) == width * x.size
    exponents = Natural().fields(wire)[1].values
    assert exponents.min() == 0
    assert exponents.max() == 2 ** (width - 1) - 2  # the last code of the format, for infinity and NaN, is not used
    assert len(np.unique(exponents)) == len(powers) + 1


def test_omega_is_attained() -> None:
    outcomes = list(Natural().outcomes(np.array([4 / 3])) or ())
    assert sorted((round(p, 12), float(v[0])) for p, v in outcomes) == [(round(1 / 3, 12), 2.0), (round(2 / 3, 12), 1.0)]
    variance = sum(p * float(v[0] - 4 / 3) ** 2 for p, v in outcomes)
    assert variance == pytest.approx(Natural().facts(1).omega * 16 / 9, rel=1e-14)  # type: ignore[operator]


def test_up_as_often_as_unbiasedness_asks() -> None:
    """20,000 numbers of one vector; a right channel fails with probability at most 1e-9."""
    sent = Natural().decode(Natural().encode(np.full(20_000, 4 / 3), Key(1)))
    least, most = binomial_alarm(20_000, 1 / 3, 5e-10)
    assert least <= int((sent == 2.0).sum()) <= most


def test_numbers_beside_a_power_of_two_are_bracketed() -> None:
    x = np.array([np.nextafter(2.0, 0), np.nextafter(2.0, 3), np.nextafter(1.0, 0)])
    for _, v in Natural().outcomes(x) or ():
        assert v[0] in (1.0, 2.0)
        assert v[1] in (2.0, 4.0)
        assert v[2] in (0.5, 1.0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_ends_of_the_range(dtype: type) -> None:
    info = np.finfo(dtype)
    x = np.array([info.smallest_subnormal, info.smallest_normal, info.max, -info.max], dtype)
    top = np.ldexp(dtype(1), info.maxexp - 1)
    np.testing.assert_array_equal(Natural().decode(Natural().encode(x, Key(0))), [0, info.smallest_normal, top, -top])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_not_finite_stays_so(dtype: type) -> None:
    """A run that diverges is seen to; the largest exponent is free to say it."""
    x = np.array([np.inf, -np.inf, np.nan, 3.0], dtype)
    wire = Natural().encode(x, Key(0))
    np.testing.assert_array_equal(Natural().decode(wire)[:3], x[:3])
    signs, exponents = Natural().fields(wire)
    assert (exponents.values[:3] == 2**exponents.width - 1).all()
    assert exponents.values[3] < 2**exponents.width - 1
    assert signs.values.tolist()[:2] == [0, 1]
    largest = Natural().fields(Natural().encode(np.array([np.finfo(dtype).max]), Key(0)))[1]
    assert largest.values[0] == 2**largest.width - 2
