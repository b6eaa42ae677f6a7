r"""Mixtures of independent Poisson counts by expectation maximisation, maximum likelihood or a posteriori.

    f_i(theta) = -(1/n_i) sum_j log sum_k pi_k prod_l Poisson(z_ijl; lam_kl)
    g(theta)   = -a sum_k log pi_k + sum_kl { c lam_kl - b log lam_kl }

with pi on the simplex (g = +inf elsewhere) and lam >= floor. With the responsibilities r_jk at tau held, f_i has a majoriser
linear in the statistic (s1, s2) = mean_j r_jk (1, z_ij):

    psi = 0,   phi_k = (log pi_k - sum_l lam_kl, log lam_k),   S = {s >= 0},
    T(s):  pi_k = (s1_k + a) / (sum_l s1_l + K a),     lam_kl = max{floor, (s2_kl + b) / (s1_k + c)}.

So a, b and c are pseudo-samples, as shares of all samples: a for each component, and c of total count b; a Dirichlet and a Gamma
prior. With a = b = c = 0 MM is EM for maximum likelihood, and T(s) does not exist where a component is empty.

| argument | symbol |
|---|---|
| theta | (pi (K), lam (K, p) row by row) |
| stat | (s1_k, s2_k), one component after the other |
| components | K |
| a, b, c, floor | a, b, c, floor |

Source: A. P. Dempster, N. M. Laird, D. B. Rubin, "Maximum likelihood from incomplete data via the EM algorithm", JRSS B 39,
1977; derived here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import Any, ClassVar, NamedTuple

import numpy as np

from fedmm.arguments import check_fields
from fedmm.arrays import Array, as_like, namespace, norm2, to_numpy
from fedmm.errors import DataError, SpecError
from fedmm.federation import Federation, Samples
from fedmm.keys import Key
from fedmm.problem import Problem
from fedmm.types import Batch, Facts
from problems import mixtures
from problems.batches import take
from problems.checks import check_liftable, check_query, check_unlabelled

__all__ = ["PoissonComponents", "PoissonMixture"]


class PoissonComponents(NamedTuple):
    """A mixture in plain shapes.

    Parameters
    ----------
    weights : array (..., K)
        pi.
    rates : array (..., K, p)
        lam.
    """

    weights: Array
    rates: Array


@dataclass(frozen=True)
class PoissonMixture(Problem):
    r""":math:`f_i=-\frac1{n_i}\sum_j\log\sum_k\pi_k\prod_l\mathrm{Poisson}(z_{ijl};\lambda_{kl})`, priors in g.

    Data are `Samples` with one z a row of X, dense, of counts >= 0; y is ignored.

    Parameters
    ----------
    components : int
        K.
    a, b, c : float
        >= 0, the strengths of the priors: a of the weights, c of the rates, with the total count b.
    floor : float
        The least rate, > 0.
    scale : float
        The size of the rates at the start, > 0.

    Raises
    ------
    SpecError
        For a parameter out of range.
    """

    components: int = 3
    a: float = 1e-3
    b: float = 1e-3
    c: float = 1e-3
    floor: float = 1e-8
    scale: float = 1.0

    name: ClassVar[str] = "poisson-mixture"
    demo: ClassVar[Mapping[str, Any]] = {
        "data": "synthetic-count-mixture",
        "clients": 10,
        "method": "fedmm",
        "rounds": 100,
        "participation": "bernoulli:0.5",
        "set": {"problem.scale": 5.0, "method.step": 0.3},
    }

    def __post_init__(self) -> None:
        check_fields(self)
        mixtures.check_mixture(self.name, self.components, a=self.a, b=self.b, c=self.c)
        for field, value in (("floor", self.floor), ("scale", self.scale)):
            if not 0 < value < float("inf"):
                raise SpecError(f"Expected poisson-mixture.{field} > 0 and finite, got {value}.")

    @property
    def penalized(self) -> str:
        """The simplex of the weights, and the priors."""
        return f"weights on the simplex, priors a={self.a:g}, b={self.b:g}, c={self.c:g}"

    def settle(self, federation: Federation, oracles: tuple[type, ...]) -> PoissonMixture:
        """This problem itself, once the data have been looked at.

        Raises
        ------
        DataError
            If some client's data are not `Samples` with a dense 2-D X of whole numbers >= 0.
        """
        check_unlabelled(self.name, federation, sparse=False)
        for i, data in federation.looked_at():
            X: Array = data.X
            xp = namespace(X)
            if not bool(xp.all((X >= 0) & (xp.floor(X) == X))):
                raise DataError(
                    f"{self.name} expects counts, whole numbers >= 0, for client {i}, got others; round or drop them."
                )
        return self

    def start(self, federation: Federation) -> Array:
        """Equal weights, and rates drawn from the exponential law of mean `scale`; always the same, shape (d,)."""
        X, K = federation[0].X, self.components
        rates = self.scale * Key(0, purpose=(self.name, "start")).generator().standard_exponential(K * X.shape[-1])
        return as_like(np.concatenate([np.full(K, 1.0 / K), np.maximum(rates, self.floor)]), X)

    def components_of(self, theta: Array) -> PoissonComponents:
        """Weights and rates in theta (..., d)."""
        K = self.components
        p = theta.shape[-1] // K - 1
        if p < 1 or K * (1 + p) != theta.shape[-1]:
            raise ValueError(
                f"Expected a vector of {K} weights and then {K} rows of rates, or as long a statistic, "
                f"got {theta.shape[-1]} numbers."
            )
        return PoissonComponents(theta[..., :K], namespace(theta).reshape(theta[..., K:], (*theta.shape[:-1], K, p)))

    def theta_of(self, mixture: PoissonComponents) -> Array:
        """theta (..., d) of a mixture: the inverse of `components_of`."""
        weights, rates = mixture
        return namespace(rates).concat([weights, _flat(rates)], axis=-1)

    def predict_proba(self, theta: Array, X: Array) -> Array:
        """The responsibilities r_jk of the components for the rows of `X` (..., n, p), shape (..., n, K)."""
        theta, X = check_query(self.name, theta, X, lambda d, p: d == self.components * (1 + p))
        return mixtures.responsibilities(self._joint(X, theta))[1]

    def predict(self, theta: Array, X: Array) -> Array:
        """The number of the likeliest component for every row of `X` (..., n, p), shape (..., n)."""
        r = self.predict_proba(theta, X)
        return namespace(r).argmax(r, axis=-1)

    def value(self, data: Samples, theta: Array) -> Array:
        r""":math:`f_i(\theta)`, shape (...); by the formula also where the weights do not sum to 1."""
        evidence = mixtures.responsibilities(self._joint(data.X, theta))[0] - _log_factorials(data.X)
        return -namespace(evidence).mean(evidence, axis=-1)

    def penalty(self, theta: Array) -> Array:
        r""":math:`g(\theta)`, shape (...); +inf off the simplex, up to rounding, and for rates below the floor."""
        weights, rates = self.components_of(theta)
        xp = namespace(theta)
        each = self.c * rates - self.b * xp.log(xp.clip(rates, self.floor, None))
        g = mixtures.weights_penalty(weights, self.a) + xp.sum(xp.sum(each, axis=-1), axis=-1)
        inside = xp.all(xp.all(rates >= self.floor * (1.0 - 1e-6), axis=-1), axis=-1)
        return xp.where(inside, g, xp.full_like(g, xp.inf))

    def restrict(self, theta: Array) -> Array:
        """The weights projected onto the simplex, rates lifted to the floor; shape (..., d)."""
        weights, rates = self.components_of(theta)
        return self.theta_of(PoissonComponents(mixtures.to_simplex(weights), namespace(theta).clip(rates, self.floor, None)))

    def statistic(self, data: Samples, theta: Array, batch: Batch | None = None, warm: Any = None) -> tuple[Array, None]:
        r""":math:`\frac1{n_i}\sum_jr_{jk}(1,z_{ij})`, shape (..., q), and None."""
        X = take(data, batch).X
        r = mixtures.responsibilities(self._joint(X, theta))[1] * (1.0 / X.shape[-2])
        s1, s2 = mixtures.first_moments(X, r)
        return _flat(namespace(X).concat([s1[..., None], s2], axis=-1)), None

    def minimize(self, stat: Array, start: Array | None = None) -> Array:
        r"""T(s), shape (..., d), for `stat` in S.

        Raises
        ------
        ZeroDivisionError
            If a component is empty, and a or c is 0.
        """
        s1, s2 = self._rows(stat)
        xp = namespace(stat)
        count = s1 + self.c
        if not bool(xp.all(count >= float(xp.finfo(count.dtype).smallest_normal))):
            raise ZeroDivisionError(
                "poisson-mixture: a component has no samples, so T(s) does not exist; set c > 0, or take fewer components or "
                "another start."
            )
        rates = xp.clip((s2 + self.b) / count[..., None], self.floor, None)
        return self.theta_of(PoissonComponents(mixtures.normalized(self.name, s1, self.a), rates))

    def lift(self, theta: Array) -> Array:
        """A statistic in S with T(s) = theta, shape (..., q): that of one sample in all, or of more if the priors ask for it.

        Raises
        ------
        ValueError
            If theta is not a finite vector of the right length, off the simplex, or with a rate below the floor; or if no
            statistic maps to it, because of a weight of 0, or a rate of 0 where b > 0.
        """
        check_liftable(theta)
        weights, rates = self.components_of(theta)
        xp, K = namespace(theta), self.components
        if not bool(xp.all(mixtures.on_simplex(weights))):
            raise ValueError("Expected weights >= 0 with sum 1 in theta; no statistic maps to others.")
        if not bool(xp.all(rates >= self.floor * (1.0 - 1e-6))):
            raise ValueError(f"Expected rates of at least floor = {self.floor:g} in theta; no statistic maps to others.")
        # s2 = (s1 + c) lam - b >= 0 asks for s1 >= b / lam - c, and s1 >= 0 for pi (total + K a) >= a
        need = xp.clip(self.b / xp.min(rates, axis=-1) - self.c, 0.0, None) + self.a
        vacant = weights <= 0
        if bool(xp.any(vacant & ((need > 1e-9 * self.b) | (self.c == 0)))):
            raise ValueError("Expected weights > 0 in theta; with these priors no statistic maps to a weight of 0.")
        share = xp.where(vacant, xp.zeros_like(need), need / xp.where(vacant, xp.ones_like(weights), weights))
        total = xp.max(share, axis=-1, keepdims=True) - K * self.a
        s1 = weights * (xp.clip(total, 1.0, None) + K * self.a) - self.a
        s2 = xp.clip((s1 + self.c)[..., None] * rates - self.b, 0.0, None)
        return _flat(xp.concat([s1[..., None], s2], axis=-1))

    def project(self, stat: Array) -> Array:
        """max(s, 0), shape (..., q)."""
        return namespace(stat).clip(stat, 0.0, None)

    def majorizer(self, data: Samples, theta: Array, at: Array) -> Array:
        r""":math:`f_i(\tau)` less the mean expected gain of the complete data's log-likelihood, at theta over at tau; (...)."""
        touching, joint = self._joint(data.X, at), self._joint(data.X, theta)
        evidence, r = mixtures.responsibilities(touching)
        gain = mixtures.expected(r, joint) - mixtures.expected(r, touching)
        return -namespace(gain).mean(evidence - _log_factorials(data.X) + gain, axis=-1)

    def facts(self, federation: Federation) -> Facts:
        r"""A lower bound: a probability is at most 1, and :math:`c\lambda-b\log\lambda\ge b-b\log(b/c)`; and the noise."""
        K, p, rough = self.components, federation[0].X.shape[-1], "unknown: no uniform modulus over S has been worked out"
        each = 0.0 if self.b == 0 else self.b * (1.0 - log(self.b / self.c)) if self.c > 0 else None
        return Facts(
            lower_bound=None if each is None else self.a * K * log(K) + K * p * each,
            unconstrained=False,
            oracle_variance=tuple(1.0 + float(np.mean(norm2(to_numpy(data.X)), dtype=float)) for data in federation),
            notes={
                "lower_bound": "bound: probabilities are at most 1, and the least of g"
                if each is not None
                else "none: with c = 0 < b, g has no lower bound of its own",
                "oracle_variance": "bound: the mean square of a sample's (1, z)",
                "unconstrained": "exact: S = {s >= 0}",
                "smoothness": "none: the gradient is unbounded as a weight goes to 0",
                "strong_convexity": "none: f is not convex",
                "hessian_lipschitz": "none: derivatives are unbounded as a weight goes to 0",
                "v_min": "none: B(s) goes to 0 as s grows",
                "v_max": rough,
                "composite_smoothness": rough,
                "field_lipschitz": rough,
                "optimum": "unknown: not convex",
            },
        )

    def _joint(self, X: Array, theta: Array) -> Array:
        """log pi_k + sum_l {z_l log lam_kl - lam_kl}, (..., n, K): what depends on k."""
        weights, rates = self.components_of(theta)
        xp = namespace(theta)
        level = mixtures.log_weights(weights) - xp.sum(rates, axis=-1)
        return X @ xp.matrix_transpose(xp.log(xp.clip(rates, self.floor, None))) + level[..., None, :]

    def _rows(self, stat: Array) -> tuple[Array, Array]:
        """s1 (..., K) and s2 (..., K, p)."""
        K, (_, rates) = self.components, self.components_of(stat)  # as many numbers as in theta
        rows = namespace(stat).reshape(stat, (*stat.shape[:-1], K, 1 + rates.shape[-1]))
        return rows[..., 0], rows[..., 1:]


def _flat(rows: Array) -> Array:
    return namespace(rows).reshape(rows, (*rows.shape[:-2], rows.shape[-2] * rows.shape[-1]))


def _log_factorials(X: Array) -> Array:
    """sum_l log z_l!, (..., n)."""
    from scipy.special import gammaln

    xp = namespace(X)
    return xp.sum(as_like(np.asarray(gammaln(to_numpy(X) + 1.0)), X), axis=-1)
