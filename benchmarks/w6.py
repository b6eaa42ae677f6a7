"""W6: W1 with 10, 100, 1,000 and 10,000 clients, min(C, 100) of them a round; fedmm beside a plain NumPy loop.

    python benchmarks/w6.py [--dtype float32]

A round's time is that of a run less that of a run of 0 rounds, whose time (checks, a look at every client's labels) is printed
beside it; "against 100" is fedmm's time over its own with 100 clients, in the same pass. The 10,000 clients (3.6 GB in
float32) lie in a memory-mapped file in the temporary folder. Anonymous memory (what the process itself allocates) is printed:
it must grow with the cohort, not with the number of clients.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits
from workloads import cohort_rule, cohorts_of, cpu_seconds, engine, machine, numpy_loop, shards

from fedmm import Federation

ROUNDS, REPEATS = 50, 5
SIZES = (10, 100, 1_000, 10_000)


def anonymous_mb() -> float:
    """Anonymous resident memory of this process in MB (Linux), NaN elsewhere."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    line = next(line for line in status.read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    dtype = getattr(np, parser.parse_args().dtype)
    print(f"W6 ({dtype.__name__}) on {machine()}")
    print(f"CPU ms a round, median of {REPEATS} interleaved runs of {ROUNDS} rounds, data warm\n")
    with tempfile.TemporaryDirectory() as folder:
        clients = shards(SIZES[-1], dtype, Path(folder) / "clients.npy")
        federations = {C: Federation(clients[:C]) for C in SIZES}
        times: dict[int, list[tuple[float, float]]] = {C: [] for C in SIZES}
        setup: dict[int, list[float]] = {C: [] for C in SIZES}
        memory = {}
        for repeat in range(REPEATS + 1):
            for C in SIZES:
                rule = cohort_rule(C)
                cohorts = cohorts_of(C, ROUNDS, rule)
                before = cpu_seconds(lambda C=C, rule=rule: engine(federations[C], 0, rule))
                ours = cpu_seconds(lambda C=C, rule=rule: engine(federations[C], ROUNDS, rule)) - before
                theirs = cpu_seconds(lambda C=C, cohorts=cohorts: numpy_loop(clients[:C], cohorts, dtype))
                memory[C] = anonymous_mb()
                if repeat:
                    times[C].append((ours, theirs))
                    setup[C].append(before)
    print(" clients    fedmm  numpy loop   ratio  against 100  before round 1  anonymous MB")
    for C in SIZES:
        ours, theirs = (median(column) / ROUNDS * 1e3 for column in zip(*times[C], strict=True))
        ratio = median(a / b for a, b in times[C])
        growth = median(a[0] / b[0] for a, b in zip(times[C], times[100], strict=True))
        first = median(setup[C]) * 1e3
        print(f"{C:8,} {ours:8.2f} {theirs:11.2f} {ratio:7.3f} {growth:12.3f} {first:12.1f} ms {memory[C]:13.0f}")


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
