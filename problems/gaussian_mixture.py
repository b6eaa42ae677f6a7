r"""Gaussian mixtures by expectation maximisation, maximum likelihood or a posteriori.

    f_i(theta) = -(1/n_i) sum_j log sum_k pi_k N(z_ij; m_k, Sigma_k)
    g(theta)   = -a sum_k log pi_k + sum_k { (b/2) m_k' Sigma_k^{-1} m_k + (c/2) (log det Sigma_k + v0 tr Sigma_k^{-1}) }

with pi on the simplex (g = +inf elsewhere) and Sigma_k positive definite. By concavity of the logarithm, with the
responsibilities r_jk of the components for the samples at tau held, f_i has the majoriser

    f_i(tau) - (1/n_i) sum_j sum_k r_jk { log pi_k N(z_ij; m_k, Sigma_k), at theta less at tau },

which is linear in r_k (1, z, z z'), averaged: psi = 0, and phi, S and T are in the table of `problems.covariances`, with
pi_k = (s1_k + a) / (sum_l s1_l + K a). So a, b and c are pseudo-samples, as shares of all samples: a for each component, b at
the origin, c of covariance v0 I. With a = b = c = 0 MM is EM for maximum likelihood, and T(s) does not exist where a component
is empty or its samples lie in a subspace; the likelihood of non-unit covariances is then unbounded, too.

Statistics are moments about the origin: data far from it, in units of their spread, lose digits. Centre them.

| argument | symbol |
|---|---|
| theta | (pi (K), m (K, p) row by row, Sigma (K, f) row by row), f = 0, 1, p or p(p+1)/2 packed (`fedmm.symmetric`) |
| stat | one component after the other, 1 + p + f numbers each |
| components | K |
| a, b, c | a, b, c |
| scale | v0 |

Source: A. P. Dempster, N. M. Laird, D. B. Rubin, "Maximum likelihood from incomplete data via the EM algorithm", JRSS B 39,
1977; the unit-variance case with this a and b is an instance of the families of arXiv 2507.17534. The prior of a component is
the conjugate one less its terms in det Sigma alone, so that b = 0 and c = 0 leave nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from fedmm.arguments import check_fields
from fedmm.arrays import Array, as_like, namespace, norm2, to_numpy
from fedmm.errors import SpecError, suggest
from fedmm.federation import Federation, Samples
from fedmm.keys import Key
from fedmm.problem import Problem
from fedmm.symmetric import pack, unpack
from fedmm.types import Batch, Facts
from problems import mixtures
from problems.batches import take
from problems.checks import check_liftable, check_query, check_unlabelled
from problems.covariances import LOG_2PI, Covariance, Diagonal, Prior, Spherical, Unit
from problems.full_covariance import Full

__all__ = ["GaussianComponents", "GaussianMixture"]

COVARIANCES: Mapping[str, Covariance] = {"unit": Unit(), "spherical": Spherical(), "diagonal": Diagonal(), "full": Full()}


class GaussianComponents(NamedTuple):
    """A mixture in plain shapes.

    Parameters
    ----------
    weights : array (..., K)
        pi.
    means : array (..., K, p)
        m.
    covariances : array or None
        (..., K, p, p) for full, (..., K, p) for diagonal, (..., K) for spherical covariances, None for unit ones.
    """

    weights: Array
    means: Array
    covariances: Array | None = None


@dataclass(frozen=True)
class GaussianMixture(Problem):
    r""":math:`f_i=-\frac1{n_i}\sum_j\log\sum_k\pi_kN(z_{ij};m_k,\Sigma_k)`, priors in g.

    Data are `Samples` with one z a row of X, dense; y is ignored.

    Parameters
    ----------
    components : int
        K.
    covariance : {"unit", "spherical", "diagonal", "full"}
        Sigma_k = I, v_k I, diag(v_k), or any positive definite matrix.
    a, b, c : float
        >= 0, the strengths of the priors of weights, means and covariances (c: not of unit ones), as shares of all samples.
    scale : float
        v0 > 0, the variance that c pulls to, and that of the components at the start.

    Raises
    ------
    SpecError
        For a parameter out of range.
    """

    components: int = 3
    covariance: Literal["unit", "spherical", "diagonal", "full"] = "full"
    a: float = 1e-3
    b: float = 1e-3
    c: float = 1e-3
    scale: float = 1.0

    name: ClassVar[str] = "gaussian-mixture"
    demo: ClassVar[Mapping[str, Any]] = {
        "data": "breast-cancer",
        "partition": "dirichlet:0.3",
        "clients": 10,
        "method": "fedmm",
        "rounds": 100,
        "participation": "bernoulli:0.5",
        "set": {"problem.components": 4, "problem.covariance": "diagonal", "problem.c": 0.01, "method.step": 0.3},
    }

    def __post_init__(self) -> None:
        check_fields(self)
        mixtures.check_mixture(self.name, self.components, a=self.a, b=self.b, c=self.c)
        if not 0 < self.scale < float("inf"):
            raise SpecError(f"Expected gaussian-mixture.scale > 0 and finite, got {self.scale}.")
        if self.covariance not in COVARIANCES:
            raise SpecError(f"Unknown gaussian-mixture.covariance {self.covariance!r}.{suggest(self.covariance, COVARIANCES)}")

    @property
    def penalized(self) -> str:
        """The simplex of the weights, and the priors."""
        return f"weights on the simplex, priors a={self.a:g}, b={self.b:g}, c={self.c:g}"

    def settle(self, federation: Federation, oracles: tuple[type, ...]) -> GaussianMixture:
        """This problem itself, once the data have been looked at.

        Raises
        ------
        DataError
            If some client's data are not `Samples` with a dense 2-D X.
        """
        check_unlabelled(self.name, federation, sparse=False)
        return self

    def start(self, federation: Federation) -> Array:
        """Equal weights, Gaussian means of variance v0 about the origin, covariances v0 I; always the same, shape (d,).

        Samples would do better as means, but are private: centre and scale the data, or give theta0 (`theta_of`).
        """
        X = federation[0].X
        K, p = self.components, X.shape[-1]
        means = Key(0, purpose=(self.name, "start")).generator().normal(size=K * p) * self.scale**0.5
        spread = self._kind.of_variance(p, self.scale) * K
        return as_like(np.concatenate([np.full(K, 1.0 / K), means, np.array(spread, dtype=float)]), X)

    def components_of(self, theta: Array) -> GaussianComponents:
        """Weights, means and covariances in theta (..., d)."""
        weights, m, cov = self._split(theta)
        if self.covariance == "unit":
            return GaussianComponents(weights, m)
        if self.covariance == "spherical":
            return GaussianComponents(weights, m, cov[..., 0])
        return GaussianComponents(weights, m, unpack(cov) if self.covariance == "full" else cov)

    def theta_of(self, mixture: GaussianComponents) -> Array:
        """theta (..., d) of a mixture, in the library of its means: the inverse of `components_of`."""
        weights, means, covariances = mixture
        xp = namespace(means)
        parts = [weights, xp.reshape(means, (*means.shape[:-2], -1))]
        if self.covariance == "spherical":
            parts.append(covariances)
        elif self.covariance != "unit":
            cov = pack(covariances) if self.covariance == "full" else covariances
            parts.append(xp.reshape(cov, (*cov.shape[:-2], -1)))  # type: ignore[union-attr]
        return xp.concat(parts, axis=-1)

    def predict_proba(self, theta: Array, X: Array) -> Array:
        """The responsibilities r_jk of the components for the rows of `X` (..., n, p), shape (..., n, K)."""
        theta, X = check_query(self.name, theta, X, lambda d, p: d == self.components * (1 + p + self._kind.free(p)))
        return mixtures.responsibilities(self._joint(X, theta))[1]

    def predict(self, theta: Array, X: Array) -> Array:
        """The number of the likeliest component for every row of `X` (..., n, p), shape (..., n)."""
        r = self.predict_proba(theta, X)
        return namespace(r).argmax(r, axis=-1)

    def value(self, data: Samples, theta: Array) -> Array:
        r""":math:`f_i(\theta)`, shape (...); by the formula also where the weights do not sum to 1.

        Raises
        ------
        numpy.linalg.LinAlgError
            If a covariance is not positive definite.
        """
        evidence = mixtures.responsibilities(self._joint(data.X, theta))[0]
        return -namespace(evidence).mean(evidence, axis=-1)

    def penalty(self, theta: Array) -> Array:
        r""":math:`g(\theta)`, shape (...); +inf off the simplex, up to rounding, and for covariances not positive definite."""
        weights, m, cov = self._split(theta)
        g = mixtures.weights_penalty(weights, self.a) + self._kind.penalty(m, cov, self._prior)
        xp = namespace(theta)
        return xp.where(self._kind.inside(cov), g, xp.full_like(g, xp.inf))

    def restrict(self, theta: Array) -> Array:
        """The weights projected onto the simplex, variances and eigenvalues lifted to 1e-8; shape (..., d)."""
        weights, m, cov = self._split(theta)
        return self._join(mixtures.to_simplex(weights), m, self._kind.restrict(cov))

    def statistic(self, data: Samples, theta: Array, batch: Batch | None = None, warm: Any = None) -> tuple[Array, None]:
        r""":math:`\frac1{n_i}\sum_jr_{jk}(1,\sqrt2z_{ij},z_{ij}z_{ij}^\top)` as far as needed, shape (..., q), and None."""
        X = take(data, batch).X
        r = mixtures.responsibilities(self._joint(X, theta))[1]
        return self._flat(self._kind.moments(X, r * (1.0 / X.shape[-2]))), None

    def minimize(self, stat: Array, start: Array | None = None) -> Array:
        r"""T(s), shape (..., d), for `stat` in S.

        Raises
        ------
        ZeroDivisionError
            If a component is empty, and a or b is 0.
        numpy.linalg.LinAlgError
            If a component's covariance would not be positive definite; with c > 0 it always is.
        """
        rows = self._rows(stat)
        weights = mixtures.normalized(self.name, rows[..., 0], self.a)
        return self._join(weights, *self._kind.fit(rows, self._prior))

    def lift(self, theta: Array) -> Array:
        """A statistic in S with T(s) = theta, shape (..., q): that of one sample in all, or of more if the priors ask for it.

        Raises
        ------
        ValueError
            If theta is not a finite vector of the right length, off the simplex, or with a covariance that is not positive
            definite; or if a weight is 0 and no prior accounts for it.
        """
        check_liftable(theta)
        weights, m, cov = self._split(theta)
        xp, K = namespace(theta), self.components
        if not bool(xp.all(mixtures.on_simplex(weights))):
            raise ValueError("Expected weights >= 0 with sum 1 in theta; no statistic maps to others.")
        if not bool(xp.all(self._kind.inside(cov))):
            raise ValueError("Expected positive definite covariances in theta; no statistic maps to others.")
        vacant = weights <= 0
        if bool(xp.any(vacant)) and (self.a > 0 or self.b == 0 or (self.c == 0 and self.covariance != "unit")):
            raise ValueError("Expected weights > 0 in theta; with these priors no statistic maps to a weight of 0.")
        need = (self._kind.demand(m, cov, self._prior) + self.a) / xp.where(vacant, xp.ones_like(weights), weights)
        total = xp.max(xp.where(vacant, xp.zeros_like(need), need), axis=-1, keepdims=True) - K * self.a
        s1 = weights * (xp.clip(total, 1.0, None) + K * self.a) - self.a
        s = self._flat(self._kind.unfit(s1, m, cov, self._prior))
        if bool(xp.any(vacant)) and bool(xp.any(xp.abs(self.project(s) - s) > 1e-9)):
            raise ValueError("Expected weights > 0 in theta, or a mean of 0 where a weight is; no statistic maps to others.")
        return s

    def project(self, stat: Array) -> Array:
        """The Euclidean projection onto S, component by component, shape (..., q)."""
        return self._flat(self._kind.project(self._rows(stat)))

    def majorizer(self, data: Samples, theta: Array, at: Array) -> Array:
        r""":math:`f_i(\tau)-\frac1{n_i}\sum_j\sum_kr_{jk}(\tau)\log\frac{\pi_kN(z_{ij};m_k,\Sigma_k)}{\text{same at }\tau}`."""
        touching, joint = self._joint(data.X, at), self._joint(data.X, theta)
        evidence, r = mixtures.responsibilities(touching)
        gain = mixtures.expected(r, joint) - mixtures.expected(r, touching)
        return -namespace(gain).mean(evidence + gain, axis=-1)

    def facts(self, federation: Federation) -> Facts:
        r"""A lower bound, and the noise of one sample's statistic: its size is at most that of (1, sqrt(2) z, z z').

        With p features, a density is at most :math:`(2\pi)^{-p/2}\det\Sigma_k^{-1/2}` for some k, and
        :math:`\mathrm{tr}\,\Sigma^{-1}\ge p\det\Sigma^{-1/p}`; what is left is minimised over the determinants one by one.
        """
        p, bound = federation[0].X.shape[-1], self._lower_bound(federation[0].X.shape[-1])
        rough = "unknown: responsibilities and T(s) have no uniform modulus over S"
        return Facts(
            lower_bound=bound,
            unconstrained=False,
            oracle_variance=tuple(self._largest(to_numpy(data.X)) for data in federation),
            notes={
                "lower_bound": f"bound: densities in {p} dimensions against the priors"
                if bound is not None
                else "none: with c = 0 a component may shrink onto a sample; set c > 0",
                "oracle_variance": "bound: the mean square of a sample's whole statistic",
                "unconstrained": "exact: S is a cone of moments",
                "smoothness": "none: the gradient is unbounded as a weight or a variance goes to 0",
                "strong_convexity": "none: f is not convex",
                "hessian_lipschitz": "none: derivatives are unbounded as a weight or a variance goes to 0",
                "v_min": "none: B(s) goes to 0 as s grows",
                "v_max": rough,
                "composite_smoothness": rough,
                "field_lipschitz": rough,
                "optimum": "unknown: not convex",
            },
        )

    @property
    def _kind(self) -> Covariance:
        return COVARIANCES[self.covariance]

    @property
    def _prior(self) -> Prior:
        return Prior(self.b, self.c, self.scale)

    def _lower_bound(self, p: int) -> float | None:
        K, c = self.components, self.c
        known = 0.5 * p * LOG_2PI + self.a * K * log(K)
        if self.covariance == "unit":
            return known
        if c == 0:
            return None
        crowded = 0.5 * p * (1.0 + c) * (1.0 + log(self.scale * c / (1.0 + c)))
        return known + crowded + (K - 1) * 0.5 * p * c * (1.0 + log(self.scale))

    def _largest(self, X: np.ndarray) -> float:
        """mean |(1, z)|^2, |(1, sqrt(2) z, z^2)|^2 or |(1, sqrt(2) z, z z')|^2 = (1 + |z|^2)^2; r <= 1 multiplies it."""
        X = X.astype(np.float64, copy=False)
        size = 1.0 + norm2(X)
        if self.covariance == "unit":
            return float(np.mean(size))
        if self.covariance == "diagonal":
            return float(np.mean(2.0 * size - 1.0 + norm2(X * X)))
        return float(np.mean(size**2))

    def _joint(self, X: Array, theta: Array) -> Array:
        """log pi_k N(z_j; m_k, Sigma_k), (..., n, K)."""
        weights, m, cov = self._split(theta)
        if self.covariance != "full" and not bool(namespace(theta).all(self._kind.inside(cov))):
            raise np.linalg.LinAlgError("gaussian-mixture: a component's variance is not positive; start inside, or set c > 0.")
        return self._kind.log_density(X, m, cov) + mixtures.log_weights(weights)[..., None, :]

    def _split(self, theta: Array) -> tuple[Array, Array, Array]:
        """pi (..., K), m (..., K, p), cov (..., K, f)."""
        xp, K, p = namespace(theta), self.components, self._features(theta.shape[-1])
        m = xp.reshape(theta[..., K : K + K * p], (*theta.shape[:-1], K, p))
        return theta[..., :K], m, xp.reshape(theta[..., K + K * p :], (*theta.shape[:-1], K, self._kind.free(p)))

    def _features(self, d: int) -> int:
        p = self._kind.features(d // self.components)
        if p < 1 or self.components * (1 + p + self._kind.free(p)) != d:
            raise ValueError(
                f"Expected a vector for {self.components} components with {self.covariance} covariances, got {d} numbers; "
                "the weights, means and covariances come one after the other."
            )
        return p

    def _join(self, weights: Array, m: Array, cov: Array) -> Array:
        xp = namespace(m)
        flat = [xp.reshape(part, (*part.shape[:-2], part.shape[-2] * part.shape[-1])) for part in (m, cov)]
        return xp.concat([weights, *flat], axis=-1)

    def _rows(self, stat: Array) -> Array:
        self._features(stat.shape[-1])  # as many numbers as in theta
        return namespace(stat).reshape(stat, (*stat.shape[:-1], self.components, stat.shape[-1] // self.components))

    def _flat(self, rows: Array) -> Array:
        return namespace(rows).reshape(rows, (*rows.shape[:-2], rows.shape[-2] * rows.shape[-1]))
