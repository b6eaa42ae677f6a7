"""KDD Cup 99: the columns, the scales, the classes, and the sentence for every way the file can be bad."""

import csv
import gzip
import time

import numpy as np
import pytest

from fedmm.build import source_of
from fedmm.errors import DataError, SpecError
from problems.data import KDDCup99, federation, federation_from

ROWS = [
    [0, "tcp", "http", "SF", 181, 5450, *[0] * 33, 0.5, 1, "normal."],
    [2, "icmp", "ecr_i", "SF", 1032, 0, *[0] * 33, 0.25, 1, "smurf."],
    [9, "tcp", "private", "S0", 0, 0, *[0] * 33, 0.75, 1, "neptune."],
    [9, "udp", "http", "SF", 5, 7, *[0] * 33, 0.5, 1, "normal."],
]
NUMERIC = [column for column in range(41) if column not in (1, 2, 3)]


def lines(rows):
    return "".join(",".join(str(word) for word in row) + "\n" for row in rows).encode()


def write(folder, content, name="kddcup.data_10_percent.gz"):
    path = folder / name
    path.write_bytes(gzip.compress(content))
    return str(path)


def test_columns_and_labels(tmp_path):
    source = KDDCup99(scale="none", path=write(tmp_path, lines(ROWS)))
    X, y = source.load(None, 0)
    assert X.shape == (4, 38 + 3 + 3 + 2)
    assert np.array_equal(X[:, :38], [[row[column] for column in NUMERIC] for row in ROWS])
    assert np.array_equal(X[:, 38:41], [[0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])  # icmp, tcp, udp
    assert np.array_equal(X[:, 41:44], [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]])  # ecr_i, http, private
    assert np.array_equal(X[:, 44:], [[0, 1], [0, 1], [1, 0], [0, 1]])  # S0, SF
    assert np.array_equal(y, [-1, 1, 1, -1])
    assert source.groups().tolist() == ["http", "ecr_i", "private", "http"]
    kinds = KDDCup99(labels="class", groups_by="flag", dtype="float32", limit=3, path=source.path)
    X, y = kinds.load(None, 0)
    assert X.dtype == y.dtype == np.float32
    assert X.shape == (3, 46)  # the columns of the whole file
    assert [kinds.classes()[label] for label in y] == ["normal", "smurf", "neptune"]
    assert kinds.groups().tolist() == ["SF", "SF", "S0"]
    assert source.classes() == {-1.0: "normal", 1.0: "attack"}


def test_scales(tmp_path):
    path = write(tmp_path, lines(ROWS))
    plain = KDDCup99(scale="none", path=path).load(None, 0).X[:, :38]
    log = KDDCup99(path=path).load(None, 0).X[:, :38]
    assert np.array_equal(log, np.log1p(plain))
    standard = KDDCup99(scale="standard", path=path).load(None, 0).X[:, :38]
    varies = np.ptp(plain, axis=0) > 0
    assert varies.sum() == 4
    assert np.array_equal(standard[:, ~varies], np.zeros((4, 34)))
    assert standard[:, varies] == pytest.approx(((plain - plain.mean(0)) / np.where(varies, plain.std(0), 1))[:, varies])
    both = KDDCup99(scale="log-standard", path=path).load(None, 0).X[:, :38]
    assert both.mean(0) == pytest.approx(np.zeros(38), abs=1e-12)
    assert both.std(0)[varies] == pytest.approx(np.ones(4))


def test_records_and_names(tmp_path, monkeypatch):
    (tmp_path / "kddcup99").mkdir()
    path = write(tmp_path / "kddcup99", lines(ROWS))
    monkeypatch.setenv("FEDMM_DATA", str(tmp_path))
    made = federation("kddcup99", "contiguous:2")
    assert made.origin["data"]["path"] == path
    monkeypatch.delenv("FEDMM_DATA")
    assert federation_from(made.origin).digest() == made.digest()
    assert federation(path, "contiguous:2").digest() == made.digest()
    assert source_of(path) == KDDCup99(path=path)
    write(tmp_path / "kddcup99", lines(ROWS[:3]))
    with pytest.raises(DataError, match=r"not the file that was recorded"):
        federation_from(made.origin)
    with pytest.raises(DataError, match=r"no kddcup.data_10_percent.gz in"):
        KDDCup99(path=str(tmp_path)).load(None, 0)
    with pytest.raises(SpecError, match="limit to be an integer >= 1"):
        KDDCup99(limit=0)


def changed(row, column, word):
    rows = [list(each) for each in ROWS]
    rows[row][column] = word
    return lines(rows)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (changed(1, 4, "x"), "line 2: expected value 5 as a finite number >= 0, got 'x'"),
        (changed(2, 0, -1), "line 3: expected value 1 as a finite number >= 0, got '-1'"),
        (changed(2, 39, "inf"), "line 3: expected value 40 as a finite number >= 0, got 'inf'"),
        (changed(2, 39, "nan"), "line 3: expected value 40"),
        (changed(0, 2, ""), "line 1: value 3 is empty"),
        (changed(3, 41, ""), "line 4: value 42 is empty"),
        (changed(3, 0, ""), "line 4: value 1 is empty"),
        (lines(ROWS) + b"0,tcp,http\n", "line 5: expected 41 features and a label, got 3 values"),
        (lines(ROWS)[:-40], "line 4: expected 41 features and a label, got [0-9]+ values"),
        (lines(ROWS) + b"1," + lines(ROWS), "line 5: expected 41 features and a label, got 43 values"),
        (b"1,2,3\n4,5,6\n", "line 1: expected 41 features and a label, got 3 values"),
        (b"\x89PNG\r\n", "line 1: expected 41 features and a label, got 1 values"),
    ],
)
def test_bad_rows(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        KDDCup99(path=write(tmp_path, content)).load(None, 0)


def test_bad_archive_and_unknown_class(tmp_path):
    path = write(tmp_path, changed(1, 41, "mailbomb."))
    assert np.array_equal(KDDCup99(path=path).load(None, 0).y, [-1, 1, 1, -1])
    with pytest.raises(DataError, match="the class 'mailbomb', which is none of the 23"):
        KDDCup99(labels="class", path=path).load(None, 0)
    with open(path, "r+b") as file:
        file.truncate(60)
    with pytest.raises(DataError, match="truncated or corrupt"):
        KDDCup99(path=path).load(None, 0)


def test_the_real_file(fedmm_data):
    path = fedmm_data("kddcup99/kddcup.data_10_percent.gz")
    source = KDDCup99(path=str(path), labels="class", scale="none", dtype="float32")
    assert source.pin().sha256 == KDDCup99.homes()[0].files[0].digest.removeprefix("sha256:")
    began = time.process_time()
    X, y = source.load(None, 0)
    assert time.process_time() - began < 10  # measured 1.5 to 2.5
    assert X.shape == (494021, 118)
    kinds, counts = np.unique(y, return_counts=True)
    assert len(kinds) == 23
    named = {source.classes()[float(kind)]: count for kind, count in zip(kinds, counts, strict=True)}
    assert (named["normal"], named["smurf"], named["neptune"], named["spy"]) == (97278, 280790, 107201, 2)
    with gzip.open(path, "rt") as file:
        first = [row for row, _ in zip(csv.reader(file), range(2000), strict=False)]
    assert np.array_equal(X[:2000, :38], np.array([[row[column] for column in NUMERIC] for row in first], dtype=np.float32))
    assert X[:, 38:].sum() == 3 * 494021
