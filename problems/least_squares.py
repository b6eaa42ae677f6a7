r"""Least squares, with a ridge, and an l1 or another penalty g (`problems.penalties`).

    f_i(theta) = |X_i theta - y_i|^2 / (2 n_i) + (ridge / 2) |theta|^2,      g(theta) = l1 |theta|_1 unless g is given,

with the gradient surrogate (`problems.prox_gradient`). There is no intercept: centre the data, or append
a column of ones.

| argument | symbol |
|---|---|
| ridge | lambda |
| l1, g | a, g |
| rho | rho <= 1 / max_i L_i, L_i = lambda_max(X_i' X_i) / n_i + lambda |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from operator import eq
from typing import Any, ClassVar

import numpy as np

from fedmm.arguments import check_fields
from fedmm.arrays import Array, as_like, data_dot, data_tdot, is_sparse, norm2, to_numpy
from fedmm.errors import SpecError
from fedmm.federation import Federation, Samples
from fedmm.penalty import Penalty
from fedmm.symmetric import pack
from fedmm.types import Batch, Facts, HasSurrogate
from problems import prox_gradient
from problems.batches import take
from problems.checks import check_constants, check_liftable, check_query, check_supervised, zeros
from problems.gram import gram, largest_eigenvalue, mean_gram
from problems.penalized import Penalized
from problems.penalties import chosen

__all__ = ["LeastSquares"]


@dataclass(frozen=True)
class LeastSquares(Penalized):
    r""":math:`f_i=\|X_i\theta-y_i\|^2/(2n_i)+\frac\lambda2\|\theta\|^2` and a penalty g.

    Data are `Samples`.

    Parameters
    ----------
    ridge : float
        lambda >= 0; it belongs to f_i.
    l1 : float
        a >= 0: short for ``g=L1(a)``.
    rho : float or None
        The surrogate's step; None takes 1/max_i L_i, the largest that majorises.
    g : Penalty or None
        Another penalty, from `problems.penalties`; needs l1 = 0.

    Raises
    ------
    SpecError
        For a field out of range, or if both `l1` and `g` are given.

    Source: the surrogate family "prox-gradient" (majorise-minimise by a Lipschitz gradient), derived.
    """

    ridge: float = 0.0
    l1: float = 0.0
    rho: float | None = None
    g: Penalty | None = None

    name: ClassVar[str] = "least-squares"
    demo: ClassVar[Mapping[str, Any]] = {"data": "diabetes", "partition": "iid", "clients": 10}

    def __post_init__(self) -> None:
        check_fields(self)
        check_constants(self.name, self.rho, ridge=self.ridge, l1=self.l1)
        chosen(self.name, self.l1, self.g)

    def value(self, data: Samples, theta: Array) -> Array:
        r""":math:`\|X_i\theta-y_i\|^2/(2n_i)+\frac\lambda2\|\theta\|^2`, shape (...)."""
        r = data_dot(data.X, theta) - data.y
        return norm2(r) * (0.5 / r.shape[-1]) + (0.5 * self.ridge) * norm2(theta)

    def gradient(self, data: Samples, theta: Array, batch: Batch | None = None) -> Array:
        r""":math:`X_i^\top(X_i\theta-y_i)/n_i+\lambda\theta`, shape (..., d); of the batch where one is given."""
        X, y = data if batch is None else take(data, batch)
        r = (data_dot(X, theta) - y) * (1.0 / X.shape[-2])
        return data_tdot(X, r) + self.ridge * theta

    def hessian(self, data: Samples, theta: Array) -> Array:
        r""":math:`X_i^\top X_i/n_i+\lambda I`, packed and dense, shape (..., d(d+1)/2)."""
        X = data.X
        eye = as_like(self.ridge * np.eye(X.shape[-1]), X)
        return pack(gram(X) + eye) + 0.0 * theta[..., :1]  # the zero lends theta's leading axis

    def statistic(self, data: Samples, theta: Array, batch: Batch | None = None, warm: Any = None) -> tuple[Array, Any]:
        r""":math:`\theta-\rho\nabla f_i(\theta)`, shape (..., d)."""
        return theta - prox_gradient.settled(self.name, self.rho) * self.gradient(data, theta, batch), None

    def minimize(self, stat: Array, start: Array | None = None) -> Array:
        r""":math:`\mathrm{prox}_{\rho g}(s)`, shape (..., d)."""
        return self.prox(stat, prox_gradient.settled(self.name, self.rho))

    def lift(self, theta: Array) -> Array:
        r"""A point of :math:`\theta+\rho\,\partial g(\theta)`, (..., d); ValueError unless theta is finite and in the domain."""
        check_liftable(theta)
        return self._g.lift(theta, prox_gradient.settled(self.name, self.rho))

    def project(self, stat: Array) -> Array:
        """`stat`: every vector is a statistic."""
        return stat

    def majorizer(self, data: Samples, theta: Array, at: Array) -> Array:
        r""":math:`f_i(\tau)+\langle\nabla f_i(\tau),\theta-\tau\rangle+\|\theta-\tau\|^2/(2\rho)`, shape (...)."""
        rho = prox_gradient.settled(self.name, self.rho)
        return prox_gradient.majorizer(self.value(data, at), self.gradient(data, at), theta, at, rho)

    def predict(self, theta: Array, X: Array) -> Array:
        r""":math:`X\theta`, shape (..., n), for `X` (n, d)."""
        theta, X = check_query(self.name, theta, X, eq)
        return data_dot(X, theta)

    def start(self, federation: Federation) -> Array:
        """Zeros, or the point of the domain of g nearest to them, shape (d,)."""
        return self.restrict(zeros(federation[0].X))

    def settle(self, federation: Federation, oracles: tuple[type, ...]) -> LeastSquares:
        """With rho filled in where `oracles` need it (an eigenvalue per client).

        Raises
        ------
        DataError
            If a client's data are not `Samples` with a target a row.
        SpecError
            If g is not made for as many coordinates as the data have features.
        """
        check_supervised(self.name, federation)
        self._g.check_length(int(federation[0].X.shape[-1]))
        if self.rho is None and HasSurrogate in oracles:
            return replace(self, rho=prox_gradient.largest_rho(self._smoothness(federation)[0]))
        return self

    def solution(self, federation: Federation) -> Array:
        r""":math:`(\sum_iw_iX_i^\top X_i/n_i+\lambda I)^{-1}\sum_iw_iX_i^\top y_i/n_i`, the least-norm one; (d,).

        Raises
        ------
        SpecError
            If there is a penalty: then there is no closed form.
        """
        if self.penalized:
            raise SpecError(f"least-squares has a closed form only without g = {self.penalized}; solve it with a method.")
        A = mean_gram(federation) + self.ridge * np.eye(federation[0].X.shape[-1])
        b = 0.0
        for w, (X, y) in zip(federation.weights, federation, strict=True):
            plain = X if is_sparse(X) else to_numpy(X).astype(np.float64, copy=False)
            b = b + (w / X.shape[0]) * (plain.T @ to_numpy(y).astype(np.float64, copy=False))
        return as_like(np.linalg.lstsq(A, np.asarray(b))[0], federation[0].X)

    def facts(self, federation: Federation) -> Facts:
        """The constants; exact unless noted. sigma_i^2 is unknown: it grows with theta."""
        self = self.settle(federation, (HasSurrogate,))
        L, exact = self._smoothness(federation)
        known = prox_gradient.surrogate_facts(prox_gradient.settled(self.name, self.rho), L, self._g)
        optimum, mu = None, self.ridge
        d = federation[0].X.shape[-1]
        small = d <= 2000  # a d x d eigenvalue decomposition takes seconds
        if small:
            mu = max(float(np.linalg.eigvalsh(mean_gram(federation))[0]), 0.0) + self.ridge
        if small and not self.penalized:
            theta = self.solution(federation)
            pairs = zip(federation.weights, federation, strict=True)
            optimum = sum(w * float(self.value(data, theta)) for w, data in pairs)
        notes = {
            "smoothness": "exact" if exact else "bound: Collatz-Wielandt on a sparse client",
            "strong_convexity": "exact" if small else "bound: the ridge alone, d > 2000",
            "hessian_lipschitz": "exact",
            "oracle_variance": "unknown: the variance of a sample's gradient grows with theta",
            "optimum": "exact" if optimum is not None else "unknown: no closed form with g, or d > 2000",
            "lower_bound": "exact" if optimum is not None else "bound: every term is >= 0",
        }
        return Facts(
            smoothness=max(L),
            strong_convexity=mu,
            hessian_lipschitz=0.0,
            optimum=optimum,
            lower_bound=0.0 if optimum is None else optimum,
            **{**known, "notes": notes | known["notes"]},
        )

    def _smoothness(self, federation: Federation) -> tuple[list[float], bool]:
        """L_i of every client, and whether all are exact."""
        bounds = [(largest_eigenvalue(data.X), data.X.shape[0]) for data in federation]
        return [bound.value / n + self.ridge for bound, n in bounds], all(bound.exact for bound, _ in bounds)
