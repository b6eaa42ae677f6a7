r"""Principal component analysis: the subspace of dimension r that loses least of the samples, found by MM.

    f_i(V) = (1/2n_i) sum_j |z_ij - V V' z_ij|^2 = (1/2) tr C_i - (1/2) tr(V' C_i V),      V' V = I,
    C_i = (1/n_i) sum_j z_ij z_ij',      g = 0 on the orthonormal V (p x r), +inf elsewhere

A convex function lies above its tangents, so -tr(V' C_i V)/2 lies below its own: the tangent at tau majorises f_i, touches
it at tau, and is linear in a statistic.

    psi = 0,   phi(V) = V,   S_i(tau) = C_i tau,   S = R^{p x r}
    T(s) = argmax_{V'V = I} <s, V> = A B',   the polar factor of s = A diag(sigma) B' (singular value decomposition)

MM is orthogonal iteration with polar factors: V <- polar(C V), whose subspace converges like
(lambda_{r+1}/lambda_r)^t. T(s) is unique where s has full rank r; elsewhere T picks one of the minimisers. The orthonormal
matrices are not convex, hence `restrict`; S is all of R^{p x r}, so averages of statistics are statistics. The data are
used as they are: subtract a public mean first where the components of centred data are wanted. The columns of V are a basis
of the subspace, not the principal axes themselves; these are V Q, with the eigenvectors Q of V' C V = V' S(V).

f_i is evaluated by its second form also where V is not orthonormal, as differences and the gradient need.

| argument | symbol |
|---|---|
| theta | V, row by row: d = p r |
| components | r |
| stat | s, row by row: q = p r |
| data | z, one a row of `Samples.X` (n, p), dense or sparse |

Source: the polar factor is the solution of P. H. Schonemann, "A generalized solution of the orthogonal Procrustes
problem", Psychometrika 31, 1966; the iteration is that of generalised power methods, M. Journee, Y. Nesterov, P. Richtarik,
R. Sepulchre, JMLR 11, 2010.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fedmm.arguments import check_fields
from fedmm.arrays import Array, as_like, data_matmul, data_tmatmul, is_sparse, namespace, norm2, to_numpy
from fedmm.errors import SpecError
from fedmm.federation import Federation, Samples
from fedmm.keys import Key
from fedmm.problem import Problem
from fedmm.types import Batch, Facts
from problems.batches import take
from problems.checks import check_query, check_unlabelled
from problems.factors import check_matrix, columns, flat

__all__ = ["PCA"]

ROUNDING = 1e3
"""|V'V - I| up to this many units of the dtype's precision counts as orthonormal."""


@dataclass(frozen=True)
class PCA(Problem):
    r""":math:`f_i(V)=\frac1{2n_i}\sum_j\|z_{ij}-VV^\top z_{ij}\|^2` over :math:`V^\top V=I`.

    Data are `Samples` with one z a row of X, dense or CSR; y is ignored.

    Parameters
    ----------
    components : int
        r, the dimension of the subspace.

    Raises
    ------
    SpecError
        If components < 1.
    """

    components: int = 2

    name: ClassVar[str] = "pca"
    demo: ClassVar[Mapping[str, Any]] = {
        "data": "digits",
        "partition": "dirichlet:0.1",
        "clients": 10,
        "method": "fedmm",
        "rounds": 100,
        "participation": "bernoulli:0.5",
        "channel": "mask:0.5",
        "set": {"problem.components": 5, "method.step": 0.25},
    }

    def __post_init__(self) -> None:
        check_fields(self)
        if self.components < 1:
            raise SpecError(f"Expected pca.components >= 1, got {self.components}.")

    @property
    def penalized(self) -> str:
        """The constraint."""
        return "orthonormal columns"

    def settle(self, federation: Federation, oracles: tuple[type, ...]) -> PCA:
        """This problem itself, once the data have been looked at.

        Raises
        ------
        DataError
            If some client's data are not `Samples` with a 2-D X, dense or CSR.
        SpecError
            If there are more components than features.
        """
        check_unlabelled(self.name, federation)
        p = federation[0].X.shape[-1]
        if self.components > p:
            raise SpecError(f"Expected pca.components <= the number of features, {p}, got {self.components}.")
        return self

    def start(self, federation: Federation) -> Array:
        """A random orthonormal matrix, always the same one, shape (p r,)."""
        X = federation[0].X
        V = Key(0, purpose=("pca", "start")).generator().normal(size=(X.shape[-1], self.components))
        return as_like(np.linalg.qr(V)[0].ravel(), X)

    def components_of(self, theta: Array) -> Array:
        """The basis V (..., p, r) in theta (..., p r), one vector a column."""
        return columns(theta, self.components)

    def transform(self, theta: Array, X: Array) -> Array:
        """The coordinates V'z of the rows of `X` (..., n, p), shape (..., n, r)."""
        theta, X = check_query(self.name, theta, X, lambda d, p: d == p * self.components)
        return data_matmul(X, self.components_of(theta))

    def value(self, data: Samples, theta: Array) -> Array:
        r""":math:`\frac12\mathrm{tr}\,C_i-\frac12\mathrm{tr}(V^\top C_iV)`, shape (...)."""
        Y = data_matmul(data.X, self.components_of(theta))
        return (0.5 / data.X.shape[-2]) * (_total(data.X) - namespace(Y).sum(norm2(Y), axis=-1))

    def penalty(self, theta: Array) -> Array:
        """0 where V is orthonormal up to rounding, +inf elsewhere, shape (...)."""
        xp, V = namespace(theta), self.components_of(theta)
        gap = xp.linalg.matrix_transpose(V) @ V - as_like(np.eye(self.components), theta)
        off = xp.max(xp.abs(gap), axis=(-2, -1))
        allowed = ROUNDING * float(xp.finfo(theta.dtype).eps)
        return xp.where(off <= allowed, xp.zeros_like(off), xp.full_like(off, float("inf")))

    def restrict(self, theta: Array) -> Array:
        """The nearest orthonormal matrix, the polar factor, shape (..., p r)."""
        return _polar(self.components_of(theta))

    def gradient(self, data: Samples, theta: Array, batch: Batch | None = None) -> Array:
        r""":math:`-C_iV`, shape (..., p r); of the batch where one is given."""
        return -self.statistic(data, theta, batch)[0]

    def prox(self, theta: Array, step: float) -> Array:
        """The projection onto the orthonormal matrices, shape (..., p r), whatever the step."""
        return self.restrict(theta)

    def statistic(self, data: Samples, theta: Array, batch: Batch | None = None, warm: Any = None) -> tuple[Array, None]:
        r""":math:`C_i\tau`, shape (..., p r), and None; C_i is never formed."""
        X = take(data, batch).X
        Y = data_matmul(X, self.components_of(theta))
        return flat(data_tmatmul(X, Y) * (1.0 / X.shape[-2])), None

    def minimize(self, stat: Array, start: Array | None = None) -> Array:
        """T(s), the polar factor of s, shape (..., p r)."""
        return _polar(self.components_of(stat))

    def lift(self, theta: Array) -> Array:
        """V itself, shape (..., p r): an orthonormal matrix is its own polar factor.

        Raises
        ------
        ValueError
            If theta is not a finite orthonormal matrix of r columns, row by row.
        """
        check_matrix(theta, self.components)
        if bool(namespace(theta).any(self.penalty(theta) > 0)):
            raise ValueError("Expected theta with orthonormal columns, got others; `restrict` gives the nearest.")
        return theta

    def project(self, stat: Array) -> Array:
        """`stat` itself: S is the whole space."""
        return stat

    def majorizer(self, data: Samples, theta: Array, at: Array) -> Array:
        r""":math:`f_i(\tau)-\langle C_i\tau,V-\tau\rangle`, shape (...)."""
        xp = namespace(theta)
        return self.value(data, at) - xp.sum(self.statistic(data, at)[0] * (theta - at), axis=-1)

    def facts(self, federation: Federation) -> Facts:
        r"""L = max lambda_max(C_i), the optimum, and the variance of a sample.

        :math:`W_*=\frac12\sum_{k>r}\lambda_k(\sum_iw_iC_i)`. A sample's statistic z z'V has squared norm
        :math:`\|z\|^2\|V^\top z\|^2`, so its variance is at most the sum of the r largest eigenvalues of the mean of
        :math:`\|z\|^2zz^\top`.
        """
        moments = [_moments(data.X) for data in federation]
        pooled = np.sum([w * C for w, (C, _) in zip(federation.weights, moments, strict=True)], axis=0)
        p, r = pooled.shape[-1], self.components
        turns = "unknown: the polar factor turns at a rate 1/sigma_min(s), unbounded near statistics of deficient rank"
        return Facts(
            smoothness=max(float(np.linalg.eigvalsh(C)[-1]) for C, _ in moments),
            hessian_lipschitz=0.0,
            oracle_variance=tuple(float(np.linalg.eigvalsh(M)[p - r :].sum()) for _, M in moments),
            unconstrained=True,
            optimum=0.5 * float(np.maximum(np.linalg.eigvalsh(pooled)[: p - r], 0.0).sum()),
            lower_bound=0.0,
            notes={
                "smoothness": "exact: max_i lambda_max(C_i)",
                "strong_convexity": "none: f is concave, on a domain that is not convex",
                "hessian_lipschitz": "exact: f is quadratic",
                "v_min": "none: T(c s) = T(s) for c > 0, so B(s) s = 0",
                "v_max": turns,
                "composite_smoothness": turns,
                "field_lipschitz": turns,
                "oracle_variance": "bound: the sum of the r largest eigenvalues of mean |z|^2 z z'",
                "unconstrained": "exact: S = R^(p x r); T(s) is unique where s has full rank",
                "optimum": "exact: half the sum of the p - r least eigenvalues of sum_i w_i C_i",
                "lower_bound": "bound: a mean of squares",
            },
        )


def _total(X: Array) -> Array:
    """The sum of squares of `X` (..., n, p), shape (...)."""
    if is_sparse(X):
        return (X.data * X.data).sum()
    return namespace(X).sum(norm2(X), axis=-1)


def _polar(V: Array) -> Array:
    """The polar factor of `V` (..., p, r), flat."""
    A, _, B = namespace(V).linalg.svd(V, full_matrices=False)
    return flat(A @ B)


def _moments(X: Array) -> tuple[np.ndarray, np.ndarray]:
    """The means of z z' and of |z|^2 z z' over the rows, each (p, p), in float64."""
    Z = X.toarray().astype(float) if is_sparse(X) else to_numpy(X).astype(float)
    return Z.T @ Z / len(Z), (Z * norm2(Z)[:, None]).T @ Z / len(Z)
