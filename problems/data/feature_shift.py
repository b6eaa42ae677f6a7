r"""Feature shift: clients hold samples that lie in different places.

Samples are put in the order of a score, the projection on the leading principal direction, and cut into equal shares: no
sample is altered. ``mixing`` runs from this split to IID: that fraction of the samples, drawn at random, change places among
each other before the cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fedmm.arguments import check_fields
from fedmm.arrays import is_sparse, to_numpy
from fedmm.errors import DataError, SpecError
from fedmm.federation import Partition, Samples
from problems.data.shares import check_clients, check_enough, for_sklearn

__all__ = ["FeatureShift", "column_of"]

SMALL = 1000
"""Up to so many features the covariance matrix is the quickest way to the leading direction."""


@dataclass(frozen=True)
class FeatureShift(Partition):
    """Feature shift: samples in the order of a feature or the leading principal direction, cut into equal shares.

    Parameters
    ----------
    mixing : float
        The fraction of the samples that are dealt out at random: 0 sorts all, 1 is IID.
    clients : int
        The number of clients.
    column : int or None
        The feature that is sorted by, from 0; None takes the leading principal direction.
    """

    mixing: float = 0.0
    clients: int = 10
    column: int | None = None

    name: ClassVar[str] = "feature-shift"

    def __post_init__(self) -> None:
        check_fields(self)
        check_clients(self, self.clients)
        if not 0 <= self.mixing <= 1:
            raise SpecError(f"Expected feature-shift.mixing in [0, 1], got {self.mixing}.")
        if self.column is not None and self.column < 0:
            raise SpecError(f"Expected feature-shift.column to be an integer >= 0, got {self.column}.")

    def split(self, samples: Samples, generator: np.random.Generator) -> list[np.ndarray]:
        n = check_enough(samples, self.clients)
        score = _leading(samples) if self.column is None else column_of(self, samples, self.column)
        if self.clients > 1 and score.min() == score.max():
            what = "the samples do not differ" if self.column is None else f"column {self.column} holds one value"
            raise DataError(f"The partition 'feature-shift' has nothing to sort by: {what}; use 'iid' or another column.")
        order = np.argsort(score, kind="stable")
        places = generator.choice(n, round(self.mixing * n), replace=False, shuffle=False)
        order[places] = generator.permutation(order[places])
        return [np.sort(rows) for rows in np.array_split(order, self.clients)]


def column_of(partition: Partition, samples: Samples, column: int) -> np.ndarray:
    """A feature of every sample.

    Raises
    ------
    DataError
        If there is no such column.
    """
    X, d = samples.X, int(samples.X.shape[1])
    if column >= d:
        raise DataError(f"The partition {partition.name!r} needs column {column}, the data have {d}, numbered from 0.")
    return X[:, [column]].toarray().ravel() if is_sparse(X) else to_numpy(X[:, column])


def _leading(samples: Samples) -> np.ndarray:
    """The samples' coordinate along the direction in which they vary most."""
    from sklearn.decomposition import PCA

    X = for_sklearn(samples)
    n, d = X.shape
    if d == 1:
        return X.toarray().ravel() if is_sparse(X) else X.ravel()
    if n == 1 or _all_rows_equal(X):
        return np.zeros(n)
    if is_sparse(X):
        return PCA(1, svd_solver="arpack", random_state=0).fit_transform(X).ravel()
    Z = X - X.mean(axis=0)  # first: the covariance of uncentred columns would cancel
    solver = "covariance_eigh" if d <= SMALL else "arpack"
    return PCA(1, svd_solver=solver, random_state=0).fit_transform(Z).ravel()


def _all_rows_equal(X: Any) -> bool:
    return bool((X.max(axis=0).toarray() == X.min(axis=0).toarray()).all() if is_sparse(X) else (X[0] == X).all())
