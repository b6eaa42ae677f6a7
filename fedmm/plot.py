"""Curves of a run, and of several runs on one picture. Words on the axes, a logarithm where values span decades."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from fedmm.trace import COUNTERS, Trace
from fedmm.wording import bits_in_words, federation_in_words, part_in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fedmm.result import Result

__all__ = ["comparison", "curve", "png", "png_of", "sent"]

WORDS = {
    "round": "communication round",
    "exchanges": "exchanges between server and clients",
    "seconds": "seconds in the method",
    "bits_up": "bits sent up by all clients",
    "bits_down": "bits sent down to all clients",
    "clients": "clients that replied",
    "objective": "objective W(θ)",
    "field": "|h(s)|²",
    "parameter_step": "|change of θ|² / γ²",
    "surrogate_step": "|change of s|² / γ²",
}

DECADES = 2.0
"""Positive values that span more powers of ten than this are drawn on a logarithmic axis."""

SPREAD = 4
"""Runs whose bits differ by more than this factor are drawn on a logarithmic axis of bits."""

STYLES = ("-", "--", "-.", ":")
"""Taken in turn, so that curves that coincide can all be seen."""

MARKED = 40
"""Curves of at most this many points show each of them."""

DIVERGED = 1e6
"""A comparison draws a run until its gap is this many times the start's: the others stay readable."""

TALLEST = 1e200
"""Larger values are not drawn: a logarithmic axis overflows beyond them."""


def curve(result: Result, column: str, against: str, ax: Axes | None = None, label: str | None = None) -> Axes:
    """Draw a column of a trace; see `fedmm.result.Result.plot`.

    Without `ax` a figure is made by pyplot, so that a notebook shows it.

    Raises
    ------
    SpecError
        If the trace has no such column.
    """
    x, y = _points(result.trace[against], result.trace[column])
    if ax is None:
        ax = _shown(_title(result))
    ax.plot(x, y, marker="." if len(x) <= MARKED else None, label=label or part_in_words(result.parts.algorithm))
    ax.set_xlabel(WORDS.get(against, against))
    ax.set_ylabel(WORDS.get(column, column))
    if against == "round":
        _whole_rounds(ax)
    _scale(ax)
    return ax


def comparison(results: Mapping[str, Result], gaps: Mapping[str, np.ndarray], what: str) -> Figure:
    """The relative gaps of several runs against rounds and against bits.

    Parameters
    ----------
    results : mapping of str to Result
        The runs by name, all from one start.
    gaps : mapping of str to array
        For each run the relative gap in every row of its trace.
    what : str
        What the gap is relative to, in a few words.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    totals = [float(sent(result.trace)[-1]) for result in results.values()]
    unit, scale = _unit(max(totals))
    top = min(TALLEST, DIVERGED * max((float(gap[0]) for gap in gaps.values() if gap[:1] > 0), default=np.inf))
    for i, (name, result) in enumerate(results.items()):
        gap = np.where((gaps[name] > 0) & (gaps[name] < top), gaps[name], np.nan)  # the reference's own run ends at zero
        for ax, x in ((left, result.trace["round"]), (right, sent(result.trace) / scale)):
            x, y = _points(x, gap)
            ax.plot(x, y, STYLES[i % len(STYLES)], marker="." if len(x) <= MARKED else None, label=name)
    if 0 < SPREAD * min(totals) < max(totals):
        right.set_xscale("log")
    _whole_rounds(left)
    for ax in (left, right):
        ax.set_yscale("log")
        ax.grid(alpha=0.3)
    left.set_xlabel(WORDS["round"])
    left.set_ylabel("relative gap (W − W*) / |W*|")
    right.set_xlabel(f"sent up and down, all clients ({unit})")
    left.legend(fontsize="small")
    some = next(iter(results.values()))
    figure.suptitle(f"{_problem(some)}\nW*: {what}", fontsize="medium")
    return figure


def png_of(result: Result) -> bytes | None:
    """The picture of a run folder as PNG, or None where nothing was measured."""
    from matplotlib.figure import Figure

    measured = [name for name in result.trace.columns if name not in COUNTERS and np.isfinite(result.trace[name]).any()]
    if not measured:
        return None
    column = "objective" if "objective" in measured else measured[0]
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    curve(result, column, "round", left)
    unit, scale = _unit(sent(result.trace)[-1])
    x, y = _points(sent(result.trace) / scale, result.trace[column])
    right.plot(x, y, marker="." if len(x) <= MARKED else None)
    right.set_xlabel(f"sent up and down, all clients ({unit})")
    _scale(right)
    figure.suptitle(_title(result), fontsize="medium")
    return png(figure)


def png(figure: Figure) -> bytes:
    """A figure as PNG, drawn without any window system."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    content = BytesIO()
    FigureCanvasAgg(figure).print_png(content)
    return content.getvalue()


def sent(trace: Trace) -> np.ndarray:
    """Bits up and down together after every round."""
    return trace["bits_up"] + trace["bits_down"]


def _shown(title: str) -> Axes:
    from matplotlib import pyplot

    figure = pyplot.figure(layout="constrained")
    ax = figure.add_subplot()
    ax.set_title(title, fontsize="medium")
    return ax


def _points(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Those that were measured and can be drawn: a metric may be measured in some rounds only."""
    there = np.isfinite(x) & (np.abs(y) < TALLEST)
    return x[there], y[there]


def _whole_rounds(ax: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


def _scale(ax: Any) -> None:
    values = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in ax.get_lines()] or [np.zeros(1)])
    if values.size and values.min() > 0 and np.log10(values.max() / values.min()) > DECADES:
        ax.set_yscale("log")
    ax.grid(visible=True, alpha=0.3)


def _unit(bits: float) -> tuple[str, float]:
    unit = bits_in_words(bits).split()[1]
    return unit, {"bit": 1.0, "kbit": 1e3, "Mbit": 1e6, "Gbit": 1e9, "Tbit": 1e12}[unit]


def _problem(result: Result) -> str:
    problem = part_in_words(result.parts.problem)
    return problem if result.federation is None else f"{problem} on {federation_in_words(result.federation)}"


def _title(result: Result) -> str:
    parts = result.parts
    ways = [f"{part_in_words(parts.channel)} up"] if parts.channel.name != "identity" else []
    ways += [f"{part_in_words(parts.downlink)} down"] if parts.downlink.name != "identity" else []
    ways += [f"{part_in_words(parts.participation)} participation"] if parts.participation.name != "full" else []
    return f"{_problem(result)}\n{', '.join([part_in_words(parts.algorithm), *ways])}"
