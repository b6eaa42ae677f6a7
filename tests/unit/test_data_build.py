"""Federations from names, and again from their record, bit for bit."""

import lzma
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import tomli_w

from fedmm.catalog import entries
from fedmm.errors import DataError, SpecError
from fedmm.federation import Federation, Partition
from problems.data import IID, Contiguous, Digits, Dirichlet, LibSVM, Table, TestBed, federation, federation_from

FILES = {"cifar-10", "cifar-100", "fashion-mnist", "idx", "kddcup99", "libsvm", "mnist", "movielens", "table", "text"}
"""Sources that read files; they are rebuilt from their records in their own tests."""

LINES = b"".join(b"%d %d:%g\n" % (i % 2, 1 + i % 5, 0.1 * i + 1) for i in range(40))


def toml(table: dict) -> dict:
    """Through a file and back."""
    return tomllib.loads(tomli_w.dumps(table))


@pytest.mark.parametrize("name", sorted(set(entries("data")) - FILES))
def test_the_record_rebuilds_every_source(name):
    made = federation(name, clients=3, seed=4)
    assert len(made) == 3
    again = federation_from(toml(made.origin))
    assert again.digest() == made.digest()
    assert again.weights == made.weights
    assert again.origin == made.origin
    assert federation(name, clients=3, seed=5).digest() != made.digest()


def test_names_specs_and_objects_agree():
    reference = Federation.from_arrays(*Digits(labels="digit").load(None, 0), Dirichlet(0.1, 7), seed=2)
    for data in ("digits:digit", "digits:labels=digit", Digits("digit")):
        for partition, clients in (("dirichlet:0.1,7", None), ("dirichlet:0.1", 7), (Dirichlet(0.1), 7)):
            assert federation(data, partition, clients=clients, seed=2).digest() == reference.digest()


def test_defaults_and_options():
    made = federation()
    assert made.origin == {
        "data": {"name": "breast-cancer"},
        "partition": {"name": "iid", "clients": 10},
        "weights": "samples",
        "seed": 0,
    }
    assert sum(made.sizes()) == 569
    assert made.weights == tuple(size / 569 for size in made.sizes())
    assert federation(weights="uniform").weights == (0.1,) * 10
    given = federation(partition=IID(2), weights=[0.25, 0.75])
    assert given.weights == (0.25, 0.75)
    assert federation_from(toml(given.origin)).weights == (0.25, 0.75)
    assert len(federation("test-bed")) == 8
    assert federation(TestBed()).weights != (1 / 8,) * 8


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"data": "breast-cancr"}, SpecError, "neither a known name nor a file. Did you mean 'breast-cancer'"),
        ({"data": "digits:lables=digit"}, SpecError, "digits has no field 'lables'. Did you mean 'labels'"),
        ({"data": "nowhere/a9a.txt"}, DataError, "no file 'nowhere/a9a.txt'"),
        ({"data": Path("a9a")}, DataError, "no file 'a9a'"),
        ({"data": "."}, DataError, "it is a directory"),
        ({"partition": "dirichlt:1"}, SpecError, "Unknown partition 'dirichlt'. Did you mean 'dirichlet'"),
        ({"partition": "dirichlet:x"}, SpecError, "Expected dirichlet.alpha to be a number"),
        ({"partition": 3}, SpecError, "a partition such as 'iid'"),
        ({"clients": 0}, SpecError, "clients to be an integer >= 1, got 0"),
        ({"clients": 2.0}, SpecError, "clients to be an integer >= 1, got 2.0"),
        ({"clients": 570}, DataError, "Cannot deal 569 samples out to 570 clients"),
        ({"seed": -1}, SpecError, "seed to be an integer >= 0"),
        ({"weights": "size"}, DataError, "'uniform', 'samples' or numbers"),
        ({"data": "diabetes", "partition": "dirichlet:1"}, DataError, "y holds real values"),
        ({"data": "test-bed", "partition": "iid"}, SpecError, "bring their own clients and take no partition"),
        ({"data": "test-bed", "weights": "uniform"}, SpecError, "bring their own clients and take no weights"),
    ],
)
def test_refusals(given, error, message):
    with pytest.raises(error, match=message):
        federation(**given)


@pytest.mark.parametrize(
    ("origin", "message"),
    [
        ({}, "to name its data"),
        ({"data": {"name": "digits"}, "sead": 3}, "Unknown entry 'sead'.* Did you mean 'seed'"),
        ({"data": {"name": "digts"}}, "Did you mean 'digits'"),
        ({"data": {"name": "digits"}, "partition": {"name": "iid", "client": 3}}, "Did you mean 'clients'"),
        ({"data": {"name": "digits"}, "seed": "x"}, "seed to be an integer"),
    ],
)
def test_bad_records(origin, message):
    with pytest.raises(SpecError, match=message):
        federation_from(origin)


def test_a_file_reaches_its_reader_and_is_recorded(tmp_path, monkeypatch):
    path = tmp_path / "some, odd (name"
    path.write_bytes(lzma.compress(LINES))
    monkeypatch.chdir(tmp_path)
    made = federation(path.name, "contiguous", clients=4)
    assert made.origin["data"]["name"] == "libsvm"
    assert made.origin["data"]["path"] == str(path.resolve())
    assert made[0].X.shape == (10, 5)
    assert federation(path, Contiguous(4)).digest() == made.digest()
    assert federation(LibSVM(str(path)), Contiguous(4)).digest() == made.digest()
    monkeypatch.chdir("/")
    origin = toml(made.origin)
    assert federation_from(origin).digest() == made.digest()
    path.write_bytes(lzma.compress(LINES + LINES))
    with pytest.raises(DataError, match=f"expected sha256 {origin['data']['sha256']}, got [0-9a-f]{{64}}"):
        federation_from(origin)
    path.unlink()
    with pytest.raises(DataError, match="There is no LIBSVM file"):
        federation_from(origin)


@dataclass(frozen=True)
class EachGroup(Partition):
    """One client a group."""

    name: ClassVar[str] = "each-group"
    needs_groups: ClassVar[bool] = True

    def split(self, samples, generator, groups=None):
        return [np.flatnonzero(groups == each) for each in np.unique(groups)]


def test_the_groups_of_a_source_reach_the_partition(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("x,who\n1,b\n2,a\n3,b\n")
    made = federation(Table(str(path), client="who"), EachGroup())
    assert [data.X.ravel().tolist() for data in made] == [[2], [1, 3]]
    with pytest.raises(DataError, match="'each-group' needs the group of each sample"):
        federation("diabetes", EachGroup())


def test_files_found_by_name(tmp_path, monkeypatch):
    (tmp_path / "libsvm").mkdir()
    (tmp_path / "libsvm" / "tiny.xz").write_bytes(lzma.compress(LINES))
    monkeypatch.setenv("FEDMM_DATA", str(tmp_path))
    assert federation("tiny", "contiguous:2").digest() == federation("libsvm:tiny", "contiguous:2").digest()
    assert federation("libsvm:tiny,n_features=9,dense=true")[0].X.shape[1] == 9
    with pytest.raises(SpecError, match=r"Unknown data 'tinny'.* Did you mean 'tiny'"):
        federation("tinny")
    (tmp_path / "libsvm" / "table.xml").write_text("<a>1</a>\n")
    with pytest.raises(DataError, match=r"No data source reads the file .*table.xml"):
        federation("table.xml")


def test_a_bundled_name_comes_before_a_file_of_that_name(tmp_path, monkeypatch):
    (tmp_path / "digits").write_bytes(LINES)
    monkeypatch.chdir(tmp_path)
    assert federation("digits")[0].X.shape[1] == 64
    assert federation("./digits")[0].X.shape[1] == 5


@pytest.mark.skipif("FEDMM_DATA" not in os.environ, reason="FEDMM_DATA is not set")
@pytest.mark.parametrize(("name", "n", "rows", "d"), [("a9a", 80, 407, 123), ("w8a", 142, 350, 300), ("phishing", 100, 110, 68)])
def test_the_shards_of_the_reference_optima(name, n, rows, d):
    made = federation(name, "contiguous:drop_remainder=true", clients=n)
    assert len(made) == n
    assert {data.X.shape for data in made} == {(rows, d)}
    whole = LibSVM(name).load(None, 0)
    assert np.array_equal(made[n - 1].y, whole.y[(n - 1) * rows : n * rows])
