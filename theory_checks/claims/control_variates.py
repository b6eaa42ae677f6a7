r"""What control variates do, in closed form where all clients have the same curvature.

With :math:`A_i=\kappa_0I` the fields are :math:`h_i(s)=h_i^*-\kappa(s-s^*)`. Uploads of variance factor omega_i, channel and
participation together, give, without control variates and from :math:`\hat S_0=s^*`,

.. math:: E\|h(\hat S_T)\|^2=\kappa^2\gamma^2\sum_i\mu_i^2\omega_i\|h_i^*\|^2\,\frac{1-q^T}{1-q},\qquad
          q=(1-\gamma\kappa)^2+\gamma^2\kappa^2\sum_i\mu_i^2\omega_i:

a plateau, proportional to the heterogeneity. With them, :math:`a=1/(1+\omega_p)` and equal clients,
:math:`X=E\|\hat S-s^*\|^2`, :math:`G=\frac1{n^2}\sum_iE\|V_i-h_i^*\|^2` and :math:`C=\frac1nE\langle\hat S-s^*,V\rangle` obey

.. math:: X^+=(1-\gamma\kappa)^2X+\gamma^2\omega_pY,\quad G^+=(1-a)G+\tfrac{a\kappa^2}nX,\quad
          C^+=(1-\gamma\kappa)\big[(1-a)C-\tfrac{a\kappa}nX\big]+\tfrac{\gamma a\omega_p}nY,

with :math:`Y=\frac{\kappa^2}nX+2\kappa C+G`: the heterogeneity enters through :math:`G_0` only, and is forgotten
geometrically. Both are derived here, as is the general bound (`theory_checks.claims.fedmm_bounds`).

| argument | symbol |
|---|---|
| seed, clients, d | Gaussian b_i |
| ratio | :math:`\rho\kappa_0`, the surrogate's step over the largest |
| k, p, unequal | rand-k of d, p_i = p or from p to 1 |
| gamma, T | step and rounds |
| away | :math:`\|\hat S_0-s^*\|` in every coordinate |

Measured by second moments of the whole state (`theory_checks.expectation`), which are the library's.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

from fedmm import Federation, Identity, RandK
from problems.quadratic import Quad, Quadratic
from theory_checks.claim import Claim, Mutant, Status
from theory_checks.conditions import CHANNEL, RELAXED, SAMPLING
from theory_checks.points import rounded
from theory_checks.statements.bounds import Setting

__all__ = ["CLAIMS", "recursion"]


@lru_cache(maxsize=512)
def equal_curvature(seed: int, clients: int, d: int, ratio: float, k: int, p: float, unequal: bool, equal: bool) -> Setting:
    """Clients with A_i = I and linear terms of their own; equal weights if asked for."""
    rng = np.random.default_rng([seed, 14])
    data = [Quad(np.eye(d), b) for b in 3.0 * rng.standard_normal((clients, d))]
    weights = np.full(clients, 1.0 / clients) if equal else rng.dirichlet(np.full(clients, 3.0))
    probabilities = tuple(np.linspace(p, 1.0, clients).tolist()) if unequal else (p,) * clients
    problem = Quadratic(ridge=0.1, rho=ratio)
    channel = Identity() if k == d else RandK(k)
    return Setting(problem, Federation(data, weights.tolist(), normalize=True), probabilities, channel)


def constants(at: Setting) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """kappa, s*, h_i* and omega_i."""
    rho, d = at.problem.rho or 0.0, at.federation[0].b.shape[0]
    c = 1.0 / (1.0 + rho * at.problem.ridge)
    b = np.stack([data.b for data in at.federation])
    kappa = 1.0 - c * (1.0 - rho)
    fields = rho * (b - np.asarray(at.federation.weights) @ b)
    omega = at.channel.facts(d).omega or 0.0
    return kappa, at.problem.lift(at.problem.solution(at.federation)), fields, (1.0 + omega) / np.asarray(at.probabilities) - 1.0


def field2(at: Setting, a: float, s: np.ndarray, gamma: float, T: int) -> float:
    """E|h|^2 after T rounds from s, memories zero."""
    exact = at.exact(a)
    *_, moment = exact.moments(s, np.zeros((len(at.federation), s.size)), [gamma] * T)
    return rounded(exact.field2(moment))


COMMON: dict[str, Any] = {
    "seed": st.integers(0, 50),
    "clients": st.sampled_from([1, 2, 3]),
    "d": st.sampled_from([3]),
    "ratio": st.sampled_from([0.1, 0.5, 1.0]),
    "k": st.sampled_from([1, 2, 3]),
    "p": st.sampled_from([0.25, 0.5, 1.0]),
    "gamma": st.sampled_from([0.01, 0.05, 0.2]),
    "T": st.sampled_from([1, 2, 10, 60]),
}
CONDITIONS = (CHANNEL, SAMPLING, RELAXED)

# --- without: a plateau -----------------------------------------------------------------------------------------------


def plateau_measured(
    seed: int, clients: int, d: int, ratio: float, k: int, p: float, unequal: bool, gamma: float, T: int
) -> float:
    """E|h|^2 without control variates, from s*."""
    at = equal_curvature(seed, clients, d, ratio, k, p, unequal, False)
    return field2(at, 0.0, constants(at)[1], gamma, T)


def plateau(
    seed: int,
    clients: int,
    d: int,
    ratio: float,
    k: int,
    p: float,
    unequal: bool,
    gamma: float,
    T: int,
    sampled: bool = True,
) -> float:
    """The closed form; `sampled` = False forgets participation in omega_i."""
    at = equal_curvature(seed, clients, d, ratio, k, p, unequal, False)
    kappa, _, fields, omega = constants(at)
    w = np.asarray(at.federation.weights)
    if not sampled:
        omega = np.full_like(omega, at.channel.facts(d).omega or 0.0)
    q = (1.0 - gamma * kappa) ** 2 + gamma**2 * kappa**2 * float(w**2 @ omega)
    error = float((w**2 * omega) @ np.sum(fields**2, axis=1))
    return rounded(kappa**2 * gamma**2 * error * float(np.sum(q ** np.arange(T))))


def plateau_without_participation(**setting: Any) -> float:
    """omega_p -> omega."""
    return plateau(**setting, sampled=False)


def later_plateau(**setting: Any) -> float:
    """T -> T/2."""
    return plateau(**{**setting, "T": setting["T"] // 2})


PLATEAU = Claim(
    name="no-control-variates-plateau",
    statement="without control variates, from s*: E|h(s_T)|^2 = kappa^2 gamma^2 sum mu_i^2 omega_i |h_i*|^2 (1-q^T)/(1-q)",
    reference="derived here, for clients of equal curvature",
    status=Status.DERIVED,
    kind="expectation",
    setting=st.fixed_dictionaries({**COMMON, "unequal": st.booleans()}),
    promised=plateau,
    engines={"simulation": plateau_measured},
    mutants=(
        Mutant("omega_p -> omega", plateau_without_participation, ("simulation",)),
        Mutant("T -> T/2", later_plateau, ("simulation",)),
    ),
    conditions=CONDITIONS,
    method="fedmm",
    tags=("fedmm", "control-variates", "compression", "participation", "p8"),
    rtol=1e-7,
    atol=1e-11,
    extremes=tuple(
        {"seed": 0, "clients": n, "d": 3, "ratio": 0.5, "k": k, "p": p, "unequal": unequal, "gamma": 0.2, "T": T}
        for n, k, p, unequal, T in ((3, 1, 0.25, True, 60), (2, 3, 0.5, False, 10), (1, 1, 0.25, False, 60))
    ),
)

# --- with: forgotten geometrically ------------------------------------------------------------------------------------


def recursion(kappa: float, gamma: float, a: float, omega: float, n: int) -> np.ndarray:
    """The matrix of (X, G, C), shape (3, 3); for a = 1/(1 + omega), or 0 with memories that stay at zero."""
    Y = np.array([kappa**2 / n, 1.0, 2.0 * kappa])
    X = np.array([(1.0 - gamma * kappa) ** 2, 0.0, 0.0]) + gamma**2 * omega * Y
    G = np.array([a * kappa**2 / n, 1.0 - a, 0.0])
    C = (1.0 - gamma * kappa) * np.array([-a * kappa / n, 0.0, 1.0 - a]) + gamma * a * omega / n * Y
    return np.stack([X, G, C])


def forgotten_measured(
    seed: int, clients: int, d: int, ratio: float, k: int, p: float, gamma: float, T: int, away: float
) -> float:
    """E|h|^2 with control variates and memories from zero."""
    at = equal_curvature(seed, clients, d, ratio, k, p, False, True)
    return field2(at, 1.0 / (1.0 + at.omega_p), constants(at)[1] + away, gamma, T)


def forgotten(
    seed: int,
    clients: int,
    d: int,
    ratio: float,
    k: int,
    p: float,
    gamma: float,
    T: int,
    away: float,
    crossed: bool = True,
    remembered: bool = True,
) -> float:
    """kappa^2 X_T by the recursion; `crossed` = False drops C, `remembered` = False keeps the memories at zero."""
    at = equal_curvature(seed, clients, d, ratio, k, p, False, True)
    kappa, _, fields, _ = constants(at)
    a = 1.0 / (1.0 + at.omega_p) if remembered else 0.0
    M = recursion(kappa, gamma, a, at.omega_p, clients)
    if not crossed:
        M[2] = 0.0
    moments = np.array([d * away**2, float(np.sum(fields**2)) / clients**2, 0.0])
    for _ in range(T):
        moments = M @ moments
    return rounded(kappa**2 * float(moments[0]))


def without_cross_term(**setting: Any) -> float:
    """C -> 0."""
    return forgotten(**setting, crossed=False)


def without_memory(**setting: Any) -> float:
    """The memories stay at zero."""
    return forgotten(**setting, remembered=False)


FORGOTTEN = Claim(
    name="control-variates-no-plateau",
    statement="with control variates E|h(s_T)|^2 = kappa^2 X_T, (X, G, C) by a 3 x 3 linear recursion: no plateau",
    reference="derived here, for equal clients of equal curvature",
    status=Status.DERIVED,
    kind="expectation",
    setting=st.fixed_dictionaries({**COMMON, "away": st.sampled_from([1.0, 30.0])}),  # from 0 an unstable gamma lifts rounding
    promised=forgotten,
    engines={"simulation": forgotten_measured},
    mutants=(
        Mutant("C -> 0", without_cross_term, ("simulation",)),
        Mutant("a -> 0", without_memory, ("simulation",)),
    ),
    conditions=CONDITIONS,
    method="fedmm",
    tags=("fedmm", "control-variates", "compression", "participation", "p8"),
    rtol=1e-7,
    atol=1e-11,
    extremes=tuple(
        {"seed": 0, "clients": n, "d": 3, "ratio": 0.5, "k": k, "p": p, "gamma": 0.2, "T": T, "away": away}
        for n, k, p, T, away in ((3, 1, 0.25, 60, 0.0), (2, 1, 1.0, 400, 1.0), (1, 3, 1.0, 60, 30.0))
    ),
)

CLAIMS = (PLATEAU, FORGOTTEN)
