"""Neural networks: a ``torch.nn.Module`` becomes a `fedmm.Problem`. Needs torch (``pip install fedmm[torch]``) only when used."""

from fedmm.nn.architectures import cnn, mlp, resnet18_gn
from fedmm.nn.network import Network
from fedmm.problem import Problem

__all__ = ["CATALOG", "Network", "cnn", "mlp", "resnet18_gn"]

CATALOG: tuple[type[Problem], ...] = (Network,)
"""Every problem made of a network."""
