"""MNIST and Fashion-MNIST: 60,000 images for training and 10,000 for testing, 28 x 28 grey pixels, ten classes.

QMNIST's tables add who wrote each digit of MNIST, which makes writers natural clients.

Sources: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition",
Proceedings of the IEEE 86, 1998; H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST", arXiv 1708.07747; C. Yadav, L. Bottou,
"Cold case: the lost MNIST digits", NeurIPS 2019 (QMNIST).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np

from fedmm.arguments import check_fields
from fedmm.download import Home
from fedmm.errors import DataError
from fedmm.federation import Samples, Source
from problems.data.files import check_digests, check_limit, digest, folder_of, in_folder, read_bytes, unpacked
from problems.data.homes import FASHION_HOME, MNIST_HOME
from problems.data.idx import check_counts, parse_idx, pixels

__all__ = ["MNIST", "FashionMNIST"]

GARMENTS = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
"""The classes of Fashion-MNIST, 0 to 9."""

STEMS = {"train": "train", "test": "t10k"}
"""How the files of a part begin."""


@dataclass(frozen=True)
class MNIST(Source):
    """Handwritten digits, 28 x 28 pixels scaled to [0, 1]; groups are the writers, where QMNIST's tables are there.

    Parameters
    ----------
    part : {"train", "test"}
        60,000 or 10,000 images.
    labels : {"parity", "digit"}
        y = -1 for even and +1 for odd digits, or the digit itself, 0 to 9.
    limit : int or None
        Only the first so many images.
    path : str
        The folder of the four idx files (plain or compressed); empty takes ``mnist`` under ``FEDMM_DATA``. For groups it
        also holds ``qmnist-train-labels-idx2-int`` and ``qmnist-test-labels-idx2-int``.
    sha256 : tuple of str
        The digests that images, labels and, if recorded, the writers' table must have; empty accepts any.
    """

    part: Literal["train", "test"] = "train"
    labels: Literal["parity", "digit"] = "parity"
    limit: int | None = None
    path: str = ""
    sha256: tuple[str, ...] = ()

    name: ClassVar[str] = "mnist"

    def __post_init__(self) -> None:
        check_fields(self)
        check_limit(self.name, self.limit)

    def load(self, clients: int | None, seed: int) -> Samples:
        folder = folder_of(self.path, self.name, self.name)
        X, digits = _images(folder, self.part, self.name, self.limit, self.sha256)
        return Samples(X, _parity(digits) if self.labels == "parity" else digits)

    def groups(self) -> np.ndarray:
        folder = folder_of(self.path, self.name, self.name)
        path = self._table(folder)
        if path is None:
            raise DataError(
                f"The writers of MNIST are in qmnist-{self.part}-labels-idx2-int.gz, which is not in {folder}; fetch it by "
                "`fedmm data get mnist`."
            )
        raw = read_bytes(path)
        check_digests([(path, raw)], self.sha256[2:])
        table = parse_idx(path, unpacked(path, raw), ">i4")
        if table.ndim != 2 or table.shape[1] != 8:
            raise DataError(f"Expected QMNIST's table of 8 columns in {path}, got shape {table.shape}.")
        ours = _file(folder, f"{STEMS[self.part]}-labels-idx1-ubyte", self.name)
        digits = parse_idx(ours, unpacked(ours, read_bytes(ours)), ">u1")
        table = table[: len(digits)]  # the test table goes on with the digits that MNIST left out
        if len(table) != len(digits) or (table[:, 0] != digits).any():
            raise DataError(f"{path} does not belong to {ours}: its classes differ; fetch both again.")
        return table[: self.limit, 2].astype(np.int64)

    def classes(self) -> Mapping[float, str]:
        return {-1.0: "even", 1.0: "odd"} if self.labels == "parity" else {float(k): str(k) for k in range(10)}

    @classmethod
    def homes(cls) -> tuple[Home, ...]:
        return (MNIST_HOME,)

    def pin(self) -> Self:
        folder = folder_of(self.path, self.name, self.name)
        table = self._table(folder)
        found = tuple(digest(path) for path in (*_pair(folder, self.part, self.name), *([table] if table else [])))
        return replace(self, path=str(folder), sha256=self.sha256 or found)

    def _table(self, folder: Path) -> Path | None:
        return in_folder(folder, [f"qmnist-{self.part}-labels-idx2-int"])


@dataclass(frozen=True)
class FashionMNIST(Source):
    """Zalando's articles of clothing, 28 x 28 pixels scaled to [0, 1].

    Parameters
    ----------
    part : {"train", "test"}
        60,000 or 10,000 images.
    labels : {"parity", "class"}
        y = -1 for classes of even and +1 of odd number, or the class itself: 0 T-shirt/top, 1 Trouser, 2 Pullover,
        3 Dress, 4 Coat, 5 Sandal, 6 Shirt, 7 Sneaker, 8 Bag, 9 Ankle boot.
    limit : int or None
        Only the first so many images.
    path : str
        The folder of the four idx files (plain or compressed); empty takes ``fashion-mnist`` under ``FEDMM_DATA``.
    sha256 : tuple of str
        The digests that images and labels must have; empty accepts any.
    """

    part: Literal["train", "test"] = "train"
    labels: Literal["parity", "class"] = "parity"
    limit: int | None = None
    path: str = ""
    sha256: tuple[str, ...] = ()

    name: ClassVar[str] = "fashion-mnist"

    def __post_init__(self) -> None:
        check_fields(self)
        check_limit(self.name, self.limit)

    def load(self, clients: int | None, seed: int) -> Samples:
        folder = folder_of(self.path, self.name, self.name)
        X, kinds = _images(folder, self.part, self.name, self.limit, self.sha256)
        return Samples(X, _parity(kinds) if self.labels == "parity" else kinds)

    def classes(self) -> Mapping[float, str]:
        if self.labels == "parity":
            return {-1.0: "class of even number", 1.0: "class of odd number"}
        return {float(k): garment for k, garment in enumerate(GARMENTS)}

    @classmethod
    def homes(cls) -> tuple[Home, ...]:
        return (FASHION_HOME,)

    def pin(self) -> Self:
        folder = folder_of(self.path, self.name, self.name)
        found = tuple(digest(path) for path in _pair(folder, self.part, self.name))
        return replace(self, path=str(folder), sha256=self.sha256 or found)


def _file(folder: Path, stem: str, name: str) -> Path:
    path = in_folder(folder, [stem, stem.replace("-idx", ".idx")])
    if path is None:
        raise DataError(f"There is no {stem} (plain, gz, xz or bz2) in {folder}; fetch it by `fedmm data get {name}`.")
    return path


def _pair(folder: Path, part: str, name: str) -> tuple[Path, Path]:
    stem = STEMS[part]
    return _file(folder, f"{stem}-images-idx3-ubyte", name), _file(folder, f"{stem}-labels-idx1-ubyte", name)


def _images(folder: Path, part: str, name: str, limit: int | None, digests: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The pixels (n, 784) and the classes 0 to 9 (n,) of a part."""
    paths = _pair(folder, part, name)
    files = [(path, read_bytes(path)) for path in paths]
    check_digests(files, digests)
    images, classes = (parse_idx(path, unpacked(path, raw), ">u1") for path, raw in files)
    if images.ndim != 3 or images.shape[1:] != (28, 28):
        raise DataError(f"Expected images of 28 x 28 pixels in {paths[0]}, got shape {images.shape}.")
    if classes.ndim != 1:
        raise DataError(f"Expected labels with one dimension in {paths[1]}, got shape {classes.shape}.")
    check_counts(paths[0], images, paths[1], classes)
    if (bad := classes > 9).any():
        at = int(np.argmax(bad))
        raise DataError(f"Expected classes 0 to 9 in {paths[1]}, got {classes[at]} for image {at}.")
    return pixels(paths[0], images, limit), classes[:limit].astype(np.float64)


def _parity(classes: np.ndarray) -> np.ndarray:
    return 2.0 * (classes % 2) - 1.0
