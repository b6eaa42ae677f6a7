"""Proofs in exact fractions: what they prove, that the checker needs nothing, and that it refuses what is not a proof."""

from __future__ import annotations

import ast
import copy
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction as F
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedmm.errors import DataError, SpecError
from theory_checks import check_certificate
from theory_checks.check_certificate import check, digest, main, semidefinite
from theory_checks.pep import SymPEP, WorstCaseError, mean, norm2
from theory_checks.pep.certificate import rebuild
from theory_checks.pep.certify import certify
from theory_checks.pep.certify_rate import certify_rate
from theory_checks.pep.classes import rows
from theory_checks.pep.programs import Step
from theory_checks.pep.programs.byzantine import byzantine_gd
from theory_checks.pep.programs.diana import diana_factor
from theory_checks.pep.programs.ef21 import ef21_factor
from theory_checks.pep.programs.fedlin import fedlin
from theory_checks.pep.programs.fedprox import fedprox
from theory_checks.pep.programs.gradient_descent import gd_distance, gd_factor, gd_gradient
from theory_checks.pep.programs.local_gd import averaged_iterate, local_gd, sampled_round
from theory_checks.pep.programs.local_gd_nonconvex import stationarity
from theory_checks.pep.programs.prox_gradient import prox_gradient_distance
from theory_checks.pep.programs.proxskip import proxskip_factor
from theory_checks.pep.programs.scaffold import scaffold_factor
from theory_checks.worst_federation import worst_case

STRONG: dict[str, Any] = {"L": 1, "mu": F(1, 10), "N": 10}
HALF = F(1, 2)


def one_round(K: int = 2) -> Any:
    return certify(local_gd, {"K": K, "gamma": HALF, "R": 1, "zeta": 1}, L=1, mu=F(1, 10), N=2)


# ---- what is proved


@pytest.mark.parametrize(
    ("K", "printed", "published"), [(2, 0.868042983, 0.868043001), (3, 0.938661892, 0.938661930), (4, 1.114622351, 1.114623165)]
)
def test_local_gd_is_proved_to_a_millionth(K: int, printed: float, published: float) -> None:
    """The shifts differ between solvers, the bound does not by more than what the reference one gave away."""
    bound = float(one_round(K).bound)
    assert printed - 1e-9 < bound < printed + 1e-6
    assert bound < published + 1e-7


CASES: list[tuple[Callable[..., Any], dict[str, Any], dict[str, Any]]] = [
    (local_gd, {"K": 2, "gamma": HALF, "R": 1, "zeta": 1, "metric": "gap", "also_at_start": True}, STRONG),
    (local_gd, {"K": 2, "gamma": F(1, 4), "R": 1, "zeta": HALF, "rounds": 2}, STRONG),
    (local_gd, {"K": 3, "gamma": HALF, "R": 0, "zeta": F(1, 3)}, STRONG),
    (local_gd, {"K": 2, "gamma": HALF, "R": 1, "zeta": 1}, {"L": (1, F(3, 10)), "mu": F(1, 10), "N": (1, 2)}),
    (averaged_iterate, {"K": 2, "gamma": HALF, "R": 1, "zeta": 1, "rounds": 1}, {"L": 1, "mu": 0, "N": 2}),
    (sampled_round, {"K": 2, "gamma": F(1, 4), "R": 1, "zeta": 1, "S": 2}, {"L": 1, "mu": F(1, 10), "N": 3}),
    (sampled_round, {"K": 2, "gamma": F(1, 4), "R": 1, "zeta": 1, "p": HALF}, STRONG),
    (gd_distance, {"gamma": 1, "t": 2}, STRONG),
    (gd_factor, {"gamma": 1}, STRONG),
    (gd_gradient, {"gamma": 1, "t": 2}, {"L": 1, "mu": -1, "N": 2}),
    (prox_gradient_distance, {"gamma": 1, "t": 1, "zeta": 1}, {**STRONG, "regularizer": True}),
    (stationarity, {"K": 2, "gamma": HALF, "Delta": 1, "zeta": F(3, 10), "rounds": 1}, {"L": 1, "mu": -1, "N": 2}),
    (byzantine_gd, {"gamma": HALF, "kappa": F(1, 4)}, STRONG),
    (fedlin, {"eta": F(1, 4), "tau": 2}, STRONG),
    (fedprox, {"gamma": 1, "zeta": 1}, STRONG),
    (fedprox, {"gamma": 1}, {**STRONG, "shared_optimum": True}),
    (proxskip_factor, {"gamma": 1, "p": F(3, 10)}, STRONG),
    (diana_factor, {"gamma": HALF, "alpha": HALF, "omega": 1, "c": 4}, STRONG),
    (ef21_factor, {"gamma": F(1, 5), "delta": HALF, "c": 1}, STRONG),
    (scaffold_factor, {"gamma": F(1, 4), "K": 2, "b": F(1, 4)}, STRONG),
]


@pytest.mark.parametrize(("program", "parameters", "world"), CASES, ids=[case[0].__name__ for case in CASES])
def test_every_program_is_proved_about(
    program: Callable[..., Any], parameters: dict[str, Any], world: dict[str, Any], tmp_path: Path
) -> None:
    """No program supplies a bound on its worst case's size: the proof contains one."""
    pep = SymPEP(**world)
    value = pep.maximize(program(pep, **parameters)).value
    certificate = certify(program, parameters, **world)
    assert abs(float(certificate.bound) - value) < 1e-6
    assert rebuild(certificate.save(tmp_path / "c.json")) == certificate.check()


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    K=st.integers(1, 3),
    gamma=st.sampled_from((F(1, 10), F(2, 7), F(1, 1), F(3, 2))),
    mu=st.sampled_from((F(0), F(1, 100), F(1, 3))),
    L=st.sampled_from((F(1), F(5, 3))),
    R=st.sampled_from((F(1, 3), F(1))),
    zeta=st.sampled_from((F(1, 7), F(2))),
)
def test_a_bound_is_just_above_the_worst_case(K: int, gamma: F, mu: F, L: F, R: F, zeta: F) -> None:
    parameters = {"K": K, "gamma": gamma / L, "R": R, "zeta": zeta}
    certificate = certify(local_gd, parameters, L=L, mu=mu, N=3)
    pep = SymPEP(L=L, mu=mu, N=3)
    value = pep.maximize(local_gd(pep, **parameters)).value
    assert -1e-7 < (float(certificate.bound) - value) / (1 + value) < 1e-6  # the solver is the less exact of the two
    certificate.check()


def test_the_worst_case_in_closed_form_is_not_undercut() -> None:
    """One step of gradient descent contracts by (1 - gamma mu)^2 exactly: a rational bound must not be below it."""
    for gamma in (F(1, 3), F(1), F(18, 11)):
        bound = certify(local_gd, {"K": 1, "gamma": gamma, "R": 1, "zeta": 1}, L=1, mu=F(1, 10), N=2).bound
        exact = max((1 - gamma / 10) ** 2, (1 - gamma) ** 2)
        assert exact <= bound <= exact + F(1, 10**7)


def test_floats_stand_for_other_numbers() -> None:
    for world, parameters in (({"mu": 0.1}, {}), ({}, {"gamma": 0.5}), ({}, {"zeta": 0.1})):
        with pytest.raises(SpecError, match="pass a Fraction"):
            certify(local_gd, {"K": 2, "gamma": HALF, "R": 1, "zeta": 1} | parameters, **{"L": 1, "mu": F(1, 10), "N": 2} | world)
    assert F(0.1) != F(1, 10)


def unbounded(world: Any) -> Any:
    return norm2(mean(world.grad(world.point())))


def a_step(world: Any) -> Any:
    x = world.point()
    return Step([norm2(x)], [norm2(x)], norm2(x))


def two_scalars(world: Any) -> Any:
    return norm2(world.gstar), norm2(world.gstar)


@pytest.mark.parametrize(("mu", "L"), [(F(0), F(1)), (F(1, 10), F(5, 3)), (F(-1), F(1))])
def test_inequalities_in_fractions_are_those_in_floats(mu: F, L: F) -> None:
    rng = np.random.default_rng(0)
    X, G = (np.array([F(int(v), 6) for v in rng.integers(-9, 9, 12)], dtype=object).reshape(3, 4) for _ in range(2))
    exact = rows(X, G, mu, L)
    assert all(isinstance(v, F) for v in exact.flat)
    np.testing.assert_allclose(exact.astype(float), rows(X.astype(float), G.astype(float), float(mu), float(L)), atol=1e-12)
    assert (exact == exact.transpose(0, 2, 1)).all()


def test_what_has_no_proof_is_refused() -> None:
    with pytest.raises(WorstCaseError, match="unbounded") as caught:
        certify(unbounded, {}, **STRONG)
    assert caught.value.status == "unbounded"
    with pytest.raises(SpecError, match="got a Step"):
        certify(a_step, {}, **STRONG)
    with pytest.raises(SpecError, match="got a tuple"):
        certify(two_scalars, {}, **STRONG)


def test_a_proof_takes_milliseconds() -> None:
    one_round()
    took = []
    for _ in range(7):
        before = time.process_time()
        one_round()
        took.append(time.process_time() - before)
    assert min(took) < 0.07


# ---- the checker


def test_the_checker_is_small_and_needs_nothing(tmp_path: Path) -> None:
    source = Path(check_certificate.__file__).read_text(encoding="utf-8")
    tree = ast.parse(source)
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    docstrings = [s for s in statements if isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant)]
    assert len(statements) - len(docstrings) <= 70
    imported = {alias.name for s in statements if isinstance(s, ast.Import) for alias in s.names}
    imported |= {s.module or "" for s in statements if isinstance(s, ast.ImportFrom)}
    assert imported <= set(sys.stdlib_module_names)
    assert not any(isinstance(node, ast.Constant) and isinstance(node.value, float) for node in ast.walk(tree))
    copied = shutil.copy(check_certificate.__file__, tmp_path / "elsewhere.py")
    good = one_round().save(tmp_path / "deep" / "good.json")
    alone = [sys.executable, "-I", "-S", str(copied)]
    ran = subprocess.run([*alone, str(good)], capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "measured <= " in ran.stdout
    assert "assumption |x0|^2 <= 1" in ran.stdout
    bad = tmp_path / "bad.json"
    bad.write_text(good.read_text().replace('"claim": "', '"claim": "not '))
    ran = subprocess.run([*alone, str(good), str(bad)], capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 1
    assert "bad.json is refused: it is no certificate of format 1, or was changed" in ran.stderr


@pytest.mark.parametrize("content", ["", "{", "[]", "3", "{}", '{"format": "fedmm certificate 1"}', "\x00", "[" * 100_000])
def test_broken_files_are_refused_in_a_sentence(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    assert main([str(path)]) == 1
    assert capsys.readouterr().err.startswith(f"{path} is refused: ")


def test_missing_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.json")]) == 1
    assert "No such file" in capsys.readouterr().err
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err
    with pytest.raises(DataError, match="No such file"):
        rebuild(tmp_path / "none.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="Cannot write the certificate"):
        one_round().save(tmp_path / "file" / "c.json")


def numbers(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in a file the numbers of the proof stand."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, inner in items:
        yield from numbers(inner, (*path, key))
    if isinstance(tree, str) and path[-1] != "says" and path[0] in ("statements", "expressions", "bound"):
        yield path


def changed(data: dict[str, Any], path: tuple[Any, ...], by: F, *, signed: bool) -> dict[str, Any]:
    data = copy.deepcopy(data)
    place: Any = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = str(F(place[path[-1]]) + by)
    return data | {"sha256": digest(data)} if signed else data


def test_no_number_can_be_changed() -> None:
    data = one_round().data()
    found = list(numbers(data))
    assert len(found) > 100
    for path in found:
        with pytest.raises(ValueError, match="was changed"):
            check(changed(data, path, F(1, 10**9), signed=False))


def test_no_false_statement_can_be_signed(tmp_path: Path) -> None:
    """With the digest made right again: what still passes is another true implication, and not about this method."""
    data = one_round().data()
    harmless = []
    for path in numbers(data):
        for by in (F(1, 1000), F(-1, 1000)):
            tampered = changed(data, path, by, signed=True)
            try:
                check(tampered)
            except ValueError:
                continue
            file = tmp_path / "t.json"
            file.write_text(json.dumps(tampered))
            if path[-1] == "bound" and by > 0:
                harmless.append(path)  # a weaker bound, if only the statement says so, is noticed below
            with pytest.raises(DataError):
                rebuild(file)
    assert ("statements", 0, "bound") in harmless


@pytest.mark.parametrize(
    ("path", "by", "why"),
    [
        (("statements", 0, "bound"), F(-1, 10**11), "more than its bound"),
        (("statements", 0, "inequalities", 0, "multiplier"), F(-3), "a multiplier is negative"),
        (("statements", 0, "inequalities", 0, "multiplier"), F(1, 10**12), "do not cancel"),
        (("statements", 0, "inequalities", 0, "F", 0), F(1, 10**12), "do not cancel"),
        (("statements", 0, "inequalities", 0, "matrices", 0, 0, 1), F(1, 10**12), "symmetric and positive"),
        (("statements", 0, "inequalities", -2, "matrices", 0, 0, 0), F(-1, 10**4), "symmetric and positive"),
        (("statements", 0, "inequalities", -1, "matrices", 1, 0, 0), F(-1, 10**4), "symmetric and positive"),
        (("statements", 0, "inequalities", -1, "const"), F(-1, 10**9), "more than its bound"),
        (("statements", 0, "objective", "measured"), F(1, 10**4), "symmetric and positive"),
        (("expressions", "measured", "const"), F(1, 10**9), "more than its bound"),
        (("expressions", "measured", "matrices", 0, 0, 0), F(1, 10**4), "symmetric and positive"),
    ],
)
def test_every_part_of_the_proof_is_checked(path: tuple[Any, ...], by: F, why: str) -> None:
    data = one_round().data()
    check(data)
    with pytest.raises(ValueError, match=why):
        check(changed(data, path, by, signed=True))


def test_numbers_that_are_not_exact_are_refused() -> None:
    for bad in (0.5, 1, "0.5", "1e3", "nan", "1/0", " 1", "٣", True, None):
        data = one_round().data()
        data["statements"][0]["inequalities"][0]["const"] = bad
        with pytest.raises(ValueError, match="expected numbers written as '3/7'"):
            check(data | {"sha256": digest(data)})


def test_a_ragged_matrix_is_refused() -> None:
    data = one_round().data()
    data["statements"][0]["inequalities"][0]["matrices"][0][0].append("0")
    with pytest.raises(ValueError, match="zip"):
        check(data | {"sha256": digest(data)})


def test_semidefinite_is_exact() -> None:
    rng = np.random.default_rng(0)
    for n in (1, 2, 4):
        U = rng.integers(-3, 4, size=(max(n - 1, 1), n))
        S = [[F(int(x), 7) for x in row] for row in U.T @ U]  # singular for n > 1
        assert semidefinite(S)
        S[n - 1][n - 1] -= F(1, 10**30)
        assert semidefinite(S) == (n == 1 and U[0, 0] != 0)
    assert semidefinite([])
    assert semidefinite([[F(0), F(0)], [F(0), F(1)]])
    assert not semidefinite([[F(0), F(1)], [F(1), F(5)]])
    assert not semidefinite([[F(1), F(2)], [F(0), F(1)]])
    assert not semidefinite([[F(1), F(0)]])


# ---- the method's text, run again


def test_another_program_is_noticed(tmp_path: Path) -> None:
    path = one_round().save(tmp_path / "c.json")
    with pytest.raises(DataError, match="other quantities"):
        rebuild(path, averaged_iterate_like)
    data = json.loads(path.read_text())
    data["parameters"]["K"] = "3"
    path.write_text(json.dumps(data | {"sha256": digest(data)}))
    with pytest.raises(DataError, match="other quantities"):
        rebuild(path)
    data["program"] = "os:system"
    path.write_text(json.dumps(data | {"sha256": digest(data)}))
    with pytest.raises(SpecError, match="not one of theory_checks"):
        rebuild(path)
    data["program"] = "theory_checks.pep.programs.local_gd:local_gdd"
    path.write_text(json.dumps(data | {"sha256": digest(data)}))
    with pytest.raises(DataError, match="no program"):
        rebuild(path)


def averaged_iterate_like(world: Any, **parameters: Any) -> Any:
    return 2 * local_gd(world, **parameters)


def test_another_assumption_is_noticed(tmp_path: Path) -> None:
    """|x0|^2 <= 1 becomes |x0|^2 <= 1/2: a true implication, of which the checker alone says so."""
    data = one_round().data()
    used = next(i for i in data["statements"][0]["inequalities"] if i["says"] == "assumption |x0|^2 <= 1")
    used["const"], used["says"] = "-1/2", "assumption |x0|^2 <= 1/2"
    path = tmp_path / "c.json"
    path.write_text(json.dumps(data | {"sha256": digest(data)}))
    assert "|x0|^2 <= 1/2" in check(json.loads(path.read_text()))[0]
    with pytest.raises(DataError, match=r"uses 'assumption \|x0\|\^2 <= 1/2' in a form"):
        rebuild(path)


@pytest.mark.parametrize("ask", [certify, certify_rate, worst_case], ids=["certify", "certify_rate", "worst_case"])
@pytest.mark.parametrize(
    ("program", "parameters", "world", "words"),
    [
        (1, {}, {}, "Expected a program"),
        (local_gd, 3, {}, "as a mapping"),
        (local_gd, {"K": 2}, {}, "do not fit the program"),
        (local_gd, {"K": 2, "gama": 1, "R": 1, "zeta": 1}, {}, "do not fit the program"),
        (local_gd, {"K": 2, "gamma": 1, "R": 1, "zeta": 1}, {"Mu": 0}, "A world has no Mu"),
        (local_gd, {"K": -1, "gamma": 1, "R": 1, "zeta": 1}, {}, "K as an integer from 1"),
    ],
)
def test_what_is_no_program_is_refused(ask: Callable, program: Any, parameters: Any, world: dict, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        ask(program, parameters, **world)
