"""Several claims: one after the other, or by name in several processes. What is done when it stops is never lost."""

from __future__ import annotations

import multiprocessing
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

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
        return _Crew(claims, count, mine, processes, bar).work(stop)


class _Crew:
    """Processes that take the next claim when they are done with one; each on a line of its own, so that one that dies
    blocks no other."""

    def __init__(
        self, claims: list[Claim], examples: int, mine: Path | None, processes: int, bar: Callable[[int], object]
    ) -> None:
        self.claims, self.examples, self.mine, self.bar = claims, examples, mine, bar
        self.left = list(range(len(claims)))
        self.ticks = [0] * len(claims)
        self.found: dict[int, Verdict] = {}
        self.busy: dict[Connection, int] = {}
        self.members: dict[Connection, BaseProcess] = {}
        for _ in range(processes):
            self._hire()

    def _hire(self) -> None:
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=_member, args=(there, self.mine, self.examples), daemon=True)
        process.start()
        there.close()  # so that the death of the process is the end of the line
        self.members[here] = process
        self._hand(here)

    def _hand(self, line: Connection) -> None:
        if self.left:
            self.busy[line] = self.left.pop(0)
            with suppress(OSError):  # if it has died, its line says so
                line.send(self.claims[self.busy[line]].name)

    def work(self, stop: Callable[[], bool]) -> list[Verdict]:
        """Hand out the claims and gather the verdicts."""
        try:
            halted = False
            while self.busy:
                if stop() and not halted:
                    halted = True
                    self.left.clear()
                    self._dismiss(self.busy)
                for line in wait(list(self.busy), timeout=0.2):
                    self._hear(line)  # type: ignore[arg-type]
        except KeyboardInterrupt:  # the second Ctrl-C: what is home counts
            pass
        finally:
            self._dismiss(line for line in self.members if line not in self.busy)
            for line, process in self.members.items():
                process.join(timeout=0.0 if line in self.busy else 5.0)
                if process.is_alive():
                    process.terminate()
        return [self.found[index] for index in sorted(self.found)]

    def _hear(self, line: Connection) -> None:
        index = self.busy[line]
        try:
            news = line.recv()
        except (EOFError, OSError):
            process = self.members[line]
            process.join(timeout=5.0)
            why = f"The process that measured it died (exit code {process.exitcode}); run it alone with --claim."
            self.found[index] = judge(self.claims[index], (), trouble=why)
            del self.busy[line], self.members[line]
            if self.left:
                self._hire()
            return
        if isinstance(news, int):
            self.ticks[index] += news
            self.bar(news)
            return
        self.found[index] = news
        self.bar(_steps([self.claims[index]], self.examples) - self.ticks[index])
        del self.busy[line]
        self._hand(line)

    @staticmethod
    def _dismiss(lines: Iterable[Connection]) -> None:
        """Whoever is at work stops after the setting at hand; whoever waits goes."""
        for line in lines:
            with suppress(OSError):
                line.send(None)


def _member(line: Connection, mine: Path | None, examples: int) -> None:
    """What a process does: look claims up by name, examine them, send the verdicts home."""
    from threadpoolctl import threadpool_limits

    with aside(), interruptible() as stop, threadpool_limits(limits=1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        claims = known(mine)

        def halted() -> bool:
            return stop() or line.poll()  # nothing comes during an examination but the word to stop

        with suppress(EOFError, BrokenPipeError):  # whoever asked is gone
            while (name := line.recv()) is not None:
                line.send(examine(claims[name], examples, stop=halted, tick=line.send))


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
