r"""A surrogate family as its user writes it down: blocks of numbers, and functions of them.

    U_s(theta) = g(theta) + psi(theta) - <s, phi(theta)>,      T(s) = argmin U_s

`Family.surrogate` is U_s as a CVXPY expression of variables (the blocks of theta) and parameters (the blocks of s, or
declared functions of them); `Family.statistic` is S_i. `problems.custom.Custom` makes a problem of the two.

| argument | symbol |
|---|---|
| theta, s | the blocks of theta and of s, laid end to end in flat vectors of lengths d and q |
| forms | what of a block of s enters U_s: s itself, or its square root, inverse square root, logarithm |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fedmm.arguments import check_fields
from fedmm.errors import DataError, SpecError
from fedmm.symmetric import pack, packed_size, project_psd, unpack

__all__ = ["Block", "Family", "clipped", "family_at", "joined", "parted"]

Form = Literal["itself", "sqrt", "inverse-sqrt", "log"]

OUTSIDE = 1e-5
"""How far, relative, a statistic may lie outside its declared sign: what rounding to single precision may do."""


@dataclass(frozen=True)
class Block:
    """Some coordinates of theta or of s: an array with a name, a shape and a sign.

    Parameters
    ----------
    name : str
        What messages call it.
    shape : int or tuple of int
        () for a scalar, n for a vector, (m, n) for a matrix. Flat vectors hold it row by row.
    sign : {"any", "nonneg", "nonpos", "symmetric", "psd"}
        A declared sign; "symmetric" and "psd" are for square matrices, which flat vectors hold packed
        (`fedmm.symmetric`).
    forms : tuple of {"itself", "sqrt", "inverse-sqrt", "log"}
        For a block of s: the CVXPY parameters it gives, in this order. The functions need "nonneg" (entry by entry) or
        "psd" (of the matrix).

    Raises
    ------
    SpecError
        For a shape that is not one, a symmetric matrix that is not square, or a form that the sign does not allow.
    """

    name: str
    shape: int | tuple[int, ...] = ()
    sign: Literal["any", "nonneg", "nonpos", "symmetric", "psd"] = "any"
    forms: tuple[Form, ...] = ("itself",)

    def __post_init__(self) -> None:
        check_fields(self)
        if isinstance(self.shape, int):
            object.__setattr__(self, "shape", (self.shape,))
        if len(self.axes) > 2 or any(n < 1 for n in self.axes):
            raise SpecError(f"Expected the shape of block {self.name!r} as (), (n,) or (m, n) with n >= 1, got {self.shape}.")
        if self.square and (len(self.axes) != 2 or self.axes[0] != self.axes[1]):
            raise SpecError(f"Expected a square shape for the {self.sign} block {self.name!r}, got {self.shape}.")
        curved = [form for form in self.forms if form != "itself"]
        if curved and self.sign not in ("nonneg", "psd"):
            raise SpecError(f"The form {curved[0]!r} of block {self.name!r} needs the sign 'nonneg' or 'psd', got {self.sign!r}.")
        if not self.forms:
            raise SpecError(f"Expected at least one form for block {self.name!r}, got none; write forms=('itself',).")

    @property
    def axes(self) -> tuple[int, ...]:
        """The shape as a tuple."""
        return (self.shape,) if isinstance(self.shape, int) else self.shape

    @property
    def square(self) -> bool:
        """Whether it is a symmetric matrix, held packed."""
        return self.sign in ("symmetric", "psd")

    @property
    def size(self) -> int:
        """How many numbers of a flat vector it takes."""
        return packed_size(self.axes[0]) if self.square else prod(self.axes)

    def array(self, flat: np.ndarray) -> np.ndarray:
        """The block as an array, from its part of a flat vector."""
        return unpack(flat) if self.square else flat.reshape(self.axes)

    def flat(self, array: Any, where: str) -> np.ndarray:
        """Its part of a flat vector, from an array.

        Raises
        ------
        DataError
            If the array has another shape, or is not symmetric where that is declared.
        """
        try:
            values = np.asarray(array, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"Expected {where} to give {self.name!r} as numbers, got {type(array).__name__}.") from error
        if values.shape != self.axes:
            raise DataError(f"Expected {where} to give {self.name!r} of shape {self.axes}, got shape {values.shape}.")
        if self.square:
            gap = float(np.abs(values - values.T).max())
            if gap > 1e-5 * (1.0 + float(np.abs(values).max())):
                raise DataError(f"Expected {where} to give a symmetric {self.name!r}, got one that differs by {gap:.3g}.")
            return pack(0.5 * (values + values.T))
        return values.reshape(-1)

    def clip(self, flat: np.ndarray) -> np.ndarray:
        """The Euclidean projection of its part of a flat vector (..., size) onto its sign."""
        if self.sign == "psd":
            return project_psd(flat)
        if self.sign in ("nonneg", "nonpos"):
            return np.maximum(flat, 0.0) if self.sign == "nonneg" else np.minimum(flat, 0.0)
        return flat

    def parameters(self, flat: np.ndarray) -> list[np.ndarray]:
        """The values of its CVXPY parameters.

        Raises
        ------
        ArithmeticError
            If the block is outside its sign by more than rounding, or a form is not finite there.
        """
        inside = self.clip(flat)
        gap = float(np.abs(inside - flat).max())
        if gap > OUTSIDE * (1.0 + float(np.abs(flat).max())):
            raise ArithmeticError(f"the block {self.name!r} of s is not {self.sign} (off by {gap:.3g}); project s first.")
        return [self._form(inside, form) for form in self.forms]

    def _form(self, inside: np.ndarray, form: str) -> np.ndarray:
        if form == "itself":
            return self.array(inside)
        function = _FORMS[form]
        with np.errstate(all="ignore"):
            if self.sign == "psd":
                values, vectors = np.linalg.eigh(unpack(inside))
                found = (vectors * function(np.maximum(values, 0.0))) @ vectors.T
            else:
                found = function(self.array(inside))
        if not np.isfinite(found).all():
            raise ArithmeticError(f"the form {form!r} of the block {self.name!r} of s is not finite: it has a zero.")
        return found


def _inverse_sqrt(x: np.ndarray) -> np.ndarray:
    return 1.0 / np.sqrt(x)


_FORMS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"sqrt": np.sqrt, "inverse-sqrt": _inverse_sqrt, "log": np.log}


@dataclass(frozen=True, repr=False)
class Family:
    r"""A linearly parameterised family of majorisers, by functions of NumPy arrays and one of CVXPY expressions.

    Sparse data reach `statistic` and `value` as SciPy's sparse arrays.

    Below, `*theta` stands for the blocks of theta as separate arguments, in order, and likewise `*s`. What a function
    returns for several blocks is a tuple of arrays in the same order; for a single block, the array.

    Parameters
    ----------
    theta, s : tuple of Block
        What theta and s consist of.
    surrogate : callable
        ``surrogate(*theta, *s)`` is U_s as a convex CVXPY expression, or a pair (expression, constraints on theta). It
        is given variables, then for every block of s its `forms` as parameters, and is called once.
    statistic : callable
        ``statistic(data, *theta)`` is S_i, a mean over the samples of `data`.
    value : callable
        ``value(data, *theta)`` is f_i.
    penalty : callable or None
        ``penalty(*theta)`` is g without the constraints; None where it is zero.
    lift : callable or None
        ``lift(*theta)`` is a statistic s with T(s) = theta. There is no numerical way to find one; None leaves it open,
        and methods start at the mean statistic of theta_0.
    project : callable or None
        ``project(*s)`` is the Euclidean projection onto S; None projects every block onto its sign.

    Functions should be importable by name (not lambdas), so that the problem can be sent to other processes.

    Raises
    ------
    SpecError
        For no block, two blocks of one name, or something that cannot be called.
    """

    theta: tuple[Block, ...]
    s: tuple[Block, ...]
    surrogate: Callable
    statistic: Callable
    value: Callable
    penalty: Callable | None = None
    lift: Callable | None = None
    project: Callable | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        for name, blocks in (("theta", self.theta), ("s", self.s)):
            if not blocks:
                raise SpecError(f"Expected at least one block of {name}, got none; write {name}=(Block('{name}', n),).")
        names = [block.name for block in (*self.theta, *self.s)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise SpecError(f"Two blocks are called {twice[0]!r}; give every block of theta and s a name of its own.")
        self._check_theta()

    def __repr__(self) -> str:
        """Its blocks: functions have no short name."""
        theta, s = (", ".join(f"{b.name} {b.shape} {b.sign}" for b in blocks) for blocks in (self.theta, self.s))
        return f"Family(theta: {theta}; s: {s})"

    def _check_theta(self) -> None:
        curved = [block.name for block in self.theta if block.forms != ("itself",)]
        if curved:
            raise SpecError(f"The block {curved[0]!r} of theta has forms, which are for blocks of s; leave them out.")


def parted(blocks: Sequence[Block], flat: np.ndarray, where: str) -> list[np.ndarray]:
    """The parts of a flat vector (..., d), one a block.

    Raises
    ------
    DataError
        If its length is not that of the blocks.
    """
    sizes = [block.size for block in blocks]
    if flat.ndim == 0 or flat.shape[-1] != sum(sizes):
        names = ", ".join(f"{block.name} ({block.size})" for block in blocks)
        raise DataError(f"Expected {where} of length {sum(sizes)} = {names}, got shape {tuple(flat.shape)}.")
    return np.split(flat, np.cumsum(sizes)[:-1], axis=-1)


def joined(blocks: Sequence[Block], arrays: Any, where: str) -> np.ndarray:
    """One flat vector of what a function returned for these blocks.

    Raises
    ------
    DataError
        If it is not one array a block, of its shape.
    """
    several = [arrays] if len(blocks) == 1 and not isinstance(arrays, tuple) else arrays
    if not isinstance(several, (tuple, list)) or len(several) != len(blocks):
        names = ", ".join(block.name for block in blocks)
        got = f"{len(several)} things" if isinstance(several, (tuple, list)) else type(several).__name__
        raise DataError(f"Expected {where} to return a tuple ({names}), got {got}.")
    return np.concatenate([block.flat(array, where) for block, array in zip(blocks, several, strict=True)])


def clipped(blocks: Sequence[Block], flat: np.ndarray) -> np.ndarray:
    """A flat vector (d,) with every block projected onto its sign."""
    parts = zip(blocks, parted(blocks, flat, "a vector"), strict=True)
    return np.concatenate([block.clip(part) for block, part in parts])


def family_at(address: str) -> Family:
    """The family at an address: "package.module:NAME", or "path/to/file.py:NAME".

    Raises
    ------
    SpecError
        If there is no such module, file or name, or it is not a `Family`.
    """
    place, colon, name = address.rpartition(":")
    if not colon or not place or not name:
        raise SpecError(f"Expected a family as 'package.module:NAME' or 'file.py:NAME', got {address!r}.")
    try:
        module = _module_of(Path(place)) if place.endswith(".py") else import_module(place)
    except (ImportError, OSError) as error:
        raise SpecError(f"Cannot import the family {address!r}: {error}; check the path, or the module's name.") from error
    if name not in vars(module):
        raise SpecError(f"There is no {name!r} in {place}; name the Family that the module defines.")
    found = vars(module)[name]
    if not isinstance(found, Family):
        raise SpecError(f"Expected {address!r} to be a Family, got {type(found).__name__}.")
    return found


def _module_of(path: Path) -> Any:
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
