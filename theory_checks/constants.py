r"""The constants in the text of a function, changed one at a time: the same function with ``0.5`` made ``0.45``.

A constant is a number written in the function, or in one that it calls (of the same module, or of `FORMULAS`), or a number of a
module that they name. It is multiplied by 0.9 and by 1.1; a whole number up to `WHOLE` (an exponent, the one of
``1 - gamma mu``) also goes up and down by one.

What is behind `functools.lru_cache` (a worst case, the run of a method) is a computation and no formula, and left alone; so are
functions whose text is not there, or that are made inside others.
"""

from __future__ import annotations
import __future__

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from math import isfinite
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, NamedTuple, TypeGuard

__all__ = ["SEED", "Altered", "altered", "changes", "is_number"]

FACTORS = (0.9, 1.1)
"""By which a constant is multiplied."""

WHOLE = 12
"""Whole numbers up to here also change by one."""


FORMULAS = (
    "theory_checks.claims.",
    "theory_checks.statements.",
    "theory_checks.pep.rates",
    "theory_checks.pep.programs.",
    "fedmm.bounds",
)
"""Modules with formulas that promises of other modules call."""

SEED = "seed"
"""Who is called so chooses an instance, and is no constant."""

Place = tuple[str, str]


class Altered(NamedTuple):
    """A function with one constant changed: what it was and where, how it was changed, and the function."""

    constant: str
    change: str
    function: Callable[..., Any]


def altered(function: Callable[..., Any]) -> Iterator[Altered]:
    """`function` with each of its constants changed in turn; nothing for one that is no plain function of a module."""
    root = _formula(function)
    if root is None:
        return
    functions, numbers = _reached(root)
    for (module, name), value in numbers.items():
        for says, changed in changes(value):
            yield Altered(f"{name} = {value!r}", says, _rebuilt(root, functions, {(module, name): changed}))
    for place, each in functions.items():
        tree, file = _text(each), each.__code__.co_filename
        if tree is None:
            continue
        for constant, value, parent in _written(tree):
            at = f"{value!r} in {_cut(ast.unparse(parent))} ({Path(file).name}:{constant.lineno}:{constant.col_offset + 1})"
            for says, changed in changes(value):
                constant.value = changed
                code = compile(ast.Module([tree], []), file, "exec", __future__.annotations.compiler_flag)
                constant.value = value
                yield Altered(at, says, _rebuilt(root, functions, {}, place, code))


def changes(value: float) -> list[tuple[str, float]]:
    """What a constant is changed to."""
    found: list[tuple[str, float]] = [(f"x {c:g}", c * value) for c in FACTORS] if value else []
    if abs(value) <= WHOLE and value == int(value):
        found += [("+ 1", value + 1), ("- 1", value - 1)]
    return found


def is_number(value: Any) -> TypeGuard[float]:
    """Whether this is a finite number, and not a truth value."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and isfinite(value)


def _formula(function: Callable[..., Any]) -> FunctionType | None:
    while isinstance(function, FunctionType) and "__wrapped__" in vars(function):
        function = vars(function)["__wrapped__"]
    return function if isinstance(function, FunctionType) and not function.__closure__ else None


def _reached(root: FunctionType) -> tuple[dict[Place, FunctionType], dict[Place, float]]:
    """The functions that `root` calls, itself first, and the numbers of modules that they name."""
    functions, numbers, todo = {_place(root): root}, dict[Place, float](), [root]
    for each in todo:
        for name in _names(each.__code__):
            thing = each.__globals__.get(name)
            if is_number(thing):
                numbers[each.__module__, name] = thing
            elif isinstance(thing, FunctionType) and _place(thing) not in functions and _followed(thing, each):
                functions[_place(thing)] = thing
                todo.append(thing)
    return functions, numbers


def _followed(called: FunctionType, caller: FunctionType) -> bool:
    return called.__module__ == caller.__module__ or called.__module__.startswith(FORMULAS)


def _place(function: FunctionType) -> Place:
    return function.__module__, function.__name__


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _names(inner)


def _text(function: FunctionType) -> ast.FunctionDef | None:
    """The function's tree, with the file's line numbers; None where there is no such text, or a decorator changes its meaning."""
    try:
        lines, first = inspect.getsourcelines(function)
        tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
    except (OSError, SyntaxError):
        return None
    if not isinstance(tree, ast.FunctionDef) or tree.decorator_list or tree.name != function.__name__ or function.__closure__:
        return None
    return ast.increment_lineno(tree, first - 1)


def _written(tree: ast.FunctionDef) -> Iterator[tuple[ast.Constant, float, ast.AST]]:
    """Numbers, their values, and what they stand in; not as an index, or in a list with a seed."""
    todo: list[ast.AST] = [*tree.body]
    while todo:
        node = todo.pop(0)
        if isinstance(node, ast.List) and any(isinstance(each, ast.Name) and each.id == SEED for each in node.elts):
            continue
        inside = [node.value] if isinstance(node, ast.Subscript) else list(ast.iter_child_nodes(node))
        for child in inside:
            if isinstance(child, ast.Constant) and is_number(child.value):
                yield child, child.value, node
        todo += inside


def _rebuilt(
    root: FunctionType,
    functions: dict[Place, FunctionType],
    numbers: dict[Place, float],
    place: Place | None = None,
    code: CodeType | None = None,
) -> Callable[..., Any]:
    """`root`, made anew with all that it calls, so that they call each other: with other numbers, or one from another text."""
    modules = {each.__module__: dict(each.__globals__) for each in functions.values()}
    anew: dict[Place, FunctionType] = {}
    for at, each in functions.items():
        names = modules[each.__module__]
        if at == place and code is not None:
            exec(code, names)
            anew[at] = names[each.__name__]
        else:
            anew[at] = FunctionType(each.__code__, names, each.__name__, each.__defaults__, each.__closure__)
            anew[at].__kwdefaults__ = each.__kwdefaults__
    for names in modules.values():
        for name, thing in list(names.items()):
            if isinstance(thing, FunctionType) and functions.get(_place(thing)) is thing:
                names[name] = anew[_place(thing)]
    for (module, name), value in numbers.items():
        modules[module][name] = value
    return anew[_place(root)]


def _cut(text: str, most: int = 48) -> str:
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
