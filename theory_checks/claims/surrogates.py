r"""Descent of linearly parameterised surrogates: relative smoothness, relaxed steps, projected steps.

For all s, s' in S, with :math:`h(s)=\bar s(T(s))-s` and :math:`G^*(s)=\max_\theta\langle s,\phi\rangle-g-\psi`:

.. math:: W(T(s'))-W(T(s))+\langle h(s),\phi(T(s'))-\phi(T(s))\rangle\le D_{G^*}(s,s'),

that is, W is smooth relative to :math:`G^*` with constant 1; hence steps :math:`s'=s+\gamma h(s)`, gamma <= 1, descend, and so
do projected steps up to the error of the direction H. Statements and proofs: `theory_checks.statements.descent` and
`theory_checks.statements.projection`. All are derived here; none is quoted from a publication.

| argument | symbol |
|---|---|
| family, seed, spread | the instance (`theory_checks.families`), and how far apart s and s' lie |
| gamma, share | the step, and its share of :math:`\min(1,v_{\min}/L_W)` |
| noise | :math:`\|H-h\|` relative to a standard Gaussian |
| projected | whether S is a ball around s that holds :math:`s+\gamma h(s)`, or all of R^q |

Falls of W are relative to 1 + |W| at both points, so that rounding is a number.
"""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from theory_checks.claim import Claim, Mutant, Status
from theory_checks.conditions import RELAXED, STEP, known
from theory_checks.families import INSTANCES
from theory_checks.landscape import Landscape
from theory_checks.points import instance, points, rounded
from theory_checks.statements.descent import bregman, relaxed_descent
from theory_checks.statements.projection import projected_step

__all__ = ["CLAIMS", "FAMILIES"]

SLOW = ("custom-monotone",)
"""An instance compiles a CVXPY program."""

FAMILIES = tuple(name for name in INSTANCES if name not in SLOW)
"""Every surrogate family of the library that is ready in milliseconds."""

SEEDS = st.integers(0, 10**4)
SPREADS = st.sampled_from([0.01, 0.3, 1.0, 3.0])


def height(at: Landscape, *where: np.ndarray) -> float:
    """1 + |W| at these statistics: what falls are relative to."""
    return 1.0 + sum(abs(at.value(s)) for s in where)


def linearisation_error(family: str, seed: int, spread: float) -> float:
    """W(T(s')) - W(T(s)) + <h(s), phi(T(s')) - phi(T(s))>, at least 0 where it is convex."""
    at, functions = instance(family, seed)
    s, t = points(family, seed, spread)
    move = functions.phi(at.minimize(t)) - functions.phi(at.minimize(s))
    return max(0.0, at.value(t) - at.value(s) + float(at.field(s) @ move)) / height(at, s, t)


def reversed_bregman(family: str, seed: int, spread: float) -> float:
    """D(s, s')."""
    at, functions = instance(family, seed)
    s, t = points(family, seed, spread)
    return bregman(at, functions, s, t) / height(at, s, t)


def half_reversed_bregman(family: str, seed: int, spread: float) -> float:
    """D(s, s')/2."""
    return 0.5 * reversed_bregman(family, seed, spread)


SMOOTHNESS = Claim(
    name="surrogate-smoothness",
    statement="W(T(s')) - W(T(s)) + <h(s), phi(T(s')) - phi(T(s))> <= D_G*(s, s')",
    reference="derived here: majorisation at T(s), in the geometry of G*",
    status=Status.DERIVED,
    kind="tight",
    setting=st.fixed_dictionaries({"family": st.sampled_from(FAMILIES), "seed": SEEDS, "spread": SPREADS}),
    promised=reversed_bregman,
    engines={"simulation": linearisation_error},
    mutants=(Mutant("D -> D/2", half_reversed_bregman, ("simulation",)),),
    conditions=(known(tuple(INSTANCES), "an instance of theory_checks.families"),),
    method="mm",
    tags=("surrogates", "descent", "p1"),
    atol=1e-10,
    extremes=tuple({"family": name, "seed": 0, "spread": 1.0} for name in ("line", "single-component", "dictionary-ball")),
)


def fall(family: str, seed: int, spread: float, gamma: float) -> float:
    """W(T(s)) - W(T(s + gamma h(s)))."""
    at, functions = instance(family, seed)
    s, _ = points(family, seed, spread)
    after, _, before = relaxed_descent(at, functions, s, gamma)
    return rounded((before - after) / (1.0 + abs(before)))


def promised_fall(family: str, seed: int, spread: float, gamma: float, divergences: float = 1.0, more: float = 0.0) -> float:
    """((1 - gamma)/gamma + more) <s' - s, phi(T(s')) - phi(T(s))> + D(s', s) times `divergences`."""
    at, functions = instance(family, seed)
    s, _ = points(family, seed, spread)
    t = s + gamma * at.field(s)
    move = functions.phi(at.minimize(t)) - functions.phi(at.minimize(s))
    found = ((1.0 - gamma) / gamma + more) * float((t - s) @ move) + divergences * bregman(at, functions, t, s)
    return rounded(found / (1.0 + abs(at.value(s))))


def twice_the_divergence(family: str, seed: int, spread: float, gamma: float) -> float:
    """D counted twice."""
    return promised_fall(family, seed, spread, gamma, divergences=2.0)


def whole_move(family: str, seed: int, spread: float, gamma: float) -> float:
    """(1 - gamma)/gamma -> 1/gamma."""
    return promised_fall(family, seed, spread, gamma, more=1.0)


DESCENT = Claim(
    name="surrogate-descent",
    statement="W(T(s)) - W(T(s')) >= ((1-gamma)/gamma) <s'-s, phi(T(s')) - phi(T(s))> + D_G*(s', s) >= 0, s' = s + gamma h(s)",
    reference="derived here; no smoothness is needed",
    status=Status.DERIVED,
    kind="lower",
    setting=st.fixed_dictionaries(
        {"family": st.sampled_from(FAMILIES), "seed": SEEDS, "spread": SPREADS, "gamma": st.floats(0.01, 1.0)}
    ),
    promised=promised_fall,
    engines={"simulation": fall},
    mutants=(
        Mutant("D -> 2 D", twice_the_divergence, ("simulation",)),
        Mutant("(1-gamma)/gamma -> 1/gamma", whole_move, ("simulation",)),
    ),
    conditions=(
        known(tuple(INSTANCES), "an instance of theory_checks.families"),
        RELAXED,
    ),
    method="fedmm",
    tags=("surrogates", "descent", "p1"),
    atol=1e-10,
    extremes=(
        {"family": "line", "seed": 0, "spread": 1.0, "gamma": 1.0},
        {"family": "line", "seed": 0, "spread": 1.0, "gamma": 0.1},
        {"family": "single-component", "seed": 0, "spread": 1.0, "gamma": 0.5},
        {"family": "dictionary", "seed": 0, "spread": 1.0, "gamma": 1.0},
    ),
)


def both_sides(seed: int, line: bool, share: float, noise: float, projected: bool) -> tuple[float, float]:
    """(W(T(s+)) - W(T(s)) + (gamma/2) |h|_B^2, (gamma/2) |H - h|_B^2)."""
    family = "line" if line else "quadratic"
    at, _ = instance(family, seed)
    s, _ = points(family, seed, 1.0)
    facts, h = at.problem.facts(at.federation), at.field(s)
    gamma = share * min(1.0, facts.v_min / facts.composite_smoothness)
    H = h + noise * np.random.default_rng([seed, 11]).standard_normal(h.shape)
    radius = 1.5 * gamma * float(np.linalg.norm(h))

    def onto_ball(u: np.ndarray) -> np.ndarray:
        return s + (u - s) * min(1.0, radius / max(float(np.linalg.norm(u - s)), 1e-300))

    B = facts.v_min * np.eye(s.size)
    left, _ = projected_step(at, s, H, gamma, B, onto_ball if projected else at.problem.project)
    gain, error = 0.5 * gamma * float(h @ B @ h), 0.5 * gamma * float((H - h) @ B @ (H - h))
    return max(0.0, left - at.value(s) + gain) / height(at, s), error / height(at, s)


def after_projection(seed: int, line: bool, share: float, noise: float, projected: bool) -> float:
    """The left-hand side."""
    return both_sides(seed, line, share, noise, projected)[0]


def error_in_the_metric(seed: int, line: bool, share: float, noise: float, projected: bool) -> float:
    """The right-hand side."""
    return both_sides(seed, line, share, noise, projected)[1]


def half_the_error(seed: int, line: bool, share: float, noise: float, projected: bool) -> float:
    """(gamma/4) |H - h|_B^2."""
    return 0.5 * error_in_the_metric(seed, line, share, noise, projected)


PROJECTED_STEP = Claim(
    name="projected-step",
    statement="W(T(s+)) - W(T(s)) + (gamma/2)|h|_B^2 <= (gamma/2)|H - h|_B^2, s+ the B-projection of s + gamma H onto S",
    reference="derived here, for gamma <= min(1, v_min/L_W)",
    status=Status.DERIVED,
    kind="tight",
    setting=st.fixed_dictionaries(
        {
            "seed": SEEDS,
            "line": st.booleans(),
            "share": st.floats(0.05, 1.0),
            "noise": st.floats(0.0, 5.0),
            "projected": st.booleans(),
        }
    ),
    promised=error_in_the_metric,
    engines={"simulation": after_projection},
    mutants=(Mutant("(gamma/2)|H - h|^2 -> (gamma/4)|H - h|^2", half_the_error, ("simulation",)),),
    conditions=(STEP,),
    method="fedmm",
    tags=("surrogates", "projection", "p5"),
    atol=1e-10,
    extremes=(
        {"seed": 0, "line": True, "share": 1.0, "noise": 1.0, "projected": False},
        {"seed": 0, "line": False, "share": 1.0, "noise": 0.0, "projected": True},
    ),
)

CLAIMS = (SMOOTHNESS, DESCENT, PROJECTED_STEP)
