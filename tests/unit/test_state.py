"""States as flat tables and back; recipes that are wrong."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from fedmm import DataError, SpecError
from fedmm.recipe import read_recipe
from fedmm.state import flatten, unflatten


class Inner(NamedTuple):
    V: np.ndarray
    count: int
    warm: Any = None


class Outer(NamedTuple):
    inner: Inner
    flag: bool
    gamma: float


def test_states_come_back_with_types_and_memory_order() -> None:
    tree = Outer(Inner(np.asfortranarray(np.random.default_rng(7).standard_normal((3, 4))), 2), True, 0.1)
    table: dict[str, np.ndarray] = {}
    structure = json.loads(json.dumps(flatten(tree, "server", table)))
    assert sorted(table) == ["server.flag", "server.gamma", "server.inner.V", "server.inner.count"]
    back = unflatten(structure, "server", table, lambda x: x)
    assert (back.inner.count, back.flag, back.gamma) == (2, True, 0.1)
    assert back.inner.V.tobytes("A") == tree.inner.V.tobytes("A")
    assert type(back.inner) is Inner
    assert back.inner.V.flags.f_contiguous
    assert not back.inner.V.flags.c_contiguous
    assert type(back.flag) is bool
    assert back.inner.warm is None


def test_a_structure_imports_nothing_and_must_fit() -> None:
    with pytest.raises(DataError, match="does not know"):
        unflatten({"type": "antigravity:Fly", "fields": {}}, "server", {}, lambda x: x)
    with pytest.raises(DataError, match="does not know"):
        unflatten({"type": "os:system", "fields": {}}, "server", {}, lambda x: x)
    with pytest.raises(DataError, match="there is none"):
        unflatten("array", "server", {}, lambda x: x)
    with pytest.raises(SpecError, match="cannot be saved"):
        flatten({"a": 1}, "server", {})
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("rounds = ", DataError, "unreadable"),
        ("[problem]\nname = 'quadratic'", SpecError, "entry 'method'"),
        ("[problem]\nname='quadratc'\n[method]\nname='mm'\n[data]", SpecError, "Did you mean 'quadratic'"),
        ("round = 3", SpecError, "Did you mean 'rounds'"),
        ("rounds = 'x'\n[problem]\nname='quadratic'\n[method]\nname='mm'\n[data]", SpecError, "type int"),
        ("rounds = -1\n[problem]\nname='quadratic'\n[method]\nname='mm'\n[data]", SpecError, "rounds >= 0"),
    ],
)
def test_a_bad_recipe_is_one_sentence(text: str, error: type[Exception], words: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(text)
    with pytest.raises(error, match=words):
        read_recipe(tmp_path / "recipe.toml")
