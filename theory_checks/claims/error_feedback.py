r"""EF21: the two published theorems, and the rate that a searched Lyapunov function certifies.

With :math:`\theta=1-\sqrt{1-\delta}`, :math:`\beta=(1-\delta)/\theta` and
:math:`G_t=\frac1N\sum_i\|s_i-\nabla f_i(x_t)\|^2`, for the program `theory_checks.pep.programs.ef21`:

- f_i L-smooth, :math:`\gamma\le1/(L+L\sqrt{\beta/\theta})`:
  :math:`\frac1T\sum_{t<T}\|\nabla f(x_t)\|^2\le\frac{2\Delta}{\gamma T}+\frac{G_0}{\theta T}`;
- f_i mu-strongly convex too, :math:`\gamma\le\min(1/(L+L\sqrt{2\beta/\theta}),\theta/(2\mu))`:
  :math:`\Psi_{t+1}\le(1-\gamma\mu)\Psi_t` with :math:`\Psi=f(x)-f^*+(\gamma/\theta)G`.

The second one is published for functions with a Polyak-Lojasiewicz constant mu, of which strongly convex ones are a part:
what is exact here is exact for that part. There Psi needs 1.6 to 1.8 times fewer rounds than promised, and another quadratic
Lyapunov function is certified to need about half of them.

| argument | symbol |
|---|---|
| L, mu, N | smoothness, strong convexity, number of the clients |
| delta | delta |
| share | gamma over the longest step |
| T, Delta, G | T, :math:`f(x_0)-f^*`, :math:`G_0` |

Source: P. Richtarik, I. Sokolov, I. Fatkhullin, *EF21: a new, simpler, theoretically better, and practically faster error
feedback*, NeurIPS 2021.
"""

from __future__ import annotations

from functools import lru_cache
from math import sqrt
from typing import Any

from hypothesis import strategies as st

from theory_checks.claim import Claim, Condition, Mutant, Status
from theory_checks.pep import SymPEP
from theory_checks.pep.batch import Batch
from theory_checks.pep.lyapunov import Lyapunov
from theory_checks.pep.programs.ef21 import ef21_factor, ef21_psi, ef21_run, ef21_step, published

__all__ = ["CLAIMS"]

SIZE = 128
"""Federations of a batch."""


def steps(L: float, mu: float, delta: float, share: float) -> tuple[float, float]:
    """(gamma, c) of the theorem for mu > 0."""
    gamma, _, _ = published(delta, mu, L)
    return share * gamma, share * gamma / (1.0 - sqrt(1.0 - delta))


def psi_promised(L: float, mu: float, N: int, delta: float, share: float) -> float:
    """1 - gamma mu."""
    return 1.0 - steps(L, mu, delta, share)[0] * mu


def psi_batch(L: float, mu: float, N: int, delta: float, share: float) -> float:
    """The largest Psi+ / Psi over quadratic federations."""
    gamma, c = steps(L, mu, delta, share)
    batch = Batch(L, mu, N, size=SIZE)
    before, after = ef21_psi(batch, gamma=gamma, delta=delta, c=c)
    return batch.worst_ratio(after, before)


@lru_cache(maxsize=1024)
def psi_pep(L: float, mu: float, N: int, delta: float, share: float) -> float:
    """The exact factor of Psi."""
    gamma, c = steps(L, mu, delta, share)
    pep = SymPEP(L, mu, N)
    return pep.maximize(ef21_factor(pep, gamma=gamma, delta=delta, c=c)).dual_value


@lru_cache(maxsize=1024)
def searched(L: float, mu: float, N: int, delta: float, share: float) -> Lyapunov:
    """The best Lyapunov function of one round."""
    gamma, _ = steps(L, mu, delta, share)
    pep = SymPEP(L, mu, N)
    return pep.lyapunov(*ef21_step(pep, gamma=gamma, delta=delta))


def rate_lyapunov(L: float, mu: float, N: int, delta: float, share: float) -> float:
    """Its rate."""
    return searched(L, mu, N, delta, share).rate


def rate_batch(L: float, mu: float, N: int, delta: float, share: float) -> float:
    """The largest V+ / V of that Lyapunov function over quadratic federations."""
    gamma, _ = steps(L, mu, delta, share)
    batch = Batch(L, mu, N, size=SIZE)
    step = ef21_step(batch, gamma=gamma, delta=delta)
    return batch.worst_factor(step.now, step.after, searched(L, mu, N, delta, share).p.tolist())


def psi_faster(L: float, mu: float, N: int, delta: float, share: float) -> float:
    """gamma mu -> 2.5 gamma mu."""
    return 1.0 - 2.5 * steps(L, mu, delta, share)[0] * mu


def run_step(L: float, delta: float, share: float) -> float:
    """gamma of the theorem for L-smooth functions."""
    return share / (L + L * sqrt(1.0 - delta) / (1.0 - sqrt(1.0 - delta)))


def run_promised(L: float, N: int, delta: float, share: float, T: int, Delta: float, G: float) -> float:
    """2 Delta / (gamma T) + G / (theta T)."""
    return 2.0 * Delta / (run_step(L, delta, share) * T) + G / ((1.0 - sqrt(1.0 - delta)) * T)


def run_measured(world: Any, L: float, N: int, delta: float, share: float, T: int, Delta: float, G: float) -> Any:
    """The mean squared gradient norm, in either interpreter."""
    return ef21_run(world, gamma=run_step(L, delta, share), delta=delta, rounds=T, Delta=Delta, G=G)


def run_batch(L: float, N: int, **rest: Any) -> float:
    """Its largest value over quadratic federations, convex on average only."""
    batch = Batch(L, -L, N, size=SIZE)
    return batch.worst(run_measured(batch, L, N, **rest))


@lru_cache(maxsize=1024)
def run_pep(L: float, N: int, **rest: Any) -> float:
    """Its exact worst case."""
    pep = SymPEP(L, -L, N)
    return pep.maximize(run_measured(pep, L, N, **rest)).dual_value


def run_half(Delta: float, **rest: Any) -> float:
    """2 Delta -> Delta."""
    return run_promised(Delta=Delta / 2.0, **rest)


def run_without(G: float, **rest: Any) -> float:
    """Without G."""
    return run_promised(G=0.0, **rest)


def in_class(L: float, mu: float, N: int, **_: Any) -> bool:
    """0 < mu < L and N >= 1."""
    return 0 < mu < L and N >= 1


def admitted(delta: float, share: float, **_: Any) -> bool:
    """0 < delta <= 1 and 0 < gamma <= the longest step."""
    return 0 < delta <= 1 and 0 < share <= 1


def positive(L: float, N: int, T: int, Delta: float, G: float, **_: Any) -> bool:
    """All of them positive."""
    return min(L, Delta, G) > 0 and min(N, T) >= 1


def parameters(L: float, curved: float, **rest: Any) -> dict[str, Any]:
    """mu = curved L."""
    return {"L": L, "mu": curved * L, **rest}


STEP = Condition("0 < delta <= 1 and 0 < gamma <= the longest published step", admitted)
CLASS = Condition("0 < mu < L and N >= 1", in_class)
GIVEN: dict[str, Any] = {
    "L": st.sampled_from([1.0, 2.0]),
    "N": st.sampled_from([1, 2, 10]),
    "share": st.sampled_from([0.5, 1.0]),
}
CONVEX = st.builds(parameters, **GIVEN, curved=st.sampled_from([0.05, 0.1, 0.3]), delta=st.sampled_from([0.3, 0.5, 0.9]))
SMOOTH = st.fixed_dictionaries(
    {
        **GIVEN,
        "delta": st.sampled_from([0.3, 0.5, 0.9, 1.0]),
        "T": st.integers(1, 4),
        "Delta": st.sampled_from([0.5, 1.0]),
        "G": st.sampled_from([0.1, 1.0]),
    }
)
CORNERS = (
    {"L": 1.0, "mu": 0.1, "N": 2, "delta": 0.5, "share": 1.0},
    {"L": 1.0, "mu": 0.1, "N": 2, "delta": 0.9, "share": 1.0},
    {"L": 1.0, "mu": 0.1, "N": 1, "delta": 0.9, "share": 0.1},
)
SOURCE = "Richtarik, Sokolov, Fatkhullin, EF21, NeurIPS 2021"

CLAIMS = (
    Claim(
        name="ef21-pl",
        statement="Psi+ <= (1 - gamma mu) Psi, Psi = f(x)-f* + (gamma/theta) mean |s_i - grad f_i(x)|^2",
        reference=SOURCE,
        status=Status.CHECKED,
        kind="upper",
        setting=CONVEX,
        promised=psi_promised,
        engines={"batch": psi_batch, "pep": psi_pep},
        mutants=(Mutant("gamma mu -> 2.5 gamma mu", psi_faster, ("batch", "pep")),),
        conditions=(CLASS, STEP),
        tags=("error-feedback", "compression"),
        factor=True,
        extremes=CORNERS,
    ),
    Claim(
        name="ef21-rate",
        statement="f(x_t)-f* contracts by 1 - gamma mu per round, over quadratic Lyapunov functions",
        reference=SOURCE,
        status=Status.CHECKED,
        kind="upper",
        setting=CONVEX,
        promised=psi_promised,
        engines={"batch": rate_batch, "lyapunov": rate_lyapunov},
        mutants=(Mutant("gamma mu -> 2.5 gamma mu", psi_faster, ("batch", "lyapunov")),),
        conditions=(CLASS, STEP),
        tags=("error-feedback", "compression"),
        factor=True,
        extremes=CORNERS,
    ),
    Claim(
        name="ef21-smooth",
        statement="mean of |grad f(x_t)|^2 over T rounds <= 2 Delta/(gamma T) + G_0/(theta T), f_i L-smooth",
        reference=SOURCE,
        status=Status.CHECKED,
        kind="upper",
        setting=SMOOTH,
        promised=run_promised,
        engines={"batch": run_batch, "pep": run_pep},
        mutants=(
            Mutant("2 Delta -> Delta", run_half, ("batch", "pep")),
            Mutant("without G_0/(theta T)", run_without, ("batch", "pep")),
        ),
        conditions=(STEP, Condition("L, Delta, G > 0 and N, T >= 1", positive)),
        tags=("error-feedback", "compression"),
        extremes=(
            {"L": 1.0, "N": 2, "share": 1.0, "delta": 1.0, "T": 2, "Delta": 1.0, "G": 1.0},
            {"L": 1.0, "N": 1, "share": 1.0, "delta": 0.5, "T": 4, "Delta": 1.0, "G": 1.0},
            {"L": 1.0, "N": 10, "share": 0.5, "delta": 0.3, "T": 1, "Delta": 1.0, "G": 0.1},
        ),
    ),
)
