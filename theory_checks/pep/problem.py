r"""`SymPEP`: the exact worst case of a federated algorithm over all federations, by an SDP whose size does not depend on N.

Clients are exchangeable inside a class, so an optimal Gram matrix may be averaged over permutations: it is then described
by a mean block M, one deviation block :math:`D_c` per class and averaged function values F (`theory_checks.pep.algebra`).
N enters only through scalars such as :math:`\omega/N`.

    pep = SymPEP(L=1.0, mu=0.1, N=10)
    x = pep.point()
    pep.assume(norm2(x) <= R**2, norm2(pep.gstar) <= zeta**2)
    y = x
    for _ in range(K):
        y = y - gamma * pep.grad(y)
    result = pep.maximize(norm2(mean(y)))

| name here | symbol |
|---|---|
| origin | x* = 0, the minimiser of f (any point for a non-convex f, whose infimum is 0) |
| gstar | :math:`g_i^*=\nabla f_i(x^*)`; f_i(x*) = 0 |
| L, mu, N | smoothness, strong convexity (mu = -L: non-convex) and number of clients; sequences for several classes |
| gap(x) | :math:`\frac1N\sum_if_i(x_i)` |

State lives in the instance: any number of problems may be alive at once. Sources: the symmetric reduction follows Colla and
Hendrickx (2023) for consensus; for federated algorithms it is derived here.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from fedmm.errors import SpecError
from theory_checks.pep.algebra import Inequality, Noise, Scalar, Vector, check_space, grown
from theory_checks.pep.checks import as_classes, as_number, check_between
from theory_checks.pep.lyapunov import Lyapunov, search
from theory_checks.pep.noise import compression, covariance, sampling
from theory_checks.pep.solve import Result, maximize

__all__ = ["Evaluation", "Mask", "SymPEP"]


class Evaluation(NamedTuple):
    """A point, the clients' gradients there, and where their function values stand in F (one per class; -1: known, 0)."""

    x: Vector
    g: Vector
    F: tuple[int, ...]


class Mask(NamedTuple):
    r"""Who takes part: called on a client vector it gives :math:`1\{i\in A\}u_i` over its probability, one draw for all."""

    space: Any
    draw: Any

    def __call__(self, u: Vector) -> Vector:
        return self.space.noisy(u, self.draw)


class SymPEP:
    """A worst-case problem over all federations of N clients with L-smooth, mu-strongly convex functions.

    Parameters
    ----------
    L, mu : number, or a sequence of numbers
        Smoothness and strong convexity (-L <= mu < L), of the one class or of each class. Below 0 the functions are not
        convex, and `gstar` does not exist.
    N : int, or a sequence of int
        Clients in the one class, or in each.
    shared_optimum : bool
        Whether every client has its minimiser at x*, so that g* = 0.
    regularizer : bool
        Whether f has a convex regulariser g beside the clients' functions; then g*_i need not sum to zero.
    exact : bool
        Whether coefficients are exact fractions; floats are then refused.

    Raises
    ------
    SpecError
        For numbers out of range, or sequences of different lengths.
    """

    def __init__(
        self,
        L: Any = 1,
        mu: Any = 0,
        N: Any = 2,
        *,
        shared_optimum: bool = False,
        regularizer: bool = False,
        exact: bool = False,
    ) -> None:
        self.exact = exact
        self.L, self.mu, self.sizes = as_classes(L, mu, N, self.number)
        self.N, self.r = sum(self.sizes), len(self.sizes)
        self.weights = [self.one * n / self.N for n in self.sizes]
        self.convex = all(mu >= 0 for mu in self.mu)
        self.names: list[str] = []  # of every symbol, in the order of declaration: M, D and F alike
        self.means: list[int] = []  # declaration numbers of the mean symbols
        self.devs: list[int] = []
        self.values: list[int] = []
        self.evaluations: list[Evaluation] = []
        self.rules: list[Inequality] = []  # ingredients' own inequalities, valid on every federation
        self.assumptions: list[Inequality] = []
        self.proximal: list[tuple[Vector, Vector, int]] = []  # (x, xi, psi) of the regulariser; psi = -1: known, 0
        self.origin = self._vector()
        self.gstar = self.origin
        if (shared_optimum or regularizer) and not self.convex:
            raise SpecError("Expected convex functions where x* is used, got mu < 0; leave out shared_optimum and regularizer.")
        if self.convex:
            if not shared_optimum:
                self.gstar = self.clients("g*", zero_mean=not regularizer)
            self.evaluations.append(Evaluation(self.origin, self.gstar, (-1,) * self.r))
        if regularizer:
            self.proximal.append((self.origin, -self.gstar.mean(), -1))

    # ---- numbers and symbols

    @property
    def one(self) -> Any:
        """1 as a coefficient."""
        return Fraction(1) if self.exact else 1.0

    def number(self, value: Any) -> Any:
        """`value` as a coefficient; SpecError for NaN, infinity, or a float in an exact problem."""
        return as_number(value, self.exact)

    def _declare(self, name: str, kind: list[int]) -> int:
        kind.append(len(self.names))
        self.names.append(name)
        return len(kind) - 1

    def _vector(self) -> Vector:
        return Vector(self, self._zeros(self.r, len(self.means)), self._zeros(self.r, len(self.devs)))

    def _zeros(self, *shape: int) -> np.ndarray:
        return np.full(shape, Fraction(0), dtype=object) if self.exact else np.zeros(shape)

    def _scalar(self, const: Any = 0) -> Scalar:
        n, m, k = len(self.means), len(self.devs), len(self.values)
        return Scalar(self, self._zeros(n, n), self._zeros(self.r, m, m), self._zeros(k), self.number(const))

    def value(self, index: int) -> Scalar:
        """A function value of F by its place; -1 is the known value 0."""
        s = self._scalar()
        if index >= 0:
            s.F[index] = self.one
        return s

    # ---- declaring

    def point(self, name: str = "x0") -> Vector:
        """A free global vector, the same for all clients."""
        j = self._declare(name, self.means)
        v = self._vector()
        v.a[:, j] = self.one
        return v

    def clients(self, name: str = "v", *, zero_mean: bool = False) -> Vector:
        """A free vector per client; with `zero_mean` they sum to zero over all clients."""
        free = self.r - 1 if zero_mean else self.r
        label = [name if self.r == 1 else f"{name}[{c}]" for c in range(self.r)]
        js = [self._declare(f"mean {label[c]}", self.means) for c in range(free)]
        q = self._declare(f"dev {name}", self.devs) if any(n > 1 for n in self.sizes) else -1
        v = self._vector()
        for c, j in enumerate(js):
            v.a[c, j] = self.one
            if zero_mean:  # the last class's mean is what makes the sum vanish
                v.a[-1, j] = -self.weights[c] / self.weights[-1]
        for c, n in enumerate(self.sizes):
            if n > 1:
                v.d[c, q] = self.one
        return v

    def grad(self, x: Vector, name: str = "") -> Vector:
        """The clients' gradients at x (one point per client); asking twice at one point gives the same."""
        return self._evaluate(x, name).g

    def gap(self, x: Vector) -> Scalar:
        """f(x) - f(x*) at a global x (f minus its infimum if not convex): the clients' mean value."""
        found = self._evaluate(x, "")
        total = self._scalar()
        for w, index in zip(self.weights, found.F, strict=True):
            total = total + self.value(index) * w
        return total

    def prox(self, x: Vector, gamma: Any, name: str = "") -> Vector:
        r"""Each client's :math:`y_i=\mathrm{prox}_{\gamma f_i}(x_i)`, exactly: y = x - gamma g(y)."""
        self._determined(x, "prox")
        g = self.clients(name or f"g{len(self.evaluations)}")
        y = x - g * gamma
        self._record(y, g)
        return y

    def prox_regularizer(self, s: Vector, rho: Any, name: str = "") -> Vector:
        r"""The server's :math:`x=\mathrm{prox}_{\rho g}(s)` of the shared convex regulariser: x = s - rho xi."""
        self._determined(s, "prox_regularizer")
        if not self.proximal:
            raise SpecError("Expected a problem with a regulariser for prox_regularizer; declare SymPEP(..., regularizer=True).")
        if not _is_global(s):
            raise SpecError("Expected a global vector for prox_regularizer, got one per client; take its mean first.")
        xi = self.point(name or f"xi{len(self.proximal)}")
        x = s - xi * rho
        self.proximal.append((x, xi, self._declare(f"psi{len(self.proximal)}", self.values)))
        return x

    def regularizer(self, x: Vector) -> Scalar:
        """g(x) - g(x*), at a point that `prox_regularizer` returned."""
        for seen, _, psi in self.proximal:
            if _same(seen, x):
                return self.value(psi)
        raise SpecError("Expected a point that prox_regularizer returned: elsewhere the regulariser has no value in the problem.")

    def compress(self, u: Vector, omega: Any) -> Vector:
        """An unbiased compressor of variance factor omega on every client, independent of everything else."""
        return self.noisy(u, compression(self, omega))

    def participation(self, *, S: int | None = None, p: Any = None) -> Mask:
        """Who takes part: S of N without replacement, or each client independently with probability p."""
        return Mask(self, sampling(self, S, p))

    def contract(self, u: Vector, delta: Any, name: str = "c") -> Vector:
        """A biased compressor's outputs c: |u_i - c_i|^2 <= (1 - delta) |u_i|^2 on every client."""
        delta = check_between("delta", self.number(delta), 0, 1, open_left=True)
        self._determined(u, "contract")
        if delta == 1:
            return u  # what is known to be 0 leaves the solver no interior
        c = self.clients(name)
        for k in range(self.r):
            left = self.inner_in_class(u - c, u - c, k) - self.inner_in_class(u, u, k) * (self.one - delta)
            self.rules.append(Inequality(left, f"contraction of {name}"))
        return c

    def robust_mean(self, g: Vector, kappa: Any, name: str = "e") -> Vector:
        """What a (f, kappa)-robust aggregator returns: mean(g) + e, with |e|^2 at most kappa times the clients' variance."""
        kappa = check_between("kappa", self.number(kappa), 0, None)
        self._determined(g, "robust_mean")
        e = self.point(name)
        dev = g.dev()
        self.rules.append(Inequality(self.inner(e, e) - self.inner(dev, dev) * kappa, f"robustness of {name}"))
        return g.mean() + e

    def assume(self, *inequalities: Inequality) -> None:
        """Restrict the federations: ``assume(norm2(x) <= R**2)``."""
        for inequality in inequalities:
            if not isinstance(inequality, Inequality):
                raise SpecError(f"Expected an inequality such as norm2(x) <= 1.0, got {inequality!r}.")
            check_space(self, inequality.left)
            self.assumptions.append(inequality)

    def minimum(self, scalars: Sequence[Scalar], name: str = "tau") -> Scalar:
        """The least of several scalars, to be maximised."""
        tau = self.value(self._declare(name, self.values))
        for s in scalars:
            self.assumptions.append(Inequality(tau - s, f"{name} is a minimum"))
        return tau

    # ---- asking

    def maximize(self, objective: Scalar, *, solver: str = "clarabel") -> Result:
        """The worst case of `objective` over all federations that meet the assumptions.

        Parameters
        ----------
        objective : Scalar
            What is measured.
        solver : str
            "clarabel", called directly; or the name of any conic solver that CVXPY has, called through CVXPY.

        Raises
        ------
        WorstCaseError
            If the worst case is unbounded, no federation meets the assumptions, or the solver stopped short.
        """
        return maximize(self, objective, solver=solver)

    def lyapunov(self, now: Sequence[Scalar], after: Sequence[Scalar], target: Scalar, *, rtol: float = 1e-5) -> Lyapunov:
        """The best rate certified by a Lyapunov function in the span of `now`, whose expected next values are `after`.

        What `assume` said is not used: the rate holds without it.

        Parameters
        ----------
        now, after : sequences of Scalar
            V_k and E V_k+, without constants; `products` and `mix` build them.
        target : Scalar
            Q <= V: what the rate is about.
        rtol : float
            Relative accuracy of 1 - rate and of the rate.

        Raises
        ------
        WorstCaseError
            If no rate up to 1 is certified.
        """
        return search(self, now, after, target, rtol=rtol)

    # ---- the algebra's questions

    def inner(self, u: Vector, w: Vector) -> Scalar:
        """[u.w]: weighted over the classes."""
        total = self.inner_in_class(u, w, 0) * self.weights[0]
        for c in range(1, self.r):
            total = total + self.inner_in_class(u, w, c) * self.weights[c]
        return total

    def inner_in_class(self, u: Vector, w: Vector, c: int) -> Scalar:
        """[u.w] over the clients of class c."""
        n, m = len(self.means), len(self.devs)
        a, b = grown(u.a, (self.r, n))[c], grown(w.a, (self.r, n))[c]
        d, e = grown(u.d, (self.r, m))[c], grown(w.d, (self.r, m))[c]
        half = self.one / 2
        D = self._zeros(self.r, m, m)
        D[c] = (np.outer(d, e) + np.outer(e, d)) * half
        total = Scalar(self, (np.outer(a, b) + np.outer(b, a)) * half, D, self._zeros(len(self.values)), self.one * 0)
        return covariance(self, u, w, c, total)

    def average(self, u: Vector) -> Vector:
        """The server's mean: every class by its share of the clients."""
        w = np.array(self.weights, dtype=object if self.exact else float)
        everywhere = np.ones((self.r, 1), dtype=int)
        noise = {k: (everywhere * (w @ A), D * 0) for k, (A, D) in u.noise.items()}
        return Vector(self, everywhere * (w @ u.a), u.d * 0, noise)

    def noisy(self, u: Vector, draw: Any) -> Vector:
        """u plus the zero-mean noise of a draw."""
        check_space(self, u)
        A, D = self._zeros(self.r, self.r), self._zeros(self.r)
        A[np.arange(self.r), np.arange(self.r)] = self.one
        D[:] = self.one
        return u + Vector(self, self._zeros(self.r, 0), self._zeros(self.r, 0), {Noise(draw, u): (A, D)})

    # ---- evaluated points

    def _evaluate(self, x: Vector, name: str) -> Evaluation:
        self._determined(x, "grad")
        for seen in self.evaluations:
            if _same(seen.x, x):
                return seen
        return self._record(x, self.clients(name or f"g{len(self.evaluations)}"))

    def _record(self, x: Vector, g: Vector) -> Evaluation:
        k = len(self.evaluations)
        found = Evaluation(x, g, tuple(self._declare(f"F{k}[{c}]", self.values) for c in range(self.r)))
        self.evaluations.append(found)
        return found

    def _determined(self, x: Vector, what: str) -> None:
        check_space(self, x)
        if any(A.any() or D.any() for A, D in x.noise.values()):
            raise SpecError(
                f"Expected a point without noise for {what}, got a random one: only second moments of noise are known. "
                "Certify one step at a time (a Lyapunov function), or enumerate the outcomes."
            )


def _is_global(x: Vector) -> bool:
    return not x.d.any() and all((x.a[c] == x.a[0]).all() for c in range(1, x.a.shape[0]))


def _same(x: Vector, y: Vector) -> bool:
    n, m = max(x.a.shape[1], y.a.shape[1]), max(x.d.shape[1], y.d.shape[1])
    r = x.a.shape[0]
    return bool((grown(x.a, (r, n)) == grown(y.a, (r, n))).all() and (grown(x.d, (r, m)) == grown(y.d, (r, m))).all())
