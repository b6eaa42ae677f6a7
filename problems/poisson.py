r"""Poisson regression of counts y >= 0, with a ridge, an l1 penalty, or neither; no intercept.

    f_i(theta) = (1/n_i) sum_j (mu_ij - y_ij log mu_ij) + (ridge/2) |theta|^2,      g = l1 |theta|_1 + indicator of Theta.

**Identity link** mu = x' theta, for features x >= 0 and Theta = {theta >= lower}: the multiplicative surrogate (that of
expectation-maximisation with a count split over the features), from the concavity of the logarithm,

    log x' theta >= sum_k p_k log(x_k theta_k / p_k),  p_k = x_k tau_k / x' tau.

    s1_k = tau_k mean_j (y_j x_jk / x_j' tau),  s2_k = mean_j x_jk;   psi = (ridge/2) |theta|^2,  phi = (log theta, -theta);
    T(s)_k = max(lower, 2 s1_k / (b_k + sqrt(b_k^2 + 4 ridge s1_k))),  b = s2 + l1;   S = {s1, s2 >= 0}.

Without penalties T is s1/s2. The means of the features differ from client to client, so they are averaged with s1.
lower > 0, because a multiplicative step never leaves 0: a coordinate that reached it by noise would stay.

**Log link** mu = exp(x' theta), on the box Theta = {|theta_k| <= radius}: the gradient family (`problems.prox_gradient`)
with the box's constant L_i = lambda_max(mean_j exp(radius |x_ij|_1) x_ij x_ij') + ridge, T(s) = the soft-thresholded s,
clipped to the box. The constant grows exponentially in the radius: choose the box as small as the data allow. Without a
radius Theta = R^d, where exp has no quadratic majoriser: there is no surrogate then, only gradient, Hessian and prox.

| argument | symbol |
|---|---|
| ridge | lambda |
| l1 | a |
| lower, radius | Theta |
| rho | rho <= 1 / max_i L_i |
| rate | mu |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from operator import eq
from typing import Any, ClassVar, Literal

import numpy as np

from fedmm.arguments import check_fields
from fedmm.arrays import Array, as_like, data_dot, data_tdot, namespace, norm2
from fedmm.errors import SpecError
from fedmm.federation import Federation, Samples
from fedmm.problem import Problem
from fedmm.symmetric import pack
from fedmm.types import Batch, Facts, HasSurrogate
from problems import poisson_bounds, prox_gradient
from problems.batches import take
from problems.checks import check_constants, check_liftable, check_query, check_supervised, zeros
from problems.gram import weighted_gram
from problems.penalties import l1, l1_lift, l1_prox

__all__ = ["Poisson"]

LOWER = 1e-9
"""The default of `Poisson.lower`."""

ROUNDING = 1e-6
"""How far, relatively, a parameter may be outside of Theta and count as inside; float32 needs that much."""


@dataclass(frozen=True)
class Poisson(Problem):
    r""":math:`f_i=\frac1{n_i}\sum_j(\mu_{ij}-y_{ij}\log\mu_{ij})+\frac\lambda2\|\theta\|^2`, :math:`g=a\|\theta\|_1` on Theta.

    Data are `Samples` with y >= 0: counts, or any rates (then this is a quasi-likelihood).

    Parameters
    ----------
    link : {"identity", "log"}
        :math:`\mu=x^\top\theta` for features >= 0, or :math:`\mu=e^{x^\top\theta}`.
    ridge : float
        lambda >= 0; it belongs to f_i.
    l1 : float
        a >= 0.
    lower : float
        theta >= lower > 0; identity link only.
    radius : float or None
        |theta_k| <= radius; log link only, whose surrogate needs it.
    rho : float or None
        The step of the log link's surrogate; None takes 1/max_i L_i, the largest that is certified to majorise.

    Source: for the identity link L. A. Shepp and Y. Vardi, "Maximum likelihood reconstruction for emission tomography",
    IEEE Trans. Med. Imaging 1, 1982; its penalised and federated form, and the log link on a box, are derived.
    """

    link: Literal["identity", "log"] = "identity"
    ridge: float = 0.0
    l1: float = 0.0
    lower: float = LOWER
    radius: float | None = None
    rho: float | None = None

    name: ClassVar[str] = "poisson"
    demo: ClassVar[Mapping[str, Any]] = {"data": "synthetic-counts", "clients": 10}

    def __post_init__(self) -> None:
        check_fields(self)
        check_constants(self.name, self.rho, ridge=self.ridge, l1=self.l1)
        if not 0 < self.lower < float("inf"):
            raise SpecError(f"Expected poisson.lower > 0 and finite, got {self.lower}; a multiplicative step never leaves 0.")
        if self.link == "identity":
            for field in ("radius", "rho"):
                if (given := getattr(self, field)) is not None:
                    raise SpecError(f"poisson.{field} is for link='log' only, got {given}; leave it out, or set link='log'.")
            return
        if self.lower != LOWER:
            raise SpecError(f"poisson.lower is for link='identity' only, got {self.lower}; give a radius instead.")
        if self.radius is not None and not 0 < self.radius < float("inf"):
            raise SpecError(f"Expected poisson.radius > 0 and finite, got {self.radius}.")

    def value(self, data: Samples, theta: Array) -> Array:
        r""":math:`f_i(\theta)`, shape (...); infinite where a positive count has rate 0 or less."""
        z = data_dot(data.X, theta)
        y: Array = data.y
        xp = namespace(z)
        if self.link == "log":
            losses = xp.exp(z) - y * z
        else:
            safe = xp.where(z > 0, z, xp.ones_like(z))
            losses = xp.where((z <= 0) & (y > 0), xp.full_like(z, float("inf")), z - y * xp.log(safe))
        return xp.mean(losses, axis=-1) + (0.5 * self.ridge) * norm2(theta)

    def penalty(self, theta: Array) -> Array:
        r""":math:`a\|\theta\|_1`, or infinity outside of Theta; shape (...)."""
        inside, g = self._inside(theta), l1(theta, self.l1)
        xp = namespace(g)
        return xp.where(inside, g, xp.full_like(g, float("inf")))

    @property
    def penalized(self) -> str | None:
        """Theta, and the l1 penalty if there is one."""
        parts = [self._domain] if self._domain else []
        return ", ".join(parts + ([f"l1 {self.l1:g}"] if self.l1 else [])) or None

    @property
    def oracles(self) -> tuple[type, ...]:
        """All, but no surrogate for the log link without a radius."""
        return tuple(oracle for oracle in super().oracles if self._domain or oracle is not HasSurrogate)

    def restrict(self, theta: Array) -> Array:
        """The projection onto Theta, shape (..., d)."""
        if self.link == "identity":
            return namespace(theta).clip(theta, self.lower, None)
        return theta if self.radius is None else namespace(theta).clip(theta, -self.radius, self.radius)

    def gradient(self, data: Samples, theta: Array, batch: Batch | None = None) -> Array:
        r""":math:`\frac1{n_i}\sum_j(1-y_j/\mu_j)x_j+\lambda\theta`, or with :math:`\mu_j-y_j`; of the batch if given."""
        X, y = take(data, batch)
        z = data_dot(X, theta)
        slope = namespace(z).exp(z) - y if self.link == "log" else 1.0 - _ratio(y, z)
        return data_tdot(X, slope * (1.0 / X.shape[-2])) + self.ridge * theta

    def hessian(self, data: Samples, theta: Array) -> Array:
        r""":math:`\frac1{n_i}\sum_jx_jx_j^\top y_j/\mu_j^2+\lambda I`, or with :math:`\mu_j`; packed, (..., d(d+1)/2)."""
        X = data.X
        z = data_dot(X, theta)
        bend = namespace(z).exp(z) if self.link == "log" else _ratio(_ratio(data.y, z), z)
        return pack(weighted_gram(X, bend * (1.0 / X.shape[-2])) + as_like(self.ridge * np.eye(X.shape[-1]), X))

    def prox(self, theta: Array, step: float) -> Array:
        """Soft thresholding at step x a, then the projection onto Theta; shape (..., d)."""
        return self.restrict(l1_prox(theta, step * self.l1))

    def statistic(self, data: Samples, theta: Array, batch: Batch | None = None, warm: Any = None) -> tuple[Array, Any]:
        r"""(s1, s2), shape (..., 2d); or :math:`\theta-\rho\nabla f_i(\theta)`, shape (..., d)."""
        if self.link == "log":
            return theta - prox_gradient.settled(self.name, self.rho) * self.gradient(data, theta, batch), None
        X, y = take(data, batch)
        share = 1.0 / X.shape[-2]
        ratio = _ratio(y, data_dot(X, theta))
        s1 = theta * data_tdot(X, ratio * share)
        s2 = data_tdot(X, 0.0 * ratio + share)  # the zero lends theta's leading axis
        return namespace(s1).concat([s1, s2], axis=-1), None

    def minimize(self, stat: Array, start: Array | None = None) -> Array:
        r""":math:`\max(lower,2s_1/(b+\sqrt{b^2+4\lambda s_1}))`, or the prox of s; shape (..., d).

        A feature that the statistic does not know of (s1 = b = 0) gets `lower`.

        Raises
        ------
        ArithmeticError
            If s1 > 0 = b and there is no ridge: then T(s) is infinite.
        """
        if self.link == "log":
            return self.prox(stat, prox_gradient.settled(self.name, self.rho))
        xp = namespace(stat)
        fine = xp.all(xp.isfinite(stat), axis=-1, keepdims=True)
        s1, s2 = _split(xp.where(fine, stat, xp.ones_like(stat)))
        b = s2 + self.l1
        below = b + xp.sqrt(b * b + (4.0 * self.ridge) * s1)
        empty = below <= 0
        if bool(xp.any(empty & (s1 > 0))):
            raise ArithmeticError(
                "poisson: the statistic has counts for a feature whose mean is 0, so that T(s) is infinite; take a smaller "
                "step, a milder channel, or l1 > 0."
            )
        theta = self.restrict(xp.where(empty, xp.zeros_like(s1), 2.0 * s1 / xp.where(empty, xp.ones_like(below), below)))
        return xp.where(fine, theta, xp.full_like(theta, float("nan")))  # the run says that it diverged

    def lift(self, theta: Array) -> Array:
        r""":math:`((1+a)\theta+\lambda\theta^2,1)`, or :math:`\theta+\rho a\,\mathrm{sign}(\theta)`.

        Raises
        ------
        ValueError
            If theta is a scalar, not finite, or outside of Theta.
        """
        check_liftable(theta)
        xp = namespace(theta)
        if not bool(xp.all(self._inside(theta))):
            raise ValueError(f"Expected {self._domain} for every coordinate of theta; no statistic maps to this one.")
        if self.link == "log":
            return l1_lift(theta, prox_gradient.settled(self.name, self.rho) * self.l1)
        return xp.concat([(1.0 + self.l1 + self.ridge * theta) * theta, xp.ones_like(theta)], axis=-1)

    def project(self, stat: Array) -> Array:
        """`stat` with its negative entries set to 0; or `stat`."""
        return stat if self.link == "log" else namespace(stat).clip(stat, 0.0, None)

    def majorizer(self, data: Samples, theta: Array, at: Array) -> Array:
        r""":math:`f_i(\tau)+\psi(\theta)-\psi(\tau)-\langle\bar S_i(\tau),\phi(\theta)-\phi(\tau)\rangle`, (...)."""
        if self.link == "log":
            rho = prox_gradient.settled(self.name, self.rho)
            return prox_gradient.majorizer(self.value(data, at), self.gradient(data, at), theta, at, rho)
        xp = namespace(theta)
        s1, s2 = _split(self.statistic(data, at)[0])
        curved = xp.sum(s2 * (theta - at) - s1 * xp.log(theta / at), axis=-1)
        return self.value(data, at) + curved + (0.5 * self.ridge) * (norm2(theta) - norm2(at))

    def predict(self, theta: Array, X: Array) -> Array:
        r"""The rates :math:`\mu`, shape (..., n), for `X` (n, d)."""
        theta, X = check_query(self.name, theta, X, eq)
        z = data_dot(X, theta)
        return namespace(z).exp(z) if self.link == "log" else z

    def start(self, federation: Federation) -> Array:
        """Ones, or zeros for the log link; shape (d,)."""
        zero = zeros(federation[0].X)
        return zero if self.link == "log" else zero + max(1.0, self.lower)

    def settle(self, federation: Federation, oracles: tuple[type, ...]) -> Poisson:
        """With rho filled in where `oracles` need it (an eigenvalue per client).

        Raises
        ------
        DataError
            If a client's data are not `Samples` with y >= 0; for the identity link, if a feature is negative or a positive
            count has no feature; for the log link, if the rates on the box leave the range of the dtype.
        SpecError
            If a method needs a surrogate of the log link, and there is no radius.
        """
        check_supervised(self.name, federation)
        for i, data in federation.looked_at():
            poisson_bounds.check_counts(i, data.y)
            if self.link == "identity":
                poisson_bounds.check_identity(i, data.X, data.y)
            elif self.radius is not None:
                poisson_bounds.check_box(i, data.X, self.radius)
        if self.link == "identity" or HasSurrogate not in oracles:
            return self
        if self.radius is None:
            raise SpecError(
                "poisson with link 'log' needs a radius for a surrogate: exp has no quadratic majoriser that holds "
                "everywhere, so theta must stay in a box |theta_k| <= radius; give one that holds the solution, radius=1 for "
                "instance, or choose a method that needs no surrogate (fedpm)."
            )
        if self.rho is not None:
            return self
        L = poisson_bounds.box_smoothness(federation, self.radius, self.ridge)
        return replace(self, rho=prox_gradient.largest_rho(L))

    def facts(self, federation: Federation) -> Facts:
        """The constants on Theta, all certified bounds (`problems.poisson_bounds`)."""
        if self.link == "identity":
            return poisson_bounds.identity_facts(federation, self.lower, self.ridge)
        if self.radius is None:
            return poisson_bounds.free_facts(federation, self.ridge)
        rho = prox_gradient.settled(self.name, self.settle(federation, (HasSurrogate,)).rho)
        return poisson_bounds.box_facts(federation, self.radius, self.ridge, rho)

    @property
    def _domain(self) -> str | None:
        """Theta in words, or None for R^d."""
        if self.link == "identity":
            return f"theta >= {self.lower:g}"
        return None if self.radius is None else f"|theta_k| <= {self.radius:g}"

    def _inside(self, theta: Array) -> Array:
        """Whether theta is in Theta, up to rounding, shape (...)."""
        xp = namespace(theta)
        if self.link == "identity":
            return xp.all(theta >= self.lower * (1.0 - ROUNDING), axis=-1)
        return xp.all(xp.abs(theta) <= (float("inf") if self.radius is None else self.radius * (1.0 + ROUNDING)), axis=-1)


def _ratio(y: Array, rate: Array) -> Array:
    """y / rate, and 0 where the rate is not positive: a row of zeros, which has no count."""
    xp = namespace(rate)
    known = rate > 0
    return xp.where(known, y / xp.where(known, rate, xp.ones_like(rate)), xp.zeros_like(rate))


def _split(stat: Array) -> tuple[Array, Array]:
    """(s1, s2) of a statistic of even length 2d.

    Raises
    ------
    ValueError
        If the length is odd.
    """
    if stat.shape[-1] % 2:
        raise ValueError(f"Expected a statistic (s1, s2) of length 2d, got length {stat.shape[-1]}.")
    d = stat.shape[-1] // 2
    return stat[..., :d], stat[..., d:]
