"""Workload W1: FedAvg on l2-logistic regression, and the plain NumPy loop it is compared with."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from fedmm import FedAvg, Federation, Samples, solve
from fedmm.keys import Key
from fedmm.participation import FixedSize, Full, Participation
from problems import Logistic

FEATURES = SAMPLES = 300
LOCAL_STEPS, STEP, RIDGE = 5, 0.5, 1e-3


def shards(clients: int, dtype: type, store: Path | None = None) -> list[Samples]:
    """Heterogeneous clients (each has its own mean and its own labelling direction), optionally in a memory-mapped file."""
    shape = (clients * SAMPLES, FEATURES)
    X = np.empty(shape, dtype) if store is None else np.lib.format.open_memmap(store, "w+", dtype, shape)
    y = np.empty(shape[0], dtype)
    for i in range(clients):
        rng = np.random.default_rng([7, i])
        rows = slice(i * SAMPLES, (i + 1) * SAMPLES)
        block = rng.standard_normal((SAMPLES, FEATURES), dtype=np.float32)
        block = (block + 0.3 * rng.standard_normal(FEATURES, dtype=np.float32)) / np.float32(FEATURES**0.5)
        X[rows] = block
        y[rows] = np.where(block @ rng.standard_normal(FEATURES, dtype=np.float32) > 0, 1, -1)
    if store is not None:
        X.flush()
        X = np.load(store, mmap_mode="r")
    X = np.asarray(X)
    return [Samples(X[i * SAMPLES : (i + 1) * SAMPLES], y[i * SAMPLES : (i + 1) * SAMPLES]) for i in range(clients)]


def numpy_loop(clients: Sequence[Samples], cohorts: Sequence[Sequence[int]], dtype: type) -> np.ndarray:
    """What one would write by hand: one client after another, no engine."""
    theta = np.zeros(FEATURES, dtype)
    for cohort in cohorts:
        total = np.zeros_like(theta)
        for i in cohort:
            X, y = clients[i]
            local = theta
            for _ in range(LOCAL_STEPS):
                margin = y * (X @ local)
                residual = -y * (0.5 - 0.5 * np.tanh(0.5 * margin)) / SAMPLES
                local = local - STEP * (residual @ X + RIDGE * local)
            total += local / len(cohort)
        theta = total
    return theta


def engine(federation: Federation, rounds: int, participation: Participation) -> np.ndarray:
    """The same by fedmm."""
    method = FedAvg(local_steps=LOCAL_STEPS, step=STEP)
    problem = Logistic(ridge=RIDGE)
    return solve(problem, federation, method, rounds=rounds, participation=participation, metrics=()).theta


def cohorts_of(clients: int, rounds: int, participation: Participation) -> list[list[int]]:
    """The cohorts that the engine draws with seed 0."""
    weights = (1.0 / clients,) * clients
    draws = (participation.draw(weights, t, None, Key(0, t).fold("cohort")) for t in range(1, rounds + 1))
    return [[ticket.client for ticket in cohort.tickets] for cohort in draws]


def cohort_rule(clients: int) -> Participation:
    """min(C, 100) clients a round."""
    return Full() if clients <= 100 else FixedSize(100)


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of one call (all threads)."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def machine() -> str:
    """The machine, for the heading of a table."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = f"{names[0]}, {len(names)} cores" if names else model
    return f"{model}; Python {platform.python_version()}, NumPy {np.__version__}, one BLAS thread"
