"""Transport against POT's Sinkhorn: iterates, plan, cost, potentials.

POT minimises <P, C> + reg sum P log P for C = |x - y|^2, whose plan is ours for reg = 2 epsilon: the two costs, and the two
entropies, differ by functions of x alone and of y alone, which the marginals fix.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fedmm.algorithms import MM
from fedmm.arrays import Array
from fedmm.federation import Federation
from fedmm.solve import solve
from problems import Transport
from problems.data import Dirichlet, ImageColors

ot: Any = pytest.importorskip("ot")

EPSILON = 0.1
REG = 2 * EPSILON


@pytest.fixture(scope="module")
def federation() -> Federation:
    """300 pixels of one photograph on 5 unlike clients, 16 colours of another with unequal masses."""
    source = ImageColors(pixels=300, atoms=16)
    X, y = source.load(None, 0)
    public = {"atoms": source.public()["atoms"], "masses": np.arange(1.0, 17.0) / 136.0}
    return Federation.from_arrays(X, y, Dirichlet(0.3, 5), public=public)


def pooled(federation: Federation) -> tuple[Array, Array, Array, Array]:
    """X, its masses, the masses of the atoms, the squared distances."""
    X = np.concatenate([data.X for data in federation])
    cost = ot.dist(X, federation.public["atoms"], metric="sqeuclidean")
    return X, np.full(len(X), 1.0 / len(X)), federation.public["masses"], cost


@pytest.fixture(scope="module")
def theta(federation: Federation) -> Array:
    """Where 400 rounds of MM lead."""
    return solve(Transport(EPSILON), federation, MM(), rounds=400, metrics=()).theta


def test_every_round_of_mm_is_an_iteration_of_sinkhorn(federation: Federation) -> None:
    X, a, nu, C = pooled(federation)
    problem = Transport(EPSILON)
    problem = problem.settle(federation, problem.oracles)
    v = nu * np.exp(problem.potentials(problem.start(federation)) / REG)
    u = a / (np.exp(-C / REG) @ v)
    for t in (1, 2, 3, 5, 10):
        here = solve(Transport(EPSILON), federation, MM(), rounds=t, metrics=()).theta
        start = (np.log(u), np.log(v))
        theirs = ot.sinkhorn(a, nu, C, REG, numItermax=t, stopThr=0.0, warn=False, warmstart=start)
        assert np.abs(theirs.sum(axis=0) - nu).max() > 1e-5  # still on the way
        np.testing.assert_allclose(problem.plan(here, X), theirs, rtol=1e-11)


def test_plan_and_cost(federation: Federation, theta: Array) -> None:
    X, a, nu, C = pooled(federation)
    problem = Transport(EPSILON)
    P = problem.settle(federation, problem.oracles).plan(theta, X)
    theirs = ot.sinkhorn(a, nu, C, REG, numItermax=10_000, stopThr=1e-14)
    np.testing.assert_allclose(P, theirs, rtol=1e-9)
    assert np.sum(P * C) == pytest.approx(np.sum(theirs * C), rel=1e-10)


def test_potentials_up_to_one_constant(federation: Federation, theta: Array) -> None:
    X, a, nu, C = pooled(federation)
    problem = Transport(EPSILON)
    problem = problem.settle(federation, problem.oracles)
    _, log = ot.sinkhorn(a, nu, C, REG, method="sinkhorn_log", numItermax=10_000, stopThr=1e-14, log=True)
    # POT's reference is the counting measure, ours the product of the marginals
    c = problem.sample_potentials(theta, X) - REG * (log["log_u"] - np.log(a))
    d = REG * (log["log_v"] - np.log(nu)) - problem.potentials(theta)
    np.testing.assert_allclose(c, c[0], atol=1e-9)
    np.testing.assert_allclose(d, c[0], atol=1e-9)
