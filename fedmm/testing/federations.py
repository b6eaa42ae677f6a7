"""Small federations of samples on which parts are tried out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedmm.federation import Federation, Samples

__all__ = ["permuted", "sample_federation", "split_in_two"]


def sample_federation(
    sizes: Sequence[int] = (6, 6, 9, 6), d: int = 3, *, seed: int = 0, labels: bool = False, sparse: bool = False
) -> Federation:
    """Clients of these sizes, each with features and targets of its own law, weighted by Dirichlet(3).

    Parameters
    ----------
    sizes : sequence of int
        The number of samples of each client; neighbours of equal size can be stacked.
    d : int
        The number of features.
    seed : int
        Of everything random.
    labels : bool
        Targets -1 and +1 rather than real ones.
    sparse : bool
        Features as SciPy CSR arrays.
    """
    rng = np.random.default_rng(seed)
    clients = []
    for n in sizes:
        X = rng.lognormal(sigma=0.5) * rng.standard_normal((n, d)) + 0.3 * rng.standard_normal(d)
        y = X @ rng.standard_normal(d) + rng.standard_normal(n)
        if sparse:
            from scipy.sparse import csr_array

            X = csr_array(np.where(np.abs(X) > 0.3, X, 0.0))
        clients.append(Samples(X, np.where(y > 0, 1.0, -1.0) if labels else y))
    return Federation(clients, rng.dirichlet(np.full(len(sizes), 3.0)).tolist(), normalize=True)


def permuted(federation: Federation, order: Sequence[int]) -> Federation:
    """The same clients and weights in another order."""
    clients = [federation[i] for i in order]
    weights = [federation.weights[i] for i in order]
    return Federation(clients, weights, normalize=True, public=federation.public, check=False)


def split_in_two(federation: Federation) -> Federation:
    """Every client twice, at half its weight: the same problem over twice as many clients."""
    clients = [data for data in federation for _ in range(2)]
    weights = [0.5 * w for w in federation.weights for _ in range(2)]
    return Federation(clients, weights, normalize=True, public=federation.public, check=False)
