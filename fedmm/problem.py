r"""A problem is a set of oracles, without data: :math:`W(\theta) = \sum_i w_i f_i(\theta) + g(\theta)`.

The data live in a `fedmm.federation.Federation`, so that a client program never carries anybody else's samples.

| argument | symbol |
|---|---|
| theta | the parameter, a flat vector (..., d) |
| data | client i's samples, whatever the problem understands |
| stat | s, the statistic that indexes a surrogate, a flat vector (..., q) |
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from fedmm.arrays import Array, namespace
from fedmm.buffers import Buffers, Session
from fedmm.federation import Federation
from fedmm.types import ORACLES, Facts

__all__ = ["Problem"]


class Problem(ABC):
    r"""f_i by its oracles, and g. Subclasses are frozen dataclasses of plain values and are final.

    Beside the two abstract methods a subclass offers the oracles of `fedmm.types` that it has. `gradient` and `hessian` are
    those of f_i alone; g is reached through `penalty`, `prox` and `minimize` only.
    """

    name: ClassVar[str]
    """The name on the command line and in recipes."""

    demo: ClassVar[Mapping[str, Any]] = {}
    """What ``fedmm run NAME`` takes where the user says nothing: options of the command line by name."""

    @abstractmethod
    def value(self, data: Any, theta: Array) -> Array:
        r""":math:`f_i(\theta)`, shape (...)."""

    @abstractmethod
    def start(self, federation: Federation) -> Array:
        r"""A sensible :math:`\theta_0` in the federation's array library and dtype, shape (d,)."""

    def penalty(self, theta: Array) -> Array:
        r""":math:`g(\theta)`, shape (...); zero unless a subclass says otherwise."""
        return namespace(theta).zeros_like(theta[..., 0])

    def restrict(self, theta: Array) -> Array:
        r"""A point of the domain :math:`\Theta` near `theta`, and `theta` itself where it lies in it; shape (..., d).

        The projection where that is cheap. Parameters that leave a constrained, convex :math:`\Theta` come back through it.
        """
        return theta

    def buffers(self, federation: Federation) -> Buffers | None:
        """What a model keeps beside theta before round 0 (statistics of batch normalisation); None if it keeps nothing."""
        return None

    def bind(self, buffers: Buffers) -> Problem:
        """This problem with its oracles evaluated at these buffers, which nothing changes; only where `buffers` gives some."""
        raise NotImplementedError(f"{self.name} keeps no buffers.")

    def session(self, buffers: Buffers, clients: int | None) -> Session:
        """This problem for one turn that begins with these buffers: of one client (None), or of a block of so many."""
        raise NotImplementedError(f"{self.name} keeps no buffers.")

    def cold(self, data: Any) -> Any:
        """What `statistic` keeps for a client (its `warm`) before the first call; None if it keeps nothing."""
        return None

    def nil(self, theta: Array) -> Array:
        """The zero statistic, shape (..., q), in the library and dtype of `theta`; for problems that offer a surrogate.

        By the lift unless a subclass says otherwise: one whose `liftable` is False must.
        """
        surrogate: Any = self
        return namespace(theta).zeros_like(surrogate.lift(theta))

    @property
    def liftable(self) -> bool:
        """Whether `lift` knows a right inverse of T at all; where not, it raises ValueError for every theta."""
        return True

    @property
    def accuracy(self) -> float:
        """How exact `minimize` is, relative to 1 + max |T(s)|, beyond rounding: 0 for a closed form."""
        return 0.0

    @property
    def penalized(self) -> str | None:
        """What g is, in a few words, or None when it is zero."""
        return None

    @property
    def oracles(self) -> tuple[type, ...]:
        """The protocols of `fedmm.types` available with this configuration."""
        return tuple(oracle for oracle in ORACLES if isinstance(self, oracle))

    def objective(self, federation: Federation, theta: Array) -> float:
        r""":math:`W(\theta) = \sum_i w_i f_i(\theta) + g(\theta)`."""
        values = (w * float(self.value(data, theta)) for w, data in zip(federation.weights, federation, strict=True))
        return sum(values) + float(self.penalty(theta))

    def settle(self, federation: Federation, oracles: tuple[type, ...]) -> Self:
        """This problem with every constant that depends on the data filled in, as far as `oracles` need it.

        Raises
        ------
        DataError
            If the data are not of the kind this problem understands.
        """
        return self

    def facts(self, federation: Federation) -> Facts:
        """The constants of the theory on this federation. May cost an eigenvalue decomposition per client."""
        return Facts()
