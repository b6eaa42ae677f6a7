r"""A family of your own
=====================

**The question.** Your problem is not in the library, and its M-step has no closed form. What do you have to write?

**The mathematics.** Eight laboratories measure the same six quantities and want to know which of them are directly
related: the zeros of the precision matrix P, the inverse of the scatter. A few measurements in each laboratory are wrong
by a lot, so a Gaussian likelihood would follow the outliers. Take a multivariate t distribution with :math:`\nu` degrees
of freedom and an l1 penalty ("tlasso"):

.. math::
    f_i(P) = -\tfrac12\log\det P + \tfrac{\nu+p}{2}\,\mathrm{mean}_j \log\big(1 + x_{ij}^\top P x_{ij}/\nu\big), \qquad
    g(P) = \tfrac\lambda2 \sum_{k,l} |P_{kl}| .

The logarithm is concave, so it lies below its tangent at a current :math:`\tau`: with the weights
:math:`w_{ij} = (\nu+p)/(\nu + x_{ij}^\top\tau x_{ij})`, small for outliers,

.. math::
    f_i(P) \le \mathrm{const} - \tfrac12\log\det P + \tfrac12\langle S_i(\tau), P\rangle, \qquad
    S_i(\tau) = \mathrm{mean}_j\, w_{ij} x_{ij} x_{ij}^\top .

That is :math:`U_s = g + \psi - \langle s, \phi\rangle` with :math:`\psi = -\frac12\log\det P`, :math:`\phi(P) = -P/2` and
s a positive semidefinite matrix. Its minimiser T(s) is a graphical lasso: a semidefinite program.

**What to write.** U_s in CVXPY, and S_i, f_i, g as Python functions (`FAMILY` below). No phi, no gradient, no step, and no
lift: the methods then start at the mean statistic of the start. The library refuses a program that is not convex or
cannot be compiled once, or whose T(s) does not exist or is not unique; its laws find a surrogate that does not majorise.

**What to expect.** FedMM with half of the laboratories a round reaches what EM finds on the pooled data, here with
scikit-learn's graphical lasso as its M-step. Averaging the laboratories' own solutions does not, for T is not affine.

    python examples/custom_family.py
    fedmm run custom:examples/custom_family.py:FAMILY --data libsvm:FILE,dense=true       # six columns of your own

Source: M. Finegold and M. Drton, "Robust graphical modeling of gene networks using classical and alternative
t-distributions", Annals of Applied Statistics 5, 2011. The location is known to be zero here.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import numpy as np

from fedmm import Bernoulli, Federation, FedMM, Naive, Samples, solve
from fedmm.arrays import Array
from fedmm.result import Result
from fedmm.symmetric import unpack
from fedmm.testing import Report, check_problem
from problems import Block, Custom, Family

NU, LAMBDA, P = 3.0, 0.1, 6
"""Degrees of freedom, the penalty's weight, and how many quantities there are."""

# ---------------------------------------------------------------------------------------------------- the family


def surrogate(precision: Any, S: Any) -> Any:
    """U_s, of a CVXPY variable and a parameter: both positive semidefinite, as their blocks say."""
    import cvxpy as cp

    return -0.5 * cp.log_det(precision) + 0.5 * cp.trace(S @ precision) + 0.5 * LAMBDA * cp.sum(cp.abs(precision))


def statistic(data: Samples, precision: np.ndarray) -> np.ndarray:
    """S_i: the second moments, outliers weighed down."""
    X = data.X
    w = (NU + P) / (NU + np.sum((X @ precision) * X, axis=1))
    return (X.T * w) @ X / len(X)


def value(data: Samples, precision: np.ndarray) -> float:
    """f_i; infinite where the precision is not positive definite."""
    sign, logdet = np.linalg.slogdet(precision)
    if sign <= 0:
        return np.inf
    far = np.maximum(np.sum((data.X @ precision) * data.X, axis=1), 0.0)
    return float(-0.5 * logdet + 0.5 * (NU + P) * np.mean(np.log1p(far / NU)))


def penalty(precision: np.ndarray) -> float:
    """g."""
    return 0.5 * LAMBDA * float(np.abs(precision).sum())


FAMILY = Family(
    theta=(Block("precision", (P, P), "psd"),),
    s=(Block("S", (P, P), "psd"),),
    surrogate=surrogate,
    statistic=statistic,
    value=value,
    penalty=penalty,
)

# ------------------------------------------------------------------------------------- the data, and what others find


def chain() -> np.ndarray:
    """The true precision: each quantity is related to the next one only."""
    return np.eye(P) + 0.45 * (np.eye(P, k=1) + np.eye(P, k=-1))


def laboratories(seed: int = 0) -> Federation:
    """Eight laboratories of 60 samples; up to one sample in six of the later ones is wrong by a factor of 8."""
    rng = np.random.default_rng(seed)
    root = np.linalg.cholesky(np.linalg.inv(chain()))
    clients = []
    for i in range(8):
        X = rng.standard_normal((60, P)) @ root.T
        wrong = rng.random(60) < i / 42
        X[wrong] = 8.0 * rng.standard_normal((int(wrong.sum()), P))
        clients.append(Samples(X))
    return Federation(clients)


def pooled(data: Federation, iterations: int = 500) -> np.ndarray:
    """EM on the pooled samples, each M-step by scikit-learn's graphical lasso.

    Its penalty leaves the diagonal out; the diagonal's part of g, (LAMBDA/2) tr P, is in the matrix it is given.
    """
    X, precision = np.concatenate([client.X for client in data]), np.eye(P)
    for _ in range(iterations):
        before, precision = precision, lasso(statistic(Samples(X), precision))
        if np.abs(precision - before).max() < 1e-9:
            break
    return precision


def lasso(S: np.ndarray) -> np.ndarray:
    """The minimiser of U_s by scikit-learn."""
    from sklearn.covariance import graphical_lasso

    return graphical_lasso(S + LAMBDA * np.eye(P), LAMBDA, tol=1e-10, enet_tol=1e-10, max_iter=1000)[1]


def edges(precision: np.ndarray) -> set[tuple[int, int]]:
    """The pairs that are related."""
    found = np.abs(precision) > 1e-3
    return {(k, m) for k in range(P) for m in range(k + 1, P) if found[k, m]}


# ------------------------------------------------------------------------------------------------ is it right, does it work


def check() -> Report:
    """The laws every problem obeys, looked at around a precision matrix inside the cone.

    Raises
    ------
    AssertionError
        Naming every law that fails, with its numbers.
    """
    data = laboratories()
    problem = Custom(FAMILY)
    around = problem.start(data)  # the identity
    return check_problem(problem, Federation([Samples(client.X[:12]) for client in data][:3]), around)


def compare(rounds: int) -> tuple[Array, float, dict[str, Result]]:
    """The pooled solution, its objective, and what the federated methods find."""
    data, problem = laboratories(), Custom(FAMILY)
    reference = pooled(data)
    best = float(np.mean([value(client, reference) for client in data])) + penalty(reference)
    half = {"participation": Bernoulli(0.5), "rounds": rounds, "progress": False}
    results = {
        "FedMM, everyone": solve(problem, data, FedMM(step=1.0), rounds=rounds, progress=False),
        "FedMM, half of the laboratories": solve(problem, data, FedMM(step=0.3), **half),
        "averages of their own solutions": solve(problem, data, Naive(step=0.3), **half),
    }
    return reference, best, results


def main(argv: Sequence[str] | None = None) -> tuple[Array, float, dict[str, Result]]:
    """Check the family, run it, print a table."""
    parser = argparse.ArgumentParser(description="A family of your own: a robust graphical lasso over eight laboratories.")
    parser.add_argument("--rounds", type=int, default=100, help="communication rounds (default 100)")
    parser.add_argument("--quick", action="store_true", help="30 rounds, to see that it works")
    args = parser.parse_args(argv)
    if args.rounds < 1:
        parser.error("expected --rounds >= 1")
    print(check())
    reference, best, results = compare(30 if args.quick else args.rounds)
    gaussian = lasso(np.mean([client.X.T @ client.X / len(client.X) for client in laboratories()], axis=0))
    true = edges(chain())
    print(f"\n{'':34}  W - W_pooled   |P - P_pooled|   edges found, missed, wrong")
    for name, P_hat, gap in [
        ("EM on the pooled data", reference, 0.0),
        *((name, unpack(result.theta), result.objective - best) for name, result in results.items()),
        ("a Gaussian graphical lasso", gaussian, None),  # it minimises another W
    ]:
        found = edges(P_hat)
        counts = f"{len(found & true)}, {len(true - found)}, {len(found - true)}"
        print(f"{name:34}  {'' if gap is None else f'{gap:.1e}':>12}  {np.abs(P_hat - reference).max():15.1e}   {counts}")
    return reference, best, results


if __name__ == "__main__":
    main()
