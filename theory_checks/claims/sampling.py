r"""What taking part at random adds: exact first and second moments of the server's mean, over all cohorts.

| scheme | claim |
|---|---|
| S of N without replacement | :math:`E(\text{mean}_S-\bar v)^2=k\,\frac1N\sum_i(v_i-\bar v)^2`, :math:`k=\frac{N-S}{S(N-1)}` |
| the same as a mask | with :math:`n_i=(N/S)1\{i\in A\}u_i-u_i` and n' from u' and the same A: |
| | :math:`E[\bar n\,\bar n']=k\,[\tilde u\cdot\tilde u']`, |
| | :math:`E[\tilde n\cdot\tilde n']=(N/S-1)[u\cdot u']-k\,[\tilde u\cdot\tilde u']` |
| any | :math:`E\sum_{i\in A}(w_i/p_i)v_i=\sum_iw_iv_i` (Horvitz and Thompson) |
| Bernoulli(p_1, ..., p_N) | :math:`\text{Var}\sum_{i\in A}(w_i/p_i)v_i=\sum_iw_i^2(1/p_i-1)v_i^2` |
| Bernoulli(p), then a compressor | :math:`E\|(1\{i\in A\}/p)\,C(v)-v\|^2\le((1+\omega)/p-1)\|v\|^2`, attained |

where :math:`[u\cdot u']=\frac1N\sum_iu_iu_i'`, the bar is the mean over clients and the tilde what is left of it. Every formula
adds up over coordinates, so that numbers in the place of vectors are enough.

| argument | symbol |
|---|---|
| v, u, other | v_i, u_i, u'_i: one number for each of N clients |
| S | S |
| weights, p | w_i, p_i |
| participation, channel | as the command line spells them |

Cohorts, scales and sums are the library's own (`fedmm.participation`, `fedmm.aggregators`). Source: the rows are textbook
sampling theory, derived here in the form in which methods use them; Horvitz and Thompson, J. Amer. Statist. Assoc. 47, 1952.
"""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fedmm.participation import Bernoulli, FixedSize, Participation
from fedmm.spec import parse
from theory_checks.claim import Claim, Condition, Mutant, Status
from theory_checks.moments import error, estimates

__all__ = ["CLAIMS"]

NUMBERS = st.integers(-9, 9).map(float)
MOST = 7
RATES = st.sampled_from([0.1, 0.25, 0.5, 0.75, 1.0])
ROUNDING = 1e-12


# S of N without replacement.


@st.composite
def cohorts(draw: st.DrawFn) -> dict[str, Any]:
    """N numbers and S <= N."""
    v = draw(st.lists(NUMBERS, min_size=2, max_size=MOST))
    return {"v": v, "S": draw(st.integers(1, len(v)))}


def _some(v: list[float], S: int) -> bool:
    return len(v) >= 2 and 1 <= S <= len(v)


SOME = Condition("N >= 2 clients and 1 <= S <= N", _some)


def _variance(scheme: Participation, weights: list[float], v: list[float]) -> float:
    """E(sum_A (w_i/p_i) v_i - sum_i w_i v_i)^2."""
    p, found = estimates(scheme, weights, np.array(v)[:, None])
    return float(p @ (found[:, 0] - np.dot(weights, v)) ** 2)


def subset_variance(v: list[float], S: int) -> float:
    """The library's cohorts of fixed size."""
    return _variance(FixedSize(S), [1.0 / len(v)] * len(v), v)


def _factor(N: int, S: int) -> float:
    return (N - S) / (S * (N - 1))


def _subset_exact(v: list[float], S: int) -> float:
    return _factor(len(v), S) * float(np.var(v))


def _with_replacement(v: list[float], S: int) -> float:
    return float(np.var(v)) / S


def _without_minus_one(v: list[float], S: int) -> float:
    return (len(v) - S) / (S * len(v)) * float(np.var(v))


# The same subset as a mask that several vectors share.


@st.composite
def shared(draw: st.DrawFn) -> dict[str, Any]:
    """Two numbers for each of N clients, and S <= N."""
    u = draw(st.lists(NUMBERS, min_size=2, max_size=MOST))
    other = draw(st.lists(NUMBERS, min_size=len(u), max_size=len(u)))
    return {"u": u, "other": other, "S": draw(st.integers(1, len(u)))}


def _as_many(u: list[float], other: list[float], S: int) -> bool:
    return len(u) == len(other) and _some(u, S)


BOTH = Condition("u and u' for the same N >= 2 clients and 1 <= S <= N", _as_many)


def _noises(u: list[float], other: list[float], S: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(P(A), n, n'): client i's own upload is what the mean is with weight on i alone."""
    N = len(u)
    p = np.zeros(0)
    found = []
    for x in (u, other):
        masked = []
        for i in range(N):
            alone = [float(j == i) for j in range(N)]
            p, values = estimates(FixedSize(S), alone, np.array(x)[:, None])
            masked.append(values[:, 0] - x[i])
        found.append(np.array(masked).T)
    return p, found[0], found[1]


def subset_means(u: list[float], other: list[float], S: int) -> float:
    """E of the product of the two mean noises."""
    p, n, m = _noises(u, other, S)
    return float(p @ (n.mean(axis=1) * m.mean(axis=1)))


def subset_deviations(u: list[float], other: list[float], S: int) -> float:
    """E[dev n . dev n']."""
    p, n, m = _noises(u, other, S)
    n, m = n - n.mean(axis=1, keepdims=True), m - m.mean(axis=1, keepdims=True)
    return float(p @ (n * m).mean(axis=1))


def _covariance(u: list[float], other: list[float]) -> float:
    return float(np.mean((np.array(u) - np.mean(u)) * (np.array(other) - np.mean(other))))


def _means_exact(u: list[float], other: list[float], S: int) -> float:
    return _factor(len(u), S) * _covariance(u, other)


def _means_independent(u: list[float], other: list[float], S: int) -> float:
    return (len(u) / S - 1) / len(u) * float(np.mean(np.multiply(u, other)))


def _deviations_exact(u: list[float], other: list[float], S: int) -> float:
    return (len(u) / S - 1) * float(np.mean(np.multiply(u, other))) - _factor(len(u), S) * _covariance(u, other)


def _deviations_alone(u: list[float], other: list[float], S: int) -> float:
    return (len(u) / S - 1) * float(np.mean(np.multiply(u, other)))


# Weights and probabilities of each client's own.


@st.composite
def weighted(draw: st.DrawFn) -> dict[str, Any]:
    """Numbers, weights and probabilities of N clients."""
    v = draw(st.lists(NUMBERS, min_size=1, max_size=MOST))
    weights = draw(st.lists(st.sampled_from([0.0, 0.1, 0.3, 1.0]), min_size=len(v), max_size=len(v)))
    return {"v": v, "weights": weights, "p": draw(st.lists(RATES, min_size=len(v), max_size=len(v)))}


@st.composite
def schemes(draw: st.DrawFn) -> dict[str, Any]:
    """Numbers and weights of N clients, and any participation of the library."""
    setting = draw(weighted())
    p = setting.pop("p")
    bernoulli = f"bernoulli:({';'.join(map(str, p))})"
    fixed = f"fixed:{draw(st.integers(1, len(p)))}"
    return {**setting, "participation": draw(st.sampled_from(["full", bernoulli, f"bernoulli:{p[0]}", fixed]))}


def _one_each(v: list[float], weights: list[float], p: list[float], **_: object) -> bool:
    return len(v) == len(weights) == len(p) and all(0 < p_i <= 1 for p_i in p)


EACH = Condition("one weight and one probability in (0, 1] for each client", _one_each)


def _one_weight_each(v: list[float], weights: list[float], **_: object) -> bool:
    return len(v) == len(weights) > 0


WEIGHTED = Condition("one weight for each client", _one_weight_each)


def scheme_mean(v: list[float], weights: list[float], participation: str) -> float:
    """E sum_A (w_i/p_i) v_i, for any participation of the library."""
    p, found = estimates(parse("participation", participation), weights, np.array(v)[:, None])
    return float(p @ found[:, 0])


def _whole(v: list[float], weights: list[float], participation: str) -> float:
    return float(np.dot(weights, v))


def _unscaled(v: list[float], weights: list[float], participation: str) -> float:
    p = parse("participation", participation).facts(len(v)).probabilities
    return float(np.sum(np.multiply(weights, v) * p))


def bernoulli_variance(v: list[float], weights: list[float], p: list[float]) -> float:
    """The library's coins, one for each client."""
    return _variance(Bernoulli(tuple(p)), weights, v)


def _coins(v: list[float], weights: list[float], p: list[float]) -> float:
    return float(np.multiply(weights, v) ** 2 @ (1.0 / np.array(p) - 1.0))


def _coins_unscaled(v: list[float], weights: list[float], p: list[float]) -> float:
    return float(np.multiply(weights, v) ** 2 @ (1.0 - np.array(p)))


# Participation and compression together.


@st.composite
def both(draw: st.DrawFn) -> dict[str, Any]:
    """A vector of length 4, an unbiased channel, a probability."""
    k, s, q = draw(st.integers(1, 4)), draw(st.integers(1, 8)), draw(RATES)
    channel = draw(st.sampled_from(["identity", f"rand-k:{k}", f"mask:{q}", f"dither:{s}", "natural", f"rand-k:{k}+natural"]))
    return {"v": draw(st.lists(NUMBERS, min_size=4, max_size=4).filter(any)), "channel": channel, "p": draw(RATES)}


def _composes(v: list[float], channel: str, p: float, **_: object) -> bool:
    return any(v) and 0 < p <= 1 and parse("channel", channel).facts(len(v)).unbiased


COMPOSES = Condition("a vector that is not zero, an unbiased channel, 0 < p <= 1", _composes)


def composed_error(v: list[float], channel: str, p: float) -> float:
    """E|(1{i in A}/p) C(v) - v|^2 / |v|^2 over the library's coins: heads send C(v)/p, tails nothing."""
    x = np.array(v)
    compressor = parse("channel", channel)
    square, noise = float(x @ x), error(compressor, x)
    total = 0.0
    for probability, clients in Bernoulli(p).outcomes(1) or ():
        scale = len(clients) / p  # E|scale C(v) - v|^2 = scale^2 E|C(v)-v|^2 + (scale-1)^2 |v|^2
        total += probability * (scale**2 * noise + (scale - 1.0) ** 2 * square)
    return total / square


def _omega(v: list[float], channel: str) -> float:
    omega = parse("channel", channel).facts(len(v)).omega
    return inf if omega is None else omega


def _omega_p(v: list[float], channel: str, p: float) -> float:
    return (1.0 + _omega(v, channel)) / p - 1.0


def _sum_of_variances(v: list[float], channel: str, p: float) -> float:
    return _omega(v, channel) + 1.0 / p - 1.0


CLAIMS = (
    Claim(
        name="sampling-without-replacement",
        statement="E|mean_S - mean|^2 = (N-S)/(S(N-1)) mean |v_i - mean|^2",
        reference="textbook; derived here",
        status=Status.DERIVED,
        kind="expectation",
        setting=cohorts(),
        promised=_subset_exact,
        engines={"simulation": subset_variance},
        mutants=(
            Mutant("(N-S)/(S(N-1)) -> 1/S, with replacement", _with_replacement, ("simulation",)),
            Mutant("N-1 -> N", _without_minus_one, ("simulation",)),
        ),
        conditions=(SOME,),
        method="fixed",
        tags=("sampling", "moments"),
        atol=ROUNDING,
        extremes=({"v": [1.0, -1.0], "S": 1}, {"v": [1.0, 2.0, 4.0], "S": 3}, {"v": [1.0, 0.0, 0.0, 0.0, 5.0], "S": 2}),
    ),
    Claim(
        name="shared-subset-means",
        statement="E<mean n, mean n'> = (N-S)/(S(N-1)) [dev u . dev u'], n_i = (N/S) 1{i in A} u_i - u_i, one A for n and n'",
        reference="derived here",
        status=Status.DERIVED,
        kind="expectation",
        setting=shared(),
        promised=_means_exact,
        engines={"simulation": subset_means},
        mutants=(Mutant("independent coins: (N/S-1)/N [u . u']", _means_independent, ("simulation",)),),
        conditions=(BOTH,),
        method="fixed",
        tags=("sampling", "moments"),
        atol=ROUNDING,
        extremes=({"u": [1.0, 3.0], "other": [2.0, 1.0], "S": 1}, {"u": [1.0, 1.0, 1.0], "other": [1.0, 1.0, 1.0], "S": 2}),
    ),
    Claim(
        name="shared-subset-deviations",
        statement="E[dev n . dev n'] = (N/S-1) [u . u'] - (N-S)/(S(N-1)) [dev u . dev u']",
        reference="derived here",
        status=Status.DERIVED,
        kind="expectation",
        setting=shared(),
        promised=_deviations_exact,
        engines={"simulation": subset_deviations},
        mutants=(Mutant("without the second term", _deviations_alone, ("simulation",)),),
        conditions=(BOTH,),
        method="fixed",
        tags=("sampling", "moments"),
        atol=ROUNDING,
        extremes=({"u": [1.0, 3.0], "other": [2.0, 1.0], "S": 1}, {"u": [1.0, -1.0, 2.0], "other": [0.0, 1.0, 1.0], "S": 2}),
    ),
    Claim(
        name="horvitz-thompson",
        statement="E sum_A (w_i/p_i) v_i = sum_i w_i v_i",
        reference="Horvitz and Thompson, J. Amer. Statist. Assoc. 47, 1952",
        status=Status.CHECKED,
        kind="expectation",
        setting=schemes(),
        promised=_whole,
        engines={"simulation": scheme_mean},
        mutants=(Mutant("without 1/p_i", _unscaled, ("simulation",)),),
        conditions=(WEIGHTED,),
        method="bernoulli",
        tags=("sampling", "moments"),
        atol=ROUNDING,
        extremes=(
            {"v": [1.0, 2.0, 3.0], "weights": [0.1, 0.3, 1.0], "participation": "bernoulli:(0.1;0.5;1.0)"},
            {"v": [1.0], "weights": [1.0], "participation": "bernoulli:0.1"},
            {"v": [1.0, 2.0, 3.0], "weights": [0.1, 0.3, 1.0], "participation": "fixed:1"},
        ),
    ),
    Claim(
        name="bernoulli-variance",
        statement="Var sum_A (w_i/p_i) v_i = sum_i w_i^2 (1/p_i - 1) |v_i|^2, independent coins",
        reference="textbook; derived here",
        status=Status.DERIVED,
        kind="expectation",
        setting=weighted(),
        promised=_coins,
        engines={"simulation": bernoulli_variance},
        mutants=(Mutant("1/p - 1 -> 1 - p", _coins_unscaled, ("simulation",)),),
        conditions=(EACH,),
        method="bernoulli",
        tags=("sampling", "moments"),
        atol=ROUNDING,
        extremes=(
            {"v": [1.0, 2.0], "weights": [0.5, 0.5], "p": [0.5, 0.25]},
            {"v": [3.0], "weights": [1.0], "p": [1.0]},
        ),
    ),
    Claim(
        name="participation-and-compression",
        statement="E|(1{i in A}/p) C(v) - v|^2 <= ((1+omega)/p - 1) |v|^2 for an unbiased C, attained by rand-k",
        reference="derived here; the factor omega_p of the theory of FedMM",
        status=Status.DERIVED,
        kind="tight",
        setting=both(),
        promised=_omega_p,
        engines={"simulation": composed_error},
        mutants=(Mutant("the variances added: omega + 1/p - 1", _sum_of_variances, ("simulation",)),),
        conditions=(COMPOSES,),
        method="bernoulli",
        tags=("sampling", "compression"),
        atol=ROUNDING,
        extremes=(
            {"v": [1.0, 2.0, 3.0, 4.0], "channel": "rand-k:1", "p": 0.5},
            {"v": [1.0, 2.0, 3.0, 4.0], "channel": "identity", "p": 0.1},
            {"v": [1.0, 0.0, 0.0, 0.0], "channel": "mask:0.25", "p": 1.0},
        ),
    ),
)
