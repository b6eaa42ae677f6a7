r"""The impact of the aggregation space
======================================

**The question.** Ten clients hold samples that they will not show. Each can summarise its own in a surrogate, a
statistic :math:`\bar S_i(D)`, and in the parameter that minimises it, :math:`T(\bar S_i(D))`. Which of the two should
the server average?

**The mathematics.** In dictionary learning

.. math::
    W(D) = \sum_i w_i \frac1{n_i} \sum_j \min_h \Big\{ \tfrac12\|z_{ij} - Dh\|^2 + \lambda_1\|h\|_1
           + \tfrac{\lambda_2}2\|h\|^2 \Big\} + \tfrac\eta2 \|D\|^2

the statistic is :math:`(\overline{hh^\top}, \overline{zh^\top})` and :math:`T(s_1, s_2) = s_2 (s_1 + \eta I)^{-1}`.
FedMM averages statistics: the mean of majorisers of the :math:`f_i` majorises :math:`f`. The naive method runs the
same loop, with the same compression, control variates and participation, on :math:`D` itself: it averages
dictionaries. As T is not affine, the two have different fixed points, in general, wherever clients differ:
:math:`D = T(\sum_i w_i \bar S_i(D))` and :math:`D = \sum_i w_i T(\bar S_i(D))`.

**The experiment.** After the figure "Impact of Aggregation Space" of arXiv 2507.17534, with settings of our own: 10
clients, each in a round with probability 1/2, batches of 50, half of the coordinates sent,
:math:`\gamma_t = 0.5/\sqrt t`. Rows: synthetic data, one law for all clients; synthetic data, 3 atoms of the 10 per
client; 4 x 4 patches of handwritten digits, where a client holds patches that look alike. (Split by digit instead, the
patches are nearly the same everywhere, and so are the two methods.) Where the folder ``FEDMM_DATA`` has MovieLens, there
is a fourth row: a sample is a user's ratings of the 100 films most rated, centred, 0 where there is none, and a client a
group of users of like tastes, found by k-means. (``fedmm data get ml-1m`` fetches the set.) Columns: the objective; the
last move of the dictionary; the last move of the statistic, both squared and divided by :math:`\gamma_t^2`. A method
moves in one space and is watched in both: FedMM has a statistic, that of the naive method is the mean one at its
dictionary. Lines are means over the runs, bands one standard deviation.

Both methods begin at the same :math:`D = T(\bar S(D_0))`, :math:`D_0` random: FedMM opens a run with
:math:`\bar S(D_0)`, and handing the naive method :math:`D_0` itself would make it start far behind.

**What to see.** On homogeneous data it does not matter what is averaged. On heterogeneous data the naive method ends
above its own start, while its dictionary hardly moves any more (middle column): *small parameter updates are not
convergence*. FedMM overshoots at first, when its steps are large and its control variates still zero, and recovers.

    python examples/plot_aggregation_space.py --runs 10
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from fedmm import MM, Batched, Bernoulli, FedMM, Mask, Naive, Objective, UpdateSizes, solve
from fedmm.algorithm import Algorithm
from fedmm.environment import environment
from fedmm.errors import DataError
from fedmm.federation import Federation, Partition, Samples
from problems import Dictionary
from problems.data import DigitPatches, KMeans, MovieLens, SyntheticDictionary, federation

PROBLEM = Dictionary(components=10, l1=0.1, l2=0.01, ridge=0.2)

METHODS: Mapping[str, Algorithm] = {
    "FedMM": FedMM(batch=50),
    "FedMM, no control variates": FedMM(batch=50, control_variates=False),
    "naive": Naive(batch=50),
    "naive, no control variates": Naive(batch=50, control_variates=False),
}

COLUMNS = {
    "objective": r"objective $W(D_t)$",
    "parameter_step": r"parameter update $\|D_t - D_{t-1}\|^2/\gamma_t^2$",
    "surrogate_step": r"surrogate update $\|s_t - s_{t-1}\|^2/\gamma_t^2$",
}


@dataclass(frozen=True)
class Alike(Partition):
    """Samples in the order of their angle in the plane of the two leading principal components, cut into equal shares."""

    clients: int = 10

    name: ClassVar[str] = "alike"

    def split(self, samples: Samples, generator: np.random.Generator) -> list[np.ndarray]:
        Z = samples.X - samples.X.mean(axis=0)
        u, v = np.linalg.svd(Z, full_matrices=False)[2][:2]
        return np.array_split(np.argsort(np.arctan2(Z @ v, Z @ u), kind="stable"), self.clients)


def synthetic_homogeneous(run: int) -> Federation:
    """Ten clients with one law of the codes."""
    return federation(SyntheticDictionary(homogeneous=True), clients=10, seed=run)


def synthetic_heterogeneous(run: int) -> Federation:
    """Ten clients that see 3 atoms each."""
    return federation(SyntheticDictionary(homogeneous=False), clients=10, seed=run)


def digits_patches(run: int) -> Federation:
    """4000 patches; the same in every run, which differ in D_0 and in the draws of the methods."""
    return Federation.from_arrays(DigitPatches().load(None, run).X, partition=Alike(10))


def movielens() -> MovieLens | None:
    """The edition that is at hand, the larger first."""
    for name in ("ml-1m", "movielens", "ml-100k"):
        try:
            return MovieLens(name).pin()
        except DataError:
            continue
    return None


def movielens_users(run: int) -> Federation:
    """Ten clients of users of like tastes; the same in every run."""
    return federation(movielens() or MovieLens(), KMeans(10, starts=5))


ROWS = {
    "synthetic, homogeneous": synthetic_homogeneous,
    "synthetic, heterogeneous": synthetic_heterogeneous,
    "digits patches": digits_patches,
    "MovieLens users": movielens_users,
}


def rows() -> list[str]:
    """The keys of `ROWS` whose data are at hand."""
    return [name for name, make in ROWS.items() if make is not movielens_users or movielens() is not None]


class Curves(NamedTuple):
    """Several runs of one method.

    Parameters
    ----------
    rounds : array (k,)
        Where the columns were measured.
    columns : mapping of str to array (runs, k)
        Every column of `COLUMNS`; an update size of round 0 is NaN.
    """

    rounds: np.ndarray
    columns: Mapping[str, np.ndarray]


def starts(data: Federation, run: int) -> tuple[np.ndarray, np.ndarray]:
    """D_0, random with atoms of unit norm, and T(Sbar(D_0)), which is one step of MM."""
    p, K = data[0].X.shape[1], PROBLEM.components
    D0 = np.random.default_rng(run).standard_normal((p, K))
    D0 = (D0 / np.linalg.norm(D0, axis=0)).ravel()
    return D0, solve(PROBLEM, data, MM(), D0, rounds=1, metrics=(), progress=False).theta


def experiment(row: str, *, runs: int, rounds: int, every: int = 4, methods: Sequence[str] = tuple(METHODS)) -> dict[str, Curves]:
    """The curves of `methods` on one row of the figure.

    Parameters
    ----------
    row : str
        A key of `ROWS`.
    runs, rounds : int
        Repetitions, and rounds of each.
    every : int
        Measure every so many rounds.
    methods : sequence of str
        Keys of `METHODS`.
    """
    traces: dict[str, list] = {name: [] for name in methods}
    for run in range(runs):
        data = ROWS[row](run)
        D0, first = starts(data, run)
        for name in methods:
            method = METHODS[name]
            result = solve(
                PROBLEM,
                data,
                method,
                D0 if isinstance(method, FedMM) else first,  # FedMM's opening makes D_0 the same `first`
                rounds=rounds,
                seed=run,
                participation=Bernoulli(0.5),
                channel=Mask(0.5),
                executor=Batched(),
                metrics=(Objective(every), UpdateSizes(every)),
                progress=False,
            )
            traces[name].append(result.trace)
    curves = {}
    for name, found in traces.items():
        measured = np.isfinite(found[0]["objective"])
        columns = {column: np.stack([trace[column][measured] for trace in found]) for column in COLUMNS}
        curves[name] = Curves(found[0]["round"][measured], columns)
    return curves


def table(results: Mapping[str, Mapping[str, Curves]]) -> str:
    """Final values, mean +- standard deviation over the runs; update sizes at their first and last measurement."""
    lines = [f"{'':26}  {'':26}  {'start W':>15}  {'final W':>15}  {'parameter update':>19}  {'surrogate update':>19}"]
    for row, curves in results.items():
        for name, (_, columns) in curves.items():
            W = columns["objective"]
            moves = [columns[column].mean(axis=0) for column in ("parameter_step", "surrogate_step")]
            sizes = "  ".join(f"{E[1]:8.3g} -> {E[-1]:7.3g}" for E in moves)
            ends = "  ".join(f"{W[:, k].mean():7.4f} +-{W[:, k].std():6.4f}" for k in (0, -1))
            lines.append(f"{row:26}  {name:26}  {ends}  {sizes}")
    return "\n".join(lines)


def draw(results: Mapping[str, Mapping[str, Curves]], path: Path, show: bool = False) -> None:
    """The figure: a row per data set, a column per quantity."""
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    colors = {"FedMM": "#0072B2", "naive": "#D55E00"}
    size = (10.5, 2.5 * len(results) + 0.8)
    figure = plt.figure(figsize=size) if show else Figure(figsize=size)  # a bare Figure never opens a window
    grid = figure.subplots(len(results), 3, sharex=True, squeeze=False)
    for axes, (row, curves) in zip(grid, results.items(), strict=True):
        for ax, column in zip(axes, COLUMNS, strict=True):
            for name, (rounds, columns) in curves.items():
                values = columns[column]
                keep = np.isfinite(values[0])
                t, mean, std = rounds[keep], values[:, keep].mean(axis=0), values[:, keep].std(axis=0)
                plain = name in colors
                color = colors[name.split(",")[0]]
                ax.plot(t, mean, color=color, lw=1.8 if plain else 1.0, ls="-" if plain else (0, (4, 2)), label=name)
                if plain:  # four bands on one another cannot be read; a logarithmic axis has no room for mean - std <= 0
                    ax.fill_between(t, np.maximum(mean - std, mean / 30), mean + std, color=color, alpha=0.2, lw=0)
            ax.grid(alpha=0.25, lw=0.5)
            ax.spines[["top", "right"]].set_visible(False)
            ax.margins(x=0.01)
            if column != "objective":
                ax.set_yscale("log")
                ax.yaxis.set_minor_formatter(NullFormatter())
                ax.set_ylim(top=10.0 ** np.ceil(np.log10(ax.get_ylim()[1])))  # so that two decades are labelled
        W0 = next(iter(curves.values())).columns["objective"][:, 0].mean()
        axes[0].axhline(W0, color="0.45", lw=0.9, ls=":", label="common start")
        axes[0].set_ylabel(row, fontsize=11)
    for ax, title in zip(grid[0], COLUMNS.values(), strict=True):
        ax.set_title(title, fontsize=11)
    for ax in grid[-1]:
        ax.set_xlabel("communication round $t$")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncols=len(labels), frameon=False, fontsize=9.5)
    figure.tight_layout(rect=(0, 0.3 / figure.get_figheight(), 1, 1), w_pad=0.5)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=200)
    if show:
        plt.show()


def main(argv: Sequence[str] | None = None) -> dict[str, dict[str, Curves]]:
    """Run, print the table, draw the figure."""
    parser = argparse.ArgumentParser(description="FedMM against averaging parameters: the impact of the aggregation space.")
    parser.add_argument("--runs", type=int, default=2, help="repetitions (default 2; 10 for the figure)")
    parser.add_argument("--rounds", type=int, default=200, help="communication rounds (default 200)")
    parser.add_argument("--out", type=Path, default=Path("aggregation_space.png"), help="where the picture goes")
    parser.add_argument("--quick", action="store_true", help="2 runs of 12 rounds, to see that it works")
    parser.add_argument("--show", action="store_true", help="open a window")
    args = parser.parse_args(argv)
    runs, rounds = (2, 12) if args.quick else (args.runs, args.rounds)
    if runs < 1 or rounds < 4:
        parser.error("expected --runs >= 1 and --rounds >= 4")
    began = time.perf_counter()
    with threadpool_limits(1):  # matrices of ten columns: threads would only wait for each other
        results = {row: experiment(row, runs=runs, rounds=rounds) for row in rows()}
        machine = environment()
    draw(results, args.out, args.show)
    print(table(results))
    print(f"\n{runs} runs of {rounds} rounds in {time.perf_counter() - began:.0f} s; the picture is {args.out}")
    print(", ".join(f"{name} {value}" for name, value in machine.items()))
    return results


if __name__ == "__main__":
    main()
