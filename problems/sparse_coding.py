r"""Sparse codes of given samples in a given dictionary, by accelerated proximal gradient (FISTA).

    min_h  1/2 |z - D h|^2 + l1 |h|_1 + (l2 / 2) |h|^2                 for every sample z, a row of Z

    G = D'D + l2 I,   L = lambda_max(G),   q = lambda_min(G) / L,   t = 1,   y = h
    repeat:   h+ = soft(y - (G y - D'z) / L, l1 / L)
              t+ = (1 - q t^2 + sqrt((1 - q t^2)^2 + 4 t^2)) / 2
              y  = h+ + beta (h+ - h),   beta = (t - 1)/t+ * (1 - t+ q)/(1 - q)

soft(u, a) moves u towards 0 by a, or, for non-negative codes, is max(u - a, 0).
The Gram matrix and Z D are formed once, so that an iteration costs one product with a K x K matrix whatever p is. The
number of iterations is fixed: every sample takes the same path alone, in a client, or in a block of clients. The error
falls like min(4 / k^2, (1 - sqrt(q))^k); the l2 term keeps q > 0 also where K > p.

| argument | symbol |
|---|---|
| Z | the samples, one a row, (..., n, p) |
| D | the dictionary, one atom a column, (..., p, K) |
| H | the codes, one a row, (..., n, K) |
| l1, l2 | lambda_1, lambda_2 |

Source: A. Beck and M. Teboulle, "A fast iterative shrinkage-thresholding algorithm for linear inverse problems", SIAM
J. Imaging Sciences 2, 2009; beta for strongly convex objectives: A. Chambolle and T. Pock, "An introduction to
continuous optimization for imaging", Acta Numerica 25, 2016.
"""

from __future__ import annotations

import numpy as np

from fedmm.arrays import Array, as_like, data_matmul, is_sparse, namespace, norm2, to_numpy

__all__ = ["encode", "objective"]

SMALLEST = 1e-12
"""Least curvature used for the step: where D = 0 and l2 = 0 every step is short enough."""

BLOCK = 8192
"""Numbers in the codes of the samples that are iterated together on a CPU: what an iteration touches then stays in cache."""


def encode(
    Z: Array, D: Array, l1: float, l2: float, iterations: int, start: Array | None = None, nonnegative: bool = False
) -> Array:
    """The codes of the rows of `Z`, shape (..., n, K), where the leading axes of `Z` and `D` broadcast.

    Parameters
    ----------
    Z : array (..., n, p) or CSR (n, p)
        Samples.
    D : array (..., p, K)
        Dictionary.
    l1, l2 : float
        Weights of the penalties, >= 0.
    iterations : int
        How many; the result is as exact as they make it.
    start : array (..., n, K) or None
        Codes to begin from; None for zeros.
    nonnegative : bool
        Whether h >= 0 is asked: soft is then max(0, . - l1/L).
    """
    xp = namespace(D)
    G = xp.linalg.matrix_transpose(D) @ D + as_like(l2 * np.eye(D.shape[-1]), D)
    spectrum = np.asarray(to_numpy(xp.linalg.eigvalsh(G)), dtype=float)
    L = np.maximum(spectrum[..., -1], SMALLEST)
    step = as_like(1.0 / L[..., None, None], D)
    soft = l1 * step
    shrink = as_like(np.eye(D.shape[-1]), D) - step * G  # a gradient step is  y shrink + pull
    pull = data_matmul(Z, D) * step
    H = xp.zeros_like(pull) if start is None else xp.broadcast_to(start, pull.shape)
    betas = _momentum(np.clip(spectrum[..., 0], l2, L) / L, iterations, D)
    if type(pull) is not np.ndarray or pull.size <= BLOCK:
        return _fista(H, shrink, pull, soft, betas, nonnegative)
    rows = max(1, BLOCK * pull.shape[-2] // pull.size)
    parts = [slice(k, k + rows) for k in range(0, pull.shape[-2], rows)]
    codes = (_fista(H[..., k, :], shrink, pull[..., k, :], soft, betas, nonnegative) for k in parts)
    return np.concatenate(list(codes), axis=-2)


def objective(Z: Array, D: Array, H: Array, l1: float, l2: float) -> Array:
    r""":math:`\frac12\|z-Dh\|^2+\lambda_1\|h\|_1+\frac{\lambda_2}2\|h\|^2` of every row, shape (..., n).

    Parameters
    ----------
    Z, D, H : array (..., n, p), (..., p, K), (..., n, K)
        Samples (also CSR), dictionary, codes.
    l1, l2 : float
        Weights of the penalties.
    """
    xp = namespace(H)
    if is_sparse(Z):  # |z - Dh|^2 = |z|^2 + <D'Dh - 2 D'z, h>, so that no n x p matrix is formed
        G = xp.linalg.matrix_transpose(D) @ D
        fit = np.asarray(Z.multiply(Z).sum(axis=1)).ravel() + xp.sum((H @ G - 2.0 * data_matmul(Z, D)) * H, axis=-1)
        fit = 0.5 * xp.maximum(fit, xp.zeros_like(fit))
    else:
        fit = 0.5 * norm2(Z - H @ xp.linalg.matrix_transpose(D))
    return fit + l1 * xp.sum(xp.abs(H), axis=-1) + (0.5 * l2) * norm2(H)


def _fista(H: Array, shrink: Array, pull: Array, soft: Array, betas: list[Array], nonnegative: bool) -> Array:
    """The iteration of the module's docstring, from the codes `H`."""
    xp, Y = namespace(pull), H
    for beta in betas:
        V = Y @ shrink
        V += pull
        H, last = (xp.maximum(V - soft, 0.0) if nonnegative else V - xp.maximum(xp.minimum(V, soft), -soft)), H
        Y = H - last
        Y *= beta
        Y += H
    return H


def _momentum(q: np.ndarray, iterations: int, like: Array) -> list[Array]:
    """beta of every iteration, each of shape (..., 1, 1), for inverse condition numbers q (...)."""
    t, betas = np.ones_like(q), np.empty((iterations, *q.shape))
    for k in range(iterations):
        a = 1.0 - q * t * t
        after = 0.5 * (a + np.sqrt(a * a + 4.0 * t * t))
        betas[k] = (t - 1.0) / after * (1.0 - after * q) / np.maximum(1.0 - q, SMALLEST)  # q = 1: t stays 1, beta 0
        t = after
    stacked = as_like(betas[..., None, None], like)
    return [stacked[k, ...] for k in range(iterations)]
