"""The LIBSVM reader against scikit-learn's, and its sentence for every way a file can be bad."""

import bz2
import gzip
import lzma
import os
import random
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_svmlight_file

from fedmm.errors import DataError, SpecError
from problems.data import LibSVM

GOOD = b"+1 1:0.5 3:-2e-3\n-1 2:1 # a comment 9:9\n\n-1\n+1 4:.25 \r\n"


def write(folder: Path, content: bytes, name: str = "data") -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("suffix", ["", ".gz", ".txt"])  # the suffix may lie
def test_good_file(tmp_path, pack, suffix):
    source = LibSVM(write(tmp_path, pack(GOOD), "data" + suffix))
    X, y = source.load(None, 0)
    assert X.format == "csr"
    assert X.dtype == np.float64
    assert np.array_equal(X.toarray(), [[0.5, 0, -0.002, 0], [0, 1, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0.25]])
    assert np.array_equal(y, [1, -1, -1, 1])
    assert LibSVM(source.path, n_features=6).load(None, 0).X.shape == (4, 6)
    assert np.array_equal(LibSVM(source.path, dense=True).load(None, 0).X, X.toarray())


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([0, 1, 0], [-1, 1, -1]),
        ([2, 1, 1], [1, -1, -1]),
        ([-1, 1, 1], [-1, 1, 1]),
        ([1, 2, 3], [1, 2, 3]),
        ([0.5, -1.25, 3], [0.5, -1.25, 3]),
        ([7, 7, 7], [7, 7, 7]),
    ],
)
def test_labels(tmp_path, labels, expected):
    path = write(tmp_path, b"".join(b"%g 1:1\n" % label for label in labels))
    assert np.array_equal(LibSVM(path).load(None, 0).y, expected)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n \n# only a comment\n", "is empty"),
        (b"1 1:2\n1 x:2\n", "line 2: expected index:value, got 'x:2'"),
        (b"1 1:2\n1 1:x\n", "line 2: expected a finite number, got '1:x'"),
        (b"a 1:2\n", "line 1: expected a finite number as label, got 'a'"),
        (b"1,2 1:2\n", "line 1: expected a finite number as label, got '1,2'"),
        (b"1 1:2\n\n1 0:2\n", "line 3: expected an index >= 1, got '0:2'"),
        (b"1 -3:2\n", "line 1: expected an index >= 1, got '-3:2'"),
        (b"1 1:2 8:1\n", "line 1: index 8 is beyond n_features = 7"),
        (b"1 3:2 2:1\n", "line 1: expected increasing indices, got 2 after 3"),
        (b"1 3:2 3:1\n", "line 1: expected increasing indices, got 3 after 3"),
        (b"1 1:1\n1 1:nan\n", "line 2: expected a finite number, got '1:nan'"),
        (b"1 1:inf\n", "line 1: expected a finite number, got '1:inf'"),
        (b"1 1:1e999\n", "line 1: expected a finite number"),
        (b"nan 1:1\n", "line 1: expected a finite number as label"),
        (b"1 1:2\n1 3\n", "line 2: expected index:value, got '3'"),
        (b"1 1:2\n1 3:\n", "line 2: expected a finite number, got '3:'"),
        (b"1 :2\n", "line 1: expected index:value, got ':2'"),
        (b"1 1 :2\n", "line 1: expected index:value, got '1'"),
        (b"1 1: 2\n", "line 1: expected a finite number, got '1:'"),
        (b"1 1:2:3 4\n", "line 1: expected a finite number, got '1:2:3'"),
        (b"1:2 3\n", "line 1: expected a finite number as label, got '1:2'"),
        (b":1 2\n", "line 1: expected a finite number as label, got ':1'"),
        (b"1 qid:3 1:2\n", "line 1: expected index:value, got 'qid:3'"),
        (b"1 1.5:2\n", "line 1: expected index:value, got '1.5:2'"),
        (b"1 1:1_0\n", "line 1: expected a finite number, got '1:1_0'"),
        (b"1 1:2\x00\n", "line 1: expected a finite number"),
        (b"\xff\xfe1\x00 \x001\x00:\x002\x00\n", "line 1: expected a finite number as label"),
        (b"1 1:" + b"9" * 60 + b"x\n", "got '1:9999.*[.][.][.]'"),
    ],
)
def test_bad_line(tmp_path, content, message):
    path = write(tmp_path, content)
    with pytest.raises(DataError, match=message) as caught:
        LibSVM(path, n_features=7).load(None, 0)
    assert path in str(caught.value)


def test_index_too_large_for_any_matrix(tmp_path):
    with pytest.raises(DataError, match=r"line 1: index 2147483648 is beyond 33554432; .* declare n_features"):
        LibSVM(write(tmp_path, b"1 2147483648:1\n")).load(None, 0)
    path = write(tmp_path, b"1 2:1\n-1 1999999999:1\n")
    with pytest.raises(DataError, match=r"line 2: index 1999999999 is beyond 33554432"):
        LibSVM(path).load(None, 0)
    assert LibSVM(path, n_features=2_000_000_000).load(None, 0).X.shape == (2, 2_000_000_000)
    with pytest.raises(DataError, match=r"as a dense array would take 30 GiB; leave dense out"):
        LibSVM(path, n_features=2_000_000_000, dense=True).load(None, 0)


def test_no_features(tmp_path):
    path = write(tmp_path, b"1\n-1\n")
    with pytest.raises(DataError, match="has no features; declare n_features"):
        LibSVM(path).load(None, 0)
    assert LibSVM(path, n_features=3).load(None, 0).X.shape == (2, 3)
    for wrong in (0, -1, True, 1.5):
        with pytest.raises(SpecError, match="n_features to be an integer"):
            LibSVM(path, n_features=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("damage", [lambda b: b[:-9], lambda b: b[: len(b) // 2], lambda b: b[:20] + b"\0\0" + b[22:]])
def test_damaged_archive(tmp_path, pack, damage):
    path = write(tmp_path, damage(pack(GOOD * 50)))
    with pytest.raises(DataError, match="truncated or corrupt"):
        LibSVM(path).load(None, 0)


def test_missing_and_unreadable(tmp_path, monkeypatch):
    monkeypatch.delenv("FEDMM_DATA", raising=False)
    with pytest.raises(DataError, match=r"no LIBSVM file 'nowhere'.*set FEDMM_DATA"):
        LibSVM("nowhere").load(None, 0)
    with pytest.raises(DataError, match="is a directory"):
        LibSVM(str(tmp_path)).load(None, 0)
    (tmp_path / "libsvm").mkdir()
    write(tmp_path / "libsvm", lzma.compress(GOOD), "a9a.xz")
    write(tmp_path / "libsvm", GOOD, "a9a.t")
    write(tmp_path / "libsvm", b"about", "README.md")
    monkeypatch.setenv("FEDMM_DATA", str(tmp_path))
    assert set(LibSVM.files()) == {"a9a", "a9a.t"}
    assert LibSVM("a9a").load(None, 0).X.shape == (4, 4)
    with pytest.raises(DataError, match=r"no LIBSVM file 'a9b'. Did you mean 'a9a'"):
        LibSVM("a9b").load(None, 0)

    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(DataError, match=r"Cannot read .*a9a.t: Permission denied"):
        LibSVM("a9a.t").load(None, 0)


def test_pinned_to_a_digest(tmp_path):
    path = write(tmp_path, GOOD)
    pinned = LibSVM(os.path.relpath(path)).pin()
    assert pinned.path == str(Path(path).resolve())
    assert pinned.load(None, 0).X.shape == (4, 4)
    write(tmp_path, GOOD.replace(b"0.5", b"0.6"))
    with pytest.raises(DataError, match=f"{pinned.sha256}, got [0-9a-f]{{64}}"):
        pinned.load(None, 0)


def test_what_it_opens(tmp_path):
    for content in (GOOD, b"", b"1\n2\n3 1:x\n", lzma.compress(GOOD), gzip.compress(GOOD)[:-4]):
        assert LibSVM.opens(Path(write(tmp_path, content))) is not None
    for content in (b"a,b,c\n1,2,3\n", b"\x89PNG\r\n\x1a\n", b"[table]\nx = 1:2\n", lzma.compress(b"text")):
        assert LibSVM.opens(Path(write(tmp_path, content))) is None


ROWS = st.lists(
    st.tuples(
        st.floats(-5, 5),
        st.dictionaries(st.integers(1, 40), st.floats(allow_nan=False, allow_infinity=False), max_size=5),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60, deadline=None)
@given(ROWS, st.sampled_from([" ", "  ", "\t"]), st.sampled_from(["\n", "\r\n", "\n\n"]), st.booleans())
def test_any_file_reads_back_exactly(tmp_path_factory, rows, gap, end, closed):
    words = [[repr(label), *(f"{i}:{v!r}" for i, v in sorted(entries.items()))] for label, entries in rows]
    text = end.join(gap.join(row) for row in words) + (end if closed else "")
    path = write(tmp_path_factory.mktemp("libsvm"), text.encode())
    X, y = LibSVM(path, n_features=40, dense=True).load(None, 0)
    expected = np.zeros((len(rows), 40))
    for row, (_, entries) in enumerate(rows):
        for i, v in entries.items():
            expected[row, i - 1] = v
    assert np.array_equal(X, expected)
    labels = np.array([label for label, _ in rows])
    if len(np.unique(labels)) == 2:
        labels = np.where(labels == labels.max(), 1.0, -1.0)
    assert np.array_equal(y, labels)


def test_one_wrong_letter_never_passes_for_another_matrix(tmp_path):
    """A letter that belongs to no number, put anywhere outside a comment, is an error."""
    lines = [b"+1 1:0.5 3:-2e-3", b"-1 2:1", b"-1", b"+1 4:.25"]
    text = b"\n".join(lines)
    dice = random.Random(0)
    for _ in range(100):
        at = dice.randrange(len(text) + 1)
        path = write(tmp_path, text[:at] + dice.choice([b"x", b":", b"?", b"\x00"]) + text[at:])
        with pytest.raises(DataError, match=r"line [1-4]: expected"):
            LibSVM(path).load(None, 0)


@pytest.mark.skipif("FEDMM_DATA" not in os.environ, reason="FEDMM_DATA is not set")
@pytest.mark.parametrize(
    ("name", "shape", "counts"),
    [
        ("a9a", (32561, 123), {-1: 24720, 1: 7841}),
        ("w8a", (49749, 300), {-1: 48270, 1: 1479}),
        ("phishing", (11055, 68), {-1: 4898, 1: 6157}),
        ("mushrooms", (8124, 112), {-1: 3916, 1: 4208}),
    ],
)
def test_real_files_equal_scikit_learn(tmp_path, name, shape, counts):
    began = time.process_time()
    X, y = LibSVM(name).load(None, 0)
    seconds = time.process_time() - began
    assert X.shape == shape
    assert dict(zip(*np.unique(y, return_counts=True), strict=True)) == counts
    plain = write(tmp_path, lzma.decompress(LibSVM.files()[name].read_bytes()))
    theirs, labels = load_svmlight_file(plain, n_features=shape[1], zero_based=False)  # type: ignore[misc]
    assert (theirs != X).nnz == 0
    assert np.array_equal(y > 0, labels == labels.max())
    assert seconds < 2.0  # measured 0.1 to 0.15
