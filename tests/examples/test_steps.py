"""The examples on the best step and on the certified step run, and what their essays say is so."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(monkeypatch: pytest.MonkeyPatch, name: str) -> Any:
    spec = spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


def test_local_steps_help_where_clients_are_alike(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Many steps are best for small zeta, one at zeta = R L, and its worst case does not depend on zeta."""
    diagram = load(monkeypatch, "plot_best_step").main(["--quick", "--out", str(tmp_path / "steps.png")])
    assert diagram.best[0] == max(diagram.Ks)
    assert diagram.best[-1] == 1
    np.testing.assert_allclose(diagram.values[:, 0], diagram.values[0, 0], rtol=1e-6)
    assert (tmp_path / "steps.png").read_bytes().startswith(b"\x89PNG")
    assert "best K" in capsys.readouterr().out


def test_the_certified_step_saves_rounds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A tenth of the textbook's rounds as promised, and kept on the data; the others are not there yet after 400 rounds."""
    rows = load(monkeypatch, "plot_certified_step").main(["--quick", "--out", str(tmp_path / "certified.png")])
    proved, textbook, certified = rows
    assert [row.name for row in rows] == ["P5", "textbook", "certified"]
    assert proved.step < textbook.step < certified.step
    assert textbook.promised > 9 * certified.promised
    assert certified.observed is not None
    assert certified.observed <= certified.promised
    assert proved.observed is None
    assert textbook.observed is None
    assert (tmp_path / "certified.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("plot_best_step", ["--zeta", "-1"]),
        ("plot_certified_step", ["--p", "0"]),
        ("plot_certified_step", ["--k", "99"]),
        ("plot_certified_step", ["--rounds", "0"]),
    ],
)
def test_wrong_arguments(monkeypatch: pytest.MonkeyPatch, name: str, wrong: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        load(monkeypatch, name).main(wrong)
