"""Data sources and partitions. A new one goes in `CATALOG`; everything else finds it there."""

from __future__ import annotations

from fedmm.build import federation, federation_from
from fedmm.federation import Partition, Source
from problems.data.bundled import BreastCancer, Diabetes, Digits
from problems.data.images import DigitPatches, ImageColors
from problems.data.libsvm import LibSVM
from problems.data.partitions import IID, Contiguous, Dirichlet
from problems.data.synthetic import SyntheticDictionary, SyntheticQuadratic, TestBed
from problems.data.synthetic_counts import SyntheticCounts
from problems.data.synthetic_logistic import SyntheticLogistic

__all__ = [
    "CATALOG",
    "IID",
    "BreastCancer",
    "Contiguous",
    "Diabetes",
    "DigitPatches",
    "Digits",
    "Dirichlet",
    "ImageColors",
    "LibSVM",
    "SyntheticCounts",
    "SyntheticDictionary",
    "SyntheticLogistic",
    "SyntheticQuadratic",
    "TestBed",
    "federation",
    "federation_from",
]

CATALOG: tuple[type[Source] | type[Partition], ...] = (
    BreastCancer,
    Contiguous,
    Diabetes,
    DigitPatches,
    Digits,
    Dirichlet,
    IID,
    ImageColors,
    LibSVM,
    SyntheticCounts,
    SyntheticDictionary,
    SyntheticLogistic,
    SyntheticQuadratic,
    TestBed,
)
"""Every source and partition, by its class."""
