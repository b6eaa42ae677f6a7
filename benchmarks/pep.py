"""The exact worst case of Local GD: its time as clients and local steps grow, beside PEPit's on the unreduced problem.

    python benchmarks/pep.py [--thorough]

One round, L = 1, mu = 0.1, gamma = 1/(2K), R = 1, zeta = 0.1, modelling included, solvers loaded; CPU time, median of several.
PEPit solves with Clarabel, too; a client of its problem has its own function. `--thorough` goes on to 16 clients and 20 local
steps. A dash: the solver stopped short there, which is no value.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from workloads import machine

from theory_checks.pep import SymPEP, WorstCaseError, mix, norm2, products
from theory_checks.pep.programs.local_gd import local_gd

REPEATS = 15
SLOW = 3
"""Repetitions of what takes more than a second."""


def ours(K: int, N: int, solver: str = "clarabel") -> float:
    """The worst case by the symmetric problem."""
    pep = SymPEP(L=1.0, mu=0.1, N=N)
    return pep.maximize(local_gd(pep, K=K, gamma=0.5 / K, R=1.0, zeta=0.1), solver=solver).value


def pepit(K: int, N: int) -> float:
    """The worst case by PEPit: N functions."""
    from PEPit import PEP
    from PEPit.functions import SmoothStronglyConvexFunction

    problem = PEP()
    clients = [problem.declare_function(SmoothStronglyConvexFunction, L=1.0, mu=0.1) for _ in range(N)]
    optimum = np.mean(clients).stationary_point()
    problem.add_constraint(np.mean([f.gradient(optimum) ** 2 for f in clients]) <= 0.01)
    x = problem.set_initial_point()
    problem.set_initial_condition((x - optimum) ** 2 <= 1.0)
    y = [x] * N
    for _ in range(K):
        y = [point - 0.5 / K * f.gradient(point) for f, point in zip(clients, y, strict=True)]
    problem.set_performance_metric((np.mean(y) - optimum) ** 2)
    return float(problem.solve(verbose=0, wrapper="cvxpy", solver="CLARABEL", tol_gap_rel=1e-7, tol_gap_abs=1e-7, tol_feas=1e-7))


def proxskip_rate() -> float:
    """A Lyapunov bisection: ProxSkip with gamma = 1, p = 0.3."""
    pep = SymPEP(L=1.0, mu=0.1, N=10)
    x, h = pep.clients("x"), pep.clients("h", zero_mean=True)
    moved = x - (pep.grad(x) - h)
    mean = moved.mean()

    def terms(x, h):
        return products(means=[x.mean()], devs=[x, (h - pep.gstar) / 0.3])

    after = mix(0.3, terms(mean, h + 0.3 * (mean - moved)), terms(moved, h))
    return pep.lyapunov(terms(x, h), after, norm2(x)).rate


def seconds(call: Callable[[], float]) -> tuple[float, float]:
    """(median CPU seconds, value) of a call, once loaded."""
    value, taken = call(), []
    while len(taken) < (SLOW if taken and taken[0] > 1.0 else REPEATS):
        start = time.process_time()
        value = call()
        taken.append(time.process_time() - start)
    return median(taken), value


def shown(call: Callable[[], float]) -> str:
    """Milliseconds of a call, or a dash."""
    try:
        return f"{1e3 * seconds(call)[0]:.1f}"
    except WorstCaseError:
        return "-"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--thorough", action="store_true")
    thorough = parser.parse_args().thorough
    print(f"Exact worst cases on {machine()}")
    start = time.process_time()
    ours(2, 2)
    print(f"the first call, which loads the solver: {1e3 * (time.process_time() - start):.0f} ms\n")
    print("K = 2, growth with the number of clients\n")
    print("| N | ours, ms | PEPit, ms | ratio | difference of the values |\n|---|---|---|---|---|")
    for N in (2, 4, 8, 12, *((16,) if thorough else ())):
        (mine, value), (theirs, other) = seconds(lambda N=N: ours(2, N)), seconds(lambda N=N: pepit(2, N))
        print(f"| {N} | {1e3 * mine:.1f} | {1e3 * theirs:.0f} | {theirs / mine:.0f} | {abs(value - other):.0e} |")
    for N in (1_000, 1_000_000):
        print(f"| {N:,} | {1e3 * seconds(lambda N=N: ours(2, N))[0]:.1f} | - | - | - |")
    print("\nN = 10, growth with the local steps\n\n| K | Clarabel called directly, ms | through CVXPY, ms |\n|---|---|---|")
    for K in (1, 2, 4, 8, 12, 16, *((20,) if thorough else ())):
        direct, through = (shown(lambda K=K, solver=solver: ours(K, 10, solver)) for solver in ("clarabel", "CLARABEL"))
        print(f"| {K} | {direct} | {through} |")
    print(f"\na Lyapunov bisection (ProxSkip): {1e3 * seconds(proxskip_rate)[0]:.0f} ms, rate {proxskip_rate():.5f}")


if __name__ == "__main__":
    main()
