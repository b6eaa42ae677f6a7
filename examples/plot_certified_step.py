r"""A step that is certified for your federation
============================================

**The question.** FedMM with compressed uploads and absent clients: the textbook admits a small step. How large may it be, and
what does that save on real data?

**The mathematics.** Every client is L-smooth and mu-strongly convex, uploads go through rand-k (omega = d/k - 1), clients take
part with probability p. DIANA's theorem with :math:`\omega_p=(1+\omega)/p-1` admits
:math:`\gamma\rho=1/(L(1+6\omega_p/N))`. For the same class of federations a semidefinite program finds the best rate that a
quadratic Lyapunov function certifies; `theory_checks.certified` tunes the step gamma and the memory step a for it, and returns
the method. A lower bound (clients of one curvature) shows that no certificate at that step can be better. Numerically exact,
not proved.

**The experiment.** Logistic regression with a ridge on the breast-cancer data, ten hospitals with equally many patients, rand-5
of 31 coordinates, half of the hospitals each round. Three steps: the library's proved bound P5 (which asks for less than strong
convexity), DIANA's, and the certified one.

**What to see.** The certified step needs a tenth of the textbook's rounds on these data, as it promises for the worst federation
of the class; the data are kinder than that one, so all three run ahead of their promises.

    python examples/plot_certified_step.py --out certified_step.png
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from math import ceil, log
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fedmm import Bernoulli, FedMM, RandK, compose, solve
from fedmm.federation import Federation
from fedmm.metrics import Snapshot
from problems import Logistic
from problems.data import federation
from theory_checks import certified, certified_step

PROBLEM = Logistic(ridge=0.1, surrogate="gradient")


class Row(NamedTuple):
    """One step: what is promised for it, and what happened.

    Parameters
    ----------
    name : str
        Whose step it is.
    step : float
        gamma.
    promised : float or None
        Rounds after which the promised factor has brought 10^-3; None if no factor is promised.
    observed : int or None
        Rounds after which the squared distance to theta* was 10^-3 of the first one in the worst seed; None: not reached.
    distances : array (seeds, rounds + 1)
        |theta_t - theta*|^2.
    """

    name: str
    step: float
    promised: float | None
    observed: int | None
    distances: np.ndarray


def optimum(clients: Federation) -> np.ndarray:
    """theta*, by scikit-learn's Newton method on everybody's samples."""
    from sklearn.linear_model import LogisticRegression

    X = np.concatenate([client.X for client in clients])
    y = np.concatenate([client.y for client in clients])
    weights = np.concatenate(
        [np.full(len(client.y), w / len(client.y)) for client, w in zip(clients, clients.weights, strict=True)]
    )
    model = LogisticRegression(C=1 / PROBLEM.ridge, fit_intercept=False, solver="newton-cholesky", tol=1e-12, max_iter=200)
    return model.fit(X, y, sample_weight=weights).coef_[0]


def experiment(clients: Federation, seeds: int, rounds: int, k: int, p: float) -> list[Row]:
    """The three steps on the same draws."""
    parts = {"channel": RandK(k), "participation": Bernoulli(p)}
    found = certified_step(compose(PROBLEM, clients, FedMM(), **parts))
    methods = {
        "P5": (FedMM(step="theory"), None),
        "textbook": (FedMM(step=found.textbook_gamma), found.textbook_rate),
        "certified": (certified(FedMM(), PROBLEM, clients, **parts), found.rate),
    }
    theta = optimum(clients)
    rows = []
    for name, (method, rate) in methods.items():
        settled = method.settle(compose(PROBLEM, clients, method, **parts))
        distances = np.empty((seeds, rounds + 1))
        for seed in range(seeds):
            watch = Distances(theta)
            solve(PROBLEM, clients, method, rounds=rounds, seed=seed, callbacks=watch, **parts)
            distances[seed] = watch.found
        below = np.flatnonzero((distances <= 1e-3 * distances[:, :1]).all(axis=0))
        promised = None if rate is None else ceil(log(1e-3) / log(rate))
        rows.append(Row(name, settled.step_at(1), promised, int(below[0]) if below.size else None, distances))
    return rows


class Distances:
    """A callback of a run: |theta_t - theta*|^2 after every round."""

    def __init__(self, theta: np.ndarray) -> None:
        self.theta = theta
        self.found: list[float] = []

    def __call__(self, snapshot: Snapshot, row: Mapping[str, float]) -> None:
        self.found.append(float(np.sum((snapshot.theta - self.theta) ** 2)))


def draw(rows: Sequence[Row], path: Path, show: bool = False) -> None:
    """Squared distances, every seed thin, their mean thick."""
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    figure = plt.figure(figsize=(7, 4.4), layout="constrained") if show else Figure(figsize=(7, 4.4), layout="constrained")
    ax = figure.subplots()
    for k, row in enumerate(rows):
        ax.semilogy(row.distances.T, color=f"C{k}", linewidth=0.5, alpha=0.5)
        ax.semilogy(row.distances.mean(axis=0), color=f"C{k}", label=f"{row.name}: step {row.step:.3g}")
    ax.set_xlabel("rounds")
    ax.set_ylabel(r"$\|\theta_t-\theta^*\|^2$")
    ax.set_title("FedMM on ten hospitals, rand-k uploads, half of them each round", loc="left", fontsize=11)
    ax.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)
    if show:
        plt.show()


def main(argv: Sequence[str] | None = None) -> list[Row]:
    """Run the three steps, print the table, draw."""
    parser = argparse.ArgumentParser(description="Rounds saved by a certified step, on real data.")
    parser.add_argument("--rounds", type=int, default=1000, help="rounds of every run (default 1000)")
    parser.add_argument("--seeds", type=int, default=3, help="runs of every step (default 3)")
    parser.add_argument("--k", type=int, default=5, help="coordinates a client sends (default 5)")
    parser.add_argument("--p", type=float, default=0.5, help="probability of taking part (default 0.5)")
    parser.add_argument("--out", type=Path, default=Path("certified_step.png"), help="where the picture goes")
    parser.add_argument("--quick", action="store_true", help="one run of 400 rounds")
    parser.add_argument("--show", action="store_true", help="open a window")
    args = parser.parse_args(argv)
    if args.rounds < 1 or args.seeds < 1 or not 0 < args.p <= 1:
        parser.error("expected --rounds and --seeds of at least 1, and --p in (0, 1]")
    clients = federation("breast-cancer", "iid", clients=10, seed=0)
    if not 1 <= args.k <= clients[0].X.shape[1]:
        parser.error(f"expected --k from 1 to {clients[0].X.shape[1]}")
    seeds, rounds = (1, 400) if args.quick else (args.seeds, args.rounds)
    rows = experiment(clients, seeds, rounds, args.k, args.p)
    draw(rows, args.out, args.show)
    print("rounds until the squared distance is 1e-3 of the first one\n")
    print(f"{'step of':<10}  {'gamma':>7}  {'promised':>8}  {'observed':>8}")
    for row in rows:
        promised = "-" if row.promised is None else str(row.promised)
        observed = f"> {rounds}" if row.observed is None else str(row.observed)
        print(f"{row.name:<10}  {row.step:>7.4f}  {promised:>8}  {observed:>8}")
    print(f"\nthe picture is {args.out}")
    return rows


if __name__ == "__main__":
    main()
