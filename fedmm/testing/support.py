"""What several laws need: an exact test of frequencies, and the other array libraries that are installed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from typing import Any

import numpy as np

__all__ = ["binomial_alarm", "check_frequencies", "enumerated", "other_libraries"]


def enumerated(outcomes: Iterator[Any], many: int, what: str) -> list[Any]:
    """The outcomes as a list, refused where they are more than `many` rather than until the memory is full.

    Raises
    ------
    AssertionError
        If there are more.
    """
    found = list(islice(outcomes, many + 1))
    assert len(found) <= many, f"{what}: outcomes lists more than {many}; let it return None where they are so many"
    return found


def check_frequencies(counts: Sequence[int], probabilities: Sequence[float], draws: int, alarm: float, what: str) -> None:
    r"""Whether `counts` out of `draws` independent trials agree with `probabilities`, outcome by outcome.

    An exact two-sided binomial test for each outcome at level ``alarm / len(counts)``: a right implementation fails
    with probability at most `alarm` (Bonferroni; no normal approximation).

    Raises
    ------
    AssertionError
        Naming the outcome that is too frequent or too rare.
    """
    each = alarm / (2 * len(counts))
    for j, (count, p) in enumerate(zip(counts, probabilities, strict=True)):
        low, high = binomial_alarm(draws, p, each)
        assert low <= count <= high, (
            f"{what}: outcome {j} of probability {p:.6g} came {count} times in {draws} draws, outside [{low}, {high}] "
            f"(false-alarm probability at most {alarm:g} over all outcomes)"
        )


def binomial_alarm(draws: int, p: float, each: float) -> tuple[int, int]:
    """(low, high): a Binomial(draws, p) is below low, or above high, with probability at most `each` on either side."""
    from scipy.stats import binom

    if p <= 0 or p >= 1:
        return (0, 0) if p <= 0 else (draws, draws)
    low, high = int(binom.ppf(each, draws, p)), int(binom.isf(each, draws, p))
    while low > 0 and binom.cdf(low - 1, draws, p) > each:  # the quantiles are rounded one way or the other
        low -= 1
    while high < draws and binom.sf(high, draws, p) > each:
        high += 1
    return low, high


def other_libraries(x: np.ndarray) -> Iterator[tuple[str, Any]]:
    """(name, `x` in that library) for array_api_strict and torch, as far as they are installed."""
    if find_spec("array_api_strict"):
        yield "array_api_strict", import_module("array_api_strict").asarray(x)
    if find_spec("torch"):
        yield "torch", import_module("torch").asarray(x)
