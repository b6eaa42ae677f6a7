r"""False strengthenings of a claim: which engine notices which.

Every promise b is made stronger by a relative amount: :math:`b - (1-c)|b|` for an upper bound (for a positive b that is cb),
the same upwards for a lower bound, both for an expectation; a contraction factor :math:`\rho` also becomes
:math:`\rho^{1/c}`, which promises c times as many rounds. Beside these, the claim's own mutants. An engine notices a change
if one of its numbers refutes the stronger promise: nothing is measured again.

Invariants, whose promise is rounding, have only their own mutants.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from theory_checks.claim import Claim
from theory_checks.verdict import Mutation, Trial, Verdict

__all__ = ["FACTORS", "mutations", "score"]

FACTORS = (0.5, 0.9, 0.99, 0.999)
"""By which every promise is made stronger."""

Change = Callable[[Trial], float]


def mutations(claim: Claim, trials: Sequence[Trial]) -> tuple[Mutation, ...]:
    """Who notices which false strengthening, on trials that were already measured."""
    found = []
    for says, due, change in _changes(claim):
        noticed = {engine for trial in trials for engine in _noticing(claim, trial, change)}
        looked = {engine for trial in trials for engine in trial.measured}
        looked -= {engine for trial in trials for engine in trial.failed}  # who could not say everywhere has missed nothing
        found.append(
            Mutation(
                says,
                noticed=tuple(engine for engine in claim.engines if engine in noticed),
                missed=tuple(engine for engine in claim.engines if engine in looked - noticed),
                due=due,
            )
        )
    return tuple(found)


def score(verdicts: Sequence[Verdict]) -> dict[str, tuple[int, int]]:
    """For every engine, and for "any", how many changes were noticed and of how many."""
    counts: dict[str, tuple[int, int]] = {}

    def add(who: str, noticed: bool) -> None:
        done, of = counts.get(who, (0, 0))
        counts[who] = (done + noticed, of + 1)

    for verdict in verdicts:
        for mutation in verdict.mutations:
            if mutation.noticed or mutation.missed:
                add("any", bool(mutation.noticed))
            for engine in (*mutation.noticed, *mutation.missed):
                add(engine, engine in mutation.noticed)
    return counts


def _changes(claim: Claim) -> Iterator[tuple[str, tuple[str, ...], Change]]:
    for mutant in claim.mutants:
        yield mutant.says, mutant.seen_by, _own(mutant.promised)
    if claim.kind == "invariant":
        return
    for c in FACTORS:
        if claim.kind != "lower":
            yield f"{'|b|' if claim.kind == 'rate' else 'b'} x {c:g}", (), _scaled(c, -1)
        if claim.kind in ("lower", "expectation"):
            yield f"b / {c:g}", (), _scaled(c, 1)
        if claim.factor:
            yield f"rounds x {c:g}", (), _sooner(c)


def _own(promised: Callable[..., float]) -> Change:
    return lambda trial: float(promised(**trial.setting))


def _scaled(c: float, sign: int) -> Change:
    part = 1.0 - c if sign < 0 else 1.0 / c - 1.0
    return lambda trial: trial.promised + sign * part * abs(trial.promised)


def _sooner(c: float) -> Change:
    return lambda trial: max(trial.promised, 0.0) ** (1.0 / c)


def _noticing(claim: Claim, trial: Trial, change: Change) -> list[str]:
    try:
        promised = change(trial)
    except Exception:  # a false promise need not make sense everywhere
        return []
    return [engine for engine, value in trial.measured.items() if value == value and not claim.holds(promised, value)]
