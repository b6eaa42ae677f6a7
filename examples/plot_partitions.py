r"""Ways to be different
===================

**The question.** Before a method is said to work on heterogeneous clients: different in what, and by how much?

**The mathematics.** Client i holds :math:`n_i` samples with labels in fractions :math:`p_i`, everybody together
:math:`\bar p`. One number for label skew is the mean total variation distance
:math:`\frac1n \sum_i \frac12 \|p_i - \bar p\|_1`: 0 if all have the same mix, near 1 if every client has one label of many. For
a random split of clients of m samples it is not 0 either, but of the order :math:`1/\sqrt m`: compare with ``iid``.

**The experiment.** The 1797 digits of scikit-learn, ten clients, the ways of `fedmm list partition` that need neither
groups nor a column. Bars are the label mix of a client, grey bars its number of samples.

**What to see.** ``dirichlet`` skews labels and sizes; ``shards`` gives two labels to every client, and nearly equal sizes;
``quantity`` skews sizes alone: its mixes differ where a client has few samples, and only there. ``feature-shift`` and
``k-means`` do not look at labels: samples that lie in one place belong together, and labels follow, as far as they depend on
the place.

    python examples/plot_partitions.py --out partitions.png
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fedmm.federation import Federation
from fedmm.plot_clients import label_mix
from problems.data import federation

PARTITIONS = ("iid", "dirichlet:0.3", "shards:2", "quantity:0.5", "feature-shift", "k-means")


class Skew(NamedTuple):
    """How different clients are.

    Parameters
    ----------
    smallest, largest : int
        Numbers of samples.
    labels : float
        Labels of a client, on average.
    distance : float
        The mean total variation distance of a client's label mix from everybody's.
    """

    smallest: int
    largest: int
    labels: float
    distance: float


def skew(data: Federation) -> Skew:
    """The numbers of the table for a federation with labels."""
    mix = label_mix(data)
    assert mix is not None
    counts = mix.counts
    p, everybody = counts / counts.sum(axis=1, keepdims=True), counts.sum(axis=0) / counts.sum()
    distance = np.abs(p - everybody).sum(axis=1) / 2
    sizes = counts.sum(axis=1)
    return Skew(int(sizes.min()), int(sizes.max()), float((counts > 0).sum(axis=1).mean()), float(distance.mean()))


def draw(made: Mapping[str, Federation], path: Path, show: bool = False) -> None:
    """A panel for each partition, one legend."""
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    size = (13.0, 3.1 * -(-len(made) // 3))
    figure = plt.figure(figsize=size, layout="constrained") if show else Figure(figsize=size, layout="constrained")
    panels = figure.subplots(-(-len(made) // 3), 3, squeeze=False).ravel()
    for i, (ax, (name, data)) in enumerate(zip(panels, made.items(), strict=False)):
        data.plot(ax).set_title(name, loc="left", fontsize=11)
        legend = figure.axes[-1].get_legend()
        if i != 2 and legend is not None:
            legend.remove()
    for ax in panels[len(made) :]:
        ax.remove()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)
    if show:
        plt.show()


def main(argv: Sequence[str] | None = None) -> dict[str, Skew]:
    """Split, print the table, draw the figure."""
    parser = argparse.ArgumentParser(description="Who holds what under each partition.")
    parser.add_argument("--clients", type=int, default=10, help="the number of clients (default 10)")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the partitions (default 0)")
    parser.add_argument("--out", type=Path, default=Path("partitions.png"), help="where the picture goes")
    parser.add_argument("--quick", action="store_true", help="three partitions only")
    parser.add_argument("--show", action="store_true", help="open a window")
    args = parser.parse_args(argv)
    if not 1 <= args.clients <= 100:
        parser.error("expected --clients from 1 to 100")
    chosen = PARTITIONS[:3] if args.quick else PARTITIONS
    made = {name: federation("digits:digit", name, clients=args.clients, seed=args.seed) for name in chosen}
    draw(made, args.out, args.show)
    found = {name: skew(data) for name, data in made.items()}
    print(f"{'partition':<14}  {'samples':>11}  {'labels each':>11}  {'distance':>8}")
    for name, row in found.items():
        print(f"{name:<14}  {f'{row.smallest} - {row.largest}':>11}  {row.labels:>11.1f}  {row.distance:>8.3f}")
    print(f"\nthe picture is {args.out}")
    return found


if __name__ == "__main__":
    main()
