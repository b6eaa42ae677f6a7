r"""Dictionary learning with elastic-net codes, and a ridge on the dictionary, atoms in the unit ball, or both.

With `nonnegative`, codes and atoms are >= 0: non-negative matrix factorisation under squared distances.

    f_i(D) = (1/n_i) sum_j min_h { 1/2 |z_ij - D h|^2 + l1 |h|_1 + (l2/2) |h|^2 },      g(D) = (ridge/2) |D|_F^2,
    with `ball` also infinite unless |d_k| <= 1 for every atom, with `nonnegative` unless D >= 0 (and h >= 0 is asked)

With the codes frozen at those of a dictionary tau, the objective majorises f_i, touches it at tau, and is linear in a
statistic:

    psi = 0,   phi(D) = (-D'D/2, D),   S_i(tau) = (s1, s2) = mean_j (h_j h_j', z_ij h_j'),   h_j the code of z_ij at tau
    T(s) = s2 (s1 + ridge I)^{-1}, for constrained atoms by block-coordinate descent (`problems.atoms`),     S = PSD x R^{p x K}

With `ball` and no ridge T(s) is not unique where s1 is singular, for example where no sample uses an atom: T(s) is then the
minimiser that the descent finds from `start`, or, where none is given, from the dictionary of `Dictionary.start`; an unused atom
stays where it was. A ridge, however small, makes it unique.

T is not affine, so averaging dictionaries is not averaging statistics: in general the two have different fixed points
on heterogeneous data. The surrogate is that of J. Mairal, F. Bach, J. Ponce, G. Sapiro, "Online learning for matrix
factorization and sparse coding", JMLR 11, 2010 (there with ``ball=True, ridge=0``), and an instance of
the linearly parameterised families of arXiv 2507.17534.

Codes come from a fixed number of FISTA iterations (`problems.sparse_coding`). Codes that are not exact still majorise
f_i, as any codes do; the majoriser then touches `value`, which has the same codes and lies above f_i by their error.

| argument | symbol |
|---|---|
| theta | D, row by row: d = p K |
| components | K |
| l1, l2, ridge | lambda_1, lambda_2, eta |
| stat | (s1, s2): s1 packed (`fedmm.symmetric`), s2 row by row; q = K(K+1)/2 + p K |
| warm | the codes of all samples of the client, (n_i, K), kept from one round to the next |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fedmm.arguments import check_fields
from fedmm.arrays import Array, all_finite, as_like, data_tmatmul, namespace, norm2
from fedmm.errors import DataError, SpecError
from fedmm.federation import Federation, Samples
from fedmm.keys import Key
from fedmm.problem import Problem
from fedmm.symmetric import pack, packed_size, project_psd, unpack
from fedmm.types import Batch, Facts, HasGradient
from problems.atoms import Shape, constrained_atoms
from problems.batches import renewed, rows, take
from problems.checks import check_query
from problems.inner import by_row, check_tolerance
from problems.sparse_coding import encode, objective

__all__ = ["Dictionary"]


@dataclass(frozen=True)
class Dictionary(Problem):
    r""":math:`f_i(D)=\frac1{n_i}\sum_j\min_h\frac12\|z_{ij}-Dh\|^2+\lambda_1\|h\|_1+\frac{\lambda_2}2\|h\|^2`.

    Data are `Samples` with one z a row of X, dense or CSR; y is ignored.

    Parameters
    ----------
    components : int
        K, the number of atoms.
    l1 : float
        lambda_1 >= 0.
    l2 : float
        lambda_2 >= 0. With 0 codes need not be unique, f_i need not be differentiable, and no gradient is offered.
    ridge : float
        eta > 0, the weight of g; with `ball` it may be 0.
    iterations : int
        FISTA iterations from zero codes.
    warm_iterations : int or None
        Those from the codes of an earlier round; None for as many as `iterations`. Fewer are faster, and leave the
        codes of samples met for the first time less exact.
    ball : bool
        Whether atoms lie in the unit ball.
    nonnegative : bool
        Whether atoms and codes are non-negative.
    tolerance : float
        Of T(s) where atoms are constrained: T(s) is exact for a statistic that differs from s by at most this, relatively.

    Raises
    ------
    SpecError
        For a parameter out of range.
    """

    components: int = 10
    l1: float = 0.1
    l2: float = 0.01
    ridge: float = 0.2
    iterations: int = 200
    warm_iterations: int | None = None
    ball: bool = False
    nonnegative: bool = False
    tolerance: float = 1e-8

    name: ClassVar[str] = "dictionary"
    demo: ClassVar[Mapping[str, Any]] = {
        "data": "digits-patches",
        "partition": "dirichlet:0.1",
        "clients": 10,
        "method": "fedmm",
        "rounds": 100,
        "participation": "bernoulli:0.5",
        "channel": "mask:0.5",
        "set": {"problem.components": 16, "problem.l1": 0.5, "problem.iterations": 100, "method.step": 0.2},
    }

    def __post_init__(self) -> None:
        check_fields(self)
        if self.components < 1:
            raise SpecError(f"Expected dictionary.components >= 1, got {self.components}.")
        for field, value in (("l1", self.l1), ("l2", self.l2)):
            if not 0 <= value < float("inf"):
                raise SpecError(f"Expected dictionary.{field} >= 0 and finite, got {value}.")
        if not (self.ridge > 0 or (self.ball and self.ridge == 0)) or self.ridge == float("inf"):
            raise SpecError(f"Expected dictionary.ridge > 0 and finite, got {self.ridge}; T(s) needs it, unless ball=True.")
        check_tolerance(self.name, self.tolerance)
        for field, count in (("iterations", self.iterations), ("warm_iterations", self.warm_iterations)):
            if count is not None and count < 1:
                raise SpecError(f"Expected dictionary.{field} >= 1, got {count}.")

    @property
    def penalized(self) -> str:
        """What is asked of the dictionary."""
        words = [f"ridge {self.ridge:g} on the dictionary"] if self.ridge else []
        words += ["atoms in the unit ball"] * self.ball + ["non-negative atoms"] * self.nonnegative
        return ", ".join(words)

    @property
    def shape(self) -> Shape:
        """Where an atom may lie."""
        return Shape(self.ball, self.nonnegative)

    @property
    def oracles(self) -> tuple[type, ...]:
        """Every oracle below; without the gradient where l2 = 0."""
        return tuple(oracle for oracle in super().oracles if self.l2 > 0 or oracle is not HasGradient)

    def settle(self, federation: Federation, oracles: tuple[type, ...]) -> Dictionary:
        """This problem itself, once the data have been looked at.

        Raises
        ------
        DataError
            If some client's data are not `Samples` with a 2-D X, dense or CSR.
        """
        for i, data in federation.looked_at():
            if not isinstance(data, Samples):
                kind = type(data).__name__
                raise DataError(f"dictionary expects Samples(X) for client {i}, got {kind}; write Samples(array).")
            if data.X.ndim != 2:
                raise DataError(f"dictionary expects X (n, p) for client {i}, got shape {tuple(data.X.shape)}; reshape it.")
        return self

    def start(self, federation: Federation) -> Array:
        """Gaussian atoms of unit norm, always the same ones, shape (p K,): samples would do better, but are private."""
        X = federation[0].X
        return as_like(self._first(X.shape[-1]).ravel(), X)

    def components_of(self, theta: Array) -> Array:
        """The dictionary (..., p, K) in theta (..., p K), one atom a column."""
        return namespace(theta).reshape(theta, (*theta.shape[:-1], theta.shape[-1] // self.components, self.components))

    def transform(self, theta: Array, X: Array) -> Array:
        """The codes of the rows of `X` (..., n, p), dense or CSR, shape (..., n, K), dense."""
        theta, X = check_query(self.name, theta, X, lambda d, p: d == p * self.components)
        D = self.components_of(theta)
        return self._encode(X, D)

    def value(self, data: Samples, theta: Array) -> Array:
        r""":math:`f_i(D)` with codes by FISTA, shape (...)."""
        D = self.components_of(theta)
        H = self._encode(data.X, D)
        return namespace(H).mean(objective(data.X, D, H, self.l1, self.l2), axis=-1)

    def penalty(self, theta: Array) -> Array:
        r""":math:`\frac\eta2\|D\|_F^2`, infinite where an atom leaves its constraints, shape (...)."""
        value = (0.5 * self.ridge) * norm2(theta)
        outside = self.shape.excludes(self.components_of(theta))
        return namespace(theta).where(outside, namespace(theta).full_like(value, float("inf")), value)

    def restrict(self, theta: Array) -> Array:
        """theta with its atoms projected onto what they are constrained to; shape (..., p K)."""
        return _flat(self.shape.nearest(self.components_of(theta)))

    def gradient(self, data: Samples, theta: Array, batch: Batch | None = None) -> Array:
        r""":math:`Ds_1-s_2` with (s1, s2) the statistic at D, shape (..., p K); by Danskin, codes being unique."""
        s1, s2 = self._split(self.statistic(data, theta, batch)[0])
        return _flat(self.components_of(theta) @ s1 - s2)

    def prox(self, theta: Array, step: float) -> Array:
        r""":math:`\theta/(1+step\,\eta)`, projected where atoms are constrained, shape (..., p K)."""
        return self.restrict(theta * (1.0 / (1.0 + step * self.ridge)))

    def cold(self, data: Samples) -> Array:
        """Zero codes (..., n_i, K)."""
        X = data.X
        return as_like(np.zeros((*X.shape[:-1], self.components)), X)

    def statistic(
        self, data: Samples, theta: Array, batch: Batch | None = None, warm: Array | None = None
    ) -> tuple[Array, Array]:
        r""":math:`(\overline{hh^\top},\overline{zh^\top})`, shape (..., q), and the codes of all samples (..., n_i, K).

        Parameters
        ----------
        data : Samples
            The client's, or a block's.
        theta : array (..., p K)
            The dictionary.
        batch : Batch or None
            Samples to use; only their codes are renewed.
        warm : array (..., n_i, K) or None
            Codes of an earlier round, to begin from.
        """
        if batch is not None and batch.size >= data.X.shape[-2]:
            batch = None
        iterations = self.iterations if warm is None or self.warm_iterations is None else self.warm_iterations
        known = self.cold(data) if warm is None else warm
        Z = take(data, batch).X
        H = encode(Z, self.components_of(theta), self.l1, self.l2, iterations, take(Samples(known), batch).X, self.nonnegative)
        return _statistic(Z, H), H if batch is None else renewed(known, H, rows(batch, data.X.shape[-2]))

    def minimize(self, stat: Array, start: Array | None = None) -> Array:
        r""":math:`T(s)=s_2(s_1+\eta I)^{-1}`, where atoms are constrained a descent from `start`; shape (..., p K).

        `stat` lies in S: s1 is positive semidefinite.
        """
        constrained = self.ball or self.nonnegative
        if constrained and stat.ndim > 1:
            return by_row(self.minimize, stat, start)
        s1, s2 = self._split(stat)
        xp = namespace(stat)
        A = s1 + as_like(self.ridge * np.eye(self.components), stat)
        if constrained:
            if not all_finite(stat):
                return _flat(s2) * float("nan")  # the run says that it diverged
            first = as_like(self._first(s2.shape[-2]), stat) if start is None else self.components_of(start)
            return _flat(constrained_atoms(A, s2, first, self.tolerance, self.shape))
        return _flat(xp.linalg.matrix_transpose(xp.linalg.solve(A, xp.linalg.matrix_transpose(s2))))

    def lift(self, theta: Array) -> Array:
        r""":math:`(0,\eta D)`, shape (..., q): the surrogate that has seen no sample. Without a ridge :math:`(I,D)`.

        Raises
        ------
        ValueError
            If theta is not a finite vector of p K numbers, or if an atom leaves its constraints.
        """
        xp = namespace(theta)
        if theta.ndim == 0 or theta.shape[-1] == 0 or theta.shape[-1] % self.components:
            raise ValueError(f"Expected theta of shape (..., p * {self.components}), got {tuple(theta.shape)}.")
        if not bool(xp.all(xp.isfinite(theta))):
            raise ValueError("Expected finite theta, got NaN or infinity; no statistic maps to it.")
        if bool(xp.any(self.shape.excludes(self.components_of(theta)))):
            asked = " and ".join(["of norm at most 1"] * self.ball + [">= 0"] * self.nonnegative)
            raise ValueError(f"Expected atoms {asked}, got others; use restrict(theta).")
        seen = 0.0 if self.ridge else 1.0
        s1 = xp.zeros_like(theta[..., :1]) + pack(as_like(seen * np.eye(self.components), theta))
        return xp.concat([s1, (self.ridge or 1.0) * theta], axis=-1)

    def project(self, stat: Array) -> Array:
        """s1 with its negative eigenvalues at 0, s2 as it is, (..., q); Euclidean, the packing being isometric."""
        k = packed_size(self.components)
        return namespace(stat).concat([project_psd(stat[..., :k]), stat[..., k:]], axis=-1)

    def majorizer(self, data: Samples, theta: Array, at: Array) -> Array:
        r""":math:`f_i(\tau)-\langle\bar S_i(\tau),\phi(\theta)-\phi(\tau)\rangle`, shape (...)."""
        D = self.components_of(at)
        H = self._encode(data.X, D)
        xp = namespace(H)
        value = xp.mean(objective(data.X, D, H, self.l1, self.l2), axis=-1)
        return value - xp.sum(_statistic(data.X, H) * (self._phi(theta) - self._phi(at)), axis=-1)

    def facts(self, federation: Federation) -> Facts:
        """The bound 0; the problem is not convex and its constants are unknown."""
        curve = "unknown: D -> code(z, D) is only piecewise smooth and its modulus grows with |D|"
        return Facts(
            lower_bound=0.0,
            unconstrained=False,
            notes={
                "lower_bound": "bound: every term is >= 0",
                "unconstrained": "exact: S is PSD x R^(p x K)",
                "smoothness": curve,
                "strong_convexity": "none: f + g is not convex",
                "hessian_lipschitz": "none: f has kinks in its gradient",
                "v_min": "none: B(s) maps R^q to itself with rank at most p K < q, so its least eigenvalue is 0",
                "v_max": "unknown: B(s) grows with s2 on S",
                "composite_smoothness": curve,
                "field_lipschitz": curve,
                "oracle_variance": "unknown: no bound for the statistic of a sample has been worked out",
                "optimum": "unknown: not convex",
            },
        )

    def _encode(self, Z: Array, D: Array) -> Array:
        return encode(Z, D, self.l1, self.l2, self.iterations, None, self.nonnegative)

    def _first(self, p: int) -> np.ndarray:
        """Gaussian atoms of unit norm, or their absolute values, always the same ones, shape (p, K)."""
        D = Key(0, purpose=("dictionary", "start")).generator().normal(size=(p, self.components))
        return (np.abs(D) if self.nonnegative else D) / np.linalg.norm(D, axis=0)

    def _phi(self, theta: Array) -> Array:
        D = self.components_of(theta)
        xp = namespace(theta)
        return xp.concat([-0.5 * pack(xp.linalg.matrix_transpose(D) @ D), theta], axis=-1)

    def _split(self, stat: Array) -> tuple[Array, Array]:
        """s1 (..., K, K) and s2 (..., p, K)."""
        k = packed_size(self.components)
        return unpack(stat[..., :k]), self.components_of(stat[..., k:])


def _statistic(Z: Array, H: Array) -> Array:
    xp = namespace(H)
    mean = 1.0 / H.shape[-2]
    s1, s2 = (data_tmatmul(A, H) * mean for A in (H, Z))
    return xp.concat([pack(s1), _flat(s2)], axis=-1)


def _flat(A: Array) -> Array:
    return namespace(A).reshape(A, (*A.shape[:-2], A.shape[-2] * A.shape[-1]))
