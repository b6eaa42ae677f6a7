r"""From a worst-case problem to arrays.

Every inequality is :math:`\langle A_M,M\rangle+\sum_c\langle A_{D,c},D_c\rangle+a_F^\top F+c\le0`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from theory_checks.pep.algebra import Inequality, Scalar, check_space, grown
from theory_checks.pep.classes import pairs, rows

if TYPE_CHECKING:
    from theory_checks.pep.problem import SymPEP

__all__ = ["Rows", "assemble", "joined", "stacked", "valid"]


class Rows(NamedTuple):
    """J inequalities (or scalars): M (J, n, n), D (J, r, m, m), F (J, k), const (J,), and a label each."""

    M: np.ndarray
    D: np.ndarray
    F: np.ndarray
    const: np.ndarray
    labels: tuple[str, ...]


def assemble(pep: SymPEP) -> Rows:
    """Every inequality of a problem: interpolation, ingredients, assumptions, in this order."""
    return joined([valid(pep), stacked(pep, pep.assumptions)])


def valid(pep: SymPEP) -> Rows:
    """The inequalities that hold on every federation of the class: interpolation and the ingredients' own."""
    parts = [_interpolation(pep, c) for c in range(pep.r)]
    return joined([*parts, stacked(pep, [*_floors(pep), *_regularizer(pep), *pep.rules])])


def stacked(pep: SymPEP, what: Iterable[Inequality | Scalar]) -> Rows:
    """Scalars, or the left sides of inequalities, as rows."""
    n, m, k, r = len(pep.means), len(pep.devs), len(pep.values), pep.r
    entries = [(s.left, s.label or "assumption") if isinstance(s, Inequality) else (s, "") for s in what]
    check_space(pep, *(s for s, _ in entries))
    dtype = object if pep.exact else float
    M = np.array([grown(s.M, (n, n)) for s, _ in entries], dtype=dtype).reshape(len(entries), n, n)
    D = np.array([grown(s.D, (r, m, m)) for s, _ in entries], dtype=dtype).reshape(len(entries), r, m, m)
    F = np.array([grown(s.F, (k,)) for s, _ in entries], dtype=dtype).reshape(len(entries), k)
    const = np.array([s.const for s, _ in entries], dtype=dtype).reshape(len(entries))
    return Rows(M, D, F, const, tuple(label for _, label in entries))


def joined(parts: Sequence[Rows]) -> Rows:
    """All rows of the parts, in their order."""
    M, D, F, const = (np.concatenate([part[k] for part in parts]) for k in range(4))
    return Rows(M, D, F, const, tuple(label for part in parts for label in part.labels))


def _interpolation(pep: SymPEP, c: int) -> Rows:
    n, m, k, r = len(pep.means), len(pep.devs), len(pep.values), pep.r
    points = pep.evaluations
    P = len(points)
    where, slopes = [e.x for e in points], [e.g for e in points]
    X, G = (np.array([grown(v.a, (r, n))[c] for v in vectors]).reshape(P, n) for vectors in (where, slopes))
    Xd, Gd = (np.array([grown(v.d, (r, m))[c] for v in vectors]).reshape(P, m) for vectors in (where, slopes))
    p, q = pairs(P)
    one, count = pep.one, len(p)
    D = np.full((count, r, m, m), one * 0)
    D[:, c] = rows(Xd, Gd, pep.mu[c], pep.L[c])
    F = np.full((P, k + 1), one * 0)  # the last column collects the known values, which are 0
    F[np.arange(P), [e.F[c] for e in points]] = one
    label = "interpolation" if r == 1 else f"interpolation of class {c}"
    names = tuple(f"{label} ({i}, {j})" for i, j in zip(p, q, strict=True))
    return Rows(rows(X, G, pep.mu[c], pep.L[c]), D, (F[q] - F[p])[:, :k], np.full(count, one * 0), names)


def _floors(pep: SymPEP) -> list[Inequality]:
    """Non-convex f >= 0 at global points: |grad f(x)|^2 <= 2 L f(x), with L the weighted smoothness of f."""
    if pep.convex:
        return []
    L: Any = sum(w * L for w, L in zip(pep.weights, pep.L, strict=True))
    found = []
    for k, e in enumerate(pep.evaluations):
        if not e.x.d.any() and (e.x.a == e.x.a[0]).all():
            mean = e.g.mean()
            left = pep.inner(mean, mean) / (2 * L) - pep.gap(e.x)
            found.append(Inequality(left, f"f >= 0 at point {k}"))
    return found


def _regularizer(pep: SymPEP) -> list[Inequality]:
    found = []
    for i, (x, _, psi) in enumerate(pep.proximal):
        for j, (z, eta, phi) in enumerate(pep.proximal):
            if i != j:
                left = pep.value(phi) - pep.value(psi) + pep.inner(eta, x - z)
                found.append(Inequality(left, f"regulariser ({i}, {j})"))
    return found
