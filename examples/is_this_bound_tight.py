r"""Is this bound tight?
=======================

**The question.** A theorem promises an upper bound. Experiments always stay below it: by how much, and is that the fault of the
theorem, which is loose, or of the experiments, which are easy?

**The mathematics.** Between what is seen and what is promised lies a third number, the *exact worst case*: the largest value
over every federation of the function class, in any dimension, with any number of clients. Then

.. math:: \text{observed}\;\le\;\text{exact}\;\le\;\text{published},

the first gap belongs to the experiments, the second one to the theorem. For first-order methods on smooth functions the exact
worst case is the value of a semidefinite program (performance estimation), whose size here does not depend on the number of
clients (`theory_checks.pep`). A claim (`theory_checks.claims`) is a theorem that measures all three: `engines["simulation"]`
runs the library's own method on random and on extreme federations, `engines["pep"]` solves the program.

**What to see.** Gradient descent on convex functions: the three agree. The bound cannot be improved, and the federation of
Huber functions on which FedSGD attains it is known. On non-convex functions the textbook bound is up to 1.5 times the exact
value, which another theorem gives, and FedSGD attains on a zigzag. Local gradient descent, one round: the usual drift estimate
is two to five times too large, more so for more local steps, and the true drift is attained too. The averaged iterate of
several rounds: the published bound (its constants are to be confirmed) is more than ten times the exact value. The federations
tried come within 12 % of it. Alone they would not say whether the theorem is loose, or a harder federation exists.

    python examples/is_this_bound_tight.py --out tight.png
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from theory_checks.claims import lookup


@dataclass(frozen=True, eq=False)
class Question:
    """A claim, and the one parameter that varies.

    Parameters
    ----------
    claim : str
        Its name, as in ``fedmm verify --list``.
    title : str
        Of the picture.
    over : str
        What varies.
    setting : mapping
        The other parameters.
    """

    claim: str
    title: str
    over: str
    setting: Mapping[str, Any]


class Answer(NamedTuple):
    """The three numbers at one value of what varies."""

    at: int
    observed: float
    exact: float
    published: float


QUESTIONS = (
    Question("gd-convex-gap", "gradient descent, convex", "t", {"L": 1.0, "gamma": 1.0, "R": 1.0, "N": 2, "seed": 0}),
    Question("gd-nonconvex", "gradient descent, non-convex", "t", {"L": 1.0, "gamma": 1.0, "Delta": 1.0, "N": 2, "seed": 0}),
    Question(
        "local-gd-round-classical",
        "Local GD, one round",
        "K",
        {"L": 1.0, "mu": 0.1, "gamma": 0.5, "R": 0.0, "zeta": 1.0, "N": 2, "seed": 0},
    ),
    Question(
        "local-gd-averaged-2019",
        "Local GD, averaged iterate, 4 local steps",
        "rounds",
        {"L": 1.0, "gamma": 0.04, "K": 4, "R": 1.0, "zeta": 0.5, "N": 2, "seed": 0},
    ),
)


def answers(question: Question, values: Sequence[int]) -> list[Answer]:
    """Observed, exact and published."""
    claim, found = lookup(question.claim), []
    for at in values:
        setting = {**question.setting, question.over: at}
        claim.check(setting)
        observed, exact = (claim.engines[name](**setting) for name in ("simulation", "pep"))
        found.append(Answer(at, observed, exact, claim.promised(**setting)))
    return found


def draw(found: Mapping[Question, Sequence[Answer]], path: Path, show: bool = False) -> None:
    """A panel for each question: the three numbers against what varies."""
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    size = (11.0, 7.0)
    figure = plt.figure(figsize=size, layout="constrained") if show else Figure(figsize=size, layout="constrained")
    for ax, (question, rows) in zip(figure.subplots(2, 2).ravel(), found.items(), strict=True):
        at = [row.at for row in rows]
        ax.plot(at, [row.published for row in rows], "s--", color="C3", markersize=9, markerfacecolor="none", label="published")
        ax.plot(at, [row.exact for row in rows], "-", color="0.2", linewidth=2, label="exact")
        ax.plot(at, [row.observed for row in rows], "o", color="C0", label="observed")
        ax.set_yscale("log")
        ax.set_xticks(at, [str(value) for value in at], minor=False)
        ax.set_xlabel(question.over)
        ax.set_title(question.title, loc="left", fontsize=11)
    figure.axes[0].legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)
    if show:
        plt.show()


def table(found: Mapping[Question, Sequence[Answer]]) -> str:
    """The numbers, and the two gaps: of the theorem, and of the experiments."""
    lines = [f"{'':26}  {'observed':>9}  {'exact':>9}  {'published':>9}  {'theorem':>8}  {'experiment':>10}"]
    for question, rows in found.items():
        claim = lookup(question.claim)
        lines += ["", f"{question.claim}: {claim.statement} ({claim.reference}; {claim.status})"]
        for row in rows:
            gaps = f"{f'x {row.published / row.exact:.2f}':>8}  {f'x {row.exact / row.observed:.2f}':>10}"
            name = f"    {question.over} = {row.at}"
            lines.append(f"{name:26}  {row.observed:9.5f}  {row.exact:9.5f}  {row.published:9.5f}  {gaps}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> dict[str, list[Answer]]:
    """Measure, print the table, draw."""
    parser = argparse.ArgumentParser(description="Is this bound tight? Observed, exact worst case, published.")
    parser.add_argument("--out", type=Path, default=Path("tight.png"), help="where the picture goes")
    parser.add_argument("--quick", action="store_true", help="fewer points")
    parser.add_argument("--show", action="store_true", help="open a window")
    args = parser.parse_args(argv)
    values = {"t": (1, 2, 4, 8), "K": (2, 3, 4, 6), "rounds": (1, 2, 3, 4)}
    chosen = {over: several[:2] if args.quick else several for over, several in values.items()}
    found = {question.claim: answers(question, chosen[question.over]) for question in QUESTIONS}
    by_question = {question: found[question.claim] for question in QUESTIONS}
    print(table(by_question))
    draw(by_question, args.out, args.show)
    print(f"\nthe picture is {args.out}")
    return found


if __name__ == "__main__":
    main()
