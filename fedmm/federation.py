"""Clients' data and weights. Data never travel with a problem or an algorithm."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence, Set, Sized
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import numpy as np

from fedmm.arguments import check_instance, whole
from fedmm.arrays import Array, as_like, is_sparse, leaves, map_leaves, namespace, to_numpy
from fedmm.checks import check_array, check_split, numeric
from fedmm.download import Home
from fedmm.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Federation", "Partition", "Samples", "Source", "digest_of"]


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


class Partition(ABC):
    """A rule that deals samples out to clients. Subclasses are frozen dataclasses of plain values and final."""

    name: ClassVar[str]
    """The name on the command line and in recipes."""

    needs_groups: ClassVar[bool] = False
    """Whether `split` wants to know the group (writer, speaker, user, column) of each sample; only then is it told."""

    @abstractmethod
    def split(self, samples: Samples, generator: np.random.Generator, groups: np.ndarray | None = None) -> list[np.ndarray]:
        """The row numbers of each client; every sample exactly once.

        Parameters
        ----------
        samples : Samples
            The samples, n of them.
        generator : numpy.random.Generator
            The only randomness allowed.
        groups : array (n,) or None
            The group of each sample, numbers or strings. Where `needs_groups` is True it is always given; elsewhere never,
            and the argument may be left out.

        Raises
        ------
        DataError
            If the samples cannot be split so (fewer samples than clients, no labels, ...).
        """


class Source(ABC):
    """A named data set or generator. Subclasses are frozen dataclasses of plain values and final."""

    name: ClassVar[str]
    """The name on the command line and in recipes."""

    @abstractmethod
    def load(self, clients: int | None, seed: int) -> Samples | Federation:
        """The samples, still to be partitioned; or, where clients are part of the generator, a federation of `clients`.

        Raises
        ------
        DataError
            If the data are missing or corrupt.
        """

    def groups(self) -> np.ndarray | None:
        """The group each sample belongs to (its writer, speaker, user, ...), in the order of `load`; None if nobody knows.

        Shape (n,), numbers or strings. Partitions that set `Partition.needs_groups` deal by it.

        Raises
        ------
        DataError
            As `load`.
        """
        return None

    def classes(self) -> Mapping[float, str]:
        """What the values of y mean, where they stand for names; empty where they are numbers.

        Raises
        ------
        DataError
            As `load`.
        """
        return {}

    def public(self) -> dict[str, Array]:
        """What everybody knows beside the samples, such as the atoms of a transport problem: `Federation.public`."""
        return {}

    def pin(self) -> Self:
        """This source with what rebuilding needs filled in: for a file its absolute path and digest."""
        return self

    @classmethod
    def opens(cls, path: Path) -> Self | None:
        """The source that reads the file at `path`, or None if it is not of a format this class reads."""
        return None

    @classmethod
    def files(cls) -> dict[str, Path]:
        """Files this class finds by itself, by the name that opens them."""
        return {}

    @classmethod
    def homes(cls) -> tuple[Home, ...]:
        """Where the data can be fetched from, by ``fedmm data get``; nothing is fetched otherwise."""
        return ()


class Federation:
    """Clients' data by number, and their weights w_i.

    Parameters
    ----------
    clients : sequence
        The data of client i at position i: a `Samples`, an array, or any NamedTuple of arrays. The sequence may be
        lazy: an item is asked for when its client takes part.
    weights : sequence of float, "uniform" or "samples"
        w_i >= 0 with sum 1. "samples" weighs by the number of samples.
    normalize : bool
        Divide given weights by their sum.
    public : mapping of str to array
        What everybody knows, such as the atoms of a transport problem.
    origin : mapping or None
        The recipe that builds this federation again; None for arrays given in memory, which are recorded by digest.
    check : bool
        Look at every client's arrays now (finite, not empty, one width). Turn off for a lazy sequence too long to walk;
        problems then look at its first client only.

    Raises
    ------
    DataError
        For no clients, an empty client, NaN or infinite values, arrays that are not numeric, X and y of unequal length,
        clients of different widths or dtypes, or bad weights.
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
        if isinstance(clients, (str, Mapping, Set)) or not isinstance(clients, Sized):
            raise DataError(f"Expected a sequence with one item a client, got {type(clients).__name__}; give a list.")
        if len(clients) == 0:
            raise DataError("Expected at least one client, got none; give a non-empty sequence of client data.")
        self._clients = tuple(_tidy(data) for data in clients) if isinstance(clients, (list, tuple)) else clients
        for what, given in (("public", public), ("origin", origin)):
            if given is not None and not isinstance(given, Mapping):
                raise DataError(f"Expected {what} as a mapping, got {type(given).__name__}; give a dict.")
        self.public: dict[str, Array] = dict(public or {})
        self.origin = dict(origin) if origin is not None else None
        if check:
            _check_clients(self._clients)
        for name, value in self.public.items():
            check_array(value, f"public[{name!r}]")
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
        groups: Any = None,
        public: Mapping[str, Array] | None = None,
        origin: Mapping[str, Any] | None = None,
    ) -> Federation:
        """Deal the rows of `X` (and `y`) out to clients.

        The rows are sorted by client once, so that each client's data are a contiguous view. Without a partition there
        is one client. `groups` (n,) says which group (writer, speaker, user, ...) each row belongs to, for the
        partitions that deal by it.

        Raises
        ------
        DataError
            As the constructor; also if `X`, `y` and `groups` differ in length, or a partition needs groups and there are none.
        SpecError
            If `partition` is not one, or `seed` is not an integer >= 0.
        """
        if partition is not None:
            check_instance("partition", partition, Partition)
        seed = whole("seed", seed, 0)
        X, y = numeric(X, "X"), None if y is None else numeric(y, "y")
        if is_sparse(y):
            raise DataError("Expected a dense y, got a sparse matrix; use y.toarray().ravel().")
        if X.ndim != 2:
            raise DataError(f"Expected X with one sample a row, shape (n, d), got shape {tuple(X.shape)}; reshape it.")
        if y is not None and tuple(y.shape) != (X.shape[0],):
            raise DataError(f"Expected y of shape ({X.shape[0]},) to match X, got {tuple(y.shape)}.")
        if 0 in tuple(X.shape):
            raise DataError(f"Expected at least one sample and one feature in X, got shape {tuple(X.shape)}.")
        check_array(X, "X")
        if y is not None:
            check_array(y, "y")
        if partition is None:
            return cls([Samples(X, y)], weights, public=public, origin=origin, check=False)
        told = {"groups": _groups(groups, partition, X.shape[0])} if partition.needs_groups else {}
        split = partition.split(Samples(X, y), np.random.default_rng(seed), **told)
        check_split(split, X.shape[0])
        rows = np.concatenate(split)
        X, y = _take_rows(X, rows), None if y is None else _take_rows(y, rows)
        ends = np.cumsum([len(part) for part in split])
        clients = [Samples(X[a:b, :], None if y is None else y[a:b]) for a, b in zip([0, *ends[:-1]], ends, strict=True)]
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

    def looked_at(self) -> Iterator[tuple[int, Any]]:
        """(number, data) of the clients whose data are checked before a run: all; of a lazy sequence the first only."""
        return ((i, self._clients[i]) for i in range(len(self) if isinstance(self._clients, tuple) else 1))

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

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw which labels, and how many samples, each client has.

        Targets that are not whole numbers are put in intervals that hold equally many samples; without targets only the
        sizes are drawn.

        Parameters
        ----------
        ax : matplotlib axes or None
            Where to draw; the sizes take their room from it. None makes a new figure.
        """
        from fedmm.plot_clients import draw_clients

        return draw_clients(self, ax)

    def to(self, convert: Any) -> Federation:
        """The same federation with ``convert(array)`` applied to every array, for example to move it to a GPU."""
        clients = [map_leaves(convert, data) for data in self]
        public = {name: convert(value) for name, value in self.public.items()}
        return Federation(clients, self.weights, public=public, origin=self.origin, check=False)


def sample_count(data: Any, block: bool = False) -> int:
    """The number of samples of one client (of each client of a block): the length of its first array."""
    return int(next(leaf for _, leaf in leaves(data)).shape[1 if block else 0])


def digest_of(data: Any) -> str:
    """SHA-256 of an array or of nested NamedTuples of arrays: values, shapes and dtypes."""
    seen = sha256()
    _digest(data, seen)
    return seen.hexdigest()


def _digest(data: Any, seen: Any) -> None:
    for path, leaf in leaves(data):
        parts = (leaf.data, leaf.indices, leaf.indptr) if is_sparse(leaf) else (leaf,)
        for part in parts:
            plain = np.ascontiguousarray(to_numpy(part))
            seen.update(f"{path}{tuple(leaf.shape)}{plain.dtype.str}{plain.shape}".encode())
            seen.update(plain.tobytes())


def _groups(groups: Any, partition: Partition, n: int) -> np.ndarray:
    """The group of each of n rows, for a partition that needs it."""
    if groups is None:
        raise DataError(
            f"The partition {partition.name!r} needs the group of each sample (a writer, a speaker, a column), the data name "
            "none; use 'iid' or 'dirichlet', or data with groups."
        )
    labels = np.asarray(groups)
    if labels.shape != (n,):
        raise DataError(f"Expected groups of shape ({n},), one label a sample, got shape {labels.shape}.")
    return labels


def _take_rows(x: Array, rows: np.ndarray) -> Array:
    if isinstance(x, np.ndarray) or is_sparse(x):
        return x[rows]
    return namespace(x).take(x, as_like(rows, x), axis=0)


def _tidy(data: Any) -> Any:
    """Samples and bare arrays with integers made floats and sparse matrices in row order; anything else as it is."""
    if type(data) is Samples:
        y = None if data.y is None else numeric(data.y, "y")
        return Samples(numeric(data.X, "X"), y)
    return numeric(data, "a client's array") if isinstance(data, np.ndarray) or is_sparse(data) else data


def _check_clients(clients: Sequence[Any]) -> None:
    widths: set[int] = set()
    kinds: set[str] = set()
    for i in range(len(clients)):
        data = clients[i]
        found = list(leaves(data))
        if not found:
            raise DataError(f"Client {i} has no data; leave it out of the federation.")
        for path, leaf in found:
            name = f"client {i}{': ' + path if path else ''}"
            check_array(leaf, name)
            if leaf.ndim == 0:
                raise DataError(f"Expected an array with one sample a row for {name}, got a scalar; reshape it.")
            if 0 in tuple(leaf.shape):
                raise DataError(f"Expected at least one sample for {name}, got shape {tuple(leaf.shape)}; drop it.")
        if type(data) is Samples:
            _check_samples(data, f"client {i}")
        for path, leaf in found:
            if path in ("", "X"):
                widths.add(int(leaf.shape[-1]))
                kinds.add(_array_kind(leaf))
    if len(widths) > 1:
        raise DataError(f"Expected one number of features for all clients, got {sorted(widths)}; select columns.")
    if len(kinds) > 1:
        raise DataError(f"Expected one kind of array for all clients, got {' and '.join(sorted(kinds))}; convert them.")


def _array_kind(x: Array) -> str:
    return f"{'sparse ' if is_sparse(x) else ''}{type(x).__module__.partition('.')[0]} {x.dtype}"


def _check_samples(data: Samples, name: str) -> None:
    X, y = data
    if X.ndim != 2:
        raise DataError(f"Expected X of {name} as samples x features, got shape {tuple(X.shape)}; reshape it.")
    if y is not None and tuple(y.shape) != (X.shape[0],):
        raise DataError(f"Expected y of {name} of shape ({X.shape[0]},) to match X, got {tuple(y.shape)}.")


def _weights(weights: Sequence[float] | str, clients: Sequence[Any], normalize: bool) -> tuple[float, ...]:
    n = len(clients)
    if isinstance(weights, str):
        if weights == "uniform":
            return (1.0 / n,) * n
        if weights == "samples":
            counts = [sample_count(clients[i]) for i in range(n)]
            return tuple(count / sum(counts) for count in counts)
        raise DataError(f"Expected weights 'uniform', 'samples' or numbers, got {weights!r}.")
    try:
        values = np.asarray(weights, dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(f"Expected weights 'uniform', 'samples' or numbers, got {weights!r}.") from error
    if values.shape != (n,):
        raise DataError(f"Expected one weight for each of {n} clients, got shape {values.shape}.")
    if not np.isfinite(values).all() or (values < 0).any():
        raise DataError(f"Expected finite weights >= 0, got {values[~(values >= 0) | ~np.isfinite(values)][0]}.")
    total = float(values.sum())
    if normalize and total > 0:
        values = values / total
    elif abs(total - 1.0) > 1e-9:
        raise DataError(f"Expected weights summing to 1 over {n} clients, got {total:g}; pass normalize=True or fix the weights.")
    return tuple(float(w) for w in values)
