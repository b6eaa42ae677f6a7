"""Patches and colours of images that come with scikit-learn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fedmm.arguments import check_fields
from fedmm.arrays import Array
from fedmm.errors import SpecError
from fedmm.federation import Samples, Source

__all__ = ["DigitPatches", "ImageColors"]


@dataclass(frozen=True)
class DigitPatches(Source):
    """Square patches of the 8 x 8 digit images, on a grid: one row of size**2 pixels each; y = the digit.

    Every patch has its mean removed, constant patches are dropped, and all are divided by one number that makes the
    mean square of a pixel 1.

    Parameters
    ----------
    size : int
        The side of a patch, 2 to 8.
    stride : int
        The step of the grid.
    images : int
        How many images are cut up, the first ones; at most 1797.
    """

    size: int = 4
    stride: int = 4
    images: int = 1000

    name: ClassVar[str] = "digits-patches"

    def __post_init__(self) -> None:
        check_fields(self)
        _check_range(self.name, "size", self.size, 2, 8)
        _check_range(self.name, "stride", self.stride, 1, 8)
        _check_range(self.name, "images", self.images, 1, 1797)

    def load(self, clients: int | None, seed: int) -> Samples:
        from sklearn.datasets import load_digits

        bunch: Any = load_digits()
        corners = range(0, 8 - self.size + 1, self.stride)
        windows = np.lib.stride_tricks.sliding_window_view(bunch.images[: self.images], (self.size, self.size), (1, 2))
        grid = windows[:, corners][:, :, corners]
        X = grid.reshape(-1, self.size**2)
        y = np.repeat(bunch.target[: self.images].astype(float), len(corners) ** 2)
        X = X - X.mean(axis=1, keepdims=True)
        varies = (X != 0).any(axis=1)  # pixels are whole numbers and a mean of equal ones is exact
        X, y = X[varies], y[varies]
        return Samples(X / np.sqrt(np.mean(X**2)), y)


@dataclass(frozen=True)
class ImageColors(Source):
    """Colours to be carried from one photograph to the palette of another, for optimal transport.

    The private samples are pixels of china.jpg as (red, green, blue) in [0, 1]; y is the number of the horizontal band
    a pixel lies in, from the top, so that clients split by label see sky, roof or trees. Public are ``atoms``, pixels
    of flower.jpg (m, 3), and ``masses``, 1/m each. Which pixels are taken is fixed: it depends on no seed of a run.

    Parameters
    ----------
    pixels : int
        The number of private pixels.
    atoms : int
        m, the number of public colours.
    bands : int
        The number of horizontal bands.
    """

    pixels: int = 2000
    atoms: int = 32
    bands: int = 8

    name: ClassVar[str] = "image-colors"

    def __post_init__(self) -> None:
        check_fields(self)
        _check_range(self.name, "pixels", self.pixels, 1, 427 * 640)
        _check_range(self.name, "atoms", self.atoms, 1, 427 * 640)
        _check_range(self.name, "bands", self.bands, 1, 427)

    def load(self, clients: int | None, seed: int) -> Samples:
        image = _photograph("china.jpg")
        height, width, _ = image.shape
        rows = _some(height * width, self.pixels)
        y = (rows // width) * self.bands // height
        return Samples(image.reshape(-1, 3)[rows], y.astype(float))

    def public(self) -> dict[str, Array]:
        image = _photograph("flower.jpg").reshape(-1, 3)
        return {"atoms": image[_some(len(image), self.atoms)], "masses": np.full(self.atoms, 1.0 / self.atoms)}


def _photograph(file: str) -> np.ndarray:
    """A sample image with values in [0, 1], shape (427, 640, 3)."""
    from sklearn.datasets import load_sample_image

    image: Any = load_sample_image(file)
    return image / 255.0


def _some(n: int, count: int) -> np.ndarray:
    """`count` different numbers below n, spread at random but always the same, in increasing order."""
    return np.sort(np.random.default_rng(0).choice(n, count, replace=False))


def _check_range(source: str, field: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise SpecError(f"Expected {source}.{field} to be an integer from {low} to {high}, got {value!r}.")
