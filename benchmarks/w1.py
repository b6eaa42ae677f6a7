"""W1: 100 clients x 300 samples x 300 features, 5 local steps, 50 rounds; fedmm beside a plain NumPy loop.

    python benchmarks/w1.py

Both run in turn in one process; the ratio is taken pair by pair and its median is what counts.
"""

from __future__ import annotations

from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits
from workloads import cohorts_of, cpu_seconds, engine, machine, numpy_loop, shards

from fedmm import Federation
from fedmm.participation import Full

ROUNDS, REPEATS = 50, 7


def main() -> None:
    """Print the table."""
    print(f"W1 on {machine()}\nCPU ms a round, median of {REPEATS} pairs\n")
    print(f"{'dtype':8} {'fedmm':>8} {'numpy loop':>11} {'ratio':>7} {'least':>7} {'most':>7}   |theta - reference|/|reference|")
    cohorts = cohorts_of(100, ROUNDS, Full())
    reference = numpy_loop(shards(100, np.float64), cohorts, np.float64)
    for dtype in (np.float32, np.float64):
        clients = shards(100, dtype)
        federation = Federation(clients)
        theta = engine(federation, ROUNDS, Full())
        pairs = []
        for _ in range(REPEATS):
            ours = cpu_seconds(lambda f=federation: engine(f, ROUNDS, Full()))
            theirs = cpu_seconds(lambda c=clients, d=dtype: numpy_loop(c, cohorts, d))
            pairs.append((ours, theirs, ours / theirs))
        ours, theirs, ratio = (median(column) for column in zip(*pairs, strict=True))
        ratios = [pair[2] for pair in pairs]
        error = np.linalg.norm(theta - reference) / np.linalg.norm(reference)
        print(
            f"{dtype.__name__:8} {ours / ROUNDS * 1e3:8.2f} {theirs / ROUNDS * 1e3:11.2f} {ratio:7.3f} "
            f"{min(ratios):7.3f} {max(ratios):7.3f}   {error:.1e}"
        )


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
