"""The Federation: what it does with good input, and the sentence it has for bad input."""

import pickle
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import array_api_strict
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from fedmm.errors import DataError
from fedmm.federation import Federation, Partition, Samples, digest_of
from problems.data import IID, Contiguous

X = np.arange(12.0).reshape(6, 2)
y = np.arange(6.0)


class Pair(NamedTuple):
    """Two arrays that are not samples."""

    A: Any
    b: Any


@dataclass(frozen=True)
class Rows(Partition):
    """A partition given row by row, right or wrong."""

    rows: tuple

    name: ClassVar[str] = "rows"

    def split(self, samples, generator):
        return [np.asarray(part) for part in self.rows]


@dataclass(frozen=True)
class Grouped(Partition):
    """One client a group."""

    name: ClassVar[str] = "grouped"
    needs_groups: ClassVar[bool] = True

    def split(self, samples, generator, groups=None):
        return [np.flatnonzero(groups == each) for each in np.unique(groups)]


def test_groups_reach_the_partitions_that_need_them():
    groups = ["b", "a", "b", "a", "a", "c"]
    federation = Federation.from_arrays(X, y, Grouped(), groups=groups)
    assert [data.y.tolist() for data in federation] == [[1, 3, 4], [0, 2], [5]]
    assert Federation.from_arrays(X, y, Contiguous(2), groups=groups).sizes() == [3, 3]  # it never asks
    with pytest.raises(DataError, match=r"'grouped' needs the group of each sample .* the data name none"):
        Federation.from_arrays(X, y, Grouped())
    with pytest.raises(DataError, match=r"groups of shape \(6,\), one label a sample, got shape \(5,\)"):
        Federation.from_arrays(X, y, Grouped(), groups=groups[:5])


def test_clients_and_weights():
    federation = Federation([X, X[:3]], "samples")
    assert len(federation) == 2
    assert federation.weights == (6 / 9, 3 / 9)
    assert federation.sizes() == [6, 3]
    assert [len(data) for data in federation] == [6, 3]
    assert Federation([X, X]).weights == (0.5, 0.5)
    assert Federation([X, X], [3, 1], normalize=True).weights == (0.75, 0.25)
    assert Federation([X, X], np.array([0.25, 0.75])).weights == (0.25, 0.75)
    assert Federation([Pair(np.eye(2), np.ones(2))]).sizes() == [2]


def test_from_arrays_deals_rows_with_their_targets():
    federation = Federation.from_arrays(X, y, Rows(((5, 0), (3, 1, 2))))
    assert np.array_equal(federation[0].X, X[[5, 0]])
    assert np.array_equal(federation[1].y, y[[3, 1, 2]])
    assert federation.weights == (0.4, 0.6)  # row 4 is left out
    assert federation[0].X.base is federation[1].X.base  # views of one array
    whole = Federation.from_arrays(X, y)
    assert len(whole) == 1
    assert np.array_equal(whole[0].X, X)


@pytest.mark.parametrize("convert", [lambda x: x.tolist(), pd.DataFrame, lambda x: x.astype(int), np.asfortranarray])
def test_from_arrays_takes_what_holds_numbers(convert):
    federation = Federation.from_arrays(convert(X), list(y), Contiguous(3))
    reference = Federation.from_arrays(X, y, Contiguous(3))
    assert federation.digest() == reference.digest()
    assert federation[0].X.dtype == np.float64


def test_float32_stays():
    federation = Federation.from_arrays(X.astype(np.float32), y.astype(np.float32), IID(2))
    assert (federation[0].X.dtype, federation[0].y.dtype) == (np.float32, np.float32)


def torch_asarray(x):
    return pytest.importorskip("torch").asarray(x)


@pytest.mark.parametrize("make", [torch_asarray, array_api_strict.asarray])
def test_other_libraries(make):
    federation = Federation.from_arrays(make(X), make(y), IID(3), seed=5)
    reference = Federation.from_arrays(X, y, IID(3), seed=5)
    assert type(federation[0].X) is type(make(X))
    assert federation.digest() == reference.digest()
    whole = Federation.from_arrays(make(X.astype(np.int64)))
    assert whole[0].X.dtype == make(X).dtype
    with pytest.raises(DataError, match="finite values in X, got 2 NaN"):
        Federation.from_arrays(make(np.where(X > 9, np.nan, X)))


@pytest.mark.parametrize("form", [sp.csr_matrix, sp.csc_array, sp.coo_matrix])
def test_sparse(form):
    federation = Federation.from_arrays(form(X), y, Contiguous(2))
    assert np.array_equal(federation[1].X.toarray(), X[3:])
    assert federation[1].X.format == "csr"
    assert Federation([Samples(form(X), y)])[0].X.format == "csr"
    assert Federation.from_arrays(form(X.astype(int)))[0].X.dtype == np.float64
    federation.digest()


def test_integers_become_floats():
    data = Federation([Samples(X.astype(int), y.astype(int))])[0]
    assert (data.X.dtype, data.y.dtype) == (np.float64, np.float64)
    assert Federation([X.astype(np.uint8)])[0].dtype == np.float64
    assert Federation([Pair(np.eye(2, dtype=int), np.ones(2))])[0].A.dtype.kind == "i"  # not ours to change


def test_digest_sees_everything():
    reference = Federation([Samples(X, y), Samples(X, y)]).digest()
    assert Federation([Samples(X.copy(), y), Samples(X, y)]).digest() == reference
    others = [
        Federation([Samples(X, y), Samples(X, y)], [0.25, 0.75]),
        Federation([Samples(X, y), Samples(X, y)], public={"atoms": X}),
        Federation([Samples(X, y), Samples(X, None)]),
        Federation([Samples(X, y), Samples(X, y + 1)]),
        Federation([Samples(X.astype(np.float32), y), Samples(X.astype(np.float32), y)]),
        Federation([Samples(X.reshape(4, 3), y[:4]), Samples(X.reshape(4, 3), y[:4])]),
    ]
    assert len({reference, *(other.digest() for other in others)}) == 7
    wider = sp.csr_matrix(np.pad(X, ((0, 0), (0, 1))))  # the same entries at the same places, one more column
    assert digest_of(sp.csr_matrix(X)) != digest_of(wider)


def test_pickles_and_moves():
    federation = Federation.from_arrays(X, y, IID(2), public={"atoms": X}, origin={"data": "x"})
    again = pickle.loads(pickle.dumps(federation))
    assert (again.digest(), again.weights, again.origin) == (federation.digest(), federation.weights, federation.origin)
    single = federation.to(lambda x: x.astype(np.float32))
    assert {single[0].X.dtype, single[1].y.dtype, single.public["atoms"].dtype} == {np.dtype(np.float32)}
    assert single.origin == federation.origin


def test_a_lazy_sequence_is_not_walked():
    class Lazy:
        def __len__(self):
            return 10_000

        def __getitem__(self, i):
            if i > 2:
                raise AssertionError("walked")
            return X + i

    federation = Federation(Lazy(), check=False)  # type: ignore[arg-type]
    assert np.array_equal(federation[2], X + 2)
    assert len(federation.weights) == 10_000


NAN, INF = np.where(X == 3, np.nan, X), np.where(X == 3, -np.inf, X)


@pytest.mark.parametrize(
    ("clients", "message"),
    [
        ([], "at least one client, got none"),
        (3, "a sequence with one item a client, got int"),
        ({0: X}, "got dict"),
        ("abc", "got str"),
        ({1.0, 2.0}, "got set"),
        ((X for _ in range(2)), "got generator"),
        ([None], "Client 0 has no data"),
        ([X, X[:0]], r"at least one sample for client 1, got shape \(0, 2\)"),
        ([Samples(X[:, :0])], "client 0: X, got shape"),
        ([X, NAN], "finite values in client 1, got 1 NaN or infinite"),
        ([Samples(X, y), Samples(INF, y)], "client 1: X, got 1 NaN or infinite"),
        ([Samples(X, np.where(y == 0, np.nan, y))], "client 0: y"),
        ([Samples(sp.csr_matrix(NAN))], "client 0: X"),
        ([[1.0, 2.0]], "Expected arrays for client 0, got list"),
        (["abc"], "Expected arrays for client 0, got str"),
        ([3.0], "Expected arrays for client 0, got float"),
        ([np.float64(3.0)], "Expected arrays for client 0, got float64"),
        ([np.array(3.0)], "one sample a row for client 0, got a scalar"),
        ([pd.DataFrame(X)], "Expected arrays for client 0, got DataFrame"),
        ([X.astype(str)], "to hold numbers, got dtype <U"),
        ([X.astype(object)], "to hold numbers, got dtype object"),
        ([X.astype(complex)], "to hold numbers, got dtype complex"),
        ([Pair(X.astype(str), y)], "client 0: A to hold numbers"),
        ([Samples(X, y[:5])], r"y of client 0 of shape \(6,\) to match X, got \(5,\)"),
        ([Samples(X, y[:, None])], r"got \(6, 1\)"),
        ([Samples(y)], r"X of client 0 as samples x features, got shape \(6,\)"),
        ([X, np.ones((2, 3))], r"one number of features for all clients, got \[2, 3\]"),
        ([X, X.astype(np.float32)], "one kind of array for all clients, got numpy float32 and numpy float64"),
        ([Samples(X), Samples(sp.csr_matrix(X))], "numpy float64 and sparse scipy float64"),
    ],
)
def test_bad_clients(clients, message):
    with pytest.raises(DataError, match=message):
        Federation(clients)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([0.5], r"one weight for each of 2 clients, got shape \(1,\)"),
        ([0.5, 0.6], "summing to 1 over 2 clients, got 1.1; pass normalize=True"),
        ([-0.5, 1.5], "weights >= 0, got -0.5"),
        ([np.nan, 1.0], "weights >= 0, got nan"),
        ([np.inf, 1.0], "weights >= 0, got inf"),
        ("size", "'uniform', 'samples' or numbers, got 'size'"),
        (["a", "b"], "'uniform', 'samples' or numbers"),
        (None, r"one weight for each of 2 clients, got shape \(\)"),
        ([[1.0], [1.0, 2.0]], "'samples' or numbers"),
    ],
)
def test_bad_weights(weights, message):
    with pytest.raises(DataError, match=message):
        Federation([X, X], weights)


def test_weights_that_are_all_zero():
    with pytest.raises(DataError, match="summing to 1"):
        Federation([X, X], [0.0, 0.0], normalize=True)


def test_bad_public():
    with pytest.raises(DataError, match=r"public\['atoms'\], got 1 NaN"):
        Federation([X], public={"atoms": NAN})
    with pytest.raises(DataError, match=r"arrays for public\['atoms'\], got str"):
        Federation([X], public={"atoms": "abc"})


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (None, None, "X to be an array, got NoneType"),
        ("abc", None, "X to be an array, got str"),
        (3.0, None, "X to be an array, got float"),
        ([[1.0], [1.0, 2.0]], None, "X to be rectangular"),
        ([["a"]], None, "X to hold numbers"),
        (y, None, r"shape \(n, d\), got shape \(6,\)"),
        (X[:0], None, "at least one sample and one feature"),
        (X[:, :0], None, "at least one sample and one feature"),
        (NAN, None, "finite values in X, got 1"),
        (sp.csr_matrix(INF), None, "finite values in X, got 1"),
        (X, NAN[:, 1], "finite values in y, got 1"),
        (X, y[:5], r"y of shape \(6,\) to match X, got \(5,\)"),
        (X, list("abcdef"), "y to hold numbers"),
        (X, sp.csr_matrix(y), "a dense y"),
        (X * 1j, None, "X to hold numbers, got dtype complex128"),
        (array_api_strict.asarray(X * 1j), None, "X to hold real numbers, got dtype .*complex128"),
    ],
)
def test_bad_arrays(X, y, message):
    with pytest.raises(DataError, match=message):
        Federation.from_arrays(X, y)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((), "made no clients"),
        (((0, 1), ()), "Client 1 of 2 would be empty"),
        (((0, 1), (2, 1)), "row 1 twice"),
        (((0, 1), (2, 6)), "from 0 to 5"),
        (((0, 1), (2, -1)), "from 0 to 5"),
        (((0.0, 1.0),), "from 0 to 5"),
    ],
)
def test_bad_partitions(rows, message):
    with pytest.raises(DataError, match=message):
        Federation.from_arrays(X, y, Rows(rows))
