"""W4: dictionary learning, objective against CPU time from one start: fedmm, scikit-learn, and SPAMS where it is installed.

    python benchmarks/w4.py [--clients 1] [--dtype float64] [--start samples]

2,000 samples of 500 numbers, each a mixture of 5 of 50 unit atoms with Gaussian weights, plus noise of deviation 0.03; K = 50,
alpha = 0.1, atoms in the unit ball; the start is 50 samples scaled to norm 1, or random atoms. The objective is the mean of
|z - D h|^2/2 + alpha |h|_1 with codes recomputed to high accuracy, whatever the method thinks; time is the CPU time of the
process until the method had that dictionary; medians of interleaved passes. SPAMS (GPL) is not needed.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import median
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits
from workloads import machine

from fedmm import MM, Federation, Samples, StochasticMM, solve
from fedmm.algorithm import Algorithm
from fedmm.schedules import Inverse
from fedmm.stopping import StopRule
from problems import Dictionary
from problems.sparse_coding import encode, objective

N, P, K, ALPHA, ACTIVE, NOISE = 2_000, 500, 50, 0.1, 5, 0.03
TIMES = (0.15, 0.35, 0.75, 1.7)
PASSES, BATCH = 3, 256

Curve = list[tuple[float, np.ndarray]]
"""(CPU seconds, dictionary (P, K)) of one run, in order."""


@dataclass(frozen=True)
class CpuBudget(StopRule):
    """Stop when the CPU time of the process reaches `until`."""

    until: float

    def reason(self, rows: Any) -> str | None:
        return "The time is spent." if time.process_time() >= self.until else None


class Spent(Exception):
    """Raised in a peer's callback to end its run."""


def samples() -> np.ndarray:
    """X (N, P)."""
    rng = np.random.default_rng(0)
    D = rng.standard_normal((P, K))
    H = rng.standard_normal((N, K)) * (rng.random((N, K)).argsort(axis=1).argsort(axis=1) < ACTIVE)
    return H @ (D / np.linalg.norm(D, axis=0)).T + NOISE * rng.standard_normal((N, P))


def judged(X: np.ndarray, D: np.ndarray) -> float:
    """The objective at D, its atoms scaled into the ball where rounding put them outside."""
    D = np.asarray(D, dtype=float)
    D = D / np.maximum(np.linalg.norm(D, axis=0), 1.0)
    return float(objective(X, D, encode(X, D, ALPHA, 0.0, 200), ALPHA, 0.0).mean())


def fedmm(X: np.ndarray, start: np.ndarray, method: Algorithm, clients: int, codes: int) -> Curve:
    """MM on statistics; `codes` iterations for the codes in each round, from those of the round before."""
    federation = Federation([Samples(part) for part in np.array_split(X, clients)], "samples")
    problem = Dictionary(K, l1=ALPHA, l2=0.0, ridge=0.0, warm_iterations=codes, ball=True, tolerance=0.1)
    curve: Curve = []

    def note(snapshot: Any, row: Any) -> None:
        curve.append((time.process_time() - begin, np.array(snapshot.theta).reshape(P, K)))

    begin = time.process_time()
    stop = CpuBudget(begin + TIMES[-1])
    solve(problem, federation, method, start.ravel(), rounds=100_000, metrics=(), callbacks=note, stop=stop, progress=False)
    return curve


def sklearn_batch(X: np.ndarray, start: np.ndarray) -> Curve:
    """scikit-learn's alternation over all samples, by coordinate descent."""
    from sklearn.decomposition import dict_learning

    curve: Curve = []

    def note(found: dict[str, Any]) -> None:  # after every fifth iteration
        curve.append((time.process_time() - begin, found["dictionary"].T.copy()))
        if curve[-1][0] > TIMES[-1]:
            raise Spent

    begin = time.process_time()
    codes = np.zeros((len(X), K))
    with suppress(Spent):
        dict_learning(
            X, K, alpha=ALPHA, method="cd", dict_init=start.T.copy(), code_init=codes, max_iter=10_000, tol=0, callback=note
        )
    return curve


def sklearn_minibatch(X: np.ndarray, start: np.ndarray) -> Curve:
    """scikit-learn's online method, by coordinate descent."""
    from sklearn.decomposition import MiniBatchDictionaryLearning

    curve: Curve = []

    def note(found: dict[str, Any]) -> None:
        curve.append((time.process_time() - begin, found["dictionary"].T.copy()))
        if curve[-1][0] > TIMES[-1]:
            raise Spent

    begin = time.process_time()
    options: dict[str, Any] = {
        "fit_algorithm": "cd",
        "dict_init": start.T.copy(),
        "batch_size": BATCH,
        "tol": 0,
        "max_no_improvement": None,
    }
    with suppress(Spent):
        MiniBatchDictionaryLearning(K, alpha=ALPHA, max_iter=10_000, random_state=0, callback=note, **options).fit(X)
    return curve


def spams_online(X: np.ndarray, start: np.ndarray) -> Curve:
    """SPAMS' online method, stopped and begun anew for every point of its curve."""
    import spams

    curve: Curve = []
    columns, iterations = np.asfortranarray(X.T), 1
    while not curve or curve[-1][0] < TIMES[-1]:
        begin = time.process_time()
        D = spams.trainDL(
            columns,
            D=np.asfortranarray(start),
            lambda1=ALPHA,
            iter=iterations,
            batchsize=BATCH,
            mode=2,
            numThreads=1,
            verbose=False,
        )
        curve.append((time.process_time() - begin, D))
        iterations = int(np.ceil(1.3 * iterations))
    return sorted(curve, key=lambda point: point[0])


def at(curve: Curve, seconds: float, X: np.ndarray, start: np.ndarray) -> float:
    """The objective of what the run had by then."""
    have = [D for t, D in curve if t <= seconds]
    return judged(X, have[-1] if have else start)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float64")
    parser.add_argument("--start", choices=("samples", "random"), default="samples")
    arguments = parser.parse_args()
    X = samples()
    start = X[:K].T if arguments.start == "samples" else np.random.default_rng(1).standard_normal((P, K))
    start = start / np.linalg.norm(start, axis=0)
    given, first, clients = X.astype(arguments.dtype), start.astype(arguments.dtype), arguments.clients
    online = StochasticMM(step=Inverse(10.0, 9.0), batch=-(-BATCH // clients))
    runs: dict[str, Callable[[], Curve]] = {
        "fedmm, all samples": lambda: fedmm(given, first, MM(), clients, 5),
        f"fedmm, {BATCH} a round": lambda: fedmm(given, first, online, clients, 20),
        "sklearn cd": lambda: sklearn_batch(given, first),
        f"sklearn minibatch cd, {BATCH}": lambda: sklearn_minibatch(given, first),
    }
    if find_spec("spams"):
        runs[f"SPAMS, {BATCH}"] = lambda: spams_online(given, first)
    else:
        print("SPAMS is not installed: skipped.")
    warnings.simplefilter("ignore")  # scikit-learn's coder tells of every sample that it leaves inexact
    found: dict[str, list[list[float]]] = {name: [] for name in runs}
    for _ in range(PASSES):
        for name, run in runs.items():
            curve = run()
            found[name].append([at(curve, t, X, start) for t in TIMES])
    print(f"W4 on {machine()}\n{arguments.dtype}, {clients} client(s), start: {arguments.start}; median of {PASSES} passes")
    print(f"objective at the start {judged(X, start):.4f}, after so many CPU seconds:\n")
    print(f"{'':26}" + "".join(f"{t:>9g}" for t in TIMES))
    for name, passes in found.items():
        print(f"{name:26}" + "".join(f"{median(column):9.4f}" for column in zip(*passes, strict=True)))


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
