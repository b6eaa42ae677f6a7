"""The command line: what a newcomer types, and what comes of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from fedmm import DataError, load
from fedmm.cli import main

QUICK = ("--set", "images=60", "--set", "iterations=5", "--clients", "4", "--rounds", "4")
"""A small dictionary run; it keeps warm codes, and uses a channel and partial participation."""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def fedmm(*words: str, code: int = 0) -> Result:
    done = CliRunner().invoke(main, words)
    assert done.exit_code == code, done.output
    assert "Traceback" not in done.output
    return done


def told(*words: str) -> dict[str, Any]:
    return json.loads(fedmm(*words, "--json").stdout)


def refused(*words: str) -> str:
    """The one sentence of a refusal; nothing is on standard output and nothing was written."""
    done = fedmm(*words, code=2)
    assert done.stdout == ""
    assert not list(Path().rglob("trace.csv"))
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def bits_of(folder: str | Path) -> tuple[bytes, list[str]]:
    """theta and every column of the trace but the times, as they are on the disk."""
    lines = (Path(folder) / "trace.csv").read_text().splitlines()
    times = lines[0].split(",").index("seconds")
    rows = [",".join(word for i, word in enumerate(line.split(",")) if i != times) for line in lines]
    return (Path(folder) / "theta.safetensors").read_bytes(), rows


def test_run_leaves_a_folder_and_a_summary() -> None:
    done = fedmm("run", "dictionary", *QUICK)
    folder = Path("runs/dictionary-fedmm-1")
    names = {"recipe.toml", "trace.csv", "theta.safetensors", "state.safetensors", "plot.png", "manifest.json"}
    assert {path.name for path in folder.iterdir()} == names
    for word in (
        "problem    dictionary",
        "digits-patches",
        "fedmm",
        "objective  ",
        "rounds     4",
        " up, ",
        "seconds",
        "completed",
    ):
        assert word in done.stdout
    assert str(folder) in done.stdout
    fedmm("run", "dictionary", *QUICK)
    assert Path("runs/dictionary-fedmm-2").is_dir()


def test_json_is_one_object_with_the_facts_of_the_run() -> None:
    said = told("run", "logistic", "--rounds", "3", "--out", "here")
    assert list(said) == ["problem", "method", "rounds", "objective", "status", "seconds", "bits_up", "bits_down", "out"]
    result = load("here")
    assert said["problem"] == "logistic"
    assert said["method"] == "fedpm"
    assert said["out"] == "here"
    assert (said["rounds"], said["objective"], said["status"]) == (3, result.objective, "completed")
    assert (said["bits_up"], said["bits_down"], said["seconds"]) == (result.bits_up, result.bits_down, result.seconds)


@pytest.mark.parametrize(
    "words",
    [
        ("dictionary", *QUICK),
        ("quadratic", "--rounds", "5", "--executor", "batched", "--participation", "bernoulli:0.5", "--seed", "4"),
    ],
    ids=["dictionary", "batched"],
)
def test_a_recipe_repeats_its_run_bit_for_bit(words: tuple[str, ...]) -> None:
    fedmm("run", *words, "--out", "first")
    fedmm("run", "first/recipe.toml", "--out", "second")
    assert bits_of("first") == bits_of("second")
    fedmm("run", *words, "--out", "third", "--seed", "9")
    assert bits_of("third") != bits_of("first")


def test_a_recipe_alone_is_enough_for_named_data() -> None:
    fedmm("run", "dictionary", *QUICK, "--out", "first")
    Path("mine.toml").write_bytes(Path("first/recipe.toml").read_bytes())
    fedmm("run", "mine.toml", "--out", "second")
    assert bits_of("first") == bits_of("second")


def test_an_edited_recipe_in_its_folder_runs() -> None:
    fedmm("run", "quadratic", "--rounds", "5", "--out", "first")
    recipe = Path("first/recipe.toml")
    recipe.write_text(recipe.read_text().replace("rounds = 5", "rounds = 7"))
    assert told("run", "first/recipe.toml", "--out", "second")["rounds"] == 7


def test_a_continued_run_equals_one_that_never_stopped() -> None:
    fedmm("run", "dictionary", *QUICK, "--out", "halves")
    done = fedmm("run", "halves", "--rounds", "3")
    assert "continuing from round 4 to 7" in done.stderr
    fedmm("run", "dictionary", *QUICK[:-1], "7", "--out", "whole")
    assert bits_of("halves") == bits_of("whole")
    fedmm("run", "halves/recipe.toml", "--out", "again")  # the recipe records the total
    assert bits_of("again") == bits_of("whole")
    fedmm("run", "whole", "--rounds", "1", "--out", "elsewhere")
    assert (load("whole").rounds, load("elsewhere").rounds) == (7, 8)


def test_a_finished_run_without_rounds_says_what_it_is() -> None:
    fedmm("run", "quadratic", "--rounds", "3", "--out", "done")
    before = bits_of("done")
    done = fedmm("run", "done")
    assert "holds 3 rounds; to go on, say how many more" in done.stderr
    assert "rounds     3" in done.stdout
    assert bits_of("done") == before


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("run", "logistc"), "Did you mean 'logistic'"),
        (("run", "logistic", "--method", "fedpn"), "Did you mean 'fedpm'"),
        (("run", "logistic", "--data", "brest-cancer"), "Did you mean 'breast-cancer'"),
        (("run", "logistic", "--data", "no/such.bz2"), "There is no file"),
        (("run", "logistic", "--partition", "dirichlet:0"), "dirichlet"),
        (("run", "logistic", "--clients", "100000"), "100000"),
        (("run", "logistic", "--weights", "1,x"), "--weights"),
        (("run", "logistic", "--weights", "0.5,0.6", "--clients", "2", "--partition", "iid"), "summing to 1"),
        (("run", "logistic", "--channel", "rand-k:0", "--method", "fedmm"), "integer >= 1"),
        (("run", "logistic", "--channel", "rand-k:5"), "needs exact uploads"),
        (("run", "logistic", "--set", "method.stp=2"), "Did you mean"),
        (("run", "logistic", "--set", "step"), "field=value"),
        (("run", "logistic", "--set", "l1=0.1"), "penalty"),
        (("run", "logistic", "--executor", "ray"), "Unknown executor"),
        (("run", "transport", "--method", "fedmm:step=theory"), "v_min of transport is unknown"),
        (("run", "no/such/recipe.toml"), "no recipe or run folder"),
        (("compare", "logistic", "--methods", "fedpm,fedpm"), "twice"),
        (("compare", "logistic", "--methods", ","), "at least one method"),
        (("compare", "logistic", "--methods", "fedpm,fedavg", "--set", "method.step=1"), "any of the methods"),
        (
            ("compare", "logistic", "--methods", "fedavg,fedmm:step=theory", "--participation", "fixed:3"),
            "no theorem covers fixed",
        ),
        (("list", "problems"), "Did you mean 'problem'"),
        (("run", ""), "Expected a problem, a recipe or a run folder"),
        (("run", "logistic", "--data", ""), "Expected the name of a data set"),
        (("run", "logistic", "--set", "seed=3"), "write --seed 3"),
        (("run", "logistic", "--set", "method=mm"), "write --method mm"),
        (("run", "logistic", "--set", "problem=quadratic"), "first word"),
        (("compare", "logistic", "--methods", "fedmm", "--set", "method=mm"), "write --methods mm"),
        (("run", "logistic", "--set", "participation.p=0.5"), "participation (full) has no field 'p'"),
        (("run", "quadratic", "--data", "digits"), "Data that quadratic takes: --data synthetic-quadratic"),
        (("explain", "transport", "--data", "digits"), "Data that transport takes: --data image-colors"),
        (("run", "multinomial", "--data", "digits"), "Other labels of digits: --set data.labels=digit."),
        (("compare", "quadratic", "--data", "digits", "--methods", "mm"), "--data synthetic-quadratic"),
        (("compare", "logistic", "--methods", "fedmm", "--reference", "nan"), "--reference as a finite number"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_sentence_before_anything_runs(words: tuple[str, ...], sentence: str) -> None:
    assert sentence in refused(*words)


def test_bad_files_are_one_sentence() -> None:
    Path("bad.libsvm").write_text("1 1:0.5\nhello world\n")
    assert "bad.libsvm" in refused("run", "logistic", "--data", "bad.libsvm")
    Path("cut.bz2").write_bytes(b"BZh91AY&SY")
    assert "cut.bz2" in refused("run", "logistic", "--data", "cut.bz2")
    Path("bad.toml").write_text("rounds = [")
    assert "bad.toml" in refused("run", "bad.toml")
    Path("thesis").mkdir()
    Path("thesis/chapter").write_text("dear")
    assert "no run of fedmm" in refused("run", "quadratic", "--out", "thesis")
    assert "no run folder" in refused("run", "thesis", "--rounds", "3")


def test_a_run_folder_keeps_its_parts() -> None:
    fedmm("run", "quadratic", "--rounds", "2", "--out", "here")
    for target in ("here", "here/recipe.toml"):
        done = fedmm("run", target, "--rounds", "2", "--channel", "rand-k:2", code=2)
        assert "--channel cannot be given here" in done.stderr
    done = fedmm("run", "quadratic", "--out", "here", code=2)
    assert "already holds a run" in done.stderr
    assert load("here").rounds == 2


def test_a_user_option_overrides_one_item_of_the_demo() -> None:
    assert "components=3," in fedmm("run", "dictionary:components=3", *QUICK).stdout
    assert "components=5," in fedmm("run", "dictionary", *QUICK, "--set", "components=5").stdout
    said = fedmm("run", "dictionary", *QUICK, "--method", "naive", "--channel", "identity").stdout
    assert "naive, bernoulli:0.5 participation" in said.replace("p=0.5", "0.5")  # no step of the demo's method, no channel


def test_what_the_demo_has_and_a_method_cannot_use_is_left_out_with_a_note() -> None:
    done = fedmm("run", "dictionary", *QUICK, "--method", "mm")
    assert "the demo's bernoulli:0.5 is left out" in done.stderr
    refused_now = fedmm("run", "dictionary", *QUICK, "--method", "mm", "--participation", "bernoulli:0.5", code=2)
    assert "full participation" in refused_now.stderr


def test_weights_and_data_reach_the_federation() -> None:
    fedmm("run", "logistic", "--data", "digits", "--clients", "3", "--weights", "0.5,0.25,0.25", "--rounds", "1", "--out", "here")
    federation = load("here").federation
    assert federation is not None
    assert federation.weights == (0.5, 0.25, 0.25)
    assert federation[0].X.shape[1] == 64


def test_divergence_is_saved_and_exits_1() -> None:
    done = fedmm("run", "least-squares", "--method", "fedavg:step=1e200", "--out", "here", code=1)
    assert "not finite" in done.stderr
    assert "The run is saved in here" in done.stderr
    assert load("here").status.code == "diverged"
    assert "diverged" in fedmm("run", "here").stdout  # to look at it is no failure
    said = json.loads(fedmm("run", "least-squares", "--method", "fedavg:step=1e200", "--json", code=1).stdout)
    assert said["status"] == "diverged"


def test_a_run_that_grows_without_bound_keeps_what_it_has() -> None:
    done = fedmm("run", "least-squares", "--method", "fedavg:step=1e6", "--rounds", "200", "--out", "here", code=1)
    assert "not finite" in done.stderr  # values near the largest float are not drawn, but saved
    assert load("here").objective > 1e200
    assert Path("here/plot.png").read_bytes().startswith(b"\x89PNG")


def test_an_infinite_objective_is_no_success() -> None:
    done = fedmm("run", "logistic", "--method", "fedavg:step=1e6", "--rounds", "20", "--out", "here", code=1)
    assert "All 20 rounds done, but the objective is inf. Try a smaller step" in done.stderr
    assert load("here").status.code == "diverged"


def test_a_picture_that_cannot_be_drawn_costs_neither_run_nor_table(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(figure: Any) -> bytes:
        raise OverflowError("no")

    monkeypatch.setattr("fedmm.plot.png", broken)
    done = fedmm("run", "quadratic", "--rounds", "2", "--out", "here")
    assert "note: The plot could not be drawn (OverflowError: no); the run is saved without it." in done.stderr
    assert load("here").rounds == 2
    done = fedmm("compare", "quadratic", "--methods", "mm", "--rounds", "2", "--out", "both", code=1)
    assert "Could not draw both/compare.png (no)" in done.stderr
    assert "accuracy" in done.stdout
    assert load("both/1-mm").rounds == 2


@pytest.mark.parametrize(
    ("tail", "sentence"),
    [
        ("[data]\n", "does not say which data"),
        ('[data]\norigin = "breast-cancer"\n', "origin of the data as a table"),
        ('[data.origin]\nweights = 3\n[data.origin.data]\nname = "breast-cancer"\n', "weights"),
        ('[arrays]\ndtype = "float99"\n[data.origin.data]\nname = "breast-cancer"\n', "dtype 'float99'"),
        ('[arrays]\nlibrary = "torch"\ndevice = "cuda:77"\n[data.origin.data]\nname = "breast-cancer"\n', "torch"),
    ],
)
def test_a_recipe_written_wrongly_by_hand_is_one_sentence(tail: str, sentence: str) -> None:
    Path("mine.toml").write_text('rounds = 1\n[problem]\nname = "logistic"\n[method]\nname = "fedpm"\n' + tail)
    assert sentence in refused("run", "mine.toml")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [(("--rounds", "1e3"), "'1e3' is not a valid integer."), (("--clients", "1000000000"), "not in the range")],
)
def test_a_number_that_is_none_or_too_large(words: tuple[str, ...], sentence: str) -> None:
    assert sentence in fedmm("run", "quadratic", *words, code=2).stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_one_sentence() -> None:
    command = [sys.executable, "-c", "from fedmm.cli import main; main()", "run", "quadratic", "--rounds", "2", "--out", "here"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert "Error: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert load("here").rounds == 2


def test_a_full_disk_is_one_sentence_and_exits_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    done = fedmm("run", "quadratic", "--rounds", "2", "--out", "here", code=1)
    assert "No space left on device; nothing was saved" in done.stderr
    with pytest.raises(DataError):
        load("here")
    assert list(Path().iterdir()) == []


def test_ctrl_c_ends_after_the_round_with_everything_saved() -> None:
    command = [sys.executable, "-c", "from fedmm.cli import main; main()", "run", "dictionary"]
    child = subprocess.Popen(
        [*command, "--set", "images=60", "--rounds", "1000000", "--out", "here"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None
    child.stderr.readline()  # the line before round 0
    time.sleep(2.0)
    child.send_signal(signal.SIGINT)
    out, errors = child.communicate(timeout=60)
    assert child.returncode == 130, errors
    assert "Traceback" not in errors
    assert "The run is saved in here" in errors
    result = load("here")
    assert result.status.code == "interrupted"
    assert 0 < result.rounds < 1000000
    assert f"rounds     {result.rounds}" in out
    fedmm("run", "here", "--rounds", "2")
    assert load("here").rounds == result.rounds + 2
    fedmm("run", "here/recipe.toml", "--rounds", str(result.rounds + 2), "--out", "there")
    assert np.array_equal(load("here").theta, load("there").theta)


def test_help_and_names_need_no_heavy_library() -> None:
    code = """
import sys
from fedmm.cli import main
main(["--help"], standalone_mode=False)
heavy = {"torch", "cvxpy", "ot", "sklearn", "pandas", "matplotlib", "scipy"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for command in ("run", "compare", "explain", "list", "show-versions"):
        assert command in done.stdout
