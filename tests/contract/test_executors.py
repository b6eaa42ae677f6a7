"""Every executor obeys the laws, and runs every method like the reference."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from fedmm import Batched, FedAvg, FedMM, FedPM, InProcess
from fedmm.channels import Identity
from fedmm.executors import CATALOG, Executor, Fleet
from fedmm.executors.batched import BatchedFleet
from fedmm.executors.in_process import InProcessFleet
from fedmm.federation import Federation
from fedmm.keys import Key
from fedmm.participation import Full
from fedmm.program import Program
from fedmm.testing.executors import Echo, Nothing, check_executor, check_same_run
from fedmm.testing.federations import sample_federation
from fedmm.testing.runs import Trial
from fedmm.types import Cohort, Failure, Reply
from problems import LeastSquares, Logistic

INSTANCES: tuple[tuple[Executor, bool], ...] = (
    (InProcess(), True),
    (Batched(), False),
    (Batched(cache_bytes=400), False),
    (Batched(cache_bytes=1), True),
)
"""Executors, and whether they never form a block: then runs agree bit for bit."""


def test_every_executor_has_an_instance() -> None:
    assert {type(executor) for executor, _ in INSTANCES} == set(CATALOG)
    assert len({executor.name for executor in CATALOG}) == len(CATALOG)


@pytest.mark.parametrize("executor", [executor for executor, _ in INSTANCES], ids=str)
def test_laws(executor: Executor) -> None:
    check_executor(executor)


TRIALS = {
    "fedmm": Trial(FedMM(batch=3), Logistic(ridge=0.1, surrogate="jaakkola-jordan"), sample_federation(labels=True)),
    "fedmm-opening": Trial(FedMM(memories="exact"), LeastSquares(l1=0.1), sample_federation((5, 5, 5, 5, 7, 5))),
    "fedavg": Trial(FedAvg(batch=2), Logistic(ridge=0.1), sample_federation(labels=True)),
    "fedpm": Trial(FedPM(local_steps=2), Logistic(ridge=0.1), sample_federation(labels=True)),
}


@pytest.mark.parametrize("name", TRIALS)
@pytest.mark.parametrize(("executor", "alone"), INSTANCES, ids=str)
def test_runs_like_the_reference(executor: Executor, alone: bool, name: str) -> None:
    check_same_run(executor, TRIALS[name], rounds=8, rtol=None if alone else 1e-10)


@pytest.mark.parametrize("executor", [executor for executor, _ in INSTANCES], ids=str)
def test_sparse_clients_run_one_at_a_time_bit_for_bit(executor: Executor) -> None:
    check_same_run(executor, Trial(FedMM(), Logistic(l1=0.01), sample_federation(labels=True, sparse=True)))


def test_a_run_resumes_on_another_executor() -> None:
    trial = TRIALS["fedmm"]
    whole = trial.run(6)
    half = trial.run(3, executor=Batched())
    again = trial.run(3, executor=InProcess(), resume=half)
    assert np.abs(again.theta - whole.theta).max() <= 1e-10


@pytest.mark.parametrize(
    ("absent", "lives"), [((), False), ((3,), False), ((3, 4), False), ((1, 3, 5), True), ((0, 1, 2, 3, 4), True)]
)
def test_a_few_rows_do_not_keep_a_block_in_memory(absent: tuple[int, ...], lives: bool) -> None:
    """The memory of a block of six clients lives on while at least three of them have nothing newer."""
    data = [np.full((3, 2), float(i)) for i in range(6)]
    fleet = Batched().open(Program(Nothing(), Echo(), Identity()), Federation(data))
    assert isinstance(fleet, BatchedFleet)
    everyone = Full().draw((1 / 6,) * 6, 1, None, Key(0, 1))
    assert len(list(fleet.call(np.ones(2), everyone))) == 1  # one block
    fleet.commit(range(6))
    block = weakref.ref(fleet._memory[0][0].count)
    invited = [ticket for ticket in everyone.tickets if ticket.client not in absent]
    again = everyone._replace(tickets=tuple(ticket._replace(slot=slot) for slot, ticket in enumerate(invited)))
    list(fleet.call(np.ones(2), again))
    assert block() is not None  # the old memories stand until the new ones are committed
    fleet.commit([ticket.client for ticket in invited])
    assert (block() is not None) == lives
    assert {i: memory.count.tolist() for i, memory in fleet.memories().items()} == {
        i: [1.0 if i in absent else 2.0] for i in range(6)
    }


def test_rows_that_are_not_committed_do_not_keep_a_block_either() -> None:
    fleet = Batched().open(Program(Nothing(), Echo(), Identity()), Federation([np.zeros((3, 2))] * 6))
    assert isinstance(fleet, BatchedFleet)
    list(fleet.call(np.ones(2), Full().draw((1 / 6,) * 6, 1, None, Key(0, 1))))
    block = weakref.ref(fleet._pending[0][0].count)
    list(fleet.call(np.ones(2), Full().draw((1 / 6,) * 6, 1, None, Key(0, 1))))
    assert block() is None  # that call was dropped
    block = weakref.ref(fleet._pending[0][0].count)
    fleet.commit([1, 4])
    assert block() is None
    assert sorted(fleet.memories()) == [1, 4]


class BrokenFleet(Fleet):
    """A reference fleet that does one thing wrong."""

    def __init__(self, program: Program, federation: Federation, fault: str) -> None:
        self.inner, self.fault = InProcessFleet(program, federation), fault

    def call(self, model: Any, cohort: Cohort, exact: bool = False) -> Iterator[Reply | Failure]:
        answers = list(self.inner.call(model, cohort, exact))
        if self.fault == "reverses":
            answers.reverse()
        if self.fault == "loses the last" and len(answers) > 1:
            answers.pop()
        return iter([answer for answer in answers if isinstance(answer, Reply)] if self.fault == "hides failures" else answers)

    def commit(self, clients: Iterable[int]) -> None:
        self.inner.commit(tuple(range(5)) if self.fault == "commits everyone" else clients)

    def map(self, function: Any, clients: Iterable[int] | None = None) -> list[Any]:
        return self.inner.map(function, None if self.fault == "maps everyone" else clients)

    def memories(self) -> dict[int, Any]:
        return self.inner.memories()

    def restore(self, memories: Any) -> None:
        if self.fault != "forgets":
            self.inner.restore(memories)


@dataclass(frozen=True)
class Broken(Executor):
    """Opens a `BrokenFleet`."""

    fault: str

    name: ClassVar[str] = "broken"

    def open(self, program: Program, federation: Federation) -> Fleet:
        return BrokenFleet(program, federation, self.fault)


def test_the_broken_executor_is_sound_without_a_fault() -> None:
    check_executor(Broken("none"))


@pytest.mark.parametrize(
    "fault", ["reverses", "loses the last", "hides failures", "commits everyone", "maps everyone", "forgets"]
)
def test_laws_catch(fault: str) -> None:
    with pytest.raises(AssertionError):
        check_executor(Broken(fault))
