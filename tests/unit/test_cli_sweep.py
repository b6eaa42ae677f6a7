"""``fedmm sweep``: axes in words, the table, the folder, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fedmm import FedAvg, Full, Identity, Mean, SpecError
from fedmm.cli import main
from fedmm.cli.sweep import axis
from problems import Logistic

OBJECTS = {
    "problem": Logistic(ridge=0.1),
    "method": FedAvg(),
    "channel": Identity(),
    "downlink": Identity(),
    "aggregator": Mean(),
    "participation": Full(),
}


def sweep(*words: str) -> Result:
    return CliRunner().invoke(main, ["sweep", *words])


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("seed=0..3", [0, 1, 2, 3]),
        ("seed=5,2", [5, 2]),
        ("step=0.1,theory", [0.1, "theory"]),
        ("method.step=log:0.01,1,3", [0.01, 0.1, 1.0]),
        ("problem.ridge=lin:0,1,3", [0.0, 0.5, 1.0]),
        ("local_steps=1..3", [1, 2, 3]),
        ("batch=none,5", [None, 5]),
    ],
)
def test_axes_in_words(text: str, values: list) -> None:
    assert axis(text, OBJECTS)[1] == values


def test_whole_parts_are_axes() -> None:
    name, values = axis("method=fedavg:local_steps=2,step=0.5,fedsgd", OBJECTS)
    assert name == "method"
    assert [value.name for value in values] == ["fedavg", "fedsgd"]
    assert [value.name for value in axis("channel=rand-k:2,top-k:1+dither:4", OBJECTS)[1]] == ["rand-k", "chain"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("step", "AXIS=VALUES"),
        ("step=", "AXIS=VALUES"),
        ("stp=1", "Did you mean 'step'"),
        ("step=log:0,1,3", "0 < a < b"),
        ("step=log:0.1,1", "log:a,b,n"),
        ("step=lin:0.1,1,1", "n >= 2"),
        ("seed=3..1", "a <= b"),
        ("seed=x", "whole numbers"),
        ("step=-1", "step > 0"),
        ("channel=rand", "Did you mean 'rand-k'"),
    ],
)
def test_bad_axes(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        axis(text, OBJECTS)


def test_a_sweep_from_the_command_line(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    words = ("logistic", "--method", "fedavg", "--rounds", "5", "--over", "step=0.1,1e-3", "--over", "seed=0..1")
    done = sweep(*words, "--out", str(folder))
    assert done.exit_code == 0, done.output
    assert "objective, mean and std of 2 seeds" in done.output
    assert {path.name for path in folder.iterdir()} == {"sweep.csv", "traces.csv", "sweep.png", "best"}
    again = sweep(*words, "--out", str(folder))
    assert again.exit_code == 2
    assert "not an empty folder" in again.output
    further = CliRunner().invoke(main, ["run", str(folder / "best"), "--rounds", "2"])
    assert further.exit_code == 0, further.output


def test_json_on_standard_output(tmp_path: Path) -> None:
    words = ("logistic", "--method", "fedavg", "--rounds", "3", "--over", "step=0.1,1e200", "--json")
    done = sweep(*words, "--out", str(tmp_path / "out"))
    found = json.loads(done.stdout)
    assert [run["status"] for run in found["runs"]] == ["completed", "diverged"]
    assert found["best"] == 0
    assert found["runs"][0]["values"] == {"step": 0.1}


def test_refusals_are_one_sentence(tmp_path: Path) -> None:
    for words, message in (
        (("logistic", "--method", "fedavg", "--over", "step=0.1", "--over", "step=0.2"), "given twice"),
        (("logistic", "--over", "method=mm,fedmm", "--participation", "bernoulli:0.5"), "in the run with method=mm"),
    ):
        done = sweep(*words, "--out", str(tmp_path / "out"))
        assert done.exit_code == 2, done.output
        assert message in done.output
        assert "Traceback" not in done.output
    assert not (tmp_path / "out").exists()
