r"""A method: a frozen dataclass of pure functions on NamedTuple states, written with the paper's letters.

The order of one exchange, where `channel` and `downlink` are the engine's:

    cohort    = participation.draw(...)
    delivered = downlink(algorithm.broadcast(problem, server, cohort))
    model     = algorithm.receive(problem, delivered)                       # once: every client would compute the same
    each client of the cohort:
        upload, kept = algorithm.local(problem, data, model, memory, ticket)
        sent         = channel(upload)
        memory       = algorithm.remember(memory, model, kept, sent, ticket)  # committed only if the reply is merged
    combined  = aggregate(sent of every client)
    server    = algorithm.server(problem, server, model, combined, cohort)

The client's turn has two halves because memories such as FedMM's V_i depend on what the channel really let through.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from fedmm.arrays import Array
from fedmm.problem import Problem
from fedmm.types import Cohort, Promise, Ticket

if TYPE_CHECKING:
    from fedmm.composition import Composition

__all__ = ["Algorithm"]


class Algorithm(ABC):
    """Pure functions; subclasses are frozen dataclasses of plain values and final. No method inherits from another."""

    name: ClassVar[str]
    """The name on the command line and in recipes."""

    requires: ClassVar[tuple[type, ...]]
    """The oracles it calls (protocols of `fedmm.types`)."""

    averages: ClassVar[Literal["increments", "models"]]
    """How replies are weighted: "increments" takes the unbiased sum of w_i u_i / p_i, "models" the mean of the cohort's
    u_i with weights w_i normalised over those who replied."""

    compresses: ClassVar[tuple[str, ...] | None] = None
    """Parts of the upload the channel touches; None for all. The other parts go exactly, and their bits are counted."""

    handles_penalty: ClassVar[bool] = True
    """Whether the method minimises f + g; one that sees only f is refused where g is not zero."""

    needs_unbiased: ClassVar[bool] = False
    """Whether the method is meaningless with a biased channel (it uses the variance factor omega)."""

    needs_everyone: ClassVar[bool] = False
    """Whether the method is defined for full participation only."""

    sweeps: ClassVar[tuple[str, ...]] = ()
    """Numeric fields in which runs may differ that `fedmm.solve_many` carries side by side: the method's lines work with a
    column (configurations, 1) in their place."""

    def settle(self, composition: Composition) -> Self:
        """The method with ``step="theory"`` and the like replaced by numbers, before round 0.

        Raises
        ------
        CompositionError
            If a fact the theory needs is unknown; the message names it.
        """
        return self

    def promise(self, composition: Composition) -> Promise:
        """The largest step theory admits and the bound it gives for this composition, or the name of the missing fact."""
        return Promise(missing=f"no theorem for {self.name} is in the library yet")

    @abstractmethod
    def init(self, problem: Problem, theta: Array) -> Any:
        """The server's state before anything is exchanged."""

    def opening(self, server: Any) -> bool:
        """Whether the next exchange is an opening: everyone replies, exactly. Openings belong to round 0."""
        return False

    def opened(self, server: Any) -> Any:
        """`server` as round 1 finds it, as far as the shapes of messages go: for explanations and checks of sizes."""
        return server

    @abstractmethod
    def broadcast(self, problem: Problem, server: Any, cohort: Cohort) -> Any:
        """What goes down to every client of the cohort: a vector or a NamedTuple of vectors."""

    def receive(self, problem: Problem, delivered: Any) -> Any:
        """The model a client works with, from what the downlink delivered. Deterministic, so computed once for all."""
        return delivered

    def first_memory(self, problem: Problem, data: Any, model: Any) -> Any:
        """What a client keeps before its first turn; None if this method keeps nothing."""
        return None

    @abstractmethod
    def local(self, problem: Problem, data: Any, model: Any, memory: Any, ticket: Ticket) -> tuple[Any, Any]:
        """(upload, kept): what the client wants to say, and what it wants to keep without saying it."""

    def remember(self, memory: Any, model: Any, kept: Any, sent: Any, ticket: Ticket) -> Any:
        """The client's memory after its turn, given what the channel let through."""
        return memory

    @abstractmethod
    def nothing(self, problem: Problem, server: Any) -> Any:
        """The zero upload: what an empty cohort adds up to, and the shape of what is sent."""

    @abstractmethod
    def server(self, problem: Problem, server: Any, model: Any, combined: Any, cohort: Cohort) -> Any:
        """The server's next state. `combined` is the aggregate; for an empty cohort it is `nothing`."""

    @abstractmethod
    def solution(self, problem: Problem, server: Any) -> Array:
        """The parameter theta that the server's state stands for."""

    def surrogate(self, server: Any) -> Array | None:
        """The statistic s in the server's state, or None for a method that keeps none. For metrics."""
        return None

    def step_at(self, t: int) -> float:
        r""":math:`\gamma_t` of round t >= 1 (1 for a method without a server step). For metrics."""
        return 1.0
