"""The numeric batch: its noise against enumeration, its federations in the class, its sizes within the assumptions."""

from __future__ import annotations

from itertools import combinations, product
from typing import Any

import numpy as np
import pytest

from fedmm.errors import SpecError
from theory_checks.pep import SymPEP, dev, mean, norm2
from theory_checks.pep.batch import Batch
from theory_checks.pep.programs.local_gd import local_gd


def vectors(batch: Batch, u: Any) -> np.ndarray:
    """The clients' vectors (B, N, d) at the sizes chosen."""
    s = batch._sizes()
    return np.einsum("bmdl,bl->bmd", u.a, s[:, : u.a.shape[-1]])


def masks(N: int, S: int | None, p: float | None) -> list[tuple[float, np.ndarray]]:
    """(probability, factors of the N clients) for every outcome of a sampling of clients."""
    if S is not None:
        sets = list(combinations(range(N), S))
        return [(1 / len(sets), np.isin(np.arange(N), a) * N / S) for a in sets]
    assert p is not None
    coins = [np.array(c) for c in product([0, 1], repeat=N)]
    return [(float(np.prod(np.where(c == 1, p, 1 - p))), c / p) for c in coins]


@pytest.mark.parametrize(("S", "p"), [(1, None), (2, None), (3, None), (None, 0.3), (None, 1.0)])
def test_noise_is_that_of_every_outcome_in_turn(S: int | None, p: float | None) -> None:
    batch = Batch(N=3)
    x, u, w = batch.point(), batch.clients("u"), batch.clients("w")
    mask = batch.participation(S=S, p=p)
    U, W, X = vectors(batch, u), vectors(batch, w), vectors(batch, x)
    for measured, of in [
        (norm2(mean(mask(u)) - x), lambda a, b: ((a.mean(1, keepdims=True) - X) ** 2).sum(2).mean(1)),
        (norm2(dev(mask(u))), lambda a, b: ((a - a.mean(1, keepdims=True)) ** 2).sum(2).mean(1)),
        (norm2(mask(u) - 2 * mean(mask(w)) + w), lambda a, b: ((a - 2 * b.mean(1, keepdims=True) + W) ** 2).sum(2).mean(1)),
    ]:
        exact = sum(q * of(U * m[:, None], W * m[:, None]) for q, m in masks(3, S, p))
        np.testing.assert_allclose(batch.measure(measured), exact, rtol=1e-12, atol=1e-12)


def test_classes_have_noise_of_their_own_size() -> None:
    """Bernoulli clients, one in the first class and two in the second."""
    batch = Batch(L=(1.0, 0.3), mu=(0.1, 0.1), N=(1, 2))
    u = batch.clients("u")
    U = vectors(batch, u)
    measured = batch.measure(norm2(dev(batch.participation(p=0.4)(u)) + u))
    exact = np.zeros(len(U))
    for q, m in masks(3, None, 0.4):
        a = U * m[:, None]
        exact += q * ((a - a.mean(1, keepdims=True) + U) ** 2).sum(2).mean(1)
    np.testing.assert_allclose(measured, exact, rtol=1e-12)


@pytest.mark.parametrize("mu", [0.1, 0.0, -1.0])
def test_every_federation_is_in_the_class(mu: float) -> None:
    batch = Batch(L=1.0, mu=mu, N=5)
    eigenvalues = np.linalg.eigvalsh(batch.A)
    assert eigenvalues.min() >= mu - 1e-12
    assert eigenvalues.max() <= 1 + 1e-12
    assert np.linalg.eigvalsh(batch.A.mean(axis=1)).min() >= -1e-12
    if mu >= 0:
        assert eigenvalues.min() <= mu + 1e-12  # the extremes are there
        np.testing.assert_allclose(vectors(batch, batch.gstar).mean(axis=1), 0.0, atol=1e-12)
    x = batch.point()
    assert batch.measure(batch.gap(x)).min() >= -1e-12


def test_assumptions_hold_with_equality_where_they_can() -> None:
    batch = Batch(N=3)
    x, h = batch.point(), batch.clients("h", zero_mean=True)
    batch.assume(norm2(x) <= 4.0, norm2(h - batch.gstar) <= 0.25)
    np.testing.assert_allclose(batch.measure(norm2(x)), 4.0, rtol=1e-12)
    assert batch.measure(norm2(h - batch.gstar)).max() <= 0.25 + 1e-12
    batch.assume(norm2(x) + norm2(h) <= 1.0)  # all of them have a size: they shrink
    values = batch.measure(norm2(x) + norm2(h))
    assert len(values) == 256
    np.testing.assert_allclose(values, 1.0, rtol=1e-9)


def test_a_bound_at_the_start_is_met_too() -> None:
    batch = Batch(L=1.0, mu=0.1, N=4)
    x = batch.point()
    batch.assume(norm2(batch.gstar) <= 0.09, norm2(x) <= 1.0)
    batch.assume(norm2(dev(batch.grad(x))) <= 0.09)
    assert batch.measure(norm2(dev(batch.grad(x)))).max() <= 0.09 * (1 + 1e-9)
    assert batch.worst(norm2(x)) == pytest.approx(1.0)


def test_a_million_clients_are_six_kinds() -> None:
    batch = Batch(L=1.0, mu=0.1, N=10**6)
    assert batch.shape[1] == 6
    assert batch.share.sum() == pytest.approx(1.0)
    pep = SymPEP(L=1.0, mu=0.1, N=10**6)
    parameters = {"K": 2, "gamma": 0.5, "R": 1.0, "zeta": 1.0}
    assert 0.8 < batch.worst(local_gd(batch, **parameters)) <= pep.maximize(local_gd(pep, **parameters)).dual_value


@pytest.mark.parametrize(("mu", "gamma"), [(0.1, 2.5), (-1.0, 0.6)])
def test_prox_is_the_implicit_step(mu: float, gamma: float) -> None:
    batch = Batch(L=1.0, mu=mu, N=3)
    x = batch.point()
    y = batch.prox(x, gamma)
    np.testing.assert_allclose(batch.measure(norm2(y + gamma * batch.grad(y) - x)), 0.0, atol=1e-20)
    assert batch.worst(norm2(y - x)) > 0.1


def test_the_regulariser_is_convex_and_its_prox_optimal() -> None:
    """x = prox(s): g(x) + |x-s|^2/(2 rho) is at most g(z) + |z-s|^2/(2 rho) for every other prox point z."""
    batch = Batch(L=1.0, mu=0.1, N=3, regularizer=True)
    s, t = batch.point(), batch.point()
    x, z = batch.prox_regularizer(s, 0.7), batch.prox_regularizer(t, 0.3)
    better = batch.regularizer(x) + norm2(x - s) / 1.4
    assert batch.measure(better - batch.regularizer(z) - norm2(z - s) / 1.4).max() <= 1e-9
    stays = batch.prox_regularizer(batch.origin - 0.5 * mean(batch.gstar), 0.5)  # x* is where the whole method stays
    assert batch.worst(norm2(stays)) <= 1e-24
    assert batch.measure(batch.gap(x) + batch.regularizer(x)).min() >= -1e-9


def test_biased_compression_and_robust_means_keep_their_promises() -> None:
    batch = Batch(L=1.0, mu=0.1, N=4)
    u = batch.clients("u")
    kept = vectors(batch, u) - vectors(batch, batch.contract(u, 0.3))
    np.testing.assert_allclose((kept**2).sum(2), 0.7 * (vectors(batch, u) ** 2).sum(2), rtol=1e-12)
    error = batch.robust_mean(u, 0.2) - mean(u)
    assert batch.measure(norm2(error) - 0.2 * norm2(dev(u))).max() <= 1e-12


def test_ratios_are_exact_in_the_sizes() -> None:
    """Two leaves: the largest (x + h)^2 / (x^2 + h^2) is 2 where they are parallel."""
    batch = Batch(N=1, d=1)
    x, h = batch.point(), batch.point()
    assert batch.worst_ratio(norm2(x + h), norm2(x) + norm2(h)) == pytest.approx(2.0)
    assert batch.worst_ratio(norm2(x + h), norm2(x)) == np.inf
    rounding = x + 1e-17 * h  # no direction of its own
    assert batch.worst_ratio(norm2(rounding) / 2, norm2(rounding)) == pytest.approx(0.5)
    assert batch.worst_ratio(norm2(x + 1e-9 * h), norm2(x) + 1e-18 * norm2(h)) == pytest.approx(2.0)
    assert batch.worst_factor([norm2(x), norm2(h)], [norm2(x) / 4, norm2(h) / 2], [1.0, 2.0]) == pytest.approx(0.5)


def test_a_federation_that_violates_an_assumption_by_little_is_left_out() -> None:
    batch = Batch(N=1, d=1)
    x = batch.point()
    batch.assume(norm2(x) >= 1.0, norm2(x) <= 0.999)
    with pytest.raises(SpecError, match="No federation"):
        batch.measure(norm2(x))


def test_minima_and_refusals() -> None:
    batch = Batch(L=1.0, mu=0.1, N=2)
    x = batch.point()
    batch.assume(norm2(x) <= 1.0)
    least = batch.measure(batch.minimum([norm2(x), 3 * norm2(x) - 1.5]) * 2 + 1)
    np.testing.assert_allclose(least, 3.0)
    with pytest.raises(SpecError, match="without noise"):
        batch.grad(batch.compress(x, 1.0))
    with pytest.raises(SpecError, match="regulariser"):
        batch.prox_regularizer(x, 1.0)
    with pytest.raises(SpecError, match="at least 64"):
        Batch(size=10)
    with pytest.raises(SpecError, match="no assumptions"):
        batch.worst_ratio(norm2(x), norm2(x))
    batch.assume(norm2(x) >= 2.0)
    with pytest.raises(SpecError, match="No federation"):
        batch.measure(norm2(x))
