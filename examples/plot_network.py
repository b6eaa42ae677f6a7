r"""A network on clients that see few classes
==========================================

**The question.** A small convolutional network (60,674 numbers) is trained by FedAvg on images of clothes that fifty
clients hold, ten of them in a round. How many passes over its own data should a client make before it answers, and
how does that depend on how alike the clients are?

**The mathematics.** Client i starts at the server's :math:`\theta` and makes E passes in batches of 20,

.. math::
    \theta_i \leftarrow \theta_i - \gamma \nabla f_i^{\mathrm{batch}}(\theta_i),
    \qquad
    \theta \leftarrow \theta + \sum_{i\in A} w_i (\theta_i - \theta) \Big/ \sum_{i\in A} w_i .

Communication is what a federation pays for, so more passes look free. They move each client towards a minimiser of
*its own* loss, however, and the average of those is not a minimiser of the mean loss: the more the clients differ,
the more a pass too many costs.

**What to see.** With clients that are alike (iid), five passes reach in fifteen rounds what one pass needs sixty for,
and go on. With clients that see few classes (Dirichlet 0.1) every curve is lower and more ragged; five passes lead at
first, but their loss stalls from round twenty on, and after sixty rounds little of the lead is left.

The images are Fashion-MNIST (the first 6,000 for training, 2,000 for testing), found through the environment variable
``FEDMM_DATA``, the folder that holds ``fashion-mnist/``; without it, the 8 x 8 digits of scikit-learn. Needs torch.

    python examples/plot_network.py
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fedmm import FedAvg, Federation, FixedSize, Objective, Result, Samples, solve
from fedmm.federation import Partition
from fedmm.nn import Network
from problems.data import IID, Digits, Dirichlet, FashionMNIST

CLIENTS, COHORT, BATCH, STEP = 50, 10, 20, 0.1
SIZES, FEW = (6000, 2000), (1000, 500)  # images for training and for testing; with --quick


class Setting(NamedTuple):
    """How images are dealt out, how many passes a client makes, and how its curve is drawn."""

    partition: Partition
    epochs: int
    color: str
    dashes: str


SETTINGS: Mapping[str, Setting] = {
    "iid, 1 pass": Setting(IID(CLIENTS), 1, "#0072B2", "--"),
    "iid, 5 passes": Setting(IID(CLIENTS), 5, "#0072B2", "-"),
    "few classes each, 1 pass": Setting(Dirichlet(0.1, CLIENTS), 1, "#D55E00", "--"),
    "few classes each, 5 passes": Setting(Dirichlet(0.1, CLIENTS), 5, "#D55E00", "-"),
}


def images(sizes: tuple[int, int] = SIZES) -> tuple[str, Samples, Samples]:
    """What they are, those for training, and those for testing: one row of pixels in [0, 1] each, y the class."""
    if "FEDMM_DATA" in os.environ:
        train, test = (
            FashionMNIST(part, labels="class", limit=n).load(None, 0) for part, n in zip(("train", "test"), sizes, strict=True)
        )
        return "Fashion-MNIST", train, test
    X, y = Digits(labels="digit").load(None, 0)
    assert y is not None
    return "digits", Samples(X[:1397], y[:1397]), Samples(X[1397:], y[1397:])


def experiment(
    rounds: int, every: int, settings: Mapping[str, Setting] = SETTINGS, sizes: tuple[int, int] = SIZES
) -> dict[str, Result]:
    """Every setting from the same start; the share of right answers on the test images is a column of the trace."""
    import torch

    _, train, test = images(sizes)

    def single(x: Any) -> torch.Tensor:
        return torch.as_tensor(np.array(x), dtype=torch.float32)

    held_out = Samples(single(test.X), single(test.y))

    def answer(snapshot: Any, row: dict[str, float]) -> None:
        if "objective" in row:
            row["accuracy"] = float(snapshot.problem.score(snapshot.theta, held_out))

    results = {}
    for name, (partition, epochs, _, _) in settings.items():
        data = Federation.from_arrays(train.X, train.y, partition, seed=1).to(single)
        results[name] = solve(
            Network("cnn", outputs=10),
            data,
            FedAvg(local_epochs=epochs, batch=BATCH, step=STEP),
            rounds=rounds,
            participation=FixedSize(COHORT),
            metrics=Objective(every=every),
            callbacks=answer,
            progress=False,
        )
    return results


def measured(result: Result, column: str) -> tuple[np.ndarray, np.ndarray]:
    """(rounds, values) of a column where it was measured."""
    values = result.trace[column]
    known = np.isfinite(values)
    return result.trace["round"][known], values[known]


def draw(results: Mapping[str, Result], what: str, path: Path, show: bool = False) -> None:
    """The share of right answers and the loss, against rounds."""
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    size = (9.0, 3.6)
    figure = plt.figure(figsize=size) if show else Figure(figsize=size)  # a bare Figure never opens a window
    figure.set_layout_engine("constrained")
    left, right = figure.subplots(1, 2)
    for name, result in results.items():
        style = {"color": SETTINGS[name].color, "ls": SETTINGS[name].dashes, "lw": 1.6, "label": name}
        left.plot(*measured(result, "accuracy"), **style)
        right.semilogy(*measured(result, "objective"), **style)
    left.set(xlabel="communication round", ylabel=f"right answers, {what}", ylim=(0, 1))
    right.set(xlabel="communication round", ylabel="mean loss of the clients")
    for ax in (left, right):
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.grid(alpha=0.25, lw=0.5)
        ax.spines[["top", "right"]].set_visible(False)
    left.legend(frameon=False, fontsize=8.5)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=200)
    if show:
        plt.show()


def main(argv: Sequence[str] | None = None) -> dict[str, Result]:
    """Run, print the table, draw the figure."""
    parser = argparse.ArgumentParser(description="FedAvg on a small convolutional network: how many local passes?")
    parser.add_argument("--rounds", type=int, default=60, help="communication rounds (default 60)")
    parser.add_argument("--out", type=Path, default=Path("network.png"), help="where the picture goes")
    parser.add_argument("--quick", action="store_true", help="4 rounds on few images, to see that it works")
    parser.add_argument("--show", action="store_true", help="open a window")
    args = parser.parse_args(argv)
    if args.rounds < 1:
        parser.error("expected --rounds >= 1")
    rounds = 4 if args.quick else args.rounds
    sizes = FEW if args.quick else SIZES
    results = experiment(rounds, every=1 if args.quick else min(5, rounds), sizes=sizes)
    what = images(sizes)[0]
    draw(results, what, args.out, args.show)
    width = max(map(len, results))
    print(f"{what}, {rounds} rounds\n{'':{width}}  {'right':>6}  {'loss':>7}  {'Mbit up':>8}")
    for name, result in results.items():
        right = measured(result, "accuracy")[1][-1]
        print(f"{name:{width}}  {right:6.3f}  {result.objective:7.4f}  {result.bits_up / 1e6:8.1f}")
    print(f"the picture is {args.out}")
    return results


if __name__ == "__main__":
    main()
