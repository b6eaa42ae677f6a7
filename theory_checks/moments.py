r"""What a channel or a participation does on average, exactly: sums over its own outcomes, no sampling.

| name | what |
|---|---|
| error | :math:`E\|C(x)-x\|^2` |
| mean | :math:`E\,C(x)` |
| second | :math:`E\,C(x)C(x)^\top` |
| estimates | every value of :math:`\sum_{i\in A}(w_i/p_i)v_i`, with its probability |

Outcomes of a whole vector are listed up to length `LIMIT`. Beyond that, `error` and `mean` go coordinate by coordinate where the
law of a coordinate depends on the rest through :math:`\|x\|` at most (natural compression, mask, dithering in one block):
coordinate j of x and the first one of :math:`(x_j,\sqrt{\|x\|^2-x_j^2})` have the same law, so that pair's outcomes are enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import hypot

import numpy as np

from fedmm.aggregators import Mean
from fedmm.channels import Channel, Dither, Mask, Natural
from fedmm.keys import Key
from fedmm.participation import Participation
from fedmm.participation.base import cohort_of

__all__ = ["LIMIT", "error", "estimates", "mean", "second"]

LIMIT = 8
"""Vectors up to this length are listed outcome by outcome: at most 2**8 for coins on every coordinate."""


def error(channel: Channel, x: np.ndarray) -> float:
    r""":math:`E\|C(x)-x\|^2` for `x` (q,).

    Raises
    ------
    ValueError
        If the outcomes are too many to list, and coordinates are not enough.
    """
    if x.size <= LIMIT:
        p, values = _outcomes(channel, x)
        return float(p @ ((values - x) ** 2).sum(axis=1))
    return float(sum(p @ (values - x[j]) ** 2 for j, (p, values) in enumerate(_coordinates(channel, x))))


def mean(channel: Channel, x: np.ndarray) -> np.ndarray:
    r""":math:`E\,C(x)`, shape (q,); raises as `error` does."""
    if x.size <= LIMIT:
        p, values = _outcomes(channel, x)
        return p @ values
    return np.array([p @ values for p, values in _coordinates(channel, x)])


def second(channel: Channel, x: np.ndarray) -> np.ndarray:
    r""":math:`E\,C(x)C(x)^\top`, shape (q, q); raises as `error` does, for every vector longer than `LIMIT`."""
    p, values = _outcomes(channel, x)
    return np.einsum("o,oi,oj->ij", p, values, values)


def estimates(scheme: Participation, weights: Sequence[float], v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    r"""(P(A), :math:`\sum_{i\in A}(w_i/p_i)v_i`) for every cohort A, shapes (o,) and (o, d), for `v` (n, d).

    Cohorts and their scales are the library's, and so is the sum: its aggregator of increments.

    Raises
    ------
    ValueError
        If the cohorts are too many to list.
    """
    n = len(weights)
    cohorts = scheme.outcomes(n)
    if cohorts is None:
        raise ValueError(f"Expected a participation whose cohorts can be listed for {n} clients, got {scheme}; take fewer.")
    scales = [1.0 / p for p in scheme.facts(n).probabilities]
    aggregator = Mean("increments")
    probabilities, found = [], []
    for probability, clients in cohorts:
        total = np.zeros(v.shape[1])  # an empty cohort adds nothing
        cohort = cohort_of(clients, [scales[i] for i in clients], weights, 1, Key(0))
        for ticket in cohort.tickets:
            total = total + aggregator.weigh(v[ticket.client], ticket, cohort).total
        probabilities.append(probability)
        found.append(total)
    return np.array(probabilities), np.array(found)


def _outcomes(channel: Channel, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(probabilities (o,), decoded vectors (o, q))."""
    found = channel.outcomes(x) if x.size <= LIMIT else None
    if found is None:
        raise ValueError(f"Expected a channel whose outcomes can be listed on length {x.size}, got {channel}; shorten x.")
    p, values = zip(*found, strict=True)
    return np.array(p), np.array(values)


def _coordinates(channel: Channel, x: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """(probabilities, values) of every coordinate of C(x)."""
    whole = isinstance(channel, Dither) and (channel.block is None or channel.block >= x.size)
    if not (whole or isinstance(channel, (Mask, Natural))):
        raise ValueError(f"Expected natural, mask or dither in one block on length {x.size}, got {channel}; shorten x.")
    rest = [hypot(*np.delete(x, j)) for j in range(x.size)]
    pairs = (_outcomes(channel, np.array([x_j, other])) for x_j, other in zip(x, rest, strict=True))
    return [(p, values[:, 0]) for p, values in pairs]
