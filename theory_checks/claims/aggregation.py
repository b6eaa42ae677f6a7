r"""Why surrogates are what to aggregate: where FedMM ends, and where averaging the clients' minimisers ends instead.

FedMM's fixed points are those of MM, hence stationary points of W. Those of the naive method solve
:math:`\theta=\sum_i\mu_iT(\bar s_i(\theta))`: the same if T is affine or all clients have the same data, otherwise others.

| loss | FedMM | naive |
|---|---|---|
| censored exponential | :math:`\sum_iw_i\bar y_i/\sum_iw_i\bar t_i` | root of :math:`\sum_iw_i/(\theta\bar t_i+1-\bar y_i)=1` |
| Gaussian, precision | :math:`(\sum_iw_iS_i)^{-1}` | :math:`\sum_iw_iS_i^{-1}` |
| Gaussian, covariance (T is affine) | :math:`\sum_iw_iS_i` | the same |
| :math:`\frac12\|\theta-b_i\|^2` and l1 | soft threshold of :math:`\sum_iw_ib_i` | mean of the soft thresholds of the b_i |
| quadratics and a ridge (T is affine) | :math:`(A+\lambda I)^{-1}b` | the same |

Derived here; the point is that of A. Dieuleveut, G. Fort, M. Hegazy, H.-T. Wai, *Federated Majorize-Minimization: Beyond
Parameter Aggregation* (2025). Limits are those of the library's runs, from its own starts; vectors are compared by their
distance to a random point (`theory_checks.points.landmark`).

| argument | symbol |
|---|---|
| seed, clients | the data |
| censored | the share of lifetimes cut short |
| l1 | the weight of the penalty |
| gamma | the step |
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, log, log1p
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fedmm import Federation, FedMM, Naive, Samples, solve
from fedmm.algorithm import Algorithm
from fedmm.symmetric import pack
from problems.censored_exponential import CensoredExponential
from problems.gaussian_precision import GaussianPrecision
from problems.least_squares import LeastSquares
from problems.quadratic import Quadratic
from theory_checks.beds import bed
from theory_checks.claim import Claim, Mutant, Status
from theory_checks.points import landmark, rounded

__all__ = ["CLAIMS"]

SEEDS = st.integers(0, 99)
CLIENTS = st.sampled_from([1, 2, 4])
GAMMAS = st.sampled_from([0.5, 1.0])


@lru_cache(maxsize=512)
def limit(problem: Any, federation: Federation, method: Algorithm, rounds: int) -> np.ndarray:
    """Where the library's run is after so many rounds; they are enough here."""
    return np.asarray(solve(problem, federation, method, rounds=rounds, metrics=(), progress=False).theta)


# --- censored lifetimes -----------------------------------------------------------------------------------------------

RATE = CensoredExponential()


@lru_cache(maxsize=512)
def lifetimes(seed: int, clients: int, censored: float) -> Federation:
    """Clients of rates from 1/5 to 5; a share of their lifetimes is cut short, but never all of them."""
    rng = np.random.default_rng([seed, 15])
    data = []
    for i, rate in enumerate(5.0 ** rng.uniform(-1.0, 1.0, clients)):
        y = (rng.random(10 + 3 * i) >= censored).astype(float)
        y[0] = 1.0
        data.append(Samples(0.01 + rng.exponential(1.0 / rate, (y.size, 1)), y))
    return Federation(data, rng.dirichlet(np.full(clients, 3.0)).tolist(), normalize=True)


def means(federation: Federation) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """w_i, tbar_i and ybar_i."""
    t, y = ([float(np.mean(data[k])) for data in federation] for k in (0, 1))
    return np.asarray(federation.weights), np.asarray(t), np.asarray(y)


def enough(federation: Federation, gamma: float) -> int:
    """Rounds until 1e-13 is left: EM contracts by the share of censored lifetimes, a step gamma by 1 - gamma (1 - share)."""
    _, _, y = means(federation)
    return max(150, ceil(log(1e-13) / log1p(-min(gamma * float(y.min()), 0.99))))


def fedmm_rate(seed: int, clients: int, censored: float, gamma: float) -> float:
    """FedMM's limit."""
    federation = lifetimes(seed, clients, censored)
    return float(limit(RATE, federation, FedMM(step=gamma), enough(federation, gamma))[0])


def naive_rate(seed: int, clients: int, censored: float, gamma: float) -> float:
    """The naive limit."""
    federation = lifetimes(seed, clients, censored)
    return float(limit(RATE, federation, Naive(step=gamma), enough(federation, gamma))[0])


def pooled_rate(seed: int, clients: int, censored: float, gamma: float) -> float:
    """Events per time at risk: the maximum of the likelihood."""
    w, t, y = means(lifetimes(seed, clients, censored))
    return float(w @ y / (w @ t))


def mean_of_rates(seed: int, clients: int, censored: float, gamma: float) -> float:
    """The mean of the clients' own maxima."""
    w, t, y = means(lifetimes(seed, clients, censored))
    return float(w @ (y / t))


def naive_root(seed: int, clients: int, censored: float, gamma: float) -> float:
    """The root of sum_i w_i / (theta tbar_i + 1 - ybar_i) = 1, by bisection."""
    w, t, y = means(lifetimes(seed, clients, censored))
    low, high = float(np.min(y / t)), float(np.max(y / t))
    for _ in range(100):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if w @ (1.0 / (middle * t + 1.0 - y)) > 1.0 else (low, middle)
    return 0.5 * (low + high)


LIFETIMES = st.fixed_dictionaries(
    {"seed": SEEDS, "clients": CLIENTS, "censored": st.sampled_from([0.0, 0.3, 0.6]), "gamma": GAMMAS}
)
LIFETIME_EXTREMES = tuple(
    {"seed": 0, "clients": n, "censored": censored, "gamma": 1.0} for n, censored in ((1, 0.3), (4, 0.0), (4, 0.6))
)

POOLED_RATE = Claim(
    name="fedmm-pooled-rate",
    statement="on right-censored exponential lifetimes FedMM ends at the pooled maximum of the likelihood, events per time",
    reference="derived here",
    status=Status.DERIVED,
    kind="expectation",
    setting=LIFETIMES,
    promised=pooled_rate,
    engines={"simulation": fedmm_rate},
    mutants=(Mutant("the pooled rate -> the mean of the clients' rates", mean_of_rates, ("simulation",)),),
    method="fedmm",
    tags=("aggregation", "em", "p7"),
    extremes=LIFETIME_EXTREMES,
)

NAIVE_RATE = Claim(
    name="naive-rate",
    statement="there averaged parameters end at the root of sum_i w_i / (theta tbar_i + 1 - ybar_i) = 1, not at the maximum",
    reference="derived here",
    status=Status.DERIVED,
    kind="expectation",
    setting=LIFETIMES,
    promised=naive_root,
    engines={"simulation": naive_rate},
    mutants=(
        Mutant("the root -> the pooled rate", pooled_rate, ("simulation",)),
        Mutant("the root -> the mean of the clients' rates", mean_of_rates, ("simulation",)),
    ),
    method="naive",
    tags=("aggregation", "em", "p7"),
    extremes=LIFETIME_EXTREMES,
)

# --- Gaussians --------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def gaussians(seed: int, clients: int) -> tuple[Federation, np.ndarray]:
    """Clients with covariances of their own, in dimension 2, and those covariances, (n, 2, 2)."""
    rng = np.random.default_rng([seed, 16])
    shares = [rng.standard_normal((8 + 2 * i, 2)) @ (np.eye(2) + 0.3 * rng.standard_normal((2, 2))) for i in range(clients)]
    federation = Federation([Samples(X) for X in shares], rng.dirichlet(np.full(clients, 3.0)).tolist(), normalize=True)
    return federation, np.stack([X.T @ X / len(X) for X in shares])


def gaussian_end(seed: int, clients: int, covariance: bool, method: Algorithm) -> float:
    """The limit of this method."""
    problem = GaussianPrecision("covariance" if covariance else "precision", c=0.0)
    return landmark(limit(problem, gaussians(seed, clients)[0], method, 3), seed)


def fedmm_gaussian(seed: int, clients: int, covariance: bool) -> float:
    """FedMM's."""
    return gaussian_end(seed, clients, covariance, FedMM(step=1.0))


def naive_gaussian(seed: int, clients: int, covariance: bool) -> float:
    """The naive one."""
    return gaussian_end(seed, clients, covariance, Naive(step=1.0))


def pooled_gaussian(seed: int, clients: int, covariance: bool) -> float:
    """Of all samples together: T of the mean statistic."""
    federation, S = gaussians(seed, clients)
    pooled = np.tensordot(federation.weights, S, 1)
    return landmark(pack(pooled if covariance else np.linalg.inv(pooled)), seed)


def mean_gaussian(seed: int, clients: int, covariance: bool) -> float:
    """The mean of the clients' parameters: the mean of T of the statistics."""
    federation, S = gaussians(seed, clients)
    return landmark(pack(np.tensordot(federation.weights, S if covariance else np.linalg.inv(S), 1)), seed)


GAUSSIANS = st.fixed_dictionaries({"seed": SEEDS, "clients": CLIENTS, "covariance": st.booleans()})
GAUSSIAN_EXTREMES = tuple(
    {"seed": 0, "clients": n, "covariance": covariance} for n, covariance in ((1, False), (4, False), (4, True))
)

POOLED_PRECISION = Claim(
    name="fedmm-pooled-precision",
    statement="on centred Gaussians FedMM ends at the inverse of the pooled covariance, T(sum_i w_i S_i)",
    reference="derived here",
    status=Status.DERIVED,
    kind="expectation",
    setting=GAUSSIANS,
    promised=pooled_gaussian,
    engines={"simulation": fedmm_gaussian},
    mutants=(Mutant("T(sum w_i S_i) -> sum w_i T(S_i)", mean_gaussian, ("simulation",)),),
    method="fedmm",
    tags=("aggregation", "p7"),
    extremes=GAUSSIAN_EXTREMES,
)

NAIVE_PRECISION = Claim(
    name="naive-precision",
    statement="there averaged precisions end at sum_i w_i S_i^{-1}; averaged covariances, T being affine, where FedMM ends",
    reference="derived here",
    status=Status.DERIVED,
    kind="expectation",
    setting=GAUSSIANS,
    promised=mean_gaussian,
    engines={"simulation": naive_gaussian},
    mutants=(Mutant("sum w_i T(S_i) -> T(sum w_i S_i)", pooled_gaussian, ("simulation",)),),
    method="naive",
    tags=("aggregation", "p7"),
    extremes=GAUSSIAN_EXTREMES,
)


def naive_excess(seed: int, clients: int) -> float:
    """W at the naive limit minus W*."""
    problem, (federation, _) = GaussianPrecision(c=0.0), gaussians(seed, clients)
    there = problem.objective(federation, limit(problem, federation, Naive(step=1.0), 3))
    return rounded(there - (problem.facts(federation).optimum or 0.0))


def stein_loss(seed: int, clients: int, share: float = 1.0) -> float:
    """(tr M - log det M - 2)/2 with M = (sum w_i S_i^{-1}) (sum w_i S_i)."""
    federation, S = gaussians(seed, clients)
    M = np.tensordot(federation.weights, np.linalg.inv(S), 1) @ np.tensordot(federation.weights, S, 1)
    return rounded(share * 0.5 * (float(np.trace(M)) - float(np.linalg.slogdet(M)[1]) - 2.0))


def half_stein_loss(seed: int, clients: int) -> float:
    """Half of it."""
    return stein_loss(seed, clients, 0.5)


NAIVE_EXCESS = Claim(
    name="naive-precision-excess",
    statement="averaged precisions lose (tr M - log det M - d)/2 of the likelihood, M = (sum w_i S_i^{-1})(sum w_i S_i)",
    reference="derived here; zero if and only if all S_i are equal",
    status=Status.DERIVED,
    kind="expectation",
    setting=st.fixed_dictionaries({"seed": SEEDS, "clients": CLIENTS}),
    promised=stein_loss,
    engines={"simulation": naive_excess},
    mutants=(Mutant("the loss -> half of it", half_stein_loss, ("simulation",)),),
    method="naive",
    tags=("aggregation", "p7"),
    atol=1e-10,
    extremes=({"seed": 0, "clients": 1}, {"seed": 0, "clients": 4}),
)

# --- least squares ----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def centres(seed: int, clients: int) -> tuple[Federation, np.ndarray]:
    """f_i = |theta - b_i|^2/2 in dimension 3, and the b_i."""
    rng = np.random.default_rng([seed, 17])
    b = 2.0 * rng.standard_normal((clients, 3))
    data = [Samples(3.0**0.5 * np.eye(3), 3.0**0.5 * row) for row in b]
    return Federation(data, rng.dirichlet(np.full(clients, 3.0)).tolist(), normalize=True), b


def soft(x: np.ndarray, level: float) -> np.ndarray:
    """The soft threshold."""
    return np.sign(x) * np.maximum(np.abs(x) - level, 0.0)


def naive_sparse(seed: int, clients: int, l1: float) -> float:
    """The naive limit."""
    return landmark(limit(LeastSquares(l1=l1), centres(seed, clients)[0], Naive(step=1.0), 3), seed)


def mean_of_thresholds(seed: int, clients: int, l1: float) -> float:
    """sum_i w_i soft(b_i)."""
    federation, b = centres(seed, clients)
    return landmark(np.asarray(federation.weights) @ soft(b, l1), seed)


def threshold_of_mean(seed: int, clients: int, l1: float) -> float:
    """soft(sum_i w_i b_i)."""
    federation, b = centres(seed, clients)
    return landmark(soft(np.asarray(federation.weights) @ b, l1), seed)


NAIVE_SPARSE = Claim(
    name="naive-l1",
    statement="with an l1 penalty averaged parameters end at sum_i w_i soft(b_i), the minimiser being soft(sum_i w_i b_i)",
    reference="derived here",
    status=Status.DERIVED,
    kind="expectation",
    setting=st.fixed_dictionaries({"seed": SEEDS, "clients": CLIENTS, "l1": st.sampled_from([0.0, 0.5, 2.0])}),
    promised=mean_of_thresholds,
    engines={"simulation": naive_sparse},
    mutants=(Mutant("sum w_i soft(b_i) -> soft(sum w_i b_i)", threshold_of_mean, ("simulation",)),),
    method="naive",
    tags=("aggregation", "p7"),
    extremes=tuple({"seed": 0, "clients": n, "l1": l1} for n, l1 in ((1, 2.0), (4, 0.0), (4, 0.5))),
)


def naive_ridge(seed: int, clients: int, ridge: float) -> float:
    """The naive limit on the quadratic bed."""
    return landmark(limit(Quadratic(ridge=ridge), bed(clients, 2, seed), Naive(step=1.0), 400), seed)


def ridge_solution(seed: int, clients: int, ridge: float) -> float:
    """(A + lambda I)^{-1} b."""
    return landmark(np.asarray(Quadratic(ridge=ridge).solution(bed(clients, 2, seed))), seed)


def mean_of_solutions(seed: int, clients: int, ridge: float) -> float:
    """sum_i w_i (A_i + lambda I)^{-1} b_i."""
    federation = bed(clients, 2, seed)
    own = np.stack([np.linalg.solve(data.A + ridge * np.eye(2), data.b) for data in federation])
    return landmark(np.asarray(federation.weights) @ own, seed)


AFFINE = Claim(
    name="naive-affine",
    statement="where T is affine averaged parameters end at the minimiser: quadratics, gradient surrogate, a ridge in g",
    reference="derived here",
    status=Status.DERIVED,
    kind="expectation",
    setting=st.fixed_dictionaries({"seed": SEEDS, "clients": CLIENTS, "ridge": st.sampled_from([0.1, 1.0, 5.0])}),
    promised=ridge_solution,
    engines={"simulation": naive_ridge},
    mutants=(Mutant("the minimiser -> the mean of the clients' minimisers", mean_of_solutions, ("simulation",)),),
    method="naive",
    tags=("aggregation", "p7"),
    rtol=1e-5,
    extremes=({"seed": 0, "clients": 1, "ridge": 0.1}, {"seed": 0, "clients": 4, "ridge": 0.1}),
)

CLAIMS = (POOLED_RATE, NAIVE_RATE, POOLED_PRECISION, NAIVE_PRECISION, NAIVE_EXCESS, NAIVE_SPARSE, AFFINE)
