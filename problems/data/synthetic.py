r"""Random federations whose constants are known.

| argument | symbol |
|---|---|
| d | the number of parameters |
| L, mu | the largest and the smallest eigenvalue of every client's A_i |
| heterogeneity | the root mean square distance of the clients' minimisers from their mean |
| p, K | pixels of a sample and atoms of the dictionary |
| homogeneous | whether all clients draw their codes from one law |

Everything a client holds is drawn at its own address (seed, client), so the first clients of a larger federation are
those of a smaller one, except for what is normalised over all clients (the minimisers of `SyntheticQuadratic`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fedmm.arguments import check_fields
from fedmm.errors import SpecError
from fedmm.federation import Federation, Samples, Source
from fedmm.keys import Key

__all__ = ["SyntheticDictionary", "SyntheticQuadratic", "TestBed", "client_key"]


@dataclass(frozen=True)
class SyntheticQuadratic(Source):
    r"""Quadratics with prescribed curvature and heterogeneity.

    :math:`f_i(\theta)=\tfrac12\theta^\top A_i\theta-b_i^\top\theta` and :math:`A_i=Q_i\,\mathrm{diag}(\lambda)\,Q_i^\top`
    with Q_i uniform among orthogonal matrices; the eigenvalues include mu and L, the others are log-uniform between. The
    minimisers :math:`A_i^{-1}b_i=c+u_i` have mean c, a standard Gaussian, and :math:`\tfrac1n\sum_i\|u_i\|^2=`
    heterogeneity squared (with one client: 0). The optimum of the federation is :math:`(\sum_i A_i)^{-1}\sum_i b_i`.

    Parameters
    ----------
    d : int
        The dimension.
    L, mu : float
        0 < mu <= L.
    heterogeneity : float
        >= 0.
    """

    d: int = 20
    L: float = 1.0
    mu: float = 0.01
    heterogeneity: float = 1.0

    name: ClassVar[str] = "synthetic-quadratic"

    def __post_init__(self) -> None:
        check_fields(self)
        _check_count(self.name, "d", self.d)
        if not 0 < self.mu <= self.L < float("inf"):
            raise SpecError(f"Expected {self.name} with 0 < mu <= L < inf, got mu = {self.mu} and L = {self.L}.")
        if self.d == 1 and self.mu != self.L:
            raise SpecError(f"{self.name} with d = 1 has one eigenvalue: expected mu = L, got {self.mu}, {self.L}.")
        if not 0 <= self.heterogeneity < float("inf"):
            raise SpecError(f"Expected {self.name}.heterogeneity >= 0 and finite, got {self.heterogeneity}.")

    def load(self, clients: int | None, seed: int) -> Federation:
        from problems.quadratic import Quad

        n = 10 if clients is None else clients
        generators = [client_key(self, seed, i).generator() for i in range(n)]
        A = [self._matrix(generator) for generator in generators]
        u = np.stack([generator.standard_normal(self.d) for generator in generators])
        u -= u.mean(axis=0)
        spread = np.sqrt(np.mean(np.sum(u * u, axis=1)))
        u *= self.heterogeneity / spread if n > 1 else 0.0
        c = Key(seed, purpose=(self.name,)).generator().standard_normal(self.d)
        return Federation([Quad(A_i, A_i @ (c + u_i)) for A_i, u_i in zip(A, u, strict=True)])

    def _matrix(self, generator: np.random.Generator) -> np.ndarray:
        inner = np.exp(generator.uniform(np.log(self.mu), np.log(self.L), max(self.d - 2, 0)))
        spectrum = np.concatenate([[self.mu, self.L], inner])[: self.d]
        Q, R = np.linalg.qr(generator.standard_normal((self.d, self.d)))
        Q = Q * np.sign(np.diag(R))  # uniform (Haar), not just orthogonal
        A = (Q * spectrum) @ Q.T
        return (A + A.T) / 2


@dataclass(frozen=True)
class TestBed(Source):
    r"""The quadratics on which the rates are checked.

    :math:`A_i=MM^\top/d+0.2I` with Gaussian M, :math:`b_i=3\times` Gaussian, and weights drawn once from Dirichlet(3);
    eight clients unless said otherwise.

    Parameters
    ----------
    d : int
        The dimension.
    """

    __test__: ClassVar[bool] = False
    d: int = 10

    name: ClassVar[str] = "test-bed"

    def __post_init__(self) -> None:
        check_fields(self)
        _check_count(self.name, "d", self.d)

    def load(self, clients: int | None, seed: int) -> Federation:
        from problems.quadratic import Quad

        n, d = 8 if clients is None else clients, self.d
        quads = []
        for i in range(n):
            generator = client_key(self, seed, i).generator()
            M = generator.standard_normal((d, d))
            quads.append(Quad(M @ M.T / d + 0.2 * np.eye(d), 3.0 * generator.standard_normal(d)))
        weights = Key(seed, purpose=(self.name,)).generator().dirichlet(np.full(n, 3.0))
        return Federation(quads, weights.tolist(), normalize=True)


@dataclass(frozen=True)
class SyntheticDictionary(Source):
    r"""Sparse mixtures of K unit-norm Gaussian atoms, plus noise.

    :math:`z=D_0h+` noise. Homogeneous: every coefficient of every client is active with probability 0.3. Heterogeneous:
    a client has 3 atoms of its own, drawn at random, all active in each of its samples. Active coefficients are 2 x
    Gaussian. Ten clients unless said otherwise.

    Parameters
    ----------
    homogeneous : bool
        One law of the codes for all clients, or 3 atoms each.
    p, K : int
        Dimension of a sample, number of atoms.
    samples : int
        Samples of each client.
    noise : float
        Standard deviation of the noise.
    """

    homogeneous: bool = True
    p: int = 15
    K: int = 10
    samples: int = 250
    noise: float = 0.1

    name: ClassVar[str] = "synthetic-dictionary"

    def __post_init__(self) -> None:
        check_fields(self)
        for field in ("p", "K", "samples"):
            _check_count(self.name, field, getattr(self, field))
        if not 0 <= self.noise < float("inf"):
            raise SpecError(f"Expected {self.name}.noise >= 0 and finite, got {self.noise}.")

    def atoms(self, seed: int) -> np.ndarray:
        """D_0, shape (p, K)."""
        D = Key(seed, purpose=(self.name,)).generator().standard_normal((self.p, self.K))
        return D / np.linalg.norm(D, axis=0)

    def load(self, clients: int | None, seed: int) -> Federation:
        D = self.atoms(seed)
        shares = []
        for i in range(10 if clients is None else clients):
            generator = client_key(self, seed, i).generator()
            if self.homogeneous:
                active = generator.random((self.samples, self.K)) < 0.3
            else:
                active = np.zeros((self.samples, self.K), dtype=bool)
                active[:, generator.choice(self.K, min(3, self.K), replace=False)] = True
            h = np.where(active, 2.0 * generator.standard_normal((self.samples, self.K)), 0.0)
            shares.append(Samples(h @ D.T + self.noise * generator.standard_normal((self.samples, self.p))))
        return Federation(shares, "samples")


def client_key(source: Source, seed: int, client: int) -> Key:
    """The address at which a source draws what one client holds."""
    return Key(seed, client=client, purpose=(source.name,))


def _check_count(source: str, field: str, value: int) -> None:
    if value < 1:
        raise SpecError(f"Expected {source}.{field} to be an integer >= 1, got {value!r}.")
