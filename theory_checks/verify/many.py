"""Several claims: one after the other, or by name in several processes. What is done when it stops is never lost."""

from __future__ import annotations

import multiprocessing
import os
import queue
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from fedmm.run import interruptible
from theory_checks.claim import Claim
from theory_checks.verdict import Verdict
from theory_checks.verify.aside import aside
from theory_checks.verify.examine import EXAMPLES, THOROUGH, examine
from theory_checks.verify.judge import judge
from theory_checks.verify.mine import known

__all__ = ["MOST_PROCESSES", "verify", "verify_by_name"]

MOST_PROCESSES = 4
"""By default no more processes than this, nor than there are cores."""


def verify(
    claims: Iterable[Claim], examples: int | None = None, *, thorough: bool = False, progress: bool | None = None
) -> list[Verdict]:
    """Verify claims, one after the other.

    Parameters
    ----------
    claims : iterable of Claim
        What is claimed.
    examples : int or None
        Settings drawn for every claim beside its extremes; None means `EXAMPLES`, or `THOROUGH` if thorough.
    thorough : bool
        Draw many settings.
    progress : bool or None
        A progress bar on standard error; None shows it on a terminal only.

    Returns
    -------
    list of Verdict
        In the order of the claims. Ctrl-C ends it with the verdicts so far, the last one on what had been tried.
    """
    todo, count = list(claims), number_of_examples(examples, thorough)
    found: list[Verdict] = []
    with interruptible() as stop, _bar(progress, _steps(todo, count)) as bar:
        for claim in todo:
            if stop():
                break
            done = 0

            def tick(n: int) -> None:
                nonlocal done
                done += n
                bar(n)

            found.append(examine(claim, count, stop=stop, tick=tick))
            bar(_steps([claim], count) - done)  # a small setting space is soon exhausted
    return found


def number_of_examples(examples: int | None, thorough: bool) -> int:
    """Settings drawn for every claim."""
    return examples if examples is not None else THOROUGH if thorough else EXAMPLES


def verify_by_name(
    names: Sequence[str],
    examples: int | None = None,
    *,
    mine: Path | None = None,
    thorough: bool = False,
    progress: bool | None = None,
    processes: int | None = None,
) -> list[Verdict]:
    """Verify claims by name in several processes, which each look the claims up for themselves.

    Parameters
    ----------
    names : sequence of str
        Claims of the catalog, or of the file `mine`.
    examples, thorough, progress
        As for `verify`.
    mine : Path or None
        A user's own file of claims.
    processes : int or None
        None means one a core, up to `MOST_PROCESSES`. With one, all is done here.

    Returns
    -------
    list of Verdict
        In the order of the names. Ctrl-C ends it with the verdicts so far. A process that dies leaves its claim undecided.
    """
    all_claims = known(mine)
    claims = [all_claims[name] for name in names]
    if processes is None:
        processes = min(MOST_PROCESSES, os.cpu_count() or 1)
    processes = min(processes, len(claims))
    if processes <= 1:
        return verify(claims, examples, thorough=thorough, progress=progress)
    count = number_of_examples(examples, thorough)
    with interruptible() as stop, _bar(progress, _steps(claims, count)) as bar:
        crew = _Crew(claims, count, mine, processes, bar)
        return crew.work(stop)


class _Crew:
    """Processes that take the next claim when they are done with one."""

    def __init__(
        self, claims: list[Claim], examples: int, mine: Path | None, processes: int, bar: Callable[[int], object]
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self.claims, self.bar, self.context = claims, bar, context
        self.halt = context.Event()
        self.news: Any = context.Queue()
        self.left = list(range(len(claims)))
        self.busy: dict[int, int] = {}
        self.ticks = [0] * len(claims)
        self.examples = examples
        self.found: dict[int, Verdict] = {}
        self.inboxes: list[Any] = []
        self.mine = mine
        self.members: list[BaseProcess] = []
        for member in range(processes):
            self.inboxes.append(context.Queue())
            self.members.append(self._hire(member))

    def _hire(self, member: int) -> BaseProcess:
        arguments = (member, self.mine, self.examples, self.inboxes[member], self.news, self.halt)
        process = self.context.Process(target=_member, args=arguments, daemon=True)
        process.start()
        return process

    def work(self, stop: Callable[[], bool]) -> list[Verdict]:
        """Hand out the claims and gather the verdicts."""
        try:
            for member in range(len(self.members)):
                self._hand(member)
            while self.busy:
                if stop() and not self.halt.is_set():
                    self.halt.set()
                    self.left.clear()
                try:
                    self._hear(*self.news.get(timeout=0.2))
                except queue.Empty:
                    self._roll_call()
        except KeyboardInterrupt:  # the second Ctrl-C: what is home counts
            pass
        finally:
            self.halt.set()
            for inbox, member in zip(self.inboxes, self.members, strict=True):
                inbox.put(None)
                member.join(timeout=5.0)
                if member.is_alive():
                    member.terminate()
        return [self.found[index] for index in sorted(self.found)]

    def _hand(self, member: int) -> None:
        if self.left:
            self.busy[member] = self.left.pop(0)
            self.inboxes[member].put((self.busy[member], self.claims[self.busy[member]].name))

    def _hear(self, member: int, index: int, news: int | Verdict) -> None:
        if isinstance(news, int):
            self.ticks[index] += news
            self.bar(news)
            return
        self.found[index] = news
        self.bar(_steps([self.claims[index]], self.examples) - self.ticks[index])
        self.busy.pop(member, None)
        self._hand(member)

    def _roll_call(self) -> None:
        """A process that died leaves its claim undecided, and is replaced."""
        for member, index in list(self.busy.items()):
            process = self.members[member]
            if process.is_alive():
                continue
            why = f"The process that measured it died (exit code {process.exitcode}); run it alone with --claim."
            self.found[index] = judge(self.claims[index], (), trouble=why)
            del self.busy[member]
            if self.left:
                self.inboxes[member] = self.context.Queue()
                self.members[member] = self._hire(member)
                self._hand(member)


def _member(member: int, mine: Path | None, examples: int, inbox: Any, news: Any, halt: Any) -> None:
    """What a process does: look claims up by name, examine them, send the verdicts home."""
    from threadpoolctl import threadpool_limits

    with aside(), interruptible() as stop, threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        claims = known(mine)
        while (task := inbox.get()) is not None:
            index, name = task

            def tick(count: int, index: int = index) -> None:
                news.put((member, index, count))

            def halted() -> bool:
                return stop() or halt.is_set()

            news.put((member, index, examine(claims[name], examples, stop=halted, tick=tick)))


def _steps(claims: Sequence[Claim], examples: int) -> int:
    return sum(len(claim.extremes) + examples for claim in claims)


@contextmanager
def _bar(progress: bool | None, total: int) -> Iterator[Callable[[int], object]]:
    """A function to call after so many settings; it moves a progress bar with the time left, or does nothing."""
    if not (sys.stderr.isatty() if progress is None else progress):
        yield lambda count: None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit="setting", dynamic_ncols=True) as bar:
        yield bar.update
