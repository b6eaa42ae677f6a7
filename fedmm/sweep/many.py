"""`solve_many`: many configurations, client data touched once for those that can run side by side."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from fedmm.aggregators import Aggregator, Mean
from fedmm.algorithm import Algorithm
from fedmm.arguments import check_instance, several, whole
from fedmm.arrays import Array, is_sparse, leaves
from fedmm.channels import Channel, Identity
from fedmm.composition import Composition
from fedmm.errors import CompositionError, SpecError
from fedmm.executors import Executor, InProcess
from fedmm.federation import Federation
from fedmm.metrics import Metric
from fedmm.participation import Full, Participation
from fedmm.parts import Parts
from fedmm.problem import Problem
from fedmm.result import Result
from fedmm.run import interruptible
from fedmm.solve import MEASURED, check_rules, compose, solve
from fedmm.stopping import StopRule
from fedmm.sweep.bundle import Bundle
from fedmm.sweep.grid import Point, bundles, points
from fedmm.sweep.sweep import Sweep

__all__ = ["solve_many"]


def solve_many(
    problem: Problem,
    federation: Federation,
    algorithm: Algorithm,
    theta0: Array | None = None,
    *,
    over: Mapping[str, Sequence[Any]],
    rounds: int,
    seed: int = 0,
    participation: Participation | None = None,
    channel: Channel | None = None,
    downlink: Channel | None = None,
    aggregator: Aggregator | None = None,
    executor: Executor | None = None,
    metrics: Metric | Sequence[Metric] = MEASURED,
    stop: StopRule | Sequence[StopRule] = (),
    progress: bool | None = None,
) -> Sweep:
    """Solve with every combination of the values in `over`.

    Runs that differ in seeds, and in the numeric fields their method sweeps (`Algorithm.sweeps`: its step sizes), are carried
    side by side: a client's data are touched once for all of them, and matrix-vector products become matrix-matrix products.
    Everything else (local steps, batch sizes, problems, channels, whole methods) is a loop around them. Each run is that of
    its own `solve` to rounding.

    Parameters
    ----------
    problem, federation, algorithm, theta0, rounds, seed, participation, channel, downlink, aggregator, metrics, stop
        As for `solve`, for what `over` does not say.
    over : mapping of str to sequence
        An axis by its name: "seed"; a field, as in "step", "method.step", "problem.ridge"; or a whole part, as in
        "method": [FedAvg(), FedSGD()] or "channel".
    executor : Executor or None
        None runs lanes side by side in this process; another executor takes one run after another.
    progress : bool or None
        A progress bar on standard error; None shows it on a terminal only.

    Returns
    -------
    Sweep
        The results in the order of the combinations, the last axis changing fastest. A run that diverges or fails says so in
        its status, and leaves the others alone. After Ctrl-C the results so far.

    Raises
    ------
    DataError, SpecError, CompositionError
        Before any work, in one sentence; for a refused combination it says which.
    """
    rounds, seed = whole("rounds", rounds, 0), whole("seed", seed)
    measured, rules = several("metrics", metrics, Metric), several("stop", stop, StopRule)
    if not isinstance(over, Mapping):
        raise SpecError(f'Expected over as a mapping from an axis to its values, got {over!r}; say over={{"step": [0.1, 0.2]}}.')
    parts = Parts(
        problem,
        algorithm,
        Identity() if channel is None else channel,
        Identity() if downlink is None else downlink,
        Mean() if aggregator is None else aggregator,
        Full() if participation is None else participation,
        seed,
    )
    check_instance("problem", problem, Problem)
    check_instance("algorithm", algorithm, Algorithm)
    executor = InProcess() if executor is None else executor
    check_instance("executor", executor, Executor)
    check_rules(rules, measured)
    check_instance("federation", federation, Federation)
    found = points(parts, over)
    sparse = any(is_sparse(leaf) for _, data in federation.looked_at() for _, leaf in leaves(data))
    groups = [(group, _composed(found, group, federation, theta0, measured)) for group in bundles(found, seeds_apart=sparse)]
    results: dict[int, Result] = {}
    steps = sum(rounds if _together(found, group, one, executor) else rounds * len(group) for group, one in groups)
    with interruptible() as interrupted, _bar(sys.stderr.isatty() if progress is None else progress, steps) as show:
        for group, composition in groups:
            if interrupted():
                break
            if _together(found, group, composition, executor):
                bundle = Bundle([found[k].parts for k in group], composition, measured, rules)
                results |= dict(zip(group, bundle.go(rounds, interrupted, show), strict=True))
                continue
            for k in group:
                if interrupted():
                    break
                results[k] = _alone(found[k].parts, composition, rounds, executor, measured, rules)
                show(rounds)
    done = [k for k in range(len(found)) if k in results]
    return Sweep(tuple(over), [found[k].values for k in done], [results[k] for k in done], len(found) - len(done))


def _composed(
    found: Sequence[Point], group: Sequence[int], federation: Federation, theta0: Array | None, metrics: tuple[Metric, ...]
) -> Composition:
    """The composition of the first run of a bundle, once every run of it has been looked at."""
    composition = None
    for k in group:
        parts = found[k].parts
        try:
            if composition is None:
                composition = compose(
                    parts.problem,
                    federation,
                    parts.algorithm,
                    theta0,
                    channel=parts.channel,
                    downlink=parts.downlink,
                    participation=parts.participation,
                    metrics=metrics,
                )
                check_instance("aggregator", parts.aggregator, Aggregator)
            composition = composition.with_method(parts.algorithm)
            composition.check()
            parts.algorithm.settle(composition)
        except CompositionError as error:
            raise CompositionError(f"{error} (in the run with {in_words(found[k].values)})") from error
    assert composition is not None
    return composition


def in_words(values: Mapping[str, Any]) -> str:
    """A configuration as ``step=0.1, seed=3``."""
    from fedmm.sweep.sweep import shown

    return ", ".join(f"{name}={shown(value)}" for name, value in values.items())


def _together(found: Sequence[Point], group: Sequence[int], composition: Composition, executor: Executor) -> bool:
    """Whether the runs of a bundle can go side by side; buffers (batch normalisation) are one set a run."""
    parts = found[group[0]].parts
    plain = type(parts.participation).tolerates is Participation.tolerates and type(parts.aggregator) is Mean
    bare = composition.problem.buffers(composition.federation) is None
    return len(group) > 1 and type(executor) is InProcess and plain and bare


def _alone(
    parts: Parts,
    composition: Composition,
    rounds: int,
    executor: Executor,
    metrics: tuple[Metric, ...],
    rules: tuple[StopRule, ...],
) -> Result:
    return solve(
        parts.problem,
        composition.federation,
        parts.algorithm,
        composition.theta0,
        rounds=rounds,
        seed=parts.seed,
        participation=parts.participation,
        channel=parts.channel,
        downlink=parts.downlink,
        aggregator=parts.aggregator,
        executor=executor,
        metrics=metrics,
        stop=rules,
        throw=False,
        progress=False,
    )


@contextmanager
def _bar(progress: bool, total: int) -> Iterator[Callable[[int], object]]:
    """A function to call after so many rounds; it moves a progress bar with the time left, or does nothing."""
    if not progress:
        yield lambda rounds: None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit="round", dynamic_ncols=True) as bar:
        yield bar.update
