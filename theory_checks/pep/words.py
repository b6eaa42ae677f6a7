"""Names and sentences for the symbols, assumptions and claims of a problem."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from theory_checks.pep.assemble import Rows

if TYPE_CHECKING:
    from theory_checks.pep.problem import SymPEP

__all__ = ["sentence", "symbols", "worded"]


def symbols(pep: SymPEP) -> dict[str, list[str]]:
    """The names of the rows of M, of the rows of every D, and of the function values."""
    kinds = {"mean": pep.means, "deviation": pep.devs, "value": pep.values}
    return {kind: [pep.names[number] for number in numbers] for kind, numbers in kinds.items()}


def worded(pep: SymPEP, rows: Rows) -> Rows:
    """The same rows; assumptions are labelled by their formula."""
    return rows._replace(labels=tuple(_says(pep, rows, j) for j in range(len(rows.labels))))


def _says(pep: SymPEP, rows: Rows, j: int) -> str:
    if rows.labels[j] != "assumption":
        return rows.labels[j]
    names = symbols(pep)
    terms = _quadratic(rows.M[j], names["mean"], "")
    for c in range(rows.D.shape[1]):
        terms += _quadratic(rows.D[j, c], names["deviation"], "" if pep.r == 1 else f" in class {c}")
    terms += [(x, name) for x, name in zip(rows.F[j], names["value"], strict=True) if x]
    left = " + ".join(name if x == 1 else f"({x}) {name}" for x, name in terms)
    return f"assumption {left or 0} <= {-rows.const[j]}"


def sentence(program: Callable[..., Any], parameters: Mapping[str, Any], world: Mapping[str, Any], bound: Any, what: str) -> str:
    """The claim of a certificate."""
    numbers = ", ".join(f"{name} = {_shown(value)}" for name, value in {**world, **parameters}.items())
    value = Fraction(bound)
    exact = str(value) if len(str(value)) < 12 else f"about {float(value):.10g}"
    return f"{program.__name__} with {numbers}: {what} is at most {exact} on every federation of the class"


def _shown(value: Any) -> str:
    return "(" + ", ".join(map(str, value)) + ")" if isinstance(value, (list, tuple)) else str(value)


def _quadratic(A: Any, names: list[str], suffix: str) -> list[tuple[Any, str]]:
    found = []
    for i, one in enumerate(names):
        if A[i, i]:
            found.append((A[i, i], f"|{one}|^2{suffix}"))
        found += [(2 * A[i, j], f"<{one}, {names[j]}>{suffix}") for j in range(i) if A[i, j]]
    return found
