"""What the runner makes of claims that are true, false, or whose engines go wrong."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from dataclasses import replace
from math import inf, nan
from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import pytest
from hypothesis import strategies as st

from fedmm import SpecError
from theory_checks.claim import Mutant, Status
from theory_checks.mutation import score
from theory_checks.verdict import plain, stem
from theory_checks.verify import examine, verify, verify_by_name
from theory_checks.verify.judge import judge
from theory_checks.verify.table import details, slack_in_words
from theory_checks.verify.trial import measure

FILE = Path(__file__).with_name("toy_claims.py")
TOY = SimpleNamespace(**run_path(str(FILE)))


def half_of(x: float, n: int) -> float:
    return 0.5 * TOY.bound(x, n)


def test_a_true_claim_holds() -> None:
    found = examine(TOY.claim("true", "tight", simulation=TOY.loose, pep=TOY.bound))
    assert found.holds is True
    assert found.word == "holds"
    assert found.attained is True
    assert found.counterexample is None
    assert found.worst is not None
    assert (found.worst.engine, found.worst.ratio) == ("pep", 1.0)
    assert found.slack == (1.0, 1.0)
    assert 5 < len(found.trials) <= 16
    assert found.trials[0].setting == TOY.CORNER
    assert found.own[0].noticed == ("pep",)
    assert "whole class" in found.belief


def test_a_false_claim_is_refuted_by_the_smallest_setting() -> None:
    found = examine(TOY.claim("false", simulation=TOY.beyond), 200)
    assert found.holds is False
    assert found.counterexample is not None
    assert dict(found.counterexample.setting) == {"x": 3.0, "n": 2}
    assert found.counterexample.promised == 2.5
    assert found.counterexample.measured == 3.0
    assert found.counterexample.ratio == pytest.approx(2.5 / 3.0)


def test_an_extreme_that_refutes_is_kept_where_nothing_drawn_does() -> None:
    bad = {"x": 3.0, "n": 2}
    claim = replace(TOY.claim("false", simulation=TOY.beyond), setting=st.just(TOY.CORNER), extremes=(bad, TOY.CORNER))
    found = examine(claim)
    assert found.holds is False
    assert found.counterexample is not None
    assert found.counterexample.setting == bad


def test_draws_are_the_same_each_time() -> None:
    claim = TOY.claim("true", simulation=TOY.loose)
    one, two = examine(claim), examine(claim)
    assert [trial.setting for trial in one.trials] == [trial.setting for trial in two.trials]
    assert len(examine(claim, 60).trials) > len(one.trials)
    assert [trial.setting for trial in examine(claim, 0).trials] == [TOY.CORNER]


def test_a_setting_is_measured_once() -> None:
    seen = []

    def counting(x: float, n: int) -> float:
        seen.append((x, n))
        return TOY.beyond(x, n)

    examine(TOY.claim("false", simulation=counting), 200)
    assert len(seen) == len(set(seen))


def test_a_solver_that_stops_short_leaves_it_undecided() -> None:
    found = examine(TOY.claim("stops", pep=TOY.stopping))
    assert found.holds is None
    assert found.word == "undecided"
    assert "Engine pep could not say at" in found.why
    assert "The solver stopped short (inaccurate)." in found.why
    assert found.worst is not None
    assert found.worst.setting["x"] == 0.0  # what it could say is kept


def test_an_exception_in_an_engine_is_a_sentence() -> None:
    found = examine(TOY.claim("breaks", simulation=TOY.breaking, pep=TOY.bound))
    assert found.holds is None
    assert "ZeroDivisionError: in an engine." in found.why
    assert found.exact is not None  # the other engine's numbers are there


def test_a_certificate_that_proves_too_little_refutes_nothing() -> None:
    found = examine(TOY.claim("weak", certificate=TOY.beyond), 100)
    assert found.holds is None
    assert "Engine certificate proves" in found.why
    assert found.counterexample is None
    assert found.own[0].noticed == ("certificate",)


def test_a_refutation_outweighs_an_engine_that_cannot_say() -> None:
    found = examine(TOY.claim("both", simulation=TOY.beyond, pep=TOY.stopping), 200)
    assert found.holds is False
    assert found.why == ""
    assert "Engine pep could not say at" in found.failures[0]
    assert "The solver stopped short (inaccurate)." in details([found], {})
    assert "pep missed" not in details([found], {})


def test_not_a_number_refutes_on_an_instance_and_says_nothing_for_a_class() -> None:
    """A run that ends in NaN misses its bound; a solver that ends in NaN has not answered."""
    run = examine(TOY.claim("run", simulation=TOY.not_a_number))
    assert run.holds is False
    assert run.counterexample is not None
    assert run.own[0].noticed == ()  # a NaN is no evidence of a sharp engine
    solver = examine(TOY.claim("solver", pep=TOY.not_a_number))
    assert solver.holds is None
    assert "no number" in solver.why


def test_a_tight_claim_that_is_not_attained_is_undecided() -> None:
    found = examine(TOY.claim("not-tight", "tight", pep=TOY.loose))
    assert found.attained is False
    assert found.holds is None
    assert "attains" in found.why
    assert found.slack == pytest.approx((1.25, 1.25))


def test_engines_that_contradict_each_other_are_told() -> None:
    found = examine(TOY.claim("clash", simulation=TOY.bound, pep=TOY.loose))
    assert found.holds is None
    assert len(found.contradictions) == 1
    assert "Engine simulation observed 1, more than engine pep's worst case 0.8" in found.contradictions[0]
    fine = examine(TOY.claim("fine", simulation=TOY.loose, pep=TOY.bound))
    assert fine.contradictions == ()
    lost = examine(TOY.claim("lost", simulation=lambda x, n: inf, pep=TOY.loose), 0)
    assert lost.holds is False
    assert "Engine simulation observed inf" in lost.contradictions[0]


def test_settings_outside_the_conditions_are_a_fault_of_the_claim() -> None:
    claim = replace(TOY.claim("outside", simulation=TOY.loose), extremes=({"x": 0.0, "n": 0},))
    found = examine(claim, 0)
    assert found.holds is None
    assert "needs n >= 1, got x = 0.0, n = 0" in found.why


def test_a_strategy_that_cannot_draw_is_a_sentence() -> None:
    found = examine(replace(TOY.claim("nothing", simulation=TOY.loose), setting=st.nothing()))
    assert found.holds is None
    assert "could not be drawn" in found.why
    assert len(found.trials) == 1


@pytest.mark.parametrize("promised", [nan, inf])
def test_promises_that_are_no_numbers(promised: float) -> None:
    found = examine(replace(TOY.claim("odd", simulation=TOY.loose), promised=lambda x, n: promised))
    assert found.holds is (None if promised != promised else True)
    assert ("not a number" in found.why) is (promised != promised)


@pytest.mark.parametrize(
    ("kind", "measured", "holds"),
    [
        ("upper", 0.5, True),
        ("upper", inf, False),
        ("lower", -inf, False),
        ("expectation", inf, False),
        ("lower", 0.5, False),
        ("lower", 1.5, True),
        ("expectation", 1.0, True),
        ("expectation", 1.001, False),
        ("invariant", 0.0, True),
        ("invariant", 1.001, False),
        ("rate", -3.0, True),
    ],
)
def test_every_kind(kind: str, measured: float, holds: bool) -> None:
    found = examine(replace(TOY.claim("kind", kind, simulation=lambda x, n: measured), promised=lambda x, n: 1.0))
    assert found.holds is holds
    assert found.worst is not None
    assert (found.worst.ratio >= 1.0) is holds


def test_a_rate_is_compared_by_its_exponents() -> None:
    claim = TOY.claim("slope", "rate", simulation=TOY.loose)
    assert claim.ratio(-1.0, -2.0) == 2.0
    assert claim.ratio(-1.0, -0.5) == 0.5
    assert claim.ratio(-1.0, 0.3) == 0.0
    assert claim.ratio(1.0, nan) == 0.0


# Mutants.


def test_a_mutant_that_an_engine_misses_is_told() -> None:
    claim = TOY.claim("true", simulation=TOY.loose, pep=TOY.bound)
    found = examine(replace(claim, mutants=(Mutant("b -> 0.9 b", TOY.smaller_bound, ("simulation", "pep")),)))
    (own,) = found.own
    assert (own.noticed, own.missed, own.overlooked) == (("pep",), ("simulation",), ("simulation",))
    assert found.holds is True
    assert found.table()["mutants_missed"] == {"b -> 0.9 b": ["simulation"]}
    assert found.table()["mutants_refuted"] == []
    assert examine(replace(claim, mutants=(Mutant("half", half_of, ("simulation", "pep")),))).own[0].overlooked == ()


def test_an_engine_that_could_not_say_somewhere_has_missed_nothing() -> None:
    def partly(x: float, n: int) -> float:
        if x > 0:
            raise SpecError("The problem is unbounded.")
        return 0.1

    (own,) = examine(TOY.claim("partly", pep=partly)).own
    assert (own.noticed, own.missed) == ((), ())
    assert not own.refuted


def test_perturbations_are_noticed_by_those_who_come_near_enough() -> None:
    found = examine(TOY.claim("true", simulation=TOY.loose, pep=TOY.bound))
    generic = {mutation.says: mutation.noticed for mutation in found.mutations if not mutation.due}
    assert generic == {
        "b x 0.5": ("simulation", "pep"),
        "b x 0.9": ("pep",),
        "b x 0.99": ("pep",),
        "b x 0.999": ("pep",),
    }
    assert score([found]) == {"any": (5, 5), "simulation": (1, 5), "pep": (5, 5)}


def test_perturbations_of_other_kinds() -> None:
    def says(claim) -> list[str]:
        return [mutation.says for mutation in examine(claim).mutations if not mutation.due]

    assert says(TOY.claim("i", "invariant", simulation=TOY.loose)) == []
    assert "b / 0.9" in says(TOY.claim("l", "lower", simulation=TOY.bound))
    assert {"b x 0.9", "b / 0.9"} <= set(says(TOY.claim("e", "expectation", simulation=TOY.bound)))
    assert "rounds x 0.99" in says(replace(TOY.claim("f", simulation=TOY.loose), factor=True))
    rate = replace(TOY.claim("r", "rate", simulation=lambda x, n: -1.2), promised=lambda x, n: -1.0)
    noticed = {mutation.says: bool(mutation.noticed) for mutation in examine(rate).mutations if not mutation.due}
    assert noticed == {"|b| x 0.5": True, "|b| x 0.9": False, "|b| x 0.99": False, "|b| x 0.999": False}


def test_fewer_rounds_are_a_stronger_promise_of_a_factor() -> None:
    claim = replace(TOY.claim("f", pep=lambda x, n: 0.85), promised=lambda x, n: 0.9, factor=True)  # ln .85/ln .9 = 1.54
    noticed = {mutation.says: bool(mutation.noticed) for mutation in examine(claim).mutations}
    assert noticed["rounds x 0.5"]
    assert not noticed["rounds x 0.9"]


def test_slack_of_a_factor_is_a_ratio_of_rounds() -> None:
    claim = replace(TOY.claim("f", pep=lambda x, n: 0.81), promised=lambda x, n: 0.9, factor=True)
    assert examine(claim).slack == pytest.approx((2.0, 2.0))


@pytest.mark.parametrize(("exact", "said"), [(0.90007, "x 1"), (0.9001, "x 0.999"), (0.91, "x 0.895"), (0.85, "x 1.54")])
def test_a_slack_within_the_resolution_of_a_search_is_one(exact: float, said: str) -> None:
    claim = replace(TOY.claim("f", pep=lambda x, n: exact), promised=lambda x, n: 0.9, factor=True, rtol=0.1)
    assert slack_in_words(examine(claim)) == said


@pytest.mark.parametrize("tag", ["local steps", "Local", "", " p5"])
def test_a_tag_is_a_word_for_the_command_line(tag: str) -> None:
    with pytest.raises(SpecError, match="in lower case, words joined by hyphens"):
        replace(TOY.claim("true", simulation=TOY.loose), tags=(tag,))


def test_what_is_small_within_rounding_is_not_near_the_bound() -> None:
    """0 <= 0 holds, and says nothing about a constant."""
    claim = replace(
        TOY.claim("zero", "tight", simulation=lambda x, n: 0.5 * x / n),
        promised=lambda x, n: x / n,
        atol=1e-9,
        setting=st.just({"x": 1.0, "n": 1}),
    )
    found = examine(claim)
    assert found.worst is not None
    assert found.worst.ratio == 2.0
    assert found.attained is False


# Belief.


def test_belief_names_what_instances_cannot_see() -> None:
    found = examine(TOY.claim("true", simulation=TOY.loose))
    assert "cannot see an error in a constant smaller than a factor 1.25" in found.belief
    memory = examine(replace(TOY.claim("true", simulation=TOY.loose), status=Status.MEMORY))
    assert "constants to be confirmed" in memory.belief
    proved = examine(TOY.claim("true", certificate=TOY.bound))
    assert "rational arithmetic" in proved.belief


# Several claims; Ctrl-C.


def test_stopping_keeps_what_is_done() -> None:
    asked = []

    def stop() -> bool:
        asked.append(True)
        return len(asked) > 3

    found = examine(TOY.claim("true", simulation=TOY.loose), 100, stop=stop)
    assert found.interrupted
    assert len(found.trials) == 3  # the fourth may have been cut short, and is dropped
    assert found.holds is True
    assert "Stopped early." in found.belief
    nothing = examine(TOY.claim("true", simulation=TOY.loose), stop=lambda: True)
    assert nothing.holds is None
    assert nothing.why == "Stopped before anything was measured."


def test_ctrl_c_returns_the_verdicts_so_far() -> None:
    def interrupting(x: float, n: int) -> float:
        raise KeyboardInterrupt

    claims = [TOY.claim("one", simulation=TOY.loose), TOY.claim("two", simulation=interrupting)]
    one, two = verify(claims, progress=False)
    assert one.holds is True
    assert two.interrupted
    assert two.holds is None


def by_name(verdicts: list) -> Mapping:
    return {verdict.claim: verdict for verdict in verdicts}


def test_processes_find_what_one_process_finds() -> None:
    names = ["true", "false", "stops"]
    here = verify_by_name(names, mine=FILE, processes=1, progress=False)
    there = verify_by_name(names, mine=FILE, processes=2, progress=False)
    assert [verdict.claim for verdict in there] == names
    for one, two in zip(here, there, strict=True):
        assert (one.word, one.attained) == (two.word, two.attained)  # how many were tried depends on what else is imported
        assert [len(line.split()) for line in one.why.splitlines()] == [len(line.split()) for line in two.why.splitlines()]
        assert one.counterexample == two.counterexample
        assert one.trials[0] == two.trials[0]  # the draws behind it may differ: Hypothesis knows what is imported


def test_a_process_that_dies_leaves_its_claim_undecided(tmp_path: Path) -> None:
    path = tmp_path / "deadly.py"
    path.write_text(
        FILE.read_text() + "\n\nCLAIMS = (claim('kills', simulation=killing), claim('kills-too', simulation=killing), *CLAIMS)\n"
    )
    found = by_name(verify_by_name(["kills", "kills-too", "true", "false"], mine=path, processes=2, progress=False))
    for name in ("kills", "kills-too"):
        assert found[name].holds is None
        assert "died (exit code -9)" in found[name].why
    assert found["true"].holds is True
    assert found["false"].holds is False


def test_verdicts_are_data() -> None:
    found = examine(TOY.claim("false", simulation=TOY.beyond))
    assert pickle.loads(pickle.dumps(found)) == found
    table = found.table()
    assert json.loads(json.dumps(table, allow_nan=False)) == table
    odd = judge(TOY.claim("inf", simulation=TOY.loose), [measure(TOY.claim("x", simulation=lambda x, n: inf), TOY.CORNER)])
    assert odd.table()["worst"]["measured"] == "inf"
    json.dumps(odd.table(), allow_nan=False)


def test_settings_as_json() -> None:
    assert plain({"a": (1, 2.5), "b": [True, None], "c": "word"}) == {"a": [1, 2.5], "b": [True, None], "c": "word"}
    assert plain(inf) == "inf"
    assert stem("a/../b c") == "a-..-b-c"
