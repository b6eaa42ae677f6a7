"""What fedmm finds here: ``fedmm verify`` and the lines of ``fedmm explain`` about worst cases. Light to import."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from fedmm.composition import Composition
from fedmm.errors import DataError
from fedmm.theory import Answer, Inquiry, Theory

if TYPE_CHECKING:
    from theory_checks.perturbation import Perturbation
    from theory_checks.verdict import Verdict

__all__ = ["TheoryChecks"]


@dataclass(frozen=True)
class TheoryChecks(Theory):
    """Theorems about federated methods as claims, measured by several engines: instances, exact worst cases, certificates."""

    name: ClassVar[str] = "theory-checks"

    def listed(self, inquiry: Inquiry) -> Answer:
        from theory_checks.verify.aside import aside
        from theory_checks.verify.mine import known, select
        from theory_checks.verify.table import claim_list

        with aside():
            there = known(inquiry.mine)
        chosen = [there[name] for name in select(there, inquiry.claims, inquiry.method, inquiry.tag)]
        rows = [
            {
                "claim": claim.name,
                "statement": claim.statement,
                "reference": claim.reference,
                "status": str(claim.status),
                "kind": claim.kind,
                "engines": list(claim.engines),
                "method": claim.method,
                "tags": list(claim.tags),
            }
            for claim in chosen
        ]
        return Answer(claim_list(chosen), {"claims": rows})

    def verify(self, inquiry: Inquiry) -> Answer:
        from theory_checks.perturbation import perturbations
        from theory_checks.verify.aside import aside
        from theory_checks.verify.many import verify_by_name
        from theory_checks.verify.mine import known, select
        from theory_checks.verify.table import constants_table, details, mutation_table, table

        with aside():
            there = known(inquiry.mine)
            names = select(there, inquiry.claims, inquiry.method, inquiry.tag)
            verdicts = verify_by_name(
                names,
                inquiry.examples,
                mine=inquiry.mine,
                thorough=inquiry.thorough,
                processes=inquiry.processes,
            )
            finished = [each for each in verdicts if inquiry.mutants and not each.interrupted]
            constants = {each.claim: perturbations(there[each.claim], each.trials) for each in finished}
        files, failures = _counterexamples(verdicts, inquiry)
        failures += _shortcomings(verdicts, inquiry)
        parts = [table(verdicts), details(verdicts, files)]
        if inquiry.mutants:
            parts += [mutation_table(verdicts), constants_table(constants)]
        if inquiry.report is not None:
            from theory_checks.verify.report import report

            try:
                parts += [f"report: {report(verdicts, inquiry.report)}"]
            except (OSError, DataError) as error:
                failures.append(f"Could not write the report into {inquiry.report} ({error}); name another folder.")
        left = [name for name in names if name not in {verdict.claim for verdict in verdicts}]
        if left:
            parts += [f"stopped; not verified: {', '.join(left)}"]
        return Answer(
            "\n\n".join(part for part in parts if part),
            {"claims": [_row(verdict, files, constants) for verdict in verdicts], "not_verified": left},
            refuted=any(verdict.holds is False or verdict.contradictions for verdict in verdicts),
            interrupted=bool(left) or any(verdict.interrupted for verdict in verdicts),
            failure=" ".join(failures),
        )

    def replay(self, path: Path, mine: Path | None = None) -> Answer:
        from theory_checks.verify.aside import aside
        from theory_checks.verify.counterexample import read, replay
        from theory_checks.verify.judge import judge
        from theory_checks.verify.table import replayed

        with aside():
            example = read(path, mine)
            verdict = judge(example.claim, (replay(example),))
        return Answer(replayed(verdict), {"claims": [_row(verdict, {}, {})]}, refuted=verdict.holds is False)

    def rows(self, composition: Composition) -> list[tuple[str, str]]:
        from theory_checks.worst_case_rows import rows

        return rows(composition)


def _counterexamples(verdicts: list[Verdict], inquiry: Inquiry) -> tuple[dict[str, str], list[str]]:
    """Write the counter-examples: the files by claim, and what could not be written."""
    from theory_checks.verify.counterexample import write

    files: dict[str, str] = {}
    failures: list[str] = []
    for verdict in verdicts:
        if verdict.counterexample is not None:
            try:
                files[verdict.claim] = str(write(verdict, inquiry.counterexamples, inquiry.mine))
            except DataError as error:
                failures.append(str(error))
    return files, failures


def _shortcomings(verdicts: list[Verdict], inquiry: Inquiry) -> list[str]:
    """Why a run that refutes nothing is no success; nothing where it was stopped."""
    if any(verdict.interrupted for verdict in verdicts):
        return []
    if verdicts and not any(trial.measured for verdict in verdicts for trial in verdict.trials):
        return ["No claim was measured at any setting; the reasons are above."]
    undecided = [verdict.claim for verdict in verdicts if verdict.holds is None]
    return [f"Undecided, which --strict does not let pass: {', '.join(undecided)}."] if inquiry.strict and undecided else []


def _row(verdict: Verdict, files: dict[str, str], constants: dict[str, tuple[Perturbation, ...]]) -> dict[str, Any]:
    row = verdict.table() | {"file": files.get(verdict.claim)}
    if verdict.claim in constants:
        row["constants"] = [asdict(each) for each in constants[verdict.claim]]
        row["mutations"] = [
            {"says": each.says, "noticed": list(each.noticed), "missed": list(each.missed), "own": bool(each.due)}
            for each in verdict.mutations
        ]
    return row
