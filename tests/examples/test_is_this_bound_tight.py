"""The essay on tight bounds runs, and what it says is so."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "is_this_bound_tight.py"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = spec_from_file_location("is_this_bound_tight", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "is_this_bound_tight", module)
    spec.loader.exec_module(module)
    return module


def test_what_the_essay_says(example: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = example.main(["--out", str(tmp_path / "new" / "tight.png")])
    assert (tmp_path / "new" / "tight.png").stat().st_size > 10_000
    printed = capsys.readouterr().out
    for rows in found.values():
        for row in rows:
            assert row.observed <= row.exact * (1 + 1e-6)
            assert row.exact <= row.published * (1 + 1e-6)
            assert f"{row.exact:9.5f}" in printed
    theorem = {name: [row.published / row.exact for row in rows] for name, rows in found.items()}
    experiment = {name: [row.exact / row.observed for row in rows] for name, rows in found.items()}
    assert theorem["gd-convex-gap"] == pytest.approx([1.0] * 4, rel=1e-6)
    assert theorem["gd-nonconvex"] == pytest.approx([(3 * t - 1) / (2 * t) for t in (1, 2, 4, 8)], rel=1e-6)
    assert 2 < min(theorem["local-gd-round-classical"]) < max(theorem["local-gd-round-classical"]) < 5
    assert theorem["local-gd-round-classical"] == sorted(theorem["local-gd-round-classical"])
    assert min(theorem["local-gd-averaged-2019"]) > 10
    assert max(experiment.pop("local-gd-averaged-2019")) < 1.12
    for gaps in experiment.values():
        assert gaps == pytest.approx([1.0] * 4, rel=1e-6)


def test_quick(example: Any, tmp_path: Path) -> None:
    found = example.main(["--quick", "--out", str(tmp_path / "tight.png")])
    assert [len(rows) for rows in found.values()] == [2, 2, 2, 2]
