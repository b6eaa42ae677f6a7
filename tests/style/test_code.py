"""The house rules that a machine can check."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("fedmm", "problems", "theory_checks")
HEAVY = ("torch", "cvxpy", "ot", "sklearn", "pandas", "matplotlib", "scipy")
PRODUCT = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
EVERY = [*PRODUCT, *sorted(path for folder in ("tests", "examples", "benchmarks") for path in (ROOT / folder).rglob("*.py"))]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", EVERY, ids=name)
def test_a_file_holds_one_idea(path: Path) -> None:
    budget = 150 if path.parent == ROOT / "fedmm" / "algorithms" else 400
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= budget, f"{name(path)} has {lines} lines, more than {budget}: it wants to be two files"


def at_import(node: ast.AST) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported; not those under TYPE_CHECKING."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.stmt):
            yield child
        yield from at_import(child)


def imported(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    return [statement.module or ""] if isinstance(statement, ast.ImportFrom) else []


@pytest.mark.parametrize("path", [p for p in PRODUCT if p.parts[len(ROOT.parts)] in ("fedmm", "problems")], ids=name)
def test_heavy_libraries_are_imported_where_used(path: Path) -> None:
    found = [m for statement in at_import(parsed(path)) for m in imported(statement) if m.partition(".")[0] in HEAVY]
    assert not found, f"{name(path)} imports {', '.join(found)} at module level"


@pytest.mark.parametrize("package", ["fedmm", "problems", "problems.data"])
def test_import_is_light(package: str) -> None:
    code = f"import sys, {package}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert not found, f"importing {package} imports {', '.join(found)}"


@pytest.mark.parametrize("path", [p for p in PRODUCT if p.parts[len(ROOT.parts)] != "theory_checks"], ids=name)
def test_nothing_flows_back_up(path: Path) -> None:
    """fedmm imports neither problems nor theory_checks, anywhere; problems does not import theory_checks."""
    below = ("problems", "theory_checks") if (ROOT / "fedmm") in path.parents else ("theory_checks",)
    statements = (node for node in ast.walk(parsed(path)) if isinstance(node, (ast.Import, ast.ImportFrom)))
    found = [m for statement in statements for m in imported(statement) if m.partition(".")[0] in below]
    assert not found, f"{name(path)} imports {', '.join(found)}"


@pytest.mark.parametrize("path", PRODUCT, ids=name)
def test_nothing_is_probed(path: Path) -> None:
    """No hasattr, no getattr with a default: what an object offers is declared, not guessed."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "hasattr", f"{name(path)}:{node.lineno} probes with hasattr"
            probes = node.func.id == "getattr" and len(node.args) == 3
            assert not probes, f"{name(path)}:{node.lineno} probes with getattr(..., default)"


@pytest.mark.parametrize("path", PRODUCT, ids=name)
def test_configuration_is_data(path: Path) -> None:
    """No lambda in the body of a class: defaults must pickle and write themselves to a recipe."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ClassDef):
            for statement in node.body:
                if isinstance(statement, (ast.Assign, ast.AnnAssign)):
                    bad = any(isinstance(child, ast.Lambda) for child in ast.walk(statement))
                    assert not bad, f"{name(path)}:{statement.lineno} has a lambda in the body of {node.name}"


@pytest.mark.parametrize("path", PRODUCT, ids=name)
def test_nothing_is_global(path: Path) -> None:
    """No `global` anywhere, and no draw while importing."""
    tree = parsed(path)
    assert not any(isinstance(node, ast.Global) for node in ast.walk(tree)), f"{name(path)} has a global statement"
    for statement in tree.body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign, ast.Expr)):
            calls = [ast.unparse(node.func) for node in ast.walk(statement) if isinstance(node, ast.Call)]
            draws = [call for call in calls if "random" in call or call.endswith(("default_rng", "generator"))]
            assert not draws, f"{name(path)}:{statement.lineno} draws at module level: {draws}"


@pytest.mark.parametrize("path", PRODUCT, ids=name)
def test_everything_public_has_a_docstring(path: Path) -> None:
    tree = parsed(path)
    if tree.body:
        assert ast.get_docstring(tree), f"{name(path)} has no module docstring"
    module = importlib.import_module(module_name(path))
    for symbol in vars(module).get("__all__", ()):
        thing = getattr(module, symbol)  # some packages import names on first use
        if not (inspect.isclass(thing) or inspect.isfunction(thing)) or thing.__module__ != module.__name__:
            continue
        doc = thing.__doc__ or ""
        automatic = inspect.isclass(thing) and doc.startswith(f"{thing.__name__}(")
        assert doc, f"{module.__name__}.{symbol} has no docstring"
        assert not automatic, f"{module.__name__}.{symbol} has only an automatic docstring"
        if inspect.isclass(thing):
            for attribute, member in vars(thing).items():
                function = inspect.unwrap(member.fget) if isinstance(member, property) and member.fget else member
                if attribute.startswith("_") or not inspect.isfunction(function) or function.__module__ != module.__name__:
                    continue
                assert inspect.getdoc(vars(thing)[attribute]) or inspect.getdoc(getattr(thing, attribute)), (
                    f"{module.__name__}.{symbol}.{attribute} has no docstring, not even from an abstract base"
                )


def test_the_rules_look_at_something() -> None:
    """Each scan above finds what it forbids in a file that has it."""
    bad = ast.parse("import torch\nclass A:\n    f = lambda: 0\nclass B:\n    import scipy.sparse\ndef g():\n    import pandas\n")
    assert [m for s in at_import(bad) for m in imported(s)] == ["torch", "scipy.sparse"]
    assert len(PRODUCT) > 50
