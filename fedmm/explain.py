"""What a composition sends, what is known of it, and what theory promises for it, in words. Nothing is run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from fedmm.aggregators import Aggregator, Mean
from fedmm.arrays import is_namedtuple, leaves
from fedmm.catalog import entries
from fedmm.channels import Channel, Identity
from fedmm.channels.identity import value_width
from fedmm.composition import Composition
from fedmm.errors import CompositionError
from fedmm.keys import Key
from fedmm.program import exact_bits, transmit
from fedmm.types import Promise
from fedmm.wording import bits_in_words, federation_in_words, part_in_words

__all__ = ["Explanation", "explain"]

DRAWS = 64
"""Encodings over which the bits of a random channel are averaged."""


class Explanation(NamedTuple):
    """The text, and the sentence why `solve` would refuse the composition (None if it would not)."""

    text: str
    refusal: str | None


def explain(composition: Composition, aggregator: Aggregator | None = None) -> Explanation:
    """Explain a composition of `fedmm.compose`.

    Parameters
    ----------
    composition : Composition
        The parts.
    aggregator : Aggregator or None
        How replies are combined; None means the weighted mean.

    Raises
    ------
    DataError, SpecError
        If the start or a part does not fit the data, as `solve` would.
    """
    head = list(_head(composition))
    try:
        composition.check()
    except CompositionError as error:
        return Explanation(_table(head), str(error))
    refusal = None
    try:
        composition.algorithm.settle(composition)
    except CompositionError as error:
        refusal = str(error)
    rows = [*head, *_down(composition), *_up(composition), *_beside(composition), *_facts(composition)]
    aggregator = aggregator or Mean()
    rows += [("replies", _weighting(composition, aggregator)), *_promise(_promised(composition, aggregator))]
    if isinstance(aggregator.settle(composition.algorithm.averages), Mean):
        for theory in entries("theory").values():
            rows += theory().rows(composition)
    return Explanation(_table(rows), refusal)


def _head(composition: Composition) -> Iterator[tuple[str, str]]:
    algorithm, penalty = composition.algorithm, composition.problem.penalized
    yield "problem", _rounded(part_in_words(composition.problem)) + (f", with g = {penalty}" if penalty else "")
    yield "data", federation_in_words(composition.federation)
    yield "method", f"{part_in_words(algorithm)} (calls {', '.join(oracle.__name__ for oracle in algorithm.requires)})"


def _down(composition: Composition) -> Iterator[tuple[str, str]]:
    problem, algorithm = composition.problem, composition.algorithm
    weights = composition.federation.weights
    server = algorithm.init(problem, composition.theta0)
    if algorithm.opening(server):
        yield "round 0", "an opening: every client replies, exactly; its bits are counted"
    state = composition.participation.start(len(weights))
    cohort = composition.participation.draw(weights, 1, state, Key(0, 1).fold("cohort"))
    message = algorithm.broadcast(problem, algorithm.opened(server), cohort)
    yield from _message("down", message, composition.downlink, None, "to each client of the cohort")


def _up(composition: Composition) -> Iterator[tuple[str, str]]:
    algorithm = composition.algorithm
    message = algorithm.nothing(composition.problem, algorithm.init(composition.problem, composition.theta0))
    yield from _message("up", message, composition.channel, algorithm.compresses, "from each client of the cohort")


def _beside(composition: Composition) -> Iterator[tuple[str, str]]:
    buffers = composition.problem.buffers(composition.federation)
    if buffers is not None:
        size = bits_in_words(exact_bits(buffers))
        yield "beside", f"buffers, {size} each way, exactly: averaged over those who replied"


def _message(way: str, message: Any, channel: Channel, touched: tuple[str, ...] | None, who: str) -> Iterator[tuple[str, str]]:
    """What one message holds, what it goes through, and its size."""
    named = isinstance(message, tuple) and is_namedtuple(message)
    for name, part in leaves(message):
        if isinstance(part, (int, float)):
            continue
        compressed = not isinstance(channel, Identity) and (touched is None or name in touched)
        how = f"through {part_in_words(channel)}" if compressed else "exactly"
        label = f"{name}: " if named else ""
        size = f"{int(part.shape[-1]):,} numbers of {value_width(part)} bits".replace(",", " ")
        yield way, f"{label}{size}, {how}"
    full = exact_bits(message)
    keys = (Key(0, t, purpose=("explain", way)) for t in range(1 if isinstance(channel, Identity) else DRAWS))
    counts = [transmit(message, channel, touched, key)[1] for key in keys]
    mean = sum(counts) / len(counts)
    saved = f" instead of {bits_in_words(full)}" if mean != full else ""
    yield "", f"{'' if min(counts) == max(counts) else 'on average about '}{bits_in_words(mean)}{saved} {who}"


def _facts(composition: Composition) -> Iterator[tuple[str, str]]:
    omega, omega_p = composition.omega, composition.omega_p
    bias = "unbiased" if composition.unbiased else "biased"
    yield "channel", f"{bias}, omega = {_number(omega)}"
    sampling, n = composition.sampling, len(composition.federation)
    p, mean = sampling.probabilities, sum(sampling.probabilities)
    probability = f"p_i = {p[0]:.4g}" if min(p) == max(p) else f"p_i from {min(p):.4g} to {max(p):.4g}"
    drawn = "independently" if sampling.independent else "together (not independently)"
    some = f"{probability}, {mean:.4g} of {n} clients a round on average, drawn {drawn}"
    yield "sampling", "every client in every round" if sampling.everyone else some
    yield "together", f"omega_p = (1 + omega)/p_min - 1 = {_number(omega_p)}"


def _weighting(composition: Composition, aggregator: Aggregator) -> str:
    settled = aggregator.settle(composition.algorithm.averages)
    if not isinstance(settled, Mean):
        return f"combined by {part_in_words(aggregator)}"
    if settled.averages == "increments":
        return "sum over the cohort of w_i u_i / p_i: unbiased for the mean over all clients (Horvitz-Thompson)"
    return "sum of w_i u_i over the cohort, divided by its sum of w_i: a ratio, normalised over those who replied"


def _promised(composition: Composition, aggregator: Aggregator) -> Promise:
    """The method's promise, which is for replies averaged as the method declares."""
    algorithm, settled = composition.algorithm, aggregator.settle(composition.algorithm.averages)
    alike = composition.sampling.everyone and isinstance(settled, Mean)  # then both averages are the same
    if alike or settled == Mean(algorithm.averages):
        return algorithm.promise(composition)
    return Promise(missing=f"the bound of {algorithm.name} is for a mean of {algorithm.averages}; leave out the aggregator")


def _promise(promise: Promise) -> Iterator[tuple[str, str]]:
    yield "step", "no largest step is known" if promise.step is None else f"theory admits up to {promise.step:.6g}"
    if promise.missing is not None:
        yield "promise", f"no bound: {promise.missing}"
        if promise.formula:
            yield "", f"would be: {promise.formula}"
        return
    yield "promise", promise.formula
    if promise.bound:
        yield "", f"here: {promise.bound}"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.6g}"


def _rounded(text: str) -> str:
    """Constants computed from data, to six digits."""
    return re.sub(r"\d+\.\d{7,}(e[+-]?\d+)?", lambda found: f"{float(found[0]):.6g}", text)


def _table(rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"{name:<10} {words}" for name, words in rows)
