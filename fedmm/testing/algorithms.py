r"""The laws of methods: ``check_algorithm(algorithm, problem, federation)`` runs those that hold for every method.

Two more are asked for by name: `check_variates`, the invariant :math:`v=\sum_i w_iV_i` of methods with control variates, and
`check_one_client`, that a single client with exact uploads is the centralised method, step by step. Each law raises
AssertionError with the numbers.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import partial
from typing import Any

import numpy as np

from fedmm.algorithm import Algorithm
from fedmm.arrays import Array, is_sparse, leaves, to_numpy
from fedmm.channels import Channel
from fedmm.executors import Batched
from fedmm.executors.batched import block_ticket, layout_of, stack
from fedmm.federation import Federation
from fedmm.keys import Key
from fedmm.metrics import Snapshot
from fedmm.participation import Full, Participation
from fedmm.problem import Problem
from fedmm.program import Program
from fedmm.testing.federations import permuted, split_in_two
from fedmm.testing.report import Report, judge
from fedmm.testing.runs import Trial, assert_near, assert_same, assert_same_run
from fedmm.testing.scripted import PlayedCohorts
from fedmm.testing.support import other_libraries

__all__ = ["LAWS", "check_algorithm", "check_one_client", "check_variates"]


def check_algorithm(algorithm: Algorithm, problem: Problem, federation: Federation, theta0: Array | None = None) -> Report:
    """Run every law of `LAWS`.

    Parameters
    ----------
    algorithm : Algorithm
        May be unsettled (``step="theory"``).
    problem : Problem
        One that offers the oracles the method requires.
    federation : Federation
        NumPy float64 data, dense or sparse; a few clients, two neighbours of equal shape if possible.
    theta0 : array (d,) or None
        The start; None takes the problem's.

    Returns
    -------
    Report
        Which laws hold, and which do not apply and why; ``print`` it.

    Raises
    ------
    AssertionError
        With every law that fails and its numbers.
    """
    trial = Trial(algorithm, problem, federation, theta0)
    return judge(algorithm.name, {name: partial(law, trial) for name, law in LAWS.items()})


def pickles(trial: Trial) -> str | None:
    """The method is itself after pickling, and is a hashable value."""
    copy = pickle.loads(pickle.dumps(trial.algorithm))
    assert copy == trial.algorithm, f"{trial.algorithm} became {copy}"
    assert hash(copy) == hash(trial.algorithm), f"{trial.algorithm} hashes differently after pickling"


def repeats(trial: Trial) -> str | None:
    """The same seed gives the same bits; rounds move theta; every round sends something and is counted."""
    one, two = trial.run(5), trial.run(5)
    assert_same_run("two runs of one seed", one, two)
    assert np.abs(to_numpy(one.theta) - to_numpy(one.theta0)).max() > 0, "five rounds moved nothing"
    clients, bits = one.trace["clients"][1:], np.diff(one.trace["bits_up"])
    assert ((bits > 0) == (clients > 0)).all(), f"bits up {bits} for cohorts of {clients}"


def pure(trial: Trial) -> str | None:
    """Data, start, model and memories are as they were."""
    start = trial.problem.start(trial.federation) if trial.theta0 is None else trial.theta0
    before, kept = trial.federation.digest(), np.array(to_numpy(start))
    trial.run(3, theta0=start)
    assert trial.federation.digest() == before, "a run changed the clients' data"
    assert_same("theta0 after a run", start, kept)
    snapshot, memories = trial.look(2)
    program, cohort, model = _ready(trial, snapshot)
    model_before, memories_before, server_before = deepcopy((model, memories, snapshot.server))
    for ticket in cohort.tickets:
        program.turn(trial.federation[ticket.client], model, memories.get(ticket.client), ticket)
    assert_same("the model after the clients' turns", model, model_before)
    assert_same("the server's state after the clients' turns", snapshot.server, server_before)
    for client, memory in memories.items():
        assert_same(f"the memory of client {client} after its turn", memory, memories_before[client])


def silent(trial: Trial) -> str | None:
    """`nothing` is zero and has the structure, shapes and dtypes of an upload."""
    snapshot, memories = trial.look(1)
    program, cohort, model = _ready(trial, snapshot)
    ticket = cohort.tickets[0]
    memory = memories.get(0, program.algorithm.first_memory(program.problem, trial.federation[0], model))
    upload, _ = program.algorithm.local(program.problem, trial.federation[0], model, memory, ticket)
    nothing = program.algorithm.nothing(program.problem, snapshot.server)
    sizes = [[(path, tuple(x.shape), str(x.dtype)) for path, x in leaves(tree)] for tree in (upload, nothing)]
    assert sizes[0] == sizes[1], f"an upload is {sizes[0]}, nothing is {sizes[1]}"
    assert all(not to_numpy(x).any() for _, x in leaves(nothing)), f"nothing is not zero: {nothing}"


def survives(trial: Trial) -> str | None:
    """A round without clients is legal: it keeps the shapes, sends nothing up, and the run goes on."""
    if trial.algorithm.needs_everyone:
        return "the method needs everyone in every round"
    n = len(trial.federation)
    everyone = tuple(range(n))
    result = trial.run(4, participation=PlayedCohorts((everyone, (), (0,), ()), (0.5,) * n))
    assert result.status.code == "completed", f"a run with empty cohorts: {result.status}"
    assert list(result.trace["clients"][1:]) == [n, 0, 1, 0], f"clients per round: {result.trace['clients']}"
    sent = np.diff(result.trace["bits_up"])
    assert sent[1] == sent[3] == 0, f"empty rounds sent {sent} bits up"


def resumes(trial: Trial) -> str | None:
    """2 + 3 rounds are 5 rounds, bit for bit; 0 + 5 too."""
    whole = trial.run(5)
    assert_same_run("2 + 3 rounds against 5", trial.run(3, resume=trial.run(2)), whole)
    assert_same_run("0 + 5 rounds against 5", trial.run(5, resume=trial.run(0)), whole)


def orders(trial: Trial) -> str | None:
    """Clients in another order, and every client split into two of half its weight, change only the rounding.

    Only where the method draws nothing itself: a draw belongs to a client's number.
    """
    want = trial.plain(4)
    if not np.array_equal(to_numpy(want.theta), to_numpy(trial.plain(4, seed=2).theta)):
        return "the method draws something itself"
    turned = permuted(trial.federation, range(len(trial.federation))[::-1])
    assert_near("theta with the clients in reverse order", trial.plain(4, turned).theta, want.theta, trial.rtol)
    assert_near("theta with every client in two", trial.plain(4, split_in_two(trial.federation)).theta, want.theta, trial.rtol)


def stacks(trial: Trial) -> str | None:
    """The whole turn of a block of clients is that of each of its clients."""
    members = _block(trial.federation)
    if len(members) < 2:
        return "no two clients can be stacked"
    snapshot, memories = trial.look(2)
    program, cohort, model = _ready(trial, snapshot)
    tickets, data = [cohort.tickets[i] for i in members], [trial.federation[i] for i in members]
    held = [memories.get(i) for i in members]
    block = stack(data)
    memory = None if held[0] is None else stack(held)
    sent, bits, memory = program.turn(block, model, memory, block_ticket(tickets, block))
    each = [program.turn(d, model, m, t) for d, m, t in zip(data, held, tickets, strict=True)]
    assert bits == sum(one[1] for one in each), f"a block counts {bits} bits, its clients {[one[1] for one in each]}"
    assert_near("what a block sends", sent, stack([one[0] for one in each]), trial.rtol)
    if memory is not None:
        assert_near("what a block remembers", memory, stack([one[2] for one in each]), trial.rtol)


def batches(trial: Trial) -> str | None:
    """The batched executor agrees with the reference: to rounding, and bit for bit where no block is formed."""
    for run in (trial.run, trial.plain):
        want = run(5)
        got = run(5, executor=Batched())
        assert_near("theta in blocks", got.theta, want.theta, trial.rtol)
        assert_same("bits up in blocks", got.trace["bits_up"], want.trace["bits_up"])
        assert_same_run("blocks of one client", run(5, executor=Batched(cache_bytes=1)), want)


def libraries(trial: Trial) -> str | None:
    """Every installed array library runs the same file and agrees with NumPy; theta stays in that library."""
    if any(is_sparse(leaf) for _, leaf in leaves(trial.federation[0])):
        return "the data are sparse"
    alone, blocks = trial.run(4), trial.plain(4)
    for name, theta0 in other_libraries(to_numpy(alone.theta0)):

        def convert(x: Array, name: str = name) -> Array:
            return dict(other_libraries(to_numpy(x)))[name]

        there = trial.federation.to(convert)
        for got, want in (
            (trial.run(4, there, theta0=theta0), alone),
            (trial.plain(4, there, theta0=theta0, executor=Batched()), blocks),
        ):
            assert type(got.theta) is type(theta0), f"theta on {name} is {type(got.theta)}"
            assert_near(f"theta on {name}", got.theta, want.theta, trial.rtol)


def keeps_width(trial: Trial) -> str | None:
    """float32 data give a float32 state, uploads of half the bits, and about the same theta."""

    def narrow(x: Array) -> Array:
        return x.astype(np.float32)

    def bits(result: Any) -> float:
        return float(result.trace["bits_up"][-1])

    if any(is_sparse(leaf) for _, leaf in leaves(trial.federation[0])):
        return "the data are sparse"
    theta0 = None if trial.theta0 is None else narrow(trial.theta0)
    wide, small = trial.run(3), trial.run(3, trial.federation.to(narrow), theta0=theta0)
    for name, tree in (
        ("theta", small.theta),
        ("server", small.server),
        *((f"memory {i}", m) for i, m in small.memories.items()),
    ):
        wrong = [(path, x.dtype) for path, x in leaves(tree) if isinstance(x, np.ndarray) and x.dtype != np.float32]
        assert not wrong, f"{name} from float32 data has {wrong}"
    assert bits(small) == 0.5 * bits(wide), f"float32 sends {bits(small):g} bits up, float64 {bits(wide):g}"
    assert_near("theta in float32", small.theta, wide.theta, 1e-2)


def check_variates(
    algorithm: Algorithm,
    problem: Problem,
    federation: Federation,
    participation: Participation,
    channel: Channel,
    rounds: int = 8,
) -> None:
    r"""After every round :math:`v=\sum_iw_iV_i`, to 1e-12 relative to :math:`\sum_iw_i\max|V_i|`.

    For methods whose server state has a part `v` and whose memories have a part `V`.

    Parameters
    ----------
    algorithm, problem, federation, participation, channel
        What is composed; unequal p_i and weights welcome.
    rounds : int
        How many rounds to follow.

    Raises
    ------
    AssertionError
        Naming the round.
    """

    def look(snapshot: Snapshot, row: dict[str, float]) -> None:
        held, weights = snapshot.fleet.memories(), snapshot.weights
        v = snapshot.server.v
        total, size = 0.0 * v, 0.0
        for i, memory in held.items():
            total = total + weights[i] * memory.V
            size += weights[i] * float(np.abs(to_numpy(memory.V)).max())
        error = float(np.abs(to_numpy(v - total)).max())
        assert error <= 1e-12 * size, f"{algorithm.name}, round {snapshot.round}: |v - sum w_i V_i| = {error:.3g} of {size:.3g}"

    trial = Trial(algorithm, problem, federation)
    result = trial.run(rounds, participation=participation, channel=channel, callbacks=(look,), metrics=())
    assert any(to_numpy(memory.V).any() for memory in result.memories.values()), f"{algorithm.name}: every V_i is zero"


def check_one_client(
    algorithm: Algorithm, problem: Problem, federation: Federation, reference: Iterable[Array], rtol: float = 1e-12
) -> None:
    """One client with exact uploads is the centralised method: theta after each round is the next of `reference`.

    Parameters
    ----------
    algorithm, problem
        The method and its problem.
    federation : Federation
        Of a single client.
    reference : iterable of array (d,)
        theta_0 (after an opening, if there is one), theta_1, ... of the centralised method.
    rtol : float
        Relative to the largest entry of theta, and at least 1.
    """
    assert len(federation) == 1, f"Expected a single client, got {len(federation)}"
    seen: list[Array] = []

    def look(snapshot: Snapshot, row: dict[str, float]) -> None:
        seen.append(snapshot.theta)

    want = list(reference)
    Trial(algorithm, problem, federation).plain(len(want) - 1, callbacks=(look,), metrics=())
    for t, (got, theta) in enumerate(zip(seen, want, strict=True)):
        assert_near(f"{algorithm.name}: theta of round {t}", got, theta, rtol)


def _ready(trial: Trial, snapshot: Snapshot) -> tuple[Program, Any, Any]:
    """The program, the next cohort of everyone, and its model."""
    t = snapshot.round + 1
    cohort = Full().draw(trial.federation.weights, t, None, Key(1, t))
    algorithm, problem = snapshot.algorithm, snapshot.problem
    model = algorithm.receive(problem, algorithm.broadcast(problem, snapshot.server, cohort))
    return Program(problem, algorithm, trial.channel), cohort, model


def _block(federation: Federation) -> list[int]:
    """The clients that look like the first one, if any do."""
    first = layout_of(federation[0])
    return [] if first is None else [i for i in range(len(federation)) if layout_of(federation[i]) == first]


LAWS: dict[str, Callable[[Trial], str | None]] = {
    "pickles": pickles,
    "repeats": repeats,
    "pure": pure,
    "silent": silent,
    "survives": survives,
    "resumes": resumes,
    "orders": orders,
    "stacks": stacks,
    "batches": batches,
    "libraries": libraries,
    "keeps_width": keeps_width,
}
"""The laws of any method by name."""
