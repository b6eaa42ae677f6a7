r"""Mini-batches: which samples an address names, and those samples.

A batch is drawn without replacement, every subset of `size` samples being equally likely, so that a mean over the batch
is unbiased for the mean over the client, with variance at most that of one sample divided by `size`. So it is with each
piece of a shuffled pass; pieces of one pass are disjoint, hence not independent.

| argument | meaning |
|---|---|
| batch | `fedmm.types.Batch`: how many samples of each client, at which address |
| n | the number of samples of the client (of each client of a block) |
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from fedmm.arrays import Array, as_like, is_sparse, is_torch, namespace, put_last
from fedmm.federation import Samples
from fedmm.keys import Key, draw
from fedmm.types import Batch

__all__ = ["renewed", "rows", "take"]


def rows(batch: Batch, n: int) -> np.ndarray:
    """The sorted row numbers of the batch, shape (size,), or (c, size) for a block of c keys; all n rows if size >= n.

    The last piece of a pass has n mod size rows where that is not 0.

    Parameters
    ----------
    batch : Batch
        The request.
    n : int
        The number of samples to draw from.

    Raises
    ------
    ValueError
        If a pass has no such piece.
    """
    size, part = min(batch.size, n), batch.part
    if part is not None and not 0 <= part * size < n:
        raise ValueError(f"Expected a piece from 0 to {-(-n // size) - 1} of a pass over {n} samples, got {part}.")

    if part is not None:
        cut = slice(part * size, (part + 1) * size)
        if isinstance(batch.key, Key):
            return np.sort(_shuffled(batch.key, n)[cut])
        return np.stack([np.sort(_shuffled(key, n)[cut]) for key in batch.key])

    def sample(generator: np.random.Generator) -> np.ndarray:
        return np.sort(generator.choice(n, size, replace=False, shuffle=False))  # sorted: read the data forwards

    if size == n:
        full = np.arange(n)
        return full if isinstance(batch.key, Key) else np.tile(full, (len(batch.key), 1))
    return draw(batch.key, sample)


def take(data: Samples, batch: Batch | None) -> Samples:
    """The samples that `batch` asks for; `data` itself for None or for a batch of at least all samples.

    Parameters
    ----------
    data : Samples
        One client, X (n, d) dense or sparse, or a block of clients, X (c, n, d); `y` with one axis less, or None.
    batch : Batch or None
        With a block of c keys the answer is a block, X (c, size, d), also where the data are one client's.

    Raises
    ------
    ValueError
        If one sparse client meets a block of keys: sparse matrices cannot be stacked.
    """
    X, y = data
    if batch is None or batch.size >= X.shape[-2]:
        return data
    index = rows(batch, X.shape[-2])
    if is_sparse(X):
        if index.ndim > 1:
            raise ValueError("Expected one key for sparse data, got a block of keys; loop over the keys.")
        return Samples(X[index], None if y is None else y[index])
    return Samples(_pick(X, index, lead=X.ndim - 2), None if y is None else _pick(y, index, lead=y.ndim - 1))


def renewed(known: Array, H: Array, drawn: np.ndarray) -> Array:
    """`known` (..., n, K) with the rows `drawn` ((b,) or (c, b)) replaced by `H` (..., b, K)."""
    xp, n = namespace(H), known.shape[-2]
    mask = np.zeros((*drawn.shape[:-1], n), dtype=bool)
    np.put_along_axis(mask, drawn, True, -1)
    codes = xp.linalg.matrix_transpose(H)  # samples last, where `put_last` writes
    index = drawn if drawn.ndim == 1 else np.broadcast_to(drawn[:, None, :], codes.shape).copy()
    placed = xp.linalg.matrix_transpose(put_last(codes, as_like(index, H), n))
    return xp.where(as_like(mask, H)[..., None], placed, known)


@lru_cache(maxsize=256)
def _shuffled(key: Key, n: int) -> np.ndarray:
    """The numbers below n in the order of one pass; remembered, for every piece asks again."""
    return key.generator().permutation(n)


def _pick(x: Array, index: np.ndarray, lead: int) -> Array:
    """Rows `index` of `x`, whose sample axis is number `lead` (0 or 1); row by row where both have a leading axis."""
    if type(x) is np.ndarray:
        if lead and index.ndim > 1:
            return x[np.arange(len(index))[:, None], index]
        return x[:, index] if lead else x[index]
    if is_torch(x) and not lead and index.ndim == 1:
        return x.index_select(0, as_like(index, x))
    xp = namespace(x)
    if lead and index.ndim == 1:
        return xp.take(x, as_like(index, x), axis=1)
    if lead:  # the standard takes along one axis only: lay the clients end to end
        index = index + x.shape[1] * np.arange(len(index))[:, None]
        x = xp.reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:]))
    picked = xp.take(x, as_like(index.ravel(), x), axis=0)
    return xp.reshape(picked, (*index.shape, *x.shape[1:]))
