r"""FedMM on quadratics in exact expectation: no sampling, no confidence radius.

On quadratics the client's field is affine, :math:`h_i(s)=(M_i-I)s+\rho b_i` with :math:`M_i=c(I-\rho A_i)`, and one round is

.. math:: \Delta_i=h_i(s)-V_i+\varepsilon_i,\quad s^+=s+\gamma\sum_i w_i(V_i+D_i\Delta_i),\quad V_i^+=V_i+aD_i\Delta_i,

where :math:`D_i=(1\{i\in A\}/p_i)\,C_i` is diagonal and random, independent of the state :math:`u=(s,V_1,\dots,V_n,1)`: the
channel multiplies coordinates by random factors, as rand-k and Bernoulli masks do. Hence :math:`m=E[uu^\top]` obeys

.. math:: m^+=FmF^\top+FmL^\top G^\top+GLmF^\top+G\,(Q\circ(LmL^\top+\Sigma))\,G^\top,

with :math:`\Delta=Lu+\varepsilon`, :math:`u^+=Fu+GD\Delta`, and Q the second moments of D's diagonal: blocks of ones between
different clients, :math:`(1/p_i)E[d\,d^\top]` within one, d the factors of the channel.

| argument | symbol |
|---|---|
| gamma | gamma |
| a | a, the memory step; 0 switches control variates off (and, with p = 1 and exact uploads, gives SA-SSMM) |
| probabilities | p_i |
| channel | C, by its outcomes |
| sigma | :math:`E\|\varepsilon_i\|^2=\sigma^2`, isotropic |

Independent of the library's loop: nothing of `fedmm.solve` or `fedmm.algorithms` is used here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fedmm.channels import Channel, Identity
from fedmm.federation import Federation
from problems.quadratic import Quadratic

__all__ = ["ExactFedMM", "factors"]


def factors(channel: Channel, q: int) -> list[tuple[float, np.ndarray]]:
    """(probability, d) of every outcome x -> d * x of a channel that multiplies coordinates by random factors.

    Raises
    ------
    ValueError
        If the channel's outcomes are too many, or are not products with such factors.
    """
    found, probe = channel.outcomes(np.ones(q)), channel.outcomes(np.arange(1.0, q + 1))
    if found is None or probe is None:
        raise ValueError(f"Expected a channel whose outcomes can be enumerated on length {q}, got {channel}; shorten it.")
    pairs = list(zip(found, probe, strict=True))
    if not all(np.allclose(x, d * np.arange(1.0, q + 1), rtol=1e-14) for (_, d), (_, x) in pairs):
        raise ValueError(f"Expected a channel that multiplies coordinates by random factors, got {channel}; use rand-k.")
    return [(probability, d) for (probability, d), _ in pairs]


@dataclass(frozen=True, eq=False)
class ExactFedMM:
    """The first two moments of FedMM's state on a quadratic, round by round.

    Parameters
    ----------
    problem : Quadratic
        Settled (rho known).
    federation : Federation
        Of `Quad`.
    a : float
        The memory step.
    probabilities : sequence of float
        p_i: independent Bernoulli participation.
    channel : Channel
        Of random factors.
    sigma : float
        Of the clients' statistics.

    Raises
    ------
    ValueError
        From the methods: if rho is unknown, or the channel is not one of random factors.
    """

    problem: Quadratic
    federation: Federation
    a: float
    probabilities: Sequence[float]
    channel: Channel = Identity()
    sigma: float = 0.0

    def moments(self, s: np.ndarray, V: np.ndarray, gammas: Sequence[float]) -> Iterator[np.ndarray]:
        r""":math:`E[u_tu_t^\top]` for t = 0, ..., len(gammas), from s (d,) and V (n, d)."""
        u = np.concatenate([s, V.ravel(), [1.0]])
        m = np.outer(u, u)
        yield m
        for gamma in gammas:
            m = self.after(m, gamma)
            yield m

    def after(self, m: np.ndarray, gamma: float) -> np.ndarray:
        r""":math:`m^+` after a round with step `gamma`."""
        n, d, w = self.n, self.d, np.asarray(self.federation.weights)
        L, Q, eye = self._L, self._Q, np.eye(d)
        F = np.eye(m.shape[0])
        F[:d, d:-1] = gamma * np.kron(w, eye)
        G = np.zeros((m.shape[0], n * d))
        G[:d] = gamma * np.kron(w, eye)
        G[d:-1] = self.a * np.eye(n * d)
        cross = F @ m @ L.T @ G.T
        inner = L @ m @ L.T + self.sigma**2 / d * np.eye(n * d)
        after = F @ m @ F.T + cross + cross.T + G @ (Q * inner) @ G.T
        return 0.5 * (after + after.T)  # the recursion is stable on symmetric matrices only: rounding must not leave them

    def field2(self, m: np.ndarray) -> float:
        r""":math:`E\|h(s)\|^2`."""
        H = np.kron(np.asarray(self.federation.weights), np.eye(self.d)) @ self._h
        return float(np.trace(H @ m @ H.T))

    def drift(self, m: np.ndarray) -> float:
        r""":math:`G=\sum_i\mu_i^2E\|V_i-h_i(s)\|^2`."""
        D = self._L  # h_i - V_i
        diagonal = np.einsum("ij,jk,ik->i", D, m, D).reshape(self.n, self.d).sum(axis=1)
        return float(np.asarray(self.federation.weights) ** 2 @ diagonal)

    def objective(self, m: np.ndarray) -> float:
        r""":math:`E\,W(T(s))`."""
        d, c, ridge = self.d, self.c, self.problem.ridge
        pairs = list(zip(self.federation.weights, self.federation, strict=True))
        A = sum(w * data.A for w, data in pairs) + ridge * np.eye(d)
        b = np.asarray(sum(w * data.b for w, data in pairs))
        return 0.5 * c * c * float(np.trace(A @ m[:d, :d])) - c * float(b @ m[:d, -1])

    def exact_memories(self, s: np.ndarray) -> np.ndarray:
        r""":math:`V_{0,i}=h_i(s)`, shape (n, d)."""
        return (self._h[:, : self.d] @ s + self._h[:, -1]).reshape(self.n, self.d)

    @property
    def n(self) -> int:
        """The number of clients."""
        return len(self.federation)

    @property
    def d(self) -> int:
        """The dimension."""
        return self.federation[0].b.shape[0]

    @property
    def rho(self) -> float:
        """rho."""
        if self.problem.rho is None:
            raise ValueError("Expected a problem whose rho is known; call problem.settle(federation, problem.oracles).")
        return self.problem.rho

    @property
    def c(self) -> float:
        """c, with T(s) = c s."""
        return 1.0 / (1.0 + self.rho * self.problem.ridge)

    @cached_property
    def _h(self) -> np.ndarray:
        """The fields: h_i(s) stacked = _h u."""
        n, d, rho = self.n, self.d, self.rho
        rows = np.zeros((n * d, d + n * d + 1))
        for i, data in enumerate(self.federation):
            here = slice(i * d, (i + 1) * d)
            rows[here, :d] = self.c * (np.eye(d) - rho * data.A) - np.eye(d)
            rows[here, -1] = rho * data.b
        return rows

    @cached_property
    def _L(self) -> np.ndarray:
        rows = self._h.copy()
        rows[:, self.d : -1] -= np.eye(self.n * self.d)
        return rows

    @cached_property
    def _Q(self) -> np.ndarray:
        n, d = self.n, self.d
        within = np.asarray(sum(weight * np.outer(x, x) for weight, x in factors(self.channel, d)))
        Q = np.ones((n * d, n * d))
        for i, p in enumerate(self.probabilities):
            here = slice(i * d, (i + 1) * d)
            Q[here, here] = within / p
        return Q
