r"""Random and extreme quadratic federations, many at once, as plain arrays.

A batch has B federations, each of m explicit clients in dimension d: a class of many clients is a few distinct ones, repeated.

| name here | what |
|---|---|
| split | how often each explicit client occurs, per class |
| fractions (B, m, d) | curvatures between mu (0) and L (1), along each axis |
| axes (B, m, d, d) | each client's own basis; the identity in the first half |
| globals (B, d), per client (B, m, d) | unit directions of free vectors |

The first quarter of every batch is extreme: one-dimensional, curvatures mu or L, shifts up and down along the same line (the
two-client federation (mu, L, +-zeta) among them), points on that line. Draws are cached: they depend on sizes and seed only.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

__all__ = ["EXPLICIT", "axes", "fractions", "globals_", "orthogonal", "per_client", "scales", "split"]

EXPLICIT = 6
"""Distinct clients per class, at most."""


def split(n: int) -> list[int]:
    """n clients as at most `EXPLICIT` distinct ones: how often each occurs."""
    m = min(n, EXPLICIT)
    return [n // m + (k < n % m) for k in range(m)]


@lru_cache(maxsize=64)
def fractions(m: int, size: int, d: int, seed: int) -> np.ndarray:
    """Curvatures in [0, 1], (size, m, d)."""
    rng = np.random.default_rng([seed, 1, m, size, d])
    u = rng.random((size, m, d))
    u = np.where(rng.random((size, 1, 1)) < 0.5, np.round(u), u)  # half of them only mu and L
    half = (np.arange(m) >= (m + 1) // 2).astype(float)[:, None]
    for b in range(size // 4):
        kind = b % 8
        line: np.ndarray = np.broadcast_to(u[b, :, :1], (m, d))
        if kind < 2:
            line = np.full((m, d), float(kind))
        elif kind < 4:
            line = np.broadcast_to(half if kind == 2 else 1 - half, (m, d))
        elif kind == 4:
            line = np.full((m, d), u[b, 0, 0])
        elif kind == 5:
            line = np.broadcast_to(np.round(rng.random((m, 1))), (m, d))
        u[b] = line
    return _fixed(u)


@lru_cache(maxsize=64)
def axes(m: int, size: int, d: int, seed: int) -> np.ndarray:
    """Orthonormal bases, (size, m, d, d); the identity in the first half."""
    Q = orthogonal(m, size, d, seed, 2).copy()
    Q[: size // 2] = np.eye(d)
    return _fixed(Q)


@lru_cache(maxsize=256)
def orthogonal(m: int, size: int, d: int, seed: int, k: int) -> np.ndarray:
    """Orthogonal matrices, (size, m, d, d); plus or minus the identity in the first quarter."""
    rng = np.random.default_rng([seed, 2, m, size, d, k])
    Q, _ = np.linalg.qr(rng.normal(size=(size, m, d, d)))
    quarter = size // 4
    Q[:quarter] = np.eye(d) * np.sign(rng.random((quarter, 1, 1, 1)) - 0.5)
    return _fixed(Q)


@lru_cache(maxsize=256)
def globals_(size: int, d: int, seed: int, k: int) -> np.ndarray:
    """Unit vectors, (size, d), for the k-th free vector; the first quarter is plus or minus the first axis."""
    rng = np.random.default_rng([seed, 3, size, d, k])
    x = rng.normal(size=(size, d))
    quarter = size // 4
    x[:quarter] = np.eye(d)[0] * rng.choice([-1.0, 1.0], size=(quarter, 1))
    return _fixed(x / np.linalg.norm(x, axis=1, keepdims=True))


@lru_cache(maxsize=256)
def per_client(m: int, size: int, d: int, seed: int, k: int) -> np.ndarray:
    """Directions of m clients, (size, m, d); in the first quarter up and down along the first axis."""
    rng = np.random.default_rng([seed, 4, m, size, d, k])
    v = rng.normal(size=(size, m, d))
    quarter = size // 4
    sides = np.where(np.arange(m) < (m + 1) // 2, 1.0, -1.0)
    signs = rng.choice([-1.0, 1.0], size=(quarter, 1))
    line = np.where((np.arange(quarter) // 8 % 2 == 0)[:, None], signs * sides, v[:quarter, :, 0])
    v[:quarter] = line[:, :, None] * np.eye(d)[0]
    return _fixed(v)


@lru_cache(maxsize=256)
def scales(size: int, seed: int, k: int) -> np.ndarray:
    """First sizes of the k-th free vector, (size,): from 0.03 to 30; 0 now and then in the first quarter."""
    rng = np.random.default_rng([seed, 5, size, k])
    s = 10.0 ** rng.uniform(-1.5, 1.5, size)
    quarter = size // 4
    s[:quarter][rng.random(quarter) < 0.125] = 0.0
    return _fixed(s)


def _fixed(x: np.ndarray) -> np.ndarray:
    x.flags.writeable = False
    return x
