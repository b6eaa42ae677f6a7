r"""When local steps help, in the worst case: the exact phase diagram of FedAvg.

For each heterogeneity zeta and number of local steps K, the step is tuned (`theory_checks.tuned.tune`) for the worst
:math:`\|x_1-x^*\|^2` after one round from :math:`\|x_0-x^*\|\le R`, over all federations of the class. K local steps help where
this is below the value for one step, which does not depend on zeta.

| argument | symbol |
|---|---|
| zetas | :math:`\zeta`, with :math:`\frac1N\sum_i\|\nabla f_i(x^*)\|^2\le\zeta^2` |
| Ks | K |
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from fedmm.errors import SpecError
from theory_checks.tuned import tune

__all__ = ["PhaseDiagram", "crossover", "phase_diagram"]

ZETAS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
KS = (1, 2, 4, 8)

FINEST = 1e-6
"""The least tolerance of a crossover: worst cases are known to about 1e-8."""


@dataclass(frozen=True, eq=False)
class PhaseDiagram:
    """The tuned worst case for every zeta (rows) and K (columns).

    Parameters
    ----------
    L, mu, R : float
        Of the class.
    zetas, Ks : tuple
        The axes.
    values, steps : array (len(zetas), len(Ks))
        The worst squared distance after one round, and the step that gives it.
    """

    L: float
    mu: float
    R: float
    zetas: tuple[float, ...]
    Ks: tuple[int, ...]
    values: np.ndarray
    steps: np.ndarray

    @property
    def best(self) -> tuple[int, ...]:
        """The best K for every zeta."""
        return tuple(self.Ks[int(k)] for k in self.values.argmin(axis=1))

    def __str__(self) -> str:
        head = f"{'zeta':<8}" + "".join(f"{f'K = {K}':<18}" for K in self.Ks) + "best K"
        rows = [
            f"{zeta:<8g}" + "".join(f"{f'{v:.4f} ({g:.3f})':<18}" for v, g in zip(values, steps, strict=True)) + str(best)
            for zeta, values, steps, best in zip(self.zetas, self.values, self.steps, self.best, strict=True)
        ]
        return "\n".join([head, *rows])

    def plot(self, path: str | Path) -> None:
        """Draw the worst case against zeta, one line per K, and where each K is best, into a PNG file."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        axes = figure.add_subplot()
        for k, K in enumerate(self.Ks):
            axes.plot(self.zetas, self.values[:, k] / self.R**2, marker="o", label=f"K = {K}")
        axes.set_xlabel("zeta, heterogeneity at the optimum")
        axes.set_ylabel(r"worst $\|x_1-x^*\|^2/R^2$, tuned step")
        axes.set_title(f"When local steps help: L = {self.L:g}, mu = {self.mu:g}, R = {self.R:g}")
        axes.legend()
        figure.savefig(path, dpi=150)


def phase_diagram(
    *,
    L: float = 1.0,
    mu: float,
    zetas: Sequence[float] = ZETAS,
    Ks: Sequence[int] = KS,
    R: float = 1.0,
) -> PhaseDiagram:
    """The exact worst case of one round of FedAvg with a tuned step, for every zeta and K; any number of clients.

    Parameters
    ----------
    L, mu : float
        Smoothness and strong convexity of every client, 0 < mu < L.
    zetas, Ks : sequences
        The axes; increasing.
    R : float
        The distance of the start; zeta/(L R) is what matters.

    Raises
    ------
    SpecError
        For empty axes or parameters out of range.
    """
    zetas, Ks = _axis("zetas", zetas), _axis("Ks", Ks)
    tuned = [[tune("fedavg", L=L, mu=mu, K=K, zeta=zeta, R=R) for K in Ks] for zeta in zetas]
    values = np.array([[one.value for one in row] for row in tuned])
    steps = np.array([[one.gamma for one in row] for row in tuned])
    return PhaseDiagram(L, mu, R, tuple(zetas), tuple(Ks), values, steps)


def _axis(name: str, values: Any) -> list[Any]:
    """The values of an axis, once they are increasing numbers."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise SpecError(f"Expected {name} as a list of increasing numbers, got {values!r}.")
    axis = list(values)
    if not axis or not all(isinstance(value, Real) for value in axis):
        raise SpecError(f"Expected {name} as a list of increasing numbers, at least one, got {axis!r}.")
    if any(isfinite(value) and value >= after for value, after in pairwise(axis)):
        raise SpecError(f"Expected increasing {name}, got {axis!r}.")
    return axis


def crossover(K: int, *, L: float = 1.0, mu: float, R: float = 1.0, tolerance: float = 1e-3) -> float:
    """The heterogeneity zeta below which K tuned local steps beat one, by bisection; infinite if they always do up to zeta = L R.

    Raises
    ------
    SpecError
        For K < 2, or parameters out of range.
    """
    if not isinstance(tolerance, Real) or not FINEST <= tolerance < 1:
        raise SpecError(f"Expected a tolerance from {FINEST:g} to below 1, got {tolerance!r}.")
    if isinstance(K, bool) or not isinstance(K, int) or K < 2:
        raise SpecError(f"Expected K local steps, at least 2, to compare with one, got {K!r}.")
    one = tune("fedavg", L=L, mu=mu, K=1, R=R).value
    low, high = 0.0, L * R
    if tune("fedavg", L=L, mu=mu, K=K, zeta=high, R=R).value < one:
        return float("inf")
    while high - low > tolerance * L * R:
        middle = (low + high) / 2
        better = tune("fedavg", L=L, mu=mu, K=K, zeta=middle, R=R).value < one
        low, high = (middle, high) if better else (low, middle)
    return (low + high) / 2
