r"""Binary probit regression, with a ridge, and an l1 or another penalty g; labels -1 and +1, no intercept.

    f_i(theta) = -(1/n_i) sum_j log Phi(m_ij) + (ridge/2) |theta|^2,   m_ij = y_ij x_ij' theta,
    g(theta) = l1 |theta|_1 unless g is given,

Phi the normal distribution function. With the inverse Mills ratio r(m) = phi(m)/Phi(m), the loss l(m) = -log Phi(m) has
l' = -r, l'' = r (m + r) in (0, 1). Two surrogates: the gradient family (`problems.prox_gradient`), and the quadratic bound

    l(m) <= l(c) - r(c) (m - c) + (m - c)^2/2,   c = y x' tau.

The bound is the surrogate of expectation-maximisation: with a latent z ~ N(x' theta, 1) of which the sign y is seen,
E[z given y; tau] = x' tau + y r(c), and the complete-data loss (z - x' theta)^2/2 is of exactly this form. Both have the
statistic (s1, s2) = (mean_j x_j E[z_j], X_i' X_i/n_i) = (B_i tau - grad, B_i), s2 packed (`fedmm.symmetric`), with
psi = (ridge/2) |theta|^2, phi = (theta, -theta theta'/2), T(s) = (s2 + ridge I)^{-1} s1, S = R^d x PSD. There is nothing to
choose: d + d(d+1)/2 numbers either way. s2 does not depend on theta: a client forms it once and keeps it, and FedMM's control
variates learn it. With a penalty T is an inner solve (`problems.curved`).
Where d^2 numbers are too many, the gradient surrogate averages d.

| argument | symbol |
|---|---|
| ridge | lambda |
| l1, g | a, g |
| rho | rho <= 1 / max_i L_i, L_i = lambda_max(X_i' X_i) / n_i + lambda |
| m, c | the margins y_j x_j' theta, at theta and at tau |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from operator import eq
from typing import Any, ClassVar, Literal

import numpy as np

from fedmm.arguments import check_fields
from fedmm.arrays import Array, as_like, data_dot, data_tdot, namespace, norm2
from fedmm.federation import Federation, Samples
from fedmm.penalty import Penalty
from fedmm.symmetric import pack
from fedmm.types import Batch, Facts, HasSurrogate
from problems import curved, linear_model, prox_gradient
from problems.batches import take
from problems.checks import check_constants, check_labels, check_liftable, check_query, check_supervised, zeros
from problems.gram import gram, weighted_gram
from problems.inner import check_tolerance
from problems.normal import inverse_mills, log_cdf, mills_slope
from problems.penalized import Penalized
from problems.penalties import chosen

__all__ = ["Probit"]

JERK = 0.2958
"""sup |l'''| <= 0.29573, certified cell by cell in the tests: l''' = -r ((m + r)^2 - 1 + l''), in factors monotone in m."""


@dataclass(frozen=True)
class Probit(Penalized):
    r""":math:`f_i=-\frac1{n_i}\sum_j\log\Phi(y_{ij}x_{ij}^\top\theta)+\frac\lambda2\|\theta\|^2`,
    and a penalty g.

    Data are `Samples` with labels -1 and +1.

    Parameters
    ----------
    ridge : float
        lambda >= 0; it belongs to f_i.
    l1 : float
        a >= 0: short for ``g=L1(a)``.
    surrogate : {"em", "gradient"}
        The family of majorisers.
    rho : float or None
        The gradient surrogate's step; None takes 1/max_i L_i, the largest that majorises.
    g : Penalty or None
        Another penalty, from `problems.penalties`; needs l1 = 0.
    tolerance : float
        Of T(s) with the em surrogate and a penalty, which is an inner solve: T(s) is then exact for a statistic that differs
        from s by at most this, relatively (`problems.inner`).

    Raises
    ------
    SpecError
        For a field out of range, or if both `l1` and `g` are given.

    Source: J. H. Albert and S. Chib, "Bayesian analysis of binary and polychotomous response data", J. Amer. Statist.
    Assoc. 88, 1993, for the latent variables; the quadratic bound and the federated form are derived.
    """

    ridge: float = 0.0
    l1: float = 0.0
    surrogate: Literal["em", "gradient"] = "em"
    rho: float | None = None
    g: Penalty | None = None
    tolerance: float = 1e-10

    name: ClassVar[str] = "probit"
    demo: ClassVar[Mapping[str, Any]] = {
        "data": "breast-cancer",
        "partition": "dirichlet:0.3",
        "clients": 10,
        "set": {"problem.ridge": 1e-2},
    }

    def __post_init__(self) -> None:
        check_fields(self)
        check_constants(self.name, self.rho, ridge=self.ridge, l1=self.l1)
        check_tolerance(self.name, self.tolerance)
        chosen(self.name, self.l1, self.g)

    def value(self, data: Samples, theta: Array) -> Array:
        r""":math:`f_i(\theta)`, shape (...)."""
        logs = log_cdf(data.y * data_dot(data.X, theta))
        return (0.5 * self.ridge) * norm2(theta) - namespace(logs).mean(logs, axis=-1)

    def gradient(self, data: Samples, theta: Array, batch: Batch | None = None) -> Array:
        r""":math:`-\frac1{n_i}\sum_jy_jr(m_j)x_j+\lambda\theta`, shape (..., d); of the batch if given."""
        X, y = take(data, batch)
        pull = y * inverse_mills(y * data_dot(X, theta))
        return data_tdot(X, pull * (-1.0 / X.shape[-2])) + self.ridge * theta

    def hessian(self, data: Samples, theta: Array) -> Array:
        r""":math:`\frac1{n_i}\sum_jr(m_j)(m_j+r(m_j))x_jx_j^\top+\lambda I`, packed and dense, (..., d(d+1)/2)."""
        X = data.X
        H = weighted_gram(X, mills_slope(data.y * data_dot(X, theta)) * (1.0 / X.shape[-2]))
        return pack(H + as_like(self.ridge * np.eye(X.shape[-1]), X))

    def cold(self, data: Samples) -> Array | None:
        """B_i, packed, which a client forms once; nothing for the gradient surrogate."""
        return pack(gram(data.X)) if self.surrogate == "em" else None

    def statistic(self, data: Samples, theta: Array, batch: Batch | None = None, warm: Any = None) -> tuple[Array, Any]:
        r"""(s1, s2), shape (..., d + d(d+1)/2); or :math:`\theta-\rho\nabla f_i(\theta)`, shape (..., d)."""
        if self.surrogate == "gradient":
            return theta - prox_gradient.settled(self.name, self.rho) * self.gradient(data, theta, batch), None
        drawn = take(data, batch)
        X: Array = drawn.X
        y: Array = drawn.y
        score = data_dot(X, theta)
        latent = score + y * inverse_mills(y * score)
        s1 = data_tdot(X, latent * (1.0 / X.shape[-2]))
        s2 = pack(gram(X)) if warm is None or drawn is not data else warm
        return namespace(s1).concat([s1, s2 + 0.0 * s1[..., :1]], axis=-1), warm  # the zero lends theta's leading axis

    def minimize(self, stat: Array, start: Array | None = None) -> Array:
        r"""The T(s) of `problems.curved`, or :math:`\mathrm{prox}_{\rho g}(s)`; shape (..., d).

        Raises
        ------
        numpy.linalg.LinAlgError
            If s2 + lambda I is not positive definite, and g not strongly convex.
        """
        if self.surrogate == "gradient":
            return self.prox(stat, prox_gradient.settled(self.name, self.rho))
        what = "probit: s2 + ridge I of the em surrogate"
        return curved.minimize(stat, 1.0, self.ridge, self._g, start, self.tolerance, what)

    def lift(self, theta: Array) -> Array:
        r"""A point of :math:`((1+\lambda)\theta+\partial g(\theta),I)`, or of :math:`\theta+\rho\,\partial g(\theta)`.

        The first takes white features.

        Raises
        ------
        ValueError
            If theta is a scalar, not finite, or outside the domain of g.
        """
        check_liftable(theta)
        if self.surrogate == "gradient":
            return self._g.lift(theta, prox_gradient.settled(self.name, self.rho))
        return curved.lift(theta, 1.0, 1.0, self.ridge, self._g)

    def project(self, stat: Array) -> Array:
        """(s1, s2 with its negative eigenvalues set to 0), or `stat`."""
        return stat if self.surrogate == "gradient" else curved.project(stat)

    def majorizer(self, data: Samples, theta: Array, at: Array) -> Array:
        r""":math:`f_i(\tau)+\psi(\theta)-\psi(\tau)-\langle\bar S_i(\tau),\phi(\theta)-\phi(\tau)\rangle`, (...)."""
        if self.surrogate == "gradient":
            rho = prox_gradient.settled(self.name, self.rho)
            return prox_gradient.majorizer(self.value(data, at), self.gradient(data, at), theta, at, rho)
        c = data.y * data_dot(data.X, at)
        move = data.y * data_dot(data.X, theta) - c
        curved = namespace(move).mean(move * (0.5 * move - inverse_mills(c)), axis=-1)
        return self.value(data, at) + curved + (0.5 * self.ridge) * (norm2(theta) - norm2(at))

    def predict(self, theta: Array, X: Array) -> Array:
        """The likelier label, -1 or +1 (+1 on a tie), shape (..., n), for `X` (n, d)."""
        theta, X = check_query(self.name, theta, X, eq)
        m = data_dot(X, theta)
        xp = namespace(m)
        return xp.where(m >= 0, xp.ones_like(m), -xp.ones_like(m))

    def predict_proba(self, theta: Array, X: Array) -> Array:
        r"""The probability :math:`\Phi(x^\top\theta)` of label +1, shape (..., n), for `X` (n, d)."""
        theta, X = check_query(self.name, theta, X, eq)
        log_p = log_cdf(data_dot(X, theta))
        return namespace(log_p).exp(log_p)

    def start(self, federation: Federation) -> Array:
        """Zeros, or the point of the domain of g nearest to them, shape (d,)."""
        return self.restrict(zeros(federation[0].X))

    def settle(self, federation: Federation, oracles: tuple[type, ...]) -> Probit:
        """With rho filled in where `oracles` need it (an eigenvalue per client).

        Raises
        ------
        DataError
            If a client's data are not `Samples` with labels -1 and +1.
        SpecError
            If g is not made for as many coordinates as there are features, or T(s) of the em surrogate would not be unique: no
            ridge, g not strongly convex, and pooled features of rank less than d.
        """
        check_supervised(self.name, federation)
        check_labels(self.name, federation)
        self._g.check_length(int(federation[0].X.shape[-1]))
        if HasSurrogate not in oracles:
            return self
        if self.surrogate == "em":
            if self.ridge == 0:
                curved.check_rank(self.name, self.surrogate, federation, self._g)
        elif self.rho is None:
            return replace(self, rho=prox_gradient.largest_rho(linear_model.smoothness(federation, 1.0, self.ridge)))
        return self

    def facts(self, federation: Federation) -> Facts:
        r"""The constants, all certified bounds.

        l'' < 1, and -l''' is the third cumulant of a normal variable given that it is positive, at most 0.2958. l' is
        unbounded, and so is the variance of one sample's statistic.
        """
        self = self.settle(federation, (HasSurrogate,))
        notes = {
            "smoothness": "bound: l'' <= 1",
            "hessian_lipschitz": "bound: |l'''| <= 0.2958, so max_i mean_j |x_ij|^3 times that",
            "oracle_variance": "unknown: the variance of a sample's statistic grows with theta",
        }
        rho = self.rho if self.surrogate == "gradient" else None
        bounds = linear_model.Bounds(None, 1.0, JERK, 0.0)
        return linear_model.linear_facts(federation, bounds, self.ridge, self._g, rho, notes)
