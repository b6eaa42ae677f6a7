r"""Entropic optimal transport from private samples to public atoms; federated MM on it is federated Sinkhorn.

    f_i(theta) = <theta, nu> + (1/n_i) sum_l eps log sum_j nu_j exp((<x_il, y_j> - theta_j) / eps),      g = 0

is the semi-dual of the entropic transport from mu = sum_i w_i mu_i to nu for the cost -<x, y>. With the plan's law
p_j(x; tau) = softmax_j((<x, y_j> - tau_j)/eps + log nu_j) of j given x, concavity of the logarithm gives the majoriser

    psi = <theta, nu>,   phi_j = -eps exp(-theta_j/eps),   S = (0, inf)^m
    S_j(tau) = mean_x p_j(x; tau) exp(tau_j/eps),    T(s)_j = eps log(s_j / nu_j)

and T(S(tau))_j = tau_j + eps log(mean_x p_j(x; tau) / nu_j) is exactly a Sinkhorn iteration.

theta + c stands for the same plan as theta: f(theta + c) = f(theta), and S(theta + c) = exp(c/eps) S(theta), which T
undoes. Only statistics feel c, through the range of floating point. Put R = max_x (max_j <x, y_j> - min_j <x, y_j>),
the `reach`. From theta = 0 (`start`), the iterates s + gamma (S(T(s)) - s), 0 < gamma <= 1, satisfy

    max_j theta_j - min_j theta_j <= R,   -R <= <theta, nu> <= 0,   so  nu_j exp(-2R/eps) <= s_j <= nu_j exp(R/eps):

the first since S_j(tau)/nu_j = mean_x exp((<x, y_j> - u(x))/eps), u(x) the soft maximum; the second since <theta, nu>
falls in each step, by at most what f does, and f(0) - inf f <= R. `settle` refuses an eps for which these bounds do
not fit the dtype, and `project` clips at the lower one. Noisy steps (compression, few clients, mini-batches) are not
covered, and may be clipped.

| argument | symbol |
|---|---|
| epsilon | eps |
| atoms, masses | y_j (m, k), nu_j (m,); public |
| theta | theta, the potential of the atoms, (m,) |
| reach | R |
| data | x, one a row of `Samples.X` (n, k) |
| warm | (P, b) of the client, None unless cached |

Exponentials are the cost of an iteration. With the plan's law P = p(x; b) at an earlier potential b (n_i x m, kept from round
to round where `cached`), the same statistic takes two products with P, and no exponential of that size:

    w = exp((b - tau)/eps),   r = P w,   p_j(x; tau) = P_xj w_j / r_x,   S_j(tau) = exp(b_j/eps) mean_x P_xj / r_x

b is replaced by tau when some |b_j - tau_j| exceeds `DRIFT` eps, before w strains the range of floating point: entries of P
that underflow then weigh less than any rounding. (Stabilisation by absorption: B. Schmitzer, SIAM J. Sci. Comput. 41, 2019.)

For the cost |x - y|^2 with regularisation 2 eps the plan is the same, and its potentials are those of `potentials` and
`sample_potentials`, up to one constant added to the former and subtracted from the latter.

Source: the family is derived in the manner of arXiv 2507.17534, which has its own method for transport maps; the
iteration is R. Sinkhorn's, and the semi-dual that of A. Genevay, M. Cuturi, G. Peyre, F. Bach, "Stochastic
optimization for large-scale optimal transport", NeurIPS 2016.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np

from fedmm.arguments import check_fields
from fedmm.arrays import Array, as_like, data_dot, data_tdot, is_sparse, namespace, norm2, to_numpy
from fedmm.errors import DataError, SpecError
from fedmm.federation import Federation, Samples
from fedmm.problem import Problem
from fedmm.types import Batch, Facts
from problems.batches import take
from problems.checks import check_query

__all__ = ["Law", "Transport"]

DRIFT = 30.0
"""Potentials move by so many eps before the law of the plan is computed anew: w stays in exp(-30) .. exp(30)."""


class Law(NamedTuple):
    """P = p(x; b) (..., n_i, m) at the potential b (..., m): what a client keeps; b = inf where nothing is computed yet."""

    P: Array
    b: Array


@dataclass(frozen=True, eq=False)
class Transport(Problem):
    r""":math:`f_i=\langle\theta,\nu\rangle+\frac\epsilon{n_i}\sum_l\log\sum_j\nu_je^{(x_{il}^\top y_j-\theta_j)/\epsilon}`.

    Data are `Samples` with one x a row of X, dense; y is ignored. The oracles work once the problem is settled.

    Parameters
    ----------
    epsilon : float
        eps > 0, the strength of the entropic regularisation, in units of <x, y>.
    reach : float or None
        A bound of R; None computes R from the data when the problem is settled.
    atoms : array (m, k) or None
        y_j; None takes ``federation.public["atoms"]`` when the problem is settled.
    masses : array (m,) or None
        nu_j > 0 with sum 1; None takes ``federation.public["masses"]``.
    cached : bool
        Keep P from round to round: many times faster, at n_i m numbers of memory for each client. Rounds on
        mini-batches do not use it.

    Raises
    ------
    SpecError
        If epsilon is not positive and finite, or reach is negative or not finite.
    """

    epsilon: float = 0.05
    reach: float | None = None
    atoms: Array = field(default=None, repr=False)
    masses: Array = field(default=None, repr=False)
    cached: bool = False

    name: ClassVar[str] = "transport"
    demo: ClassVar[Mapping[str, Any]] = {
        "data": "image-colors",
        "partition": "dirichlet:0.3",
        "clients": 10,
        "method": "fedmm",
        "rounds": 100,
        "participation": "bernoulli:0.5",
        "set": {"method.step": 0.25},
    }

    def __post_init__(self) -> None:
        check_fields(self)
        if not 0 < self.epsilon < float("inf"):
            raise SpecError(f"Expected transport.epsilon > 0 and finite, got {self.epsilon}.")
        if self.reach is not None and not 0 <= self.reach < float("inf"):
            raise SpecError(f"Expected transport.reach >= 0 and finite, got {self.reach}; leave it out to compute it.")

    def settle(self, federation: Federation, oracles: tuple[type, ...]) -> Transport:
        """This problem with the public atoms and masses, in the data's library and dtype, and the reach.

        Raises
        ------
        DataError
            If atoms or masses are missing, do not match, or the masses are not positive with sum 1; if the data are
            not dense `Samples` of the atoms' dimension; if epsilon is so small that statistics may leave the range of
            the dtype.
        """
        like = _checked(federation)
        atoms, masses = (
            as_like(to_numpy(_public(federation, name) if given is None else given).astype(float), like)
            for name, given in (("atoms", self.atoms), ("masses", self.masses))
        )
        _check_target(to_numpy(atoms), to_numpy(masses), like)
        reach = self.reach if self.reach is not None else max(_reach(data.X, atoms) for data in federation)
        xp = namespace(like)
        room = -float(np.log(float(xp.finfo(like.dtype).smallest_normal))) + float(np.log(float(xp.min(masses))))
        if 2 * reach > room * self.epsilon:
            raise DataError(
                f"transport with epsilon={self.epsilon:g} needs statistics down to exp({-2 * reach / self.epsilon:.4g}), "
                f"which {like.dtype} does not hold; take epsilon >= {2 * reach / room:.3g}, or scale the data down."
            )
        return replace(self, reach=reach, atoms=atoms, masses=masses)

    def start(self, federation: Federation) -> Array:
        """Zeros (m,), where the bounds by the reach begin."""
        masses = _public(federation, "masses") if self.masses is None else self.masses
        return as_like(np.zeros(masses.shape[0]), federation[0].X)

    def value(self, data: Samples, theta: Array) -> Array:
        r""":math:`f_i(\theta)`, shape (...)."""
        soft, _ = self._conditional(data.X, theta)
        xp = namespace(theta)
        return xp.sum(theta * self.masses, axis=-1) + xp.mean(soft, axis=-1)

    def gradient(self, data: Samples, theta: Array, batch: Batch | None = None) -> Array:
        r""":math:`\nu-\frac1{n_i}\sum_lp(x_{il};\theta)`, shape (..., m); of the batch where one is given."""
        _, p = self._conditional(take(data, batch).X, theta)
        return self.masses - namespace(p).mean(p, axis=-2)

    def cold(self, data: Samples) -> Law | None:
        """Nothing computed yet, where `cached`; else None."""
        if not self.cached:
            return None
        shape = (*data.X.shape[:-1], self.masses.shape[0])
        return Law(as_like(np.zeros(shape), data.X), as_like(np.full((*shape[:-2], shape[-1]), np.inf), data.X))

    def statistic(
        self, data: Samples, theta: Array, batch: Batch | None = None, warm: Law | None = None
    ) -> tuple[Array, Law | None]:
        r""":math:`\frac1{n_i}\sum_lp_j(x_{il};\theta)e^{\theta_j/\epsilon}`, shape (..., m), and P with its b where `cached`.

        Parameters
        ----------
        data : Samples
            The client's, or a block's.
        theta : array (..., m)
            The potential.
        batch : Batch or None
            Samples to use.
        warm : Law or None
            That of an earlier round.
        """
        if batch is not None and batch.size < data.X.shape[-2]:
            X = take(data, batch).X
            return self._anew(X, theta)[0], warm
        if not self.cached:
            return self._anew(data.X, theta)[0], None
        xp = namespace(theta)
        if warm is None or float(xp.max(xp.abs(warm.b - theta))) > DRIFT * self.epsilon:
            stat, (P, b) = self._anew(data.X, theta)
            seen = float(xp.finfo(P.dtype).smallest_normal) <= P  # products with the numbers below are slow, and weigh nothing
            return stat, Law(xp.where(seen, P, xp.zeros_like(P)), b)
        means = _means(warm.P, xp.exp((warm.b - theta) * (1.0 / self.epsilon)))
        return self._scaled(data.X, theta, means, warm.b), warm

    def _anew(self, X: Array, theta: Array) -> tuple[Array, Law]:
        """The statistic and the law of the plan, at theta."""
        _, p = self._conditional(X, theta)
        b = theta + namespace(p).zeros_like(p[..., 0, :])
        return self._scaled(X, theta, namespace(p).mean(p, axis=-2), b), Law(p, b)

    def _scaled(self, X: Array, theta: Array, means: Array, b: Array) -> Array:
        r"""``means`` times :math:`e^{b/\epsilon}`, shape (..., m), where both are in range.

        Elsewhere the exponentials are joined before they are taken: :math:`\nu_je^{(\langle x,y_j\rangle-u(x))/\epsilon}`, u(x)
        the soft maximum at theta, is in range where either factor is not.
        """
        xp = namespace(means)
        kept = float(xp.finfo(means.dtype).smallest_normal) ** 0.5
        if float(xp.min(means)) >= kept and float(xp.max(xp.abs(b))) <= -self.epsilon * float(np.log(kept)):
            return means * xp.exp(b * (1.0 / self.epsilon))
        scores = self._scores(X)
        soft = self._soft(scores - theta[..., None, :])
        return self.masses * xp.mean(xp.exp((scores - soft[..., None]) * (1.0 / self.epsilon)), axis=-2)

    def minimize(self, stat: Array, start: Array | None = None) -> Array:
        r""":math:`T(s)_j=\epsilon\log(s_j/\nu_j)`, shape (..., m), for `stat` in S (positive)."""
        return self.epsilon * namespace(stat).log(stat / self.masses)

    def lift(self, theta: Array) -> Array:
        r""":math:`s_j=\nu_je^{\theta_j/\epsilon}`, shape (..., m).

        Raises
        ------
        ValueError
            If theta is not a finite vector of m numbers, or so large that s leaves the range of its dtype.
        """
        xp, m = namespace(theta), self.masses.shape[0]
        if theta.ndim == 0 or theta.shape[-1] != m:
            raise ValueError(f"Expected theta of shape (..., {m}), got {tuple(theta.shape)}.")
        if not bool(xp.all(xp.isfinite(theta))):
            raise ValueError("Expected finite theta, got NaN or infinity; no statistic maps to it.")
        exponent = theta * (1.0 / self.epsilon) + xp.log(self.masses)
        room = float(np.log(float(xp.finfo(theta.dtype).max)))
        if float(xp.max(xp.abs(exponent))) > room - 2.0:  # 2: the smallest normal number is about 4 / max
            raise ValueError(f"Expected |theta| within {room * self.epsilon:.3g}: exp(theta / epsilon) is out of range.")
        return xp.exp(exponent)

    def project(self, stat: Array) -> Array:
        r""":math:`\max(s_j,\nu_je^{-2R/\epsilon})`, shape (..., m): a bound of the statistics above."""
        xp = namespace(stat)
        return xp.maximum(stat, self.masses * float(np.exp(-2.0 * self.reach / self.epsilon)))  # type: ignore[operator]

    def majorizer(self, data: Samples, theta: Array, at: Array) -> Array:
        r""":math:`f_i(\tau)+\langle\theta-\tau,\nu\rangle+\epsilon\sum_jp_j(\tau)(e^{(\tau_j-\theta_j)/\epsilon}-1)`."""
        xp = namespace(theta)
        soft, p = self._conditional(data.X, at)
        value = xp.sum(theta * self.masses, axis=-1) + xp.mean(soft, axis=-1)  # f_i(tau) + <theta - tau, nu>
        rise = xp.expm1((at - theta) * (1.0 / self.epsilon))
        return value + self.epsilon * xp.sum(xp.mean(p, axis=-2) * rise, axis=-1)

    def facts(self, federation: Federation) -> Facts:
        r"""L = 1/(2 eps): the Hessian is a mean of (diag(p) - p p')/eps, of absolute row sums 2 p_j (1 - p_j)/eps.

        The lower bound is Jensen's, :math:`f(\theta)\ge\langle\bar x,\bar y\rangle`, with the means of both measures.
        """
        ready = self if self.atoms is not None and self.masses is not None else self.settle(federation, ())
        y = to_numpy(ready.masses) @ to_numpy(ready.atoms)  # the mean atom
        means = (to_numpy(data.X).mean(axis=0, dtype=float) for data in federation)
        bound = sum(w * float(x @ y) for w, x in zip(federation.weights, means, strict=True))
        scale = "none: B(s) = diag(eps nu_j / s_j^2) is unbounded over S and has no positive lower bound there"
        return Facts(
            smoothness=0.5 / self.epsilon,
            strong_convexity=0.0,
            unconstrained=False,
            lower_bound=bound,
            notes={
                "smoothness": "bound: 1/(2 eps)",
                "strong_convexity": "exact: f is constant along (1, ..., 1)",
                "hessian_lipschitz": "unknown: not worked out",
                "v_min": scale,
                "v_max": scale,
                "composite_smoothness": "unknown: W(T(s)) curves like 1/s^2 near the boundary of S",
                "field_lipschitz": "unknown: the statistic scales with exp(theta/eps)",
                "oracle_variance": "unknown: the statistic scales with exp(theta/eps)",
                "unconstrained": "exact: S = (0, inf)^m",
                "lower_bound": "bound: <mean x, mean y>, by Jensen's inequality",
                "optimum": "unknown in closed form",
            },
        )

    def plan(self, theta: Array, X: Array) -> Array:
        """The coupling (..., n, m) of the rows of `X`, each of mass 1/n, with the atoms; its row sums are exact."""
        theta, X = self._checked(theta, X)
        return self._conditional(X, theta)[1] * (1.0 / X.shape[-2])

    def transform(self, theta: Array, X: Array) -> Array:
        r"""The barycentric map :math:`x\mapsto\sum_jp_j(x;\theta)y_j` of the rows of `X`, shape (..., n, k)."""
        theta, X = self._checked(theta, X)
        return self._conditional(X, theta)[1] @ self.atoms

    def potentials(self, theta: Array) -> Array:
        r""":math:`b_j=\|y_j\|^2-2\theta_j`, shape (..., m): the atoms' potential for |x - y|^2, regularisation 2 eps.

        The plan is :math:`\mu_l\nu_j\exp((a_l+b_j-\|x_l-y_j\|^2)/(2\epsilon))`, relative to the product of the
        marginals; relative to the counting measure the potential is b_j + 2 eps log nu_j. (a + c, b - c) give the
        same plan.
        """
        return norm2(self.atoms) - 2.0 * theta

    def sample_potentials(self, theta: Array, X: Array) -> Array:
        r""":math:`a_l=\|x_l\|^2-2u(x_l)`, shape (..., n), u the soft maximum: the samples' potential."""
        theta, X = self._checked(theta, X)
        return norm2(X) - 2.0 * self._soft(self._scores(X) - theta[..., None, :])

    def _checked(self, theta: Array, X: Array) -> tuple[Array, Array]:
        if self.atoms is None:
            raise DataError("transport does not know its atoms before a run; use result.problem, or give atoms and masses.")
        return check_query(self.name, theta, X, lambda d, k: (d, k) == tuple(self.atoms.shape))

    def _scores(self, X: Array) -> Array:
        """<x_l, y_j>, shape (..., n, m)."""
        return X @ namespace(X).linalg.matrix_transpose(self.atoms)

    def _soft(self, scores: Array) -> Array:
        r""":math:`\epsilon\log\sum_j\nu_je^{scores_j/\epsilon}`, shape (..., n)."""
        return self._softmax(scores)[0]

    def _conditional(self, X: Array, theta: Array) -> tuple[Array, Array]:
        """The soft maximum (..., n) and p_j(x; theta) (..., n, m)."""
        return self._softmax(self._scores(X) - theta[..., None, :])

    def _softmax(self, scores: Array) -> tuple[Array, Array]:
        xp = namespace(scores)
        top = xp.max(scores, axis=-1, keepdims=True)
        e = xp.exp((scores - top) * (1.0 / self.epsilon)) * self.masses
        total = xp.sum(e, axis=-1, keepdims=True)  # positive: nu_j of the largest score is in it
        return (top + self.epsilon * xp.log(total))[..., 0], e / total


def _public(federation: Federation, name: str) -> Array:
    if name not in federation.public:
        known = ", ".join(federation.public) or "nothing"
        raise DataError(f"transport needs public[{name!r}], the federation has {known}; give Federation(..., public=...).")
    return federation.public[name]


def _checked(federation: Federation) -> Array:
    """Some client's X, once all are known to be dense samples."""
    for i, data in federation.looked_at():
        if not isinstance(data, Samples):
            kind = type(data).__name__
            raise DataError(f"transport expects Samples(X) for client {i}, got {kind}; write Samples(array).")
        if is_sparse(data.X) or data.X.ndim != 2:
            what = "a sparse one" if is_sparse(data.X) else f"shape {tuple(data.X.shape)}"
            raise DataError(f"transport expects a dense X (n, k) for client {i}, got {what}; convert it.")
    return federation[0].X


def _check_target(atoms: np.ndarray, masses: np.ndarray, like: Array) -> None:
    if atoms.ndim != 2 or atoms.shape[1] != like.shape[-1]:
        raise DataError(f"Expected public atoms of shape (m, {like.shape[-1]}) to match the data, got {atoms.shape}.")
    if masses.shape != atoms.shape[:1]:
        raise DataError(f"Expected one mass for each of {atoms.shape[0]} atoms, got shape {masses.shape}.")
    if not (masses > 0).all() or abs(float(masses.sum(dtype=float)) - 1.0) > 1e-5:
        low, total = float(masses.min()), float(masses.sum(dtype=float))
        raise DataError(
            f"Expected public masses > 0 with sum 1, got least {low:g} and sum {total:g}; drop empty atoms, normalise."
        )


def _means(P: Array, w: Array) -> Array:
    """mean_x P_xj / (P w)_x, shape (..., m), for `P` (..., n, m) and `w` (..., m)."""
    return data_tdot(P, 1.0 / data_dot(P, w)) * (1.0 / P.shape[-2])


def _reach(X: Array, atoms: Array) -> float:
    xp = namespace(X)
    scores = X @ xp.linalg.matrix_transpose(atoms)
    return float(xp.max(xp.max(scores, axis=-1) - xp.min(scores, axis=-1)))
