"""A certificate: a worst-case bound or a rate, proved in exact fractions, as a value and as a file.

The file holds every inequality that the proof uses, so that ``python -m theory_checks.check_certificate FILE`` (which may be
copied anywhere) checks the proof with nothing but Python. That the inequalities are those of the method's text is what
`rebuild` checks: it runs the text again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from fedmm.errors import DataError, SpecError
from theory_checks.check_certificate import check, digest
from theory_checks.pep.assemble import Rows, assemble, stacked
from theory_checks.pep.problem import SymPEP
from theory_checks.pep.programs import Step

__all__ = ["Certificate", "Proof", "combined", "rebuild"]

FORMAT = "fedmm certificate 1"


class Proof(NamedTuple):
    """One statement: a combination of expressions is at most a bound.

    Parameters
    ----------
    objective : mapping of str to Fraction
        Factors of the expressions: {"V+": 1, "V": -9/10}.
    bound : Fraction
        What it is at most.
    rows : Rows
        The inequalities that are used.
    multipliers : sequence of Fraction
        One per inequality, positive.
    """

    objective: Mapping[str, Fraction]
    bound: Fraction
    rows: Rows
    multipliers: Sequence[Fraction]


@dataclass(frozen=True, eq=False)
class Certificate:
    """A bound on the worst case over every federation of a class, with its proof in exact arithmetic.

    Parameters
    ----------
    claim : str
        What is proved, in words.
    bound : Fraction
        The worst case is at most this; for a rate, the contraction factor.
    program : str
        "module:function", the method's text.
    world, parameters : mapping
        What the text was run with: the class of federations, and its own keywords.
    symbols : mapping of str to sequence of str
        Names of the rows of M ("mean") and of every D ("deviation"), and of the function values ("value").
    expressions : Rows
        What the statements are about, by label.
    weights : sequence of Fraction
        Of the terms of the Lyapunov function; empty for a worst case.
    proofs : sequence of Proof
        The statements.
    margin : float
        By how much the positive semidefinite matrices were kept away from singular ones.
    """

    claim: str
    bound: Fraction
    program: str
    world: Mapping[str, Any]
    parameters: Mapping[str, Any]
    symbols: Mapping[str, Sequence[str]]
    expressions: Rows
    weights: Sequence[Fraction]
    proofs: Sequence[Proof]
    margin: float

    def data(self) -> dict[str, Any]:
        """The contents of the file: integers and fractions as text, so that no reader can round them."""
        labels = self.expressions.labels
        data: dict[str, Any] = {
            "format": FORMAT,
            "claim": self.claim,
            "bound": str(self.bound),
            "program": self.program,
            "world": _text(self.world),
            "parameters": _text(self.parameters),
            "symbols": {kind: list(names) for kind, names in self.symbols.items()},
            "weights": [str(w) for w in self.weights],
            "expressions": {label: _term(self.expressions, k) for k, label in enumerate(labels)},
            "statements": [
                {
                    "objective": {name: str(c) for name, c in proof.objective.items()},
                    "bound": str(proof.bound),
                    "inequalities": [
                        {"says": proof.rows.labels[j], "multiplier": str(y), **_term(proof.rows, j)}
                        for j, y in enumerate(proof.multipliers)
                    ],
                }
                for proof in self.proofs
            ],
        }
        return data | {"sha256": digest(data)}

    def check(self) -> list[str]:
        """What the independent checker says of it, a line a statement.

        Raises
        ------
        ValueError
            If it proves nothing.
        """
        return check(self.data())

    def save(self, path: str | Path) -> Path:
        """Write the file.

        Raises
        ------
        DataError
            If it cannot be written.
        """
        path = Path(path).expanduser()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(self.data()) + "\n", encoding="utf-8")
        except OSError as error:
            raise DataError(f"Cannot write the certificate {path}: {error.strerror}; choose another place.") from error
        return path


def rebuild(path: str | Path, program: Callable[..., Any] | None = None) -> list[str]:
    """Check a file, and that what it proves is about the method it names: its text is run again, in exact fractions.

    Parameters
    ----------
    path : str or Path
        What `Certificate.save` wrote.
    program : callable or None
        The method's text; None takes the one the file names, if it is one of `theory_checks`.

    Returns
    -------
    list of str
        What is proved, a line a statement.

    Raises
    ------
    DataError
        If the file cannot be read, proves nothing, or uses an inequality that its program does not give.
    """
    try:
        data = json.loads(Path(path).expanduser().read_text(encoding="utf-8"))
        proved = check(data)
        world, parameters = _values(data["world"]), _values(data["parameters"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"The certificate {path} is refused: {error}.") from error
    pep = SymPEP(**world, exact=True)
    measured = (_named(data["program"]) if program is None else program)(pep, **parameters)
    weights = [Fraction(w) for w in data["weights"]]
    try:
        expressions = combined(pep, measured, weights)
    except ValueError as error:
        raise DataError(f"The certificate {path} weighs other terms than {data['program']} has.") from error
    ours = {label: _term(expressions, k) for k, label in enumerate(expressions.labels)}
    if data["expressions"] != ours:
        raise DataError(f"The certificate {path} is about other quantities than those {data['program']} measures.")
    form = [statement["objective"] for statement in data["statements"]], [s["bound"] for s in data["statements"]]
    if form != _form(measured, data["bound"]):
        raise DataError(f"The certificate {path} does not state its bound {data['bound']}.")
    rows = assemble(pep)
    valid = {json.dumps(_term(rows, j)) for j in range(len(rows.labels))}
    for statement in data["statements"]:
        for used in statement["inequalities"]:
            if json.dumps({key: used[key] for key in ("matrices", "F", "const")}) not in valid:
                raise DataError(f"The certificate {path} uses {used['says']!r} in a form that {data['program']} does not give.")
    return proved


def combined(pep: SymPEP, measured: Any, weights: Sequence[Fraction]) -> Rows:
    """The expressions: what a program measures; or V, its expected next value, and the target Q."""
    if not isinstance(measured, Step):
        rows = stacked(pep, [measured])
        return Rows(*rows[:4], ("measured",))
    sums = [sum((s * w for s, w in zip(terms, weights, strict=True)), pep.value(-1)) for terms in measured[:2]]
    return Rows(*stacked(pep, [*sums, measured.target])[:4], ("V", "V+", "Q"))


def _form(measured: Any, bound: str) -> tuple[list[dict[str, str]], list[str]]:
    """The objectives and bounds a certificate must state."""
    if not isinstance(measured, Step):
        return [{"measured": "1"}], [bound]
    return [{"V+": "1", "V": str(-Fraction(bound))}, {"Q": "1", "V": "-1"}], ["0", "0"]


def _term(rows: Rows, j: int) -> dict[str, Any]:
    matrices = [rows.M[j], *rows.D[j]]
    return {
        "matrices": [[[str(x) for x in row] for row in matrix] for matrix in matrices],
        "F": [str(x) for x in rows.F[j]],
        "const": str(rows.const[j]),
    }


def _text(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: [str(x) for x in v] if isinstance(v, (list, tuple)) else str(v) for name, v in values.items()}


def _values(texts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: [_value(x) for x in text] if isinstance(text, list) else _value(text) for name, text in texts.items()}


def _value(text: str) -> Any:
    if re.fullmatch("-?[0-9]+(/[1-9][0-9]*)?", text):
        number = Fraction(text)
        return int(number) if number.denominator == 1 else number
    return {"True": True, "False": False, "None": None}.get(text, text)


def _named(program: str) -> Callable[..., Any]:
    module, _, name = program.partition(":")
    if not module.startswith("theory_checks."):
        raise SpecError(f"The program {program!r} is not one of theory_checks; give it to rebuild(path, program=...).")
    try:
        return vars(import_module(module))[name]
    except (ImportError, KeyError):
        raise DataError(f"There is no program {program!r} in this installation.") from None
