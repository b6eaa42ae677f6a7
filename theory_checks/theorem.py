r"""A user's theorem: one program text becomes a claim, checked over the whole function class and on instances.

    @theorem(reference="...", promised=bound, setting={"K": [1, 2, 4], "gamma": [0.1, 0.5]}, mutant=("2 -> 4", stronger))
    def my_theorem(world, K, gamma):
        "What it says, in one line."
        ...
        return norm2(x)

| argument | symbol |
|---|---|
| world | the federation as the program sees it: `theory_checks.pep.SymPEP`, or a batch of instances |
| setting | the parameters; L, mu and N among them go to the world (1, 0 and 2 if they are not there) |
| returned scalar | the left-hand side, in expectation |
| returned `Step` | V_k, E V_k+ and the target: the claim is that V+ <= promised V for some quadratic V >= target |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import Parameter, Signature, getdoc, signature
from itertools import product
from random import Random
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fedmm.errors import FedmmError, SpecError, suggest
from theory_checks.claim import Claim, Condition, Kind, Measure, Mutant, Setting, Status
from theory_checks.pep import Lyapunov, Scalar, SymPEP
from theory_checks.pep.batch import Batch
from theory_checks.pep.programs import Step

__all__ = ["theorem"]

Values = Sequence[Any] | st.SearchStrategy[Any]

WORLD = {"L": 1.0, "mu": 0.0, "N": 2}
"""Entries of a setting that describe the federation, and what they are if they are left out."""

RTOL, BISECTED = 1e-6, 5e-6
"""The relative accuracy of 1 - rate asked of a search, and the one of the rate that this and the solver leave."""

INSTANCES = 128
"""Federations in a batch."""

CORNERS = 32
"""At most so many corners of the grid are always tried."""


def theorem(
    *,
    reference: str,
    promised: Measure,
    setting: Mapping[str, Values],
    mutant: tuple[str, Measure],
    where: Sequence[tuple[str, Callable[..., bool]]] = (),
    kind: Kind = "upper",
    shared_optimum: bool = False,
    regularizer: bool = False,
    extremes: Sequence[Setting] = (),
    tags: Sequence[str] = (),
    method: str = "",
    status: Status = Status.MINE,
) -> Callable[[Callable[..., Any]], Claim]:
    """Make a claim of the program that is decorated: its name is the function's, its statement the docstring's first line.

    Parameters
    ----------
    reference : str
        Who proved it and where.
    promised : callable
        The right-hand side, a function of the entries of the setting it names; for a program that returns a `Step`, the
        factor that V contracts by.
    setting : mapping of str to sequence or strategy
        The values of every parameter: a grid, or a Hypothesis strategy. The corners of a grid are always tried.
    mutant : (str, callable)
        What was changed, and a false stronger right-hand side, which the worst case must refute.
    where : sequence of (str, callable)
        The conditions: words and a predicate of the entries it names.
    kind : Kind
        "tight" if the bound is attained.
    shared_optimum, regularizer : bool
        Of the federation; see `theory_checks.pep.SymPEP`.
    extremes : sequence of Setting
        Further settings that are always tried.
    tags, method, status
        See `Claim`.

    Raises
    ------
    SpecError
        If the functions and the setting do not fit together, or the program cannot be run on the first setting.
    """

    def decorate(program: Callable[..., Any]) -> Claim:
        name = program.__name__.strip("_").replace("_", "-")
        says = (getdoc(program) or "").strip().partition("\n")[0]
        if not says:
            raise SpecError(f"The theorem {name!r} has no docstring; say in its first line what it claims.")
        names = list(setting)
        text = _Text(_chosen(program, names, f"program of theorem {name!r}", skip=1), shared_optimum, regularizer)
        met = tuple(Condition(words, _chosen(test, names, f"condition {words!r}")) for words, test in where)
        corners = _corners(setting, met)
        first = corners[0] if corners else _any(_drawn(setting, met))
        by_rate = _tried(text, first, name)
        covering: dict[str, Measure] = {"lyapunov": text.rate} if by_rate else {"pep": text.worst}
        engines = _on_instances(text, first, by_rate) | covering
        false = Mutant(mutant[0], _chosen(mutant[1], names, "mutant"), tuple(covering))
        return Claim(
            name=name,
            statement=says,
            reference=reference,
            status=status,
            kind=kind,
            setting=_drawn(setting, met),
            promised=_chosen(promised, names, "promise"),
            engines=engines,
            mutants=(false,),
            conditions=met,
            method=method,
            tags=tuple(tags),
            factor=by_rate,
            rtol=BISECTED if by_rate else 1e-6,
            extremes=(*corners, *extremes),
        )

    return decorate


@dataclass(frozen=True)
class _Text:
    """A program, and the engines that run it."""

    program: Callable[..., Any]
    shared_optimum: bool
    regularizer: bool

    def on(self, world: Any, setting: Setting) -> Any:
        """What the program returns in a world."""
        found = self.program(world, **setting)
        if not isinstance(found, (Scalar, Step)):
            what = "nothing" if found is None else f"a {type(found).__name__}"
            raise SpecError(f"The program returned {what}; return what is measured, such as norm2(x), or a Step.")
        return found

    def pep(self, setting: Setting) -> SymPEP:
        """The worst-case world of a setting."""
        return SymPEP(**_world(setting), shared_optimum=self.shared_optimum, regularizer=self.regularizer)

    def batch(self, setting: Setting) -> Batch:
        """Instances of a setting."""
        return Batch(**_world(setting), shared_optimum=self.shared_optimum, regularizer=self.regularizer, size=INSTANCES)

    def worst(self, **setting: Any) -> float:
        """The exact worst case over the function class."""
        world = self.pep(setting)
        return world.maximize(self.on(world, setting)).dual_value

    def observed(self, **setting: Any) -> float:
        """The largest value on a batch of instances."""
        world = self.batch(setting)
        return world.worst(self.on(world, setting))

    def certificate(self, setting: Setting) -> Lyapunov:
        """The Lyapunov function with the best rate."""
        world = self.pep(setting)
        step = self.on(world, setting)
        return world.lyapunov(step.now, step.after, step.target, rtol=RTOL)

    def rate(self, **setting: Any) -> float:
        """The best certified contraction factor."""
        return self.certificate(setting).rate

    def observed_rate(self, **setting: Any) -> float:
        """By how much that Lyapunov function contracts on a batch of instances."""
        world = self.batch(setting)
        step = self.on(world, setting)
        return world.worst_factor(step.now, step.after, self.certificate(setting).p.tolist())


def _world(setting: Setting) -> dict[str, Any]:
    return {name: setting.get(name, default) for name, default in WORLD.items()}


def _chosen(function: Callable[..., Any], names: Sequence[str], what: str, skip: int = 0) -> Callable[..., Any]:
    """`function`, called with those entries of the setting that it names.

    Raises
    ------
    SpecError
        If it needs an entry that the setting has not.
    """
    wanted = list(signature(function).parameters.values())[skip:]
    rest = any(each.kind is Parameter.VAR_KEYWORD for each in wanted)
    taken = [each for each in wanted if each.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)]
    for each in taken:
        if each.name not in names and each.default is Parameter.empty:
            raise SpecError(f"The {what} takes {each.name!r}, which the setting has not.{suggest(each.name, names)}")
    picked = set(names) if rest else {each.name for each in taken}

    def call(*world: Any, **entries: Any) -> Any:
        return function(*world, **{name: value for name, value in entries.items() if name in picked})

    vars(call)["__wrapped__"] = function  # whose text is the formula
    vars(call)["__signature__"] = Signature([Parameter(name, Parameter.KEYWORD_ONLY) for name in names])
    return call


def _met(entries: Setting, conditions: Sequence[Condition]) -> bool:
    return all(condition.met(**entries) for condition in conditions)


def _drawn(setting: Mapping[str, Values], conditions: Sequence[Condition]) -> st.SearchStrategy[dict[str, Any]]:
    each = {
        name: values if isinstance(values, st.SearchStrategy) else st.sampled_from(list(values))
        for name, values in setting.items()
    }

    def meets(entries: Setting) -> bool:
        return _met(entries, conditions)

    drawn = st.fixed_dictionaries(each)
    return drawn.filter(meets) if conditions else drawn


def _corners(setting: Mapping[str, Values], conditions: Sequence[Condition]) -> list[Setting]:
    """First and last value of every grid, in combinations that meet the conditions; none if a value is drawn.

    Where there are too many, a fixed choice of them.
    """
    ends: list[list[Any]] = []
    for name, values in setting.items():
        if isinstance(values, st.SearchStrategy):
            return []
        if isinstance(values, str) or not isinstance(values, (Sequence, np.ndarray)) or not len(values):
            raise SpecError(f"Expected the values of {name!r} in the setting as a list or a strategy, got {values!r}.")
        ends.append([values[0], values[-1]] if len(values) > 1 else [values[0]])
    corners: list[Setting] = [dict(zip(setting, values, strict=True)) for values in product(*ends)]
    corners = [corner for corner in corners if _met(corner, conditions)]
    return corners if len(corners) <= CORNERS else Random(0).sample(corners, CORNERS)


def _tried(text: _Text, entries: Setting, name: str) -> bool:
    """Whether the program returns a `Step`; running it once finds its mistakes where it is written."""
    try:
        return isinstance(text.on(text.pep(entries), entries), Step)
    except SpecError as error:
        raise SpecError(f"The program of theorem {name!r} cannot be run: {error}") from error


def _on_instances(text: _Text, entries: Setting, by_rate: bool) -> dict[str, Measure]:
    """The engine that runs the program on instances, unless it says something that only the worst case understands."""
    engine = text.observed_rate if by_rate else text.observed
    try:
        engine(**entries)
    except FedmmError:
        return {}
    return {"batch": engine}


def _any(strategy: st.SearchStrategy[dict[str, Any]]) -> Setting:
    """The simplest setting of a strategy."""
    from hypothesis import find, settings

    return find(strategy, _always, settings=settings(database=None, derandomize=True, max_examples=50))


def _always(setting: Setting) -> bool:
    return True
