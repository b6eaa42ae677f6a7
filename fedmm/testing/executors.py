"""The laws of executors: ``check_executor(executor)`` runs them all; each raises AssertionError with the numbers.

Whole runs of real methods are compared by the law `batches` of `fedmm.testing.algorithms` and by `check_same_run`. The laws here
look at a fleet from outside, with `Echo`, a method simple enough to know every answer.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from fedmm.algorithm import Algorithm
from fedmm.arrays import Array, namespace
from fedmm.channels import Identity
from fedmm.executors import Executor, Fleet, InProcess
from fedmm.federation import Federation
from fedmm.keys import Key
from fedmm.participation import Full
from fedmm.problem import Problem
from fedmm.program import Program
from fedmm.result import Result
from fedmm.testing.report import Report, judge
from fedmm.testing.runs import Trial, assert_near, assert_same_run
from fedmm.types import Cohort, Failure, Reply, Ticket

__all__ = ["Echo", "Nothing", "check_executor", "check_same_run"]


@dataclass(frozen=True)
class Nothing(Problem):
    """A problem without oracles; data are arrays (n, d)."""

    name: ClassVar[str] = "nothing"

    def value(self, data: Array, theta: Array) -> Array:
        """0."""
        return 0.0 * theta[..., 0]

    def start(self, federation: Federation) -> Array:
        """Zeros (d,)."""
        return namespace(federation[0]).zeros_like(federation[0][0, ...])


class Memory(NamedTuple):
    """How often the client has been merged, as a vector (1,)."""

    count: Array


@dataclass(frozen=True)
class Echo(Algorithm):
    """Every client uploads its first row plus the model, and counts its turns.

    Parameters
    ----------
    fragile : float
        A client whose first number exceeds this cannot compute.
    bug : bool
        Whether it then has a programming error rather than an arithmetic one.
    """

    fragile: float = float("inf")
    bug: bool = False

    name: ClassVar[str] = "echo"
    requires: ClassVar[tuple[type, ...]] = ()
    averages: ClassVar[Literal["increments", "models"]] = "increments"

    def init(self, problem: Problem, theta: Array) -> Array:
        """theta."""
        return theta

    def broadcast(self, problem: Problem, server: Array, cohort: Cohort) -> Array:
        """theta."""
        return server

    def first_memory(self, problem: Problem, data: Array, model: Array) -> Memory:
        """0."""
        return Memory(namespace(data).zeros_like(data[..., 0, :1]))

    def local(self, problem: Problem, data: Array, model: Array, memory: Memory, ticket: Ticket) -> tuple[Array, None]:
        """The first row plus the model."""
        if bool(namespace(data).any(data[..., 0, 0] > self.fragile)):
            raise TypeError("a bug") if self.bug else FloatingPointError("too large")
        return data[..., 0, :] + model, None

    def remember(self, memory: Memory, model: Array, kept: None, sent: Array, ticket: Ticket) -> Memory:
        """One more."""
        return Memory(memory.count + 1.0)

    def nothing(self, problem: Problem, server: Array) -> Array:
        """0."""
        return namespace(server).zeros_like(server)

    def server(self, problem: Problem, server: Array, model: Array, combined: Array, cohort: Cohort) -> Array:
        """The mean."""
        return combined

    def solution(self, problem: Problem, server: Array) -> Array:
        """The server's state."""
        return server


def check_executor(executor: Executor) -> Report:
    """Every law of a fleet.

    Parameters
    ----------
    executor : Executor
        The executor; it must run float64 NumPy clients.

    Returns
    -------
    Report
        The laws; ``print`` it.

    Raises
    ------
    AssertionError
        With every law that fails and its numbers.
    """
    laws = (pickles, replies, commits, restores, fails, maps)
    return judge(str(executor), {law.__name__: partial(law, executor) for law in laws})


def check_same_run(executor: Executor, trial: Trial, rounds: int = 6, rtol: float | None = None) -> tuple[Result, Result]:
    """A run of `trial` agrees with the reference: bit for bit, or to `rtol` where blocks are formed.

    Returns
    -------
    (Result, Result)
        The run and the reference's.
    """
    got, want = trial.run(rounds, executor=executor), trial.run(rounds, executor=InProcess())
    if rtol is None:
        assert_same_run(f"{executor} against the reference", got, want)
        return got, want
    assert_near("theta", got.theta, want.theta, rtol)
    assert_near("the server's state", got.server, want.server, rtol)
    assert sorted(got.memories) == sorted(want.memories), f"clients {list(got.memories)} and {list(want.memories)} remember"
    for client, memory in want.memories.items():
        assert_near(f"the memory of client {client}", got.memories[client], memory, rtol)
    for column in ("bits_up", "bits_down", "clients"):
        assert np.array_equal(got.trace[column], want.trace[column]), f"{executor}: {column} differs"
    return got, want


def pickles(executor: Executor) -> None:
    """The executor is itself after pickling."""
    assert pickle.loads(pickle.dumps(executor)) == executor, f"{executor} is not itself after pickling"


def replies(executor: Executor) -> None:
    """Every ticket is answered once, in slot order, with the client's own upload and 64 bits a number."""
    fleet = _open(executor)
    for clients in (range(5), (0, 1, 3), (4,), ()):
        cohort, answered, bits = _cohort(clients), [], 0
        for reply in fleet.call(np.ones(2), cohort):
            assert isinstance(reply, Reply), f"{executor}: {reply}"
            answered += _rows(reply)
            bits += reply.bits
        assert [client for client, _ in answered] == list(clients), f"{executor} answered {answered} for {clients}"
        for client, sent in answered:
            assert np.array_equal(sent, _data()[client][0] + 1.0), f"{executor}: client {client} sent {sent}"
        assert bits == 64 * 2 * len(cohort.tickets), f"{executor}: {bits} bits for {len(cohort.tickets)} vectors of 2"


def commits(executor: Executor) -> None:
    """Only clients that are committed change, by one turn; a call that is not committed leaves no trace."""
    fleet = _open(executor)
    assert fleet.memories() == {}, f"{executor}: memories before the first turn: {fleet.memories()}"
    counts = [0] * 5
    for called, merged in (
        (range(5), (0, 1, 3)),
        ((0, 1, 2), (1, 2)),
        (range(5), ()),
        ((1, 2, 3), (1, 2, 3)),
        (range(5), range(5)),
    ):
        list(fleet.call(np.zeros(2), _cohort(called)))
        fleet.commit(merged)
        for client in merged:
            counts[client] += 1
        found = {client: float(memory.count[0]) for client, memory in fleet.memories().items()}
        want = {client: float(count) for client, count in enumerate(counts) if count}
        assert found == want, f"{executor}: turns remembered {found}, merged {want}"


def restores(executor: Executor) -> None:
    """Memories put back are those that were taken out, in client order; the fleet goes on from them."""
    fleet, other = _open(executor), _open(executor)
    list(fleet.call(np.zeros(2), _cohort((0, 1, 4))))
    fleet.commit((4, 0, 1))
    taken = fleet.memories()
    assert list(taken) == [0, 1, 4], f"{executor}: memories of {list(taken)}, expected those of 0, 1, 4 in order"
    other.restore(taken)
    list(other.call(np.zeros(2), _cohort(range(5))))
    other.commit(range(5))
    found = [float(memory.count[0]) for memory in other.memories().values()]
    assert found == [2.0, 2.0, 1.0, 1.0, 2.0], f"{executor}: turns after restoring {found}"
    assert [float(memory.count[0]) for memory in taken.values()] == [1.0] * 3, f"{executor} changed what it was given"


def fails(executor: Executor) -> None:
    """A client's arithmetic error is a Failure that names it, the others answer; a programming error propagates."""
    fleet = _open(executor, Echo(fragile=25.0))
    answers = list(fleet.call(np.zeros(2), _cohort(range(5))))
    failures = [answer for answer in answers if isinstance(answer, Failure)]
    assert [failure.ticket.client for failure in failures] == [3, 4], f"{executor}: failures {failures}"
    assert all("too large" in failure.reason for failure in failures), f"{executor}: reasons {failures}"
    good = [client for answer in answers if isinstance(answer, Reply) for client, _ in _rows(answer)]
    assert good == [0, 1, 2], f"{executor}: clients {good} answered beside the failures"
    fleet.commit(range(5))
    assert list(fleet.memories()) == [0, 1, 2], f"{executor}: {list(fleet.memories())} remember after failures of 3 and 4"
    try:
        list(_open(executor, Echo(fragile=25.0, bug=True)).call(np.zeros(2), _cohort(range(5))))
    except TypeError:
        return
    raise AssertionError(f"{executor} hides programming errors")


def maps(executor: Executor) -> None:
    """`map` answers in client order, for everyone or for those asked."""
    fleet = _open(executor)
    want = [float(data[0].sum()) for data in _data()]
    assert [float(x) for x in fleet.map(_first_row_sum)] == want, f"{executor}: map gave {fleet.map(_first_row_sum)}"
    some = [float(x) for x in fleet.map(_first_row_sum, (1, 2, 4))]
    assert some == [want[1], want[2], want[4]], f"{executor}: map of 1, 2, 4 gave {some}"


def _first_row_sum(data: Array) -> Array:
    return namespace(data).sum(data[..., 0, :], axis=-1)


def _data() -> list[np.ndarray]:
    """Five clients of two features; 0, 1, 2 and 4 have equal shapes."""
    return [np.arange(2.0 * n).reshape(n, 2) + 10.0 * i for i, n in enumerate((3, 3, 3, 2, 3))]


def _open(executor: Executor, algorithm: Algorithm | None = None) -> Fleet:
    return executor.open(Program(Nothing(), algorithm or Echo(), Identity()), Federation(_data()))


def _cohort(clients: Any) -> Cohort:
    everyone = Full().draw((0.2,) * 5, 1, None, Key(0, 1))
    chosen = [everyone.tickets[i] for i in clients]
    return everyone._replace(tickets=tuple(ticket._replace(slot=slot) for slot, ticket in enumerate(chosen)))


def _rows(reply: Reply) -> list[tuple[int, np.ndarray]]:
    """(client, what it sent) of a single reply or of a block's."""
    if isinstance(reply.ticket.client, tuple):
        return [(client, reply.sent[row]) for row, client in enumerate(reply.ticket.client)]
    return [(reply.ticket.client, reply.sent)]
