"""`solve`: the one loop."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from fedmm.aggregators import Aggregator, Mean
from fedmm.algorithm import Algorithm
from fedmm.arguments import check_instance, several, whole
from fedmm.arrays import Array
from fedmm.channels import Channel, Identity
from fedmm.composition import Composition
from fedmm.errors import CompositionError, SpecError, suggest
from fedmm.executors import Executor, InProcess
from fedmm.federation import Federation
from fedmm.metrics import Metric, Objective
from fedmm.participation import Full, Participation
from fedmm.parts import Parts
from fedmm.problem import Problem
from fedmm.result import Result, RunError
from fedmm.run import Callback, Run
from fedmm.stopping import StopRule
from fedmm.trace import COUNTERS

__all__ = ["MEASURED", "check_rules", "compose", "solve"]

MEASURED: tuple[Metric, ...] = (Objective(),)
"""What is measured where nobody says otherwise."""


def compose(
    problem: Problem,
    federation: Federation,
    algorithm: Algorithm,
    theta0: Array | None = None,
    *,
    channel: Channel | None = None,
    downlink: Channel | None = None,
    participation: Participation | None = None,
    metrics: Sequence[Metric] = (),
) -> Composition:
    """The parts as `solve` would use them, with their facts: what `fedmm explain` prints. Runs nothing and refuses nothing.

    Raises
    ------
    DataError, SpecError
        If the problem does not take these data, or a metric needs an oracle that the problem does not offer.
    """
    channel = Identity() if channel is None else channel
    downlink = Identity() if downlink is None else downlink
    participation = Full() if participation is None else participation
    check_instance("problem", problem, Problem)
    check_instance("federation", federation, Federation)
    check_instance("algorithm", algorithm, Algorithm)
    check_instance("participation", participation, Participation)
    check_instance("channel", channel, Channel)
    check_instance("downlink", downlink, Channel)
    called = dict.fromkeys((*algorithm.requires, *(oracle for metric in metrics for oracle in metric.requires)))
    for metric in metrics:
        lacking = [oracle.__name__ for oracle in metric.requires if oracle not in problem.oracles]
        if lacking:
            raise SpecError(
                f"The metric {metric.name} needs the oracle {lacking[0]}, which {problem.name} does not offer; leave it out."
            )
    settled = problem.settle(federation, tuple(called))
    start = settled.start(federation) if theta0 is None else theta0
    return Composition(settled, federation, algorithm, channel, downlink, participation, start)


def solve(
    problem: Problem,
    federation: Federation,
    algorithm: Algorithm,
    theta0: Array | None = None,
    *,
    rounds: int,
    seed: int = 0,
    participation: Participation | None = None,
    channel: Channel | None = None,
    downlink: Channel | None = None,
    aggregator: Aggregator | None = None,
    executor: Executor | None = None,
    metrics: Metric | Sequence[Metric] = MEASURED,
    stop: StopRule | Sequence[StopRule] = (),
    callbacks: Callback | Sequence[Callback] = (),
    resume: Result | None = None,
    throw: bool = True,
    progress: bool | None = None,
) -> Result:
    r"""Minimise :math:`\sum_i w_i f_i(\theta) + g(\theta)` over a federation.

    Parameters
    ----------
    problem : Problem
        The oracles.
    federation : Federation
        The clients' data and weights.
    algorithm : Algorithm
        The method.
    theta0 : array (d,) or None
        The start; None takes ``problem.start(federation)``.
    rounds : int
        How many rounds to run; with `resume`, how many more.
    seed : int
        Every draw is a function of (seed, round, client, purpose).
    participation, channel, downlink, aggregator, executor
        Who takes part, what the uploads and the broadcast go through, how replies are combined, where clients run. Defaults:
        everyone, unchanged, unchanged, the weighted mean, in this process.
    metrics : Metric or sequence of Metric
        Measured outside the method and its time; the default is the objective after every round.
    stop : StopRule or sequence of them
        Ends the run early. Recipes record how many rounds were run, not the rule.
    callbacks : callable or sequence of callables
        Called with (snapshot, row of the trace) after every round.
    resume : Result or None
        Go on from this result: 100 + 100 rounds equal 200 bit for bit.
    throw : bool
        Raise `RunError` (which carries the result) when the run diverges or a client fails; with False, look at
        ``result.status``.
    progress : bool or None
        A progress bar on standard error; None shows it on a terminal only.

    Returns
    -------
    Result
        Ctrl-C ends the run after the current round with a usable result.

    Raises
    ------
    DataError, SpecError, CompositionError
        Before any work, in one sentence.
    RunError
        See `throw`.
    """
    rounds, seed = whole("rounds", rounds, 0), whole("seed", seed)
    measured, rules = several("metrics", metrics, Metric), several("stop", stop, StopRule)
    called = several("callbacks", callbacks, Callable)
    if resume is not None:
        check_instance("resume", resume, Result)
    parts = Parts(
        problem,
        algorithm,
        Identity() if channel is None else channel,
        Identity() if downlink is None else downlink,
        Mean() if aggregator is None else aggregator,
        Full() if participation is None else participation,
        seed,
    )
    executor = InProcess() if executor is None else executor
    check_instance("aggregator", parts.aggregator, Aggregator)
    check_instance("executor", executor, Executor)
    composition = compose(
        problem,
        federation,
        algorithm,
        resume.theta0 if resume is not None else theta0,
        channel=parts.channel,
        downlink=parts.downlink,
        participation=parts.participation,
        metrics=measured,
    )
    composition.check()
    if resume is not None:
        _check_resume(parts, federation, theta0, resume)
    if not called:  # a callback may add columns of its own
        check_rules(rules, measured)
    run = Run(parts, composition, executor, measured, resume)
    result = run.go(rounds, rules, called, sys.stderr.isatty() if progress is None else progress)
    status = result.status
    if throw and not status.ok and status.code != "interrupted":
        raise RunError(status.message, result)
    return result


def check_rules(rules: tuple[StopRule, ...], metrics: tuple[Metric, ...]) -> None:
    """That every column a rule reads is measured; raises SpecError naming it."""
    known = {*COUNTERS, *(column for metric in metrics for column in metric.columns)}
    for rule in rules:
        for column in rule.reads:
            if column not in known:
                raise SpecError(f"{type(rule).__name__} reads the column {column!r}, not measured here.{suggest(column, known)}")


def _check_resume(parts: Parts, federation: Federation, theta0: Array | None, resume: Result) -> None:
    parts.check_continues(resume.parts)
    if theta0 is not None:
        raise CompositionError("A continued run starts where the saved one ended; leave theta0 out.")
    if resume.federation is not federation and resume.digest != federation.digest():
        raise CompositionError(
            "A continued run needs the same data: the digest of this federation is not the saved run's; "
            "build it from the same arrays, partition and seed."
        )
