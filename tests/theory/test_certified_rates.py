"""Rates proved in exact fractions."""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction as F
from pathlib import Path
from typing import Any

import pytest

from fedmm.errors import DataError, SpecError
from theory_checks.check_certificate import check, digest
from theory_checks.pep import WorstCaseError
from theory_checks.pep.certificate import rebuild
from theory_checks.pep.certify_rate import certify_rate
from theory_checks.pep.programs.diana import diana_factor, diana_step
from theory_checks.pep.programs.ef14 import ef14_step
from theory_checks.pep.programs.ef21 import ef21_step
from theory_checks.pep.programs.fedmm import fedmm_step
from theory_checks.pep.programs.proxskip import proxskip_step
from theory_checks.pep.programs.scaffold import scaffold_step

STRONG: dict[str, Any] = {"L": 1, "mu": F(1, 10), "N": 10}
HALF = F(1, 2)

PRINTED: list[tuple[Callable[..., Any], dict[str, Any], dict[str, Any], float]] = [
    (proxskip_step, {"gamma": 1, "p": F(3, 10)}, STRONG, 0.85759),
    (proxskip_step, {"gamma": 1, "p": F(1, 10)}, STRONG, 0.98148),
    (diana_step, {"gamma": F(1, 4), "alpha": HALF, "omega": 1}, {**STRONG, "N": 2}, 0.950638),
    (diana_step, {"gamma": HALF, "alpha": HALF, "omega": 1}, {**STRONG, "N": 2}, 0.902542),
    (ef21_step, {"gamma": F(1, 5), "delta": HALF}, STRONG, 0.96074),
    (ef14_step, {"gamma": F(1, 20), "delta": HALF}, {**STRONG, "shared_optimum": True}, 0.99005),
    (scaffold_step, {"gamma": F(1, 4), "K": 2}, STRONG, 0.90370),
]
"""(program, parameters, world, the searched rate as printed in the reference values)."""


@pytest.mark.parametrize(("program", "parameters", "world", "printed"), PRINTED, ids=[case[0].__name__ for case in PRINTED])
def test_searched_rates_have_proofs(
    program: Callable[..., Any], parameters: dict[str, Any], world: dict[str, Any], printed: float, tmp_path: Path
) -> None:
    certificate = certify_rate(program, parameters, **world)
    assert abs(float(certificate.bound) - printed) < 2e-5
    proved = rebuild(certificate.save(tmp_path / "rate.json"))
    assert [line.split(",")[0] for line in proved] == [f"V+ + (-{certificate.bound}) V <= 0", "Q + (-1) V <= 0"]


def test_the_textbook_step_of_fedmm_is_twice_as_good_as_its_textbook_rate() -> None:
    """(N, omega, p, mu) = (2, 1, 1/2, 1/10): the textbook says .99."""
    parameters = {"gamma": F(1, 10), "a": F(1, 4), "omega": 1, "p": HALF}
    certificate = certify_rate(fedmm_step, parameters, rate=F(9802, 10000), **{**STRONG, "N": 2})
    assert certificate.bound == F(4901, 5000)
    certificate.check()


def test_no_rate_below_the_exact_one_has_a_proof() -> None:
    """SCAFFOLD with one local step is gradient descent, whose factor is (1 - gamma mu)^2 = .9025."""
    parameters = {"gamma": HALF, "K": 1}
    proved = certify_rate(scaffold_step, parameters, **STRONG).bound
    assert F(9025, 10000) <= proved < F(90251, 100000)
    for rate in (F(90249, 100000), F(1, 2)):
        with pytest.raises(WorstCaseError, match="ask for a larger rate"):
            certify_rate(scaffold_step, parameters, rate=rate, **STRONG)
    assert certify_rate(scaffold_step, parameters, rate=1, **STRONG).bound == 1


def test_what_is_not_exact_or_not_a_step_is_refused() -> None:
    with pytest.raises(SpecError, match="pass a Fraction"):
        certify_rate(scaffold_step, {"gamma": 0.5, "K": 1}, **STRONG)
    with pytest.raises(SpecError, match="pass a Fraction"):
        certify_rate(scaffold_step, {"gamma": HALF, "K": 1}, rate=0.95, **STRONG)
    with pytest.raises(SpecError, match=r"for a worst case use certify\."):
        certify_rate(diana_factor, {"gamma": HALF, "alpha": HALF, "omega": 1, "c": 4}, **STRONG)
    with pytest.raises(SpecError, match=r"rate in \(0, 1\]"):
        certify_rate(scaffold_step, {"gamma": HALF, "K": 1}, rate=0, **STRONG)
    with pytest.raises(WorstCaseError):
        certify_rate(scaffold_step, {"gamma": 5, "K": 1}, **STRONG)


def test_a_rate_cannot_be_talked_down(tmp_path: Path) -> None:
    data = certify_rate(scaffold_step, {"gamma": HALF, "K": 1}, rate=F(91, 100), **STRONG).data()
    first, second = data["statements"]
    first["objective"]["V"] = "-9/10"
    with pytest.raises(ValueError, match="symmetric and positive"):
        check(data | {"sha256": digest(data)})
    first["objective"]["V"] = "-91/100"
    second["objective"]["V"] = "-1/1000000"
    with pytest.raises(ValueError, match="symmetric and positive"):
        check(data | {"sha256": digest(data)})
    second["objective"]["V"] = "-1"
    path = tmp_path / "rate.json"
    data["bound"] = "9/10"  # only the headline
    path.write_text(json.dumps(data | {"sha256": digest(data)}))
    with pytest.raises(DataError, match="does not state its bound 9/10"):
        rebuild(path)
    data["bound"], data["statements"] = "91/100", [first]  # V may be nothing
    path.write_text(json.dumps(data | {"sha256": digest(data)}))
    with pytest.raises(DataError, match="does not state its bound"):
        rebuild(path)
    data["statements"], data["weights"] = [first, second], ["1", *data["weights"][1:]]
    path.write_text(json.dumps(data | {"sha256": digest(data)}))
    with pytest.raises(DataError, match="other quantities"):
        rebuild(path)
    data["weights"] = ["1"]
    path.write_text(json.dumps(data | {"sha256": digest(data)}))
    with pytest.raises(DataError, match="weighs other terms"):
        rebuild(path)
