"""Clients' data and weights. Data never travel with a problem or an algorithm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, NamedTuple, Protocol

import numpy as np

from fedmm.arrays import Array, is_sparse, is_torch, leaves, map_leaves, namespace, to_numpy
from fedmm.errors import DataError

__all__ = ["Federation", "Partition", "Samples"]


class Samples(NamedTuple):
    """Rows of features and, for supervised problems, their targets.

    Parameters
    ----------
    X : array (n, d) or sparse matrix (n, d)
        One sample a row.
    y : array (n,) or None
        The targets.
    """

    X: Array
    y: Array | None = None


class Partition(Protocol):
    """A rule that deals samples out to clients."""

    def split(self, samples: Samples, generator: np.random.Generator) -> list[np.ndarray]:
        """The row numbers of each client; every sample exactly once."""
        ...


class Federation:
    """Clients' data by number, and their weights w_i.

    Parameters
    ----------
    clients : sequence
        The data of client i at position i: a `Samples`, an array, or any NamedTuple of arrays. The sequence may be lazy:
        an item is asked for when its client takes part.
    weights : sequence of float, "uniform" or "samples"
        w_i >= 0 with sum 1. "samples" weighs by the number of samples.
    normalize : bool
        Divide given weights by their sum.
    public : mapping of str to array
        What everybody knows, such as the atoms of a transport problem.
    origin : mapping or None
        The recipe that builds this federation again; None for arrays given in memory, which are recorded by digest.
    check : bool
        Look at every client's arrays now (finite, not empty, one width). Turn off for a lazy sequence too long to walk.

    Raises
    ------
    DataError
        For no clients, an empty client, NaN or infinite values, arrays that are not numeric, or bad weights.
    """

    def __init__(
        self,
        clients: Sequence[Any],
        weights: Sequence[float] | str = "uniform",
        *,
        normalize: bool = False,
        public: Mapping[str, Array] | None = None,
        origin: Mapping[str, Any] | None = None,
        check: bool = True,
    ) -> None:
        if len(clients) == 0:
            raise DataError("Expected at least one client, got none; give a non-empty sequence of client data.")
        self._clients = clients if not isinstance(clients, list) else tuple(clients)
        self.public: dict[str, Array] = dict(public or {})
        self.origin = dict(origin) if origin is not None else None
        if check:
            _check_clients(self._clients)
        for name, value in self.public.items():
            _check_array(value, f"public[{name!r}]")
        self.weights = _weights(weights, self._clients, normalize)

    @classmethod
    def from_arrays(
        cls,
        X: Array,
        y: Array | None = None,
        partition: Partition | None = None,
        *,
        weights: Sequence[float] | str = "samples",
        seed: int = 0,
        public: Mapping[str, Array] | None = None,
        origin: Mapping[str, Any] | None = None,
    ) -> Federation:
        """Deal the rows of `X` (and `y`) out to clients.

        The rows are sorted by client once, so that each client's data are a contiguous view. Without a partition there is one
        client.

        Raises
        ------
        DataError
            As the constructor; also if `X` and `y` differ in length.
        """
        X, y = _numeric(X, "X"), None if y is None else _numeric(y, "y")
        if X.ndim != 2:
            raise DataError(f"Expected X with one sample a row, shape (n, d), got shape {tuple(X.shape)}; reshape it.")
        if y is not None and tuple(y.shape) != (X.shape[0],):
            raise DataError(f"Expected y of shape ({X.shape[0]},) to match X, got {tuple(y.shape)}.")
        if X.shape[0] == 0:
            raise DataError("Expected at least one sample in X, got none.")
        _check_array(X, "X")
        if y is not None:
            _check_array(y, "y")
        if partition is None:
            return cls([Samples(X, y)], weights, public=public, origin=origin, check=False)
        split = partition.split(Samples(X, y), np.random.default_rng(seed))
        for i, rows in enumerate(split):
            if len(rows) == 0:
                raise DataError(f"Client {i} of {len(split)} would be empty; use fewer clients or a larger concentration.")
        rows = np.concatenate(split)
        if is_torch(X):
            index = namespace(X).asarray(rows, device=X.device)
            X, y = X[index], None if y is None else y[index]
        else:
            X, y = X[rows], None if y is None else y[rows]
        ends = np.cumsum([len(part) for part in split])
        clients = [
            Samples(X[a:b], None if y is None else y[a:b]) for a, b in zip([0, *ends[:-1]], ends, strict=True)
        ]
        return cls(clients, weights, public=public, origin=origin, check=False)

    def __len__(self) -> int:
        return len(self._clients)

    def __getitem__(self, client: int) -> Any:
        """The data of client number `client`."""
        return self._clients[client]

    def __iter__(self) -> Iterator[Any]:
        return (self._clients[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"Federation({len(self)} clients, {self.origin or 'arrays in memory'})"

    def sizes(self) -> list[int]:
        """The number of samples of each client."""
        return [sample_count(data) for data in self]

    def digest(self) -> str:
        """SHA-256 of all data, weights and public arrays: the identity of a federation given in memory."""
        seen = sha256(np.asarray(self.weights).tobytes())
        for data in self:
            _digest(data, seen)
        for name in sorted(self.public):
            seen.update(name.encode())
            _digest(self.public[name], seen)
        return seen.hexdigest()

    def to(self, convert: Any) -> Federation:
        """The same federation with ``convert(array)`` applied to every array, for example to move it to a GPU."""
        clients = [map_leaves(convert, data) for data in self]
        public = {name: convert(value) for name, value in self.public.items()}
        return Federation(clients, self.weights, public=public, origin=self.origin, check=False)


def sample_count(data: Any) -> int:
    """The number of samples of one client: the length of its first array."""
    return int(next(leaf for _, leaf in leaves(data)).shape[0])


def _digest(data: Any, seen: Any) -> None:
    for path, leaf in leaves(data):
        parts = (leaf.data, leaf.indices, leaf.indptr) if is_sparse(leaf) else (leaf,)
        for part in parts:
            plain = np.ascontiguousarray(to_numpy(part))
            seen.update(f"{path}{plain.dtype.str}{plain.shape}".encode())
            seen.update(plain.tobytes())


def _numeric(x: Any, name: str) -> Array:
    if isinstance(x, (list, tuple)) or type(x).__module__.partition(".")[0] == "pandas":
        x = np.asarray(x)
    if is_sparse(x):
        x = x.tocsr()
        return x if x.dtype.kind == "f" else x.astype(np.float64)
    if isinstance(x, np.ndarray):
        if x.dtype.kind in "biu":
            return x.astype(np.float64)
        if x.dtype.kind != "f":
            raise DataError(f"Expected {name} to hold numbers, got dtype {x.dtype}; convert it to float first.")
        return np.asarray(x)
    return x


def _check_array(x: Array, name: str) -> None:
    values = x.data if is_sparse(x) else x
    if isinstance(values, np.ndarray) and values.dtype.kind not in "fiub":
        raise DataError(f"Expected {name} to hold numbers, got dtype {values.dtype}; convert it to float first.")
    xp = namespace(values)
    finite = xp.isfinite(values)
    if not bool(xp.all(finite)):
        bad = int(np.sum(~to_numpy(finite)))
        raise DataError(f"Expected finite values in {name}, got {bad} NaN or infinite; remove or impute them.")


def _check_clients(clients: Sequence[Any]) -> None:
    widths: set[tuple[int, ...]] = set()
    for i in range(len(clients)):
        data = clients[i]
        found = list(leaves(data))
        if not found:
            raise DataError(f"Client {i} has no data; leave it out of the federation.")
        for path, leaf in found:
            name = f"client {i}{': ' + path if path else ''}"
            if not isinstance(leaf, np.ndarray) and not is_sparse(leaf) and type(leaf).__module__ == "builtins":
                raise DataError(f"Expected arrays for {name}, got {type(leaf).__name__}; convert it with numpy.asarray.")
            if 0 in tuple(leaf.shape):
                raise DataError(f"Expected at least one sample for {name}, got shape {tuple(leaf.shape)}; leave it out.")
            _check_array(leaf, name)
        widths.add(tuple(int(leaf.shape[-1]) for path, leaf in found if path in ("", "X")))
    if len(widths) > 1:
        raise DataError(f"Expected one number of features over all clients, got {sorted(widths)}; pad or select columns.")


def _weights(weights: Sequence[float] | str, clients: Sequence[Any], normalize: bool) -> tuple[float, ...]:
    n = len(clients)
    if isinstance(weights, str):
        if weights == "uniform":
            return (1.0 / n,) * n
        if weights == "samples":
            counts = [sample_count(clients[i]) for i in range(n)]
            return tuple(count / sum(counts) for count in counts)
        raise DataError(f"Expected weights 'uniform', 'samples' or numbers, got {weights!r}.")
    values = np.asarray(weights, dtype=float)
    if values.shape != (n,):
        raise DataError(f"Expected one weight for each of {n} clients, got shape {values.shape}.")
    if not np.isfinite(values).all() or (values < 0).any():
        raise DataError(f"Expected finite weights >= 0, got {values[~(values >= 0) | ~np.isfinite(values)][0]}.")
    total = float(values.sum())
    if normalize and total > 0:
        values = values / total
    elif abs(total - 1.0) > 1e-9:
        raise DataError(
            f"Expected weights summing to 1 over {n} clients, got {total:g}; pass normalize=True or fix the weights."
        )
    return tuple(float(w) for w in values)
