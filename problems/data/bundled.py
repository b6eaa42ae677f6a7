"""Small real data sets that come with scikit-learn, ready for linear models without intercept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from fedmm.arguments import check_fields
from fedmm.federation import Samples, Source

__all__ = ["BreastCancer", "Diabetes", "Digits"]


@dataclass(frozen=True)
class BreastCancer(Source):
    """Wisconsin breast cancer: 569 x 30, features standardised; y = -1 (malignant) or +1 (benign)."""

    name: ClassVar[str] = "breast-cancer"

    def load(self, clients: int | None, seed: int) -> Samples:
        from sklearn.datasets import load_breast_cancer

        bunch: Any = load_breast_cancer()
        return Samples(_standardised(bunch.data), 2.0 * bunch.target - 1.0)


@dataclass(frozen=True)
class Diabetes(Source):
    """Diabetes progression: 442 x 10, features and target standardised."""

    name: ClassVar[str] = "diabetes"

    def load(self, clients: int | None, seed: int) -> Samples:
        from sklearn.datasets import load_diabetes

        bunch: Any = load_diabetes(scaled=False)
        return Samples(_standardised(bunch.data), _standardised(bunch.target))


@dataclass(frozen=True)
class Digits(Source):
    """Handwritten digits, 1797 images of 8 x 8 pixels scaled to [0, 1].

    Parameters
    ----------
    labels : {"parity", "digit"}
        y = -1 for even and +1 for odd digits, or the digit itself, 0 to 9.
    """

    labels: Literal["parity", "digit"] = "parity"

    name: ClassVar[str] = "digits"

    def __post_init__(self) -> None:
        check_fields(self)

    def load(self, clients: int | None, seed: int) -> Samples:
        from sklearn.datasets import load_digits

        bunch: Any = load_digits()
        digit = bunch.target.astype(float)
        return Samples(bunch.data / 16.0, 2.0 * (digit % 2) - 1.0 if self.labels == "parity" else digit)


def _standardised(x: np.ndarray) -> np.ndarray:
    """Columns with mean 0 and variance 1."""
    return (x - x.mean(axis=0)) / x.std(axis=0)
