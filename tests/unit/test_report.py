"""What the laws say about someone else's parts: every failure with its numbers, and why the others do not apply."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pytest

from fedmm import Batched, Bernoulli, Facts, Federation, FedMM, Full, Mean, Problem, RandK, Samples
from fedmm.arrays import namespace, norm2
from fedmm.testing import (
    Report,
    check_aggregator,
    check_algorithm,
    check_channel,
    check_executor,
    check_participation,
    check_problem,
)
from fedmm.testing.federations import sample_federation
from fedmm.testing.report import judge
from problems import Custom, LeastSquares, Logistic
from problems.batches import take
from problems.monotone import monotone


def wrong(numbers: str) -> None:
    raise AssertionError(numbers)


def broken() -> None:
    raise TypeError("unsupported operand")


def test_a_report_lists_every_law_and_prints_as_a_table() -> None:
    report = judge("part", {"first": lambda: None, "second": lambda: "no data"})
    assert report.laws("holds") == ("first",)
    assert report.laws("does not apply") == ("second",)
    assert str(report).splitlines() == [
        "part: of 2 laws 1 hold, 0 fail, 1 do not apply.",
        "  first   holds",
        "  second  does not apply: no data",
    ]


def test_failures_come_together_and_a_bug_is_named_as_one() -> None:
    laws = {"first": partial(wrong, "1.0 > 0.5"), "second": lambda: None, "third": broken, "fourth": lambda: "no data"}
    with pytest.raises(AssertionError) as caught:
        judge("part", laws)
    assert str(caught.value).splitlines() == [
        "part, law 'first': 1.0 > 0.5",
        "part, law 'third': raised TypeError: unsupported operand",
        "(1 laws hold: second; 1 do not apply: fourth.)",
    ]
    cause = caught.value.__cause__
    assert isinstance(cause, ExceptionGroup)
    assert [type(error) for error in cause.exceptions] == [AssertionError, TypeError]
    with pytest.raises(AssertionError) as caught:
        judge("part", {"third": broken})
    assert isinstance(caught.value.__cause__, TypeError)


@pytest.mark.parametrize(
    ("check", "laws"),
    [
        (lambda: check_problem(Logistic(ridge=0.1), sample_federation(labels=True)), 22),
        (lambda: check_algorithm(FedMM(), LeastSquares(), sample_federation()), 11),
        (lambda: check_channel(RandK(2)), 13),
        (lambda: check_aggregator(Mean()), 9),
        (lambda: check_participation(Bernoulli(0.5)), 3),
        (lambda: check_participation(Full()), 3),
        (lambda: check_executor(Batched()), 6),
    ],
)
def test_every_check_reports(check: Any, laws: int) -> None:
    report = check()
    assert isinstance(report, Report)
    assert len(report.outcomes) == laws
    assert not report.laws("fails")
    assert all(outcome.detail for outcome in report.outcomes if outcome.result == "does not apply")


@dataclass(frozen=True)
class Center(Problem):
    """Half the mean squared distance to theta, with a gradient and nothing else."""

    name: ClassVar[str] = "center"

    def start(self, federation: Federation) -> Any:
        return 0.0 * federation[0].X[0, ...]

    def value(self, data: Samples, theta: Any) -> Any:
        return 0.5 * ((data.X - theta[..., None, :]) ** 2).sum(-1).mean(-1)

    def gradient(self, data: Samples, theta: Any, batch: Any = None) -> Any:
        return theta - data.X.mean(-2)


@dataclass(frozen=True)
class Half(Center):
    """Some of a surrogate."""

    name: ClassVar[str] = "half"

    def statistic(self, data: Samples, theta: Any, batch: Any = None, warm: Any = None) -> Any:
        return data.X.mean(-2), None

    def minimize(self, stat: Any, start: Any = None) -> Any:
        return stat


@dataclass(frozen=True)
class Buggy(Center):
    """A gradient with a programming error."""

    name: ClassVar[str] = "buggy"

    def gradient(self, data: Samples, theta: Any, batch: Any = None) -> Any:
        return theta - data.Z


@dataclass(frozen=True)
class Unsettled(Center):
    """Does not accept the data."""

    name: ClassVar[str] = "unsettled"

    def settle(self, federation: Federation, oracles: Any) -> Any:
        raise KeyError("depth")


@dataclass(frozen=True)
class Noted(Center):
    """All facts have notes, and batches are drawn."""

    name: ClassVar[str] = "noted"

    def gradient(self, data: Samples, theta: Any, batch: Any = None) -> Any:
        X = take(data, batch).X
        return theta - namespace(X).mean(X, axis=-2)

    def value(self, data: Samples, theta: Any) -> Any:
        gaps = data.X - theta[..., None, :]
        return 0.5 * namespace(gaps).mean(norm2(gaps), axis=-1)

    def facts(self, federation: Federation) -> Facts:
        names = set(Facts.__dataclass_fields__) - {"notes", "smoothness"}
        return Facts(smoothness=1.0, notes=dict.fromkeys(names, "not computed"))


def failures(problem: Problem) -> str:
    with pytest.raises(AssertionError) as caught:
        check_problem(problem, sample_federation())
    return str(caught.value)


def test_a_problem_without_a_surrogate_has_no_laws_of_surrogates() -> None:
    report = check_problem(Noted(), sample_federation())
    idle = {outcome.law: outcome.detail for outcome in report.outcomes if outcome.result == "does not apply"}
    for law in ("majorises", "touches", "minimises", "lifts", "projects", "descends", "centralises"):
        assert idle[law] == "the problem offers no surrogate"
    assert {"gradients", "batches", "smooth", "leading_axis"} <= set(report.laws("holds"))


def test_the_laws_tell_a_stranger_what_to_mend() -> None:
    said = failures(Center())
    assert "center, law 'explains': facts leaves smoothness, strong_convexity" in said
    assert "say why in Facts(notes={'smoothness': 'unknown: ...'})" in said
    assert "center, law 'batches': a drawn gradient and the nearest subset differ by" in said
    said = failures(Half())
    assert "law 'offers': it has statistic, minimize of HasSurrogate, but no lift, project, majorizer" in said
    said = failures(Buggy())
    for law in ("gradients", "batches", "leading_axis", "pickles"):
        assert f"buggy, law {law!r}: raised AttributeError: 'Samples' object has no attribute 'Z'" in said
    assert failures(Unsettled()).startswith("unsettled, law 'settles': raised KeyError: 'depth'")


def test_a_custom_surrogate_that_does_not_majorise_is_found() -> None:
    family = monotone(3)

    def short(data: Samples, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        B, r = family.statistic(data, theta)
        return 0.5 * B, r - 0.5 * B @ theta  # the gradient is right, half of the curvature is missing

    said = []
    federation = Federation([Samples(np.random.default_rng(i).standard_normal((7, 3)), np.ones(7)) for i in range(2)])
    with pytest.raises(AssertionError) as caught:
        check_problem(Custom(replace(family, statistic=short), accuracy=1e-6), federation, np.array([0.3, 0.5, 0.2]))
    said = str(caught.value)
    assert "custom, law 'majorises': f_i(theta) against its majorizer" in said
    assert "law 'touches'" not in said.rpartition("(")[0]
    assert "custom, law 'pickles': raised" in said  # a function defined in a function cannot be sent to other processes


def test_the_accuracy_of_T_loosens_the_laws_of_T_only() -> None:
    """A declared accuracy lets T err by as much and no more; the other laws stay as sharp as they were."""
    federation = sample_federation(labels=True)

    class Rough(Logistic):
        error = 0.0

        @property
        def accuracy(self) -> float:
            return 1e-4

        def minimize(self, stat: Any, start: Any = None) -> Any:
            return Logistic.minimize(self, stat) + self.error

    def fails(error: float, **oracles: Any) -> set[str]:
        try:
            check_problem(type("Rough", (Rough,), {"error": error, **oracles})(ridge=0.1, l1=0.05), federation)
        except AssertionError as caught:
            return {line.split("'")[1] for line in str(caught).splitlines() if "law '" in line} - {"pickles"}
        return set()

    assert not {"lifts", "minimises"} & fails(1e-5)
    assert "lifts" in fails(1e-3)
    assert "touches" in fails(0.0, majorizer=lambda s, d, t, a: Logistic.majorizer(s, d, t, a) + 1e-9)
