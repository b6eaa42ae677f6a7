r"""Non-negative codes of given samples under the Kullback-Leibler divergence, by either of two iterations.

    min_{h >= 0}  F(h) = sum_j { z_j log(z_j / r_j) - z_j + r_j } + l1 sum_k h_k,     r = W h,    c_k = sum_j w_jk + l1

multiplicative (Lee and Seung): all coordinates at once, by MM

    h_k <- h_k q_k / c_k,      q_k = sum_j z_j w_jk / r_j

coordinate: one coordinate after another, with Q_k = sum_j z_j w_jk^2 / r_j^2 beside q_k,

    h_k <- h_k + (q_k / c_k) (q_k - c_k) / Q_k         where q_k > c_k (the minimiser along k is to the right)
    h_k <- h_k  h_k Q_k / (c_k - q_k + h_k Q_k)        elsewhere

Along a coordinate F' = c - q. The first line is Newton's step for 1/q(h) = 1/c, the second for h q(h) = c h; 1/q and h q - c h
are concave in h, so neither step passes the minimiser: F falls in each, and the convergence along a coordinate is quadratic.
A sweep costs about as much as 15 multiplicative steps, and is worth it beyond moderate accuracy. The number of iterations
is fixed: every sample takes the same path alone, in a client, or in a block of clients.

| argument | symbol |
|---|---|
| Z | the samples, one a row, (..., n, p) |
| W | the atoms, one a column, (..., p, K) |
| H | the codes, one a row, (..., n, K) |
| l1 | lambda |

Source: D. Lee and H. Seung, "Algorithms for non-negative matrix factorization", NIPS 2000. Newton's method along
coordinates for this divergence: C.-J. Hsieh and I. Dhillon, KDD 2011; the two safe forms of the step are derived here.
"""

from __future__ import annotations

from fedmm.arrays import Array, namespace

__all__ = ["divergence", "encode_coordinate", "encode_multiplicative", "ratios"]

LEAST = 1e-30
"""What r_j is kept above: a division by it stays in the range of float32."""

AWAKE = 1e-12
"""Codes to begin multiplicative steps from are kept above this: zero could not leave zero."""


def encode_multiplicative(Z: Array, W: Array, l1: float, iterations: int, start: Array) -> Array:
    """The codes of the rows of `Z` after so many multiplicative steps from `start`, shape (..., n, K).

    Parameters
    ----------
    Z : array (..., n, p)
        Samples >= 0.
    W : array (..., p, K)
        Atoms >= 0.
    l1 : float
        Weight of the penalty, >= 0.
    iterations : int
        How many.
    start : array (..., n, K)
        Codes to begin from.
    """
    xp = namespace(Z)
    shrink = 1.0 / xp.maximum(_weights(W, l1), LEAST)
    H = xp.maximum(start, AWAKE)
    for _ in range(iterations):
        H = H * (ratios(Z, W, H) @ W) * shrink
    return H


def encode_coordinate(Z: Array, W: Array, l1: float, iterations: int, start: Array) -> Array:
    """The codes of the rows of `Z` after so many sweeps over the coordinates from `start`, shape (..., n, K).

    Parameters
    ----------
    Z, W, l1, iterations, start
        As in `encode_multiplicative`.
    """
    xp, K = namespace(Z), W.shape[-1]
    c = _weights(W, l1)
    H = start + xp.zeros_like((Z @ W)[..., :1])  # the leading axes of all three
    atoms, weights = [W[..., None, :, k] for k in range(K)], [c[..., k] for k in range(K)]
    for _ in range(iterations):
        R = H @ xp.linalg.matrix_transpose(W)  # anew in every sweep: updates leave rounding behind
        codes = [H[..., k] for k in range(K)]
        for k in range(K):
            w, h = atoms[k], codes[k]
            X = w / xp.maximum(R, LEAST)
            ZX = Z * X
            q, Q = xp.sum(ZX, axis=-1), xp.sum(ZX * X, axis=-1)
            right, excess = q > weights[k], q - weights[k]
            rise = q * excess / xp.maximum(weights[k] * Q, LEAST)
            keep = h * Q / xp.maximum(h * Q - excess, LEAST)
            codes[k] = xp.where(right, h + rise, h * keep)
            R = R + (codes[k] - h)[..., None] * w
        H = xp.stack(codes, axis=-1)
    return H


def ratios(Z: Array, W: Array, H: Array) -> Array:
    """z_j / (W h)_j for every sample, shape (..., n, p)."""
    xp = namespace(Z)
    return Z / xp.maximum(H @ xp.linalg.matrix_transpose(W), LEAST)


def divergence(Z: Array, W: Array, H: Array, l1: float) -> Array:
    """F of every row, shape (..., n), with 0 log 0 = 0.

    Parameters
    ----------
    Z, W, H : array (..., n, p), (..., p, K), (..., n, K)
        Samples, atoms, codes.
    l1 : float
        Weight of the penalty.
    """
    xp = namespace(H)
    R = H @ xp.linalg.matrix_transpose(W)
    ones = xp.ones_like(R)
    logs = xp.log(xp.where(Z > 0, Z, ones)) - xp.log(xp.where(Z > 0, xp.maximum(R, LEAST), ones))
    return xp.sum(Z * logs - Z + R, axis=-1) + l1 * xp.sum(H, axis=-1)


def _weights(W: Array, l1: float) -> Array:
    """c, shape (..., 1, K)."""
    return namespace(W).sum(W, axis=-2, keepdims=True) + l1
