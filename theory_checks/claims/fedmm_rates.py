r"""FedMM's linear rate on strongly convex clients, with compression, participation and a regulariser.

With the gradient surrogate, clients L-smooth and mu-strongly convex, uploads of variance factor omega, Bernoulli(p)
participation and :math:`\omega'=(1+\omega)/p-1`, FedMM is DIANA with omega': at :math:`a=1/(1+\omega')` and a step of x of
:math:`\gamma=1/(L(1+6\omega'/N))`,

.. math:: E\,\Psi^+\le\max\big(1-\gamma\mu,\,1-\tfrac a2\big)\,\Psi,\qquad
          \Psi=\|s-s^*\|^2+\frac{4\omega'}{Na}\gamma^2\frac1N\sum_i\|V_i-V_i^*\|^2

(S. Horvath, D. Kovalev, K. Mishchenko, S. Stich, P. Richtarik, *Stochastic distributed learning with gradient quantization and
variance reduction*, 2019, for DIANA; participation as a compressor is derived here). The exact one-step factor and the best rate
of a quadratic Lyapunov function are lower. That best rate is what quadratic clients of one curvature need, the spectral radius
of a 4 x 4 matrix for any N, where memories are faster than the iterate, :math:`2\gamma\mu\le a/5`; beyond, it exceeds theirs by
up to a few hundredths of 1 - rate.

| argument | symbol |
|---|---|
| N, omega, p, mu | clients, variance factor, participation, strong convexity; L = 1 |
| seed | of a random federation on a line, with rand-k that has this omega where there is one |
| ratio | the step over :math:`1/(L(1+6\omega'/N))`, at most 1 |

Engines: the second moments of the library's method (`theory_checks.expectation`), the exact one-step factor of Psi, and the
search. Rates of T rounds are powers.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from hypothesis import strategies as st

from fedmm import Federation, Identity, Mask
from problems.quadratic import Quad, Quadratic
from theory_checks.claim import Claim, Condition, Mutant, Status
from theory_checks.conditions import SAMPLING, within
from theory_checks.expectation import ExactFedMM
from theory_checks.pep.radius import fedmm_lower
from theory_checks.pep.rates import psi_rate, searched_rate, textbook_step

__all__ = ["CLAIMS", "second_moment_radius"]


CHOICES = {
    "N": st.sampled_from([1, 2, 3, 10]),
    "omega": st.sampled_from([0.0, 1.0, 3.0]),
    "p": st.sampled_from([0.1, 0.5, 1.0]),
    "ratio": st.sampled_from([0.5, 1.0]),
    "seed": st.integers(0, 10**4),
}
SETTING = st.fixed_dictionaries({**CHOICES, "mu": st.sampled_from([0.01, 0.1, 0.5])})
SLOW = st.fixed_dictionaries({**CHOICES, "mu": st.sampled_from([0.001, 0.01, 0.05])})

CONDITIONS = (SAMPLING, within("mu", 0.0, 1.0), within("ratio", 0.0, 1.0))

EXTREMES = (
    {"N": 2, "omega": 1.0, "p": 0.5, "mu": 0.1, "ratio": 1.0, "seed": 0},
    {"N": 10, "omega": 3.0, "p": 0.1, "mu": 0.1, "ratio": 1.0, "seed": 0},
    {"N": 1, "omega": 0.0, "p": 1.0, "mu": 0.1, "ratio": 1.0, "seed": 0},
)


def textbook(N: int, omega: float, p: float, mu: float, ratio: float, seed: int) -> float:
    """max(1 - gamma mu, 1 - a/2)."""
    gamma, a = textbook_step(1.0, N, omega, p)
    return max(1.0 - ratio * gamma * mu, 1.0 - a / 2.0)


def cubed(N: int, omega: float, p: float, mu: float, ratio: float, seed: int) -> float:
    """max(1 - gamma mu, 1 - a/2)^3, as if a round were three."""
    return textbook(N, omega, p, mu, ratio, seed) ** 3


def one_step(N: int, omega: float, p: float, mu: float, ratio: float, seed: int) -> float:
    """The exact factor of Psi over one round."""
    gamma, a = textbook_step(1.0, N, omega, p)
    return psi_rate(1.0, mu, N, omega, p, ratio * gamma, a, 4.0)


def searched(N: int, omega: float, p: float, mu: float, ratio: float, seed: int) -> float:
    """The best rate of a quadratic Lyapunov function."""
    gamma, a = textbook_step(1.0, N, omega, p)
    return searched_rate(1.0, mu, N, omega, p, ratio * gamma, a)


@lru_cache(maxsize=4096)
def observed(N: int, omega: float, p: float, mu: float, ratio: float, seed: int) -> float:
    """The rate of E|s - s*|^2 on a line: clients of curvature mu, or of drawn curvatures, whichever are slower."""
    gamma, a = textbook_step(1.0, N, omega, p)
    rng = np.random.default_rng([seed, 18])
    drawn = np.where(rng.random(N) < 0.5, rng.choice([mu, 1.0], N), rng.uniform(mu, 1.0, N))
    return max(second_moment_radius(c, ratio * gamma, a, omega, p) for c in (np.full(N, mu), drawn))


def second_moment_radius(curvatures: np.ndarray, gamma: float, a: float, omega: float, p: float) -> float:
    """The spectral radius of E u u' -> E u+ u+', u = (s - s*, V - V*), for FedMM on :math:`c_ix^2/2` with a Bernoulli mask.

    Parameters
    ----------
    curvatures : array (n,)
        In (0, 1].
    gamma, a : float
        The step of x and the memory step.
    omega, p : float
        Variance factor of the mask, and participation.
    """
    n = curvatures.size
    federation = Federation([Quad(np.array([[c]]), np.zeros(1)) for c in curvatures])
    channel = Mask(1.0 / (1.0 + omega)) if omega > 0 else Identity()
    exact = ExactFedMM(Quadratic(rho=1.0), federation, a, (p,) * n, channel)
    rows, columns = np.triu_indices(n + 1)
    images = []
    for i, j in zip(rows, columns, strict=True):
        m = np.zeros((n + 2, n + 2))  # the last entry of u is the constant, which errors have not
        m[i, j] = m[j, i] = 1.0
        images.append(exact.after(m, gamma)[rows, columns])
    return float(np.abs(np.linalg.eigvals(np.stack(images, axis=1))).max())


RATE = Claim(
    name="fedmm-linear-rate",
    statement="E Psi+ <= max(1 - gamma mu, 1 - a/2) Psi for gamma <= 1/(L(1 + 6 omega'/N)), a = 1/(1 + omega')",
    reference="Horvath et al. 2019 (DIANA) with omega' = (1 + omega)/p - 1; FedMM's surrogate is the gradient one",
    status=Status.CHECKED,
    kind="upper",
    setting=SETTING,
    promised=textbook,
    engines={"simulation": observed, "lyapunov": searched, "pep": one_step},
    mutants=(Mutant("one round -> three rounds", cubed, ("simulation", "lyapunov", "pep")),),
    conditions=CONDITIONS,
    method="fedmm",
    tags=("fedmm", "rate", "compression", "participation", "control-variates"),
    factor=True,
    extremes=EXTREMES,
)


def slow_iterate(N: int, omega: float, p: float, mu: float, ratio: float, **rest: object) -> bool:
    """Whether the memories are five times as fast as the iterate."""
    gamma, a = textbook_step(1.0, N, omega, p)
    return 2.0 * ratio * gamma * mu <= a / 5.0


def one_curvature(N: int, omega: float, p: float, mu: float, ratio: float, seed: int) -> float:
    """The rate of clients of one curvature, the worst in [mu, L], as a 4 x 4 spectral radius for any N."""
    gamma, a = textbook_step(1.0, N, omega, p)
    return fedmm_lower(1.0, mu, ratio * gamma, a, N, omega, p)


def a_little_faster(N: int, omega: float, p: float, mu: float, ratio: float, seed: int) -> float:
    """1 - 1.01 (1 - rate)."""
    return 1.0 - 1.01 * (1.0 - one_curvature(N, omega, p, mu, ratio, seed))


EXACT_RATE = Claim(
    name="fedmm-exact-rate",
    statement="up to the textbook step and for 2 gamma mu <= a/5, FedMM's best rate is that of clients of one curvature",
    reference="found here: the search for a Lyapunov function ends where the quadratics are",
    status=Status.NUMERIC,
    kind="tight",
    setting=SLOW,
    promised=one_curvature,
    engines={"simulation": observed, "lyapunov": searched},
    mutants=(Mutant("1 - rate -> 1.01 (1 - rate)", a_little_faster, ("simulation", "lyapunov")),),
    conditions=(*CONDITIONS, Condition("2 gamma mu <= a/5", slow_iterate)),
    method="fedmm",
    tags=("fedmm", "rate", "compression", "participation", "control-variates"),
    factor=True,
    rtol=2e-6,
    extremes=tuple({**setting, "mu": 0.05} for setting in EXTREMES),
)

CLAIMS = (RATE, EXACT_RATE)
