r"""Local gradient descent (FedAvg with full local gradients): texts for every interpreter.

    round    y_i = x;   K times: y_i <- y_i - gamma grad f_i(y_i);   x <- (1/N) sum_i y_i

| argument | symbol |
|---|---|
| K | local steps |
| gamma | gamma |
| rounds | T |
| R | :math:`\|x_0-x^*\|\le R`; with R = 0 the start is x* itself |
| zeta | :math:`\frac1N\sum_i\|\nabla f_i(x^*)\|^2\le\zeta^2`; for 0 declare the world with ``shared_optimum=True`` |

Source of the method: B. McMahan et al., *Communication-efficient learning of deep networks from decentralized data*, AISTATS
2017. Several classes of clients are the world's: ``SymPEP(L=(1.0, 0.3), mu=0.1, N=(1, 2))``.
"""

from __future__ import annotations

from typing import Any, Literal

from theory_checks.pep.checks import check_count
from theory_checks.pep.programs.start import start
from theory_checks.pep.verbs import dev, mean, norm2

__all__ = ["Metric", "averaged_iterate", "local_gd", "local_steps", "sampled_round"]

Metric = Literal["distance", "gap"]
r"""What is measured at the last iterate: :math:`\|x_T-x^*\|^2`, or :math:`f(x_T)-f(x^*)`."""


def local_gd(
    world: Any,
    *,
    K: int,
    gamma: Any,
    R: Any,
    zeta: Any,
    rounds: int = 1,
    metric: Metric = "distance",
    also_at_start: bool = False,
) -> Any:
    r""":math:`\|x_T-x^*\|^2` or :math:`f(x_T)-f(x^*)` after `rounds` rounds.

    `also_at_start` bounds the dissimilarity of the clients' gradients at x_0, too:
    :math:`\frac1N\sum_i\|\nabla f_i(x_0)-\nabla f(x_0)\|^2\le\zeta^2`.
    """
    x = start(world, R, zeta)
    if also_at_start:
        world.assume(norm2(dev(world.grad(x))) <= zeta**2)
    for _ in range(rounds):
        x = mean(local_steps(world, x, K, gamma)[-1])
    return world.gap(x) if metric == "gap" else norm2(x)


def averaged_iterate(world: Any, *, K: int, gamma: Any, R: Any, zeta: Any, rounds: int) -> Any:
    r""":math:`f(\hat x)-f(x^*)` at :math:`\hat x=\frac1{KT}\sum_{t<KT}\bar y_t`, the mean over clients and local times."""
    x, total = start(world, R, zeta), world.origin
    for _ in range(rounds):
        *before, last = local_steps(world, x, K, gamma)
        for y in before:
            total = total + mean(y)
        x = mean(last)
    return world.gap(total / (K * rounds))


def sampled_round(world: Any, *, K: int, gamma: Any, R: Any, zeta: Any, S: int | None = None, p: Any = None) -> Any:
    r""":math:`E\|x_1-x^*\|^2` after a round that averages S clients drawn without replacement.

    With p instead of S every client takes part independently, :math:`x_1=x_0+\frac1{pN}\sum_{i\in A}(y_i-x_0)`.
    """
    x = start(world, R, zeta)
    mask = world.participation(S=S, p=p)
    y = local_steps(world, x, K, gamma)[-1]
    return norm2(x + mean(mask(y - x)))


def local_steps(world: Any, x: Any, K: int, gamma: Any) -> list[Any]:
    r"""The clients' points :math:`y^0=x,y^1,\dots,y^K`."""
    check_count("K", K, None)
    points = [x]
    for _ in range(K):
        points.append(points[-1] - gamma * world.grad(points[-1]))
    return points
