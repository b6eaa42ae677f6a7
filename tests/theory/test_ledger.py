"""The ledger in the documentation is what the command writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from theory_checks.ledger import sections
from theory_checks.ledger.__main__ import HEAD
from theory_checks.ledger.table import Table, markdown, number, rounds

PAGE = Path(__file__).parents[2] / "docs" / "ledger.md"
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[-+]\d+)?")


def test_the_page_is_up_to_date() -> None:
    """The same words; the same numbers, factors to 3e-5 and others to 1 % (if this fails, run the command again)."""
    page, fresh = PAGE.read_text(encoding="utf-8"), HEAD + markdown(sections())
    page = page.replace(re.search(r"with (Clarabel \d+\.\d+\.\d+)", page)[1], "CLARABEL")  # type: ignore[index]
    assert NUMBER.sub("#", page) == NUMBER.sub("#", fresh)
    for old, new in zip(NUMBER.findall(page), NUMBER.findall(fresh), strict=True):
        nearly = 3e-5 if 0.5 < float(new) < 1 else 1e-2 * float(new) + 1e-8  # factors are read by what is missing to 1
        assert float(old) == pytest.approx(float(new), abs=nearly), (old, new)


def test_a_pipe_stays_inside_its_cell() -> None:
    assert r"|x\|" not in markdown([Table("t", "w", ("|x|",), [["1"]])]).replace(r"\|x\|", "")


def test_rounds_and_numbers() -> None:
    assert rounds(0.81, 0.9) == "x 2"
    assert rounds(1.2, 0.9) == "-"
    assert number(None) == number(float("nan")) == "-"
    assert number(0.123456789) == "0.12346"
