"""The essay on worst-case federations runs, and what it says is so."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fedmm import FedAvg
from theory_checks.pep.certificate import rebuild
from theory_checks.worst_federation import load_worst_case

EXAMPLE = Path(__file__).parents[2] / "examples" / "worst_case_federation.py"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = spec_from_file_location("worst_case_federation", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "worst_case_federation", module)
    spec.loader.exec_module(module)
    return module


def test_what_the_essay_says(example: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "new" / "worst.png"
    rows, table = example.main(["--count", "300", "--out", str(picture), "--folder", str(tmp_path / "files")])
    assert picture.read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert printed.count("is proved") == len(rows) == 5
    for row in rows:
        assert abs(row.replayed - row.exact) < 1e-8
        assert 0 < float(row.proved) - row.replayed < 1e-8
        assert row.random < row.exact
        assert f"{row.replayed:20.8f}  {row.exact:17.8f}  {float(row.proved):13.8f}" in printed
        assert len(rebuild(tmp_path / "files" / f"certificate_{row.K}.json")) == 1
        method = FedAvg(local_steps=row.K, step=0.5)
        assert load_worst_case(tmp_path / "files" / f"worst_case_{row.K}.json").replay(method)[0] == row.replayed
        if row.K > 1:
            assert 0.8 < row.random / row.exact < 0.95
    others = table - np.diag(np.diag(table))
    assert (others.max(axis=0) < np.diag(table) - 1e-3).all()
    for K in (2, 4):  # mirror images
        one, two = example.paths(example.worst(K), K)
        np.testing.assert_allclose(one[:, 0], two[:, 0], atol=1e-9)
        np.testing.assert_allclose(one[:, 1], -two[:, 1], atol=1e-9)
        assert (np.diff(np.abs(one[:, 1])) > 0).all()


def test_quick(example: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows, table = example.main(["--quick", "--out", str(tmp_path / "w.png"), "--folder", str(tmp_path)])
    assert [row.K for row in rows] == [1, 2, 3]
    assert table.shape == (3, 3)
    with pytest.raises(SystemExit):
        example.main(["--count", "0"])
    assert "--count >= 1" in capsys.readouterr().err
