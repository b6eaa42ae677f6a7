r"""Checks a certificate with integers only: no solver, no floats, nothing but Python's standard library.

    python check_certificate.py FILE ...

A certificate proves statements ``objective <= bound`` about a federated method: the expressions and the inequalities are linear
in positive semidefinite matrices and in function values, the multipliers y >= 0 are given, and

    sum_j y_j inequality_j - objective = <positive semidefinite, ...> + 0 . (function values) - bound,

so that the objective is at most the bound wherever every inequality_j <= 0. This file may be copied anywhere; that the
inequalities are those of the method is what `theory_checks.pep.certify.rebuild` checks.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from fractions import Fraction
from typing import Any

__all__ = ["check", "digest", "main", "semidefinite"]


def number(text: Any) -> Fraction:
    """An exact number, as "-3/7"."""
    if not isinstance(text, str) or not re.fullmatch("-?[0-9]+(/[1-9][0-9]*)?", text):
        raise ValueError(f"expected numbers written as '3/7', got {text!r}")
    return Fraction(text)


def flat(term: Any) -> list[list[Fraction]]:
    """The rows of every matrix, then the coefficients of the function values, then the constant."""
    rows = [row for matrix in term["matrices"] for row in matrix] + [term["F"], [term["const"]]]
    return [[number(x) for x in row] for row in rows]


def semidefinite(S: list[list[Fraction]]) -> bool:
    """Whether a matrix is symmetric and positive semidefinite: exact elimination, pivot by pivot."""
    S = [list(row) for row in S]
    if any(len(row) != len(S) for row in S) or any(S[i][j] != S[j][i] for i in range(len(S)) for j in range(i)):
        return False
    for k in range(len(S)):
        if S[k][k] < 0 or (S[k][k] == 0 and any(S[k][k:])):
            return False
        for i in range(k + 1, len(S)):
            if S[i][k]:
                S[i] = [x - S[i][k] / S[k][k] * y for x, y in zip(S[i], S[k], strict=True)]
    return True


def digest(data: dict[str, Any]) -> str:
    """SHA-256 of everything in the file but itself."""
    rest = {key: value for key, value in data.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def check(data: dict[str, Any]) -> list[str]:
    """What a certificate proves, a line each; ValueError with the reason if it proves nothing."""
    known = isinstance(data, dict) and data.get("format") == "fedmm certificate 1" and data.get("sha256") == digest(data)
    if not known or not data.get("statements"):
        raise ValueError("it is no certificate of format 1, or was changed after it was written")
    proved = []
    for statement in data["statements"]:
        bound, objective = number(statement["bound"]), {name: number(c) for name, c in statement["objective"].items()}
        terms = [(number(j["multiplier"]), flat(j)) for j in statement["inequalities"]]
        if any(y < 0 for y, _ in terms):
            raise ValueError("a multiplier is negative")
        terms += [(-c, flat(data["expressions"][name])) for name, c in objective.items()]
        factors = [y for y, _ in terms]
        *matrices, values, const = [
            [sum((y * x for y, x in zip(factors, entries, strict=True)), Fraction(0)) for entries in zip(*rows, strict=True)]
            for rows in zip(*(rows for _, rows in terms), strict=True)
        ]
        if any(values):
            raise ValueError("the function values do not cancel")
        for side in [len(matrix) for matrix in data["expressions"][min(objective)]["matrices"]]:
            if not semidefinite(matrices[:side]):
                raise ValueError("a matrix that has to be symmetric and positive semidefinite is not")
            matrices = matrices[side:]
        if -const[0] > bound:
            raise ValueError(f"what it proves is {-const[0]}, more than its bound {bound}")
        left = " + ".join(name if c == 1 else f"({c}) {name}" for name, c in objective.items())
        used = dict.fromkeys(re.sub(" [(][0-9]+, [0-9]+[)]$", "", j["says"]) for j in statement["inequalities"])
        proved.append(f"{left} <= {bound}, from {', '.join(used) or 'nothing'}")
    return proved


def main(paths: list[str]) -> int:
    """Check files; 0 if all of them hold, 1 if one does not, 2 for none."""
    if not paths:
        print("usage: python check_certificate.py FILE ...", file=sys.stderr)
        return 2
    for path in paths:
        try:
            with open(path, encoding="utf-8") as file:
                data = json.load(file)
            proved = check(data)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            print(f"{path} is refused: {str(error) or type(error).__name__}.", file=sys.stderr)
            return 1
        print(f"{path} is proved: {data['claim']}", *(f"    {line}" for line in proved), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
