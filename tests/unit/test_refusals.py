"""Bad arguments, bad fields and refused compositions: one sentence each, before any work."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fedmm import (
    MM,
    Batched,
    Bernoulli,
    CompositionError,
    DataError,
    FedAvg,
    FedMM,
    FedPM,
    FedSGD,
    FixedSize,
    Mask,
    Naive,
    RandK,
    SpecError,
    Stalled,
    StochasticMM,
    TopK,
    compose,
    solve,
)
from fedmm.testing.federations import sample_federation
from fedmm.testing.scripted import PlayedCohorts
from problems import Dictionary, LeastSquares, Logistic

REAL, LABELS = sample_federation(), sample_federation(labels=True)
FEDMM, RIDGE, JJ = FedMM(), Logistic(ridge=0.1), Logistic(ridge=0.1, surrogate="jaakkola-jordan")


def run(algorithm: Any = FEDMM, problem: Any = RIDGE, federation: Any = LABELS, **options: Any) -> Any:
    return solve(problem, federation, algorithm, **({"rounds": 3, "progress": False} | options))


def nan_start() -> np.ndarray:
    return np.array([0.0, np.nan, 0.0])


BAD: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "negative rounds": ({"rounds": -1}, SpecError, "Expected rounds as an integer >= 0, got -1"),
    "fractional rounds": ({"rounds": 2.5}, SpecError, "Expected rounds as an integer >= 0, got 2.5"),
    "a word as seed": ({"seed": "a"}, SpecError, "Expected seed as an integer, got 'a'"),
    "theta0 of wrong shape": ({"theta0": np.zeros(4)}, DataError, r"Expected theta0 of shape \(3,\) for logistic, got \(4,\)"),
    "theta0 as a list": ({"theta0": [0.0] * 3}, DataError, "Expected theta0 as ndarray like the data, got list; convert it"),
    "theta0 of wrong width": (
        {"theta0": np.zeros(3, np.float32)},
        DataError,
        "Expected theta0 of dtype float64 like the data, got float32",
    ),
    "theta0 with NaN": ({"theta0": nan_start()}, DataError, "Expected a finite theta0"),
    "one p too few": ({"participation": Bernoulli((0.5, 0.5))}, SpecError, "Expected one p for each of 4 clients, got 2"),
    "too large a cohort": ({"participation": FixedSize(5)}, SpecError, "at most 4 clients, got k = 5"),
    "too large k": ({"channel": RandK(9)}, SpecError, "rand-k sends k = 9 coordinates of a vector of length 3"),
    "too large k down": ({"downlink": RandK(9)}, SpecError, "rand-k sends k = 9 coordinates of a vector of length 3"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_refused_before_any_work(case: str) -> None:
    options, error, sentence = BAD[case]
    seen: list[Any] = []
    with pytest.raises(error, match=sentence):
        run(callbacks=(lambda snapshot, row: seen.append(row),), **options)
    assert seen == []


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no gradient": (
        {"algorithm": FedSGD(step=0.1), "problem": Dictionary(components=2, l2=0.0), "federation": REAL},
        "fedsgd needs the oracle HasGradient, which dictionary does not offer",
    ),
    "no hessian": (
        {"algorithm": FedPM(), "problem": Dictionary(components=2), "federation": REAL},
        "fedpm needs the oracle HasHessian",
    ),
    "a penalty": (
        {"algorithm": FedSGD(step=0.1), "problem": LeastSquares(l1=0.1), "federation": REAL},
        "fedsgd minimises f alone, but least-squares has a penalty g = l1 0.1; choose a surrogate method",
    ),
    "fedpm compressed": (
        {"algorithm": FedPM(), "channel": RandK(1)},
        "fedpm needs exact uploads, but the channel rand-k changes them",
    ),
    "mm compressed": ({"algorithm": MM(), "channel": Mask(0.5)}, "mm needs exact uploads, but the channel mask changes them"),
    "mm sampled": (
        {"algorithm": MM(), "participation": Bernoulli(0.5)},
        "mm is defined for full participation, but bernoulli leaves",
    ),
    "stochastic mm sampled": (
        {"algorithm": StochasticMM(), "participation": FixedSize(2)},
        "stochastic-mm is defined for full participation, but fixed leaves clients out; use full participation, or fedmm",
    ),
    "fedmm biased": ({"channel": TopK(1)}, "fedmm needs an unbiased channel with a known omega, but top-k is biased; use rand-k"),
    "naive biased": ({"algorithm": Naive(), "channel": TopK(1)}, "naive needs an unbiased channel"),
    "theory without facts": (
        {"algorithm": FedMM(step="theory"), "problem": JJ},
        "step='theory' is not possible: v_min of logistic is unknown .*; give a step",
    ),
    "theory for fixed size": (
        {"algorithm": FedMM(step="theory"), "participation": FixedSize(2)},
        "step='theory' is not possible: no theorem covers fixed: P5 is for independent",
    ),
    "theory without smoothness": (
        {"algorithm": FedSGD(), "problem": Dictionary(components=2), "federation": REAL},
        "fedsgd minimises f alone|step='theory' is not possible: L of dictionary is unknown",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_compositions_are_refused_with_a_sentence(case: str) -> None:
    options, sentence = REFUSED[case]
    with pytest.raises(CompositionError, match=sentence):
        run(**options)


def test_a_client_that_is_never_drawn_is_refused() -> None:
    with pytest.raises(CompositionError, match=r"Client 1 is never drawn \(p = 0\)"):
        run(participation=PlayedCohorts(((0,),) * 3, (1.0, 0.0, 0.5, 0.5)))


def test_compose_refuses_nothing() -> None:
    composition = compose(RIDGE, LABELS, MM(), channel=TopK(1))
    assert composition.refusal() is not None
    assert composition.omega_p is not None


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: FedMM(step=0.0), "> 0 and finite, got 0.0"),
        (lambda: FedMM(step=float("nan")), "> 0 and finite, got nan"),
        (lambda: FedMM(a=1.5), r"Expected fedmm.a in \[0, 1\] or 'theory', got 1.5"),
        (lambda: FedMM(batch=0), "Expected fedmm.batch >= 1"),
        (lambda: FedMM(memories="exact", control_variates=False), "memories='exact'"),
        (lambda: Naive(a=-0.1), "naive.a"),
        (lambda: StochasticMM(step=1.5), r"stochastic-mm.step in \(0, 1\]"),
        (lambda: FedAvg(local_steps=0), "fedavg.local_steps >= 1"),
        (lambda: FedPM(step=1.1), "fedpm.step"),
        (lambda: FedPM(local_steps=0), "fedpm.local_steps"),
        (lambda: FedSGD(step=-1.0), "> 0 and finite"),
        (lambda: Batched(cache_bytes=0), "cache_bytes"),
        (lambda: Stalled(rounds=0), "Stalled.rounds"),
    ],
)
def test_bad_fields_are_refused(make: Any, sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        make()
