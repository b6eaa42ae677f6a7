"""Who holds what: the labels and the numbers of samples of every client in one picture.

| data | picture |
|---|---|
| few labels, few clients | a bar of label fractions for each client |
| more | a heat map of the fractions; many clients are put in the order of their most frequent label |
| real-valued targets | the same, of intervals of the target that hold equally many samples |
| no targets | numbers of samples only |
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fedmm.arrays import to_numpy
from fedmm.errors import SpecError
from fedmm.federation import Federation, Samples
from fedmm.plot import png
from fedmm.wording import federation_in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Mix", "clients_png", "draw_clients", "label_mix"]

MOST_BARS = 40
"""More clients than this are drawn as a heat map."""

MOST_LABELS = 100
"""Targets of more different values than this are put in intervals."""

BINS = 8
"""Intervals of a real-valued target."""

COLORS = ("#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499", "#BBBBBB")
"""Paul Tol's muted scheme (https://personal.sron.nl/~pault/): ten colours that colour-blind readers tell apart."""


class Mix(NamedTuple):
    """How many samples of each label a client has.

    Parameters
    ----------
    counts : array (n, K)
        Row i: client i.
    names : list of str
        The labels, in increasing order.
    cuts : array (K - 1,) or None
        Where the intervals of a real-valued target meet; None for labels.
    """

    counts: np.ndarray
    names: list[str]
    cuts: np.ndarray | None


def label_mix(federation: Federation) -> Mix | None:
    """The labels of every client; None where a client has no targets."""
    targets = []
    for data in federation:
        if type(data) is not Samples or data.y is None:
            return None
        targets.append(to_numpy(data.y).astype(float))
    y = np.concatenate(targets)
    owner = np.repeat(np.arange(len(targets)), [len(part) for part in targets])
    values = np.unique(y)
    cuts = None
    if len(values) > MOST_LABELS or not np.array_equal(values, np.round(values)):
        cuts = np.unique(np.quantile(y, np.linspace(0, 1, BINS + 1)[1:-1], method="inverted_cdf"))
        cuts = cuts[cuts < y.max()]  # values that occur end the intervals, which are closed on the right: none is empty
        label, names = np.searchsorted(cuts, y, side="left"), _interval_names(cuts, values)
    else:
        label, names = np.searchsorted(values, y), [f"{value:g}" for value in values]
    K = len(names)
    return Mix(np.bincount(owner * K + label, minlength=len(targets) * K).reshape(-1, K), names, cuts)


def _interval_names(cuts: np.ndarray, values: np.ndarray) -> list[str]:
    if not len(cuts):
        return [f"{values[0]:.3g}"]
    inner = [f"{a:.3g} to {b:.3g}" for a, b in pairwise(cuts)]
    return [f"up to {cuts[0]:.3g}", *inner, f"above {cuts[-1]:.3g}"]


def draw_clients(federation: Federation, ax: Axes | None = None) -> Axes:
    """Draw the label mix and the sizes; see `fedmm.federation.Federation.plot`."""
    mix, sizes = label_mix(federation), np.asarray(federation.sizes())
    n = len(sizes)
    many = n > MOST_BARS
    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.figure(figsize=_size(n), layout="constrained").add_subplot()
    ax.set_title(federation_in_words(federation), fontsize="medium", loc="left")
    if mix is None:
        _sizes(ax, sizes, ticks=6)
        _clients(ax, n, "client")
        return ax
    fractions = mix.counts / sizes[:, None]
    order = _by_label(fractions) if many else np.arange(n)
    beside = _split_off(ax)
    _sizes(beside, sizes[order], ticks=2)
    beside.tick_params(labelleft=False)
    if many or len(mix.names) > len(COLORS):
        _heat_map(ax, beside, fractions[order], mix)
    else:
        _bars(ax, beside, fractions, mix)
    _clients(ax, n, "clients in the order of what they have most of" if many else "client")
    if many:
        ax.set_yticks([])
    return ax


def clients_png(federation: Federation) -> bytes:
    """The same picture as PNG, drawn without any window system."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=_size(len(federation)), layout="constrained")
    draw_clients(federation, figure.add_subplot())
    return png(figure)


def _size(n: int) -> tuple[float, float]:
    return 8.5, min(max(1.4 + 0.26 * n, 3.2), 6.0)


def _split_off(ax: Any) -> Any:
    """New axes to the right of `ax`, with its rows: they take their room from it."""
    place = ax.get_subplotspec()
    if place is None:
        raise SpecError("Expected axes of a grid, as figure.subplots() makes them; these were placed by hand.")
    left, right = place.subgridspec(1, 2, width_ratios=(2.6, 1.0))
    ax.set_subplotspec(left)
    return ax.figure.add_subplot(right, sharey=ax)


def _bars(ax: Any, beside: Any, fractions: np.ndarray, mix: Mix) -> None:
    """A bar for each client, its legend to the right of the sizes."""
    from matplotlib import colormaps

    K, rows = len(mix.names), np.arange(len(fractions))
    few = {2: (0, 5), 3: (0, 2, 5), 4: (0, 1, 5, 6)}.get(K, range(K))
    colors = [COLORS[k] for k in few] if mix.cuts is None else colormaps["viridis"](np.linspace(0.05, 0.95, K))
    left = np.zeros(len(fractions))
    for k, name in enumerate(mix.names):
        ax.barh(rows, fractions[:, k], 0.82, left, color=colors[k], label=name, edgecolor="white", linewidth=0.4)
        left = left + fractions[:, k]
    ax.set_xlim(0, 1)
    ax.set_xlabel("fraction of the client's samples")
    handles, names = ax.get_legend_handles_labels()
    title = "label" if mix.cuts is None else "target"
    beside.legend(handles, names, title=title, loc="upper left", bbox_to_anchor=(1.0, 1.05), frameon=False, fontsize="small")


def _heat_map(ax: Any, beside: Any, fractions: np.ndarray, mix: Mix) -> None:
    """A cell for each client and label, dark where the client has many of it."""
    K = fractions.shape[1]
    image = ax.imshow(fractions, aspect="auto", cmap="Blues", vmin=0, vmax=fractions.max(), interpolation="nearest")
    if mix.cuts is None:
        step = -(-K // 20)
        where, words = np.arange(0, K, step), mix.names[::step]
    else:
        where, words = np.arange(K - 1) + 0.5, [f"{cut:.3g}" for cut in mix.cuts]
    slanted = len(words) * max(map(len, words), default=0) > 50
    ax.set_xticks(where, words, **({"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if slanted else {}))
    ax.set_xlabel("label" if mix.cuts is None else "target")
    ax.figure.colorbar(image, ax=beside, fraction=0.25, aspect=30, label="fraction of the client's samples")


def _sizes(ax: Any, sizes: np.ndarray, ticks: int) -> None:
    ax.barh(np.arange(len(sizes)), sizes, 1.0 if len(sizes) > MOST_BARS else 0.82, color="0.55")
    ax.set_xlim(left=0)
    ax.set_xlabel("samples")
    ax.spines[["top", "right"]].set_visible(False)
    ax.locator_params(axis="x", nbins=ticks, integer=True)


def _clients(ax: Any, n: int, words: str) -> None:
    """Client 0 on top."""
    from matplotlib.ticker import MaxNLocator

    ax.set_ylim(n - 0.5, -0.5)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=20, integer=True))
    ax.set_ylabel(words)


def _by_label(fractions: np.ndarray) -> np.ndarray:
    """Clients by their most frequent label; of equal ones the purer first."""
    return np.lexsort((-fractions.max(axis=1), fractions.argmax(axis=1)))
