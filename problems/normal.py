r"""The normal distribution function far into its tails: :math:`\log\Phi`, the inverse Mills ratio, and the slope of it.

    r(m) = phi(m)/Phi(m) = sqrt(2/pi) / erfcx(-m/sqrt(2)),      r'(m) = -r(m) (m + r(m)),

erfcx(x) = exp(x^2) erfc(x). The array-API standard has no error function: NumPy arrays go through SciPy, torch tensors
through torch.special (on their device), and arrays of any other library through NumPy and back.

| argument | symbol |
|---|---|
| m | m, of any shape |
"""

from __future__ import annotations

from collections.abc import Callable

from fedmm.arrays import Array, as_like, is_torch, namespace, to_numpy

__all__ = ["inverse_mills", "log_cdf", "mills_slope"]

FAR = -100.0
"""Below this m + r(m) has lost its digits, and the asymptotic series of the slope has all of them."""


def log_cdf(m: Array) -> Array:
    r""":math:`\log\Phi(m)`; near -m^2/2 for m far below 0, where Phi itself is 0."""
    if is_torch(m):
        import torch

        return torch.special.log_ndtr(m)
    from scipy.special import log_ndtr

    return _by_numpy(log_ndtr, m)


def inverse_mills(m: Array) -> Array:
    r""":math:`r(m)=\phi(m)/\Phi(m)>0`; near -m for m far below 0."""
    if is_torch(m):
        import torch

        return (2.0 / torch.pi) ** 0.5 / torch.special.erfcx(m * (-(0.5**0.5)))
    from numpy import pi
    from scipy.special import erfcx

    return (2.0 / pi) ** 0.5 / _by_numpy(erfcx, m * (-(0.5**0.5)))


def mills_slope(m: Array) -> Array:
    r""":math:`-r'(m)=r(m)(m+r(m))\in(0,1)`; by :math:`1-m^{-2}+6m^{-4}-50m^{-6}` for m < -100."""
    xp = namespace(m)
    near = xp.clip(m, FAR, None)
    r = inverse_mills(near)
    t = 1.0 / xp.square(xp.clip(m, None, FAR))
    return xp.where(m < FAR, 1.0 - t * (1.0 - t * (6.0 - 50.0 * t)), r * (near + r))


def _by_numpy(function: Callable[..., Array], m: Array) -> Array:
    return as_like(function(to_numpy(m)), m)
