"""Files in the idx format of the MNIST home page: a magic number, the sizes, and the numbers row by row.

The magic number is two zero bytes, the code of the type, and the number of dimensions; sizes are 4 bytes each and all
numbers are big-endian.

| code | type |
|---|---|
| 0x08, 0x09 | bytes, without and with sign |
| 0x0B, 0x0C | integers of 2 and 4 bytes |
| 0x0D, 0x0E | floats of 4 and 8 bytes |
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from fedmm.arguments import check_fields
from fedmm.errors import DataError
from fedmm.federation import Samples, Source
from problems.data.files import check_digests, check_limit, digest, head, in_folder, one_of_two, read_bytes, unpacked

__all__ = ["Idx", "parse_idx", "pixels"]

TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""The types of the numbers by their code."""


@dataclass(frozen=True)
class Idx(Source):
    """Images in an idx file, one row of pixels in [0, 1] each, with their labels from a second idx file.

    Images of bytes are divided by 255; of any other type they are taken as they are.

    Parameters
    ----------
    path : str
        The images (plain, gz, bz2 or xz), an idx file of at least two dimensions, samples first.
    labels : str or None
        The labels, an idx file of one dimension; None takes the file beside the images with ``labels-idx1`` in its name
        where theirs has ``images-idx3``, if it is there. Exactly two values become -1 and +1.
    limit : int or None
        Only the first so many samples.
    sha256 : tuple of str
        The digests that the images and the labels must have; empty accepts any.
    """

    path: str
    labels: str | None = None
    limit: int | None = None
    sha256: tuple[str, ...] = ()

    name: ClassVar[str] = "idx"

    def __post_init__(self) -> None:
        check_fields(self)
        check_limit(self.name, self.limit)

    def load(self, clients: int | None, seed: int) -> Samples:
        paths = self._files()
        files = [(path, read_bytes(path)) for path in paths]
        check_digests(files, self.sha256)
        images, *tables = [parse_idx(path, unpacked(path, raw)) for path, raw in files]
        if not tables:
            return Samples(pixels(paths[0], images, self.limit))
        if tables[0].ndim != 1:
            raise DataError(f"Expected labels with one dimension in {paths[1]}, got shape {tables[0].shape}.")
        check_counts(paths[0], images, paths[1], tables[0])
        return Samples(pixels(paths[0], images, self.limit), one_of_two(tables[0][: self.limit].astype(float)))

    def pin(self) -> Self:
        paths = self._files()
        names = [str(path) for path in paths]
        labels = names[1] if len(names) > 1 else None
        return replace(self, path=names[0], labels=labels, sha256=self.sha256 or tuple(digest(path) for path in paths))

    @classmethod
    def opens(cls, path: Path) -> Self | None:
        start = head(path, 4)
        return cls(str(path)) if len(start) == 4 and start[:2] == b"\0\0" and start[2] in TYPES and start[3] >= 2 else None

    def _files(self) -> list[Path]:
        found = []
        for what, name in (("images", self.path), ("labels", self.labels)):
            if name is None:
                continue
            path = Path(name).expanduser()
            if not path.is_file():
                raise DataError(f"There is no idx file of {what} {name!r}; check the path.")
            found.append(path.resolve())
        if self.labels is None and (beside := re.sub(r"images([-.])idx3", r"labels\1idx1", found[0].name)) != found[0].name:
            path = in_folder(found[0].parent, [beside, beside.removesuffix(found[0].suffix)])
            found += [path] if path is not None else []
        return found


def parse_idx(path: Path, content: bytes, kind: str | None = None) -> np.ndarray:
    """The array that an idx file holds, a read-only view of `content`.

    Parameters
    ----------
    path : Path
        Where it came from, for messages.
    content : bytes
        The file, unpacked.
    kind : str or None
        The type the numbers must have, as in ``">u1"``; None takes any.

    Raises
    ------
    DataError
        For a wrong magic number or type, a size of zero, or too few or too many bytes.
    """
    if not content:
        raise DataError(f"{path} is empty; expected an idx file.")
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in TYPES or content[3] == 0:
        raise DataError(f"{path} is not an idx file: expected a magic number such as 00000803, got {content[:4].hex()}.")
    found, dimensions = TYPES[content[2]], content[3]
    if kind is not None and found != kind:
        raise DataError(f"Expected numbers of type {kind} in {path}, got {found} (magic number {content[:4].hex()}).")
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise DataError(f"{path} is truncated: expected {start} bytes of header, got {len(content)}.")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    expected = start + np.dtype(found).itemsize * prod(shape)
    if 0 in shape:
        raise DataError(f"{path} holds nothing: its sizes are {shape}.")
    if len(content) != expected:
        what = "truncated" if len(content) < expected else "too long"
        raise DataError(f"{path} is {what}: sizes {shape} ask for {expected} bytes, got {len(content)}.")
    return np.frombuffer(content, dtype=found, offset=start).reshape(shape)


def pixels(path: Path, images: np.ndarray, limit: int | None = None) -> np.ndarray:
    """Images as rows of floats, bytes divided by 255, the first `limit` of them.

    Raises
    ------
    DataError
        If the array has fewer than two dimensions.
    """
    if images.ndim < 2:
        raise DataError(f"Expected images with at least two dimensions in {path}, got shape {images.shape}.")
    rows = images[:limit].reshape(len(images[:limit]), -1).astype(np.float64)
    if images.dtype == np.uint8:
        rows /= 255.0
    return rows


def check_counts(one: Path, images: np.ndarray, other: Path, labels: np.ndarray) -> None:
    """That there are as many labels as images.

    Raises
    ------
    DataError
        If there are not.
    """
    if len(images) != len(labels):
        raise DataError(f"Expected one label an image, got {len(images)} images in {one} and {len(labels)} labels in {other}.")
