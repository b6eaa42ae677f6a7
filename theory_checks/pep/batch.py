r"""`Batch`: the same algorithm text as `SymPEP`, run on many quadratic federations at once.

Every client has :math:`f_i(x)=\tfrac12x^\top A_ix+\langle g_i^*,x\rangle` with eigenvalues of :math:`A_i` in [mu, L], mu and L
among them. Everything an algorithm does is then linear in what is free: the start, the shifts g*_i, control variates. So a
vector is kept as its part from each free vector (a *leaf*), and a scalar as a quadratic form in the leaves' sizes:

| here | shape | what |
|---|---|---|
| `Vector.a` | (B, m, d, l) | in federation b, client i's vector, by leaf |
| `Scalar.M` | (B, l, l) | :math:`s^\top M_bs` with s the leaves' sizes |
| `Batch.size` | (B, l) | s, chosen as large as the assumptions allow |

Expectations are exact, by the same second moments of noise as in the worst case. Whatever a batch measures is at most the
worst case over the class: ``batch.worst(program(batch, ...)) <= pep.maximize(program(pep, ...)).dual_value``.

    batch = Batch(L=1.0, mu=0.1, N=10)
    batch.worst(local_gd(batch, K=2, gamma=0.5, R=1.0, zeta=1.0))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fedmm.errors import SpecError
from theory_checks.pep import federations as draw
from theory_checks.pep.algebra import Inequality, Noise, Scalar, Vector, grown
from theory_checks.pep.checks import as_classes, as_number, check_between
from theory_checks.pep.noise import compression, covariance, sampling
from theory_checks.pep.problem import Mask

__all__ = ["Batch"]

TINY = 1e-13
"""Relative to the largest, what counts as zero."""


class Batch:
    r"""Random and extreme quadratic federations of N clients, with the verbs of `SymPEP`.

    For mu < 0 the mean of the A_i is positive semidefinite and x* minimises f. A class of more than six clients has six
    distinct ones, repeated.

    Parameters
    ----------
    L, mu, N, shared_optimum, regularizer
        As in `SymPEP`.
    seed : int
        Of the draws.
    size : int
        Federations, at least 64.
    d : int
        Dimension.

    Raises
    ------
    SpecError
        For numbers out of range.
    """

    exact = False
    one = 1.0

    def __init__(
        self,
        L: Any = 1.0,
        mu: Any = 0.0,
        N: Any = 2,
        *,
        shared_optimum: bool = False,
        regularizer: bool = False,
        seed: int = 0,
        size: int = 256,
        d: int = 2,
    ) -> None:
        self.L, self.mu, self.sizes = as_classes(L, mu, N, self.number)
        self.N, self.r = sum(self.sizes), len(self.sizes)
        self.weights = [n / self.N for n in self.sizes]
        self.convex = all(mu >= 0 for mu in self.mu)
        if (shared_optimum or regularizer) and not self.convex:
            raise SpecError("Expected convex functions where x* is used, got mu < 0; leave out shared_optimum and regularizer.")
        if size < 64 or d < 1:
            raise SpecError(f"Expected at least 64 federations in dimension 1 or more, got size={size!r}, d={d!r}.")
        counts = [draw.split(n) for n in self.sizes]
        self.clients_of = np.repeat(np.arange(self.r), [len(c) for c in counts])
        self.share = np.concatenate(counts) / self.N
        self.shape = (size, len(self.share), d)
        self.seed = seed
        self.sizes_of_leaves: list[np.ndarray] = []
        self.settled: list[bool] = []  # leaves whose size an assumption has chosen
        self.assumptions: list[Scalar] = []
        self.minima: list[list[Scalar]] = []
        self.calls = 0  # of verbs that draw matrices, for their seeds
        self.A, self.inverse = self._curvatures()
        self.origin = self._vector(np.zeros((*self.shape, 0)))
        self.gstar = self.origin
        self._shift = self.origin if shared_optimum else self.clients("g*", zero_mean=not regularizer)
        if self.convex:
            self.gstar = self._shift
        self.proximal: list[Vector] = [self.origin] if regularizer else []
        self.flatness = draw.fractions(1, size, d, seed + 1)[:, 0]  # 1 / (1 + curvature of the regulariser); 0: a subspace
        self.frame = draw.axes(1, size, d, seed + 1)[:, 0]

    # ---- numbers and vectors

    def number(self, value: Any) -> float:
        """`value` as a float; SpecError for NaN or infinity."""
        return as_number(value, False)

    def _curvatures(self) -> tuple[np.ndarray, Any]:
        B, m, d = self.shape
        low, high = (np.array(x)[self.clients_of][None, :, None] for x in (self.mu, self.L))
        e = low + (high - low) * draw.fractions(m, B, d, self.seed)
        Q = draw.axes(m, B, d, self.seed)
        A = np.einsum("bmij,bmj,bmkj->bmik", Q, e, Q)
        if self.convex:
            return A, lambda gamma: np.einsum("bmij,bmj,bmkj->bmik", Q, 1 / (1 + gamma * e), Q)
        mean, top = np.einsum("m,bmij->bij", self.share, A), self.share @ high[0, :, 0]
        least = np.minimum(np.linalg.eigvalsh(mean)[:, 0], 0.0)
        t = (-least / (top - least))[:, None, None, None]  # towards L I, until the mean is positive semidefinite
        A = (1 - t) * A + t * high[..., None] * np.eye(d)
        return A, lambda gamma: np.linalg.inv(np.eye(d) + gamma * A)

    def _vector(self, a: np.ndarray) -> Vector:
        return Vector(self, a, np.zeros((0, 0)))

    def _leaf(self, direction: np.ndarray) -> Vector:
        k = len(self.settled)
        self.sizes_of_leaves.append(draw.scales(self.shape[0], self.seed, k).copy())
        self.settled.append(False)
        a = np.zeros((*self.shape, k + 1))
        a[..., k] = direction
        return self._vector(a)

    def _scalar(self, M: np.ndarray) -> Scalar:
        return Scalar(self, M, np.zeros((0, 0, 0)), np.zeros(len(self.minima)), 0.0)

    def _applied(self, matrix: np.ndarray, x: Vector) -> Vector:
        return self._vector(np.matmul(matrix, x.a))

    # ---- declaring

    def point(self, name: str = "x0") -> Vector:
        """A free global vector, the same for all clients."""
        B, _, d = self.shape
        return self._leaf(draw.globals_(B, d, self.seed, len(self.settled))[:, None, :])

    def clients(self, name: str = "v", *, zero_mean: bool = False) -> Vector:
        """A free vector per client; with `zero_mean` they sum to zero over all clients."""
        B, m, d = self.shape
        v = draw.per_client(m, B, d, self.seed, len(self.settled))
        if zero_mean:
            v = v - np.einsum("m,bmd->bd", self.share, v)[:, None, :]
        length = np.sqrt(np.einsum("m,bmd->b", self.share, v**2))
        return self._leaf(v / np.where(length > TINY, length, np.inf)[:, None, None])

    def grad(self, x: Vector, name: str = "") -> Vector:
        """The clients' gradients at x (one point per client)."""
        self._determined(x, "grad")
        return self._applied(self.A, x) + self._shift

    def gap(self, x: Vector) -> Scalar:
        """f(x) - f(x*): the clients' mean value."""
        self._determined(x, "gap")
        return self.inner(self._applied(self.A, x) / 2 + self._shift, x)

    def prox(self, x: Vector, gamma: Any, name: str = "") -> Vector:
        r"""Each client's :math:`y_i=\mathrm{prox}_{\gamma f_i}(x_i)`, exactly."""
        self._determined(x, "prox")
        return self._applied(self.inverse(self.number(gamma)), x - self._shift * gamma)

    def prox_regularizer(self, s: Vector, rho: Any, name: str = "") -> Vector:
        r"""x = prox_{rho g}(s) of a random convex quadratic g, on a subspace in some federations."""
        self._determined(s, "prox_regularizer")
        rho = check_between("rho", self.number(rho), 0, None, open_left=True)
        if not self.proximal:
            raise SpecError("Expected a problem with a regulariser for prox_regularizer; declare Batch(..., regularizer=True).")
        if np.abs(s.a - s.a[:, :1]).max(initial=0.0) > TINY * np.abs(s.a).max(initial=1.0):
            raise SpecError("Expected a global vector for prox_regularizer, got one per client; take its mean first.")
        shrink = self.flatness / (self.flatness + rho * (1 - self.flatness))
        matrix = np.einsum("bij,bj,bkj->bik", self.frame, shrink, self.frame)[:, None]
        x = self._applied(matrix, s + self.gstar.mean() * rho)
        self.proximal.append(x)
        return x

    def regularizer(self, x: Vector) -> Scalar:
        """g(x) - g(x*), at a point that `prox_regularizer` returned."""
        if not any(seen.a.shape == x.a.shape and (seen.a == x.a).all() for seen in self.proximal):
            raise SpecError(
                "Expected a point that prox_regularizer returned: elsewhere the regulariser has no value in the problem."
            )
        finite = self.flatness > 0
        curvature = np.where(finite, 1 / np.where(finite, self.flatness, 1.0) - 1, 0.0)
        matrix = np.einsum("bij,bj,bkj->bik", self.frame, curvature, self.frame)[:, None]
        return self.inner(self._applied(matrix, x) / 2 - self.gstar.mean(), x)

    def compress(self, u: Vector, omega: Any) -> Vector:
        """An unbiased compressor of variance factor omega on every client, independent of everything else."""
        return self.noisy(u, compression(self, omega))

    def participation(self, *, S: int | None = None, p: Any = None) -> Mask:
        """Who takes part: S of N without replacement, or each client independently with probability p."""
        return Mask(self, sampling(self, S, p))

    def contract(self, u: Vector, delta: Any, name: str = "c") -> Vector:
        r"""A biased compressor's outputs: :math:`c_i=u_i-\sqrt{1-\delta}\,O_iu_i`, O_i orthogonal, drawn anew in each call."""
        delta = check_between("delta", self.number(delta), 0, 1, open_left=True)
        self._determined(u, "contract")
        return u - self._applied(self._orthogonal(), u) * float(np.sqrt(1 - delta))

    def robust_mean(self, g: Vector, kappa: Any, name: str = "e") -> Vector:
        r"""mean(g) + e with :math:`e=\sqrt\kappa\,\overline{\xi_iO_i\,\mathrm{dev}\,g_i}`, the mean of xi_i^2 being 1."""
        kappa = check_between("kappa", self.number(kappa), 0, None)
        self._determined(g, "robust_mean")
        B, m, _ = self.shape
        xi = draw.per_client(m, B, 1, self.seed, 1000 + self.calls)
        xi = xi / np.sqrt(np.einsum("m,bmd->b", self.share, xi**2))[:, None, None]
        e = self._applied(self._orthogonal() * xi[..., None], g.dev()).mean()
        return g.mean() + e * float(np.sqrt(kappa))

    def _orthogonal(self) -> np.ndarray:
        self.calls += 1
        B, m, d = self.shape
        return draw.orthogonal(m, B, d, self.seed, 100 + self.calls)

    def minimum(self, scalars: Sequence[Scalar], name: str = "tau") -> Scalar:
        """The least of several scalars."""
        self.minima.append(list(scalars))
        least = self._scalar(np.zeros((self.shape[0], 0, 0)))
        least.F[-1] = 1.0
        return least

    # ---- assumptions: they choose the sizes

    def assume(self, *inequalities: Inequality) -> None:
        """Restrict the federations: leaves without a size get the largest one that ``norm2(x) <= R**2`` allows, together.

        Where that is not enough, all leaves shrink together. Federations that violate an assumption in the end are left out.
        """
        for inequality in inequalities:
            if not isinstance(inequality, Inequality):
                raise SpecError(f"Expected an inequality such as norm2(x) <= 1.0, got {inequality!r}.")
            if inequality.left.F.any():
                raise SpecError("Expected an assumption without minima; a minimum is for measuring.")
            self._settle(inequality.left)
            self.assumptions.append(inequality.left)

    def _settle(self, left: Scalar) -> None:
        s = self._sizes()
        Q = grown(left.M, (len(s), s.shape[1], s.shape[1]))
        used = np.flatnonzero(np.abs(Q).max(axis=(0, 2), initial=0.0) > TINY * np.abs(Q).max(initial=TINY)).tolist()
        free = [k for k in used if not self.settled[k]]
        if len(free) == 1:
            s[:, free[0]] = np.where(s[:, free[0]] == 0, 1.0, s[:, free[0]])
        if free:
            s[:, free] *= _allowed(s, Q, left.const, free)[:, None]
        t = np.minimum(_allowed(s, Q, left.const, used), 1.0)
        s *= np.where(_form(s, Q, s) + left.const > 0, t, 1.0)[:, None]
        self.sizes_of_leaves = list(s.T)
        for k in used:
            self.settled[k] = True

    def _sizes(self) -> np.ndarray:
        return np.stack(self.sizes_of_leaves, axis=1) if self.sizes_of_leaves else np.zeros((self.shape[0], 0))

    # ---- asking

    def measure(self, scalar: Scalar) -> np.ndarray:
        """`scalar` on every federation that meets the assumptions.

        Raises
        ------
        SpecError
            If none does.
        """
        legal = np.ones(self.shape[0], dtype=bool)
        s = self._sizes()
        for left in self.assumptions:
            value, scale = self._value(left, s), self._value(left, s, np.abs)
            legal &= value <= 1e-9 * scale
        if not legal.any():
            raise SpecError("No federation of the batch meets the assumptions; check them, or ask for a larger batch.")
        return self._value(scalar, s)[legal]

    def worst(self, scalar: Scalar) -> float:
        """The largest value of `scalar` over the batch: at most the worst case over the class."""
        return float(self.measure(scalar).max())

    def worst_ratio(self, top: Scalar, bottom: Scalar) -> float:
        r"""The largest top / bottom over federations *and* sizes of the leaves, both quadratic and bottom >= 0.

        Per federation a generalised eigenvalue; infinite if some direction has bottom = 0 and top > 0.

        Raises
        ------
        SpecError
            If there are assumptions, constants or minima: the sizes are then not free.
        """
        if self.assumptions or any(x.F.any() or x.const for x in (top, bottom)):
            raise SpecError("Expected two quadratic scalars and no assumptions for a ratio; measure the scalars instead.")
        B, n = self.shape[0], len(self.settled)
        P, Q = (grown(x.M, (B, n, n)) for x in (top, bottom))
        diagonal = np.einsum("bkk->bk", Q)
        seen = diagonal > 1e-24 * np.maximum(diagonal, np.abs(P).max(axis=2)).max(axis=1, keepdims=True)  # the rest is rounding
        unit = 1 / np.sqrt(np.where(seen, diagonal, 1.0))
        P, Q = (X * unit[:, :, None] * unit[:, None, :] for X in (P, Q))
        e, V = np.linalg.eigh(Q)
        seen = e > 1e-11
        flat = np.where(seen[:, None, :], 0.0, V)
        if np.linalg.eigvalsh(np.einsum("bji,bjk,bkl->bil", flat, P, flat)).max(initial=0.0) > 1e-6:
            return float("inf")
        W = np.where(seen[:, None, :], V, 0.0) / np.sqrt(np.where(seen, e, 1.0))[:, None, :]
        return float(np.linalg.eigvalsh(np.einsum("bji,bjk,bkl->bil", W, P, W)).max(initial=0.0))

    def worst_factor(self, now: Sequence[Scalar], after: Sequence[Scalar], p: Sequence[float]) -> float:
        r"""The largest V+ / V for :math:`V=\sum_kp_kV_k`: at most the rate of a Lyapunov function."""
        return self.worst_ratio(self.weighted(p, after), self.weighted(p, now))

    def weighted(self, p: Sequence[float], terms: Sequence[Scalar]) -> Scalar:
        r""":math:`\sum_kp_kV_k`."""
        return sum((w * term for w, term in zip(p, terms, strict=True)), start=0 * terms[0])

    def _value(self, scalar: Scalar, s: np.ndarray, f: Any = np.asarray) -> np.ndarray:
        Q = grown(scalar.M, (len(s), s.shape[1], s.shape[1]))
        value = _form(f(s), f(Q), f(s)) + f(scalar.const)
        for k in np.flatnonzero(scalar.F):
            value = value + scalar.F[k] * np.min([self._value(each, s, f) for each in self.minima[k]], axis=0)
        return value

    # ---- the algebra's questions

    def inner(self, u: Vector, w: Vector) -> Scalar:
        """[u.w]: averaged over all clients."""
        total = self._scalar(_gram(u, w, self.share))
        for c in range(self.r):
            if u.noise and w.noise:
                total = total + covariance(self, u, w, c, self._scalar(np.zeros((1, 0, 0)))) * self.weights[c]
        return total

    def inner_in_class(self, u: Vector, w: Vector, c: int) -> Scalar:
        """[u.w] over the clients of class c."""
        share = np.where(self.clients_of == c, self.share, 0.0) / self.weights[c]
        total = self._scalar(_gram(u, w, share))
        return covariance(self, u, w, c, total) if u.noise and w.noise else total

    def average(self, u: Vector) -> Vector:
        """The server's mean."""
        w = np.array(self.weights)
        noise = {k: (np.ones((self.r, 1)) * (w @ A), D * 0) for k, (A, D) in u.noise.items()}
        mean = np.einsum("m,bmdl->bdl", self.share, u.a)[:, None]
        return Vector(self, np.broadcast_to(mean, u.a.shape), u.d, noise)

    def noisy(self, u: Vector, draw: Any) -> Vector:
        """u plus the zero-mean noise of a draw."""
        return u + Vector(self, self.origin.a, u.d, {Noise(draw, u): (np.eye(self.r), np.ones(self.r))})

    def _determined(self, x: Vector, what: str) -> None:
        if any(A.any() or D.any() for A, D in x.noise.values()):
            raise SpecError(
                f"Expected a point without noise for {what}, got a random one: only second moments of noise are known."
            )


def _gram(u: Vector, w: Vector, share: np.ndarray) -> np.ndarray:
    """Symmetric M (B, l, l) with s'Ms = the mean over clients of <u_i, w_i>."""
    n = max(u.a.shape[-1], w.a.shape[-1])
    B, m, d = u.a.shape[:3]
    left = (grown(u.a, (B, m, d, n)) * share[:, None, None]).reshape(B, m * d, n)
    M = np.matmul(left.transpose(0, 2, 1), grown(w.a, (B, m, d, n)).reshape(B, m * d, n))
    return (M + M.transpose(0, 2, 1)) / 2


def _form(s: np.ndarray, Q: np.ndarray, t: np.ndarray) -> np.ndarray:
    return np.einsum("bj,bjk,bk->b", s, Q, t)


def _allowed(s: np.ndarray, Q: np.ndarray, const: Any, leaves: list[int]) -> np.ndarray:
    """The largest t >= 0 such that these leaves, t times as large, keep s'Qs + const <= 0; 1 where every or no t does."""
    moved = np.zeros_like(s)
    moved[:, leaves] = s[:, leaves]
    still = s - moved
    a, b, c = _form(moved, Q, moved), 2 * _form(moved, Q, still), _form(still, Q, still) + const
    size = np.abs(a) + np.abs(b) + np.abs(c)
    bends, rises = a > TINY * size, b > TINY * size
    root = (np.sqrt(np.maximum(b * b - 4 * a * c, 0.0)) - b) / np.where(bends, 2 * a, 1.0)
    t = np.where(bends, root, np.where(rises, -c / np.where(rises, b, 1.0), 1.0))
    return np.maximum(t, 0.0)
