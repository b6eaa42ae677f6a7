"""A theorem of one's own: it holds, it is loose by what the essay says, and stronger ones are refuted."""

from __future__ import annotations

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fedmm.cli import main

EXAMPLE = Path(__file__).parents[2] / "examples" / "your_theorem.py"
PROMISE = "return (gamma**2 * zeta * K * (K - 1) / 2) ** 2"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = spec_from_file_location("your_theorem", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "your_theorem", module)
    spec.loader.exec_module(module)
    return module


def verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, constant: str) -> Result:
    """``fedmm verify --mine`` on the example with another constant in its promise."""
    text = EXAMPLE.read_text(encoding="utf-8")
    assert text.count(PROMISE) == 1
    (tmp_path / "mine.py").write_text(text.replace(PROMISE, PROMISE.replace("/ 2)", f"/ {constant})")), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return CliRunner().invoke(main, ["verify", "--mine", "mine.py", "--processes", "1"])


def test_the_theorem_holds_and_is_four_times_too_large(example: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (verdict,) = example.main(["--quick"])
    assert "1 claim: 1 hold" in capsys.readouterr().out
    assert verdict.holds is True
    assert verdict.slack is not None
    assert verdict.slack[0] == pytest.approx(4.0, rel=1e-6)
    assert verdict.own[0].overlooked == ()


def test_half_the_constant_still_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = verified(tmp_path, monkeypatch, "4")
    assert done.exit_code == 0, done.output
    assert "1 hold" in done.output


@pytest.mark.parametrize("constant", ["4.001", "8"])
def test_a_stronger_constant_is_refuted_with_its_parameters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, constant: str
) -> None:
    done = verified(tmp_path, monkeypatch, constant)
    assert done.exit_code == 1, done.output
    found = json.loads((tmp_path / "drift-of-local-steps.counterexample.json").read_text())
    assert found["setting"] == {"gamma": 0.1, "K": 2, "zeta": 1.0, "mu": 0.0, "N": 2}  # the simplest of the grid
    assert found["measured"] == pytest.approx((0.1**2 / 2) ** 2, rel=1e-6)
    again = CliRunner().invoke(main, ["verify", "--replay", "drift-of-local-steps.counterexample.json"])
    assert again.exit_code == 1
    assert "refuted again" in again.output
