"""Censored lifetimes and precision matrices: SciPy's and scikit-learn's fits to the pooled samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fedmm import Bernoulli, Federation, FedMM, Samples, solve
from fedmm.symmetric import unpack
from problems import CensoredExponential, GaussianPrecision

METHODS: list[tuple[FedMM, dict[str, Any]]] = [
    (FedMM(step=1.0), {"rounds": 60}),
    (FedMM(step=0.3), {"rounds": 400, "participation": Bernoulli(0.5)}),
]


@pytest.mark.parametrize(("method", "options"), METHODS, ids=["everyone", "half of the clients"])
def test_the_rate_is_scipys_fit_to_censored_data(method: FedMM, options: dict[str, Any]) -> None:
    """`scipy.stats.expon.fit` maximises the likelihood numerically, to about 1e-4 of the scale."""
    from scipy.stats import CensoredData, expon

    rng = np.random.default_rng(0)
    clients = []
    for n, rate in ((30, 0.2), (50, 1.0), (40, 5.0)):
        y = (rng.random(n) < 0.6).astype(float)
        clients.append(Samples(rng.exponential(1.0 / rate, (n, 1)), y))
    federation = Federation(clients, "samples")
    t = np.concatenate([data.X[:, 0] for data in clients])
    y = np.concatenate([data.y for data in clients])
    pooled = CensoredData.right_censored(t, y == 0)
    _, scale = expon.fit(pooled, floc=0.0)
    result = solve(CensoredExponential(), federation, method, metrics=(), progress=False, **options)
    rate = float(result.theta[0])
    assert rate == pytest.approx(1.0 / scale, rel=1e-4)
    ours = float(expon.logpdf(t[y == 1], scale=1 / rate).sum() + expon.logsf(t[y == 0], scale=1 / rate).sum())
    theirs = float(expon.logpdf(t[y == 1], scale=scale).sum() + expon.logsf(t[y == 0], scale=scale).sum())
    assert ours >= theirs - 1e-9  # ours is the maximum


@pytest.mark.parametrize(("method", "options"), METHODS, ids=["everyone", "half of the clients"])
@pytest.mark.parametrize("parameter", ["precision", "covariance"])
def test_the_precision_is_scikit_learns(parameter: Any, method: FedMM, options: dict[str, Any]) -> None:
    from sklearn.covariance import EmpiricalCovariance

    rng = np.random.default_rng(1)
    shares = [rng.standard_normal((12 + 3 * i, 3)) @ (np.eye(3) + 0.8 * rng.standard_normal((3, 3))) for i in range(4)]
    theirs = EmpiricalCovariance(assume_centered=True).fit(np.concatenate(shares))
    federation = Federation([Samples(X) for X in shares], "samples")
    result = solve(GaussianPrecision(parameter, c=0.0), federation, method, metrics=(), progress=False, **options)
    want = theirs.precision_ if parameter == "precision" else theirs.covariance_
    np.testing.assert_allclose(unpack(result.theta), want, rtol=0, atol=1e-9 * np.abs(want).max())


def test_the_prior_shrinks_as_scikit_learns_shrunk_covariance() -> None:
    """(S + c v0 I)/(1 + c) is their (1 - a) S + a (tr S / p) I with a = c/(1 + c) and v0 = tr S / p."""
    from sklearn.covariance import ShrunkCovariance

    rng = np.random.default_rng(2)
    shares = [rng.standard_normal((n, 4)) * np.array([1.0, 2.0, 0.5, 1.5]) for n in (9, 14)]
    pooled = np.concatenate(shares)
    c = 0.25
    theirs = ShrunkCovariance(assume_centered=True, shrinkage=c / (1.0 + c)).fit(pooled)
    problem = GaussianPrecision(c=c, scale=float((pooled**2).mean()))
    result = solve(problem, Federation([Samples(X) for X in shares], "samples"), FedMM(step=1.0), rounds=2, progress=False)
    np.testing.assert_allclose(unpack(result.theta), theirs.precision_, rtol=1e-10, atol=1e-12)
