r"""Multinomial logistic regression (softmax) over K classes, with a ridge, and an l1 or another penalty g; no intercept.

    f_i(Theta) = (1/n_i) sum_j [log sum_k exp(x_ij' theta_k) - x_ij' theta_{y_ij}] + (ridge / 2) |Theta|^2,
    g(Theta) = l1 |Theta|_1 unless g is given.

With p the probabilities at x, the Hessian of the loss of a sample is (diag p - p p') (x) x x', at most
(I - 11'/K)/2 (x) x x', whose norm is |x|^2 / 2. Two surrogates: the gradient family (`problems.prox_gradient`), S = R^{dK}, and
Boehning's (`problems.multinomial_boehning`).

| argument | symbol |
|---|---|
| theta | Theta, row by row (a feature's K classes together): d K numbers |
| classes | K |
| ridge | lambda |
| l1, g | a, g |
| rho | rho <= 1 / max_i L_i, L_i = lambda_max(X_i' X_i) / (2 n_i) + lambda |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np

from fedmm.arguments import check_fields
from fedmm.arrays import Array, as_like, data_matmul, data_tmatmul, namespace, norm2
from fedmm.errors import SpecError
from fedmm.federation import Federation, Samples
from fedmm.penalty import Penalty
from fedmm.symmetric import pack
from fedmm.types import Batch, Facts, HasSurrogate
from problems import curved, multinomial_boehning, prox_gradient
from problems.batches import take
from problems.checks import check_classes, check_constants, check_liftable, check_query, check_supervised
from problems.gram import largest_eigenvalue, row_norms, weighted_gram
from problems.inner import check_tolerance
from problems.penalized import Penalized
from problems.penalties import chosen

__all__ = ["Multinomial"]


@dataclass(frozen=True)
class Multinomial(Penalized):
    r""":math:`f_i=\frac1{n_i}\sum_j[\log\sum_ke^{x_{ij}^\top\theta_k}-x_{ij}^\top\theta_{y_{ij}}]+\frac\lambda2\|\Theta\|^2`
    and a penalty g.

    Data are `Samples` with labels 0, 1, ..., K - 1 in the dtype of X.

    Parameters
    ----------
    classes : int or None
        K >= 2; None takes the largest label of any client, plus 1.
    ridge : float
        lambda >= 0; it belongs to f_i.
    l1 : float
        a >= 0: short for ``g=L1(a)``.
    surrogate : {"gradient", "boehning"}
        The family of majorisers.
    rho : float or None
        The gradient surrogate's step; None takes 1/max_i L_i, the largest that majorises.
    g : Penalty or None
        Another penalty, from `problems.penalties`; needs l1 = 0. ``GroupLasso(weight, size=K)`` drops whole features.
    tolerance : float
        Of T(s) with Boehning's surrogate and a penalty, which is an inner solve: T(s) is then exact for a statistic that
        differs from s by at most this, relatively (`problems.inner`).

    Raises
    ------
    SpecError
        For a field out of range, or if both `l1` and `g` are given.
    """

    classes: int | None = None
    ridge: float = 0.0
    l1: float = 0.0
    surrogate: Literal["gradient", "boehning"] = "gradient"
    rho: float | None = None
    g: Penalty | None = None
    tolerance: float = 1e-10

    name: ClassVar[str] = "multinomial"
    demo: ClassVar[Mapping[str, Any]] = {
        "data": "digits:digit",
        "partition": "dirichlet:0.3",
        "clients": 10,
        "method": "fedmm",
        "rounds": 30,
        "set": {"problem.ridge": 1e-3, "problem.surrogate": "boehning", "method.step": 1.0},
    }

    def __post_init__(self) -> None:
        check_fields(self)
        if self.classes is not None and self.classes < 2:
            raise SpecError(f"Expected multinomial.classes >= 2, got {self.classes}; leave it out to count the labels.")
        check_constants(self.name, self.rho, ridge=self.ridge, l1=self.l1)
        check_tolerance(self.name, self.tolerance)
        chosen(self.name, self.l1, self.g)

    def value(self, data: Samples, theta: Array) -> Array:
        r""":math:`f_i(\Theta)`, shape (...)."""
        Z = data_matmul(data.X, _matrix(theta, data.X))
        xp = namespace(Z)
        top = xp.max(Z, axis=-1, keepdims=True)  # exp of what is at most 0 never overflows
        losses = top[..., 0] + xp.log(xp.sum(xp.exp(Z - top), axis=-1)) - xp.sum(Z * _one_hot(data.y, Z), axis=-1)
        return xp.mean(losses, axis=-1) + (0.5 * self.ridge) * norm2(theta)

    def gradient(self, data: Samples, theta: Array, batch: Batch | None = None) -> Array:
        r""":math:`X_i^\top(P-Y)/n_i+\lambda\Theta`, shape (..., d K); of the batch if given."""
        X, y = data if batch is None else take(data, batch)
        r = _residual(X, y, _matrix(theta, X)) * (1.0 / X.shape[-2])
        return _flat(data_tmatmul(X, r)) + self.ridge * theta

    def hessian(self, data: Samples, theta: Array) -> Array:
        r""":math:`\frac1{n_i}\sum_jx_jx_j^\top\otimes(\mathrm{diag}\,p_j-p_jp_j^\top)+\lambda I`, packed, of order d K."""
        X = data.X
        P = _softmax(data_matmul(X, _matrix(theta, X)))
        xp, K, n = namespace(P), P.shape[-1], X.shape[-2]
        rows = []
        for k in range(K):
            p = P[..., k] * (1.0 / n)
            blocks = [weighted_gram(X, p * (1.0 - P[..., k] if l == k else P[..., l])) for l in range(K)]  # weights >= 0
            rows.append(xp.stack([block if l == k else -block for l, block in enumerate(blocks)], axis=-1))
        H = xp.stack(rows, axis=-3)  # (..., d, K, d, K)
        order = H.shape[-1] * H.shape[-2]
        H = xp.reshape(H, (*H.shape[:-4], order, order))
        return pack(H + as_like(self.ridge * np.eye(order), P))

    def cold(self, data: Samples) -> Array | None:
        """Boehning's G_i, packed, which a client forms once; nothing for the gradient surrogate."""
        return multinomial_boehning.bend(data.X) if self.surrogate == "boehning" else None

    def statistic(self, data: Samples, theta: Array, batch: Batch | None = None, warm: Any = None) -> tuple[Array, Any]:
        r""":math:`\Theta-\rho\nabla f_i(\Theta)`, shape (..., d K); or (s1, s2), shape (..., d K + d(d+1)/2)."""
        if self.surrogate == "gradient":
            return theta - prox_gradient.settled(self.name, self.rho) * self.gradient(data, theta, batch), None
        drawn = take(data, batch)
        Theta = _matrix(theta, drawn.X)
        known = warm if drawn is data else None
        return multinomial_boehning.statistic(drawn.X, Theta, _residual(drawn.X, drawn.y, Theta), known), warm

    def minimize(self, stat: Array, start: Array | None = None) -> Array:
        r""":math:`\mathrm{prox}_{\rho g}(s)`, or the T(s) of `problems.multinomial_boehning`; shape (..., d K).

        Raises
        ------
        numpy.linalg.LinAlgError
            If T(s) is not unique.
        """
        if self.surrogate == "gradient":
            return self.prox(stat, prox_gradient.settled(self.name, self.rho))
        return multinomial_boehning.minimize(stat, self._K, self.ridge, self._g, start, self.tolerance)

    def lift(self, theta: Array) -> Array:
        r"""A point of :math:`\Theta+\rho\,\partial g(\Theta)`, or that of `problems.multinomial_boehning`.

        Raises
        ------
        ValueError
            If theta is a scalar, not finite, outside the domain of g, or outside the range of Boehning's T.
        """
        check_liftable(theta)
        if self.surrogate == "gradient":
            return self._g.lift(theta, prox_gradient.settled(self.name, self.rho))
        return multinomial_boehning.lift(theta, self._K, self.ridge, self._g)

    def nil(self, theta: Array) -> Array:
        """The zero statistic, shape (..., q), also for a theta that `lift` refuses."""
        if self.surrogate == "gradient":
            return namespace(theta).zeros_like(theta)
        return multinomial_boehning.nil(theta, self._K)

    def project(self, stat: Array) -> Array:
        """`stat`, or (s1, s2) on the S of `problems.multinomial_boehning`."""
        return stat if self.surrogate == "gradient" else multinomial_boehning.project(stat, self._K, self._g)

    def majorizer(self, data: Samples, theta: Array, at: Array) -> Array:
        r""":math:`f_i(\tau)+\psi(\theta)-\psi(\tau)-\langle\bar S_i(\tau),\phi(\theta)-\phi(\tau)\rangle`, (...)."""
        if self.surrogate == "gradient":
            rho = prox_gradient.settled(self.name, self.rho)
            return prox_gradient.majorizer(self.value(data, at), self.gradient(data, at), theta, at, rho)
        X, Tau = data.X, _matrix(at, data.X)
        loss = multinomial_boehning.gap(X, _matrix(theta, X) - Tau, _residual(X, data.y, Tau))
        return self.value(data, at) + loss + (0.5 * self.ridge) * (norm2(theta) - norm2(at))

    def predict(self, theta: Array, X: Array) -> Array:
        """The likeliest class, 0 to K - 1 (the first on a tie), as whole numbers in X's dtype, (..., n), for `X` (n, d)."""
        P = self.predict_proba(theta, X)
        xp = namespace(P)
        return xp.astype(xp.argmax(P, axis=-1), P.dtype)

    def predict_proba(self, theta: Array, X: Array) -> Array:
        r"""The probabilities of the classes, shape (..., n, K), for `X` (n, d)."""
        theta, X = check_query(self.name, theta, X, self._fits)
        return _softmax(data_matmul(X, _matrix(theta, X)))

    def start(self, federation: Federation) -> Array:
        """Zeros, or the point of the domain of g nearest to them, shape (d K,)."""
        X = federation[0].X
        return self.restrict(as_like(np.zeros(X.shape[-1] * self._K), X))

    def settle(self, federation: Federation, oracles: tuple[type, ...]) -> Multinomial:
        """With the classes counted, and rho filled in where `oracles` need it (an eigenvalue per client).

        Raises
        ------
        DataError
            If a client's data are not `Samples` with labels 0 to K - 1.
        SpecError
            If g is not made for d K coordinates, or T(s) of Boehning's surrogate would not be unique: no ridge, and pooled
            features of rank less than d, or a g that is neither zero nor strongly convex.
        """
        check_supervised(self.name, federation)
        found = replace(self, classes=check_classes(self.name, federation, self.classes))
        g = self._g
        g.check_length(int(federation[0].X.shape[-1]) * found._K)
        if HasSurrogate not in oracles:
            return found
        if self.surrogate == "boehning":
            if self.ridge == 0 and g.shrinkage(1.0) is None and g.strong_convexity == 0:
                raise SpecError(
                    f"multinomial with surrogate 'boehning' and g = {g} needs ridge > 0: adding one number to all classes of a "
                    "feature leaves the surrogate as it is, so that T(s) need not be unique; or use surrogate='gradient'."
                )
            if self.ridge == 0:
                curved.check_rank(self.name, self.surrogate, federation, g)
        elif self.rho is None:
            return replace(found, rho=prox_gradient.largest_rho(self._smoothness(federation)[0]))
        return found

    def facts(self, federation: Federation) -> Facts:
        r"""The constants, all certified bounds.

        One sample's gradient differs from the ridge term by :math:`x(p-e_y)^\top`, whose square is at most 2 |x|^2. Along a
        unit direction the third derivative of the loss of a sample is the third central moment of a variable with range at
        most :math:`\sqrt2\|x\|`, which is at most :math:`(\sqrt2\|x\|)^3/(6\sqrt3)`.
        """
        gradient = self.surrogate == "gradient"
        self = self.settle(federation, (HasSurrogate,))
        L, exact = self._smoothness(federation)
        norms = [row_norms(data.X) for data in federation]
        variance = None
        if gradient:
            rho = prox_gradient.settled(self.name, self.rho)
            known = prox_gradient.surrogate_facts(rho, L, self._g)
            variance = tuple(2.0 * rho**2 * float(np.mean(norm**2)) for norm in norms)
        else:
            why = "unknown for the surrogate boehning: B(s) and the field depend on s without a uniform bound"
            fields = ("v_min", "v_max", "composite_smoothness", "field_lipschitz", "oracle_variance")
            known = {"unconstrained": False, "notes": dict.fromkeys(fields, why) | {"unconstrained": "exact"}}
        notes = {
            "smoothness": "bound: |(I - 11'/K)/2| = 1/2" + ("" if exact else ", Collatz-Wielandt on a sparse client"),
            "strong_convexity": "bound: the ridge alone",
            "hessian_lipschitz": "bound: max_i mean_j (sqrt 2 |x_ij|)^3 / (6 sqrt 3)",
            "oracle_variance": "bound: 2 rho^2 mean_j |x_ij|^2, for |p - e_y|^2 <= 2",
            "optimum": "unknown: no closed form",
            "lower_bound": "bound: every term is >= 0",
        }
        return Facts(
            smoothness=max(L),
            strong_convexity=self.ridge,
            hessian_lipschitz=max(float(np.mean(norm**3)) for norm in norms) * 2.0**1.5 / (6.0 * 3.0**0.5),
            oracle_variance=variance,
            lower_bound=0.0,
            **{**known, "notes": notes | known["notes"]},
        )

    @property
    def _K(self) -> int:
        """The number of classes, once it is known; raises SpecError before."""
        if self.classes is None:
            raise SpecError("multinomial.classes is not known yet; give it, or call settle(federation, problem.oracles) first.")
        return self.classes

    def _fits(self, length: int, d: int) -> bool:
        """Whether theta of this length belongs to d features."""
        return length == d * self.classes if self.classes is not None else length % d == 0 and length >= 2 * d

    def _smoothness(self, federation: Federation) -> tuple[list[float], bool]:
        """L_i of every client, and whether all eigenvalues behind them are exact."""
        bounds = [(largest_eigenvalue(data.X), data.X.shape[0]) for data in federation]
        return [0.5 * bound.value / n + self.ridge for bound, n in bounds], all(bound.exact for bound, _ in bounds)


def _matrix(theta: Array, X: Array) -> Array:
    """Theta (..., d, K) for features `X` (..., n, d)."""
    d = X.shape[-1]
    return namespace(theta).reshape(theta, (*theta.shape[:-1], d, theta.shape[-1] // d))


def _flat(A: Array) -> Array:
    return namespace(A).reshape(A, (*A.shape[:-2], A.shape[-2] * A.shape[-1]))


def _softmax(Z: Array) -> Array:
    xp = namespace(Z)
    E = xp.exp(Z - xp.max(Z, axis=-1, keepdims=True))
    return E / xp.sum(E, axis=-1, keepdims=True)


def _one_hot(y: Array, like: Array) -> Array:
    """One-hot rows (..., n, K) of labels `y` (..., n), for `like` (..., n, K)."""
    classes = as_like(np.arange(like.shape[-1], dtype=np.float64), like)
    return namespace(like).astype(y[..., None] == classes, like.dtype)


def _residual(X: Array, y: Array, Theta: Array) -> Array:
    """P - Y, shape (..., n, K)."""
    Z = data_matmul(X, Theta)
    return _softmax(Z) - _one_hot(y, Z)
