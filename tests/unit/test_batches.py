"""Mini-batches: one helper for one client, a block, dense, sparse, and every array library."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from fedmm.arrays import to_numpy
from fedmm.federation import Samples
from fedmm.keys import Key
from fedmm.testing.support import other_libraries
from fedmm.types import Batch
from problems.batches import rows, take

KEYS = (Key(1, 2, 3), Key(1, 2, 4))


def block() -> Samples:
    return Samples(np.arange(60.0).reshape(2, 10, 3), np.arange(20.0).reshape(2, 10))


def test_rows_are_distinct_addressed_and_stacked() -> None:
    for key in KEYS:
        index = rows(Batch(4, key), 10)
        assert len(set(index.tolist())) == 4
        assert index.min() >= 0
        assert index.max() < 10
        np.testing.assert_array_equal(index, rows(Batch(4, key), 10))
    np.testing.assert_array_equal(rows(Batch(4, KEYS), 10), [rows(Batch(4, key), 10) for key in KEYS])
    assert rows(Batch(4, KEYS[0]), 10).tolist() != rows(Batch(4, KEYS[1]), 10).tolist()
    np.testing.assert_array_equal(rows(Batch(99, KEYS[0]), 3), [0, 1, 2])
    np.testing.assert_array_equal(rows(Batch(99, KEYS), 3), [[0, 1, 2]] * 2)


def test_a_block_is_a_loop() -> None:
    X, y = block()
    got = take(Samples(X, y), Batch(4, KEYS))
    shared = take(Samples(X, y), Batch(4, KEYS[0]))
    spread = take(Samples(X[0], y[0]), Batch(4, KEYS))
    assert got.y is not None
    assert shared.y is not None
    assert spread.y is not None
    for k, key in enumerate(KEYS):
        index = rows(Batch(4, key), 10)
        np.testing.assert_array_equal(got.X[k], X[k, index])
        np.testing.assert_array_equal(got.y[k], y[k, index])
        np.testing.assert_array_equal(spread.X[k], X[0, index])
        np.testing.assert_array_equal(shared.X[k], X[k, rows(Batch(4, KEYS[0]), 10)])
        np.testing.assert_array_equal(shared.y[k], y[k, rows(Batch(4, KEYS[0]), 10)])


def test_everything_is_no_copy() -> None:
    data = block()
    assert take(data, None) is data
    assert take(data, Batch(10, KEYS)) is data


def test_no_targets() -> None:
    assert take(Samples(block().X), Batch(2, KEYS)).y is None


def test_sparse() -> None:
    X, y = block().X[0], np.arange(10.0)
    got = take(Samples(csr_array(X), y), Batch(4, KEYS[0]))
    index = rows(Batch(4, KEYS[0]), 10)
    np.testing.assert_array_equal(got.X.toarray(), X[index])
    np.testing.assert_array_equal(got.y, index.astype(float))
    with pytest.raises(ValueError, match="loop over the keys"):
        take(Samples(csr_array(X), y), Batch(4, KEYS))


@pytest.mark.parametrize("key", [KEYS[0], KEYS], ids=["one", "block"])
@pytest.mark.parametrize("lead", [0, 1], ids=["client", "stack"])
def test_other_libraries(key: Key, lead: int) -> None:
    X, y = block() if lead else Samples(block().X[0], np.arange(10.0))
    want = take(Samples(X, y), Batch(4, key))
    for (_, X_other), (_, y_other) in zip(other_libraries(X), other_libraries(np.asarray(y)), strict=True):
        got = take(Samples(X_other, y_other), Batch(4, key))
        np.testing.assert_array_equal(to_numpy(got.X), want.X)
        np.testing.assert_array_equal(to_numpy(got.y), want.y)
