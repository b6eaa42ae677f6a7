"""idx files, MNIST and Fashion-MNIST: what is read, and the sentence for every way a file can be bad."""

import gzip
import hashlib
import lzma
import struct
from dataclasses import replace

import numpy as np
import pytest

from fedmm import spec
from fedmm.build import source_of
from fedmm.errors import DataError, SpecError
from problems.data import MNIST, FashionMNIST, Idx, federation, federation_from
from problems.data.idx import TYPES

DICE = np.random.default_rng(0)
IMAGES = DICE.integers(0, 256, (12, 28, 28), dtype=np.uint8)
DIGITS = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8], dtype=np.uint8)
WRITERS = np.array([7, 7, 7, 2, 2, 9, 9, 9, 9, 2, 7, 7])


def idx(array, code=None, sizes=None):
    """An idx file, written down from the description of the format."""
    codes = {np.dtype(kind).newbyteorder("="): code for code, kind in TYPES.items()}
    code = codes[array.dtype] if code is None else code
    sizes = array.shape if sizes is None else sizes
    header = struct.pack(f">HBB{len(sizes)}I", 0, code, len(sizes), *sizes)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def table(digits, writers):
    rows = np.zeros((len(digits) + 2, 8), dtype=np.int32)  # the table goes on beyond the images
    rows[: len(digits), 0], rows[: len(digits), 2] = digits, writers
    return rows


@pytest.fixture
def folder(tmp_path):
    home = tmp_path / "mnist"
    home.mkdir()
    (home / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(IMAGES)))
    (home / "train-labels-idx1-ubyte").write_bytes(idx(DIGITS))
    (home / "t10k-images.idx3-ubyte").write_bytes(idx(IMAGES[:3]))
    (home / "t10k-labels.idx1-ubyte.xz").write_bytes(lzma.compress(idx(DIGITS[:3])))
    (home / "qmnist-train-labels-idx2-int.gz").write_bytes(gzip.compress(idx(table(DIGITS, WRITERS))))
    return home


def test_images_labels_and_writers(folder, monkeypatch):
    monkeypatch.setenv("FEDMM_DATA", str(folder.parent))
    X, y = MNIST().load(None, 0)
    assert X.dtype == y.dtype == np.float64
    assert np.array_equal(X, IMAGES.reshape(12, 784) / 255.0)
    assert np.array_equal(y, [1, 1, -1, 1, 1, 1, -1, -1, 1, 1, 1, -1])
    X, y = MNIST("test", "digit").load(None, 0)
    assert np.array_equal(X, IMAGES[:3].reshape(3, 784) / 255.0)
    assert np.array_equal(y, DIGITS[:3])
    assert np.array_equal(MNIST().groups(), WRITERS)
    limited = MNIST(labels="digit", limit=5)
    assert np.array_equal(limited.load(None, 0).y, DIGITS[:5])
    assert np.array_equal(limited.groups(), WRITERS[:5])
    with pytest.raises(DataError, match=r"writers of MNIST are in qmnist-test-labels-idx2-int.gz, .* `fedmm data get mnist`"):
        MNIST("test").groups()
    assert MNIST().classes() == {-1.0: "even", 1.0: "odd"}
    assert FashionMNIST(labels="class").classes()[9] == "Ankle boot"
    assert FashionMNIST().groups() is None


def test_names_and_records(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("FEDMM_DATA", str(folder.parent))
    made = federation("mnist:labels=digit,limit=10", "contiguous:2")
    monkeypatch.delenv("FEDMM_DATA")
    origin = made.origin
    assert origin["data"]["path"] == str(folder)
    assert len(origin["data"]["sha256"]) == 3
    assert federation_from(origin).digest() == made.digest()
    labels = folder / "train-labels-idx1-ubyte"
    labels.write_bytes(idx(DIGITS[::-1]))
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte is not the file that was recorded: expected sha256 "):
        federation_from(origin)
    labels.write_bytes(idx(DIGITS))
    (folder / "qmnist-train-labels-idx2-int.gz").write_bytes(gzip.compress(idx(table(DIGITS, WRITERS[::-1]))))
    with pytest.raises(DataError, match=r"qmnist-train-labels-idx2-int.gz is not the file that was recorded"):
        spec.build("data", origin["data"]).groups()
    assert MNIST(path=str(folder)).load(None, 0).X.shape == (12, 784)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("train-labels-idx1-ubyte", b"", "train-labels-idx1-ubyte is empty"),
        (
            "train-labels-idx1-ubyte",
            b"<!DOCTYPE html>",
            "is not an idx file: expected a magic number such as 00000803, got 3c21444f",
        ),
        ("train-labels-idx1-ubyte", idx(DIGITS)[:6], "is truncated: expected 8 bytes of header, got 6"),
        ("train-labels-idx1-ubyte", idx(DIGITS)[:-1], r"is truncated: sizes \(12,\) ask for 20 bytes, got 19"),
        ("train-labels-idx1-ubyte", idx(DIGITS) + b"\0", r"is too long: sizes \(12,\) ask for 20 bytes, got 21"),
        ("train-labels-idx1-ubyte", idx(DIGITS.astype(np.int32)), "Expected numbers of type >u1 in .*, got >i4"),
        ("train-labels-idx1-ubyte", idx(DIGITS, sizes=(0,))[:8], r"holds nothing: its sizes are \(0,\)"),
        ("train-labels-idx1-ubyte", idx(DIGITS, sizes=(3, 4)), r"labels with one dimension in .*, got shape \(3, 4\)"),
        ("train-labels-idx1-ubyte", idx(DIGITS[:11]), "12 images in .* and 11 labels in"),
        ("train-labels-idx1-ubyte", idx(DIGITS + np.uint8(5)), "Expected classes 0 to 9 in .*, got 10 for image 4"),
        ("train-images-idx3-ubyte.gz", gzip.compress(idx(IMAGES))[:-9], "truncated or corrupt"),
        ("train-images-idx3-ubyte.gz", gzip.compress(idx(IMAGES)) + b"junk", "truncated or corrupt"),
        ("train-images-idx3-ubyte.gz", idx(IMAGES[:, :8, :8]), r"28 x 28 pixels in .*, got shape \(12, 8, 8\)"),
        ("train-images-idx3-ubyte.gz", idx(DIGITS), r"28 x 28 pixels in .*, got shape \(12,\)"),
        (
            "train-images-idx3-ubyte.gz",
            b"\0\0\x08\x02" + b"\xff" * 8,
            "is truncated: sizes .* ask for 18446744065119617037 bytes, got 12",
        ),
    ],
)
def test_bad_files(folder, file, content, message):
    (folder / file).write_bytes(content)
    with pytest.raises(DataError, match=message):
        MNIST(path=str(folder)).load(None, 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (idx(table(DIGITS[::-1], WRITERS)), "does not belong to .*: its classes differ"),
        (idx(table(DIGITS[:5], WRITERS[:5])), "does not belong to"),
        (idx(table(DIGITS, WRITERS)[:, :4]), "QMNIST's table of 8 columns"),
        (idx(DIGITS), "Expected numbers of type >i4"),
    ],
)
def test_bad_tables_of_writers(folder, content, message):
    (folder / "qmnist-train-labels-idx2-int.gz").write_bytes(content)
    with pytest.raises(DataError, match=message):
        MNIST(path=str(folder)).groups()


def test_missing_folders(folder, monkeypatch, tmp_path):
    monkeypatch.delenv("FEDMM_DATA", raising=False)
    with pytest.raises(DataError, match=r"'mnist' is looked for under FEDMM_DATA, which is not set; .* `fedmm data get mnist`"):
        MNIST().load(None, 0)
    monkeypatch.setenv("FEDMM_DATA", str(folder.parent))
    with pytest.raises(DataError, match="no folder 'fashion-mnist' under FEDMM_DATA"):
        FashionMNIST().load(None, 0)
    monkeypatch.setenv("FEDMM_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"FEDMM_DATA to name the folder of the data sets, there is no folder '.*nowhere'"):
        MNIST().load(None, 0)
    with pytest.raises(DataError, match=r"folder of the data set 'mnist' at '.*', it is a file"):
        MNIST(path=str(folder / "train-labels-idx1-ubyte")).load(None, 0)
    with pytest.raises(DataError, match="it is missing; give path=FOLDER"):
        MNIST(path=str(tmp_path / "nowhere")).load(None, 0)
    with pytest.raises(DataError, match=r"no train-images-idx3-ubyte \(plain, gz, xz or bz2\) in .*; fetch it by"):
        MNIST(path=str(tmp_path)).load(None, 0)
    for wrong in (0, -3):
        with pytest.raises(SpecError, match="limit to be an integer >= 1"):
            MNIST(limit=wrong)


@pytest.mark.parametrize("kind", sorted(TYPES.values()))
def test_every_type_of_number(tmp_path, kind):
    values = np.arange(24).reshape(4, 3, 2).astype(np.dtype(kind).newbyteorder("="))
    path = tmp_path / "numbers"
    path.write_bytes(idx(values))
    X, y = Idx(str(path)).load(None, 0)
    assert y is None
    assert np.array_equal(X, values.reshape(4, 6) / (255.0 if kind == ">u1" else 1.0))


def test_any_idx_file_by_its_path(folder, monkeypatch):
    images = folder / "train-images-idx3-ubyte.gz"
    source = source_of(images)
    assert source == Idx(str(images))
    X, y = source.load(None, 0)
    assert np.array_equal(X, IMAGES.reshape(12, 784) / 255.0)
    assert np.array_equal(y, DIGITS)  # the labels that lie beside it
    made = federation(images, "contiguous:3")
    assert federation_from(made.origin).digest() == made.digest()
    assert len(made.origin["data"]["sha256"]) == 2
    two = folder / "labels"
    two.write_bytes(idx(DIGITS % 2 + np.uint8(3)))
    assert np.array_equal(Idx(str(images), labels=str(two)).load(None, 0).y, 2.0 * (DIGITS % 2) - 1)
    assert Idx.opens(two) is None  # labels alone are no samples
    two.write_bytes(idx(DIGITS[:4]))
    with pytest.raises(DataError, match="Expected one label an image, got 12 images"):
        Idx(str(images), labels=str(two)).load(None, 0)
    with pytest.raises(DataError, match="no idx file of labels 'nowhere'"):
        Idx(str(images), labels="nowhere").load(None, 0)
    with pytest.raises(DataError, match="at least two dimensions"):
        Idx(str(two)).load(None, 0)


@pytest.mark.parametrize(("cls", "name"), [(MNIST, "mnist"), (FashionMNIST, "fashion-mnist")])
def test_the_real_files_are_the_originals(fedmm_data, cls, name):
    home = fedmm_data(name)
    for remote in cls.homes()[0].files:
        assert hashlib.sha256((home / remote.file).read_bytes()).hexdigest() == remote.digest.removeprefix("sha256:")


@pytest.mark.parametrize(
    ("source", "n", "first", "counts", "mean"),
    [
        (
            MNIST(labels="digit"),
            60000,
            [5, 0, 4, 1, 9],
            [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
            0.1306604762738429,
        ),
        (MNIST("test", "digit"), 10000, [7, 2, 1, 0, 4], [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009], 0.1325),
        (FashionMNIST(labels="class"), 60000, [9, 0, 0, 3, 0], [6000] * 10, 0.28604),
        (FashionMNIST("test", "class"), 10000, [9, 2, 1, 1, 6], [1000] * 10, 0.2868),
    ],
)
def test_real_images(fedmm_data, source, n, first, counts, mean):
    source = replace(source, path=str(fedmm_data(source.name)))
    X, y = source.load(None, 0)
    assert X.shape == (n, 784)
    assert y[:5].tolist() == first
    assert np.bincount(y.astype(int)).tolist() == counts
    assert (X.min(), X.max()) == (0.0, 1.0)
    assert X.mean() == pytest.approx(mean, abs=1e-4)  # 0.1307 and 0.2860 are the means everybody normalises with


def test_real_writers(fedmm_data):
    writers = MNIST(path=str(fedmm_data("mnist"))).groups()
    names, counts = np.unique(writers, return_counts=True)
    assert (len(writers), len(names), counts.min(), counts.max()) == (60000, 539, 19, 131)
    test = MNIST("test", path=str(fedmm_data("mnist"))).groups()
    assert len(test) == 10000
