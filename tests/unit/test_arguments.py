"""What `solve` and the constructors say of objects of the wrong kind: one sentence, before any work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fedmm import (
    Batched,
    Below,
    Bernoulli,
    Budget,
    Chain,
    FedAvg,
    Federation,
    FedMM,
    FedmmError,
    FedPM,
    FedSGD,
    Identity,
    Mean,
    Objective,
    RandK,
    Samples,
    SpecError,
    Stalled,
    Trace,
    compose,
    load,
    solve,
)
from fedmm.testing.federations import sample_federation
from problems import Dictionary, LeastSquares, Logistic, Quadratic, Transport
from problems.data import IID, Digits, federation

FEDERATION = sample_federation(labels=True)
RIDGE = Logistic(ridge=0.1)


def run(problem: Any = RIDGE, federation: Any = FEDERATION, method: Any = None, **options: Any) -> Any:
    return solve(problem, federation, FedPM() if method is None else method, **({"rounds": 1} | options))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"problem": Logistic}, r"Expected problem as an object, got the class Logistic; write Logistic\(\.\.\.\)"),
        ({"problem": None}, "Expected problem as a Problem, got None of"),
        ({"federation": np.ones((3, 2))}, "Expected federation as a Federation, got .* of type ndarray"),
        ({"method": FedPM}, "Expected algorithm as an object, got the class FedPM"),
        ({"method": "fedpm"}, "Expected algorithm as an Algorithm, got 'fedpm' of type str"),
        ({"channel": Identity}, "Expected channel as an object, got the class Identity"),
        ({"channel": Bernoulli(0.5)}, "Expected channel as a Channel, got Bernoulli"),
        ({"downlink": "identity"}, "Expected downlink as a Channel, got 'identity'"),
        ({"participation": RandK(1)}, "Expected participation as a Participation, got RandK"),
        ({"aggregator": "mean"}, "Expected aggregator as an Aggregator, got 'mean'"),
        ({"executor": Batched}, "Expected executor as an object, got the class Batched"),
        ({"resume": "folder"}, "Expected resume as a Result, got 'folder'"),
        ({"metrics": ("objective",)}, r"Expected metrics\[0\] as a Metric, got 'objective'"),
        ({"stop": len}, "Expected stop as StopRule objects"),
        ({"callbacks": 3}, "Expected callbacks as Callable objects"),
        ({"metrics": Objective}, "Expected metrics as Metric objects, got the class Objective"),
        ({"metrics": (Objective,)}, r"Expected metrics\[0\] as an object, got the class Objective"),
        ({"channel": []}, r"Expected channel as a Channel, got \[\]"),
        ({"stop": Below(0.1, "objektive")}, "Below reads the column 'objektive', .* Did you mean 'objective'"),
        ({"theta0": np.ma.zeros(3)}, "Expected theta0 as ndarray like the data, got MaskedArray"),
        ({"rounds": 2.0}, "Expected rounds as an integer >= 0, got 2.0"),
        ({"rounds": True}, "Expected rounds as an integer >= 0, got True"),
        ({"seed": 0.5}, "Expected seed as an integer, got 0.5"),
    ],
)
def test_objects_of_the_wrong_kind_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(FedmmError, match=words):
        run(**options)


def test_compose_refuses_as_solve_does() -> None:
    with pytest.raises(SpecError, match="Expected algorithm as an object, got the class FedPM"):
        compose(RIDGE, FEDERATION, FedPM)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: FedMM(step="thoery"),
            "fedmm.step to be a number or a Schedule or 'theory', got 'thoery'. Did you mean 'theory'",
        ),
        (lambda: FedMM(step=None), "fedmm.step to be a number or a Schedule or 'theory', got None"),
        (lambda: FedMM(step=-1.0), "fedmm.step > 0 and finite, got -1.0"),
        (lambda: FedMM(start="men"), "fedmm.start to be 'mean' or 'lift', got 'men'. Did you mean 'mean'"),
        (lambda: FedMM(memories="exakt"), "Expected fedmm.memories to be 'zero' or 'exact', got 'exakt'"),
        (lambda: FedMM(a="alpha"), "Expected fedmm.a to be a number or 'theory', got 'alpha'"),
        (lambda: FedMM(control_variates="no"), "Expected fedmm.control_variates to be True or False, got 'no'"),
        (lambda: FedAvg(local_steps=2.5), "Expected fedavg.local_steps to be an integer, got 2.5"),
        (lambda: FedAvg(local_steps=True), "Expected fedavg.local_steps to be an integer, got True"),
        (lambda: FedAvg(batch=2.5), "Expected fedavg.batch to be an integer or None, got 2.5"),
        (lambda: Mean("modles"), "Expected mean.averages to be 'increments' or 'models' or 'method', got 'modles'"),
        (lambda: Chain(RandK), "Expected chain.channels to be a tuple of a Channel, got the class RandK"),
        (lambda: Bernoulli([0.5, 0.5]), "Expected bernoulli.p to be a number or a tuple of a number, got"),
        (lambda: Batched(1e6), "Expected batched.cache_bytes to be an integer, got 1000000.0"),
        (lambda: Objective(0), "Expected objective.every >= 1, got 0"),
        (lambda: Objective(1.5), "Expected objective.every to be an integer, got 1.5"),
        (lambda: Below("low"), "Expected Below.value to be a number, got 'low'"),
        (lambda: Below(float("nan")), "Expected Below.value as a number, got nan"),
        (lambda: Stalled(2.0), "Expected Stalled.rounds to be an integer, got 2.0"),
        (lambda: Stalled(2, -1.0), "Expected Stalled.rtol >= 0"),
        (lambda: Budget(float("nan")), "Expected Budget.seconds >= 0, got nan"),
        (lambda: Logistic(ridge="a"), "Expected logistic.ridge to be a number, got 'a'"),
        (lambda: LeastSquares(l1=None), "Expected least-squares.l1 to be a number, got None"),
        (lambda: Quadratic(rho=np.ones(3)), "Expected quadratic.rho to be a number or None, got"),
        (lambda: Dictionary(components=float("nan")), "Expected dictionary.components to be an integer, got nan"),
        (lambda: Digits("parety"), "Expected digits.labels to be 'parity' or 'digit', got 'parety'. Did you mean 'parity'"),
    ],
)
def test_fields_of_the_wrong_kind_are_refused(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        make()


def test_one_metric_one_callback_and_numpy_integers_are_welcome() -> None:
    rows: list[dict[str, float]] = []
    result = run(metrics=Objective(), callbacks=lambda snapshot, row: rows.append(row), rounds=np.int64(2), seed=np.int64(3))
    assert [row["round"] for row in rows] == [0, 1, 2]
    assert result.parts.seed == 3
    assert type(result.parts.seed) is int


def test_a_number_is_one_part_however_it_is_written(tmp_path: Path) -> None:
    """A run with NumPy scalars or an integer step goes on after `load` from what the user wrote."""
    method = FedSGD(step=np.float32(1), batch=np.int64(4))
    assert repr(method) == repr(FedSGD(step=1, batch=4)) == repr(FedSGD(step=1.0, batch=4))
    data = federation("breast-cancer", clients=3)
    saved = load(str(solve(RIDGE, data, method, rounds=1).save(tmp_path / "run")))
    assert solve(RIDGE, data, FedSGD(step=1, batch=4), rounds=1, resume=saved).rounds == 2


X, Y = np.random.default_rng(0).normal(size=(6, 3)), np.array([1.0, -1.0] * 3)
RESULT = run()
MASKED = np.ma.masked_array(X, mask=X > 1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Federation.from_arrays(MASKED, Y), "Expected X without a mask"),
        (lambda: Federation([Samples(MASKED, Y)]), "Expected X without a mask"),
        (lambda: Federation.from_arrays(X, Y, IID), "Expected partition as an object, got the class IID"),
        (lambda: Federation.from_arrays(X, Y, "iid"), "Expected partition as a Partition, got 'iid'"),
        (lambda: Federation.from_arrays(X, Y, IID(2), seed=-1), "Expected seed as an integer >= 0, got -1"),
        (lambda: Federation([Samples(X, Y)], public="atoms"), "Expected public as a mapping, got str"),
        (lambda: Federation([Samples(X, Y)], origin=[1]), "Expected origin as a mapping, got list"),
        (lambda: federation(X), "Expected data as a name, a file or a source object .*, got ndarray"),
        (lambda: RESULT.save(None), "Expected a folder as a string or a Path, got NoneType"),
        (lambda: load(3), "Expected a folder as a string or a Path, got int"),
        (lambda: load("somewhere", [X]), "Expected federation as a Federation, got"),
        (lambda: RESULT.trace[3], "This trace has no column 3"),
        (lambda: RESULT.trace.last("objektive"), "no column 'objektive'. Did you mean 'objective'"),
        (lambda: Trace([1]), r"Expected the rows of a trace\[0\] as a Mapping, got 1"),
        (
            lambda: RIDGE.predict(X, np.zeros(3)),
            r"logistic expects theta and then X .*; got theta of shape \(6, 3\) and",
        ),
        (lambda: RIDGE.predict_proba(np.zeros(3), X[0]), "X with one sample a row"),
        (lambda: RIDGE.predict(np.zeros(3), X * np.nan), "Expected finite values in X, got 18 NaN"),
        (lambda: LeastSquares().predict(np.zeros(2), X), "least-squares expects theta and then X"),
        (lambda: Dictionary(2).transform(np.zeros(5), X), "dictionary expects theta and then X"),
        (lambda: Transport().plan(np.zeros(3), X), "transport does not know its atoms before a run"),
        (lambda: Transport(atoms=X, masses=np.full(6, 1 / 6)).transform(np.zeros(3), X), "transport expects theta and then X"),
    ],
)
def test_data_and_files_of_the_wrong_kind_are_refused(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(FedmmError, match=words):
        make()


def test_lists_may_be_predicted_and_a_path_may_be_a_string(tmp_path: Path) -> None:
    theta = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(RIDGE.predict(theta, X.tolist()), RIDGE.predict(theta, X))
    RESULT.trace.to_csv(str(tmp_path / "trace.csv"))
    assert Trace.from_csv(str(tmp_path / "trace.csv")).rows == RESULT.trace.rows
