"""Bad parameters of a worst-case problem, refused in a sentence before any work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from inspect import signature
from math import isfinite
from numbers import Integral, Real
from typing import Any

from fedmm.errors import SpecError, suggest
from theory_checks.pep.algebra import Scalar

__all__ = ["as_classes", "as_number", "check_between", "check_count", "check_program", "check_scalar"]

WORLD = ("L", "mu", "N", "shared_optimum", "regularizer")
"""What a world is declared with."""


def as_number(value: Any, exact: bool) -> Any:
    """A float, or a Fraction if `exact`.

    Raises
    ------
    SpecError
        For what is not a finite number, or a float where exact fractions are asked for.
    """
    if isinstance(value, (bool, str)) or not isinstance(value, Real):
        raise SpecError(f"Expected a number as a coefficient, got {value!r} of type {type(value).__name__}.")
    if not exact:
        if not isfinite(value):
            raise SpecError(f"Expected a finite number as a coefficient, got {value}.")
        return float(value)
    if not isinstance(value, (Integral, Fraction)):
        raise SpecError(
            f"Expected exact coefficients, got the float {value!r}, which stands for a slightly different number; "
            "pass a Fraction, as in Fraction(1, 10)."
        )
    return Fraction(value)


def as_classes(L: Any, mu: Any, N: Any, number: Callable[[Any], Any]) -> tuple[list[Any], list[Any], list[int]]:
    """Smoothness, strong convexity and size of each class.

    Raises
    ------
    SpecError
        For L <= 0, mu outside [-L, L), a size below 1, or different numbers of classes.
    """
    counts = {len(x) for x in (L, mu, N) if isinstance(x, Sequence)}
    if len(counts) > 1 or 0 in counts:
        raise SpecError(f"Expected L, mu and N for the same classes, got L={L!r}, mu={mu!r}, N={N!r}.")
    r = counts.pop() if counts else 1
    Ls, mus, Ns = ([x[c] if isinstance(x, Sequence) else x for c in range(r)] for x in (L, mu, N))
    Ls, mus = [number(x) for x in Ls], [number(x) for x in mus]
    for one_L, one_mu in zip(Ls, mus, strict=True):
        if one_L <= 0:
            raise SpecError(f"Expected a smoothness L > 0, got L = {one_L}.")
        if not -one_L <= one_mu < one_L:
            raise SpecError(f"Expected -L <= mu < L, got mu = {one_mu} with L = {one_L}; equal curvatures are a quadratic.")
    if min(mus) < 0 <= max(mus):
        raise SpecError(f"Expected all classes convex (mu >= 0) or none, got mu = {mus}.")
    return Ls, mus, [check_count("N", n, None) for n in Ns]


def check_count(name: str, value: Any, most: int | None) -> int:
    """`value` as an int from 1 to `most`, or a SpecError."""
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < 1 or (most is not None and int(value) > most):
        up_to = "" if most is None else f" to {most}"
        raise SpecError(f"Expected {name} as an integer from 1{up_to or ' upwards'}, got {value!r}.")
    return int(value)


def check_between(name: str, value: Any, low: Any, high: Any, *, open_left: bool = False) -> Any:
    """`value` in [low, high] (or (low, high]; high None: no limit), or a SpecError."""
    below = value <= low if open_left else value < low
    if below or (high is not None and value > high):
        interval = f"{'(' if open_left else '['}{low}, {'inf)' if high is None else f'{high}]'}"
        raise SpecError(f"Expected {name} in {interval}, got {value}.")
    return value


def check_scalar(measured: Any) -> None:
    """Refuse a program that returns something other than what is measured, as a SpecError."""
    if not isinstance(measured, Scalar):
        raise SpecError(
            f"Expected a program that returns what is measured, a Scalar, got a {type(measured).__name__}; one step of a "
            "Lyapunov function is for lyapunov(...) and certify_rate(...)."
        )


def check_program(program: Any, parameters: Any, world: Mapping[str, Any]) -> None:
    """Refuse what is not a program with these parameters, or a world that SymPEP does not know."""
    if not callable(program):
        raise SpecError(f"Expected a program, a function of a world and of keywords, got {program!r}.")
    if not isinstance(parameters, Mapping):
        raise SpecError(f"Expected the program's parameters as a mapping such as {{'K': 2}}, got {parameters!r}.")
    try:
        signature(program).bind(None, **parameters)
    except TypeError as error:
        raise SpecError(f"The parameters {sorted(parameters)} do not fit the program {signature(program)}: {error}.") from None
    unknown = sorted(set(world) - set(WORLD))
    if unknown:
        raise SpecError(f"A world has no {unknown[0]}.{suggest(unknown[0], WORLD)}")
