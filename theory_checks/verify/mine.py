"""A user's own claims, from a Python file; and which claims are meant by a name, a method or a topic."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from fedmm.errors import SpecError, suggest
from theory_checks.claim import Claim

__all__ = ["known", "load", "select"]


def known(mine: Path | None = None) -> dict[str, Claim]:
    """The claims of the catalog by name, or those of a user's file."""
    if mine is not None:
        return load(mine)
    from theory_checks.claims import claims

    return claims()


def load(path: Path) -> dict[str, Claim]:
    """The claims of a user's file: its tuple ``CLAIMS``, or else every claim at its top level.

    Raises
    ------
    SpecError
        If the file cannot be read or run, or holds no claim, or two of one name.
    """
    if not path.is_file():
        raise SpecError(f"Expected a Python file with your claims, got {path}, which is no file.")
    name = f"mine_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SpecError(f"Expected a Python file with your claims, got {path}; its name must end in .py.")
    module = module_from_spec(spec)
    sys.modules[name] = module  # so that its dataclasses and pickles find it
    sys.path.insert(0, str(path.resolve().parent))  # as for a script, for the modules beside it
    try:
        spec.loader.exec_module(module)
    except SpecError as error:
        raise SpecError(f"{path}{_line(error, path)}: {error}") from error
    except SystemExit as error:
        raise SpecError(f"{path} ends the program{_line(error, path)}; guard it with if __name__ == '__main__'.") from error
    except SyntaxError as error:
        where = f", line {error.lineno}" if error.lineno else ""
        raise SpecError(f"{path} is not valid Python{where}: {error.msg}.") from error
    except Exception as error:
        raise SpecError(f"{path} cannot be run{_line(error, path)}: {type(error).__name__}: {error}.") from error
    finally:
        sys.path.remove(str(path.resolve().parent))
    inside = vars(module)
    found = inside["CLAIMS"] if "CLAIMS" in inside else [thing for thing in inside.values() if isinstance(thing, Claim)]
    if not isinstance(found, (tuple, list)) or not all(isinstance(claim, Claim) for claim in found):
        raise SpecError(f"Expected CLAIMS of {path} to be a tuple of claims, got {_shown(found)}.")
    if not found:
        raise SpecError(f"{path} holds no claim; give it a tuple CLAIMS, or a function decorated with @theorem.")
    claims = {claim.name: claim for claim in found}
    twice = sorted({claim.name for claim in found if claims[claim.name] is not claim})
    if twice:
        raise SpecError(f"Two claims of {path} are called {twice[0]!r}; rename one.")
    return claims


def select(
    claims: Mapping[str, Claim], names: Sequence[str] = (), method: str | None = None, tag: str | None = None
) -> list[str]:
    """The names of the claims that are meant; without names, method and tag all of them.

    Raises
    ------
    SpecError
        For a name, method or tag that no claim has, or if nothing is left.
    """
    for name in names:
        if name not in claims:
            raise SpecError(f"Unknown claim {name!r}.{suggest(name, claims)}")
    methods = {claim.method for claim in claims.values() if claim.method}
    if method is not None and method not in methods:
        raise SpecError(f"No claim is about the method {method!r}.{_hint(method, methods)}")
    tags = {each for claim in claims.values() for each in claim.tags}
    if tag is not None and tag not in tags:
        raise SpecError(f"No claim has the tag {tag!r}.{_hint(tag, tags)}")
    found = [
        name
        for name, claim in claims.items()
        if (not names or name in names) and method in (None, claim.method) and (tag is None or tag in claim.tags)
    ]
    if not found:
        asked = [f"the name {' or '.join(names)}"] if names else []
        asked += [f"the method {method}"] if method is not None else []
        asked += [f"the tag {tag}"] if tag is not None else []
        raise SpecError(f"No claim has {' and '.join(asked)}; leave one of them out." if asked else "There is no claim yet.")
    return found


def _hint(name: str, there: set[str]) -> str:
    return suggest(name, there) if there else ""


def _line(error: BaseException, path: Path) -> str:
    """Where in the user's file it went wrong: the last frame inside it."""
    trace, line = error.__traceback__, None
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).resolve() == path.resolve():
            line = trace.tb_lineno
        trace = trace.tb_next
    return "" if line is None else f", line {line}"


def _shown(thing: object) -> str:
    if isinstance(thing, (tuple, list)):
        return f"one with {next(type(item).__name__ for item in thing if not isinstance(item, Claim))} in it"
    return type(thing).__name__
