r"""The mean field of surrogates: where it points, and what it certifies.

With :math:`h(s)=\bar s(T(s))-s` and, where :math:`\phi\circ T` is differentiable, :math:`B=\mathrm{Jac}(\phi\circ T)`:

.. math:: \nabla(W\circ T)(s)=-B(s)h(s),\qquad v_{\min}\|h\|^2\le-\langle\nabla(W\circ T),h\rangle\le v_{\max}\|h\|^2,
          \qquad -J_\phi(T(s))^\top h(s)\in\partial W(T(s)).

Statements and proofs: `theory_checks.statements.gradient` and `theory_checks.statements.stationarity`. All are derived here;
none is quoted from a publication. Derivatives are taken by differences.

| argument | symbol |
|---|---|
| family, seed, spread | the instance (`theory_checks.families`), and how far s is from statistics of its start |
"""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from theory_checks.claim import Claim, Mutant, Status
from theory_checks.conditions import known
from theory_checks.differences import jacobian
from theory_checks.families import SMOOTH
from theory_checks.points import instance, points
from theory_checks.statements.stationarity import distance_to_subdifferential

__all__ = ["CLAIMS"]

CURVED = tuple(name for name in SMOOTH if name not in ("dictionary", "nmf"))
"""Those whose T is differentiable and cheap to difference."""

GRADIENT = ("line", "least-squares", "least-squares-ridge", "logistic", "logistic-ridge", "logistic-l1", "least-squares-l1")
"""Gradient families with a penalty l1 |theta|_1 or none; a ridge of the line is in g."""

STRONG = ("line", "quadratic", "least-squares", "logistic", "logistic-ridge", "multinomial", "robust-gradient")
"""Those whose B(s) is known: c/rho times the identity."""

SEEDS = st.integers(0, 10**4)
SPREADS = st.sampled_from([0.01, 0.3, 1.0, 3.0])

STEP = 1e-4
"""Of the differences, relative to |h|."""


def slope_along_field(family: str, seed: int, spread: float) -> float:
    """-d/dt W(T(s + t h(s))) at t = 0, by differences."""
    at, _ = instance(family, seed)
    s, _ = points(family, seed, spread)
    h = at.field(s)

    def value(t: np.ndarray) -> float:
        return at.value(s + t[0] * h)

    return -float(jacobian(value, np.zeros(1), STEP)[0]) / (1.0 + abs(at.value(s)))


def field_in_the_metric(family: str, seed: int, spread: float) -> float:
    """<h, B h>: the slope of <h, phi(T(s + t h))>, by differences."""
    at, functions = instance(family, seed)
    s, _ = points(family, seed, spread)
    h = at.field(s)

    def along(t: np.ndarray) -> float:
        return float(h @ functions.phi(at.minimize(s + t[0] * h)))

    return float(jacobian(along, np.zeros(1), STEP)[0]) / (1.0 + abs(at.value(s)))


def off_by_a_hundredth(family: str, seed: int, spread: float) -> float:
    """1.01 <h, B h>."""
    return 1.01 * field_in_the_metric(family, seed, spread)


GRADIENT_IDENTITY = Claim(
    name="surrogate-gradient",
    statement="-<grad (W o T)(s), h(s)> = <h(s), B(s) h(s)>, since grad (W o T) = -B h with B = Jac(phi o T)",
    reference="derived here",
    status=Status.DERIVED,
    kind="expectation",
    setting=st.fixed_dictionaries(
        {"family": st.sampled_from(CURVED), "seed": SEEDS, "spread": st.sampled_from([0.01, 0.1, 0.3])}
    ),
    promised=field_in_the_metric,
    engines={"simulation": slope_along_field},
    mutants=(Mutant("B -> 1.01 B", off_by_a_hundredth, ("simulation",)),),
    conditions=(known(SMOOTH, "an instance of theory_checks.families whose T is differentiable"),),
    method="fedmm",
    tags=("surrogates", "p2"),
    rtol=1e-5,
    atol=1e-8,
    extremes=tuple({"family": name, "seed": 0, "spread": 0.3} for name in ("line", "single-component", "dictionary")),
)


def field2(family: str, seed: int, spread: float, kappa: float = 1.0) -> float:
    """kappa v |h|^2 with v = v_min = v_max."""
    at, _ = instance(family, seed)
    s, _ = points(family, seed, spread)
    h, v = at.field(s), at.problem.facts(at.federation).v_min
    return kappa * v * float(h @ h) / (1.0 + abs(at.value(s)))


def more_field2(family: str, seed: int, spread: float) -> float:
    """1.01 v |h|^2."""
    return field2(family, seed, spread, 1.01)


def less_field2(family: str, seed: int, spread: float) -> float:
    """0.99 v |h|^2."""
    return field2(family, seed, spread, 0.99)


STRONG_SETTING = st.fixed_dictionaries({"family": st.sampled_from(STRONG), "seed": SEEDS, "spread": SPREADS})

STEEP = Claim(
    name="field-descends",
    statement="-<grad (W o T)(s), h(s)> >= v_min |h(s)|^2",
    reference="derived here, for v_min <= eig B(s)",
    status=Status.DERIVED,
    kind="lower",
    setting=STRONG_SETTING,
    promised=field2,
    engines={"simulation": slope_along_field},
    mutants=(Mutant("v_min -> 1.01 v_min", more_field2, ("simulation",)),),
    conditions=(known(STRONG),),
    method="fedmm",
    tags=("surrogates", "p2"),
    rtol=1e-5,
    atol=1e-8,
    extremes=({"family": "line", "seed": 0, "spread": 0.3},),
)

NOT_TOO_STEEP = Claim(
    name="field-descends-at-most",
    statement="-<grad (W o T)(s), h(s)> <= v_max |h(s)|^2",
    reference="derived here, for eig B(s) <= v_max",
    status=Status.DERIVED,
    kind="tight",
    setting=STRONG_SETTING,
    promised=field2,
    engines={"simulation": slope_along_field},
    mutants=(Mutant("v_max -> .99 v_max", less_field2, ("simulation",)),),
    conditions=(known(STRONG),),
    method="fedmm",
    tags=("surrogates", "p2"),
    rtol=1e-5,
    atol=1e-8,
    extremes=({"family": "line", "seed": 0, "spread": 0.3},),
)


def distance(family: str, seed: int, spread: float) -> float:
    """dist(0, dW(T(s)))."""
    at, _ = instance(family, seed)
    theta = at.minimize(points(family, seed, spread)[0])
    if family == "line":  # its ridge is in g, and smooth
        return float(np.linalg.norm(at.gradient(theta) + at.problem.ridge * theta))
    return distance_to_subdifferential(at, theta, at.problem.l1, np.zeros_like(theta))


def field_over_rho(family: str, seed: int, spread: float) -> float:
    """|h(s)|/rho."""
    at, _ = instance(family, seed)
    return float(np.linalg.norm(at.field(points(family, seed, spread)[0]))) / at.problem.rho


def less_field_over_rho(family: str, seed: int, spread: float) -> float:
    """.99 |h(s)|/rho."""
    return 0.99 * field_over_rho(family, seed, spread)


STATIONARITY = Claim(
    name="stationarity-distance",
    statement="dist(0, dW(T(s))) <= |h(s)|/rho for the gradient surrogate, with an l1 penalty too",
    reference="derived here",
    status=Status.DERIVED,
    kind="tight",
    setting=st.fixed_dictionaries({"family": st.sampled_from(GRADIENT), "seed": SEEDS, "spread": SPREADS}),
    promised=field_over_rho,
    engines={"simulation": distance},
    mutants=(Mutant("|h|/rho -> .99 |h|/rho", less_field_over_rho, ("simulation",)),),
    conditions=(known(GRADIENT),),
    method="fedmm",
    tags=("surrogates", "stationarity", "p3"),
    rtol=1e-9,
    atol=1e-9,
    extremes=tuple({"family": name, "seed": 1, "spread": 0.3} for name in ("line", "logistic", "least-squares-l1")),
)


def slope_of_objective(family: str, seed: int, spread: float) -> float:
    """d/dt W(T(s + t (s' - s))) at t = 0, by differences."""
    at, _ = instance(family, seed)
    s, other = points(family, seed, spread)

    def value(t: np.ndarray) -> float:
        return at.value(s + t[0] * (other - s))

    return float(jacobian(value, np.zeros(1), STEP)[0]) / (1.0 + abs(at.value(s)))


def certified_slope(family: str, seed: int, spread: float, kappa: float = 1.0) -> float:
    """-<h(s), d/dt phi(T(s + t (s' - s)))>: the certificate along the same path in the domain."""
    at, functions = instance(family, seed)
    s, other = points(family, seed, spread)
    h = at.field(s)

    def along(t: np.ndarray) -> float:
        return float(h @ functions.phi(at.minimize(s + t[0] * (other - s))))

    return -kappa * float(jacobian(along, np.zeros(1), STEP)[0]) / (1.0 + abs(at.value(s)))


def off_by_a_hundredth_there(family: str, seed: int, spread: float) -> float:
    """1.01 of it."""
    return certified_slope(family, seed, spread, 1.01)


CERTIFICATE = Claim(
    name="stationarity-certificate",
    statement="-J_phi(T(s))' h(s) is the slope of W at T(s) along every path in the domain; so h(s) = 0 makes T(s) stationary",
    reference="derived here",
    status=Status.DERIVED,
    kind="expectation",
    setting=st.fixed_dictionaries(
        {"family": st.sampled_from(CURVED), "seed": SEEDS, "spread": st.sampled_from([0.01, 0.1, 0.3])}
    ),
    promised=certified_slope,
    engines={"simulation": slope_of_objective},
    mutants=(Mutant("J -> 1.01 J", off_by_a_hundredth_there, ("simulation",)),),
    conditions=(known(SMOOTH, "an instance of theory_checks.families whose T is differentiable"),),
    method="fedmm",
    tags=("surrogates", "stationarity", "p3"),
    rtol=1e-5,
    atol=1e-8,
    extremes=tuple({"family": name, "seed": 0, "spread": 0.3} for name in ("line", "single-component", "transport")),
)

CLAIMS = (GRADIENT_IDENTITY, STEEP, NOT_TOO_STEEP, STATIONARITY, CERTIFICATE)
