"""W5: discrete entropic transport between two clouds of 2,000 points; fedmm's rounds beside Sinkhorn in POT and by hand.

    python benchmarks/w5.py [--regularisation 0.01] [--clients 1]

The clouds are uniform in the unit square, the cost is the squared distance, the regularisation is a share of the greatest
cost (fedmm's epsilon is half of it). POT stops by its own rule; everybody else then makes as many iterations, and the plans
are compared. CPU seconds of everything from the points to the plan, except that POT is given the cost; the median of
interleaved passes. POT's log-domain version is timed over a few iterations, since it takes minutes: its figure is scaled up.
"""

from __future__ import annotations

import argparse
from statistics import median
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits
from workloads import cpu_seconds, machine

from fedmm import MM, Federation, Samples, solve
from problems import Transport

POINTS, PASSES, LOG_ITERATIONS = 2_000, 3, 5


def by_hand(C: np.ndarray, reg: float, iterations: int) -> np.ndarray:
    """The plan by Sinkhorn's iteration in NumPy, without any care for the range of floating point."""
    K, mass = np.exp(C / -reg), 1.0 / len(C)
    v = np.full(len(C), 1.0 / len(C))
    for _ in range(iterations):
        u = mass / (K @ v)
        v = mass / (u @ K)
    return u[:, None] * K * v


def by_fedmm(X: np.ndarray, Y: np.ndarray, reg: float, iterations: int, clients: int, cached: bool) -> np.ndarray:
    """The plan by MM over clients that share the rows of X."""
    public = {"atoms": Y, "masses": np.full(len(Y), 1.0 / len(Y))}
    federation = Federation([Samples(part) for part in np.array_split(X, clients)], "samples", public=public)
    result = solve(Transport(reg / 2, cached=cached), federation, MM(), rounds=iterations, metrics=())
    problem: Any = result.problem
    return problem.plan(result.theta, X)


def main() -> None:
    """Print the table."""
    import ot

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--regularisation", type=float, default=0.01)
    parser.add_argument("--clients", type=int, default=1)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    X, Y = rng.random((POINTS, 2)) - 0.5, rng.random((POINTS, 2)) - 0.5
    C = ((X[:, None] - Y) ** 2).sum(axis=-1)
    reg, mass = arguments.regularisation * C.max(), np.full(POINTS, 1.0 / POINTS)
    iterations = ot.sinkhorn(mass, mass, C, reg, log=True)[1]["niter"]
    few = min(LOG_ITERATIONS, iterations)
    work = {
        "fedmm, cached": lambda: by_fedmm(X, Y, reg, iterations, arguments.clients, cached=True),
        "POT sinkhorn": lambda: ot.sinkhorn(mass, mass, C, reg, numItermax=iterations, stopThr=0.0, warn=False),
        "NumPy sinkhorn": lambda: by_hand(C, reg, iterations),
        "POT emd (exact)": lambda: ot.emd(mass, mass, C),
    }
    extrapolated = {
        "fedmm": (lambda: by_fedmm(X, Y, reg, few, arguments.clients, cached=False), iterations / few),
        "POT sinkhorn_log": (
            lambda: ot.sinkhorn(mass, mass, C, reg, method="sinkhorn_log", numItermax=few, stopThr=0.0, warn=False),
            iterations / few,
        ),
    }
    times: dict[str, list[float]] = {name: [] for name in [*work, *extrapolated]}
    plans = {name: make() for name, make in work.items()}
    for _ in range(PASSES):
        for name, make in work.items():
            times[name].append(cpu_seconds(make))
        for name, (make, factor) in extrapolated.items():
            times[name].append(cpu_seconds(make) * factor)
    print(
        f"W5 on {machine()}\n{iterations} iterations, regularisation {reg:.3g} = {arguments.regularisation:g} max cost, float64, "
    )
    print(f"{arguments.clients} client(s); median of {PASSES} interleaved passes; ratio: over fedmm, cached, in the same pass\n")
    print(f"{'':18} {'CPU s':>8} {'ratio':>7} {'least':>7} {'most':>7}   {'<P, C>':>10} {'marginal error':>15} {'|P - POT|':>10}")
    for name, found in times.items():
        ratios = [one / ours for one, ours in zip(found, times["fedmm, cached"], strict=True)]
        line = f"{name:18} {median(found):8.3f} {median(ratios):7.2f} {min(ratios):7.2f} {max(ratios):7.2f}"
        if name in plans:
            P = plans[name]
            error = np.abs(P.sum(axis=0) - mass).sum() + np.abs(P.sum(axis=1) - mass).sum()
            line += f"   {(P * C).sum():10.7f} {error:15.1e} {np.abs(P - plans['POT sinkhorn']).sum():10.1e}"
        print(line)


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
