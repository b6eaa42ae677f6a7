r"""The words of an algorithm's text, understood by every interpreter: the worst case and the numeric batch.

| here | symbol |
|---|---|
| mean(u) | :math:`\bar u=\frac1N\sum_iu_i` |
| dev(u) | :math:`u_i-\bar u` |
| inner(u, w), norm2(u) | :math:`[u\cdot w]=E\frac1N\sum_i\langle u_i,w_i\rangle`, [u.u] |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["dev", "inner", "mean", "mix", "norm2", "products"]


def mean(u: Any) -> Any:
    """The mean over all clients."""
    return u.mean()


def dev(u: Any) -> Any:
    """The deviation of each client from the mean."""
    return u.dev()


def inner(u: Any, w: Any) -> Any:
    """[u.w], averaged over clients, in expectation."""
    return u.inner(w)


def norm2(u: Any) -> Any:
    """[u.u], averaged over clients, in expectation."""
    return u.inner(u)


def products(means: Sequence[Any] = (), devs: Sequence[Any] = ()) -> list[Any]:
    """Every product of two of the means, then every product of two deviations: the terms of a quadratic Lyapunov function."""
    found = [inner(u, w) for j, u in enumerate(means) for w in means[: j + 1]]
    return found + [inner(dev(u), dev(w)) for j, u in enumerate(devs) for w in devs[: j + 1]]


def mix(p: Any, heads: Sequence[Any], tails: Sequence[Any]) -> list[Any]:
    """Expected terms after a coin that shows heads with probability p."""
    return [one * p + two * (1 - p) for one, two in zip(heads, tails, strict=True)]
