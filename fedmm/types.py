r"""The small values that travel between the parts, and the oracles a problem may have.

A `Problem` says which of the protocols below it offers (`Problem.oracles`); an `Algorithm` says which it calls
(`Algorithm.requires`). Everything here is immutable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

from fedmm.arrays import Array
from fedmm.keys import Key, Keys

__all__ = [
    "ORACLES",
    "Batch",
    "Cohort",
    "Facts",
    "Failure",
    "HasGradient",
    "HasHessian",
    "HasProx",
    "HasSurrogate",
    "Promise",
    "Reply",
    "Ticket",
]


class Batch(NamedTuple):
    """A request for a mini-batch: `size` samples of each client, drawn without replacement at the address `key`.

    A client with at most `size` samples uses all of them. With `part` = 0, 1, ... the samples are shuffled at `key` and cut in
    pieces of `size` (the last may be smaller), and this piece is meant: all pieces together are one pass over the client.
    """

    size: int
    key: Keys
    part: int | None = None


@runtime_checkable
class HasGradient(Protocol):
    r"""Offers :math:`\nabla f_i`."""

    def gradient(self, data: Any, theta: Array, batch: Batch | None = None) -> Array:
        r""":math:`\nabla f_i(\theta)`, shape (..., d); an unbiased estimate of it when `batch` is given."""
        ...


@runtime_checkable
class HasHessian(Protocol):
    r"""Offers :math:`\nabla^2 f_i`, packed as in `fedmm.symmetric`."""

    def hessian(self, data: Any, theta: Array) -> Array:
        r""":math:`\nabla^2 f_i(\theta)` as a packed vector (..., d(d+1)/2)."""
        ...


@runtime_checkable
class HasProx(Protocol):
    r"""Offers the proximal operator of the penalty g."""

    def prox(self, theta: Array, step: float) -> Array:
        r""":math:`\arg\min_u g(u) + \|u-\theta\|^2/(2\,step)`, shape (..., d)."""
        ...


@runtime_checkable
class HasSurrogate(Protocol):
    r"""Offers a linearly parameterised family of majorisers :math:`U_s = g + \psi - \langle s, \phi\rangle`."""

    def statistic(self, data: Any, theta: Array, batch: Batch | None = None, warm: Any = None) -> tuple[Array, Any]:
        r"""(:math:`\bar S_i(\theta)` of shape (..., q), warm): `warm` is handed back at this client's next call (codes, ...)."""
        ...

    def minimize(self, stat: Array, start: Array | None = None) -> Array:
        r"""T(s): the minimiser of :math:`U_s`, shape (..., d)."""
        ...

    def lift(self, theta: Array) -> Array:
        r"""A statistic s with T(s) = theta; raises ValueError where there is none."""
        ...

    def project(self, stat: Array) -> Array:
        r"""The Euclidean projection of `stat` onto the convex set of statistics S."""
        ...

    def majorizer(self, data: Any, theta: Array, at: Array) -> Array:
        r"""The surrogate of f_i touching at `at`, evaluated at `theta` (without g): only laws and claims call it."""
        ...


ORACLES: tuple[type, ...] = (HasGradient, HasHessian, HasProx, HasSurrogate)
"""Every oracle protocol."""


@dataclass(frozen=True)
class Facts:
    r"""What is known of a problem on a federation: exact constants, certified bounds, or None for unknown.

    Parameters
    ----------
    smoothness : float or None
        L: every client's :math:`\nabla f_i` is L-Lipschitz.
    strong_convexity : float or None
        mu: f is mu-strongly convex (0 for merely convex, None for unknown or non-convex).
    hessian_lipschitz : float or None
        L*: every :math:`\nabla^2 f_i` is L*-Lipschitz in the spectral norm.
    v_min, v_max : float or None
        Bounds of the eigenvalues of :math:`B(s) = \mathrm{Jac}(\phi\circ T)(s)` (assumption A4).
    composite_smoothness : float or None
        L_W: :math:`s\mapsto W(T(s))` has an L_W-Lipschitz gradient (A5).
    field_lipschitz : tuple of float or None
        L_i: the fields :math:`h_i(s) = \bar S_i(T(s)) - s` are L_i-Lipschitz (A6), one per client.
    oracle_variance : tuple of float or None
        :math:`\sigma_i^2` of a single sample's statistic (A7), one per client; a batch of b divides it by b.
    unconstrained : bool or None
        Whether S is all of R^q, so that `project` is the identity.
    optimum : float or None
        W_*, the least value of f + g.
    lower_bound : float or None
        A certified lower bound of f + g.
    notes : mapping of str to str
        For a field's name, how it is known: "exact" or "bound: ..."; also why a field is None.
    """

    smoothness: float | None = None
    strong_convexity: float | None = None
    hessian_lipschitz: float | None = None
    v_min: float | None = None
    v_max: float | None = None
    composite_smoothness: float | None = None
    field_lipschitz: tuple[float, ...] | None = None
    oracle_variance: tuple[float, ...] | None = None
    unconstrained: bool | None = None
    optimum: float | None = None
    lower_bound: float | None = None
    notes: Mapping[str, str] = field(default_factory=dict)


class Promise(NamedTuple):
    """What theory says of a composition.

    Parameters
    ----------
    step : float or None
        The largest admissible step.
    formula : str
        The bound, in letters.
    bound : str
        The bound with this composition's numbers in it; empty where a number in it is unknown.
    missing : str or None
        Why there is no bound: the name of the missing fact or theorem.
    """

    step: float | None = None
    formula: str = ""
    bound: str = ""
    missing: str | None = None


class Ticket(NamedTuple):
    """One invitation of one client to one exchange; for a block, the fields hold one row per client.

    Parameters
    ----------
    client : int
        The client's number (for a block a tuple of them).
    slot : int
        The place in the cohort (for a block a tuple of them).
    round : int
        The communication round.
    weight : float
        w_i (for a block an array of shape (n, 1)).
    scale : float
        1/p_i, so that E[scale * 1{drawn}] = 1 (for a block an array of shape (n, 1)).
    key : Key
        The address of the client's draws (for a block a tuple of them).
    """

    client: Any
    slot: Any
    round: int
    weight: Any
    scale: Any
    key: Keys


class Cohort(NamedTuple):
    """Who takes part in an exchange: tickets in client order, out of `n` clients."""

    round: int
    tickets: tuple[Ticket, ...]
    n: int
    key: Key


class Reply(NamedTuple):
    """What reached the server from one client or one block: the decoded upload, and the bits it took."""

    ticket: Ticket
    sent: Any
    bits: int


class Failure(NamedTuple):
    """A client that could not answer, and why, in a sentence."""

    ticket: Ticket
    reason: str
