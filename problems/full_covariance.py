r"""Full covariances of Gaussian components, by Cholesky factors; formulas and shapes as in `problems.covariances`.

A component's statistic is the packed matrix :math:`\sum_jr_j\tilde z_j\tilde z_j^\top`, :math:`\tilde z=(1,z)`. It lies in the
cone of positive semidefinite matrices, and the packing is an isometry, so clipping eigenvalues is the Euclidean projection.

| name | symbol |
|---|---|
| L | the lower Cholesky factor of Sigma_k |
| C | L^{-1} |
"""

from __future__ import annotations

import numpy as np

from fedmm.arrays import Array, as_like, namespace, norm2
from fedmm.symmetric import pack, packed_size, project_psd, unpack
from problems.covariances import FLOOR, LOG_2PI, ROOT2, Covariance, Prior, means_of
from problems.gram import weighted_gram
from problems.mixtures import first_moments

__all__ = ["Full"]


class Full(Covariance):
    """Sigma any positive definite matrix; see `problems.covariances.Covariance`."""

    def free(self, p: int) -> int:
        return packed_size(p)

    def features(self, size: int) -> int:
        return (int((8 * size + 1) ** 0.5) - 3) // 2

    def of_variance(self, p: int, variance: float) -> list[float]:
        return pack(variance * np.eye(p)).tolist()

    def log_density(self, X: Array, m: Array, cov: Array) -> Array:
        xp = namespace(X)
        C, log_det = _whitening(cov)
        Ct = xp.matrix_transpose(C)
        center = (m[..., None, :] @ Ct)[..., 0, :]
        squares = []
        for k in range(m.shape[-2]):  # a component at a time: (n, p) at once, not (n, K, p)
            squares.append(norm2(X @ Ct[..., k, :, :] - center[..., None, k, :]))
        return -0.5 * (xp.stack(squares, axis=-1) + (log_det + X.shape[-1] * LOG_2PI)[..., None, :])

    def moments(self, X: Array, r: Array) -> Array:
        xp = namespace(X)
        s1, s2 = first_moments(X, r)
        s3 = xp.stack([pack(weighted_gram(X, r[..., k])) for k in range(r.shape[-1])], axis=-2)
        return xp.concat([s1[..., None], ROOT2 * s2, s3], axis=-1)

    def fit(self, stat: Array, prior: Prior) -> tuple[Array, Array]:
        s1, w, s3 = _parts(stat)
        m = means_of(s1, w / ROOT2, prior.b)
        second = s3 + _identity(m, prior.c * prior.scale)
        A = second - pack(_outer(m)) * (s1 + prior.b)[..., None]
        xp = namespace(A)
        least, most = xp.linalg.eigvalsh(unpack(A))[..., 0], xp.linalg.eigvalsh(unpack(second))[..., -1]
        if not bool(xp.all(least > 8.0 * m.shape[-1] * float(xp.finfo(A.dtype).eps) * most)):
            raise np.linalg.LinAlgError(
                "gaussian-mixture: a component's covariance is singular (its samples lie in a subspace, or there are none), "
                "so T(s) does not exist; raise c, or take fewer components or another covariance."
            )
        return m, A / (s1 + prior.c)[..., None]

    def unfit(self, s1: Array, m: Array, cov: Array, prior: Prior) -> Array:
        wide = s1[..., None]
        s3 = (wide + prior.c) * cov - _identity(m, prior.c * prior.scale) + (wide + prior.b) * pack(_outer(m))
        return namespace(m).concat([wide, ROOT2 * (wide + prior.b) * m, s3], axis=-1)

    def demand(self, m: Array, cov: Array, prior: Prior) -> Array:
        xp = namespace(m)
        C, _ = _whitening(cov)
        precise = 1.0 / xp.linalg.eigvalsh(unpack(cov))[..., 0]
        need = prior.c * (prior.scale * precise - 1.0) + 2.0 * prior.b * norm2((C @ m[..., None])[..., 0])
        return xp.clip(need, prior.b, None)

    def penalty(self, m: Array, cov: Array, prior: Prior) -> Array:
        xp = namespace(m)
        safe = xp.where(self.inside(cov)[..., None, None], cov, _identity(m, 1.0))
        C, log_det = _whitening(safe)
        trace = xp.sum(norm2(C), axis=-1)
        each = prior.b * norm2((C @ m[..., None])[..., 0]) + prior.c * (log_det + prior.scale * trace)
        return 0.5 * xp.sum(each, axis=-1)

    def project(self, stat: Array) -> Array:
        return project_psd(stat)

    def inside(self, cov: Array) -> Array:
        xp = namespace(cov)
        return xp.all(xp.linalg.eigvalsh(unpack(cov))[..., 0] > 0, axis=-1)

    def restrict(self, cov: Array) -> Array:
        xp = namespace(cov)
        low = xp.linalg.eigvalsh(unpack(cov))[..., :1] < FLOOR
        return xp.where(low, project_psd(cov, FLOOR), cov)


def _whitening(cov: Array) -> tuple[Array, Array]:
    """C = L^{-1} (..., K, p, p) and log det Sigma (..., K).

    Raises
    ------
    numpy.linalg.LinAlgError
        If some Sigma_k is not positive definite.
    """
    xp = namespace(cov)
    try:
        L = xp.linalg.cholesky(unpack(cov))
    except (np.linalg.LinAlgError, RuntimeError) as error:
        raise np.linalg.LinAlgError(
            "gaussian-mixture: a component's covariance is not positive definite; start inside, or set c > 0."
        ) from error
    diagonal = xp.linalg.diagonal(L)
    return xp.linalg.inv(L), 2.0 * xp.sum(xp.log(diagonal), axis=-1)


def _outer(m: Array) -> Array:
    return m[..., :, None] * m[..., None, :]


def _identity(m: Array, times: float) -> Array:
    """times x I, packed."""
    return as_like(pack(times * np.eye(m.shape[-1])), m)


def _parts(stat: Array) -> tuple[Array, Array, Array]:
    """s1 (..., K), sqrt(2) s2 (..., K, p), s3 (..., K, p(p+1)/2): 1 + p + p(p+1)/2 = (p+1)(p+2)/2 coordinates."""
    p = Full().features(stat.shape[-1])
    return stat[..., 0], stat[..., 1 : 1 + p], stat[..., 1 + p :]
