"""An HTML report: one page with every verdict, and a picture of each claim. A folder that can be sent as it is."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fedmm.plot import png
from theory_checks.claim import CLASSES, INSTANCES
from theory_checks.mutation import score
from theory_checks.verdict import Observation, Trial, Verdict, stem
from theory_checks.verify.table import at, count, short, slack_in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["picture", "report"]

SHOWN = 16
"""Settings that a picture shows as bars: those nearest to the bound."""

SMALL = 0.05
"""Parts below this one call for a logarithmic axis."""

CLOSE = 0.01
"""The least relative width of a histogram's axis."""

COLOURS = {"simulation": "C0", "batch": "C9", "replay": "C7", "pep": "C1", "lyapunov": "C3", "certificate": "C2"}
"""Of every engine: blue for instances, warm for the class."""

STYLE = """
body { font: 16px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
th, td { text-align: left; padding: 0.3rem 0.6rem; border-bottom: 1px solid #ddd; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.holds { color: #176b2c; } .refuted { color: #b00020; font-weight: bold; } .undecided { color: #8a5a00; }
section { margin-top: 2.5rem; } img { max-width: 100%; } code { background: #f4f4f4; padding: 0 0.2rem; }
"""


def report(verdicts: Sequence[Verdict], folder: Path) -> Path:
    """Write the report into a folder that is empty or new.

    Returns
    -------
    Path
        Of the page.

    Raises
    ------
    OSError
        If something cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for verdict in verdicts:
        (folder / f"{stem(verdict.claim)}.png").write_bytes(png(picture(verdict)))
    page = folder / "index.html"
    page.write_text(_page(verdicts), encoding="utf-8")
    return page


def picture(verdict: Verdict) -> Figure:
    """Left: observed and exact values as parts of what is promised, the settings nearest to it; right: how the ratios spread."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.4), layout="constrained")
    bars, spread = figure.subplots(1, 2, width_ratios=(3, 2))
    _bars(verdict, bars)
    _histogram(verdict, spread)
    return figure


def _bars(verdict: Verdict, ax: Axes) -> None:
    kinds = {"observed on instances": INSTANCES, "over the whole class": CLASSES}
    rows = [_parts(trial) for trial in verdict.trials]
    rows = sorted((row for row in rows if row), key=lambda row: -max(row.values()))[:SHOWN]
    for k, (label, engines) in enumerate(kinds.items()):
        found = [
            (place, max(part for engine, part in row.items() if engine in engines))
            for place, row in enumerate(rows)
            if any(engine in engines for engine in row)
        ]
        if found:
            places, heights = zip(*found, strict=True)
            ax.bar([place + 0.4 * (k - 0.5) for place in places], heights, width=0.38, label=label, color=("C0", "C1")[k])
    ax.axhline(1.0, color="black", linewidth=1.0, label="promised")
    ax.set_xticks([])
    ax.set_xlabel(f"{len(rows)} of {len(verdict.trials)} settings, nearest to the bound first")
    ax.set_ylabel("part of what is promised")
    if 0 < min((part for row in rows for part in row.values()), default=1.0) < SMALL:
        ax.set_yscale("log")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=3, fontsize="small", frameon=False)


def _histogram(verdict: Verdict, ax: Axes) -> None:
    parts = [_parts(trial) for trial in verdict.trials]
    engines = list(dict.fromkeys(engine for row in parts for engine in row))
    if engines:
        low, high = min(min(row.values()) for row in parts if row), max(max(row.values()) for row in parts if row)
        decades = 0 < low < SMALL * high
        room = max(high - low, CLOSE * max(abs(low), abs(high)), CLOSE)  # equal parts, up to rounding, still have a width
        bins = np.geomspace(low, high, 22) if decades else np.linspace((low + high - room) / 2, (low + high + room) / 2, 22)
        values = [[row[engine] for row in parts if engine in row] for engine in engines]
        ax.hist(values, bins=bins, label=engines, stacked=True, color=[COLOURS[engine] for engine in engines])  # type: ignore[arg-type]
        ax.set_xscale("log" if decades else "linear")
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=3, fontsize="small", frameon=False)
    ax.set_xlabel("measured / promised")
    ax.set_ylabel("settings")


def _parts(trial: Trial) -> dict[str, float]:
    """Measured over promised, by engine, where that is a number."""
    if not isfinite(trial.promised) or trial.promised == 0:
        return {}
    found = {engine: value / trial.promised for engine, value in trial.measured.items() if isfinite(value)}
    return {engine: part for engine, part in found.items() if isfinite(part)}


def _page(verdicts: Sequence[Verdict]) -> str:
    head = ("claim", "source", "kind", "tried", "worst ratio", "exact worst case", "improvable by", "verdict")
    rows = "\n".join(_row(verdict) for verdict in verdicts)
    sections = "\n".join(_section(verdict) for verdict in verdicts)
    scores = ", ".join(f"{escape(who)} {done} of {of}" for who, (done, of) in score(verdicts).items())
    return f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>fedmm verify</title><style>{STYLE}</style></head>
<body>
<h1>Claims and what was found</h1>
<p>{escape(count(verdicts))} fedmm {escape(version("fedmm"))}. The worst ratio is the smallest promised / measured over all
settings and engines (1 is the edge); "improvable by" is how many times fewer rounds the exact worst case promises.</p>
<table>
<tr>{"".join(f"<th>{name}</th>" for name in head)}</tr>
{rows}
</table>
<p>False strengthenings that were noticed: {scores or "none were tried"}.</p>
{sections}
</body>
</html>
"""


def _row(verdict: Verdict) -> str:
    cells = [
        f'<a href="#{escape(verdict.claim)}">{escape(verdict.claim)}</a>',
        f"{escape(verdict.reference)} ({escape(verdict.status)})",
        escape(verdict.kind),
    ]
    numbers = [
        str(len(verdict.trials)),
        short(verdict.worst.ratio) if verdict.worst else "-",
        short(verdict.exact.measured) if verdict.exact else "-",
    ]
    return (
        "<tr>"
        + "".join(f"<td>{cell}</td>" for cell in cells)
        + "".join(f'<td class="number">{cell}</td>' for cell in numbers)
        + f"<td>{escape(slack_in_words(verdict))}</td>"
        + f'<td class="{verdict.word}">{verdict.word}</td></tr>'
    )


def _section(verdict: Verdict) -> str:
    lines = [verdict.why, verdict.belief, *(said for said in (*verdict.contradictions, *verdict.failures) if said != verdict.why)]
    facts: list[tuple[str, Observation | None]] = [
        ("Counter-example", verdict.counterexample),
        ("Nearest to the bound", verdict.worst),
        ("Exact worst case where it is nearest to the bound", verdict.exact),
    ]
    if verdict.attained is not None:
        lines.append("Attained." if verdict.attained else "Not attained on any setting that was tried.")
    told = [f"<li>{title}: {escape(at(seen))}.</li>" for title, seen in facts if seen is not None]
    changes = "".join(
        f"<tr><td>{escape(each.says)}</td><td>{escape(', '.join(each.noticed) or '-')}</td>"
        f"<td>{escape(', '.join(each.missed) or '-')}</td></tr>"
        for each in verdict.mutations
    )
    return f"""<section id="{escape(verdict.claim)}">
<h2>{escape(verdict.claim)}: <span class="{verdict.word}">{verdict.word}</span></h2>
<p><code>{escape(verdict.statement)}</code></p>
<p>{escape(verdict.reference)} ({escape(verdict.status)})</p>
<p>{"<br>".join(escape(line) for line in lines if line)}</p>
<ul>{"".join(told)}</ul>
<img src="{stem(verdict.claim)}.png" alt="Measured over promised, by setting and as a histogram">
<details><summary>False strengthenings</summary>
<table><tr><th>change</th><th>noticed by</th><th>missed by</th></tr>{changes}</table></details>
</section>"""
