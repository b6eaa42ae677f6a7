"""A method on a problem, run again and again under the same conditions; and comparisons of what came out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fedmm.algorithm import Algorithm
from fedmm.arrays import Array, leaves, to_numpy
from fedmm.channels import Channel, Identity, Mask
from fedmm.federation import Federation
from fedmm.metrics import Objective, Snapshot
from fedmm.participation import Bernoulli, Full, Participation
from fedmm.problem import Problem
from fedmm.result import Result
from fedmm.solve import solve

__all__ = ["Trial", "assert_near", "assert_same", "assert_same_run"]


@dataclass(frozen=True, eq=False)
class Trial:
    """A method, what it is tried on, and the harshest conditions it accepts.

    Parameters
    ----------
    algorithm, problem, federation
        The method, and a problem with NumPy float64 data, dense or sparse.
    theta0 : array (d,) or None
        The start.
    """

    algorithm: Algorithm
    problem: Problem
    federation: Federation
    theta0: Array | None = None

    @property
    def rtol(self) -> float:
        """What sums in another order may change, relative; each T of a few rounds may add its own inaccuracy."""
        return 1e-10 + 10.0 * self.problem.accuracy

    @property
    def participation(self) -> Participation:
        """Bernoulli(0.6), or everyone where the method needs everyone."""
        return Full() if self.algorithm.needs_everyone else Bernoulli(0.6)

    @property
    def channel(self) -> Channel:
        """Mask(0.5), or the identity where uploads must be exact."""
        return Identity() if self.algorithm.compresses == () else Mask(0.5)

    def run(self, rounds: int, federation: Federation | None = None, **options: Any) -> Result:
        """`solve` under `participation` and `channel`, unless `options` say otherwise."""
        given: dict[str, Any] = {"participation": self.participation, "channel": self.channel, "seed": 1}
        theta0 = None if "resume" in options else self.theta0
        return solve(
            self.problem,
            self.federation if federation is None else federation,
            self.algorithm,
            options.pop("theta0", theta0),
            rounds=rounds,
            progress=False,
            **(given | options),
        )

    def plain(self, rounds: int, federation: Federation | None = None, **options: Any) -> Result:
        """`run` with everyone and exact uploads."""
        return self.run(rounds, federation, **({"participation": Full(), "channel": Identity()} | options))

    def look(self, rounds: int) -> tuple[Snapshot, dict[int, Any]]:
        """The run after so many rounds of everyone, and every client's memory."""
        seen: list[Snapshot] = []

        def keep(snapshot: Snapshot, row: dict[str, float]) -> None:
            seen.append(snapshot)

        result = self.plain(rounds, callbacks=(keep,), metrics=(Objective(every=rounds),))
        return seen[-1], dict(result.memories)


def assert_same(what: str, got: Any, want: Any) -> None:
    """Two trees of arrays and numbers are equal bit for bit."""
    mine, theirs = list(leaves(got)), list(leaves(want))
    assert [path for path, _ in mine] == [path for path, _ in theirs], f"{what}: {got} and {want} differ in structure"
    for (path, a), (_, b) in zip(mine, theirs, strict=True):
        x, y = to_numpy(a), to_numpy(b)
        assert x.dtype == y.dtype, f"{what} {path}: dtypes {x.dtype} and {y.dtype} differ"
        assert x.shape == y.shape, f"{what} {path}: shapes {x.shape} and {y.shape} differ"
        assert np.array_equal(x, y), f"{what} {path} differ by up to {np.abs(x - y).max():.3g}, expected the same bits"


def assert_near(what: str, got: Any, want: Any, rtol: float) -> None:
    """Two trees agree to `rtol` relative to the largest entry of each leaf, and at least 1."""
    mine, theirs = list(leaves(got)), list(leaves(want))
    assert [path for path, _ in mine] == [path for path, _ in theirs], f"{what}: {got} and {want} differ in structure"
    for (path, a), (_, b) in zip(mine, theirs, strict=True):
        x, y = to_numpy(a), to_numpy(b)
        assert x.shape == y.shape, f"{what} {path}: shapes {x.shape} and {y.shape} differ"
        error, allowed = float(np.abs(x - y).max()), rtol * max(1.0, float(np.abs(y).max()))
        assert error <= allowed, f"{what} {path} differ by {error:.3g}, more than {allowed:.3g}"


def assert_same_run(what: str, got: Result, want: Result) -> None:
    """Two results agree bit for bit in theta, the server's state, memories and every column of the trace but seconds."""
    assert_same(f"{what}: theta", got.theta, want.theta)
    assert_same(f"{what}: the server's state", got.server, want.server)
    assert sorted(got.memories) == sorted(want.memories), (
        f"{what}: clients {list(got.memories)} and {list(want.memories)} remember"
    )
    for client, memory in want.memories.items():
        assert_same(f"{what}: the memory of client {client}", got.memories[client], memory)
    assert got.trace.columns == want.trace.columns, f"{what}: columns {got.trace.columns} and {want.trace.columns}"
    for column in got.trace.columns:
        if column != "seconds":
            a, b = got.trace[column], want.trace[column]
            assert np.array_equal(a, b, equal_nan=True), f"{what}: column {column} of the trace differs: {a} and {b}"
