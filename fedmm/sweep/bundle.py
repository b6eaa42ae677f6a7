"""Runs of several configurations at once: one loop over rounds, every client's data touched once for all lanes.

A lane that ends (a stop rule, values that are not finite, a failure) leaves; the others go on with the rows that are left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fedmm.algorithm import Algorithm
from fedmm.arrays import namespace
from fedmm.composition import Composition
from fedmm.exchange import ClientFailure
from fedmm.executors import InProcess
from fedmm.executors.base import Fleet
from fedmm.keys import Key
from fedmm.metrics import Metric, Objective, Snapshot
from fedmm.participation.full import Full
from fedmm.parts import Parts
from fedmm.program import Program
from fedmm.result import Result, Status
from fedmm.run import REMEDY, completed
from fedmm.stopping import StopRule
from fedmm.sweep.lanes import finite, join, pick, row, side_by_side
from fedmm.sweep.turns import Exchanged, Memories, Stage, exchange
from fedmm.trace import Trace
from fedmm.types import Cohort

__all__ = ["Bundle"]


@dataclass(eq=False)
class Lane:
    """One configuration: its parts, its settled method, and what it has done."""

    parts: Parts
    algorithm: Algorithm
    sampling: Any
    rows: list[dict[str, float]] = field(default_factory=list)
    server: Any = None
    theta: Any = None
    status: Status | None = None


class Bundle:
    """Lanes that differ in fields their method sweeps and in seeds, on one settled problem. Not part of the public interface."""

    def __init__(
        self, parts: Sequence[Parts], composition: Composition, metrics: tuple[Metric, ...], rules: tuple[StopRule, ...]
    ) -> None:
        self.composition, self.metrics, self.rules = composition, metrics, rules
        self.problem: Any = composition.problem
        self.federation, self.participation = composition.federation, composition.participation
        self.lanes: list[Lane] = []
        for one in parts:
            composition = composition.with_method(one.algorithm)
            sampling = self.participation.start(len(self.federation))
            self.lanes.append(Lane(one, one.algorithm.settle(composition), sampling))
        some = self.lanes[0]
        self.aggregator = some.parts.aggregator.settle(some.algorithm.averages)
        self.memories = Memories()
        self.live = list(range(len(parts)))
        theta0 = composition.theta0
        stacked = namespace(theta0).stack([theta0] * len(parts))
        self.server = self._method(0).init(self.problem, stacked)
        self.theta = self._method(0).solution(self.problem, self.server)
        self.before: tuple[Any, Any] | None = None

    def go(self, rounds: int, interrupted: Callable[[], bool], show: Callable[[int], object]) -> list[Result]:
        """Run all lanes for so many rounds."""
        with np.errstate(all="ignore"):
            self._open()
            for t in range(1, rounds + 1):
                if not self.live:
                    break
                self._round(t)
                show(1)
                if interrupted() and t < rounds:
                    status = Status("interrupted", f"Interrupted after round {t} of {rounds}; resume to go on.")
                    self._retire({i: status for i in range(len(self.live))})
            self._complete(rounds)
        return [self._result(number) for number in range(len(self.lanes))]

    def _method(self, t: int) -> Algorithm:
        some = self.composition.theta0
        return side_by_side([self.lanes[number].algorithm for number in self.live], t, some)

    def _open(self) -> None:
        zero: dict[str, float] = {"round": 0, "exchanges": 0, "seconds": 0.0, "bits_up": 0, "bits_down": 0, "clients": 0}
        for lane in self.lanes:
            lane.rows.append(dict(zero))
        while self.live and self._method(0).opening(self.server):
            everyone = [Full().draw(self.federation.weights, 0, None, Key(lane.parts.seed)) for lane in self._living()]
            self._exchange(everyone, exact=True)
        self._measure()

    def _round(self, t: int) -> None:
        drawn: dict[int, Cohort] = {}
        cohorts = []
        for lane in self._living():
            seed = lane.parts.seed
            if lane.sampling is not None or seed not in drawn:
                key = Key(seed, t).fold("cohort")
                drawn[seed] = self.participation.draw(self.federation.weights, t, lane.sampling, key)
            cohorts.append(drawn[seed])
            kept = ("exchanges", "seconds", "bits_up", "bits_down")
            lane.rows.append({"round": t, **{name: lane.rows[-1][name] for name in kept}, "clients": 0})
        self._exchange(cohorts)
        self._measure()
        self._stop(t)

    def _exchange(self, cohorts: list[Cohort], exact: bool = False) -> None:
        """One exchange of all living lanes; where it fails, lane by lane, to find out whose failure it is."""
        t = cohorts[0].round
        begin = time.perf_counter()
        try:
            done = exchange(self._stage(t, self.live), self.server, cohorts, exact)
            theta = self._method(t).solution(self.problem, done.server)
        except (ClientFailure, ArithmeticError, np.linalg.LinAlgError) as error:
            if len(self.live) > 1:
                self._one_by_one(cohorts, exact)
                return
            what = (
                str(error) if isinstance(error, ClientFailure) else f"The server failed in round {t}: {str(error).rstrip('.')}."
            )
            self._retire({0: Status("failed", f"{what} {self._keeps(t)}")}, undone=True)
            return
        seconds = (time.perf_counter() - begin) / len(self.live)
        ok = finite(done.server, len(self.live)) & finite(theta, len(self.live))
        self._accept(done, ok, seconds)
        server = done.server
        if not ok.all():  # these lanes keep the state of the round before
            said = Status("diverged", f"Round {t} gave values that are not finite. {self._keeps(t)} {REMEDY}")
            left = np.flatnonzero(ok).tolist()
            self._retire({int(i): said for i in np.flatnonzero(~ok)}, undone=True)
            server, theta = pick(server, left), pick(theta, left)
        if t > 0:
            self.before = self.server, self.theta
        self.server, self.theta = server, theta

    def _keeps(self, t: int) -> str:
        return f"Theta and the trace are those of round {t - 1}." if t > 0 else "Nothing was computed."

    def _accept(self, done: Exchanged, ok: np.ndarray, seconds: float) -> None:
        """Count the exchange in the lanes that stay, and commit what their clients keep."""
        self.memories.commit(done.pending, {number for number, fine in zip(self.live, ok, strict=True) if fine})
        for i, number in enumerate(self.live):
            if ok[i]:
                lane = self.lanes[number]
                lane.sampling = self.participation.observe(lane.sampling, done.merged[i])
                now = lane.rows[-1]
                now["seconds"] += seconds
                now["exchanges"] += 1
                now["bits_up"] += done.bits_up[i]
                now["bits_down"] += done.bits_down[i]
                now["clients"] = len(done.merged[i])

    def _one_by_one(self, cohorts: list[Cohort], exact: bool) -> None:
        """The exchange again for every lane alone, the living ones put together again afterwards."""
        everyone, server, theta, before = self.live, self.server, self.theta, self.before
        kept: list[tuple[int, Any, Any, Any]] = []
        for i, number in enumerate(everyone):
            self.live, self.server, self.theta = [number], pick(server, [i]), pick(theta, [i])
            self.before = None if before is None else (pick(before[0], [i]), pick(before[1], [i]))
            self._exchange([cohorts[i]], exact)
            if self.live:
                kept.append((i, self.server, self.theta, self.before))
        self.live = [everyone[i] for i, *_ in kept]
        if kept:
            self.server, self.theta = (join([row(lane[k], 0) for lane in kept]) for k in (1, 2))
            self.before = (
                None if kept[0][3] is None else tuple(join([row(lane[3][k], 0) for lane in kept]) for k in (0, 1))  # type: ignore[assignment]
            )

    def _retire(self, statuses: dict[int, Status], undone: bool = False) -> None:
        """End the lanes at these places with what they have; `undone` says that the round of their last row was not done."""
        for place, status in statuses.items():
            lane = self.lanes[self.live[place]]
            if undone and lane.rows[-1]["round"] > 0:
                lane.rows.pop()
            self._fill(place, lane)
            lane.status, lane.server, lane.theta = status, row(self.server, place), row(self.theta, place)
        left = [i for i in range(len(self.live)) if i not in statuses]
        self.live = [self.live[i] for i in left]
        self.server, self.theta = pick(self.server, left), pick(self.theta, left)
        self.before = None if self.before is None else (pick(self.before[0], left), pick(self.before[1], left))

    def _stop(self, t: int) -> None:
        statuses = {}
        for i, lane in enumerate(self._living()):
            reason = next((said for rule in self.rules if (said := rule.reason(lane.rows)) is not None), None)
            if reason is not None:
                statuses[i] = Status("stopped", f"Stopped after round {t}: {reason}")
        if statuses:
            self._retire(statuses)

    def _complete(self, rounds: int) -> None:
        """End every lane that is still running."""
        statuses = {}
        for i, lane in enumerate(self._living()):
            self._fill(i, lane)
            statuses[i] = completed(lane.rows, rounds)
        self._retire(statuses)

    def _living(self) -> list[Lane]:
        return [self.lanes[number] for number in self.live]

    def _stage(self, t: int, live: Sequence[int]) -> Stage:
        some = self.lanes[live[0]].parts
        alone = [self.lanes[number].algorithm for number in live]
        return Stage(
            self.problem,
            self.federation,
            self._method(t),
            alone,
            self.aggregator,
            some.channel,
            some.downlink,
            self.memories,
            live,
        )

    def _measure(self) -> None:
        """Fill the columns of the metrics that are due in the last row of every living lane."""
        for metric in self.metrics if self.live else ():
            if self._living()[0].rows[-1]["round"] % metric.every:
                continue
            if type(metric) is Objective:
                for lane, value in zip(self._living(), self._objectives(), strict=True):
                    lane.rows[-1]["objective"] = float(value)
                continue
            for i, lane in enumerate(self._living()):
                lane.rows[-1].update(metric.measure(self._snapshot(i, lane)))

    def _fill(self, place: int, lane: Lane) -> None:
        """Measure what is missing in a lane's last row, where its run ends."""
        for metric in self.metrics:
            if lane.rows[-1].keys().isdisjoint(metric.columns):
                lane.rows[-1].update(metric.measure(self._snapshot(place, lane)))

    def _objectives(self) -> Any:
        """W of every living lane, by one pass over the clients."""
        total = self.problem.penalty(self.theta)
        for w, data in zip(self.federation.weights, self.federation, strict=True):
            total = total + w * self.problem.value(data, self.theta)
        return total

    def _snapshot(self, i: int, lane: Lane) -> Snapshot:
        previous, theta_previous = (None, None) if self.before is None else (row(tree, i) for tree in self.before)
        return Snapshot(
            int(lane.rows[-1]["round"]),
            self.problem,
            lane.algorithm,
            self.federation.weights,
            self._fleet(lane),
            row(self.server, i),
            previous,
            row(self.theta, i),
            theta_previous,
        )

    def _fleet(self, lane: Lane) -> Fleet:
        """The clients, for metrics that ask them."""
        return InProcess().open(Program(self.problem, lane.algorithm, lane.parts.channel), self.federation)

    def _result(self, number: int) -> Result:
        lane = self.lanes[number]
        assert lane.status is not None
        return Result(
            theta=lane.theta,
            status=lane.status,
            trace=Trace(lane.rows),
            parts=lane.parts,
            problem=self.problem,
            federation=self.federation,
            server=lane.server,
            memories=self.memories.of(number),
            theta0=self.composition.theta0,
            sampling=lane.sampling,
            executor=InProcess(),
            metrics=self.metrics,
        )
