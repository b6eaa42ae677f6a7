"""What a surrogate family is to the theory: its phi and psi."""

from __future__ import annotations

from typing import Protocol

import numpy as np

__all__ = ["Family"]


class Family(Protocol):
    """phi and psi of one family."""

    def phi(self, theta: np.ndarray) -> np.ndarray:
        """phi(theta), shape (q,)."""
        ...

    def psi(self, theta: np.ndarray) -> float:
        """psi(theta)."""
        ...
