r"""The precision matrix of centred Gaussian samples, or their covariance: one likelihood, one surrogate, two parameters.

    f_i = (1/2) tr(P S_i) - (1/2) log det P + (p/2) log 2 pi,     S_i = (1/n_i) sum_j z_ij z_ij'
    g   = (c/2) { v0 tr P - log det P }

where P is theta, or the inverse of theta = Sigma. Everything is observed: f_i is its own surrogate, touching everywhere,

    psi = -(1/2) log det P,    phi = -P/2,    statistic S_i whatever tau,    S = positive semidefinite matrices,
    T(s) = (1 + c) (s + c v0 I)^{-1}     for the precision,       T(s) = (s + c v0 I) / (1 + c)     for the covariance.

FedMM finds the pooled maximum of the likelihood (with c pseudo-samples of covariance v0 I, as a share of all samples) with
either parameter. The naive baseline, which averages the clients' parameters, does so with the covariance, for there T is
affine; with the precision it gives sum_i w_i T(S_i), too large unless all S_i are equal, since the inverse is convex.

| argument | symbol |
|---|---|
| theta | P or Sigma, packed (`fedmm.symmetric`), d = p(p+1)/2 |
| stat | s, packed |
| c, scale | c, v0 |

Source: the standard example of a likelihood whose natural parameter is not its mean parameter; derived here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from fedmm.arguments import check_fields
from fedmm.arrays import Array, as_like, namespace, to_numpy
from fedmm.errors import SpecError
from fedmm.federation import Federation, Samples
from fedmm.problem import Problem
from fedmm.symmetric import order, pack, project_psd, unpack
from fedmm.types import Batch, Facts
from problems.batches import take
from problems.checks import check_liftable, check_unlabelled
from problems.covariances import FLOOR, LOG_2PI
from problems.gram import mean_gram, weighted_gram

__all__ = ["GaussianPrecision"]


@dataclass(frozen=True)
class GaussianPrecision(Problem):
    r""":math:`f_i=\frac12\mathrm{tr}(PS_i)-\frac12\log\det P+\frac p2\log2\pi`, :math:`g=\frac c2(v_0\mathrm{tr}P-\log\det P)`.

    Data are `Samples` with one z a row of X, dense, their mean known to be 0; y is ignored.

    Parameters
    ----------
    parameter : {"precision", "covariance"}
        What theta is.
    c : float
        >= 0, the strength of the prior, as a share of all samples. With 0, T(s) needs statistics of full rank.
    scale : float
        v0 > 0, the variance that c pulls to, and that of the start.

    Raises
    ------
    SpecError
        For a parameter out of range.
    """

    parameter: Literal["precision", "covariance"] = "precision"
    c: float = 1e-3
    scale: float = 1.0

    name: ClassVar[str] = "gaussian-precision"
    demo: ClassVar[Mapping[str, Any]] = {
        "data": "breast-cancer",
        "partition": "dirichlet:0.3",
        "clients": 10,
        "method": "fedmm",
        "rounds": 100,
        "participation": "bernoulli:0.5",
        "set": {"problem.c": 0.1, "method.start": "lift", "method.step": 0.3},
    }

    def __post_init__(self) -> None:
        check_fields(self)
        if not 0 <= self.c < float("inf"):
            raise SpecError(f"Expected gaussian-precision.c >= 0 and finite, got {self.c}.")
        if not 0 < self.scale < float("inf"):
            raise SpecError(f"Expected gaussian-precision.scale > 0 and finite, got {self.scale}.")

    @property
    def penalized(self) -> str:
        """The domain, and the prior."""
        return f"positive definite {self.parameter}, prior c={self.c:g} with variance {self.scale:g}"

    def settle(self, federation: Federation, oracles: tuple[type, ...]) -> GaussianPrecision:
        """This problem itself, once the data have been looked at.

        Raises
        ------
        DataError
            If some client's data are not `Samples` with a dense 2-D X.
        SpecError
            If c = 0 and the pooled samples do not span all directions, so that the likelihood has no maximum.
        """
        check_unlabelled(self.name, federation, sparse=False)
        if self.c == 0:
            p = federation[0].X.shape[-1]
            rank = int(np.linalg.matrix_rank(mean_gram(federation), hermitian=True))
            if rank < p:
                raise SpecError(
                    f"gaussian-precision with c = 0 needs samples that span all {p} directions, got rank {rank}; set c > 0."
                )
        return self

    def start(self, federation: Federation) -> Array:
        """I/v0, or v0 I, packed, shape (d,)."""
        X = federation[0].X
        variance = 1.0 / self.scale if self.parameter == "precision" else self.scale
        return as_like(pack(variance * np.eye(X.shape[-1])), X)

    def value(self, data: Samples, theta: Array) -> Array:
        r""":math:`f_i(\theta)`, shape (...).

        Raises
        ------
        numpy.linalg.LinAlgError
            If theta is not positive definite.
        """
        P, log_det = self._precision(theta)
        s = self.statistic(data, theta)[0]
        trace = namespace(P).sum(P * s, axis=-1)
        return 0.5 * (trace - log_det + order(theta.shape[-1]) * LOG_2PI)

    def penalty(self, theta: Array) -> Array:
        r""":math:`\frac c2(v_0\mathrm{tr}P-\log\det P)`, shape (...); +inf where theta is not positive definite."""
        xp = namespace(theta)
        inside = xp.linalg.eigvalsh(unpack(theta))[..., 0] > 0
        eye = as_like(pack(np.eye(order(theta.shape[-1]))), theta)
        P, log_det = self._precision(xp.where(inside[..., None], theta, eye))
        g = (0.5 * self.c) * (self.scale * xp.sum(P * eye, axis=-1) - log_det)
        return xp.where(inside, g, xp.full_like(g, xp.inf))

    def restrict(self, theta: Array) -> Array:
        """theta with eigenvalues lifted to 1e-8, shape (..., d)."""
        xp = namespace(theta)
        low = xp.linalg.eigvalsh(unpack(theta))[..., :1] < FLOOR
        return xp.where(low, project_psd(theta, FLOOR), theta)

    def statistic(self, data: Samples, theta: Array, batch: Batch | None = None, warm: Any = None) -> tuple[Array, None]:
        r""":math:`\frac1{n_i}\sum_jz_{ij}z_{ij}^\top`, packed, shape (..., d), and None."""
        X = take(data, batch).X
        mean = namespace(X).ones_like(X[..., 0]) * (1.0 / X.shape[-2])
        return pack(weighted_gram(X, mean)) + 0.0 * theta, None  # the zero lends theta's leading axis

    def minimize(self, stat: Array, start: Array | None = None) -> Array:
        """T(s), shape (..., d), for `stat` in S.

        Raises
        ------
        numpy.linalg.LinAlgError
            If c = 0 and s is singular.
        """
        xp, p = namespace(stat), order(stat.shape[-1])
        A = stat + as_like(pack(self.c * self.scale * np.eye(p)), stat)
        values = xp.linalg.eigvalsh(unpack(A))
        if not bool(xp.all(values[..., 0] > 4.0 * p * float(xp.finfo(stat.dtype).eps) * values[..., -1])):
            raise np.linalg.LinAlgError(
                "gaussian-precision: the statistic is singular, so T(s) does not exist; raise c, or scale the features."
            )
        return _inverse(A) * (1.0 + self.c) if self.parameter == "precision" else A * (1.0 / (1.0 + self.c))

    def lift(self, theta: Array) -> Array:
        r""":math:`(1+c)\Sigma-cv_0I`, packed, shape (..., d).

        Raises
        ------
        ValueError
            If theta is not a finite, positive definite, packed matrix, or :math:`(1+c)\Sigma\succeq cv_0I` does not hold.
        """
        check_liftable(theta)
        xp, p = namespace(theta), order(theta.shape[-1])
        least = xp.linalg.eigvalsh(unpack(theta))[..., 0]
        if not bool(xp.all(least > 0)):
            raise ValueError(f"Expected a positive definite {self.parameter} in theta; no statistic maps to others.")
        cov = _inverse(theta) if self.parameter == "precision" else theta
        s = (1.0 + self.c) * cov - as_like(pack(self.c * self.scale * np.eye(p)), theta)
        values = xp.linalg.eigvalsh(unpack(s))
        if not bool(xp.all(values[..., 0] >= -1e-9 * (self.c * self.scale + values[..., -1]))):
            low = self.c * self.scale / (1.0 + self.c)
            raise ValueError(f"Expected a covariance of at least {low:g} in every direction; no statistic maps to others.")
        return s

    def project(self, stat: Array) -> Array:
        """`stat` with its negative eigenvalues set to 0, shape (..., d); Euclidean, the packing being isometric."""
        return project_psd(stat)

    def majorizer(self, data: Samples, theta: Array, at: Array) -> Array:
        """f_i(theta) itself, shape (...): nothing is hidden."""
        return self.value(data, theta) + 0.0 * at[..., 0]

    def facts(self, federation: Federation) -> Facts:
        r"""The optimum is at T of the pooled statistic; :math:`h_i(s)=S_i-s`; :math:`\sigma_i^2=\overline{|z|^4}-\|S_i\|^2`."""
        ready = self.settle(federation, ())
        pooled = pack(mean_gram(federation))
        log_det = ready._precision(ready.minimize(pooled))[1]
        p = order(pooled.shape[-1])
        best = 0.5 * ((1.0 + self.c) * (p - float(log_det)) + p * LOG_2PI)
        floor = self.c * self.scale
        convex = self.parameter == "precision"
        return Facts(
            strong_convexity=0.0 if convex else None,
            v_max=0.5 * (1.0 + self.c) / floor**2 if floor > 0 else None,
            field_lipschitz=(1.0,) * len(federation),
            oracle_variance=tuple(_variance(to_numpy(data.X)) for data in federation),
            unconstrained=False,
            optimum=best,
            lower_bound=best,
            notes={
                "v_max": "exact: B(s) = (1 + c)/2 times the square of (s + c v0 I)^-1" if floor > 0 else "none: c = 0",
                "v_min": "none: B(s) goes to 0 as s grows",
                "composite_smoothness": "unknown: not worked out on the cone S",
                "field_lipschitz": "exact: h_i(s) = S_i - s",
                "oracle_variance": "exact: the mean fourth power of |z| less the square of S_i",
                "unconstrained": "exact: S is the positive semidefinite cone",
                "optimum": "exact: at T of the pooled statistic",
                "lower_bound": "exact: the optimum",
                "smoothness": "none: the gradient is unbounded at singular matrices",
                "strong_convexity": "exact: f is convex in P, and flat far out" if convex else "none: not convex in Sigma",
                "hessian_lipschitz": "none: derivatives are unbounded at singular matrices",
            },
        )

    def _precision(self, theta: Array) -> tuple[Array, Array]:
        """P, packed, and log det P."""
        xp = namespace(theta)
        try:
            L = xp.linalg.cholesky(unpack(theta))
        except (np.linalg.LinAlgError, RuntimeError) as error:
            raise np.linalg.LinAlgError(f"gaussian-precision: the {self.parameter} is not positive definite.") from error
        log_det = 2.0 * xp.sum(xp.log(xp.linalg.diagonal(L)), axis=-1)
        return (theta, log_det) if self.parameter == "precision" else (_inverse(theta), -log_det)


def _inverse(a: Array) -> Array:
    """The inverse of a packed matrix, packed, and exactly symmetric."""
    xp = namespace(a)
    A = xp.linalg.inv(unpack(a))
    return pack(0.5 * (A + xp.linalg.matrix_transpose(A)))


def _variance(X: np.ndarray) -> float:
    X = X.astype(np.float64, copy=False)
    S = X.T @ X / len(X)
    return float(np.mean((X * X).sum(axis=1) ** 2) - (S * S).sum())
