"""compare, explain, list, show-versions, and other people's parts in all of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from fedmm import SpecError, load
from fedmm.catalog import KINDS, entries
from fedmm.cli import main
from fedmm.cli.compare import milestones, relative_gap
from fedmm.cli.setup import split_methods


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def fedmm(*words: str, code: int = 0) -> Result:
    done = CliRunner().invoke(main, words)
    assert done.exit_code == code, done.output
    return done


def test_compare_counts_from_one_start_to_each_accuracy() -> None:
    words = ("quadratic", "--methods", "fedmm:step=1,fedavg", "--rounds", "40", "--clients", "3", "--out", "here")
    said = json.loads(fedmm("compare", *words, "--json").stdout)
    runs = {name: load(f"here/{name}") for name in ("1-fedmm", "2-fedavg")}
    first, second = runs.values()
    assert np.array_equal(first.theta0, second.theta0)
    assert said["reference_is"] == "the known optimum"
    assert [run["method"] for run in said["runs"]] == ["fedmm:step=1.0", "fedavg"]
    optimum = said["reference"]
    for run, result in zip(said["runs"], runs.values(), strict=True):
        objective = result.trace["objective"]
        for level, row in run["accuracy"].items():
            t = row["round"]
            assert objective[t] - optimum <= float(level) * abs(optimum) < objective[t - 1] - optimum
            assert row["bits_up"] == result.trace["bits_up"][t]
            assert row["seconds"] == result.trace["seconds"][t]
        missed = {f"{10.0**-k:.0e}" for k in range(1, 9)} - set(run["accuracy"])
        assert all(objective.min() - optimum > float(level) * abs(optimum) for level in missed)
    assert said["runs"][0]["accuracy"]
    assert Path("here/compare.png").read_bytes().startswith(b"\x89PNG")


def test_the_table_says_what_accuracy_is_relative_to() -> None:
    words = ("compare", "logistic", "--methods", "fedpm,fedavg", "--rounds", "6")
    best = fedmm(*words).stdout
    assert "the best value any compared method reached (fedpm)" in best
    assert "1e-08     fedpm" in best
    assert "saved in runs/logistic-compare-1" in best
    given = fedmm(*words, "--reference", "0.0598").stdout
    assert "W* = 0.0598, given by --reference" in given
    assert "the known optimum" in fedmm("compare", "quadratic", "--methods", "fedmm", "--rounds", "2").stdout


def test_a_reference_above_what_was_reached_is_no_minimum() -> None:
    done = fedmm("compare", "logistic", "--methods", "fedpm", "--rounds", "2", "--reference", "0.5")
    assert "note: fedpm went below W* = 0.5 given by --reference: it is no minimum." in done.stderr


def test_a_folder_of_a_comparison_names_its_runs() -> None:
    fedmm("compare", "quadratic", "--methods", "fedmm,mm", "--rounds", "1", "--out", "here")
    assert "It holds the run folders 1-fedmm, 2-mm; name one of them." in fedmm("run", "here", code=2).stderr


def test_a_zero_reference_is_not_divided_by() -> None:
    fedmm("run", "quadratic", "--rounds", "3", "--out", "here")
    result = load("here")
    assert np.array_equal(relative_gap(result, 0.0), result.trace["objective"])
    gap = np.array([1.0, 0.05, 0.2, 1e-3])
    assert {level: row["round"] for level, row in milestones(result, gap).items()} == {0.1: 1, 0.01: 3, 0.001: 3}


def test_a_refused_method_stops_a_comparison_before_it_begins() -> None:
    done = fedmm("compare", "quadratic", "--methods", "fedmm,fedpm", "--channel", "rand-k:2", "--out", "here", code=2)
    assert "fedpm needs exact uploads" in done.stderr
    assert not Path("here").exists()


def test_a_comparison_in_which_nothing_works_still_reports() -> None:
    Path("huge").write_text("".join(f"{i}e300 1:{i + 1}e200 2:1e200\n" for i in range(1, 6)))  # squares overflow
    words = ("least-squares", "--methods", "fedmm", "--data", "./huge", "--clients", "2", "--out", "here")
    done = fedmm("compare", *words, code=1)
    assert "W* = nan, no method reached a finite value" in done.stdout
    assert load("here/1-fedmm").status.code in ("diverged", "failed")


def test_a_diverged_method_does_not_stop_the_others() -> None:
    done = fedmm("compare", "least-squares", "--methods", "fedavg:step=1e200,fedmm", "--rounds", "5", "--out", "here", code=1)
    assert "diverged" in done.stdout
    assert (load("here/1-fedavg").status.code, load("here/2-fedmm").status.code) == ("diverged", "completed")


@pytest.mark.parametrize(
    ("text", "methods"),
    [
        ("fedmm,naive", ["fedmm", "naive"]),
        ("fedmm:step=0.1,a=1,naive", ["fedmm:step=0.1,a=1", "naive"]),
        ("fedmm:step=(inverse:1,offset=2),mm", ["fedmm:step=(inverse:1,offset=2)", "mm"]),
        ("fedavg:5,0.1,mm", ["fedavg:5,0.1", "mm"]),
    ],
)
def test_methods_are_told_apart_from_their_fields(text: str, methods: list[str]) -> None:
    assert split_methods(text) == methods


def test_no_method_is_refused() -> None:
    with pytest.raises(SpecError, match="at least one method"):
        split_methods(" ")


def test_explain_runs_nothing_and_exits_by_the_refusal() -> None:
    said = fedmm("explain", "quadratic", "--participation", "bernoulli:0.5", "--channel", "rand-k:5").stdout
    for words in ("omega = 3", "omega_p = (1 + omega)/p_min - 1 = 7", "Horvitz-Thompson", "theory admits up to", "here: "):
        assert words in said
    assert "no theorem covers fixed" in fedmm("explain", "quadratic", "--participation", "fixed:3").stdout
    done = fedmm("explain", "logistic", "--method", "fedpm", "--channel", "rand-k:5", code=2)
    assert done.stderr.startswith("Error: refused: fedpm needs exact uploads")
    assert not any(Path().iterdir())


def test_list_names_every_part_in_a_line() -> None:
    said = fedmm("list").stdout.splitlines()
    for kind in KINDS:
        assert kind in said
        for name in entries(kind):
            (line,) = {line for line in said if line.startswith(f"  {name} ")}
            assert len(line.split(maxsplit=1)[1]) > 10
            assert not re.search(r":math:|[`{}\\]|tfrac|mathrm|\^top|sqrt \w", line), line
    assert fedmm("list", "method").stdout.count("\n") == len(entries("method"))


def test_show_versions_names_what_matters() -> None:
    said = fedmm("show-versions").stdout
    for word in ("python", "platform", "cpu count", "blas", f"numpy              {np.__version__}"):
        assert word in said


OTHERS = '''
"""A bowl, and a method that halves theta."""
from dataclasses import dataclass, field
from typing import ClassVar
import numpy as np
from fedmm import Samples, Federation
from fedmm.algorithm import Algorithm
from fedmm.federation import Source
from fedmm.problem import Problem
from fedmm.types import Facts


@dataclass(frozen=True)
class Bowl(Problem):
    """The squared norm, whatever the data."""
    depth: float = 1.0
    name: ClassVar[str] = "bowl"
    demo: ClassVar[dict] = {"data": "diabetes", "clients": 2, "method": "halving", "rounds": 3, "set": {"problem.depth": 2.0}}

    def value(self, data, theta):
        return self.depth * (theta * theta).sum(-1)

    def start(self, federation):
        return np.ones(2)

    def facts(self, federation):
        return Facts(optimum=0.0)


@dataclass(frozen=True)
class Halving(Algorithm):
    """Half of theta, every round."""
    by: float = 2.0
    name: ClassVar[str] = "halving"
    requires: ClassVar[tuple] = ()
    averages: ClassVar[str] = "models"

    def init(self, problem, theta):
        return theta

    def broadcast(self, problem, server, cohort):
        return server

    def local(self, problem, data, model, memory, ticket):
        return model / self.by - model, None

    def nothing(self, problem, server):
        return 0 * server

    def server(self, problem, server, model, combined, cohort):
        return server + combined

    def solution(self, problem, server):
        return server


CATALOG = (Bowl, Halving)
'''


@pytest.fixture
def _others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    info = site / "bowls-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "bowls.py").write_text(OTHERS)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: bowls\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[fedmm.catalog]\nbowls = bowls:CATALOG\n")
    monkeypatch.syspath_prepend(str(site))


@pytest.mark.usefixtures("_others")
def test_other_peoples_parts_appear_everywhere() -> None:
    assert "bowl                   The squared norm, whatever the data.  [bowls]" in fedmm("list", "problem").stdout
    assert "halving                Half of theta, every round.  [bowls]" in fedmm("list", "method").stdout
    said = json.loads(fedmm("run", "bowl", "--json", "--out", "here").stdout)
    assert said["objective"] == 2.0 * 2 * 4.0**-3
    assert np.array_equal(load("here").theta, [0.125, 0.125])
    fedmm("run", "here", "--rounds", "1")
    assert np.array_equal(load("here").theta, [0.0625, 0.0625])
    fedmm("run", "here/recipe.toml", "--set", "by=4", code=2)
    assert "halving:by=4.0" in fedmm("run", "bowl", "--set", "by=4").stdout
    table = fedmm("compare", "bowl", "--methods", "halving,halving:by=4").stdout
    assert "W* = 0, the known optimum" in table
    explained = fedmm("explain", "bowl").stdout
    assert "2 numbers of 64 bits" in explained
    assert "no bound: no theorem for halving is in the library yet" in explained
