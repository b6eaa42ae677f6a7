"""The mutable middle of `solve`: rounds, the trace, interruption, and how a run ends."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from fedmm.arrays import all_finite
from fedmm.composition import Composition
from fedmm.exchange import ClientFailure, exchange
from fedmm.executors.base import Executor
from fedmm.keys import Key
from fedmm.metrics import Metric, Snapshot
from fedmm.participation.full import Full
from fedmm.parts import Parts
from fedmm.problem import Problem
from fedmm.program import Program
from fedmm.result import Result, Status
from fedmm.stopping import StopRule
from fedmm.trace import Trace
from fedmm.types import Cohort

__all__ = ["REMEDY", "Callback", "Run", "completed", "interruptible"]

REMEDY = "Try a smaller step, step='theory' where the method has it, or a channel with less variance."
"""What to try after a divergence."""

RISEN = "Try a smaller step, larger batches, or another method."
"""What to try where the objective rose."""

Callback = Callable[[Snapshot, dict[str, float]], None]
"""Called after every round with the run as it stands and the new row of the trace."""


class Run:
    """One run from its start (or a saved result) to a `Result`. Not part of the public interface."""

    def __init__(
        self,
        parts: Parts,
        composition: Composition,
        executor: Executor,
        metrics: tuple[Metric, ...],
        resume: Result | None,
    ) -> None:
        self.parts, self.composition, self.metrics, self.executor = parts, composition, metrics, executor
        self.federation = composition.federation
        self.problem = composition.problem
        self.algorithm = parts.algorithm.settle(composition)
        self.aggregator = parts.aggregator.settle(self.algorithm.averages)
        self.fleet = executor.open(Program(self.problem, self.algorithm, parts.channel), self.federation)
        self.sampling: Any = parts.participation.start(len(self.federation))
        if resume is None:
            self.server = self.algorithm.init(self.problem, composition.theta0)
            self.buffers = self.problem.buffers(self.federation)
            self.rows: list[dict[str, float]] = []
        else:
            self.server, self.buffers = resume.server, resume.buffers
            self.fleet.restore(resume.memories)
            opened = not self.algorithm.opening(self.server)  # otherwise round 0 was never done: it is done now
            self.rows = _as_if_unbroken(resume) if opened else []
            self.sampling = resume.sampling if opened else self.sampling
        self.previous: Any = None
        self.theta = self.algorithm.solution(self.problem, self.server)
        self.theta_previous: Any = None

    def go(self, rounds: int, rules: tuple[StopRule, ...], callbacks: tuple[Callback, ...], progress: bool) -> Result:
        """Run so many (more) rounds."""
        with np.errstate(all="ignore"), interruptible() as interrupted:
            status = self._open(callbacks) if not self.rows else None
            done = int(self.rows[-1]["round"])
            last = done + rounds
            with _bar(progress, done, last) as show:
                while status is None and done < last:
                    done += 1
                    status = self._round(done, callbacks)
                    if status is None:
                        show(self.rows[-1])
                        status = self._ended(rules, done, last, interrupted())
            self._measure(self.rows[-1], ending=True)
        return self._result(status or completed(self.rows, last))

    def _ended(self, rules: tuple[StopRule, ...], done: int, last: int, interrupted: bool) -> Status | None:
        for rule in rules:
            reason = rule.reason(self.rows)
            if reason is not None:
                return Status("stopped", f"Stopped after round {done}: {reason}")
        if interrupted and done < last:
            return Status("interrupted", f"Interrupted after round {done} of {last}; resume to go on.")
        return None

    def _open(self, callbacks: tuple[Callback, ...]) -> Status | None:
        """Round 0: the openings, in which everyone replies exactly, and the first row of the trace."""
        row: dict[str, float] = {"round": 0, "exchanges": 0, "seconds": 0.0, "bits_up": 0, "bits_down": 0, "clients": 0}
        everyone = Full().draw(self.federation.weights, 0, None, Key(self.parts.seed))
        status = None
        while status is None and self.algorithm.opening(self.server):
            status = self._exchange(everyone, row, exact=True)
        if status is None:
            self._observe(row, callbacks)
        self.rows.append(row)
        return status

    def _round(self, t: int, callbacks: tuple[Callback, ...]) -> Status | None:
        row = {name: self.rows[-1][name] for name in ("exchanges", "seconds", "bits_up", "bits_down")}
        row = {"round": t, **row, "clients": 0}
        before = self.server, self.theta
        key = Key(self.parts.seed, t).fold("cohort")
        cohort = self.parts.participation.draw(self.federation.weights, t, self.sampling, key)
        status = self._exchange(cohort, row)
        if status is None:
            self.previous, self.theta_previous = before
            self._observe(row, callbacks)
            self.rows.append(row)
        return status

    def _exchange(self, cohort: Cohort, row: dict[str, float], exact: bool = False) -> Status | None:
        """Carry out an exchange and count it in `row`; on trouble leave everything as it was and say what happened."""
        parts, t = self.parts, cohort.round
        keeps = f"Theta and the trace are those of round {t - 1}." if t > 0 else "Nothing was computed."
        begin = time.perf_counter()
        try:
            done = exchange(
                self.problem,
                self.algorithm,
                self.aggregator,
                parts.downlink,
                parts.participation,
                self.fleet,
                self.server,
                cohort,
                exact=exact,
                buffers=self.buffers,
            )
            theta = self.algorithm.solution(self.problem, done.server)
        except ClientFailure as failure:
            return Status("failed", f"{failure} {keeps}")
        except (ArithmeticError, np.linalg.LinAlgError) as error:
            return Status("failed", f"The server failed in round {t}: {str(error).rstrip('.')}. {keeps}")
        if not (all_finite(done.server) and all_finite(theta) and all_finite(done.buffers)):
            return Status(
                "diverged",
                f"Round {t} gave values that are not finite. {keeps} {REMEDY}",
            )
        self.fleet.commit(done.merged)
        self.sampling = parts.participation.observe(self.sampling, done.merged)
        self.server, self.theta, self.buffers = done.server, theta, done.buffers
        row["seconds"] += time.perf_counter() - begin
        row["exchanges"] += 1
        row["bits_up"] += done.bits_up
        row["bits_down"] += done.bits_down
        row["clients"] = len(done.merged)
        return None

    def _observe(self, row: dict[str, float], callbacks: tuple[Callback, ...]) -> None:
        snapshot = self._measure(row)
        for callback in callbacks:
            callback(snapshot, row)

    def _measure(self, row: dict[str, float], ending: bool = False) -> Snapshot:
        """Fill the columns of the metrics that are due; where the run ends, of all that are missing."""
        snapshot = Snapshot(
            int(row["round"]),
            self._evaluated(),
            self.algorithm,
            self.federation.weights,
            self.fleet,
            self.server,
            self.previous,
            self.theta,
            self.theta_previous,
        )
        for metric in self.metrics:
            if not row.keys().isdisjoint(metric.columns):
                continue
            if ending or snapshot.round % metric.every == 0:
                row.update(metric.measure(snapshot))
        return snapshot

    def _evaluated(self) -> Problem:
        """The problem at the buffers of the server."""
        return self.problem if self.buffers is None else self.problem.bind(self.buffers)

    def _result(self, status: Status) -> Result:
        return Result(
            theta=self.theta,
            status=status,
            trace=Trace(self.rows),
            parts=self.parts,
            problem=self._evaluated(),
            federation=self.federation,
            server=self.server,
            memories=self.fleet.memories(),
            theta0=self.composition.theta0,
            sampling=self.sampling,
            executor=self.executor,
            metrics=self.metrics,
            buffers=self.buffers,
        )


def completed(rows: Sequence[Mapping[str, float]], last: int) -> Status:
    """How a run of so many rounds ended, from its trace: an objective that is not finite, or rose, is said."""
    objective = rows[-1].get("objective", 0.0)
    if not np.isfinite(objective):
        return Status("diverged", f"All {last} rounds done, but the objective is {objective}. {REMEDY}")
    began = rows[0].get("objective", objective)
    risen = objective > began + 1e-6 * (1 + abs(began))  # finite, and yet nothing was minimised
    but = f", but the objective rose from {began:.4g} to {objective:.4g}. {RISEN}" if risen else "."
    return Status("completed", f"All {last} rounds done{but}")


def _as_if_unbroken(resume: Result) -> list[dict[str, float]]:
    """The rows of a run that is going on, without what was measured only because it ended there."""
    rows = [dict(row) for row in resume.trace.rows]
    for metric in resume.metrics:
        if rows[-1]["round"] % metric.every:
            for column in metric.columns:
                rows[-1].pop(column, None)
    return rows


class _Asked:
    """A handler of Ctrl-C that takes note, and tells the handler of the same kind that it stands in for (a sweep's)."""

    def __init__(self, before: Any) -> None:
        self.flag = threading.Event()
        self.outer = before if isinstance(before, _Asked) else None

    def __call__(self, number: int, frame: Any) -> None:
        if self.flag.is_set():
            raise KeyboardInterrupt
        self.note()

    def note(self) -> None:
        self.flag.set()
        if self.outer is not None:
            self.outer.note()


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Ctrl-C sets a flag that is looked at between rounds; a second Ctrl-C acts at once. Only in the main thread.

    Inside another `interruptible` it sets the flags of both.
    """
    if threading.current_thread() is not threading.main_thread():
        yield threading.Event().is_set
        return
    before = signal.getsignal(signal.SIGINT)
    asked = _Asked(before)
    signal.signal(signal.SIGINT, asked)
    try:
        yield asked.flag.is_set
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _bar(progress: bool, done: int, last: int) -> Iterator[Callable[[dict[str, float]], None]]:
    """A function to call after every round; it moves a progress bar with the time left, or does nothing."""
    if not progress:
        yield lambda row: None
        return
    from tqdm import tqdm

    with tqdm(total=last, initial=done, unit="round", dynamic_ncols=True) as bar:

        def show(row: dict[str, float]) -> None:
            if "objective" in row:
                bar.set_postfix_str(f"objective {row['objective']:.6g}", refresh=False)
            bar.update(1)

        yield show
