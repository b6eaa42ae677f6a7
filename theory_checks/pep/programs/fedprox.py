r"""FedProx with exact proximal steps, one round.

    local    y_i = prox_{gamma f_i}(x) = argmin_y f_i(y) + |y - x|^2 / (2 gamma)
    server   x+ = x + a (mean_i y_i - x)

a = 1 averages the clients' models; a > 1 extrapolates.

| argument | symbol |
|---|---|
| gamma | gamma, one over FedProx's penalty |
| a | a |
| R, zeta | :math:`\|x-x^*\|\le R`, :math:`\frac1N\sum_i\|\nabla f_i(x^*)\|^2\le\zeta^2` |

Measured: :math:`\|x^+-x^*\|^2`. Sources: T. Li et al., *Federated optimization in heterogeneous networks* (FedProx), MLSys
2020; extrapolation: H. Li, K. Acharya, P. Richtarik, *The power of extrapolation in federated learning* (FedExProx), 2024.
"""

from __future__ import annotations

from typing import Any

from theory_checks.pep.programs.start import start
from theory_checks.pep.verbs import mean, norm2

__all__ = ["fedprox"]


def fedprox(world: Any, *, gamma: Any, a: Any = 1, R: Any = 1, zeta: Any = 0) -> Any:
    r""":math:`\|x^+-x^*\|^2` after one round of FedProx."""
    x = start(world, R, zeta)
    return norm2(x + a * (mean(world.prox(x, gamma)) - x))
