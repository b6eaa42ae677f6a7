r"""The laws of an aggregator. ``check_aggregator(aggregator)`` runs them all; each raises AssertionError with numbers.

Numbers called exact are small integers and dyadic weights, on which floating sums do not round: there, any two trees of
merges must agree in every bit.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any, Literal, NamedTuple

import numpy as np

from fedmm.aggregators.base import Aggregator, Combined
from fedmm.arrays import leaves, to_numpy
from fedmm.keys import SERVER, Key
from fedmm.participation.base import Participation, cohort_of
from fedmm.participation.bernoulli import Bernoulli
from fedmm.participation.fixed import FixedSize
from fedmm.testing.report import Law, Report, judge
from fedmm.testing.support import other_libraries
from fedmm.types import Cohort, Ticket

__all__ = ["check_aggregator", "check_block", "check_kind", "check_pickles", "check_ratio", "check_trees", "check_unbiased"]

TINY = 1e-12
"""Rounding allowed where the same numbers are added in another order."""

Averages = Literal["increments", "models"]
BOTH: tuple[Averages, ...] = ("increments", "models")


class Pair(NamedTuple):
    """An upload of two parts."""

    a: Any
    b: Any


def check_aggregator(aggregator: Aggregator, averages: Sequence[Averages] = BOTH) -> Report:
    """Every law below, settled for each kind of method in `averages`.

    Returns
    -------
    Report
        Which laws hold, and which do not apply and why; ``print`` it.

    Raises
    ------
    AssertionError
        With every law that fails and its numbers.
    """
    each = {"trees": check_trees, "block": check_block, "kind": check_kind}
    laws: dict[str, Law] = {"pickles": partial(check_pickles, aggregator)}
    for kind in averages:
        special = {"unbiased": check_unbiased} if kind == "increments" else {"ratio": check_ratio}
        for name, law in (each | special).items():
            laws[f"{name}, {kind}"] = partial(_settled, law, aggregator, kind, additive=name in special)
    return judge(str(aggregator), laws)


def check_pickles(aggregator: Aggregator) -> None:
    """The aggregator is itself after pickling."""
    copy = pickle.loads(pickle.dumps(aggregator))
    assert copy == aggregator, f"{aggregator} is not itself after pickling: {copy}"


def _settled(law: Callable[[Aggregator], None], aggregator: Aggregator, kind: Averages, additive: bool) -> str | None:
    """The law, for methods that average this kind; some are of additive aggregators only."""
    settled = aggregator.settle(kind)
    return "the aggregator is not additive" if additive and not settled.additive else law(settled)


def check_trees(aggregator: Aggregator, trees: int = 30) -> None:
    """Any tree of merges over any order of replies: the same, bit for bit on exact numbers, to rounding on others."""
    rng = np.random.default_rng(0)
    for exact in (True, False):
        cohort, uploads = _instance(exact)
        weighed = [aggregator.weigh(u, t, cohort) for u, t in zip(uploads, cohort.tickets, strict=True)]
        first = _finish(aggregator, reduce(aggregator.merge, weighed), cohort)
        for _ in range(trees):
            parts = [weighed[i] for i in rng.permutation(len(weighed))]
            while len(parts) > 1:
                i = int(rng.integers(len(parts) - 1))
                parts[i : i + 2] = [aggregator.merge(parts[i], parts[i + 1])]
            _same(aggregator, _finish(aggregator, parts[0], cohort).value, first.value, exact, "another tree of merges")


def check_block(aggregator: Aggregator) -> None:
    """A block's element finishes like the merge of its rows: exactly on exact numbers, to rounding on others."""
    for exact in (True, False):
        cohort, uploads = _instance(exact)
        tickets = cohort.tickets
        rows = reduce(aggregator.merge, [aggregator.weigh(u, t, cohort) for u, t in zip(uploads, tickets, strict=True)])
        block = aggregator.weigh(
            Pair(np.stack([u.a for u in uploads]), np.stack([u.b for u in uploads])), _block(tickets), cohort
        )
        together, alone = _finish(aggregator, block, cohort), _finish(aggregator, rows, cohort)
        _same(aggregator, together.value, alone.value, exact, "a block")
        assert together.merged == alone.merged, f"{aggregator}: a block merges {together.merged}, its rows {alone.merged}"


def check_kind(aggregator: Aggregator) -> None:
    """Merged clients are among those who replied, shape and dtype stay, torch and array_api_strict agree with NumPy."""
    cohort, uploads = _instance(exact=False)
    replied = [ticket.client for ticket in cohort.tickets]
    for dtype in (np.float64, np.float32):
        plain = [u.a.astype(dtype) for u in uploads]
        combined = _combine(aggregator, plain, cohort)
        assert combined.value.dtype == dtype, f"{aggregator}: {combined.value.dtype} from {dtype.__name__}"
        assert combined.value.shape == plain[0].shape, f"{aggregator}: shape {combined.value.shape} from {plain[0].shape}"
        assert len(set(combined.merged)) == len(combined.merged), f"{aggregator}: {combined.merged} merges a client twice"
        assert set(combined.merged) <= set(replied), f"{aggregator}: merged {combined.merged}, but {replied} replied"
        if aggregator.additive:
            assert sorted(combined.merged) == replied, f"{aggregator}: {combined.merged} merged of {replied}"
        for copies in zip(*(list(other_libraries(x)) for x in plain), strict=True):
            value = _combine(aggregator, [x for _, x in copies], cohort).value
            name, like = copies[0]
            assert type(value) is type(like), f"{aggregator}: {type(value)} from {name}"
            assert value.dtype == like.dtype, f"{aggregator}: {value.dtype} from {like.dtype} of {name}"
            room = TINY if dtype is np.float64 else 1e-5
            gap = float(np.abs(to_numpy(value) - combined.value).max())
            assert gap <= room * float(np.abs(combined.value).max()), f"{aggregator}: {name} differs by {gap:.3g}"


def check_unbiased(aggregator: Aggregator) -> None:
    r"""By exact expectation over cohorts, :math:`E \sum_{i\in A} w_i u_i/p_i = \sum_i w_i u_i` (Horvitz-Thompson)."""
    cohort, uploads = _instance(exact=False)
    n, weights = cohort.n, [ticket.weight for ticket in cohort.tickets]
    schemes: tuple[Participation, ...] = (
        Bernoulli((0.9, 0.25, 0.5, 1.0, 0.6, 0.1, 0.75)),
        Bernoulli(0.5),
        FixedSize(3),
    )
    target = sum(w * u.a for w, u in zip(weights, uploads, strict=True))
    for scheme in schemes:
        p, mean = scheme.facts(n).probabilities, np.zeros_like(uploads[0].a)
        for probability, clients in scheme.outcomes(n) or ():
            if clients:  # an empty cohort adds up to zero without the aggregator
                drawn = cohort_of(clients, [1.0 / p[i] for i in clients], weights, 1, cohort.key)
                mean = mean + probability * _combine(aggregator, [uploads[i].a for i in clients], drawn).value
        gap = float(np.abs(mean - target).max())
        assert gap <= TINY * 100, f"{aggregator} under {scheme}: the expected sum differs from sum w_i u_i by {gap:.3g}"


def check_ratio(aggregator: Aggregator) -> None:
    r"""Models: :math:`\sum_{i\in A} w_i u_i/\sum_{i\in A} w_i` over the clients A that replied, whatever was drawn."""
    cohort, uploads = _instance(exact=False)
    for drawn in ([0, 1, 2, 3, 4, 5, 6], [1, 4, 5], [6]):
        tickets = [cohort.tickets[i] for i in drawn]
        weighed = [aggregator.weigh(uploads[i].a, t, cohort) for i, t in zip(drawn, tickets, strict=True)]
        combined = aggregator.finish(reduce(aggregator.merge, weighed), cohort, drawn)
        w = np.array([t.weight for t in tickets])
        gap = float(np.abs(combined.value - w @ np.stack([uploads[i].a for i in drawn]) / w.sum()).max())
        assert gap <= TINY, f"{aggregator}: with replies of {drawn} the value is {gap:.3g} off their weighted mean"
        assert tuple(combined.merged) == tuple(drawn), f"{aggregator}: merged {combined.merged}, but {drawn} replied"


def _instance(exact: bool, n: int = 7, q: int = 5) -> tuple[Cohort, list[Pair]]:
    """A cohort of all n clients and what each sends. Exact: integers up to 50, weights k/64, scales powers of 2."""
    rng = np.random.default_rng(1)
    if exact:
        weights, scales = [k / 64 for k in (1, 2, 4, 8, 16, 32, 1)], [1.0, 2.0, 4.0, 1.0, 2.0, 8.0, 1.0]
        uploads = [Pair(*(rng.integers(-50, 50, size).astype(float) for size in (q, 2))) for _ in range(n)]
    else:
        weights = (np.arange(1, n + 1) / (n * (n + 1) / 2)).tolist()
        scales = (1 / np.linspace(0.2, 1.0, n)).tolist()
        uploads = [Pair(rng.standard_normal(q), rng.standard_normal(2)) for _ in range(n)]
    return cohort_of(range(n), scales, weights, 1, Key(0, 1, SERVER, ("law",))), uploads


def _block(tickets: Sequence[Ticket]) -> Ticket:
    """The tickets as one ticket of a block."""
    return Ticket(
        tuple(t.client for t in tickets),
        tuple(t.slot for t in tickets),
        tickets[0].round,
        np.array([[t.weight] for t in tickets]),
        np.array([[t.scale] for t in tickets]),
        tuple(t.key for t in tickets),  # type: ignore[arg-type]
    )


def _combine(aggregator: Aggregator, uploads: Sequence[Any], cohort: Cohort) -> Combined:
    weighed = [aggregator.weigh(u, t, cohort) for u, t in zip(uploads, cohort.tickets, strict=True)]
    return _finish(aggregator, reduce(aggregator.merge, weighed), cohort)


def _finish(aggregator: Aggregator, total: Any, cohort: Cohort) -> Combined:
    return aggregator.finish(total, cohort, [ticket.client for ticket in cohort.tickets])


def _same(aggregator: Aggregator, value: Any, expected: Any, exact: bool, what: str) -> None:
    for (part, x), (_, y) in zip(leaves(value), leaves(expected), strict=True):
        gap, room = float(np.abs(x - y).max()), 0.0 if exact else TINY * float(np.abs(y).max())
        assert gap <= room, f"{aggregator}: {what} changes part {part!r} by {gap:.3g}, at most {room:.3g} is rounding"
