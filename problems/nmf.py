r"""Non-negative matrix factorisation under the Kullback-Leibler divergence, by multiplicative MM.

    f_i(W) = (1/n_i) sum_j min_{h >= 0} { KL(z_ij, W h) + l1 sum_k h_k },    KL(z, r) = sum_l { z_l log(z_l/r_l) - z_l + r_l }
    g(W)   = sum_lk { rate W_lk - shape log W_lk },                          W >= 0 (p x K); W > 0 where shape > 0

Codes h are frozen at those of tau, and -log of a sum is bounded by Jensen's inequality with the shares tau_lk h_k / (tau h)_l.
What remains is separable in W and linear in a statistic:

    psi = 0,    phi(W) = (log W, -column sums of W)
    S_i(tau) = (s1, s2),   s1_lk = tau_lk mean_j z_jl h_jk / (tau h_j)_l,    s2_k = mean_j h_jk,    h_j the code of z_ij at tau
    T(s)_lk = (s1_lk + shape) / (s2_k + rate),      S = {s1 >= 0, s2 >= 0}

With shape = rate = 0 on one client this is Lee and Seung's multiplicative update of W. It is also the EM of a Poisson model with
independent Gamma priors, of densities W^shape exp(-rate W), on the entries of W. The two penalties on either side, l1 and
rate, fix the scale, which W h leaves free; rate > 0 and, where data have zeros, shape > 0 make T(s) positive and unique.

Under squared distances take `Dictionary` with ``nonnegative=True``.

Codes come from a fixed number of iterations (`problems.nonnegative_coding`). Codes that are not exact still majorise f_i, as
any codes do; the majoriser then touches `value`, which has the same codes and lies above f_i by their error.

| argument | symbol |
|---|---|
| theta | W, row by row: d = p K |
| components | K |
| l1, shape, rate | lambda, a, b |
| stat | (s1, s2): s1 row by row; q = p K + K |
| warm | the codes of all samples of the client, (n_i, K), kept from one round to the next |

Source: D. Lee and H. Seung, "Algorithms for non-negative matrix factorization", NIPS 2000; with Gamma priors: A. T. Cemgil,
"Bayesian inference for nonnegative matrix factorisation models", Computational Intelligence and Neuroscience, 2009. An
instance of the linearly parameterised families of arXiv 2507.17534.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from fedmm.arguments import check_fields
from fedmm.arrays import Array, as_like, namespace
from fedmm.errors import DataError, SpecError
from fedmm.federation import Federation, Samples
from fedmm.keys import Key
from fedmm.problem import Problem
from fedmm.types import Batch, Facts
from problems.batches import renewed, rows, take
from problems.checks import check_constants, check_query, check_unlabelled
from problems.factors import check_matrix, columns, flat
from problems.nonnegative_coding import divergence, encode_coordinate, encode_multiplicative, ratios

__all__ = ["NMF"]


@dataclass(frozen=True)
class NMF(Problem):
    r""":math:`f_i(W)=\frac1{n_i}\sum_j\min_{h\ge0}\mathrm{KL}(z_{ij},Wh)+\lambda\sum_kh_k` over :math:`W\ge0`.

    Data are `Samples` with one z >= 0 a row of X, dense; y is ignored.

    Parameters
    ----------
    components : int
        K, the number of atoms.
    l1 : float
        lambda >= 0, the weight of the codes.
    shape : float
        a >= 0: with a > 0 every entry of W stays positive.
    rate : float
        b > 0, the weight of the entries of W.
    codes : {"multiplicative", "coordinate"}
        How codes are found; coordinate sweeps cost more and are far more exact.
    iterations : int
        Iterations or sweeps from codes of ones.
    warm_iterations : int or None
        Those from the codes of an earlier round; None for as many as `iterations`. Fewer are faster, and leave the
        codes of samples met for the first time less exact.

    Raises
    ------
    SpecError
        If a number is out of its range.
    """

    components: int = 10
    l1: float = 0.1
    shape: float = 1e-3
    rate: float = 0.1
    codes: Literal["multiplicative", "coordinate"] = "multiplicative"
    iterations: int = 200
    warm_iterations: int | None = None

    name: ClassVar[str] = "nmf"
    demo: ClassVar[Mapping[str, Any]] = {
        "data": "digits",
        "partition": "dirichlet:0.1",
        "clients": 10,
        "method": "fedmm",
        "rounds": 100,
        "participation": "bernoulli:0.5",
        "set": {"problem.components": 10, "problem.iterations": 50, "method.step": 0.3},
    }

    def __post_init__(self) -> None:
        check_fields(self)
        check_constants(self.name, None, l1=self.l1, shape=self.shape)
        if not 0 < self.rate < float("inf"):
            raise SpecError(f"Expected nmf.rate > 0 and finite, got {self.rate}; T(s) needs it.")
        for field, count in (
            ("components", self.components),
            ("iterations", self.iterations),
            ("warm_iterations", self.warm_iterations),
        ):
            if count is not None and count < 1:
                raise SpecError(f"Expected nmf.{field} >= 1, got {count}.")

    @property
    def penalized(self) -> str:
        """The Gamma prior on W."""
        return f"{self.rate:g} sum W - {self.shape:g} sum log W on W >= 0"

    def settle(self, federation: Federation, oracles: tuple[type, ...]) -> NMF:
        """This problem itself, once the data have been looked at.

        Raises
        ------
        DataError
            If some client's data are not `Samples` with a dense 2-D X >= 0.
        """
        check_unlabelled(self.name, federation, sparse=False)
        for i, data in federation.looked_at():
            least = float(namespace(data.X).min(data.X))
            if least < 0:
                raise DataError(f"nmf expects X >= 0 for client {i}, its least entry is {least:g}; shift or clip the data.")
        return self

    def start(self, federation: Federation) -> Array:
        """Random positive atoms of sum about 1, always the same ones, shape (p K,): samples would do better, but are private."""
        X = federation[0].X
        W = Key(0, purpose=("nmf", "start")).generator().uniform(0.5, 1.5, size=(X.shape[-1], self.components))
        return as_like((W / X.shape[-1]).ravel(), X)

    def components_of(self, theta: Array) -> Array:
        """The atoms (..., p, K) in theta (..., p K), one a column."""
        return columns(theta, self.components)

    def transform(self, theta: Array, X: Array) -> Array:
        """The codes of the rows of `X` (..., n, p), shape (..., n, K)."""
        theta, X = check_query(self.name, theta, X, lambda d, p: d == p * self.components)
        return self._encode(X, self.components_of(theta), self.cold(Samples(X)), self.iterations)

    def value(self, data: Samples, theta: Array) -> Array:
        r""":math:`f_i(W)`, shape (...)."""
        W = self.components_of(theta)
        return self._value(data.X, W, self._encode(data.X, W, self.cold(data), self.iterations))

    def penalty(self, theta: Array) -> Array:
        r""":math:`\sum bW-a\log W`, shape (...); +inf outside the domain."""
        xp = namespace(theta)
        inside = theta > 0 if self.shape > 0 else theta >= 0
        entries = self.rate * theta - self.shape * xp.log(xp.where(theta > 0, theta, xp.ones_like(theta)))
        return xp.sum(xp.where(inside, entries, xp.full_like(theta, float("inf"))), axis=-1)

    def restrict(self, theta: Array) -> Array:
        """Negative entries at 0, or at the least normal number where W must be positive, shape (..., p K)."""
        xp = namespace(theta)
        return xp.maximum(theta, float(xp.finfo(theta.dtype).smallest_normal) if self.shape > 0 else 0.0)

    def cold(self, data: Samples) -> Array:
        """Codes of ones (..., n_i, K)."""
        X = data.X
        return namespace(X).zeros_like(X[..., :1]) + as_like(np.ones(self.components), X)

    def statistic(
        self, data: Samples, theta: Array, batch: Batch | None = None, warm: Array | None = None
    ) -> tuple[Array, Array]:
        r""":math:`(\tau\circ\overline{(z/\tau h)h^\top},\bar h)`, shape (..., q), and the codes of all samples (..., n_i, K).

        Parameters
        ----------
        data : Samples
            The client's, or a block's.
        theta : array (..., p K)
            tau.
        batch : Batch or None
            Samples to use; only their codes are renewed.
        warm : array (..., n_i, K) or None
            Codes of an earlier round, to begin from.
        """
        if batch is not None and batch.size >= data.X.shape[-2]:
            batch = None
        iterations = self.iterations if warm is None or self.warm_iterations is None else self.warm_iterations
        known = self.cold(data) if warm is None else warm
        Z, W = take(data, batch).X, self.components_of(theta)
        H = self._encode(Z, W, take(Samples(known), batch).X, iterations)
        return _statistic(Z, W, H), H if batch is None else renewed(known, H, rows(batch, data.X.shape[-2]))

    def minimize(self, stat: Array, start: Array | None = None) -> Array:
        r""":math:`T(s)_{lk}=(s_{1,lk}+a)/(s_{2,k}+b)`, shape (..., p K), for `stat` in S."""
        s1, s2 = self._split(stat)
        return flat((s1 + self.shape) / (s2[..., None, :] + self.rate))

    def lift(self, theta: Array) -> Array:
        r""":math:`s_{2,k}=\max(0,\max_la/W_{lk}-b)` and :math:`s_1=W(s_2+b)-a`, shape (..., q): the least that is in S.

        Raises
        ------
        ValueError
            If theta is not a finite matrix of K columns, row by row, in the domain.
        """
        check_matrix(theta, self.components)
        xp = namespace(theta)
        if not bool(xp.all(theta > 0 if self.shape > 0 else theta >= 0)):
            raise ValueError(f"Expected theta {'> 0' if self.shape > 0 else '>= 0'}, got {float(xp.min(theta)):g}.")
        W = self.components_of(theta)
        s2 = xp.zeros_like(W[..., 0, :])
        if self.shape > 0:
            s2 = xp.maximum(self.shape / xp.min(W, axis=-2) - self.rate, s2)
        s1 = xp.maximum(W * (s2[..., None, :] + self.rate) - self.shape, xp.zeros_like(W))
        return xp.concat([flat(s1), s2], axis=-1)

    def project(self, stat: Array) -> Array:
        """Negative numbers at 0, shape (..., q)."""
        return namespace(stat).maximum(stat, 0.0)

    def majorizer(self, data: Samples, theta: Array, at: Array) -> Array:
        r""":math:`f_i(\tau)-\langle\bar S_i(\tau),\phi(W)-\phi(\tau)\rangle`, shape (...), with 0 log 0 = 0."""
        xp, W, tau = namespace(theta), self.components_of(theta), self.components_of(at)
        H = self._encode(data.X, tau, self.cold(data), self.iterations)
        s1, s2 = self._split(_statistic(data.X, tau, H))
        ones = xp.ones_like(s1 + W)
        logs = xp.log(xp.where(W > 0, W, ones)) - xp.log(xp.where(tau > 0, tau, ones))  # s1 = 0 where tau = 0
        rise = s2[..., None, :] * (W - tau) - s1 * logs
        rise = xp.where((W > 0) | (s1 == 0), rise, xp.full_like(rise, float("inf")))
        return self._value(data.X, tau, H) + xp.sum(rise, axis=(-2, -1))

    def facts(self, federation: Federation) -> Facts:
        """A lower bound; the problem is not convex and its constants are unknown."""
        p = federation[0].X.shape[-1]
        least = self.shape * (1.0 - float(np.log(self.shape / self.rate))) if self.shape > 0 else 0.0
        curve = "unknown: the slopes of f grow without bound where entries of W go to 0"
        scale = "unknown: log T(s) curves like 1/s near the boundary of S"
        return Facts(
            lower_bound=p * self.components * least,
            unconstrained=False,
            notes={
                "lower_bound": "bound: every f_i >= 0, and each entry's penalty is least at shape/rate",
                "unconstrained": "exact: S = {s1 >= 0, s2 >= 0}",
                "smoothness": curve,
                "strong_convexity": "none: f + g is not convex",
                "hessian_lipschitz": curve,
                "v_min": "none: B(s) has rank at most p K < q, so its least eigenvalue is 0",
                "v_max": scale,
                "composite_smoothness": scale,
                "field_lipschitz": scale,
                "oracle_variance": "unknown: no bound for the statistic of a sample has been worked out",
                "optimum": "unknown: not convex",
            },
        )

    def _encode(self, Z: Array, W: Array, start: Array, iterations: int) -> Array:
        encode = encode_coordinate if self.codes == "coordinate" else encode_multiplicative
        return encode(Z, W, self.l1, iterations, start)

    def _value(self, Z: Array, W: Array, H: Array) -> Array:
        return namespace(H).mean(divergence(Z, W, H, self.l1), axis=-1)

    def _split(self, stat: Array) -> tuple[Array, Array]:
        """s1 (..., p, K) and s2 (..., K)."""
        d = stat.shape[-1] - self.components
        return self.components_of(stat[..., :d]), stat[..., d:]


def _statistic(Z: Array, W: Array, H: Array) -> Array:
    xp = namespace(H)
    s1 = W * (xp.linalg.matrix_transpose(ratios(Z, W, H)) @ H * (1.0 / H.shape[-2]))
    s2 = xp.mean(H, axis=-2)
    return xp.concat([flat(s1), s2], axis=-1)
