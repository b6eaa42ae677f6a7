"""Sparse data: the oracles of one client with the rows of w8a (300 features, 4 % not zero), CSR beside dense.

    FEDMM_DATA=... python benchmarks/sparse.py [--rows 20000]

CPU milliseconds a call, the least of 7 interleaved passes, and the largest difference of the results, relative to the largest
entry. The file is read from FEDMM_DATA/libsvm.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits
from workloads import cpu_seconds, machine

from fedmm import Samples
from problems import Dictionary, Logistic, Multinomial
from problems.data import LibSVM

REPEATS = 7


def calls(data: Samples) -> dict[str, Any]:
    """What is timed, by name."""
    rng = np.random.default_rng(0)
    theta, two = 0.1 * rng.standard_normal(300), 0.1 * rng.standard_normal(600)
    classes = Samples(data.X, 0.5 + 0.5 * data.y)
    boehning = Logistic(ridge=1e-3, surrogate="boehning")
    atoms = Dictionary(16, l1=0.1, l2=0.1, iterations=10)
    D = 0.1 * rng.standard_normal(300 * 16)
    curvature = boehning.cold(data)
    return {
        "logistic gradient": lambda: Logistic(ridge=1e-3).gradient(data, theta),
        "logistic Boehning curvature": lambda: boehning.cold(data),
        "logistic Boehning statistic": lambda: boehning.statistic(data, theta, warm=curvature)[0],
        "multinomial gradient": lambda: Multinomial(2).gradient(classes, two),
        "dictionary statistic": lambda: atoms.statistic(data, D)[0],
        "dictionary value": lambda: atoms.value(data, D),
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    rows = parser.parse_args().rows
    X, y = LibSVM("w8a", n_features=300).load(None, 0)
    X, y = X[:rows].tocsr(), y[:rows]
    print(f"w8a, {X.shape[0]:,} rows, {X.nnz / X.shape[0] / X.shape[1]:.1%} not zero, on {machine()}")
    print(f"CPU ms a call, least of {REPEATS}\n")
    dense, sparse = calls(Samples(X.toarray(), y)), calls(Samples(X, y))
    print(f"{'oracle':28} {'dense':>9} {'CSR':>9} {'ratio':>7} {'difference':>11}")
    for name in dense:
        got, want = np.asarray(sparse[name]()), np.asarray(dense[name]())
        pairs = [(cpu_seconds(dense[name]), cpu_seconds(sparse[name])) for _ in range(REPEATS)]
        slow, fast = (1e3 * min(column) for column in zip(*pairs, strict=True))
        gap = np.abs(got - want).max() / np.abs(want).max()
        print(f"{name:28} {slow:9.2f} {fast:9.2f} {fast / slow:7.2f} {gap:11.1e}")


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
