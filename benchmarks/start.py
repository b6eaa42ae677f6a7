"""Start: `import fedmm`, then the first round of W1, each in a fresh process.

python benchmarks/start.py
"""

from __future__ import annotations

import subprocess
import sys
from statistics import median

from workloads import machine

FIRST_ROUND = """
import time; begin = time.perf_counter(), time.process_time()
import numpy as np
numpy_done = time.perf_counter()
from fedmm import FedAvg, Federation, Samples, solve
from problems import Logistic
imported = time.perf_counter()
X = np.ones((300, 300)); y = np.ones(300)
middle = time.perf_counter()
federation = Federation([Samples(X, y)] * 100, check=False)
solve(Logistic(ridge=1e-3), federation, FedAvg(local_steps=5, step=0.5), rounds=1, metrics=())
end = time.perf_counter()
print(numpy_done - begin[0], imported - begin[0], end - begin[0] - (middle - imported), time.process_time() - begin[1])
"""
REPEATS = 9


def main() -> None:
    """Print the table."""
    rows = []
    for _ in range(REPEATS):
        done = subprocess.run([sys.executable, "-c", FIRST_ROUND], capture_output=True, text=True, check=True)
        rows.append([float(word) for word in done.stdout.split()])
    numpy_alone, imported, finished, cpu = (median(column) for column in zip(*rows, strict=True))
    print(f"Start on {machine()}\nseconds after the interpreter is up, median of {REPEATS} processes\n")
    print(f"import numpy alone                   {numpy_alone:.3f}")
    print(f"import fedmm and problems            {imported:.3f}")
    print(f"... and finish a first round of W1   {finished:.3f}   (CPU {cpu:.3f})")


if __name__ == "__main__":
    main()
