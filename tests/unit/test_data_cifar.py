"""CIFAR's binary records, loose or in the archive: what is read, and the sentence for every way they can be bad."""

import io
import tarfile

import numpy as np
import pytest

from fedmm.errors import DataError
from problems.data import CIFAR10, CIFAR100, federation, federation_from

DICE = np.random.default_rng(0)
TEN = np.hstack([np.arange(20).reshape(20, 1) % 10, DICE.integers(0, 256, (20, 3072))]).astype(np.uint8)
HUNDRED = np.hstack([np.arange(7).reshape(7, 1) * 3, np.arange(7).reshape(7, 1) * 16, DICE.integers(0, 256, (7, 3072))])
HUNDRED = HUNDRED.astype(np.uint8)


def archive(path, folder, files):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in {"readme.html": b"x", **files}.items():
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))


def ten():
    files = {f"data_batch_{i + 1}.bin": TEN[4 * i : 4 * i + 4].tobytes() for i in range(5)}
    return {**files, "test_batch.bin": TEN[:2].tobytes()}


def test_ten_loose_and_in_the_archive(tmp_path, monkeypatch):
    loose, packed = tmp_path / "loose", tmp_path / "data" / "cifar-10"
    loose.mkdir()
    packed.mkdir(parents=True)
    for name, content in ten().items():
        (loose / name).write_bytes(content)
    archive(packed / "cifar-10-binary.tar.gz", "cifar-10-batches-bin", ten())
    monkeypatch.setenv("FEDMM_DATA", str(tmp_path / "data"))
    for source in (CIFAR10(labels="class"), CIFAR10(labels="class", path=str(loose))):
        X, y = source.load(None, 0)
        assert np.array_equal(X, TEN[:, 1:] / 255.0)
        assert np.array_equal(y, TEN[:, 0])
        made = federation(source, "contiguous:2")
        assert federation_from(made.origin).digest() == made.digest()
        assert len(made.origin["data"]["sha256"]) == (1 if source.path == "" else 5)
    X, y = CIFAR10("test", path=str(loose)).load(None, 0)
    assert np.array_equal(X, TEN[:2, 1:] / 255.0)
    assert np.array_equal(y, [-1, 1])
    assert CIFAR10(limit=3).load(None, 0).X.shape == (3, 3072)
    assert CIFAR10(labels="class").classes()[3] == "cat"
    pinned = CIFAR10(path=str(loose)).pin()
    (loose / "data_batch_4.bin").write_bytes(TEN[:4].tobytes())
    with pytest.raises(DataError, match=r"data_batch_4.bin is not the file that was recorded"):
        pinned.load(None, 0)


def test_a_hundred(tmp_path):
    (tmp_path / "train.bin").write_bytes(HUNDRED.tobytes())
    archive(tmp_path / "cifar-100-binary.tar.gz", "cifar-100-binary", {"test.bin": HUNDRED[:2].tobytes()})
    X, y = CIFAR100(path=str(tmp_path)).load(None, 0)
    assert np.array_equal(X, HUNDRED[:, 2:] / 255.0)
    assert np.array_equal(y, 16 * np.arange(7))
    coarse = CIFAR100(labels="coarse", path=str(tmp_path))
    assert np.array_equal(coarse.load(None, 0).y, 3 * np.arange(7))
    assert np.array_equal(coarse.groups(), 3 * np.arange(7))
    assert CIFAR100("test", path=str(tmp_path)).load(None, 0).X.shape == (2, 3072)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (
            "data_batch_2.bin",
            TEN[:4].tobytes()[:-1],
            "data_batch_2.bin is truncated or no file of cifar-10: .* 3073 bytes, got 12291",
        ),
        ("data_batch_2.bin", TEN[:4].tobytes() + b"\0", "got 12293 bytes"),
        ("data_batch_2.bin", b"", "got 0 bytes"),
        (
            "data_batch_3.bin",
            (TEN[:4] + np.uint8(8)).tobytes(),
            "Expected labels 0 to 9 in .*data_batch_3.bin, got 10 in record 2",
        ),
    ],
)
def test_bad_records(tmp_path, file, content, message):
    for name, good in ten().items():
        (tmp_path / name).write_bytes(good)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(DataError, match=message):
        CIFAR10(path=str(tmp_path)).load(None, 0)


def test_bad_archives(tmp_path):
    path = tmp_path / "cifar-10-binary.tar.gz"
    with pytest.raises(DataError, match=r"Expected data_batch_1.bin, .* in .*, not all are there; .* `fedmm data get cifar-10`"):
        CIFAR10(path=str(tmp_path)).load(None, 0)
    with pytest.raises(DataError, match="not all are there"):
        CIFAR10(path=str(tmp_path)).pin()
    archive(path, "x", ten())
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:-20], b"", b"no archive"):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"cifar-10-binary.tar.gz is truncated or corrupt"):
            CIFAR10(path=str(tmp_path)).load(None, 0)
    files = ten()
    del files["data_batch_5.bin"]
    archive(path, "x", files)
    with pytest.raises(DataError, match=r"There is no data_batch_5.bin in .*tar.gz"):
        CIFAR10(path=str(tmp_path)).load(None, 0)
