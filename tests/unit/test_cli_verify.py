"""``fedmm verify``: the table, JSON, exit codes, counter-examples, the report, a user's own claims, refusals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from fedmm.catalog import entries
from fedmm.cli import main
from fedmm.plot import png
from theory_checks.verdict import Trial
from theory_checks.verify.judge import judge
from theory_checks.verify.mine import known
from theory_checks.verify.report import picture

FORGOTTEN = """
from theory_checks.pep import mean, norm2
from theory_checks.theorem import theorem

def half(gamma):
    return 0.5

def quarter(gamma):
    return 0.25

@theorem(reference="nobody", promised=half, mutant=("m", quarter), setting={"gamma": [0.1, 0.5]})
def forgotten(world, gamma):
    "Nothing is said of where x is."
    x = world.point()
    return norm2(x - gamma * mean(world.grad(x)))
"""

TOY = str(Path(__file__).with_name("toy_claims.py"))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def verify(*words: str) -> Result:
    return CliRunner().invoke(main, ["verify", "--processes", "1", *words])


def test_a_table_with_a_line_a_claim() -> None:
    done = verify("--mine", TOY)
    assert done.exit_code == 1  # one of the three is false
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["claim", "source", "kind", "tried", "ratio", "exact", "improvable", "by", "verdict"]
    assert [line.split()[0] for line in lines[1:4]] == ["true", "false", "stops"]
    assert [line.split()[-1] for line in lines[1:4]] == ["holds!", "REFUTED!", "undecided!"]
    assert "! stated by the user" in lines
    assert "3 claims: 1 hold, 1 refuted, 1 undecided" in done.stdout
    assert "refuted by engine simulation: promised" in done.stdout
    assert "Engine pep could not say at" in done.stdout
    assert max(len(line) for line in lines) <= 118


def test_a_claim_that_holds_exits_with_0() -> None:
    done = verify("--mine", TOY, "--claim", "true")
    assert done.exit_code == 0
    assert "1 claim: 1 hold, 0 refuted, 0 undecided" in done.stdout
    assert not list(Path().glob("*.json"))


def test_undecided_is_not_refuted() -> None:
    assert verify("--mine", TOY, "--claim", "stops").exit_code == 0


def test_strict_lets_nothing_undecided_pass() -> None:
    done = verify("--mine", TOY, "--claim", "stops", "--strict")
    assert done.exit_code == 1
    assert "Undecided, which --strict does not let pass: stops." in done.stderr
    assert verify("--mine", TOY, "--claim", "true", "--strict").exit_code == 0


def test_nothing_measured_is_no_success() -> None:
    text = Path(TOY).read_text()
    Path("mine.py").write_text(text.replace("return 1.0 + x / n", "return 1.0 + x / m"))
    done = verify("--mine", "mine.py")
    assert done.exit_code == 1
    assert "No claim was measured at any setting" in done.stderr
    assert "NameError: name 'm' is not defined." in done.stdout


def test_a_forgotten_assumption_is_named() -> None:
    """Where the start is not bounded an instance refutes, and the worst case says why: it is unbounded."""
    Path("mine.py").write_text(FORGOTTEN)
    done = verify("--mine", "mine.py")
    assert done.exit_code == 1
    assert "refuted by engine batch" in done.stdout
    assert "Engine pep could not say at" in done.stdout
    assert "unbounded" in done.stdout
    assert "missed" not in done.stdout
    table = json.loads(verify("--mine", "mine.py", "--json").stdout)
    assert "unbounded" in table["claims"][0]["failures"][0]


def test_json_is_one_object_with_a_list_of_claims() -> None:
    done = verify("--mine", TOY, "--json", "--mutants", "--examples", "30")
    assert done.exit_code == 1
    table = json.loads(done.stdout)
    assert [row["claim"] for row in table["claims"]] == ["true", "false", "stops"]
    assert [row["verdict"] for row in table["claims"]] == ["holds", "refuted", "undecided"]
    false = table["claims"][1]
    assert false["counterexample"]["setting"] == {"x": 3.0, "n": 2}
    assert Path(false["file"]).is_file()
    assert {"says", "noticed", "missed", "own"} == set(false["mutations"][0])
    assert {"constant", "change", "noticed", "missed"} == set(false["constants"][0])
    assert table["not_verified"] == []


def test_a_counterexample_reruns_with_one_command() -> None:
    first = verify("--mine", TOY, "--claim", "false", "--counterexamples", "bad/found", "--examples", "30")
    command = re.search(r"again: fedmm (verify --replay .*)", first.stdout)
    assert command is not None
    again = CliRunner().invoke(main, command[1].split())
    assert again.exit_code == 1
    assert "refuted again, by engine simulation" in again.stdout
    assert "promised 2.5" in again.stdout
    assert "simulation measured 3" in again.stdout
    table = json.loads(CliRunner().invoke(main, [*command[1].split(), "--json"]).stdout)
    assert table["claims"][0]["verdict"] == "refuted"


def test_a_counterexample_of_a_repaired_claim_is_not_one(tmp_path: Path) -> None:
    verify("--mine", TOY, "--claim", "false")
    repaired = tmp_path / "repaired.py"
    repaired.write_text(Path(TOY).read_text().replace("0.5 if x >= 3", "0.0 if x >= 3"))
    done = verify("--replay", "false.counterexample.json", "--mine", str(repaired))
    assert done.exit_code == 0
    assert "not refuted here" in done.stdout


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"claim": "flase"}, "not there any more. Did you mean 'false'?"),
        ({"setting": {"x": 1.0}}, "does not fit claim 'false': missing a required argument: 'n'"),
        ({"setting": {"x": 1.0, "n": 0}}, "needs n >= 1, got x = 1.0, n = 0"),
        ({"setting": 3}, "is not a counter-example"),
        ({"format": "something else"}, "is not a counter-example"),
        ({"mine": "nowhere.py"}, "nowhere.py, which is no file"),
    ],
)
def test_a_changed_counterexample_is_refused(change: dict, message: str) -> None:
    verify("--mine", TOY, "--claim", "false")
    path = Path("false.counterexample.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    done = verify("--replay", str(path))
    assert done.exit_code == 2
    assert message in done.stderr


def test_what_is_no_counterexample_is_refused() -> None:
    assert "Could not read" in verify("--replay", "nothing.json").stderr
    Path("broken.json").write_text("{")
    done = verify("--replay", "broken.json")
    assert done.exit_code == 2
    assert "is not JSON" in done.stderr


def test_the_report_is_a_folder_of_its_own() -> None:
    done = verify("--mine", TOY, "--report", "out/report", "--mutants")
    assert "report: out/report/index.html" in done.stdout
    assert "false strengthenings noticed: any 15 of 15" in done.stdout
    assert "wrong constants noticed: any" in done.stdout
    rows = [line.split() for line in done.stdout.splitlines()]
    assert ["true", "pep", "1", "of", "1", "0.1", "%", "-"] in rows
    assert ["simulation", "0", "of", "1", "50.0", "%", "-"] in rows
    page = Path("out/report/index.html").read_text()
    for name in ("true", "false", "stops"):
        assert Path(f"out/report/{name}.png").read_bytes().startswith(b"\x89PNG")
        assert f'src="{name}.png"' in page
    assert 'class="refuted">refuted' in page
    assert "y &lt;= 1 + x/n" in page
    assert "http" not in page
    again = verify("--mine", TOY, "--report", "out/report")
    assert again.exit_code == 2
    assert "is not an empty folder" in again.stderr


@pytest.mark.parametrize("spread", [0.0, 2e-16, 3e-12, 0.5])
def test_a_picture_of_settings_that_are_all_alike(spread: float) -> None:
    """Ratios that differ in their last digits only have no room for the bars of a histogram."""
    trials = tuple(Trial({}, 1.0, {"simulation": 0.7 + spread * k}) for k in range(3))
    claim = known(Path(TOY))["true"]
    assert png(picture(judge(claim, trials))).startswith(b"\x89PNG")


def test_what_cannot_be_written_does_not_lose_the_table() -> None:
    Path("file").write_text("")
    done = verify("--mine", TOY, "--counterexamples", "file")
    assert done.exit_code == 1
    assert "3 claims: 1 hold" in done.stdout
    assert "Could not write file/false.counterexample.json" in done.stderr


def test_the_list_measures_nothing() -> None:
    done = verify("--mine", TOY, "--list")
    assert done.exit_code == 0
    assert "true [tight; simulation, pep; method toy, made-up, tight]" in done.stdout
    table = json.loads(verify("--mine", TOY, "--list", "--tag", "tight", "--json").stdout)
    assert [row["claim"] for row in table["claims"]] == ["true"]
    assert table["claims"][0]["engines"] == ["simulation", "pep"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--claim", "tru"], "Unknown claim 'tru'. Did you mean 'true'?"),
        (["--method", "toi"], "No claim is about the method 'toi'. Did you mean 'toy'?"),
        (["--tag", "tihgt"], "No claim has the tag 'tihgt'. Did you mean 'tight'?"),
        (["--claim", "false", "--tag", "tight"], "No claim has the name false and the tag tight; leave one of them out."),
        (["--examples", "-1"], "-1 is not in the range"),
        (["--processes", "0"], "0 is not in the range"),
        (["--list", "--report", "x"], "--report needs claims to verify"),
    ],
)
def test_refusals(words: list[str], message: str) -> None:
    done = verify("--mine", TOY, *words)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 3", "holds no claim"),
        ("CLAIMS = (3,)", "Expected CLAIMS of mine.py to be a tuple of claims, got one with int in it."),
        ("CLAIMS = 3", "to be a tuple of claims, got int."),
        ("def f(:\n", "mine.py is not valid Python, line 1"),
        ("\0", "mine.py is not valid Python: source code"),
        ("a = 1\nb = 1 / 0\n", "mine.py cannot be run, line 2: ZeroDivisionError: division by zero."),
        ("import a_module_that_is_not_there", "ModuleNotFoundError"),
        ("x = 1\nraise SystemExit(0)", "mine.py ends the program, line 2"),
        ("from theory_checks.claim import Claim\nfrom fedmm import SpecError\nraise SpecError('No.')", "mine.py, line 3: No."),
        ("from theory_checks.claim import Claim\nClaim()", "TypeError"),
        (
            f"from pathlib import Path\nexec(Path({TOY!r}).read_text())\nCLAIMS = (*CLAIMS, claim('true', simulation=loose))",
            "are called 'true'; rename one",
        ),
    ],
)
def test_errors_in_a_users_file_are_sentences(text: str, message: str) -> None:
    Path("mine.py").write_text(text)
    done = verify("--mine", "mine.py")
    assert done.exit_code == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_users_file_may_print_and_import_what_is_beside_it() -> None:
    Path("beside_mine.py").write_text(Path(TOY).read_text())
    Path("mine.py").write_text("import beside_mine\nprint('hello')\nCLAIMS = beside_mine.CLAIMS[:1]\n")
    path = list(sys.path)
    done = verify("--mine", "mine.py", "--json")
    assert json.loads(done.stdout)["claims"][0]["verdict"] == "holds"
    assert "hello" in done.stderr
    assert sys.path == path
    assert not Path(".hypothesis").exists()
    del sys.modules["beside_mine"]


def test_a_users_file_must_be_there() -> None:
    assert "which is no file" in verify("--mine", "nowhere.py").stderr
    Path("claims.txt").write_text("")
    assert "must end in .py" in verify("--mine", "claims.txt").stderr


def test_ctrl_c_prints_what_there_is(tmp_path: Path) -> None:
    """The signal goes to the whole group of processes, as from a terminal, once the slow engine has measured something."""
    slow, begun = tmp_path / "slow.py", tmp_path / "begun"
    body = (
        "\n\nimport time\nfrom pathlib import Path\n\n\ndef slow(x, n):\n    time.sleep(0.05)\n"
        f"    with Path({str(begun)!r}).open('a') as file:\n        file.write('.')\n    return 0.5\n\n\n"
    )
    slow.write_text(
        Path(TOY).read_text() + body + "CLAIMS = (CLAIMS[0], claim('slow', simulation=slow), claim('late', pep=slow))\n"
    )
    words = ["verify", "--mine", str(slow), "--examples", "5000", "--processes", "2", "--json"]
    command = [sys.executable, "-c", "from fedmm.cli import main; main()", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        for _ in range(600):
            if begun.exists() and len(begun.read_text()) > 3:
                break
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    table = json.loads(out)
    rows = {row["claim"]: row for row in table["claims"]}
    assert set(rows) | set(table["not_verified"]) == {"true", "slow", "late"}
    assert rows["slow"]["interrupted"]
    assert rows["slow"]["verdict"] == "holds"
    assert 3 <= rows["slow"]["tried"] < 5000


def test_without_theorems_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedmm.catalog.entries", lambda kind: {})
    done = verify()
    assert done.exit_code == 2
    assert "No package of theorems is installed" in done.stderr


def test_the_catalog_finds_the_theory_without_loading_it() -> None:
    (cls,) = entries("theory").values()
    assert cls.name == "theory-checks"
    code = (
        "import sys, fedmm.catalog\n"
        "fedmm.catalog.entries('theory')\n"
        "heavy = {'hypothesis', 'clarabel', 'scipy', 'matplotlib', 'theory_checks.claim'} & set(sys.modules)\n"
        "assert 'theory_checks' in sys.modules and not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
