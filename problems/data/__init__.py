"""Data sources and partitions. A new one goes in `CATALOG`; everything else finds it there."""

from __future__ import annotations

from fedmm.build import federation, federation_from
from fedmm.federation import Partition, Source
from problems.data.bundled import BreastCancer, Diabetes, Digits
from problems.data.cifar import CIFAR10, CIFAR100
from problems.data.feature_shift import FeatureShift
from problems.data.idx import Idx
from problems.data.images import DigitPatches, ImageColors
from problems.data.kddcup import KDDCup99
from problems.data.kmeans import KMeans
from problems.data.libsvm import LibSVM
from problems.data.mnist import MNIST, FashionMNIST
from problems.data.movielens import MovieLens
from problems.data.natural import ByColumn, ByGroup
from problems.data.partitions import IID, Contiguous, Dirichlet
from problems.data.quantity import Quantity
from problems.data.ratings import SyntheticRatings
from problems.data.shards import Shards
from problems.data.synthetic import SyntheticDictionary, SyntheticQuadratic, TestBed
from problems.data.synthetic_counts import SyntheticCounts
from problems.data.synthetic_events import SyntheticCountMixture, SyntheticSurvival
from problems.data.synthetic_logistic import SyntheticLogistic
from problems.data.table import Table
from problems.data.text import SpeakerText

__all__ = [
    "CATALOG",
    "CIFAR10",
    "CIFAR100",
    "IID",
    "MNIST",
    "BreastCancer",
    "ByColumn",
    "ByGroup",
    "Contiguous",
    "Diabetes",
    "DigitPatches",
    "Digits",
    "Dirichlet",
    "FashionMNIST",
    "FeatureShift",
    "Idx",
    "ImageColors",
    "KDDCup99",
    "KMeans",
    "LibSVM",
    "MovieLens",
    "Quantity",
    "Shards",
    "SpeakerText",
    "SyntheticCountMixture",
    "SyntheticCounts",
    "SyntheticDictionary",
    "SyntheticLogistic",
    "SyntheticQuadratic",
    "SyntheticRatings",
    "SyntheticSurvival",
    "Table",
    "TestBed",
    "federation",
    "federation_from",
]

CATALOG: tuple[type[Source] | type[Partition], ...] = (
    BreastCancer,
    ByColumn,
    ByGroup,
    CIFAR10,
    CIFAR100,
    Contiguous,
    Diabetes,
    DigitPatches,
    Digits,
    Dirichlet,
    FashionMNIST,
    FeatureShift,
    IID,
    Idx,
    ImageColors,
    KDDCup99,
    KMeans,
    LibSVM,
    MNIST,
    MovieLens,
    Quantity,
    Shards,
    SpeakerText,
    SyntheticCountMixture,
    SyntheticCounts,
    SyntheticDictionary,
    SyntheticLogistic,
    SyntheticQuadratic,
    SyntheticRatings,
    SyntheticSurvival,
    Table,
    TestBed,
)
"""Every source and partition, by its class."""
