r"""Federated Sinkhorn
==================

**The question.** A photograph is cut into horizontal bands, and its pixels are spread over ten clients, each of which
sees few of the bands. A palette of 32 colours, taken from another photograph, is public. Can the clients find the
optimal transport from *all* their pixels to the palette, without showing one, as accurately as somebody who holds
them all?

**The mathematics.** With potentials :math:`\theta` of the colours :math:`y_j` of mass :math:`\nu_j`, entropic
transport for the cost :math:`-\langle x, y\rangle` minimises

.. math::
    W(\theta) = \langle\theta, \nu\rangle + \sum_i w_i \frac1{n_i} \sum_{x\in i}
                \varepsilon \log\sum_j \nu_j e^{(\langle x, y_j\rangle - \theta_j)/\varepsilon}.

A client's statistic is one number a colour,
:math:`\bar S_{ij}(\theta) = e^{\theta_j/\varepsilon}\,\mathrm{mean}_x\,p_j(x; \theta)`, with :math:`p_j(x; \theta)`
the share of pixel :math:`x` that goes to colour :math:`j`, and the server minimises by
:math:`T(s)_j = \varepsilon\log(s_j/\nu_j)`. Put together,
:math:`T(\bar S(\theta))_j = \theta_j + \varepsilon\log(\mathrm{mean}_x\,p_j(x; \theta)/\nu_j)` is one iteration of
Sinkhorn: exact majorise-minimise (MM) *is* the centralised algorithm. FedMM takes damped steps towards it, and so can
do with half of the clients in a round, each sending half of its 32 numbers.

**What to see.** All that travels is statistics, yet with control variates the accuracy has no floor: the gap falls to
rounding. Without them, or when potentials are averaged instead of statistics (naive), it stops at a floor that
depends on how much the clients differ. The transport cost printed at the end is compared with that of POT, where it
is installed, on the pooled pixels.

    python examples/plot_federated_sinkhorn.py
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fedmm import MM, Bernoulli, FedMM, Full, Identity, Mask, Naive, solve
from fedmm.algorithm import Algorithm
from fedmm.channels import Channel
from fedmm.participation import Participation
from fedmm.result import Result
from problems import Transport
from problems.data import ImageColors, federation

PROBLEM = Transport(epsilon=0.05)


class Setting(NamedTuple):
    """A method, who takes part, and what the uploads go through."""

    method: Algorithm
    participation: Participation
    channel: Channel
    color: str


HALF = Bernoulli(0.5)

SETTINGS: Mapping[str, Setting] = {
    "Sinkhorn (MM): everyone, exact": Setting(MM(), Full(), Identity(), "0.25"),
    "FedMM: half of the clients": Setting(FedMM(step=0.3), HALF, Identity(), "#56B4E9"),
    "FedMM: half of the clients, half of the numbers": Setting(FedMM(step=0.15), HALF, Mask(0.5), "#0072B2"),
    "  the same without control variates": Setting(FedMM(step=0.15, control_variates=False), HALF, Mask(0.5), "#009E73"),
    "  the same averaging potentials (naive)": Setting(Naive(step=0.15), HALF, Mask(0.5), "#D55E00"),
}

FEDERATED = "FedMM: half of the clients, half of the numbers"
CENTRALISED = "Sinkhorn (MM): everyone, exact"


def experiment(rounds: int) -> dict[str, Result]:
    """Every setting on the same pixels, from potentials 0."""
    data = federation(ImageColors(pixels=2000, atoms=32), "dirichlet:0.3", clients=10, seed=0)
    return {
        name: solve(PROBLEM, data, method, rounds=rounds, participation=participation, channel=channel, progress=False)
        for name, (method, participation, channel, _) in SETTINGS.items()
    }


def pooled(result: Result) -> np.ndarray:
    """All pixels, which nobody in the federation could see at once."""
    assert result.federation is not None
    return np.concatenate([data.X for data in result.federation])


def transport_cost(result: Result) -> float:
    """<P, C> for C = |x - y|^2, on the pooled pixels."""
    problem: Any = result.problem
    X = pooled(result)
    return float(np.sum(problem.plan(result.theta, X) * squared_distances(X, problem.atoms)))


def transport_cost_by_pot(result: Result) -> float:
    """<P, C> of POT's log-domain Sinkhorn: C = |x - y|^2 doubles -<x, y>, and so doubles the regularisation."""
    import ot

    problem: Any = result.problem
    X = pooled(result)
    C = squared_distances(X, problem.atoms)
    masses = np.full(len(X), 1.0 / len(X))
    P = ot.sinkhorn(masses, problem.masses, C, 2.0 * problem.epsilon, method="sinkhorn_log", numItermax=5000, stopThr=1e-13)
    return float(np.sum(np.asarray(P) * C))


def recoloured(result: Result, image: np.ndarray) -> np.ndarray:
    """Every pixel (..., 3) at the mean of the colours it goes to: clients can do so too, once they know the potentials."""
    problem: Any = result.problem
    return problem.transform(result.theta, image.reshape(-1, 3)).reshape(image.shape)


def draw(results: Mapping[str, Result], path: Path, show: bool = False) -> None:
    """Objective gaps, the photograph, the palette and the recoloured photograph."""
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure
    from sklearn.datasets import load_sample_image

    problem: Any = results[FEDERATED].problem
    best = min(float(result.trace["objective"].min()) for result in results.values())
    size = (10.5, 4.6)
    figure = plt.figure(figsize=size) if show else Figure(figsize=size)  # a bare Figure never opens a window
    figure.set_layout_engine("constrained")
    axes = figure.subplot_mosaic("gi;gp;gr", width_ratios=(1.7, 1), height_ratios=(6, 1, 6))

    ax = axes["g"]
    for name, result in results.items():
        gap = np.maximum(result.trace["objective"] - best, 1e-16)
        ax.semilogy(result.trace["round"], gap, color=SETTINGS[name].color, lw=1.6, label=name.strip())
    ax.set(xlabel="communication round $t$", ylabel=r"$W(\theta_t) - \min W$", ylim=(1e-15, None))
    ax.grid(alpha=0.25, lw=0.5)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, fontsize=8.5)

    china: Any = load_sample_image("china.jpg")
    image = china[::2, ::2] / 255.0
    axes["i"].imshow(image)
    axes["i"].set_title("private: the photograph, in bands", fontsize=9)
    order = np.argsort(problem.atoms.sum(axis=1))
    axes["p"].imshow(problem.atoms[order][None], aspect="auto")
    axes["p"].set_title("public: the palette", fontsize=9)
    axes["r"].imshow(recoloured(results[FEDERATED], image))
    axes["r"].set_title("recoloured by the federated potentials", fontsize=9)
    for place in "ipr":
        axes[place].set_axis_off()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=200)
    if show:
        plt.show()


def main(argv: Sequence[str] | None = None) -> dict[str, Result]:
    """Run, print the table, draw the figure."""
    parser = argparse.ArgumentParser(description="Optimal transport of private pixels to a public palette.")
    parser.add_argument("--rounds", type=int, default=400, help="communication rounds (default 400)")
    parser.add_argument("--out", type=Path, default=Path("federated_sinkhorn.png"), help="where the picture goes")
    parser.add_argument("--quick", action="store_true", help="60 rounds, to see that it works")
    parser.add_argument("--show", action="store_true", help="open a window")
    args = parser.parse_args(argv)
    if args.rounds < 1:
        parser.error("expected --rounds >= 1")
    results = experiment(60 if args.quick else args.rounds)
    draw(results, args.out, args.show)
    width = max(map(len, results))
    print(f"{'':{width}}  {'objective':>15}  {'kbit up':>8}  {'<P, C>':>14}")
    for name, result in results.items():
        bits = result.bits_up / 1000
        print(f"{name:{width}}  {result.objective:15.12f}  {bits:8.0f}  {transport_cost(result):14.12f}")
    if find_spec("ot") is not None:
        cost = transport_cost_by_pot(results[CENTRALISED])
        print(f"{'POT, pooled pixels':{width}}  {'':15}  {'':8}  {cost:14.12f}")
    else:
        print("(install POT to compare <P, C> with another library's)")
    print(f"the picture is {args.out}")
    return results


def squared_distances(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """|x - y|^2, shape (n, m)."""
    return np.sum((X[:, None, :] - Y) ** 2, axis=-1)


if __name__ == "__main__":
    main()
