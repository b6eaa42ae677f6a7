"""CIFAR-10 and CIFAR-100, binary version: 32 x 32 colour images, 50,000 for training and 10,000 for testing.

A record is the label (CIFAR-100: the coarse and the fine one), then 1024 bytes each of red, green and blue, row by row.
Source: A. Krizhevsky, *Learning multiple layers of features from tiny images*, 2009.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np

from fedmm.arguments import check_fields
from fedmm.download import Home
from fedmm.errors import DataError
from fedmm.federation import Samples, Source
from problems.data.files import check_digests, check_limit, digest, folder_of, read_bytes, unpacked
from problems.data.homes import CIFAR10_HOME, CIFAR100_HOME

__all__ = ["CIFAR10", "CIFAR100"]

PIXELS = 3 * 32 * 32

THINGS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
"""The classes of CIFAR-10, 0 to 9."""

PARTS = {
    "cifar-10": {"train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "test": ("test_batch.bin",)},
    "cifar-100": {"train": ("train.bin",), "test": ("test.bin",)},
}
"""The files of each part, in order."""


@dataclass(frozen=True)
class CIFAR10(Source):
    """Photographs of ten kinds of things, 3 x 32 x 32 values scaled to [0, 1]: red, then green, then blue.

    Parameters
    ----------
    part : {"train", "test"}
        50,000 or 10,000 images.
    labels : {"parity", "class"}
        y = -1 for classes of even and +1 of odd number, or the class itself: 0 airplane, 1 automobile, 2 bird, 3 cat,
        4 deer, 5 dog, 6 frog, 7 horse, 8 ship, 9 truck.
    limit : int or None
        Only the first so many images.
    path : str
        The folder of ``data_batch_1.bin`` ... ``test_batch.bin``, or of ``cifar-10-binary.tar.gz``; empty takes
        ``cifar-10`` under ``FEDMM_DATA``.
    sha256 : tuple of str
        The digests that the archive, or else the files of the part, must have; empty accepts any.
    """

    part: Literal["train", "test"] = "train"
    labels: Literal["parity", "class"] = "parity"
    limit: int | None = None
    path: str = ""
    sha256: tuple[str, ...] = ()

    name: ClassVar[str] = "cifar-10"

    def __post_init__(self) -> None:
        check_fields(self)
        check_limit(self.name, self.limit)

    def load(self, clients: int | None, seed: int) -> Samples:
        records = _records(folder_of(self.path, self.name, self.name), self.name, self.part, (10,), self.limit, self.sha256)
        kinds = records[:, 0].astype(np.float64)
        return Samples(records[:, 1:] / 255.0, 2.0 * (kinds % 2) - 1.0 if self.labels == "parity" else kinds)

    def classes(self) -> Mapping[float, str]:
        if self.labels == "parity":
            return {-1.0: "class of even number", 1.0: "class of odd number"}
        return {float(k): thing for k, thing in enumerate(THINGS)}

    @classmethod
    def homes(cls) -> tuple[Home, ...]:
        return (CIFAR10_HOME,)

    def pin(self) -> Self:
        folder = folder_of(self.path, self.name, self.name)
        return replace(self, path=str(folder), sha256=self.sha256 or _digests(folder, self.name, self.part))


@dataclass(frozen=True)
class CIFAR100(Source):
    """Photographs of a hundred kinds of things in twenty superclasses, which are the groups; 3 x 32 x 32 values in [0, 1].

    Parameters
    ----------
    part : {"train", "test"}
        50,000 or 10,000 images.
    labels : {"fine", "coarse"}
        y = the class 0 to 99, or the superclass 0 to 19; both in the alphabetical order of their names.
    limit : int or None
        Only the first so many images.
    path : str
        The folder of ``train.bin`` and ``test.bin``, or of ``cifar-100-binary.tar.gz``; empty takes ``cifar-100`` under
        ``FEDMM_DATA``.
    sha256 : tuple of str
        The digests that the archive, or else the file of the part, must have; empty accepts any.
    """

    part: Literal["train", "test"] = "train"
    labels: Literal["fine", "coarse"] = "fine"
    limit: int | None = None
    path: str = ""
    sha256: tuple[str, ...] = ()

    name: ClassVar[str] = "cifar-100"

    def __post_init__(self) -> None:
        check_fields(self)
        check_limit(self.name, self.limit)

    def load(self, clients: int | None, seed: int) -> Samples:
        records = self._read()
        return Samples(records[:, 2:] / 255.0, records[:, 0 if self.labels == "coarse" else 1].astype(np.float64))

    def groups(self) -> np.ndarray:
        return self._read()[:, 0].astype(np.int64)

    @classmethod
    def homes(cls) -> tuple[Home, ...]:
        return (CIFAR100_HOME,)

    def pin(self) -> Self:
        folder = folder_of(self.path, self.name, self.name)
        return replace(self, path=str(folder), sha256=self.sha256 or _digests(folder, self.name, self.part))

    def _read(self) -> np.ndarray:
        return _records(folder_of(self.path, self.name, self.name), self.name, self.part, (20, 100), self.limit, self.sha256)


def _archive(folder: Path, name: str) -> Path | None:
    path = folder / f"{name}-binary.tar.gz"
    return path if path.is_file() else None


def _plain(folder: Path, name: str, part: str) -> list[Path] | None:
    """The unpacked files of a part, in the folder or in the one that the archive makes; None unless all are there."""
    inner = folder / {"cifar-10": "cifar-10-batches-bin", "cifar-100": "cifar-100-binary"}[name]
    for place in (folder, inner):
        paths = [place / file for file in PARTS[name][part]]
        if all(path.is_file() for path in paths):
            return paths
    return None


def _missing(folder: Path, name: str, part: str) -> DataError:
    files = ", ".join(PARTS[name][part])
    return DataError(
        f"Expected {files} or {name}-binary.tar.gz in {folder}, not all are there; fetch them by `fedmm data get {name}`."
    )


def _digests(folder: Path, name: str, part: str) -> tuple[str, ...]:
    paths = _plain(folder, name, part) or ([archive] if (archive := _archive(folder, name)) is not None else [])
    if not paths:
        raise _missing(folder, name, part)
    return tuple(digest(path) for path in paths)


def _records(
    folder: Path, name: str, part: str, classes: tuple[int, ...], limit: int | None, digests: tuple[str, ...]
) -> np.ndarray:
    """The records of a part, one a row: a label for each of `classes`, then the pixels."""
    paths, archive = _plain(folder, name, part), _archive(folder, name)
    if paths is not None:
        files = [(path, read_bytes(path)) for path in paths]
        check_digests(files, digests)
    elif archive is not None:
        raw = read_bytes(archive)
        check_digests([(archive, raw)], digests)
        files = _members(archive, raw, PARTS[name][part])
    else:
        raise _missing(folder, name, part)
    width, found = len(classes) + PIXELS, []
    for path, content in files:
        if len(content) == 0 or len(content) % width:
            raise DataError(
                f"{path} is truncated or no file of {name}: expected records of {width} bytes, got {len(content)} bytes."
            )
        rows = np.frombuffer(content, dtype=np.uint8).reshape(-1, width)
        for k, count in enumerate(classes):
            if (bad := rows[:, k] >= count).any():
                at = int(np.argmax(bad))
                raise DataError(f"Expected labels 0 to {count - 1} in {path}, got {rows[at, k]} in record {at}.")
        found.append(rows)
    return np.concatenate(found)[:limit]


def _members(archive: Path, raw: bytes, names: tuple[str, ...]) -> list[tuple[Path, bytes]]:
    """The files of these names in the archive, wherever they lie in it."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(unpacked(archive, raw)), mode="r:") as tar:
            for member in tar:
                file = Path(member.name).name
                stream = tar.extractfile(member) if file in names and member.isfile() else None
                if stream is not None:
                    found[file] = stream.read()
    except (OSError, tarfile.TarError) as error:
        raise DataError(f"{archive} is truncated or corrupt ({error}); fetch it again.") from error
    for file in names:
        if file not in found:
            raise DataError(f"There is no {file} in {archive}; fetch it again.")
    return [(archive / file, found[file]) for file in names]
