r"""Quadratics: the test bed on which every constant of the theory is exact.

    f_i(theta) = theta' A_i theta / 2 - b_i' theta,      g(theta) = (ridge / 2) |theta|^2,

with the gradient surrogate (`problems.prox_gradient`), so that :math:`T(s)=cs` with :math:`c=1/(1+\rho\lambda)`.

| argument | symbol |
|---|---|
| ridge | lambda |
| rho | rho <= 1 / max_i |A_i| |
| noise | sigma: the statistic of a batch of b has variance exactly sigma^2 / b |

Facts, with A = sum_i w_i A_i and b = sum_i w_i b_i: v_min = v_max = c/rho, L_W = c^2 |A + lambda I|,
L_i = |c (I - rho A_i) - I|, theta* = (A + lambda I)^{-1} b.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from fedmm.arguments import check_fields
from fedmm.arrays import Array, as_like, data_dot, namespace, norm2, to_numpy
from fedmm.errors import DataError, SpecError
from fedmm.federation import Federation
from fedmm.keys import draw
from fedmm.problem import Problem
from fedmm.symmetric import pack
from fedmm.types import Batch, Facts, HasSurrogate
from problems import prox_gradient
from problems.checks import check_constants, check_liftable, zeros

__all__ = ["Quad", "Quadratic"]


class Quad(NamedTuple):
    """One client's quadratic.

    Parameters
    ----------
    A : array (d, d)
        Symmetric.
    b : array (d,)
        The linear term.
    """

    A: Array
    b: Array


@dataclass(frozen=True)
class Quadratic(Problem):
    r""":math:`f_i=\frac12\theta^\top A_i\theta-b_i^\top\theta` and :math:`g=\frac\lambda2\|\theta\|^2`.

    Data are `Quad`.

    Parameters
    ----------
    ridge : float
        lambda >= 0.
    rho : float or None
        The surrogate's step; None takes 1/max_i |A_i|, the largest that majorises.
    noise : float
        sigma: when a batch is asked for, the statistic is Gaussian around its value with E|error|^2 = sigma^2 / size.

    Source: the quadratic test bed of the surrogate family "prox-gradient", derived.
    """

    ridge: float = 0.0
    rho: float | None = None
    noise: float = 0.0

    name: ClassVar[str] = "quadratic"
    demo: ClassVar[Mapping[str, Any]] = {"data": "synthetic-quadratic", "method": "fedmm", "rounds": 200}

    def __post_init__(self) -> None:
        check_fields(self)
        check_constants(self.name, self.rho, ridge=self.ridge, noise=self.noise)

    def value(self, data: Quad, theta: Array) -> Array:
        r""":math:`\frac12\theta^\top A_i\theta-b_i^\top\theta`, shape (...)."""
        return namespace(theta).sum((0.5 * data_dot(data.A, theta) - data.b) * theta, axis=-1)

    def penalty(self, theta: Array) -> Array:
        r""":math:`\frac\lambda2\|\theta\|^2`, shape (...)."""
        return (0.5 * self.ridge) * norm2(theta)

    @property
    def penalized(self) -> str | None:
        """The ridge, if there is one."""
        return f"ridge {self.ridge:g}" if self.ridge else None

    def gradient(self, data: Quad, theta: Array, batch: Batch | None = None) -> Array:
        r""":math:`A_i\theta-b_i`, shape (..., d); plus noise of variance :math:`\sigma^2/(\rho^2b)` for a batch.

        Raises
        ------
        SpecError
            If there is noise and `rho` is not known yet.
        """
        exact = data_dot(data.A, theta) - data.b
        if batch is None or self.noise == 0:
            return exact
        d = theta.shape[-1]
        error = draw(batch.key, lambda generator: generator.standard_normal(d))
        size = self.noise / (prox_gradient.settled(self.name, self.rho) * (batch.size * d) ** 0.5)
        return exact + as_like(size * error, theta)

    def hessian(self, data: Quad, theta: Array) -> Array:
        """A_i, packed, shape (..., d(d+1)/2)."""
        return pack(data.A) + 0.0 * theta[..., :1]  # the zero lends theta's leading axis

    def prox(self, theta: Array, step: float) -> Array:
        r""":math:`\theta/(1+step\,\lambda)`, shape (..., d)."""
        return theta / (1.0 + step * self.ridge)

    def statistic(self, data: Quad, theta: Array, batch: Batch | None = None, warm: Any = None) -> tuple[Array, Any]:
        r""":math:`\theta-\rho\nabla f_i(\theta)`, shape (..., d)."""
        return theta - prox_gradient.settled(self.name, self.rho) * self.gradient(data, theta, batch), None

    def minimize(self, stat: Array, start: Array | None = None) -> Array:
        """T(s) = c s, shape (..., d)."""
        return self.prox(stat, prox_gradient.settled(self.name, self.rho))

    def lift(self, theta: Array) -> Array:
        r""":math:`\theta/c`, shape (..., d); ValueError unless theta is finite."""
        check_liftable(theta)
        return theta * (1.0 + prox_gradient.settled(self.name, self.rho) * self.ridge)

    def project(self, stat: Array) -> Array:
        """`stat`: every vector is a statistic."""
        return stat

    def majorizer(self, data: Quad, theta: Array, at: Array) -> Array:
        r""":math:`f_i(\tau)+\langle\nabla f_i(\tau),\theta-\tau\rangle+\|\theta-\tau\|^2/(2\rho)`, shape (...)."""
        rho = prox_gradient.settled(self.name, self.rho)
        return prox_gradient.majorizer(self.value(data, at), self.gradient(data, at), theta, at, rho)

    def start(self, federation: Federation) -> Array:
        """Zeros, shape (d,)."""
        return zeros(federation[0].b)

    def settle(self, federation: Federation, oracles: tuple[type, ...]) -> Quadratic:
        """With rho filled in where `oracles` (or the noise) need it.

        Raises
        ------
        DataError
            If a client's data are not a `Quad` with a symmetric A.
        """
        for i, data in federation.looked_at():
            _check(i, data)
        if self.rho is None and (HasSurrogate in oracles or self.noise):
            return replace(self, rho=prox_gradient.largest_rho([_norm(data.A) for data in federation]))
        return self

    def solution(self, federation: Federation) -> Array:
        r""":math:`\theta^*=(A+\lambda I)^{-1}b`, shape (d,).

        Raises
        ------
        SpecError
            If A + lambda I is not positive definite: there is no unique minimiser.
        """
        A, b = self._sums(federation)
        if np.linalg.eigvalsh(A)[0] <= _rounding(A):
            raise SpecError("quadratic: A + ridge I is not positive definite, no unique minimiser; raise the ridge.")
        return as_like(np.linalg.solve(A, b), federation[0].b)

    def facts(self, federation: Federation) -> Facts:
        """All of them exact; W_* is None where W has no unique minimiser."""
        self = self.settle(federation, (HasSurrogate,))
        rho = prox_gradient.settled(self.name, self.rho)
        c = 1.0 / (1.0 + rho * self.ridge)
        A, b = self._sums(federation)
        spectrum = np.linalg.eigvalsh(A)
        mu = float(spectrum[0]) - self.ridge
        bounded = spectrum[0] > _rounding(A)
        optimum = -0.5 * float(b @ np.linalg.solve(A, b)) if bounded else None
        fields = [c * (1.0 - rho * np.linalg.eigvalsh(_plain(data.A))) - 1.0 for data in federation]
        unknown = "A + lambda I is not positive definite: no unique minimiser, possibly no lower bound"
        known = [name for name in Facts.__dataclass_fields__ if name != "notes"]
        return Facts(
            smoothness=max(_norm(data.A) for data in federation),
            strong_convexity=max(mu, 0.0) if mu >= -_rounding(A) else None,
            hessian_lipschitz=0.0,
            v_min=c / rho,
            v_max=c / rho,
            composite_smoothness=c * c * float(np.abs(spectrum).max()),
            field_lipschitz=tuple(float(np.abs(field).max()) for field in fields),
            oracle_variance=(self.noise**2,) * len(federation),
            unconstrained=True,
            optimum=optimum,
            lower_bound=optimum,
            notes=dict.fromkeys(known, "exact")
            | ({} if bounded else {"optimum": unknown, "lower_bound": unknown})
            | ({} if mu >= -_rounding(A) else {"strong_convexity": "f is not convex"}),
        )

    def _sums(self, federation: Federation) -> tuple[np.ndarray, np.ndarray]:
        """A + lambda I and b, in float64."""
        pairs = list(zip(federation.weights, federation, strict=True))
        A = sum(w * _plain(data.A) for w, data in pairs) + self.ridge * np.eye(federation[0].b.shape[-1])
        return A, np.asarray(sum(w * _plain(data.b) for w, data in pairs))


def _plain(x: Array) -> np.ndarray:
    return to_numpy(x).astype(np.float64, copy=False)


def _norm(A: Array) -> float:
    """The spectral norm of a symmetric matrix."""
    return float(np.abs(np.linalg.eigvalsh(_plain(A))).max())


def _rounding(A: np.ndarray) -> float:
    """Below this an eigenvalue of A is zero to rounding."""
    return float(A.shape[0] * np.finfo(float).eps * np.abs(A).sum(axis=1).max())


def _check(i: int, data: Any) -> None:
    if not isinstance(data, Quad):
        raise DataError(f"quadratic expects Quad(A, b) for client {i}, got {type(data).__name__}; give A and b.")
    d = data.b.shape[-1]
    if data.b.ndim != 1 or tuple(data.A.shape) != (d, d):
        raise DataError(f"quadratic expects A (d, d), b (d,) for client {i}: got {tuple(data.A.shape)}, {tuple(data.b.shape)}.")
    A = to_numpy(data.A)
    if np.abs(A - A.T).max() > 1e-6 * np.abs(A).max():
        raise DataError(f"quadratic expects a symmetric A for client {i}; use (A + A.T) / 2.")
