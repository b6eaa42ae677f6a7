r"""Binary logistic regression, with a ridge, and an l1 or another penalty g; labels -1 and +1, no intercept.

    f_i(theta) = (1/n_i) sum_j log(1 + exp(-y_ij x_ij' theta)) + (ridge / 2) |theta|^2,
    g(theta) = l1 |theta|_1 unless g is given.

Three surrogates: the gradient family (`problems.prox_gradient`), S = R^d; and two with a curvature of their own
(`problems.curved`), S = R^d x PSD, where T needs a ridge or features of full rank: Boehning's, whose curvature is fixed
(`problems.boehning`), and Jaakkola and Jordan's, whose curvature follows the data (`problems.jaakkola_jordan`).

| argument | symbol |
|---|---|
| ridge | lambda |
| l1, g | a, g |
| rho | rho <= 1 / max_i L_i, L_i = lambda_max(X_i' X_i) / (4 n_i) + lambda |
| m | the margins y_j x_j' theta |
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
from problems import boehning, curved, jaakkola_jordan, prox_gradient
from problems.batches import take
from problems.checks import check_constants, check_labels, check_liftable, check_query, check_supervised, zeros
from problems.gram import largest_eigenvalue, row_norms, weighted_gram
from problems.inner import check_tolerance
from problems.penalized import Penalized
from problems.penalties import chosen

__all__ = ["Logistic"]

CURVED: Mapping[str, Any] = {"boehning": boehning, "jaakkola-jordan": jaakkola_jordan}
"""The modules of the surrogates with a curvature."""


@dataclass(frozen=True)
class Logistic(Penalized):
    r""":math:`f_i=\frac1{n_i}\sum_j\log(1+e^{-y_{ij}x_{ij}^\top\theta})+\frac\lambda2\|\theta\|^2`,
    and a penalty g.

    Data are `Samples` with labels -1 and +1.

    Parameters
    ----------
    ridge : float
        lambda >= 0; it belongs to f_i.
    l1 : float
        a >= 0: short for ``g=L1(a)``.
    surrogate : {"gradient", "boehning", "jaakkola-jordan"}
        The family of majorisers.
    rho : float or None
        The gradient surrogate's step; None takes 1/max_i L_i, the largest that majorises.
    g : Penalty or None
        Another penalty, from `problems.penalties`; needs l1 = 0.
    tolerance : float
        Of T(s) with a curved surrogate and a penalty, which is an inner solve: T(s) is then exact for a statistic that
        differs from s by at most this, relatively (`problems.inner`).

    Raises
    ------
    SpecError
        For a field out of range, or if both `l1` and `g` are given.
    """

    ridge: float = 0.0
    l1: float = 0.0
    surrogate: Literal["gradient", "boehning", "jaakkola-jordan"] = "gradient"
    rho: float | None = None
    g: Penalty | None = None
    tolerance: float = 1e-10

    name: ClassVar[str] = "logistic"
    demo: ClassVar[Mapping[str, Any]] = {
        "data": "breast-cancer",
        "partition": "dirichlet:0.3",
        "clients": 10,
        "method": "fedpm",
        "rounds": 10,
        "set": {"problem.ridge": 1e-3},
    }

    def __post_init__(self) -> None:
        check_fields(self)
        check_constants(self.name, self.rho, ridge=self.ridge, l1=self.l1)
        check_tolerance(self.name, self.tolerance)
        chosen(self.name, self.l1, self.g)

    def value(self, data: Samples, theta: Array) -> Array:
        r""":math:`f_i(\theta)`, shape (...)."""
        m = data.y * data_dot(data.X, theta)
        xp = namespace(m)
        away = xp.abs(m)  # log(1 + e^-m) = log(1 + e^-|m|) + max(-m, 0) never overflows
        losses = xp.log1p(xp.exp(-away)) + 0.5 * (away - m)
        return xp.mean(losses, axis=-1) + (0.5 * self.ridge) * norm2(theta)

    def gradient(self, data: Samples, theta: Array, batch: Batch | None = None) -> Array:
        r""":math:`-\frac1{n_i}\sum_jy_j\sigma(-m_j)x_j+\lambda\theta`, shape (..., d); of the batch if given."""
        batched: Any = data if batch is None else take(data, batch)
        X, y = batched
        half = data_dot(X, theta)
        half *= 0.5 * y  # half the margins
        r = namespace(half).tanh(half)  # -y sigma(-m) / n = y (tanh(m/2) - 1) / (2n): sigma by tanh cannot overflow
        r -= 1.0
        r *= y * (0.5 / X.shape[-2])
        gradient = data_tdot(X, r)
        gradient += self.ridge * theta
        return gradient

    def hessian(self, data: Samples, theta: Array) -> Array:
        r""":math:`\frac1{n_i}\sum_j\sigma(m_j)\sigma(-m_j)x_jx_j^\top+\lambda I`, packed and dense, (..., d(d+1)/2)."""
        X = data.X
        t = namespace(theta).tanh(0.5 * data_dot(X, theta))
        H = weighted_gram(X, (1.0 - t * t) * (0.25 / X.shape[-2]))
        return pack(H + as_like(self.ridge * np.eye(X.shape[-1]), X))

    def cold(self, data: Samples) -> Array | None:
        """Boehning's curvature, packed, which a client forms once; nothing for the other surrogates."""
        return boehning.bend(data.X) if self.surrogate == "boehning" else None

    def statistic(self, data: Samples, theta: Array, batch: Batch | None = None, warm: Any = None) -> tuple[Array, Any]:
        r""":math:`\theta-\rho\nabla f_i(\theta)`, shape (..., d); or (s1, s2), shape (..., d + d(d+1)/2)."""
        if self.surrogate == "gradient":
            return theta - prox_gradient.settled(self.name, self.rho) * self.gradient(data, theta, batch), None
        if self.surrogate == "jaakkola-jordan":
            return jaakkola_jordan.statistic(take(data, batch), theta), None
        drawn = take(data, batch)
        return boehning.statistic(drawn, theta, warm if drawn is data else None), warm

    def minimize(self, stat: Array, start: Array | None = None) -> Array:
        r""":math:`\mathrm{prox}_{\rho g}(s)`, or the T(s) of `problems.curved`; shape (..., d).

        Raises
        ------
        numpy.linalg.LinAlgError
            If c s2 + lambda I is not positive definite, and g not strongly convex.
        """
        if self.surrogate == "gradient":
            return self.prox(stat, prox_gradient.settled(self.name, self.rho))
        c = CURVED[self.surrogate].CURVATURE
        what = f"logistic: {'' if c == 1 else '2 '}s2 + ridge I of the surrogate {self.surrogate}"
        return curved.minimize(stat, c, self.ridge, self._g, start, self.tolerance, what)

    def lift(self, theta: Array) -> Array:
        r"""A point of :math:`\theta+\rho\,\partial g(\theta)`, or of :math:`((cw+\lambda)\theta+\partial g(\theta),wI)`.

        The second takes the curvature at 0 of white features.

        Raises
        ------
        ValueError
            If theta is a scalar, not finite, or outside the domain of g.
        """
        check_liftable(theta)
        if self.surrogate == "gradient":
            return self._g.lift(theta, prox_gradient.settled(self.name, self.rho))
        family = CURVED[self.surrogate]
        return curved.lift(theta, family.CURVATURE, family.WHITE, self.ridge, self._g)

    def project(self, stat: Array) -> Array:
        """`stat`, or (s1, s2 with its negative eigenvalues set to 0)."""
        return stat if self.surrogate == "gradient" else curved.project(stat)

    def majorizer(self, data: Samples, theta: Array, at: Array) -> Array:
        r""":math:`f_i(\tau)+\psi(\theta)-\psi(\tau)-\langle\bar S_i(\tau),\phi(\theta)-\phi(\tau)\rangle`, (...)."""
        if self.surrogate == "gradient":
            rho = prox_gradient.settled(self.name, self.rho)
            return prox_gradient.majorizer(self.value(data, at), self.gradient(data, at), theta, at, rho)
        ridge = (0.5 * self.ridge) * (norm2(theta) - norm2(at))
        return self.value(data, at) + CURVED[self.surrogate].gap(data, theta, at) + ridge

    def predict(self, theta: Array, X: Array) -> Array:
        """The likelier label, -1 or +1 (+1 on a tie), shape (..., n), for `X` (n, d)."""
        theta, X = check_query(self.name, theta, X, eq)
        m = data_dot(X, theta)
        xp = namespace(m)
        return xp.where(m >= 0, xp.ones_like(m), -xp.ones_like(m))

    def predict_proba(self, theta: Array, X: Array) -> Array:
        r"""The probability :math:`\sigma(x^\top\theta)` of label +1, shape (..., n), for `X` (n, d)."""
        theta, X = check_query(self.name, theta, X, eq)
        m = data_dot(X, theta)
        return 0.5 * (1.0 + namespace(m).tanh(0.5 * m))

    def start(self, federation: Federation) -> Array:
        """Zeros, or the point of the domain of g nearest to them, shape (d,)."""
        return self.restrict(zeros(federation[0].X))

    def settle(self, federation: Federation, oracles: tuple[type, ...]) -> Logistic:
        """With rho filled in where `oracles` need it (an eigenvalue per client).

        Raises
        ------
        DataError
            If a client's data are not `Samples` with labels -1 and +1.
        SpecError
            If g is not made for as many coordinates as there are features, or T(s) of a curved surrogate would not be unique:
            no ridge, g not strongly convex, and pooled features of rank less than d.
        """
        check_supervised(self.name, federation)
        check_labels(self.name, federation)
        self._g.check_length(int(federation[0].X.shape[-1]))
        if HasSurrogate not in oracles:
            return self
        if self.surrogate != "gradient":
            if self.ridge == 0:
                curved.check_rank(self.name, self.surrogate, federation, self._g)
        elif self.rho is None:
            return replace(self, rho=prox_gradient.largest_rho(self._smoothness(federation)[0]))
        return self

    def facts(self, federation: Federation) -> Facts:
        r"""The constants, all certified bounds.

        One sample's gradient differs from the ridge term by :math:`y\sigma(-m)x`, of norm at most |x|, so the gradient
        surrogate has :math:`\sigma_i^2\le\rho^2\,\mathrm{mean}_j\|x_{ij}\|^2`. The third derivative of log(1 + e^-m) is
        at most :math:`1/(6\sqrt3)`, so the Hessian is Lipschitz with :math:`\mathrm{mean}_j\|x_{ij}\|^3/(6\sqrt3)`.
        """
        gradient = self.surrogate == "gradient"
        self = self.settle(federation, (HasSurrogate,))
        L, exact = self._smoothness(federation)
        norms = [row_norms(data.X) for data in federation]
        if gradient:
            rho = prox_gradient.settled(self.name, self.rho)
            known = prox_gradient.surrogate_facts(rho, L, self._g)
            variance = tuple(rho**2 * float(np.mean(norm**2)) for norm in norms)
        else:
            why = f"unknown for the surrogate {self.surrogate}: B(s) and the field depend on s without a uniform bound"
            fields = ("v_min", "v_max", "composite_smoothness", "field_lipschitz", "oracle_variance")
            known = {"unconstrained": False, "notes": dict.fromkeys(fields, why) | {"unconstrained": "exact"}}
            variance = None
        notes = {
            "smoothness": "bound: sigma' <= 1/4" + ("" if exact else ", Collatz-Wielandt on a sparse client"),
            "strong_convexity": "bound: the ridge alone",
            "hessian_lipschitz": "bound: max_i mean_j |x_ij|^3 / (6 sqrt 3)",
            "oracle_variance": "bound: rho^2 mean_j |x_ij|^2, for |sigma(-m)| <= 1",
            "optimum": "unknown: no closed form",
            "lower_bound": "bound: every term is >= 0",
        }
        return Facts(
            smoothness=max(L),
            strong_convexity=self.ridge,
            hessian_lipschitz=max(float(np.mean(norm**3)) for norm in norms) / (6.0 * 3.0**0.5),
            oracle_variance=variance,
            lower_bound=0.0,
            **{**known, "notes": notes | known["notes"]},
        )

    def _smoothness(self, federation: Federation) -> tuple[list[float], bool]:
        """L_i of every client, and whether all eigenvalues behind them are exact."""
        bounds = [(largest_eigenvalue(data.X), data.X.shape[0]) for data in federation]
        return [0.25 * bound.value / n + self.ridge for bound, n in bounds], all(bound.exact for bound, _ in bounds)
