"""The laws of a sampling scheme: ``check_participation(scheme)`` runs them; each raises AssertionError with numbers."""

from __future__ import annotations

import pickle
from functools import partial
from math import prod

from fedmm.keys import SERVER, Key
from fedmm.participation.base import MANY, Participation
from fedmm.testing.report import Report, judge
from fedmm.testing.support import check_frequencies, enumerated
from fedmm.types import Cohort

__all__ = ["check_cohorts", "check_inclusion", "check_outcomes", "check_participation"]

TINY = 1e-12
"""Rounding allowed where probabilities are added."""


def check_participation(scheme: Participation, n: int = 6, alarm: float = 1e-9) -> Report:
    """Every law below over `n` clients (few enough for `outcomes` to be enumerated).

    Parameters
    ----------
    scheme : Participation
        The scheme; it must fit `n` clients.
    n : int
        The number of clients.
    alarm : float
        The probability that a right scheme fails.

    Returns
    -------
    Report
        Which laws hold, and which do not apply and why; ``print`` it.

    Raises
    ------
    AssertionError
        With every law that fails and its numbers.
    """
    laws = {
        "cohorts": partial(check_cohorts, scheme, n),
        "outcomes": partial(check_outcomes, scheme, n, alarm / 2),
        "inclusion": partial(check_inclusion, scheme, n, alarm / 2),
    }
    return judge(str(scheme), laws)


def check_cohorts(scheme: Participation, n: int) -> None:
    """Tickets in client order with the right weight, scale = 1/p_i and address; the cohort a function of the key."""
    copy = pickle.loads(pickle.dumps(scheme))
    assert copy == scheme, f"{scheme} is not itself after pickling: {copy}"
    p = scheme.facts(n).probabilities
    assert len(p) == n, f"{scheme}: {len(p)} probabilities for {n} clients"
    assert all(0 < p_i <= 1 for p_i in p), f"{scheme}: probabilities {p} outside (0, 1]"
    weights = _weights(n)
    for round in range(20):
        key = _key(0, round)
        cohort = scheme.draw(weights, round, scheme.start(n), key)
        assert cohort == copy.draw(weights, round, copy.start(n), key), f"{scheme}: two draws at {key} differ"
        clients = [ticket.client for ticket in cohort.tickets]
        assert clients == sorted(set(clients)), f"{scheme}: clients {clients} are not in increasing order"
        assert (cohort.round, cohort.n) == (round, n), f"{scheme}: the cohort says round {cohort.round} of {cohort.n} clients"
        for slot, ticket in enumerate(cohort.tickets):
            i = ticket.client
            assert type(i) is int, f"{scheme}: client {i!r} is a {type(i).__name__}, not an int"
            assert (ticket.slot, ticket.round) == (slot, round), f"{scheme}: {ticket} is at slot {slot} of round {round}"
            assert ticket.weight == weights[i], f"{scheme}: client {i} weighs {weights[i]}, its ticket says {ticket.weight}"
            assert abs(ticket.scale * p[i] - 1) <= TINY, f"{scheme}: client {i} has p = {p[i]} and scale {ticket.scale}"
            assert type(ticket.scale) is float, f"{scheme}: the scale of client {i} is no Python float"
            assert ticket.key == Key(key.seed, round, i), f"{scheme}: client {i} draws at {ticket.key}"


def check_outcomes(scheme: Participation, n: int, alarm: float = 1e-9, draws: int = 2000) -> str | None:
    r"""`outcomes` has the inclusion probabilities (and the independence) of `facts`, and `draw` follows it.

    :math:`\sum_{A\ni i} P(A) = p_i`, hence E[scale 1{drawn}] = 1; if independent,
    :math:`P(A) = \prod_{i\in A} p_i \prod_{i\notin A}(1-p_i)`. `draw` is held against `outcomes` by an exact binomial
    test per cohort. Nothing is checked where the outcomes are too many.
    """
    outcomes = scheme.outcomes(n)
    if outcomes is None:
        return "the outcomes are too many to list"
    pairs = enumerated(outcomes, MANY, str(scheme))
    facts, law = scheme.facts(n), {clients: probability for probability, clients in pairs}
    assert len(law) == len(pairs), f"{scheme}: an outcome is listed twice"
    total = sum(law.values())
    assert abs(total - 1) <= TINY, f"{scheme}: the probabilities of the outcomes sum to {total!r}"
    for i, p_i in enumerate(facts.probabilities):
        found = sum(probability for clients, probability in law.items() if i in clients)
        assert abs(found - p_i) <= TINY, f"{scheme}: client {i} is drawn with probability {found}, the facts say {p_i}"
    if facts.independent:
        for clients, probability in law.items():
            product = prod(p_i if i in clients else 1 - p_i for i, p_i in enumerate(facts.probabilities))
            assert abs(probability - product) <= TINY, (
                f"{scheme} says independent, but P({clients}) = {probability}, the product is {product}"
            )
    counts = dict.fromkeys(law, 0)
    for cohort in _cohorts(scheme, n, draws):
        clients = tuple(ticket.client for ticket in cohort.tickets)
        assert clients in counts, f"{scheme} drew {clients}, which is not among its outcomes"
        counts[clients] += 1
    check_frequencies(list(counts.values()), list(law.values()), draws, alarm, f"{scheme}: cohorts {list(law)}")


def check_inclusion(scheme: Participation, n: int, alarm: float = 1e-9, draws: int = 1000) -> None:
    """Every client is drawn as often as its p_i says, by an exact binomial test per client; for any `n`."""
    counts = [0] * n
    for cohort in _cohorts(scheme, n, draws):
        for ticket in cohort.tickets:
            counts[ticket.client] += 1
    check_frequencies(counts, list(scheme.facts(n).probabilities), draws, alarm, f"{scheme}: clients")


def _cohorts(scheme: Participation, n: int, draws: int) -> list[Cohort]:
    """One cohort of each of `draws` runs that differ in the seed, in round 1."""
    weights = _weights(n)
    return [scheme.draw(weights, 1, scheme.start(n), _key(seed, 1)) for seed in range(draws)]


def _key(seed: int, round: int) -> Key:
    return Key(seed, round, SERVER, ("law",))


def _weights(n: int) -> tuple[float, ...]:
    """Weights that are all different and sum to 1."""
    return tuple(2.0 * (i + 1) / (n * (n + 1)) for i in range(n))
