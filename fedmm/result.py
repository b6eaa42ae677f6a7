"""What a run gives back: the parameter, the trace, a status in a sentence, and enough state to go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fedmm.arrays import Array
from fedmm.buffers import Buffers
from fedmm.errors import FedmmError
from fedmm.federation import Federation
from fedmm.metrics import Metric, Objective
from fedmm.problem import Problem
from fedmm.trace import Trace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fedmm.executors import Executor
    from fedmm.parts import Parts

__all__ = ["Result", "RunError", "Status"]


@dataclass(frozen=True)
class Status:
    """How a run ended.

    Parameters
    ----------
    code : {"completed", "stopped", "interrupted", "diverged", "failed"}
        completed: all rounds; stopped: by a rule; interrupted: by the user; diverged: a state was not finite; failed: a client
        or the server could not compute.
    message : str
        A sentence: what happened, and what to try.
    """

    code: Literal["completed", "stopped", "interrupted", "diverged", "failed"]
    message: str

    @property
    def ok(self) -> bool:
        """Whether the result is what was asked for."""
        return self.code in ("completed", "stopped")

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    r"""A finished or unfinished run.

    Parameters
    ----------
    theta : array (d,)
        The parameter.
    status : Status
        How the run ended.
    trace : Trace
        One row per round.
    parts : Parts
        What was composed: problem, algorithm, channel, ... as the user gave them, and the seed.
    problem : Problem
        The problem settled on the federation: its `predict`, `transform`, ... work on `theta`.
    federation : Federation or None
        The data; None for a loaded result whose data were arrays in memory.
    server, memories
        The server's state and every client's memory, for going on.
    theta0 : array (d,)
        The start.
    sampling : object
        The state of the participation, for going on; None for schemes without one.
    environment : mapping of str to str
        Versions and BLAS threads of a loaded result, on which bit-for-bit repetition depends; empty for a run of this process.
    data_digest : str
        SHA-256 of the data of a loaded result; empty while `federation` is at hand.
    executor : Executor or None
        Where clients ran; None for the default. It decides how sums are rounded.
    metrics : tuple of Metric
        What was measured: a recipe repeats the same columns.
    buffers : Buffers or None
        What the model keeps beside theta (statistics of batch normalisation); `problem` looks at them. None where there are none.
    """

    theta: Array
    status: Status
    trace: Trace
    parts: Parts
    problem: Problem
    federation: Federation | None
    server: Any
    memories: Mapping[int, Any]
    theta0: Array
    sampling: Any = None
    environment: Mapping[str, str] = field(default_factory=dict)
    data_digest: str = ""
    executor: Executor | None = None
    metrics: tuple[Metric, ...] = (Objective(),)
    buffers: Buffers | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the federation's data."""
        return self.federation.digest() if self.federation is not None else self.data_digest

    @property
    def rounds(self) -> int:
        """The number of rounds done."""
        return int(self.trace.last("round")) if len(self.trace) else 0

    @property
    def objective(self) -> float:
        """The last measured objective, NaN if it was not measured."""
        return self.trace.last("objective") if "objective" in self.trace.columns else float("nan")

    @property
    def bits_up(self) -> int:
        """Bits sent by all clients."""
        return int(self.trace.last("bits_up"))

    @property
    def bits_down(self) -> int:
        """Bits received by all clients."""
        return int(self.trace.last("bits_down"))

    @property
    def seconds(self) -> float:
        """Seconds spent in the method, metrics excluded."""
        return float(self.trace.last("seconds"))

    def summary(self) -> str:
        """What was solved, by what, and how it ended, in a few lines."""
        from fedmm.wording import bits_in_words, federation_in_words, part_in_words

        parts, federation = self.parts, self.federation
        ways = (("up", parts.channel), ("down", parts.downlink))
        through = [f"{part_in_words(channel)} {way}" for way, channel in ways if channel.name != "identity"]
        through += [f"{part_in_words(parts.participation)} participation"] if parts.participation.name != "full" else []
        began = float(self.trace.rows[0].get("objective", "nan")) if len(self.trace) else float("nan")
        lines = (
            ("problem", part_in_words(parts.problem)),
            ("data", federation_in_words(federation) if federation is not None else f"sha256 {self.digest[:12]}..., not at hand"),
            ("method", ", ".join([part_in_words(parts.algorithm), *through])),
            ("objective", f"{self.objective:.10g}" + (f", from {began:.6g} in round 0" if began == began else "")),
            ("rounds", f"{self.rounds}"),
            ("sent", f"{bits_in_words(self.bits_up)} up, {bits_in_words(self.bits_down)} down"),
            ("seconds", f"{self.seconds:.3g}"),
            ("status", f"{self.status}"),
        )
        return "\n".join(f"{name:<10} {words}" for name, words in lines)

    def __repr__(self) -> str:
        return f"Result({self.problem.name} by {self.parts.algorithm.name}, {self.rounds} rounds, {self.status})"

    def plot(
        self, column: str = "objective", *, against: str = "round", ax: Axes | None = None, label: str | None = None
    ) -> Axes:
        """Draw a column of the trace and return the axes.

        Parameters
        ----------
        column, against : str
            Columns of the trace for the vertical and the horizontal axis.
        ax : matplotlib axes or None
            Where to draw; None makes a figure.
        label : str or None
            The curve's name; None takes the method's.

        Raises
        ------
        SpecError
            If the trace has no such column.
        """
        from fedmm.plot import curve

        return curve(self, column, against, ax, label)

    def save(self, folder: str | Path, *, overwrite: bool = False) -> Path:
        """Write the run folder and return its path; see `fedmm.storage.save`."""
        from fedmm.storage import save

        return save(self, folder, overwrite=overwrite)


class RunError(FedmmError, RuntimeError):
    """A run that stopped before its rounds were done. `result` holds everything computed until then."""

    def __init__(self, message: str, result: Result) -> None:
        super().__init__(message)
        self.result = result
