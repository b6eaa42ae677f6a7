r"""The laws of problems: what every oracle must satisfy, checked on one federation.

`check_problem` runs all laws; each is a function of a `Case` and raises AssertionError with the numbers, or returns the
reason why it does not apply: an oracle that the problem does not offer, a fact that is None. The laws about the constants
of the theory are in `fedmm.testing.facts`. Where `minimize` is exact to `Problem.accuracy` only, the laws about T(s) and
about runs allow that much more, and no other law does.

| name | symbol |
|---|---|
| theta, at | the parameter, the touching point tau |
| S, T | `statistic`, `minimize` |
| W | sum_i w_i f_i + g |
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from itertools import combinations
from typing import Any

import numpy as np

from fedmm.arrays import Array, map_leaves, to_numpy
from fedmm.federation import Federation, Samples
from fedmm.keys import Key
from fedmm.problem import Problem
from fedmm.symmetric import unpack
from fedmm.testing import facts, whole
from fedmm.testing.cases import NO_SURROGATE, Case, assert_below, assert_close, slope
from fedmm.testing.report import Report, judge, raising
from fedmm.testing.support import check_frequencies
from fedmm.types import ORACLES, Batch, HasGradient, HasHessian, HasProx, HasSurrogate

__all__ = ["LAWS", "check_problem"]

SCALES = (1.0, 1e-1, 1e-2, 1e-3)
"""Lengths of the random steps that a claimed minimiser must not be improved by."""


def check_problem(
    problem: Problem,
    federation: Federation,
    theta: Array | None = None,
    seed: int = 0,
    outside: tuple[Array, ...] = (),
) -> Report:
    """Run every law on `problem` with the data of `federation`.

    Parameters
    ----------
    problem : Problem
        May be unsettled.
    federation : Federation
        NumPy float64 data, dense or sparse; a few clients, two of them of equal shape if possible.
    theta : array (d,) or None
        Around where to look; None takes the problem's start, moved at random.
    seed : int
        The seed of everything random.
    outside : tuple of array (d,)
        Parameters that are not in the range of T, which `lift` must refuse.

    Returns
    -------
    Report
        Which laws hold, and which do not apply and why; ``print`` it.

    Raises
    ------
    AssertionError
        With every law that fails and its numbers.
    """
    try:
        case = Case(problem, federation, theta, seed, outside)
    except Exception as error:  # no other law can be looked at
        return judge(problem.name, {"settles": partial(raising, error)})
    return judge(problem.name, {name: partial(law, case) for name, law in LAWS.items()})


def offers(case: Case) -> str | None:
    """A problem with some of an oracle's methods has all of them: with one missing, the oracle is not offered."""
    mine = dir(type(case.problem))
    for oracle in ORACLES:
        names = [name for name in vars(oracle) if not name.startswith("_")]
        missing = [name for name in names if name not in mine]
        found = [name for name in names if name in mine]
        assert not (missing and found), f"it has {', '.join(found)} of {oracle.__name__}, but no {', '.join(missing)}"


def majorises(case: Case) -> str | None:
    r""":math:`f_i(\theta)\le` majorizer(theta, at) at random pairs, near and far."""
    if HasSurrogate not in case.oracles:
        return NO_SURROGATE
    for data in case.clients:
        for scale in (0.1, 1.0, 10.0):
            at, theta = case.points(2, scale)
            f = float(case.problem.value(data, theta))
            assert_below("f_i(theta) against its majorizer", f, float(case.problem.majorizer(data, theta, at)))


def touches(case: Case) -> str | None:
    """The majorizer equals f_i at the touching point, and so does its derivative."""
    if HasSurrogate not in case.oracles:
        return NO_SURROGATE
    problem = case.problem
    for data in case.clients:
        at, v = case.points(1)[0], case.direction()
        assert_close("majorizer(at, at) and f_i(at)", problem.majorizer(data, at, at), problem.value(data, at), 1e-12)
        above = slope(lambda t, data=data, at=at: float(problem.majorizer(data, t, at)), at, v)
        below = slope(lambda t, data=data: float(problem.value(data, t)), at, v)
        assert_close("the slopes of majorizer and f_i", above, below, 1e-7)


def minimises(case: Case) -> str | None:
    r""":math:`T(\sum_iw_i\bar S_i(\tau_i))` minimises the average majorizer plus g: one client, and all."""
    if HasSurrogate not in case.oracles:
        return NO_SURROGATE
    problem = case.problem
    groups = [[(1.0, case.clients[0])], list(zip(case.federation.weights, case.clients, strict=True))]
    for group in groups:
        ats = case.points(len(group))
        s = sum(w * problem.statistic(data, at)[0] for (w, data), at in zip(group, ats, strict=True))

        def U(theta: Array, group: Any = group, ats: Any = ats) -> float:
            parts = (w * problem.majorizer(data, theta, at) for (w, data), at in zip(group, ats, strict=True))
            return float(sum(parts) + problem.penalty(theta))

        _beats_neighbours(case, "T(s)", U, problem.minimize(s))


def lifts(case: Case) -> str | None:
    """T(lift(theta)) = theta on the range of T; ValueError for NaN, for a scalar, and for every theta outside.

    A problem that is not `liftable` raises ValueError for every theta.
    """
    if HasSurrogate not in case.oracles:
        return NO_SURROGATE
    problem = case.problem
    s = problem.statistic(case.clients[0], case.theta)[0]
    zero = problem.nil(problem.minimize(s))
    assert zero.shape == s.shape, f"nil(theta) has shape {zero.shape}, a statistic {s.shape}"
    assert not zero.any(), f"nil(theta) is not zero: {zero}"
    if not problem.liftable:
        _refuses_to_lift(problem, (case.theta,))
        return "no lift is known (liftable is False)"
    for at, data in zip(case.points(len(case.clients)), case.clients, strict=True):
        theta = problem.minimize(problem.statistic(data, at)[0])  # in the range of T by construction
        assert_close("T(lift(theta)) and theta", problem.minimize(problem.lift(theta)), theta, 1e-10 + case.accuracy)
    _refuses_to_lift(problem, (case.theta * np.nan, case.theta[0], *case.outside))


def _refuses_to_lift(problem: Any, thetas: tuple[Array, ...]) -> None:
    for theta in thetas:
        try:
            problem.lift(theta)
        except ValueError:
            continue
        raise AssertionError(f"expected lift to raise ValueError outside the range of T, it did not for {theta}")


def gradients(case: Case) -> str | None:
    """gradient and hessian agree with central differences along random directions."""
    if HasGradient not in case.oracles:
        return "the problem offers no gradient"
    problem = case.problem
    for data in case.clients:
        theta = case.points(1)[0]
        for v in (case.direction() for _ in range(3)):
            want = slope(lambda t, d=data: float(problem.value(d, t)), theta, v)
            assert_close("<gradient, v> and the slope of f_i", problem.gradient(data, theta) @ v, want, 1e-7)
            if HasHessian in case.oracles:
                want = slope(lambda t, d=data: problem.gradient(d, t), theta, v)
                Hv = unpack(problem.hessian(data, theta)) @ v
                assert_close("hessian v and the slope of the gradient", Hv, want, 1e-7)


def proximal(case: Case) -> str | None:
    """prox(theta, step) minimises g(u) + |u - theta|^2 / (2 step)."""
    if HasProx not in case.oracles:
        return "the problem offers no prox"
    problem = case.problem
    for step in (0.1, 1.0, 10.0):
        theta = case.points(1)[0]

        def objective(u: Array, theta: Array = theta, step: float = step) -> float:
            return float(problem.penalty(u) + (u - theta) @ (u - theta) / (2.0 * step))

        _beats_neighbours(case, f"prox(theta, {step})", objective, problem.prox(theta, step))


def leading_axis(case: Case) -> str | None:
    """A leading axis on theta, on the data, or on both, is a loop (sparse data take it on theta only)."""
    problem, (a, b) = case.problem, case.pair()
    thetas, ats = case.points(2), case.points(2)

    def agree(where: str, got: dict[str, Array], loop: list[dict[str, Array]]) -> None:
        for name in got:
            assert_close(f"{name} with {where}, and a loop", got[name], np.stack([one[name] for one in loop]), 1e-11)

    alone = [_evaluate(problem, a, thetas[k], ats[k]) for k in range(2)]
    agree("an axis on theta", _evaluate(problem, a, thetas, ats), alone)
    if case.sparse:
        return None
    block = map_leaves(lambda x, y: np.stack([x, y]), a, b)
    both = [_evaluate(problem, data, thetas[k], ats[k]) for k, data in enumerate((a, b))]
    agree("an axis on both", _evaluate(problem, block, thetas, ats), both)
    of_data = _evaluate(problem, block, thetas[0], ats[0])
    without = {name: of_data[name] for name in of_data.keys() - {"penalty", "prox"}}  # they see no data
    agree("an axis on the data", without, [_evaluate(problem, data, thetas[0], ats[0]) for data in (a, b)])
    keys = (Key(case.seed, 1, 0), Key(case.seed, 1, 1))
    for name, oracle in _batched(case, case.problem):
        loop = np.stack([oracle(data, thetas[k], Batch(2, keys[k])) for k, data in enumerate((a, b))])
        assert_close(f"a block of batches in {name}, and a loop", oracle(block, thetas, Batch(2, keys)), loop, 1e-11)


def batches(case: Case) -> str | None:
    """A batch of 2 of 4 samples is one of the 6 subsets, each as often as the other; their mean is the full value.

    The counts over 240 addresses are compared by exact binomial tests, at false-alarm probability 1e-6 in all.
    """
    data, theta = case.clients[0], case.points(1)[0]
    key = Key(case.seed, 1, 0)
    if not _batched(case, case.problem):
        return "the problem offers neither a gradient nor a statistic"
    for name, oracle in _batched(case, case.problem):
        first, again = (oracle(data, theta, Batch(2, key)) for _ in range(2))
        assert_close(f"two {name}s at one address", first, again, 0.0)
        if not isinstance(data, Samples | np.ndarray):
            continue  # the rows are not samples
        few = map_leaves(lambda x: x[:4], data)
        full = oracle(few, theta, None)
        assert_close(f"{name} for a batch of everything", oracle(few, theta, Batch(9, key)), full, 1e-12)
        subsets = [map_leaves(lambda x, pair=pair: x[list(pair)], few) for pair in combinations(range(4), 2)]
        outcomes = np.stack([oracle(subset, theta, None) for subset in subsets])
        assert_close(f"the mean {name} over all subsets", outcomes.mean(axis=0), full, 1e-10)
        _uniform(name, outcomes, [oracle(few, theta, Batch(2, key.fold(k))) for k in range(240)])


def _uniform(name: str, outcomes: np.ndarray, draws: list[Array]) -> None:
    """Every draw is one of `outcomes`, and their frequencies are those of a uniform choice."""
    same = np.linalg.norm(outcomes[:, None] - outcomes, axis=2) <= 1e-10 * (1.0 + np.abs(outcomes).max())
    first = same.argmax(axis=1)  # equal outcomes are counted at the first of them
    counts, chances = np.zeros(len(outcomes), dtype=int), np.bincount(first, minlength=len(outcomes)) / len(outcomes)
    for drawn in draws:
        nearest = int(np.argmin(np.linalg.norm(outcomes - drawn, axis=1)))
        assert_close(f"a drawn {name} and the nearest subset", drawn, outcomes[nearest], 1e-10)
        counts[first[nearest]] += 1
    check_frequencies(counts.tolist(), chances.tolist(), len(draws), 1e-6, f"batches of {name}")


def projects(case: Case) -> str | None:
    """project is the identity on statistics, idempotent and non-expansive."""
    if HasSurrogate not in case.oracles:
        return NO_SURROGATE
    problem = case.problem
    s, t = (problem.statistic(data, at)[0] for data, at in zip(case.pair(), case.points(2), strict=True))
    assert_close("project(s) and a statistic s", problem.project(s), s, 1e-12)
    assert_close("project and the mean of two statistics", problem.project(0.5 * s + 0.5 * t), 0.5 * s + 0.5 * t, 1e-12)
    for scale in (0.1, 1.0, 10.0):
        x, y = (s + scale * (1.0 + np.linalg.norm(s)) * case.rng.standard_normal(s.shape) for _ in range(2))
        Px, Py = problem.project(x), problem.project(y)
        assert_close("project twice and once", problem.project(Px), Px, 1e-10)
        moved = float(np.linalg.norm(Px - Py))
        assert_below("|project(x) - project(y)| against |x - y|", moved, float(np.linalg.norm(x - y)))


def same_on(library: str) -> Callable[[Case], str | None]:
    """The law that every oracle gives on `library` ("torch", "array_api_strict") what it gives on NumPy, to 1e-12."""

    def law(case: Case) -> str | None:
        if find_spec(library) is None:
            return f"{library} is not installed"
        if case.sparse:
            return "the data are sparse"
        xp = __import__(library)
        federation = case.federation.to(xp.asarray)
        problem = case.given.settle(federation, case.oracles)
        theta, at = case.points(2)
        start = problem.start(federation)
        assert type(start) is type(xp.asarray(theta)), f"expected start in {library}, got {type(start)}"
        for plain, data in zip(case.clients, federation, strict=True):
            want = _evaluate(case.problem, plain, theta, at)
            got = _evaluate(problem, data, xp.asarray(theta), xp.asarray(at))
            for name in want:
                assert_close(f"{name} on {library} and on NumPy", to_numpy(got[name]), want[name], 1e-12)

    return law


def pickles(case: Case) -> str | None:
    """A problem survives pickling."""
    theta, at = case.points(2)
    copy = pickle.loads(pickle.dumps(case.problem))
    got, want = (_evaluate(problem, case.clients[0], theta, at) for problem in (copy, case.problem))
    for name in want:
        assert_close(f"{name} after pickling", got[name], want[name], 0.0)


def keeps_float32(case: Case) -> str | None:
    """float32 data and theta give float32 everywhere."""
    federation = case.federation.to(lambda x: x.astype(np.float32))
    problem = case.given.settle(federation, case.oracles)
    theta, at = (x.astype(np.float32) for x in case.points(2))
    found = _evaluate(problem, federation[0], theta, at) | {"start": problem.start(federation)}
    batched = _batched(case, problem)
    found |= {f"{name} of a batch": oracle(federation[0], theta, Batch(2, Key(0))) for name, oracle in batched}
    wrong = {name: str(x.dtype) for name, x in found.items() if x.dtype != np.float32}
    assert not wrong, f"expected float32 for float32 data and theta, got {wrong}"


def _batched(case: Case, problem: Any) -> list[tuple[str, Callable[[Any, Array, Batch | None], Array]]]:
    """The oracles of `problem` that take a batch."""
    found = []
    if HasGradient in case.oracles:
        found.append(("gradient", problem.gradient))
    if HasSurrogate in case.oracles:
        found.append(("statistic", lambda data, theta, batch: problem.statistic(data, theta, batch)[0]))
    return found


def _evaluate(problem: Any, data: Any, theta: Array, at: Array) -> dict[str, Array]:
    """Every oracle at (theta, at), by name."""
    found = {"value": problem.value(data, theta), "penalty": problem.penalty(theta)}
    if HasGradient in problem.oracles:
        found["gradient"] = problem.gradient(data, theta)
    if HasHessian in problem.oracles:
        found["hessian"] = problem.hessian(data, theta)
    if HasProx in problem.oracles:
        found["prox"] = problem.prox(theta, 0.7)
    if HasSurrogate in problem.oracles:
        s = problem.statistic(data, at)[0]
        found |= {"statistic": s, "minimize": problem.minimize(s)}
        if problem.liftable:
            found["lift"] = problem.lift(problem.minimize(s))
        found |= {"project": problem.project(-s), "majorizer": problem.majorizer(data, theta, at)}
    return found


def _beats_neighbours(case: Case, name: str, objective: Callable[[Array], float], best: Array) -> None:
    lowest = objective(best)
    for scale in SCALES:
        for _ in range(5):
            there = objective(case.problem.restrict(best + scale * case.direction()))
            what = f"the objective at {name} against a step of {scale} away"
            assert_below(what, lowest, there, 1e-11 + (case.accuracy if name == "T(s)" else 0.0))


LAWS: dict[str, Callable[[Case], str | None]] = {
    "offers": offers,
    "majorises": majorises,
    "touches": touches,
    "minimises": minimises,
    "lifts": lifts,
    "gradients": gradients,
    "proximal": proximal,
    "leading_axis": leading_axis,
    "batches": batches,
    "projects": projects,
    "pickles": pickles,
    "keeps_float32": keeps_float32,
    "same_on_torch": same_on("torch"),
    "same_on_array_api_strict": same_on("array_api_strict"),
    **facts.LAWS,
    **whole.LAWS,
}
"""Every law by name."""
