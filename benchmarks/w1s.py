"""W1s: W1 for 64 step sizes at once, beside 64 separate runs.

    python benchmarks/w1s.py

Of the separate runs every eighth is timed, in turn with the sweep; the ratio is taken pair by pair and its median counts.
"""

from __future__ import annotations

from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits
from workloads import LOCAL_STEPS, RIDGE, STEP, cpu_seconds, machine, shards

from fedmm import FedAvg, Federation, solve, solve_many
from problems import Logistic

ROUNDS, REPEATS, COUNTS, SAMPLED = 10, 5, (4, 16, 64), 8


def main() -> None:
    """Print the table."""
    print(f"W1s on {machine()}\nCPU ms a round and configuration, median of {REPEATS} pairs\n")
    print(f"{'dtype':8} {'together':>8} {'sweep':>8} {'alone':>8} {'ratio':>7} {'least':>7} {'most':>7}   |difference of theta|")
    problem = Logistic(ridge=RIDGE)
    for dtype in (np.float32, np.float64):
        federation = Federation(shards(100, dtype))
        for count in COUNTS:
            steps = np.geomspace(0.02 * STEP, 2.0 * STEP, count).tolist()
            some = steps[:: max(count // SAMPLED, 1)]

            def together(federation: Federation = federation, steps: list[float] = steps) -> object:
                method = FedAvg(local_steps=LOCAL_STEPS)
                return solve_many(problem, federation, method, over={"step": steps}, rounds=ROUNDS, metrics=())

            def alone(federation: Federation = federation, some: list[float] = some) -> list[np.ndarray]:
                methods = [FedAvg(local_steps=LOCAL_STEPS, step=step) for step in some]
                return [solve(problem, federation, method, rounds=ROUNDS, metrics=()).theta for method in methods]

            apart = alone()
            found = solve_many(
                problem, federation, FedAvg(local_steps=LOCAL_STEPS), over={"step": some}, rounds=ROUNDS, metrics=()
            )
            error = max(float(np.abs(one.theta - own).max()) for one, own in zip(found, apart, strict=True))
            pairs = []
            for _ in range(REPEATS):
                ours = cpu_seconds(together) / (ROUNDS * count) * 1e3
                theirs = cpu_seconds(alone) / (ROUNDS * len(some)) * 1e3
                pairs.append((ours, theirs, theirs / ours))
            ours, theirs, ratio = (median(column) for column in zip(*pairs, strict=True))
            ratios = [pair[2] for pair in pairs]
            print(
                f"{dtype.__name__:8} {count:8d} {ours:8.2f} {theirs:8.2f} {ratio:7.2f} "
                f"{min(ratios):7.2f} {max(ratios):7.2f}   {error:.1e}"
            )


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
