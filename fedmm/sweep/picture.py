"""The picture of a sweep: curves with bands over seeds; beside them the last value against the swept number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fedmm.plot import DECADES, TALLEST, WORDS
from fedmm.sweep.sweep import Setting, Sweep, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["picture"]

NAMED = 8
"""Up to so many configurations are named in a legend; more are told apart by a colour scale where one number is swept."""


def picture(sweep: Sweep, column: str) -> Figure:
    """See `Sweep.plot`.

    Raises
    ------
    SpecError
        If no run measured the column.
    """
    from matplotlib.figure import Figure

    ranked = sweep.ranked(column)  # refuses a column that is not there
    settings = sweep.settings
    axis = _number(sweep)
    figure = Figure(figsize=(10 if axis else 6.4, 4.2), layout="constrained")
    curves, *ends = figure.subplots(1, 2 if axis else 1, squeeze=False)[0]
    _curves(curves, settings, column, axis)
    if axis is not None:
        _ends(ends[0], settings, column, axis)
    best = ", ".join(f"{name} = {shown(value)}" for name, value in ranked[0].values.items()) or "one configuration"
    some = sweep[0]
    figure.suptitle(f"{some.problem.name}: best {best}", fontsize="medium")
    return figure


def _number(sweep: Sweep) -> str | None:
    """The one axis of plain numbers beside the seed, or None."""
    names = [name for name in sweep.axes if name != "seed"]
    if len(names) != 1 or not all(_plain(values[names[0]]) for values in sweep.values):
        return None
    return names[0] if len({values[names[0]] for values in sweep.values}) > 1 else None


def _plain(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _curves(ax: Axes, settings: list[Setting], column: str, axis: str | None) -> None:
    from matplotlib import colormaps

    many = len(settings) > NAMED
    colours = colormaps["viridis"](np.linspace(0.0, 0.9, len(settings)))
    if axis is not None:
        settings = sorted(settings, key=lambda setting: setting.values[axis])
    drawn, shortest = 0, []
    for setting, colour in zip(settings, colours, strict=True):
        if column not in setting.results[0].trace.columns:
            continue
        x, mean, std = setting.band(column)
        shown_here = np.isfinite(mean) & (np.abs(mean) < TALLEST)
        if not shown_here.any():
            continue
        x, mean, std = x[shown_here], mean[shown_here], np.nan_to_num(std[shown_here])
        label = ", ".join(f"{name} = {shown(value)}" for name, value in setting.values.items())
        ax.plot(x, mean, color=colour, label=label, linewidth=1.2)
        if len(setting.results) > 1:
            ax.fill_between(x, mean - std, mean + std, color=colour, alpha=0.2, linewidth=0)
        drawn += 1
        shortest.append((mean.min(), mean.max(), mean[0]))
    _heights(ax, shortest)
    ax.set_xlabel(WORDS["round"])
    ax.set_ylabel(WORDS.get(column, column))
    ax.grid(alpha=0.3)
    if many and axis is not None:
        _colour_scale(ax, settings, axis)
    elif drawn and not many:
        ax.legend(fontsize="small")


def _heights(ax: Axes, extents: list[tuple[float, float, float]]) -> None:
    """A logarithm where positive values span decades; runs that go far above their start do not squeeze the others."""
    if not extents:
        return
    low, start = min(e[0] for e in extents), max(e[2] for e in extents)
    high = max(e[1] for e in extents)
    top = min(high, low + 3.0 * (start - low)) if start > low else high
    if high <= top or top <= low:
        if low > 0 and np.log10(max(high, low) / low) > DECADES:
            ax.set_yscale("log")
        return
    margin = 0.05 * (top - low)
    if low > 0 and np.log10(top / low) > DECADES:
        ax.set_yscale("log")
        ax.set_ylim(0.8 * low, 1.2 * top)
    else:
        ax.set_ylim(low - margin, top + margin)


def _colour_scale(ax: Axes, settings: list[Setting], axis: str) -> None:
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm

    values = [float(setting.values[axis]) for setting in settings]
    norm = BoundaryNorm(np.arange(len(values) + 1) - 0.5, 256)
    figure = ax.get_figure()
    assert figure is not None
    ticks = np.unique(np.linspace(0, len(values) - 1, 5).round().astype(int))
    bar = figure.colorbar(ScalarMappable(norm, colormaps["viridis"]), ax=ax, ticks=ticks)
    bar.ax.set_yticklabels([f"{values[k]:.3g}" for k in ticks])
    bar.set_label(axis)


def _ends(ax: Axes, settings: list[Setting], column: str, axis: str) -> None:
    """The last value against the number, with the deviation over seeds."""
    settings = sorted(settings, key=lambda setting: setting.values[axis])
    x = np.array([float(setting.values[axis]) for setting in settings])
    found = np.array([setting.last(column) for setting in settings])
    ok = np.isfinite(found[:, 0]) & (np.abs(found[:, 0]) < TALLEST)
    ax.errorbar(x[ok], found[ok, 0], yerr=found[ok, 1] if found[ok, 1].any() else None, marker="o", markersize=3, capsize=2)
    for k, value in enumerate(x[~ok]):
        ax.axvline(value, color="0.7", linestyle=":", label="diverged or failed" if k == 0 else None)
    if (~ok).any():
        ax.legend(fontsize="small")
    if x.min() > 0 and x.max() / x.min() > 10:
        ax.set_xscale("log")
    good = found[ok, 0]
    if good.size and good.min() > 0 and np.log10(good.max() / good.min()) > DECADES:
        ax.set_yscale("log")
    ax.set_xlabel(axis)
    ax.set_ylabel(f"{WORDS.get(column, column)}, last")
    ax.grid(alpha=0.3)
