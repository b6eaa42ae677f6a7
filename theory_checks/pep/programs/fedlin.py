r"""FedLin, one round: local steps corrected by the difference of the client's and the mean gradient at the start.

    local    y_i^1 = x - eta mean_j grad f_j(x)
             y_i^{k+1} = y_i^k - eta (grad f_i(y_i^k) - grad f_i(x) + mean_j grad f_j(x)),   k = 1, ..., tau-1
    server   x+ = mean_i y_i^tau

| argument | symbol |
|---|---|
| eta | eta |
| tau | tau, local steps, the same for every client |
| Delta | :math:`f(x)-f^*\le\Delta` |

Measured: :math:`f(x^+)-f^*`. Source: A. Mitra, R. Jaafar, G. Pappas, H. Hassani, *Linear convergence in federated learning:
tackling client heterogeneity and sparse gradients* (FedLin), NeurIPS 2021.
"""

from __future__ import annotations

from typing import Any

from theory_checks.pep.verbs import mean

__all__ = ["fedlin"]


def fedlin(world: Any, *, eta: Any, tau: int, Delta: Any = 1) -> Any:
    r""":math:`f(x^+)-f^*` after one round of FedLin."""
    x = world.point()
    world.assume(world.gap(x) <= Delta)
    g = world.grad(x)
    y = x - eta * mean(g)
    for _ in range(tau - 1):
        y = y - eta * (world.grad(y) - g + mean(g))
    return world.gap(mean(y))
