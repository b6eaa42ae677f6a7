"""Wrong constants: which are made, and who notices."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import pytest
from hypothesis import strategies as st

from fedmm import SpecError
from theory_checks.claim import Claim
from theory_checks.claims import claims
from theory_checks.constants import altered, changes
from theory_checks.mutants import page
from theory_checks.perturbation import Perturbation, counts, perturbations, unnoticed
from theory_checks.verify import examine
from theory_checks.verify.table import constants_table

TOY = SimpleNamespace(**run_path(str(Path(__file__).with_name("toy_claims.py"))))
SIX = 6.0


def square(x: float) -> float:
    return x**2


def bound(x: float, n: int) -> float:
    """A docstring with a 7."""
    return 0.5 * square(x) + SIX / n


@lru_cache(maxsize=8)
def computed(x: float, n: int) -> float:
    return 30.0 * x / n


def with_computed(x: float, n: int) -> float:
    return 40.5 + computed(x, n)


def made(function, x: float = 3.0, n: int = 2) -> dict[tuple[str, str], float]:
    return {(each.constant.partition(" (")[0], each.change): each.function(x=x, n=n) for each in altered(function)}


def test_every_constant_is_changed_one_at_a_time() -> None:
    """The promise's own numbers, those of what it calls, and those of the module that it names."""
    assert bound(3.0, 2) == 7.5
    assert made(bound) == {
        ("SIX = 6.0", "x 0.9"): pytest.approx(4.5 + 2.7),
        ("SIX = 6.0", "x 1.1"): pytest.approx(4.5 + 3.3),
        ("SIX = 6.0", "+ 1"): 4.5 + 3.5,
        ("SIX = 6.0", "- 1"): 4.5 + 2.5,
        ("0.5 in 0.5 * square(x)", "x 0.9"): pytest.approx(0.45 * 9 + 3),
        ("0.5 in 0.5 * square(x)", "x 1.1"): pytest.approx(0.55 * 9 + 3),
        ("2 in x ** 2", "x 0.9"): pytest.approx(0.5 * 3**1.8 + 3),
        ("2 in x ** 2", "x 1.1"): pytest.approx(0.5 * 3**2.2 + 3),
        ("2 in x ** 2", "+ 1"): 0.5 * 27 + 3,
        ("2 in x ** 2", "- 1"): 0.5 * 3 + 3,
    }
    assert bound(3.0, 2) == 7.5
    assert square(3.0) == 9.0


def test_what_is_cached_is_no_formula() -> None:
    assert {name for name, _ in made(with_computed)} == {"40.5 in 40.5 + computed(x, n)"}
    assert made(computed) == {}
    assert made(lambda x, n: 2.0 * x) == {}


def test_where_it_is_is_said() -> None:
    (line,) = {each.constant for each in altered(square)}
    number = Path(__file__).read_text().splitlines().index("    return x**2") + 1
    assert line == f"2 in x ** 2 (test_perturbation.py:{number}:15)"


def with_an_index(x: float, n: int) -> float:
    seed = n
    return [x, 2.5 * x][1] + len([seed, 11])


def test_an_index_and_a_seed_are_no_constants() -> None:
    assert {name for name, _ in made(with_an_index)} == {"2.5 in 2.5 * x"}


def test_changes_of_a_number() -> None:
    assert [says for says, _ in changes(0.3)] == ["x 0.9", "x 1.1"]
    assert changes(0) == [("+ 1", 1), ("- 1", -1)]
    assert [says for says, _ in changes(60)] == ["x 0.9", "x 1.1"]


def claim(**engines) -> Claim:
    toy = TOY.claim("toy", **engines)
    return replace(toy, promised=bound, setting=st.just({"x": 3.0, "n": 2}), extremes=({"x": 3.0, "n": 2}, {"x": 3.0, "n": 1}))


def nearly(x: float, n: int) -> float:
    return 0.95 * bound(x, n)


def test_who_notices_which_wrong_constant() -> None:
    """A change of SIX by a tenth is 0.6 of 10.5 at most, 5.7 %: more than the loose engine's 5 % there, not at n = 2."""
    only = claim(simulation=TOY.loose, pep=bound, batch=nearly)
    found = {(each.constant.partition(" (")[0], each.change): each for each in perturbations(only, examine(only).trials)}
    assert set(found) == {
        *(("SIX = 6.0", change) for change in ("x 0.9", "- 1")),
        ("0.5 in 0.5 * square(x)", "x 0.9"),
        *(("2 in x ** 2", change) for change in ("x 0.9", "- 1")),
        ("x", "x 0.9"),
        ("n", "+ 1"),
    }  # what promises less is left out
    assert found["SIX = 6.0", "x 0.9"].noticed == ("pep", "batch")
    assert found["0.5 in 0.5 * square(x)", "x 0.9"].noticed == ("pep", "batch")
    assert found["SIX = 6.0", "x 0.9"].missed == ("simulation",)
    assert found["n", "+ 1"].noticed == ("pep", "batch")


def test_what_nobody_notices_is_listed() -> None:
    blind = claim(simulation=TOY.loose)
    found = perturbations(blind, examine(blind).trials)
    assert counts(found) == {"any": (0, 7), "simulation": (0, 7)}
    assert [each.partition(" (")[0] for each in unnoticed(found)] == [
        "SIX = 6.0: x 0.9, - 1",
        "0.5 in 0.5 * square(x)",
        "2 in x ** 2",
        "x: x 0.9",
        "n: + 1",
    ]
    text = constants_table({"toy": found, "none": ()})
    assert "toy: wrong constants that nobody notices" in text
    assert "  SIX = 6.0: x 0.9, - 1" in text.splitlines()
    assert text.endswith("wrong constants noticed: any 0 of 7, simulation 0 of 7")


def test_an_engine_that_could_not_say_has_not_missed() -> None:
    def unsolved(x: float, n: int) -> float:
        raise SpecError("The solver stopped short.")

    both = claim(simulation=bound, pep=unsolved)
    verdict = examine(both)
    assert all(each.missed == () for each in perturbations(both, verdict.trials))
    assert all("pep" not in (*each.missed, *each.noticed) for each in verdict.mutations)
    assert verdict.table()["mutants_refuted"] == []  # nor has it refuted
    assert verdict.table()["mutants_missed"] == {}


def test_who_refutes_the_claim_itself_notices_nothing() -> None:
    false = claim(simulation=TOY.loose, pep=lambda x, n: 2.0 * bound(x, n))
    found = perturbations(false, examine(false).trials)
    assert counts(found) == {"any": (0, 7), "simulation": (0, 7)}


def test_an_invariant_is_left_alone_and_a_lower_bound_is_raised() -> None:
    assert (
        perturbations(replace(claim(simulation=TOY.loose), kind="invariant"), examine(claim(simulation=TOY.loose)).trials) == ()
    )
    lower = replace(claim(simulation=bound), kind="lower")
    assert {each.change for each in perturbations(lower, examine(lower).trials)} == {"x 1.1", "+ 1", "- 1"}
    exact = replace(claim(simulation=bound), kind="expectation")
    assert counts(perturbations(exact, examine(exact).trials))["simulation"] == (14, 14)


@pytest.mark.parametrize(("name", "engine"), [("gd-distance", "pep"), ("local-gd-drift", "certificate")])
def test_the_exact_worst_case_sees_every_constant_of_a_tight_bound(name: str, engine: str) -> None:
    found = perturbations(claims()[name], examine(claims()[name], 0).trials)
    assert len(found) >= 8
    assert any(each.change == "<-> mu" for each in found)
    assert all(engine in each.noticed for each in found)


def test_formulas_of_other_modules_are_followed() -> None:
    """The 6 of DIANA's step and the 4 of P5 are written elsewhere."""
    for name, constant in (("fedmm-rate", "6.0 in 6.0 * omega_p"), ("fedmm-mean-field", "4 in 4 * omega_p")):
        assert any(each.constant.startswith(constant) for each in altered(claims()[name].promised))


def test_the_page() -> None:
    text = page({"one": (Perturbation("2 in x | y", "x 0.9", ("pep",), ("batch",)), Perturbation("n", "+ 1", (), ("pep",)))})
    assert "2 constants of 1 claims, with 2 changes" in text
    assert "| pep | 1 | 2 | 0.50 |" in text
    assert "| one | 2 | 1 of 2 | 0 of 1 | 1 of 2 |" in text
    assert "| one | pep | `n: + 1` |" in text


def test_the_page_in_the_documentation_is_of_these_claims() -> None:
    """Which settings are drawn depends on the code that is loaded; what is noticed on extremes must be noticed there."""
    lines = (Path(__file__).parents[2] / "docs" / "mutants.md").read_text(encoding="utf-8").splitlines()
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in lines if line.startswith("| ")}
    for name in ("gd-distance", "local-gd-round", "naive-precision", "prox-gradient-gap"):
        found = perturbations(claims()[name], examine(claims()[name], 0).trials)
        _, constants, noticed, *_ = rows[name].split(" | ")
        assert int(constants) >= len({each.constant for each in found})
        assert int(noticed.split()[0]) >= counts(found)["any"][0]
