"""Verdicts as text: a table of at most `WIDTH` columns, then a paragraph for whatever is not plain."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from math import isinf

from theory_checks.claim import Claim, Status
from theory_checks.mutation import score
from theory_checks.perturbation import Perturbation, counts, unnoticed
from theory_checks.verdict import Observation, Verdict

__all__ = ["WIDTH", "claim_list", "constants_table", "details", "mutation_table", "short", "table"]

WIDTH = 118
"""Columns of a terminal that every line fits into."""

NAME, REST = 36, 64
"""The widest a claim's name is printed, and what the columns beside name and source take."""

RESOLUTION = 1e-3
"""Rates are searched by bisection: a slack nearer to 1 than this is 1."""

MARKS = {Status.MEMORY: "*", Status.NUMERIC: "~", Status.MINE: "!"}
"""Statuses that are printed with every verdict."""


def table(verdicts: Sequence[Verdict]) -> str:
    """One line a claim, then what the marks mean, then one line that counts."""
    names = min(NAME, max((len(verdict.claim) for verdict in verdicts), default=0))
    rows = [
        (
            _cut(verdict.claim, NAME),
            _cut(verdict.reference, WIDTH - REST - names),
            verdict.kind,
            str(len(verdict.trials)),
            short(verdict.worst.ratio) if verdict.worst else "-",
            short(verdict.exact.measured) if verdict.exact else "-",
            slack_in_words(verdict),
            _verdict(verdict),
        )
        for verdict in verdicts
    ]
    head = ("claim", "source", "kind", "tried", "ratio", "exact", "improvable by", "verdict")
    marks = [f"{mark} {status}" for status, mark in MARKS.items() if any(verdict.status == status for verdict in verdicts)]
    return "\n".join([*_columns([head, *rows], right=(3, 4, 5)), "", *(["; ".join(marks)] if marks else []), count(verdicts)])


def count(verdicts: Sequence[Verdict]) -> str:
    """How many claims hold, are refuted, are undecided, and how long it took."""
    words = [verdict.word for verdict in verdicts]
    parts = [f"{words.count('holds')} hold", f"{words.count('refuted')} refuted", f"{words.count('undecided')} undecided"]
    took = sum(verdict.seconds for verdict in verdicts)
    return f"{len(verdicts)} claim{'s' if len(verdicts) != 1 else ''}: {', '.join(parts)}; {took:.1f} s of measuring."


def details(verdicts: Sequence[Verdict], files: dict[str, str]) -> str:
    """A paragraph for every claim that does not simply hold; `files` names the counter-example's file, by claim."""
    lines: list[str] = []
    for verdict in verdicts:
        overlooked = [mutation for mutation in verdict.own if mutation.overlooked]
        if verdict.holds and not overlooked and not verdict.contradictions and not verdict.interrupted:
            continue
        lines += [*([""] if lines else []), f"{verdict.claim}: {verdict.word}", *_wrapped(verdict.statement)]
        if verdict.counterexample is not None:
            lines += _wrapped(f"refuted by {at(verdict.counterexample)}")
        if verdict.claim in files:
            lines += [f"  again: fedmm verify --replay {files[verdict.claim]}"]
        if verdict.why:
            lines += _wrapped(verdict.why)
        lines += [line for failure in verdict.failures if failure != verdict.why for line in _wrapped(failure)]
        for clash in verdict.contradictions:
            lines += _wrapped(clash) if clash != verdict.why else []
        for mutation in overlooked:
            lines += _wrapped(f"{' and '.join(mutation.overlooked)} missed the false promise {mutation.says!r}.")
        lines += _wrapped(verdict.belief)
    return "\n".join(lines)


def at(seen: Observation) -> str:
    """An observation in one line."""
    setting = ", ".join(f"{name} = {value}" for name, value in seen.setting.items())
    return f"engine {seen.engine}: promised {seen.promised:.9g}, measured {seen.measured:.9g}, at {setting}"


def mutation_table(verdicts: Sequence[Verdict]) -> str:
    """For every claim and engine: how many of its mutants it refutes, and the least change of the promise it notices."""
    rows = [("claim", "engine", "mutants", "sees b off by", "sees rounds off by")]
    for verdict in verdicts:
        engines = dict.fromkeys(engine for each in verdict.mutations for engine in (*each.noticed, *each.missed))
        for i, engine in enumerate(engines):
            asked = [mutation for mutation in verdict.own if engine in (*mutation.noticed, *mutation.missed)]
            due = [mutation for mutation in asked if engine in mutation.due]
            refuted = sum(engine in mutation.noticed for mutation in due)
            own = f"{refuted} of {len(due)}" if due else "-"
            rows.append(
                (verdict.claim if i == 0 else "", engine, own, _least(verdict, engine, "b"), _least(verdict, engine, "rounds"))
            )
    scores = [f"{who} {done} of {of}" for who, (done, of) in score(verdicts).items()]
    return "\n".join([*_columns(rows), "", f"false strengthenings noticed: {', '.join(scores) or 'none were tried'}"])


def constants_table(found: Mapping[str, Sequence[Perturbation]]) -> str:
    """For every claim and engine: how many wrong constants it notices; then those that nobody does."""
    rows = [("claim", "constants", "engine", "changes noticed")]
    for claim, changed in found.items():
        scores = [(who, f"{done} of {of}") for who, (done, of) in counts(changed).items() if who != "any"]
        heads = [(claim, str(len({each.constant for each in changed})))] + [("", "")] * len(scores)
        rows += [(*head, *told) for head, told in zip(heads, scores or [("-", "-")], strict=False)]
    lines = _columns(rows)
    for claim, changed in found.items():
        missed = unnoticed(changed)
        lines += (
            ["", f"{claim}: wrong constants that nobody notices", *(line for each in missed for line in _wrapped(each))]
            if missed
            else []
        )
    everything = counts(each for changed in found.values() for each in changed)
    total = ", ".join(f"{who} {done} of {of}" for who, (done, of) in everything.items())
    return "\n".join([*lines, "", f"wrong constants noticed: {total or 'none promises more'}"])


def _least(verdict: Verdict, engine: str, what: str) -> str:
    """The least relative change, in every direction that was tried, of which an engine notices all."""
    tried = [
        (float(mutation.says.split()[-1]), engine in mutation.noticed)
        for mutation in verdict.mutations
        if not mutation.due and mutation.says.split()[0].strip("|") == what
    ]
    seen = [c for c in {c for c, _ in tried} if all(noticed for other, noticed in tried if other == c)]
    return "-" if not tried else f"{100 * (1 - max(seen)):.1f} %" if seen else "nothing"


def claim_list(claims: Iterable[Claim]) -> str:
    """Names, statements and topics."""
    lines = []
    for claim in claims:
        topics = ", ".join([*([f"method {claim.method}"] if claim.method else []), *claim.tags])
        lines.append(f"{claim.name} [{claim.kind}; {', '.join(claim.engines)}{f'; {topics}' if topics else ''}]")
        lines += _wrapped(claim.statement)
        lines += _wrapped(f"{claim.reference} ({claim.status})")
    return "\n".join(lines)


def short(value: float) -> str:
    """Four digits."""
    return "inf" if isinf(value) else f"{value:.4g}"


def slack_in_words(verdict: Verdict) -> str:
    """The slack as a ratio of rounds, from its least to its most."""
    if verdict.slack is None:
        return "-"
    low, high = (f"{1.0 if abs(value - 1.0) <= RESOLUTION else value:.3g}" for value in verdict.slack)
    return f"x {low}" if low == high else f"x {low} to {high}"


def _verdict(verdict: Verdict) -> str:
    word = verdict.word if verdict.holds is not False else "REFUTED"
    if verdict.interrupted:
        word += " (stopped)"
    return word + "".join(mark for status, mark in MARKS.items() if verdict.status == status)


def _columns(rows: Sequence[Sequence[str]], right: tuple[int, ...] = ()) -> list[str]:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if k in right else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH - 2, initial_indent="  ", subsequent_indent="    ", break_long_words=False)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1].rstrip(" ,;") + "…"


def replayed(verdict: Verdict) -> str:
    """One setting measured again: every engine beside the promise."""
    lines = [verdict.claim, *_wrapped(verdict.statement), *_wrapped(f"{verdict.reference} ({verdict.status})")]
    for trial in verdict.trials:
        lines += _wrapped(", ".join(f"{name} = {value}" for name, value in trial.setting.items()))
        lines += [f"  promised {trial.promised:.12g}"]
        lines += [f"  {engine} measured {value:.12g}" for engine, value in trial.measured.items()]
        lines += [line for engine, said in trial.failed.items() for line in _wrapped(f"{engine} could not say: {said}")]
    if verdict.counterexample is not None:
        ends = f"refuted again, by engine {verdict.counterexample.engine}"
    else:
        ends = "not refuted here: the claim or its engines have changed" if verdict.holds else "undecided here"
    return "\n".join([*lines, ends])
