"""From trials to a verdict: a pure function of what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite

from theory_checks.claim import CLASSES, INSTANCES, Claim, Kind, Status
from theory_checks.mutation import mutations
from theory_checks.verdict import Observation, Trial, Verdict

__all__ = ["ATTAINED", "SANDWICH", "contradictions", "judge", "observations", "refutation"]

SANDWICH = 1e-6
"""What an instance may exceed the exact worst case by, relatively: the solver's rounding."""

ATTAINED = 1e-4
"""A tight claim is attained where some engine comes within this relative distance of it."""

BLUNT = 0.01
"""Numbers whose allowance for rounding is this part of the promise, or more, do not count as near to the bound."""

UPPER: tuple[Kind, ...] = ("upper", "tight")


def judge(
    claim: Claim, trials: Sequence[Trial], *, seconds: float = 0.0, interrupted: bool = False, trouble: str = ""
) -> Verdict:
    """The verdict on a claim after these trials; of several counter-examples the last one is the smallest.

    `trouble` says why settings are missing, if they are; then nothing but a counter-example decides.
    """
    seen = [observation for trial in trials for observation in observations(claim, trial)]
    refuting = [found for found in (refutation(claim, trial) for trial in trials) if found is not None]
    clashes = contradictions(claim, trials)
    sharp = [observation for observation in seen if not _blunt(claim, observation)]
    worst = min(sharp or seen, key=lambda observation: observation.ratio, default=None)
    exact, slack = _exact(claim, sharp or seen)
    attained = None if claim.kind != "tight" else any(_meets(observation) for observation in sharp)
    why = trouble or _why(claim, trials, clashes, attained)
    holds = False if refuting else None if why or not seen else True
    if holds is None and not why:
        why = "Stopped before anything was measured." if interrupted else "No setting was tried."
    changes = mutations(claim, trials)
    return Verdict(
        claim=claim.name,
        statement=claim.statement,
        reference=claim.reference,
        status=str(claim.status),
        kind=claim.kind,
        method=claim.method,
        tags=tuple(claim.tags),
        holds=holds,
        why=why if holds is None else "",
        trials=tuple(trials),
        worst=refuting[-1] if refuting and worst is None else worst,
        exact=exact,
        slack=slack,
        counterexample=refuting[-1] if refuting else None,
        attained=attained,
        mutations=changes,
        contradictions=clashes,
        failures=_failures(claim, trials),
        interrupted=interrupted,
        seconds=seconds,
        belief=_belief(claim, trials, holds, worst, interrupted),
    )


def observations(claim: Claim, trial: Trial) -> list[Observation]:
    """Every number of a trial beside what was promised; without those that are not numbers."""
    return [
        Observation(trial.setting, engine, trial.promised, value, claim.ratio(trial.promised, value))
        for engine, value in trial.measured.items()
        if value == value
    ]


def refutation(claim: Claim, trial: Trial) -> Observation | None:
    """What refutes the claim in this trial: the engine furthest beyond the promise; None if nothing does.

    A certificate refutes nothing: that it proves no more than it does may be its own weakness.
    """
    found = [observation for observation in _beyond(claim, trial) if observation.engine != "certificate"]
    return min(found, key=lambda observation: observation.ratio, default=None)


def _beyond(claim: Claim, trial: Trial) -> list[Observation]:
    return [
        Observation(trial.setting, engine, trial.promised, value, claim.ratio(trial.promised, value))
        for engine, value in trial.measured.items()
        if not claim.holds(trial.promised, value)
    ]


def contradictions(claim: Claim, trials: Sequence[Trial]) -> tuple[str, ...]:
    """Where an instance is beyond the exact worst case: then one of two engines is wrong, whatever the claim says."""
    found: dict[tuple[str, str], str] = {}
    for trial in trials if claim.kind in UPPER else ():
        for low in (engine for engine in trial.measured if engine in INSTANCES):
            for high in (engine for engine in trial.measured if engine in CLASSES):
                observed, worst = trial.measured[low], trial.measured[high]
                room = max(SANDWICH, claim.rtol) * max(abs(observed), abs(worst)) + claim.atol
                if observed > worst + (room if isfinite(room) else 0.0) and (low, high) not in found:
                    at = ", ".join(f"{name} = {value}" for name, value in trial.setting.items())
                    found[low, high] = (
                        f"Engine {low} observed {observed:.9g}, more than engine {high}'s worst case {worst:.9g}, at {at}: "
                        "one of them is wrong."
                    )
    return tuple(found.values())


def _exact(claim: Claim, seen: Sequence[Observation]) -> tuple[Observation | None, tuple[float, float] | None]:
    """The exact worst case nearest to the bound, and the range of the slack; the least upper bound of a setting counts."""
    best: dict[int, Observation] = {}
    for observation in seen:
        if observation.engine in CLASSES:
            key = id(observation.setting)
            if key not in best or observation.measured < best[key].measured:
                best[key] = observation
    slacks = [(claim.slack(found.promised, found.measured), found) for found in best.values()]
    slacks = [(slack, found) for slack, found in slacks if isfinite(slack)]
    if not slacks:
        return next(iter(best.values()), None), None
    least, exact = min(slacks, key=lambda pair: pair[0])
    return exact, (least, max(slack for slack, _ in slacks))


def _blunt(claim: Claim, seen: Observation) -> bool:
    """Whether rounding alone would hide a change of the promise by `BLUNT`: 0 <= 0 says nothing about a constant."""
    allowed = claim.rtol * max(abs(seen.promised), abs(seen.measured)) + claim.atol
    return isfinite(seen.measured) and allowed >= BLUNT * abs(seen.promised)


def _meets(observation: Observation) -> bool:
    return abs(observation.promised - observation.measured) <= ATTAINED * abs(observation.promised)


def _why(claim: Claim, trials: Sequence[Trial], clashes: tuple[str, ...], attained: bool | None) -> str:
    """Why nothing can be said although nothing refutes the claim; empty if something can."""
    if clashes:
        return clashes[0]
    failures = _failures(claim, trials)
    if failures:
        return failures[0]
    short = [seen for trial in trials for seen in _beyond(claim, trial)]
    if short:
        proved, promised = short[0].measured, short[0].promised
        return f"Engine {short[0].engine} proves {proved:.9g} only, not the promised {promised:.9g}, at {len(short)} settings."
    if attained is False and trials:
        return "The bound holds, but no setting that was tried attains it."
    return ""


def _failures(claim: Claim, trials: Sequence[Trial]) -> tuple[str, ...]:
    """Who could not say, at how many settings, and the first reason."""
    found = []
    for who in ("promised", *claim.engines):
        said = [trial.failed[who] for trial in trials if who in trial.failed]
        where = "The promise" if who == "promised" else f"Engine {who}"
        found += [f"{where} could not say at {len(said)} of {len(trials)} settings: {said[0]}"] if said else []
    return tuple(found)


def _belief(claim: Claim, trials: Sequence[Trial], holds: bool | None, worst: Observation | None, interrupted: bool) -> str:
    """What was looked at, by whom, and what that cannot see."""
    looked = {name: sum(name in trial.measured for trial in trials) for name in claim.engines}
    by = [f"{name} at {count}" for name, count in looked.items() if count]
    said = [f"Measured by {' and '.join(by)} setting{'s' if len(trials) != 1 else ''}." if by else "Nothing was measured."]
    covering = [name for name in looked if name in CLASSES and looked[name]]
    if holds is False:
        said.append("A counter-example settles it, if its engine is right: rerun it.")
    elif "certificate" in covering:
        said.append("At these settings it is proved in rational arithmetic for the whole class.")
    elif covering:
        said.append("At these settings the whole class is covered, in floating point; between them nothing is known.")
    elif claim.kind in ("expectation", "invariant"):
        said.append("Instances only: what they were not made to differ in is not tested.")
    elif worst is not None and 1.0 < worst.ratio < inf:
        said.append(f"Instances alone cannot see an error in a constant smaller than a factor {worst.ratio:.4g}.")
    elif by:
        said.append("Instances only, which reach the bound: a smaller constant would be seen, a larger one is not needed.")
    if claim.status in (Status.MEMORY, Status.NUMERIC):
        said.append(f"Status: {claim.status}.")
    if interrupted:
        said.append("Stopped early.")
    return " ".join(said)
