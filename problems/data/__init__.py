"""Data sources and partitions. A new one goes in `CATALOG`; everything else finds it there."""

from __future__ import annotations

from fedmm.build import federation, federation_from
from fedmm.federation import Partition, Source
from problems.data.bundled import BreastCancer, Diabetes, Digits
from problems.data.feature_shift import FeatureShift
from problems.data.images import DigitPatches, ImageColors
from problems.data.kmeans import KMeans
from problems.data.libsvm import LibSVM
from problems.data.natural import ByColumn, ByGroup
from problems.data.partitions import IID, Contiguous, Dirichlet
from problems.data.quantity import Quantity
from problems.data.shards import Shards
from problems.data.synthetic import SyntheticDictionary, SyntheticQuadratic, TestBed
from problems.data.synthetic_counts import SyntheticCounts
from problems.data.synthetic_events import SyntheticCountMixture, SyntheticSurvival
from problems.data.synthetic_logistic import SyntheticLogistic

__all__ = [
    "CATALOG",
    "IID",
    "BreastCancer",
    "ByColumn",
    "ByGroup",
    "Contiguous",
    "Diabetes",
    "DigitPatches",
    "Digits",
    "Dirichlet",
    "FeatureShift",
    "ImageColors",
    "KMeans",
    "LibSVM",
    "Quantity",
    "Shards",
    "SyntheticCountMixture",
    "SyntheticCounts",
    "SyntheticDictionary",
    "SyntheticLogistic",
    "SyntheticQuadratic",
    "SyntheticSurvival",
    "TestBed",
    "federation",
    "federation_from",
]

CATALOG: tuple[type[Source] | type[Partition], ...] = (
    BreastCancer,
    ByColumn,
    ByGroup,
    Contiguous,
    Diabetes,
    DigitPatches,
    Digits,
    Dirichlet,
    FeatureShift,
    IID,
    ImageColors,
    KMeans,
    LibSVM,
    Quantity,
    Shards,
    SyntheticCountMixture,
    SyntheticCounts,
    SyntheticDictionary,
    SyntheticLogistic,
    SyntheticQuadratic,
    SyntheticSurvival,
    TestBed,
)
"""Every source and partition, by its class."""
