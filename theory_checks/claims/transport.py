r"""Sinkhorn's iteration: how fast it contracts, how far its marginals are, what the entropy costs.

Centralised MM on the problem `transport` is a Sinkhorn iteration for the kernel K between samples of equal mass and atoms
of masses nu, :math:`K_{lj}=e^{\langle x_l,y_j\rangle/\epsilon}`; every quantity is read off the iterates of the library's
own run.

| claim | |
|---|---|
| Hilbert metric | :math:`d_H(v_{t+1},v^*)\le\tanh(D/4)^2\,d_H(v_t,v^*)` per round, i.e. per full iteration |
| marginal error | :math:`\min_{s<t}\|P_s^\top1-\nu\|_1\le\sqrt{2\,\text{KL}(P^*\|K_0)/t}` |
| entropic bias | :math:`\langle P,C\rangle-\text{OT}\le\epsilon(H(P)-H(P_0))\le\epsilon H(P)` |
| | :math:`\langle P,C\rangle-\text{OT}\le\epsilon\min(H(\mu),H(\nu))` |

Proofs. Row 1: Birkhoff's theorem for K and for its transpose, whose projective diameters are equal; scalings of rows and
columns do not change D. Row 2: each half of an iteration is a projection in KL, so that :math:`\text{KL}(P^*\|P_s)` falls
by at least :math:`\text{KL}(\nu\|P_s^\top1)`, and the first rows are a projection of :math:`K_0`; then Pinsker's
inequality. Row 3: P is best for :math:`\langle\cdot,C\rangle-\epsilon H` among plans of its own marginals, so no worse than
:math:`P_0`, an optimal plan without entropy. Row 4: :math:`H(P)\le H(\mu)+H(\nu)` and :math:`H(P_0)\ge\max(H(\mu),H(\nu))`.

| argument | symbol |
|---|---|
| bed | "gaussian": random samples and atoms; "simplex": x_l and y_l are the corners of a simplex |
| n, m | the number of samples and of atoms |
| epsilon | eps; the cost is :math:`C=-\langle x,y\rangle` |
| spread | of :math:`\log v^*`, drawn: the masses nu are those for which v* is the solution, which is thus known exactly |
| offset | of the start: :math:`\theta_0=\theta^*+\epsilon\cdot\text{offset}\cdot` a Gaussian vector |
| t | rounds |
| theta | :math:`v_j=\nu_je^{-\theta_j/\epsilon}`; :math:`P_s` is the plan after s rounds, its rows exact |
| K_0 | :math:`K\,\text{diag}(v_0)`, normalised |
| D | :math:`\max_{l,l',j,j'}\log(K_{lj}K_{l'j'}/(K_{lj'}K_{l'j}))` |

Sources: row 1, J. Franklin and J. Lorenz, Linear Algebra Appl. 114/115, 1989, after G. Birkhoff, 1957; the others are
derived here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import log, sqrt, tanh
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fedmm import Federation, Samples, solve
from fedmm.algorithms import MM
from problems.transport import Transport
from theory_checks.claim import Claim, Condition, Mutant, Setting, Status

__all__ = ["CLAIMS", "Sinkhorn", "sinkhorn"]

RESOLVED = 1e-7
"""Distances below are mostly rounding: rates are measured above."""
SCALE = 1e6
"""Masses are scaled up for the linear program, whose tolerance is absolute: 1e-7 of a million."""


@dataclass(frozen=True, eq=False)
class Sinkhorn:
    r"""A run of MM on `transport`.

    Parameters
    ----------
    problem : Transport
        Settled.
    X : array (n, k)
        The samples.
    solution : array (m,)
        :math:`\theta^*`.
    iterates : array (t + 1, m)
        :math:`\theta_0,\dots,\theta_t`.
    """

    problem: Transport
    X: np.ndarray
    solution: np.ndarray
    iterates: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        """<x_l, y_j> / eps, shape (n, m)."""
        return self.X @ np.asarray(self.problem.atoms).T / self.problem.epsilon

    def plan(self, theta: np.ndarray) -> np.ndarray:
        """P at theta, shape (n, m), of exact rows."""
        return np.asarray(self.problem.plan(theta, self.X))

    def distance(self, theta: np.ndarray) -> float:
        """d_H(v, v*): the range of (theta - theta*) / eps."""
        return float(np.ptp(theta - self.solution)) / self.problem.epsilon


@lru_cache(maxsize=256)
def sinkhorn(bed: str, n: int, m: int, epsilon: float, spread: float, offset: float, seed: int, t: int) -> Sinkhorn:
    """`t` rounds of the library's MM, on two clients that share the samples."""
    rng = np.random.default_rng(seed)
    X, atoms = (np.eye(n), np.eye(m, n)) if bed == "simplex" else (rng.standard_normal((n, 2)), rng.standard_normal((m, 2)))
    v = np.exp(spread * rng.standard_normal(m))
    scores = X @ atoms.T / epsilon
    kernel = np.exp(scores - scores.max(axis=1, keepdims=True)) * v
    masses = (kernel / kernel.sum(axis=1, keepdims=True)).mean(axis=0)
    solution = epsilon * np.log(masses / v)
    start = solution + epsilon * offset * rng.standard_normal(m)
    cut = (n + 1) // 2
    parts = [X[:cut], X[cut:]] if n > 1 else [X]
    federation = Federation(
        [Samples(part) for part in parts], [len(part) / n for part in parts], public={"atoms": atoms, "masses": masses}
    )
    iterates: list[np.ndarray] = []

    def look(snapshot: Any, row: Any) -> None:
        iterates.append(np.array(snapshot.theta))

    problem = Transport(epsilon)
    solve(problem, federation, MM(), start, rounds=t, metrics=(), callbacks=(look,), progress=False)
    return Sinkhorn(problem.settle(federation, ()), X, solution, np.array(iterates))


def _entropy(P: np.ndarray) -> float:
    """-sum P log P."""
    positive = P[P > 0]
    return -float(positive @ np.log(positive))


@st.composite
def runs(draw: st.DrawFn) -> dict[str, Any]:
    """A transport problem and a number of rounds."""
    bed = draw(st.sampled_from(["gaussian", "simplex"]))
    n = draw(st.integers(1 if bed == "gaussian" else 2, 6))
    return {
        "bed": bed,
        "n": n,
        "m": draw(st.integers(1, 6)) if bed == "gaussian" else n,
        "epsilon": draw(st.sampled_from([0.1, 0.3, 0.5, 1.0, 3.0])),
        "spread": draw(st.sampled_from([0.0, 0.3, 1.0, 3.0])),
        "offset": draw(st.sampled_from([0.01, 0.1, 1.0, 5.0])),
        "seed": draw(st.integers(0, 2**20)),
        "t": draw(st.sampled_from([1, 2, 3, 5, 10, 30])),
    }


def _possible(bed: str, n: int, m: int, epsilon: float, spread: float, t: int, **_: object) -> bool:
    square = bed == "gaussian" or (bed == "simplex" and n == m)
    return square and min(n, m, t) >= 1 and epsilon > 0 and spread >= 0


POSSIBLE = Condition('n, m, t >= 1, epsilon > 0, spread >= 0, and the bed "gaussian", or "simplex" with n = m', _possible)


# Contraction in Hilbert's metric.


def contraction(**setting: Any) -> float:
    """The largest d_H(v_{s+1}, v*) / d_H(v_s, v*) over the rounds, down to `RESOLVED`."""
    run = sinkhorn(**setting)
    d = [run.distance(theta) for theta in run.iterates]
    return max((after / before for before, after in pairwise(d) if before > RESOLVED), default=0.0)


def diameter(**setting: Any) -> float:
    """D."""
    scores = sinkhorn(**setting).scores
    rows = scores[:, None, :] - scores[None, :, :]  # (l, l', j): the range over j is the largest log of a cross-ratio
    return float(np.ptp(rows, axis=2).max())


def _birkhoff(**setting: Any) -> float:
    return tanh(diameter(**setting) / 4) ** 2


def _birkhoff_twice(**setting: Any) -> float:
    return tanh(diameter(**setting) / 4) ** 4


def _birkhoff_eighth(**setting: Any) -> float:
    return tanh(diameter(**setting) / 8) ** 2


# The error of the marginals.


def marginal_error(**setting: Any) -> float:
    """min over s < t of the L1 distance between the masses of the plan's columns and nu."""
    run = sinkhorn(**setting)
    nu = np.asarray(run.problem.masses)
    return min(float(np.abs(run.plan(theta).sum(axis=0) - nu).sum()) for theta in run.iterates[:-1])


def _divergence(**setting: Any) -> float:
    """KL(P* | K_0)."""
    run = sinkhorn(**setting)
    log_kernel = run.scores - run.iterates[0] / run.problem.epsilon + np.log(np.asarray(run.problem.masses))
    log_kernel -= log_kernel.max()
    log_kernel -= log(float(np.exp(log_kernel).sum()))
    P = run.plan(run.solution)
    seen = P > 0
    return max(float(P[seen] @ (np.log(P[seen]) - log_kernel[seen])), 0.0)  # 0 where the start is the solution, up to rounding


def _pinsker(t: int, **setting: Any) -> float:
    return sqrt(2 * _divergence(t=t, **setting) / t)


def _without_two(t: int, **setting: Any) -> float:
    return sqrt(_divergence(t=t, **setting) / t)


def _inverse_square(t: int, **setting: Any) -> float:
    return sqrt(2 * _divergence(t=t, **setting)) / t**2


# What the entropy costs.


@lru_cache(maxsize=256)
def _best(**setting: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(P, P_0, C): the last plan, an optimal plan without entropy for the marginals of P, the cost."""
    from scipy.optimize import linprog

    run = sinkhorn(**setting)
    P = run.plan(run.iterates[-1])
    n, m = P.shape
    C = -run.scores * run.problem.epsilon
    marginals = np.concatenate([np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))])
    masses = SCALE * np.concatenate([P.sum(axis=1), P.sum(axis=0)])
    found = linprog(C.ravel(), A_eq=marginals[:-1], b_eq=masses[:-1], method="highs")  # the last one follows from the others
    if found.status != 0:
        raise ArithmeticError(f"The exact transport was not solved: {found.message}")
    return P, np.maximum(found.x, 0.0).reshape(n, m) / SCALE, C


def bias(**setting: Any) -> float:
    """<P, C> - OT for the last plan of the run and its own marginals, of which it is the entropic optimal plan."""
    P, P_0, C = _best(**setting)
    return float(np.sum((P - P_0) * C))


def _entropy_of_plan(epsilon: float, **setting: Any) -> float:
    return epsilon * _entropy(_best(epsilon=epsilon, **setting)[0])


def _quarter_of_entropy(epsilon: float, **setting: Any) -> float:
    return _entropy_of_plan(epsilon, **setting) / 4


def _entropy_gained(epsilon: float, **setting: Any) -> float:
    P, P_0, _ = _best(epsilon=epsilon, **setting)
    return epsilon * (_entropy(P) - _entropy(P_0))


def _half_of_gain(epsilon: float, **setting: Any) -> float:
    return _entropy_gained(epsilon, **setting) / 2


def _entropy_of_marginals(epsilon: float, **setting: Any) -> float:
    P, _, _ = _best(epsilon=epsilon, **setting)
    return epsilon * min(_entropy(P.sum(axis=1)), _entropy(P.sum(axis=0)))


def _half_of_marginals(epsilon: float, **setting: Any) -> float:
    return _entropy_of_marginals(epsilon, **setting) / 2


PLAIN: Setting = {"bed": "simplex", "n": 2, "m": 2, "epsilon": 1.0, "spread": 0.0, "offset": 0.01, "seed": 0, "t": 3}
"""Two samples on two atoms: the kernel of one parameter at which the contraction is attained near the solution."""
ONE_SAMPLE: Setting = {"bed": "gaussian", "n": 1, "m": 2, "epsilon": 1.0, "spread": 0.0, "offset": 0.1, "seed": 0, "t": 1}
"""A kernel of rank one: the solution after one round, and Pinsker's inequality is nearly attained."""
SLOW: Setting = {"bed": "simplex", "n": 2, "m": 2, "epsilon": 0.25, "spread": 0.0, "offset": 0.1, "seed": 0, "t": 12}
SIX: Setting = {"bed": "simplex", "n": 6, "m": 6, "epsilon": 0.5, "spread": 0.0, "offset": 0.01, "seed": 0, "t": 10}
CROWD: Setting = {**SIX, "n": 20, "m": 20, "epsilon": 0.4, "t": 2}
SHARP: Setting = {**PLAIN, "epsilon": 0.1, "t": 1}
ONE_ATOM: Setting = {**ONE_SAMPLE, "n": 3, "m": 1}

CLAIMS = (
    Claim(
        name="sinkhorn-contraction",
        statement="d_H(v_{t+1}, v*) <= tanh(D/4)^2 d_H(v_t, v*) in Hilbert's metric, D the projective diameter of exp(-C/eps)",
        reference="Franklin and Lorenz, Linear Algebra Appl. 114/115, 1989; Birkhoff 1957",
        status=Status.CHECKED,
        kind="tight",
        setting=runs(),
        promised=_birkhoff,
        engines={"simulation": contraction},
        mutants=(
            Mutant("tanh(D/4)^2 -> tanh(D/4)^4", _birkhoff_twice, ("simulation",)),
            Mutant("D/4 -> D/8", _birkhoff_eighth, ("simulation",)),
        ),
        conditions=(POSSIBLE,),
        method="transport",
        tags=("transport",),
        factor=True,
        atol=1e-6,
        extremes=(PLAIN, {**PLAIN, "offset": 1e-4}, ONE_SAMPLE, ONE_ATOM, SLOW, SIX),
    ),
    Claim(
        name="sinkhorn-marginal-error",
        statement="min_{s<t} |P_s'1 - nu|_1 <= sqrt(2 KL(P*|K_0) / t), K_0 the normalised kernel of the start",
        reference="derived here: Pinsker's inequality and a telescoping sum",
        status=Status.DERIVED,
        kind="upper",
        setting=runs(),
        promised=_pinsker,
        engines={"simulation": marginal_error},
        mutants=(
            Mutant("2 KL -> KL", _without_two, ("simulation",)),
            Mutant("1/sqrt(t) -> 1/t^2", _inverse_square, ("simulation",)),
        ),
        conditions=(POSSIBLE,),
        method="transport",
        tags=("transport",),
        atol=1e-7,
        extremes=(ONE_SAMPLE, {**ONE_SAMPLE, "offset": 1.0}, PLAIN, SLOW, ONE_ATOM),
    ),
    Claim(
        name="entropic-bias",
        statement="<P_eps, C> - OT <= eps H(P_eps)",
        reference="derived here",
        status=Status.DERIVED,
        kind="upper",
        setting=runs(),
        promised=_entropy_of_plan,
        engines={"simulation": bias},
        mutants=(Mutant("H -> H/4", _quarter_of_entropy, ("simulation",)),),
        conditions=(POSSIBLE,),
        method="transport",
        tags=("transport",),
        atol=1e-8,
        extremes=(CROWD, SIX, PLAIN, SHARP, ONE_SAMPLE, ONE_ATOM),
    ),
    Claim(
        name="entropic-bias-refined",
        statement="<P_eps, C> - OT <= eps (H(P_eps) - H(P_0)), P_0 an optimal plan without entropy",
        reference="derived here",
        status=Status.DERIVED,
        kind="upper",
        setting=runs(),
        promised=_entropy_gained,
        engines={"simulation": bias},
        mutants=(Mutant("the gain -> half of it", _half_of_gain, ("simulation",)),),
        conditions=(POSSIBLE,),
        method="transport",
        tags=("transport",),
        atol=1e-8,
        extremes=(SHARP, SIX, PLAIN, ONE_SAMPLE, ONE_ATOM),
    ),
    Claim(
        name="entropic-bias-marginals",
        statement="<P_eps, C> - OT <= eps min(H(mu), H(nu)), so at most half of eps (H(mu) + H(nu))",
        reference="derived here",
        status=Status.DERIVED,
        kind="upper",
        setting=runs(),
        promised=_entropy_of_marginals,
        engines={"simulation": bias},
        mutants=(Mutant("min H -> min H/2", _half_of_marginals, ("simulation",)),),
        conditions=(POSSIBLE,),
        method="transport",
        tags=("transport",),
        atol=1e-8,
        extremes=(CROWD, SIX, SHARP, PLAIN, ONE_SAMPLE, ONE_ATOM),
    ),
)
