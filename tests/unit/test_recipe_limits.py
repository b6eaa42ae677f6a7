"""What a recipe cannot hold is said in a sentence: classes that nobody enrolled, stop rules, chains in the wrong spelling."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from click.testing import CliRunner

from fedmm import FedPM, FedSGD, SpecError, Stalled, load, solve, spec
from fedmm.cli import main
from fedmm.federation import Partition, Samples
from fedmm.problem import Problem
from fedmm.recipe import read_recipe
from fedmm.storage import ReproductionWarning
from problems import Logistic, Quadratic
from problems.data import SyntheticQuadratic, federation

ENROL = "A class of your own is read back once 'fedmm.catalog' has an entry point for it"


@dataclass(frozen=True)
class Halves(Partition):
    """Nobody enrolled it."""

    name: ClassVar[str] = "halves"

    def split(self, samples: Samples, generator: np.random.Generator, groups: np.ndarray | None = None) -> list[np.ndarray]:
        return np.array_split(np.arange(samples.X.shape[0]), 2)


@dataclass(frozen=True)
class Means(Problem):
    """Nobody enrolled it either: the mean of the clients' first rows."""

    name: ClassVar[str] = "means"

    def value(self, data: Samples, theta: np.ndarray) -> np.ndarray:
        return 0.5 * np.sum((theta - data.X[..., 0, :]) ** 2, axis=-1)

    def gradient(self, data: Samples, theta: np.ndarray, key: object = None) -> np.ndarray:
        return theta - data.X[..., 0, :]

    def start(self, federation: object) -> np.ndarray:
        return np.zeros(30)


def test_a_problem_of_ones_own_is_saved_and_refused_with_a_remedy(tmp_path: Path) -> None:
    solve(Means(), federation("breast-cancer"), FedSGD(step=0.5), rounds=2).save(tmp_path / "run")
    with pytest.raises(SpecError, match=f"Unknown problem 'means'.*{ENROL}"):
        load(tmp_path / "run")
    done = CliRunner().invoke(main, ["run", str(tmp_path / "run" / "recipe.toml")])
    assert done.exit_code == 2
    assert ENROL in done.output


def test_a_partition_of_ones_own_is_asked_for(tmp_path: Path) -> None:
    data = federation("breast-cancer", Halves())
    solve(Logistic(ridge=0.1), data, FedPM(), rounds=2).save(tmp_path / "run")
    with pytest.warns(ReproductionWarning, match=f"Unknown partition 'halves'.*{ENROL}"):
        assert load(tmp_path / "run").federation is None
    assert load(tmp_path / "run", data).rounds == 2


def test_a_slip_of_the_hand_gets_both_hints() -> None:
    with pytest.raises(SpecError, match=rf"^Unknown problem 'quadratc'\. Did you mean 'quadratic'\? {ENROL}\.$"):
        spec.build("problem", {"name": "quadratc"})


def test_a_stopped_run_is_repeated_for_as_many_rounds(tmp_path: Path) -> None:
    data = federation(SyntheticQuadratic(d=3), clients=2)
    stopped = solve(Quadratic(), data, FedSGD(step=0.5), rounds=500, stop=Stalled(rounds=3, rtol=1e-3))
    assert stopped.rounds < 500
    stopped.save(tmp_path / "run")
    recipe = read_recipe(tmp_path / "run" / "recipe.toml")
    assert recipe.rounds == stopped.rounds
    again = solve(recipe.parts.problem, recipe.federation(), recipe.parts.algorithm, rounds=recipe.rounds)
    assert np.array_equal(again.theta, stopped.theta)


@pytest.mark.parametrize("text", ["chain", "chain:", "chain:rand-k:3", "chain:rand-k:3,dither:4", "chain:channels=rand-k:3"])
def test_a_chain_is_spelled_with_plus(text: str) -> None:
    with pytest.raises(SpecError, match=r"channels joined by \+, such as rand-k:10\+dither:4, got 'chain"):
        spec.parse("channel", text)


@pytest.mark.parametrize("text", ["rand-k:3+dither:4", "chain:(rand-k:3;dither:4)", "chain:channels=(rand-k:3;dither:4)"])
def test_a_chain_in_full_is_still_read(text: str) -> None:
    assert spec.spell(spec.parse("channel", text)) == "rand-k:3+dither:4"
