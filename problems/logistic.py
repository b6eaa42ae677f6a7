r"""Binary logistic regression, with a ridge, an l1 penalty, or neither; labels -1 and +1, no intercept.

    f_i(theta) = (1/n_i) sum_j log(1 + exp(-y_ij x_ij' theta)) + (ridge / 2) |theta|^2,      g(theta) = l1 |theta|_1.

Two surrogates: the gradient family (`problems.prox_gradient`), and Jaakkola and Jordan's, whose curvature follows the
data,

    log(2 cosh(m/2)) <= log(2 cosh(c/2)) + lam(c) (m^2 - c^2),  c = |x' tau|,  lam(c) = tanh(c/2) / (4c),  lam(0) = 1/8.

Its statistic is the pair (s1, s2) = (mean_j y_j x_j / 2, mean_j lam(c_j) x_j x_j'), s2 packed (`fedmm.symmetric`), with
psi = (ridge/2) |theta|^2, phi = (theta, -theta theta'), T(s) = (2 s2 + ridge I)^{-1} s1, S = R^d x PSD.

| argument | symbol |
|---|---|
| ridge | lambda |
| l1 | a |
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
from fedmm.arrays import Array, as_like, cholesky_solve, data_dot, data_tdot, is_sparse, namespace, norm2, to_numpy
from fedmm.errors import SpecError, suggest
from fedmm.federation import Federation, Samples
from fedmm.problem import Problem
from fedmm.symmetric import pack, packed_size, project_psd, unpack
from fedmm.types import Batch, Facts, HasSurrogate
from problems import prox_gradient
from problems.batches import take
from problems.checks import check_constants, check_labels, check_liftable, check_query, check_supervised, zeros
from problems.gram import largest_eigenvalue, mean_gram, weighted_gram
from problems.penalties import l1, l1_lift, l1_prox

__all__ = ["Logistic"]

SURROGATES = ("gradient", "jaakkola-jordan")


@dataclass(frozen=True)
class Logistic(Problem):
    r""":math:`f_i=\frac1{n_i}\sum_j\log(1+e^{-y_{ij}x_{ij}^\top\theta})+\frac\lambda2\|\theta\|^2`,
    :math:`g=a\|\theta\|_1`.

    Data are `Samples` with labels -1 and +1.

    Parameters
    ----------
    ridge : float
        lambda >= 0; it belongs to f_i.
    l1 : float
        a >= 0; needs the gradient surrogate.
    surrogate : {"gradient", "jaakkola-jordan"}
        The family of majorisers.
    rho : float or None
        The gradient surrogate's step; None takes 1/max_i L_i, the largest that majorises.

    Source: T. S. Jaakkola and M. I. Jordan, "Bayesian parameter estimation via variational methods", Statistics and
    Computing 10, 2000, for the second surrogate.
    """

    ridge: float = 0.0
    l1: float = 0.0
    surrogate: Literal["gradient", "jaakkola-jordan"] = "gradient"
    rho: float | None = None

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
        if self.surrogate not in SURROGATES:
            raise SpecError(f"Unknown logistic.surrogate {self.surrogate!r}.{suggest(str(self.surrogate), SURROGATES)}")
        if self.surrogate == "jaakkola-jordan" and self.l1:
            raise SpecError(
                "logistic with surrogate 'jaakkola-jordan' needs l1=0, for T has no closed form with l1; "
                "use surrogate='gradient'."
            )

    def value(self, data: Samples, theta: Array) -> Array:
        r""":math:`f_i(\theta)`, shape (...)."""
        m = data.y * data_dot(data.X, theta)
        xp = namespace(m)
        away = xp.abs(m)  # log(1 + e^-m) = log(1 + e^-|m|) + max(-m, 0) never overflows
        losses = xp.log1p(xp.exp(-away)) + 0.5 * (away - m)
        return xp.mean(losses, axis=-1) + (0.5 * self.ridge) * norm2(theta)

    def penalty(self, theta: Array) -> Array:
        r""":math:`a\|\theta\|_1`, shape (...)."""
        return l1(theta, self.l1)

    @property
    def penalized(self) -> str | None:
        """The l1 penalty, if there is one."""
        return f"l1 {self.l1:g}" if self.l1 else None

    def gradient(self, data: Samples, theta: Array, batch: Batch | None = None) -> Array:
        r""":math:`-\frac1{n_i}\sum_jy_j\sigma(-m_j)x_j+\lambda\theta`, shape (..., d); of the batch if given."""
        X, y = data if batch is None else take(data, batch)
        half = data_dot(X, theta) * (0.5 * y)  # half the margins
        r = namespace(half).tanh(half)  # -y sigma(-m) / n = y (tanh(m/2) - 1) / (2n): sigma by tanh cannot overflow
        r -= 1.0
        r *= y * (0.5 / X.shape[-2])
        return data_tdot(X, r) + self.ridge * theta

    def hessian(self, data: Samples, theta: Array) -> Array:
        r""":math:`\frac1{n_i}\sum_j\sigma(m_j)\sigma(-m_j)x_jx_j^\top+\lambda I`, packed and dense, (..., d(d+1)/2)."""
        X = data.X
        t = namespace(theta).tanh(0.5 * data_dot(X, theta))
        H = weighted_gram(X, (1.0 - t * t) * (0.25 / X.shape[-2]))
        return pack(H + as_like(self.ridge * np.eye(X.shape[-1]), X))

    def prox(self, theta: Array, step: float) -> Array:
        """Soft thresholding at step x a, shape (..., d)."""
        return l1_prox(theta, step * self.l1)

    def statistic(self, data: Samples, theta: Array, batch: Batch | None = None, warm: Any = None) -> tuple[Array, Any]:
        r""":math:`\theta-\rho\nabla f_i(\theta)`, shape (..., d); or (s1, s2), shape (..., d + d(d+1)/2)."""
        if self.surrogate == "gradient":
            return theta - prox_gradient.settled(self.name, self.rho) * self.gradient(data, theta, batch), None
        X, y = take(data, batch)
        xp = namespace(theta)
        n = X.shape[-2]
        s2 = pack(weighted_gram(X, _lam(data_dot(X, theta)) * (1.0 / n)))
        s1 = data_tdot(X, (0.5 / n) * y) + 0.0 * theta  # the zero lends theta's leading axis
        return xp.concat([s1, s2], axis=-1), None

    def minimize(self, stat: Array, start: Array | None = None) -> Array:
        r""":math:`\mathrm{prox}_{\rho g}(s)`, or :math:`(2s_2+\lambda I)^{-1}s_1`; shape (..., d).

        Raises
        ------
        numpy.linalg.LinAlgError
            If 2 s2 + lambda I is not positive definite.
        """
        if self.surrogate == "gradient":
            return self.prox(stat, prox_gradient.settled(self.name, self.rho))
        s1, s2 = _split(stat)
        P = 2.0 * unpack(s2) + as_like(self.ridge * np.eye(s1.shape[-1]), s1)
        return cholesky_solve(P, s1, "logistic: 2 s2 + ridge I of the Jaakkola-Jordan surrogate")

    def lift(self, theta: Array) -> Array:
        r""":math:`\theta+\rho a\,\mathrm{sign}(\theta)`, or :math:`((\frac14+\lambda)\theta,\frac18I)`.

        The second takes lam(0) and white features.

        Raises
        ------
        ValueError
            If theta is a scalar or not finite.
        """
        check_liftable(theta)
        if self.surrogate == "gradient":
            return l1_lift(theta, prox_gradient.settled(self.name, self.rho) * self.l1)
        s2 = pack(as_like(np.eye(theta.shape[-1]) / 8.0, theta)) + 0.0 * theta[..., :1]
        return namespace(theta).concat([(0.25 + self.ridge) * theta, s2], axis=-1)

    def project(self, stat: Array) -> Array:
        """`stat`, or (s1, s2 with its negative eigenvalues set to 0)."""
        if self.surrogate == "gradient":
            return stat
        s1, s2 = _split(stat)
        return namespace(stat).concat([s1, project_psd(s2)], axis=-1)

    def majorizer(self, data: Samples, theta: Array, at: Array) -> Array:
        r""":math:`f_i(\tau)+\psi(\theta)-\psi(\tau)-\langle\bar S_i(\tau),\phi(\theta)-\phi(\tau)\rangle`, (...)."""
        if self.surrogate == "gradient":
            rho = prox_gradient.settled(self.name, self.rho)
            return prox_gradient.majorizer(self.value(data, at), self.gradient(data, at), theta, at, rho)
        xp = namespace(theta)
        x_theta, x_at = data_dot(data.X, theta), data_dot(data.X, at)
        y: Array = data.y
        curved = _lam(x_at) * (x_theta * x_theta - x_at * x_at) - 0.5 * y * (x_theta - x_at)
        ridge = (0.5 * self.ridge) * (norm2(theta) - norm2(at))
        return self.value(data, at) + xp.mean(curved, axis=-1) + ridge

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
        """Zeros, shape (d,)."""
        return zeros(federation[0].X)

    def settle(self, federation: Federation, oracles: tuple[type, ...]) -> Logistic:
        """With rho filled in where `oracles` need it (an eigenvalue per client).

        Raises
        ------
        DataError
            If a client's data are not `Samples` with labels -1 and +1.
        SpecError
            If Jaakkola and Jordan's T would be singular: no ridge, and pooled features of rank less than d.
        """
        check_supervised(self.name, federation)
        check_labels(self.name, federation)
        if HasSurrogate not in oracles:
            return self
        if self.surrogate == "jaakkola-jordan":
            if self.ridge == 0:
                _check_rank(federation)
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
        norms = [_row_norms(data.X) for data in federation]
        if gradient:
            rho = prox_gradient.settled(self.name, self.rho)
            known = prox_gradient.surrogate_facts(rho, L, self.l1)
            variance = tuple(rho**2 * float(np.mean(norm**2)) for norm in norms)
        else:
            why = "unknown for the Jaakkola-Jordan surrogate: B(s) and the field depend on s without a uniform bound"
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


def _lam(c: Array) -> Array:
    """tanh(c/2)/(4c), even in c; 1/8 at 0."""
    xp = namespace(c)
    safe = xp.where(c == 0, xp.ones_like(c), c)  # no 0/0; away from 0 the quotient keeps all its digits
    return xp.where(c == 0, xp.full_like(c, 0.125), xp.tanh(0.5 * safe) / (4.0 * safe))


def _split(stat: Array) -> tuple[Array, Array]:
    """(s1, s2) of a statistic of length d + d(d+1)/2 = d(d+3)/2.

    Raises
    ------
    ValueError
        If the length is not of that form.
    """
    q = stat.shape[-1]
    d = (int((8 * q + 9) ** 0.5) - 3) // 2
    if d + packed_size(d) != q:
        raise ValueError(f"Expected a statistic (s1, packed s2) of length d + d(d+1)/2, got length {q}.")
    return stat[..., :d], stat[..., d:]


def _row_norms(X: Array) -> np.ndarray:
    """The norms of the rows, in float64."""
    if is_sparse(X):
        return np.sqrt(np.asarray(X.astype(np.float64).multiply(X).sum(axis=1)).ravel())
    return np.linalg.norm(to_numpy(X).astype(np.float64, copy=False), axis=1)


def _check_rank(federation: Federation) -> None:
    d = federation[0].X.shape[-1]
    rank = int(np.linalg.matrix_rank(mean_gram(federation), hermitian=True))
    if rank < d:
        raise SpecError(
            "logistic with surrogate 'jaakkola-jordan' and ridge 0 needs features of full rank, got "
            f"rank {rank} of {d}, so that T(s) = (2 s2)^-1 s1 is not defined; set ridge > 0 or surrogate='gradient'."
        )
