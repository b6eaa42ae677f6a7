r"""Boehning's surrogate of the multinomial logistic loss, with the curvature :math:`G_i\otimes C` kept as its two factors.

With C = I - 11'/K, the Hessian of the loss is at most G_i (x) C, G_i = X_i' X_i / (2 n_i), for every Theta (d x K), so that

    loss(Theta) <= loss(Tau) + <grad loss(Tau), M> + 1/2 <M, G_i M C>,                             M = Theta - Tau,
    S_i(Tau) = (s1, s2) = (G_i Tau C - grad loss(Tau), G_i),   phi = (Theta, -Theta C Theta' / 2),   psi = (ridge/2) |Theta|^2.

The statistic has d K + d(d+1)/2 numbers, not the (d K)^2/2 of a general curvature. Adding one number to all classes of a feature
(the directions v 1') changes neither the loss nor this curvature, and rows of s1 sum to 0: "centred". Three cases of T(s):

| g | T(s) | S |
|---|---|---|
| zero or (b/2)|theta|^2, r = ridge + b > 0 | (s2 + r I)^{-1} s1 C + s1 (I - C) / r | centred s1, PSD s2 |
| zero, r = 0 | s2^{-1} s1 C, the minimiser of least norm; s2 of full rank | centred s1, PSD s2 |
| any other, ridge + mu_g > 0 | by `problems.inner`, from `start`, to a tolerance | any s1, PSD s2 |

With another g and ridge + mu_g = 0, T(s) need not be unique along v 1', and the problem refuses.

| argument | symbol |
|---|---|
| theta | Theta, row by row (a feature's K classes together), (..., d K) |
| classes | K |
| stat | (s1, s2), s1 row by row, s2 packed (`fedmm.symmetric`) |

Source: D. Boehning, "Multinomial logistic regression algorithm", Annals of the Institute of Statistical Mathematics 44, 1992.
"""

from __future__ import annotations

import numpy as np

from fedmm.arrays import Array, all_finite, as_like, cholesky_solve, data_matmul, data_tmatmul, namespace, to_numpy
from fedmm.errors import DataError
from fedmm.penalty import Penalty
from fedmm.symmetric import pack, packed_size, project_psd, unpack
from problems.gram import gram
from problems.inner import by_row, minimize_quadratic

__all__ = ["bend", "centred", "gap", "lift", "minimize", "nil", "project", "statistic"]

TINY = 1e-300
"""Stands for the largest eigenvalue of s2 = 0."""

ROUNDING = 1024
"""Machine epsilons, relative to the largest entry, by which the rows of a centred theta may miss the sum 0."""


def centred(A: Array) -> Array:
    """A C: the rows of `A` (..., d, K) less their means."""
    return A - namespace(A).mean(A, axis=-1, keepdims=True)


def bend(X: Array) -> Array:
    """G_i, packed, shape (..., d(d+1)/2)."""
    return 0.5 * pack(gram(X))


def statistic(X: Array, theta: Array, residual: Array, known: Array | None = None) -> Array:
    """(s1, s2), shape (..., q).

    Parameters
    ----------
    X : array (..., n, d) or CSR (n, d)
        Samples.
    theta : array (..., d, K)
        Tau, as a matrix.
    residual : array (..., n, K)
        Probabilities less one-hot labels.
    known : array (..., d(d+1)/2) or None
        `bend` of these samples, where it is at hand.
    """
    pull = 0.5 * centred(data_matmul(X, theta)) - residual
    s1 = _flat(data_tmatmul(X, pull * (1.0 / X.shape[-2])))
    s2 = (bend(X) if known is None else known) + 0.0 * s1[..., :1]  # the zeros lend each other the leading axis
    return namespace(s1).concat([s1 + 0.0 * s2[..., :1], s2], axis=-1)


def gap(X: Array, move: Array, residual: Array) -> Array:
    """The surrogate of the loss at Tau + M less the loss at Tau, shape (...): `move` is M (..., d, K)."""
    Z = data_matmul(X, move)
    xp = namespace(Z)
    return xp.mean(xp.sum((residual + 0.25 * centred(Z)) * Z, axis=-1), axis=-1)


def minimize(stat: Array, classes: int, ridge: float, g: Penalty, start: Array | None, tolerance: float) -> Array:
    """T(s), shape (..., d K).

    Raises
    ------
    numpy.linalg.LinAlgError
        If the ridge is 0 and s2 is singular.
    """
    s1, s2 = _split(stat, classes)
    xp = namespace(stat)
    if stat.ndim > 1 and (g.shrinkage(1.0) is None or not all_finite(stat)):

        def alone(s: Array, first: Array | None) -> Array:
            return minimize(s, classes, ridge, g, first, tolerance)

        return by_row(alone, stat, start)
    if not all_finite(stat):
        return _flat(s1) * float("nan")  # the run says that it diverged
    G, d = unpack(s2), s1.shape[-2]
    if g.shrinkage(1.0) is not None:  # g is zero or a ridge
        r = ridge + g.strong_convexity
        P = G + as_like(r * np.eye(d), stat)
        inside = centred(s1)
        P = P if P.ndim == 2 else P[..., None, :, :]
        solved = cholesky_solve(P, xp.matrix_transpose(inside), "multinomial: s2 + ridge I of the surrogate boehning")
        theta = xp.matrix_transpose(solved)
        return _flat(theta + (s1 - inside) / r if r > 0 else theta)

    def product(theta: Array) -> Array:
        A = xp.reshape(theta, s1.shape)
        return _flat(centred(G @ A)) + ridge * theta

    if ridge + g.strong_convexity <= 0:
        raise np.linalg.LinAlgError(f"multinomial: with {g} and no ridge T(s) need not be unique; add a ridge.")
    spectrum = np.asarray(to_numpy(xp.linalg.eigvalsh(G)), dtype=float)
    largest = max(float(spectrum.max()), TINY) + ridge  # G x C has the eigenvalues of G, and 0
    return minimize_quadratic(product, ridge, largest, _flat(s1), g, start, tolerance)


def lift(theta: Array, classes: int, ridge: float, g: Penalty) -> Array:
    r""":math:`(\frac12\Theta C+\lambda\Theta+\partial g(\Theta),\frac12I)`: G for white features; shape (..., q).

    Raises
    ------
    ValueError
        If theta is outside the domain of g, or not centred where T(s) always is.
    """
    xp = namespace(theta)
    A = xp.reshape(theta, (*theta.shape[:-1], theta.shape[-1] // classes, classes))
    C = centred(A)
    if g.shrinkage(1.0) is not None:
        allowed = ROUNDING * float(xp.finfo(theta.dtype).eps) * float(xp.max(xp.abs(theta)))
        if float(xp.max(xp.abs(A - C))) > allowed:
            raise DataError(
                "multinomial with surrogate 'boehning' moves among centred theta, whose classes sum to 0 for every feature; "
                "subtract the mean over the classes, which changes no probability."
            )
        A = C
    subgradient = xp.reshape(g.lift(theta, 1.0) - theta, A.shape)
    s2 = pack(as_like(0.5 * np.eye(A.shape[-2]), theta)) + 0.0 * theta[..., :1]
    return xp.concat([_flat(0.5 * C + ridge * A + subgradient), s2], axis=-1)


def nil(theta: Array, classes: int) -> Array:
    """The zero statistic, shape (..., q)."""
    zero = namespace(theta).zeros_like(theta)
    return namespace(theta).concat(
        [zero, zero[..., :1] + as_like(np.zeros(packed_size(theta.shape[-1] // classes)), theta)], axis=-1
    )


def project(stat: Array, classes: int, g: Penalty) -> Array:
    """(s1, centred unless g has kinks, s2 with its negative eigenvalues set to 0)."""
    s1, s2 = _split(stat, classes)
    s1 = s1 if g.shrinkage(1.0) is None else centred(s1)
    return namespace(stat).concat([_flat(s1), project_psd(s2)], axis=-1)


def _split(stat: Array, classes: int) -> tuple[Array, Array]:
    """s1 (..., d, K) and packed s2 of a statistic of length q = d K + d(d+1)/2.

    Raises
    ------
    ValueError
        If the length is not of that form.
    """
    q, b = stat.shape[-1], 2 * classes + 1
    d = (int((b * b + 8 * q) ** 0.5) - b) // 2
    if d * classes + packed_size(d) != q or d < 1:
        raise ValueError(f"Expected a statistic (s1, packed s2) of length d K + d(d+1)/2 with K = {classes}, got length {q}.")
    s1 = namespace(stat).reshape(stat[..., : d * classes], (*stat.shape[:-1], d, classes))
    return s1, stat[..., d * classes :]


def _flat(A: Array) -> Array:
    return namespace(A).reshape(A, (*A.shape[:-2], A.shape[-2] * A.shape[-1]))
