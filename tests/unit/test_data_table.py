"""CSV, TSV and Parquet tables: features, targets and groups, and the sentence for every way a file can be bad."""

import builtins
import gzip
import re

import numpy as np
import pandas as pd
import pytest

from fedmm.build import source_of
from fedmm.errors import DataError, SpecError
from problems.data import Table, federation, federation_from

GOOD = """size,colour,site,flag,kind
1.5,red,north,true,cat
2,blue,south,false,dog
-3e-1,red,north,true,bird
4,green,west,true,cat
"""


def write(folder, content, name="data.csv"):
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("data.csv", str.encode),
        ("data.csv.gz", lambda text: gzip.compress(text.encode())),
        ("data.tsv", lambda text: text.replace(",", "\t").encode()),
    ],
)
def test_features_targets_and_groups(tmp_path, name, pack):
    path = write(tmp_path, pack(GOOD), name)
    source = Table(path, target="kind", client="site")
    X, y = source.load(None, 0)
    size, flag = [1.5, 2, -0.3, 4], [1, 0, 1, 1]
    blue, green, red = [0, 1, 0, 0], [0, 0, 0, 1], [1, 0, 1, 0]
    assert np.array_equal(X, np.transpose([size, blue, green, red, flag]))
    assert X.dtype == y.dtype == np.float64
    assert y.tolist() == [1, 2, 0, 1]
    assert source.classes() == {0: "bird", 1: "cat", 2: "dog"}
    assert source.groups().tolist() == ["north", "south", "north", "west"]
    X, y = Table(path, drop=("colour", "site"), categorical="drop", limit=3).load(None, 0)
    assert np.array_equal(X, np.transpose([size[:3], flag[:3]]))
    assert y is None
    assert Table(path).groups() is None
    assert Table(path).classes() == {}
    assert source_of(path) == Table(path)


def test_two_values_become_signs(tmp_path):
    path = write(tmp_path, "a,sex,code,answer,grade\n1,m,3,yes,1\n2,f,7,no,2\n3,f,3,no,3\n")
    for target, y, classes in (
        ("sex", [1, -1, -1], {-1: "f", 1: "m"}),
        ("code", [-1, 1, -1], {-1: "3", 1: "7"}),
        ("answer", [1, -1, -1], {-1: "no", 1: "yes"}),
        ("grade", [1, 2, 3], {}),
    ):
        source = Table(path, target=target, categorical="drop")
        assert source.load(None, 0).y.tolist() == y
        assert source.classes() == classes
    assert Table(path, client="code").groups().tolist() == [3, 7, 3]


def test_standardised(tmp_path):
    path = write(tmp_path, "a,b,c\n1,5,u\n2,5,v\n4,5,u\n")
    X, _ = Table(path, standardise=True).load(None, 0)
    assert X.mean(axis=0) == pytest.approx(np.zeros(4))
    assert X.std(axis=0) == pytest.approx([1, 0, 1, 1])


def test_missing_cells(tmp_path):
    path = write(tmp_path, "a,b,t\n1,x,1\n,y,0\n3,,1\n4,y,0\n")
    with pytest.raises(DataError, match=r"1 of 4 values of the column 'a' are missing; .* missing=drop"):
        Table(path, target="t").load(None, 0)
    source = Table(path, target="t", client="b", missing="drop")
    X, y = source.load(None, 0)
    assert (X.tolist(), y.tolist(), source.groups().tolist()) == ([[1], [4]], [1, -1], ["x", "y"])
    assert Table(path, drop=("a", "b")).load(None, 0).X.tolist() == [[1], [0], [1], [0]]
    with pytest.raises(DataError, match="has no rows left"):
        Table(write(tmp_path, "a,b\n1,\n,2\n"), missing="drop").load(None, 0)


def test_records_and_names(tmp_path, monkeypatch):
    (tmp_path / "tables").mkdir()
    path = write(tmp_path / "tables", GOOD)
    monkeypatch.setenv("FEDMM_DATA", str(tmp_path))
    made = federation("table:data.csv,target=kind,drop=(site;colour)", "contiguous:2")
    monkeypatch.delenv("FEDMM_DATA")
    assert made.origin["data"]["path"] == path
    assert federation_from(made.origin).digest() == made.digest()
    monkeypatch.setenv("FEDMM_DATA", str(tmp_path))
    assert source_of("data.csv") == Table(path)
    with pytest.raises(DataError, match=r"no table 'dota.csv'. Did you mean 'data.csv'"):
        Table("dota.csv").load(None, 0)
    with pytest.raises(DataError, match="is a directory"):
        Table(str(tmp_path)).load(None, 0)
    write(tmp_path / "tables", GOOD + "1,red,north,true,cat\n")
    with pytest.raises(DataError, match="not the file that was recorded"):
        federation_from(made.origin)


@pytest.mark.parametrize(
    ("content", "fields", "message"),
    [
        ("", {}, "is empty"),
        ("a,b\n", {}, "has the names of columns and no rows"),
        ("a,b\n1,2\n1,2,3\n", {}, "is not a table of columns .*line 3, saw 3"),
        ("a,b\n1,2,3\n4,5,6\n", {}, "is not a table of columns"),
        ("a,b\n1,2\n3\n", {}, "1 of 2 values of the column 'b' are missing"),
        (b"a,b\n1,\xff\n", {}, "is not a table of columns .*utf-8"),
        (gzip.compress(GOOD.encode() * 9)[:-8], {}, "truncated or corrupt"),
        ("a,b\n1,2\n2,3\n4x,4\n", {}, "the column 'a' holds numbers, but also '4x'"),
        ("a,b\n1,2\n2,3\n4,?\n", {"target": "b"}, "the column 'b' holds numbers, but also '?'"),
        (GOOD, {"target": "king"}, "no column 'king' for table.target. Did you mean 'kind'"),
        (GOOD, {"client": "x"}, "no column 'x' for table.client"),
        (GOOD, {"drop": ("y",)}, "no column 'y' for table.drop"),
        (GOOD, {"categorical": "refuse"}, "the column 'colour' holds 'red', which is no number"),
        ("a\n1\ninf\n", {}, "the column 'a' holds infinite values"),
        ("a,t\n1,inf\n2,3\n", {"target": "t"}, "the column 't' holds infinite values"),
        ("a,t\nx,1\ny,2\n", {"target": "t", "categorical": "drop"}, "has no features left"),
        ("a\n" + "".join(f"n{k}\n" for k in range(1001)), {}, "the column 'a' has 1001 different values, .* drop=a"),
    ],
)
def test_bad_tables(tmp_path, content, fields, message):
    path = write(tmp_path, content)
    with pytest.raises(DataError, match=message) as caught:
        Table(path, **fields).load(None, 0)
    assert path in str(caught.value)


def test_bad_fields():
    with pytest.raises(SpecError, match="to name different columns, 'a' is named twice"):
        Table("x.csv", target="a", client="a")
    with pytest.raises(SpecError, match="limit to be an integer >= 1"):
        Table("x.csv", limit=0)


def test_parquet(tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is an extra: pip install 'fedmm[parquet]'")
    csv = write(tmp_path, GOOD)
    frame = pd.read_csv(csv)
    frame["kind"] = frame["kind"].astype("category")
    frame.to_parquet(tmp_path / "data.parquet")
    fields = {"target": "kind", "client": "site"}
    one, two = Table(csv, **fields), Table(str(tmp_path / "data.parquet"), **fields)
    assert np.array_equal(one.load(None, 0).X, two.load(None, 0).X)
    assert np.array_equal(one.load(None, 0).y, two.load(None, 0).y)
    assert one.classes() == two.classes()
    assert source_of(two.path) == Table(two.path)
    raw = (tmp_path / "data.parquet").read_bytes()
    pd.DataFrame({"day": pd.date_range("2020-01-01", periods=3)}).to_parquet(tmp_path / "days.parquet")
    with pytest.raises(DataError, match="the column 'day' holds dates or times"):
        Table(str(tmp_path / "days.parquet")).load(None, 0)
    for bad in (raw[:-30], raw[:20], b"", b"a,b\n1,2\n"):
        (tmp_path / "data.parquet").write_bytes(bad)
        with pytest.raises(DataError, match=r"data.parquet is (truncated or no Parquet file|empty)"):
            two.load(None, 0)


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.partition(".")[0] == "pyarrow":
            raise ImportError(name)
        return real(name, *rest)

    path = write(tmp_path, b"PAR1", "data.parquet")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DataError, match=re.escape("needs pyarrow; install it by pip install 'fedmm[parquet]'")):
        Table(path).load(None, 0)
