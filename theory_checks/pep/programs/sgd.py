r"""Stochastic gradient descent on a finite sum, one step: S of the N functions, drawn without replacement.

    x+ = x - gamma (1/S) sum_{i in A} grad f_i(x)

| argument | symbol |
|---|---|
| gamma | gamma |
| S | S |
| R | :math:`\|x-x^*\|\le R` |
| v | :math:`\frac1N\sum_i\|\nabla f_i(x^*)\|^2\le v^2`: the variance of one gradient at x* |

Measured: :math:`E\|x^+-x^*\|^2`. For S = 1 it is :math:`(\gamma(L-\mu)R/2+\sqrt{(1-\gamma(L+\mu)/2)^2R^2+\gamma^2v^2})^2`,
whatever N is. Source: A. Taylor, J. Hendrickx, F. Glineur, *Performance estimation toolbox (PESTO): automated worst-case
analysis of first-order optimization methods*, CDC 2017.
"""

from __future__ import annotations

from typing import Any

from theory_checks.pep.programs.start import start
from theory_checks.pep.verbs import mean, norm2

__all__ = ["sgd"]


def sgd(world: Any, *, gamma: Any, S: int = 1, R: Any = 1, v: Any = 1) -> Any:
    r""":math:`E\|x^+-x^*\|^2` after one step."""
    x = start(world, R, v)
    mask = world.participation(S=S)
    return norm2(x - gamma * mean(mask(world.grad(x))))
