r"""Losses by name: functions of (outputs, y) that give the mean over the samples.

| name | the mean over j of |
|---|---|
| cross-entropy | :math:`-\log\mathrm{softmax}(o_j)_{y_j}` |
| squared | :math:`\frac12\|o_j-y_j\|^2` |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CROSS_ENTROPY", "LOSSES"]

CROSS_ENTROPY = "cross-entropy"


def cross_entropy(outputs: Tensor, y: Tensor) -> Tensor:
    """For classes y = 0, 1, ... given as numbers."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(outputs, y.long())


def squared(outputs: Tensor, y: Tensor) -> Tensor:
    """For outputs (n, 1)."""
    miss = outputs - y[..., None]
    return 0.5 * (miss * miss).sum(-1).mean(-1)


LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {CROSS_ENTROPY: cross_entropy, "squared": squared}
"""Losses by name; none is ever negative."""
