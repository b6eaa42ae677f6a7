"""The normal distribution function far into its tails, in every library; and the constant of the probit loss."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from problems.normal import inverse_mills, log_cdf, mills_slope
from problems.probit import JERK

# m, log Phi(m), r(m), -r'(m): by arithmetic with 60 digits (mpmath).
TABLE = np.array(
    [
        (-1000000.0, -500000000014.73445, 1000000.000001, 0.999999999999),
        (-10000.0, -50000010.129278915, 10000.000099999998, 0.9999999900000006),
        (-200, -20006.21728089819, 200.00499975003124, 0.99997500374921895),
        (-100.5, -5055.6541952436599, 100.50994827943336, 0.99990105131606448),
        (-99.5, -4955.6441971594259, 99.510048221978376, 0.99989905361336419),
        (-40, -804.60844201375379, 40.024968847207264, 0.99937733162140861),
        (-10, -53.231285150512471, 10.098093233962512, 0.99055462217434374),
        (-1, -1.8410216450092635, 1.5251352761609812, 0.80090233442965121),
        (0, -0.69314718055994531, 0.79788456080286536, 0.63661977236758134),
        (0.5, -0.36894641528865639, 0.50916043383703349, 0.5138245643036329),
        (1, -0.17275377902344989, 0.28759997093917836, 0.3703137142233946),
        (5, -2.8665161296376359e-7, 1.4867199409049057e-6, 7.4336019148607112e-6),
        (10, -7.6198530241605261e-24, 7.6945986267064193e-23, 7.6945986267064193e-22),
        (30, -4.9067139271481871e-198, 1.4736461348785475e-196, 4.4209384046356426e-195),
    ]
)


def converted(library: str, x: np.ndarray) -> Any:
    return x if library == "numpy" else pytest.importorskip(library).asarray(x)


@pytest.mark.parametrize("library", ["numpy", "torch", "array_api_strict"])
def test_values_in_both_tails(library: str) -> None:
    m = converted(library, TABLE[:, 0].copy())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        logs, ratio, slope = (np.asarray(f(m)) for f in (log_cdf, inverse_mills, mills_slope))
    np.testing.assert_allclose(logs, TABLE[:, 1], rtol=1e-13)
    np.testing.assert_allclose(ratio, TABLE[:, 2], rtol=1e-13)
    np.testing.assert_allclose(slope, TABLE[:, 3], rtol=1e-12)  # m + r loses the digits of m^2, up to m = -100
    assert type(log_cdf(m)) is type(inverse_mills(m)) is type(mills_slope(m)) is type(m)


@pytest.mark.parametrize("library", ["numpy", "torch", "array_api_strict"])
def test_far_beyond_the_range_of_the_exponential(library: str) -> None:
    m = converted(library, np.array([-1e10, 40.0, 1e10]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_allclose(np.asarray(log_cdf(m)), [-5e19, 0.0, 0.0], rtol=1e-15, atol=1e-300)
        np.testing.assert_allclose(np.asarray(inverse_mills(m)), [1e10, 0.0, 0.0], rtol=1e-15, atol=1e-300)
        np.testing.assert_allclose(np.asarray(mills_slope(m)), [1.0, 0.0, 0.0], rtol=1e-15, atol=1e-300)


def test_float32_stays() -> None:
    m = np.array([-50.0, 0.0, 3.0], dtype=np.float32)
    for function, column in ((log_cdf, 1), (inverse_mills, 2), (mills_slope, 3)):
        assert function(m).dtype == np.float32
        np.testing.assert_allclose(function(m)[1], TABLE[8, column], rtol=1e-6)


def test_the_third_derivative_is_certified() -> None:
    r"""-l''' = r (u^2 - k) on every cell [a, b] is at most r(a) (u(b)^2 - k(a)).

    r falls, and u = m + r and k = 1 - l'' rise: k is the variance of a normal variable given that it is positive, u its mean.
    For m < -4, r u = 1 - k < 1 and u < 1/|m| give r u^2 < 1/4; for m > 4, r u^2 < 2 phi(m) (m + 1)^2 < 0.007.
    """
    m = np.linspace(-4.0, 4.0, 200001)
    r = inverse_mills(m)
    u, k = m + r, 1.0 - mills_slope(m)
    cells = r[:-1] * (u[1:] ** 2 - k[:-1])
    assert np.all(np.diff(r) < 0)
    assert np.all(np.diff(u) > 0)
    assert np.all(np.diff(k) > 0)
    assert cells.max() < JERK - 1e-6
    assert (r * (u**2 - k)).max() > JERK - 1e-4  # and the constant is not larger than it needs to be
