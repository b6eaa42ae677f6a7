r"""Robust regression: a smooth absolute loss of the residuals, with a ridge, and an l1 or another penalty g; no intercept.

    f_i(theta) = (1/n_i) sum_j sqrt(r_ij^2 + eps) + (ridge/2) |theta|^2,  r_ij = y_ij - x_ij' theta.

g(theta) = l1 |theta|_1 unless g is given. Two surrogates: the gradient family (`problems.prox_gradient`), and iteratively
reweighted least squares, from the concavity of the square root in r^2:

    sqrt(r^2 + eps) <= sqrt(c^2 + eps) + (w/2) (r^2 - c^2),   w = 1/sqrt(c^2 + eps),   c = y - x' tau.

Its statistic is (s1, s2) = (mean_j w_j y_j x_j, mean_j w_j x_j x_j' / 2), s2 packed (`fedmm.symmetric`), with
psi = (ridge/2) |theta|^2, phi = (theta, -theta theta'), T(s) = (2 s2 + ridge I)^{-1} s1, S = R^d x PSD; with a
penalty T is an inner solve (`problems.curved`).

| argument | symbol |
|---|---|
| epsilon | eps, the square of the residual below which the loss turns from absolute to square |
| ridge | lambda |
| l1, g | a, g |
| rho | rho <= 1 / max_i L_i, L_i = lambda_max(X_i' X_i) / (n_i sqrt(eps)) + lambda |
| r | the residuals y_j - x_j' theta |
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
from fedmm.penalty import Penalty
from fedmm.symmetric import pack
from fedmm.types import Batch, Facts, HasSurrogate
from problems import curved, linear_model, prox_gradient
from problems.batches import take
from problems.checks import check_constants, check_liftable, check_query, check_supervised, zeros
from problems.gram import weighted_gram
from problems.inner import check_tolerance
from problems.penalized import Penalized
from problems.penalties import chosen

__all__ = ["Robust"]


@dataclass(frozen=True)
class Robust(Penalized):
    r""":math:`f_i=\frac1{n_i}\sum_j\sqrt{(y_{ij}-x_{ij}^\top\theta)^2+\epsilon}+\frac\lambda2\|\theta\|^2`, and
    a penalty g.

    Data are `Samples`.

    Parameters
    ----------
    epsilon : float
        eps > 0.
    ridge : float
        lambda >= 0; it belongs to f_i.
    l1 : float
        a >= 0: short for ``g=L1(a)``.
    surrogate : {"irls", "gradient"}
        The family of majorisers.
    rho : float or None
        The gradient surrogate's step; None takes 1/max_i L_i, the largest that majorises.
    g : Penalty or None
        Another penalty, from `problems.penalties`; needs l1 = 0.
    tolerance : float
        Of T(s) with the irls surrogate and a penalty, which is an inner solve: T(s) is then exact for a statistic that differs
        from s by at most this, relatively (`problems.inner`).

    Raises
    ------
    SpecError
        For a field out of range, or if both `l1` and `g` are given.

    Source: iteratively reweighted least squares as majorise-minimise, K. Lange, D. R. Hunter, I. Yang, "Optimization
    transfer using surrogate objective functions", J. Comput. Graph. Statist. 9, 2000; the federated form is derived.
    """

    epsilon: float = 0.01
    ridge: float = 0.0
    l1: float = 0.0
    surrogate: Literal["irls", "gradient"] = "irls"
    rho: float | None = None
    g: Penalty | None = None
    tolerance: float = 1e-10

    name: ClassVar[str] = "robust"
    demo: ClassVar[Mapping[str, Any]] = {"data": "diabetes", "partition": "iid", "clients": 10}

    def __post_init__(self) -> None:
        check_fields(self)
        check_constants(self.name, self.rho, ridge=self.ridge, l1=self.l1)
        if not 0 < self.epsilon < float("inf"):
            raise SpecError(f"Expected robust.epsilon > 0 and finite, got {self.epsilon}; it is a squared residual.")
        check_tolerance(self.name, self.tolerance)
        chosen(self.name, self.l1, self.g)

    def value(self, data: Samples, theta: Array) -> Array:
        r""":math:`f_i(\theta)`, shape (...)."""
        root = self._root(self._residuals(data, theta))
        return namespace(root).mean(root, axis=-1) + (0.5 * self.ridge) * norm2(theta)

    def gradient(self, data: Samples, theta: Array, batch: Batch | None = None) -> Array:
        r""":math:`-\frac1{n_i}\sum_jr_jx_j/\sqrt{r_j^2+\epsilon}+\lambda\theta`, shape (..., d); of the batch if given."""
        data = take(data, batch)
        r = self._residuals(data, theta)
        return data_tdot(data.X, r / self._root(r) * (-1.0 / data.X.shape[-2])) + self.ridge * theta

    def hessian(self, data: Samples, theta: Array) -> Array:
        r""":math:`\frac\epsilon{n_i}\sum_jx_jx_j^\top(r_j^2+\epsilon)^{-3/2}+\lambda I`, packed, (..., d(d+1)/2)."""
        X = data.X
        root = self._root(self._residuals(data, theta))
        H = weighted_gram(X, self.epsilon / (root * root * root) * (1.0 / X.shape[-2]))
        return pack(H + as_like(self.ridge * np.eye(X.shape[-1]), X))

    def statistic(self, data: Samples, theta: Array, batch: Batch | None = None, warm: Any = None) -> tuple[Array, Any]:
        r"""(s1, s2), shape (..., d + d(d+1)/2); or :math:`\theta-\rho\nabla f_i(\theta)`, shape (..., d)."""
        if self.surrogate == "gradient":
            return theta - prox_gradient.settled(self.name, self.rho) * self.gradient(data, theta, batch), None
        data = take(data, batch)
        w = 1.0 / self._root(self._residuals(data, theta))
        return linear_model.reweighted(data, w), None

    def minimize(self, stat: Array, start: Array | None = None) -> Array:
        r"""The T(s) of `problems.curved`, or :math:`\mathrm{prox}_{\rho g}(s)`; shape (..., d).

        Raises
        ------
        numpy.linalg.LinAlgError
            If 2 s2 + lambda I is not positive definite, and g not strongly convex.
        """
        if self.surrogate == "gradient":
            return self.prox(stat, prox_gradient.settled(self.name, self.rho))
        what = "robust: 2 s2 + ridge I of the irls surrogate"
        return curved.minimize(stat, 2.0, self.ridge, self._g, start, self.tolerance, what)

    def lift(self, theta: Array) -> Array:
        r"""A point of :math:`((1+\lambda)\theta+\partial g(\theta),\frac12I)`, or of :math:`\theta+\rho\,\partial g(\theta)`.

        The first takes weights of 1 and white features.

        Raises
        ------
        ValueError
            If theta is a scalar, not finite, or outside the domain of g.
        """
        check_liftable(theta)
        if self.surrogate == "gradient":
            return self._g.lift(theta, prox_gradient.settled(self.name, self.rho))
        return curved.lift(theta, 2.0, 0.5, self.ridge, self._g)

    def project(self, stat: Array) -> Array:
        """(s1, s2 with its negative eigenvalues set to 0), or `stat`."""
        return stat if self.surrogate == "gradient" else curved.project(stat)

    def majorizer(self, data: Samples, theta: Array, at: Array) -> Array:
        r""":math:`f_i(\tau)+\psi(\theta)-\psi(\tau)-\langle\bar S_i(\tau),\phi(\theta)-\phi(\tau)\rangle`, (...)."""
        if self.surrogate == "gradient":
            rho = prox_gradient.settled(self.name, self.rho)
            return prox_gradient.majorizer(self.value(data, at), self.gradient(data, at), theta, at, rho)
        r, c = self._residuals(data, theta), self._residuals(data, at)
        curved = namespace(r).mean((r * r - c * c) / self._root(c), axis=-1)
        return self.value(data, at) + 0.5 * (curved + self.ridge * (norm2(theta) - norm2(at)))

    def predict(self, theta: Array, X: Array) -> Array:
        r""":math:`X\theta`, shape (..., n), for `X` (n, d)."""
        theta, X = check_query(self.name, theta, X, eq)
        return data_dot(X, theta)

    def start(self, federation: Federation) -> Array:
        """Zeros, or the point of the domain of g nearest to them, shape (d,)."""
        return self.restrict(zeros(federation[0].X))

    def settle(self, federation: Federation, oracles: tuple[type, ...]) -> Robust:
        """With rho filled in where `oracles` need it (an eigenvalue per client).

        Raises
        ------
        DataError
            If a client's data are not `Samples` with a target a row.
        SpecError
            If g is not made for as many coordinates as there are features, or T(s) of the irls surrogate would not be unique:
            no ridge, g not strongly convex, and pooled features of rank less than d.
        """
        check_supervised(self.name, federation)
        self._g.check_length(int(federation[0].X.shape[-1]))
        if HasSurrogate not in oracles:
            return self
        if self.surrogate == "irls":
            if self.ridge == 0:
                curved.check_rank(self.name, self.surrogate, federation, self._g)
        elif self.rho is None:
            L = linear_model.smoothness(federation, self.epsilon**-0.5, self.ridge)
            return replace(self, rho=prox_gradient.largest_rho(L))
        return self

    def facts(self, federation: Federation) -> Facts:
        r"""The constants, all certified bounds.

        For :math:`\ell(r)=\sqrt{r^2+\epsilon}`: :math:`|\ell'|\le1`, :math:`\ell''\le\epsilon^{-1/2}`,
        :math:`|\ell'''|=3\epsilon|r|(r^2+\epsilon)^{-5/2}\le\frac{48}{25\sqrt5\,\epsilon}`, attained at
        :math:`|r|=\sqrt\epsilon/2`. The weights are at most :math:`\epsilon^{-1/2}`, so that a sample's irls statistic has a
        squared norm of at most :math:`(y^2\|x\|^2+\|x\|^4/4)/\epsilon`, whatever theta is.
        """
        self = self.settle(federation, (HasSurrogate,))
        bounds = linear_model.Bounds(1.0, self.epsilon**-0.5, 48.0 / (25.0 * 5.0**0.5 * self.epsilon), self.epsilon**0.5)
        notes = {
            "smoothness": "bound: l'' <= 1/sqrt(eps)",
            "hessian_lipschitz": "bound: |l'''| <= 48/(25 sqrt(5) eps), so max_i mean_j |x_ij|^3 times that",
        }
        if self.surrogate == "gradient":
            notes["oracle_variance"] = "bound: rho^2 mean_j |x_ij|^2, for |l'| <= 1"
            return linear_model.linear_facts(federation, bounds, self.ridge, self._g, self.rho, notes)
        notes["oracle_variance"] = "bound: mean_j (y_ij^2 |x_ij|^2 + |x_ij|^4/4)/eps, for w <= 1/sqrt(eps)"
        variance = tuple(v / self.epsilon for v in linear_model.reweighted_variance(federation))
        return linear_model.linear_facts(federation, bounds, self.ridge, self._g, None, notes, variance)

    def _residuals(self, data: Samples, theta: Array) -> Array:
        return data.y - data_dot(data.X, theta)

    def _root(self, r: Array) -> Array:
        return namespace(r).sqrt(r * r + self.epsilon)
