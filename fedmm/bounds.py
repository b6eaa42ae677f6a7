r"""Proved bounds, with their constants computed from composed facts.

| argument | symbol |
|---|---|
| L_W | smoothness of W o T (A5) |
| v_min | least eigenvalue of B(s) (A4) |
| L_mu, sigma_mu | :math:`L_\mu^2=\sum_i\mu_i^2L_i^2`, :math:`\sigma_\mu^2=\sum_i\mu_i^2\sigma_i^2` |
| omega_p | variance factor of channel and participation together |

**P5** (independent Bernoulli participation, unbiased channel, S = R^q, a = 1/(1+omega_p)): if
:math:`\gamma \le \min\{v_{\min}/(2L_W),\; 1/(2\sqrt3(1+\omega_p)\sqrt{\omega_p}L_\mu)\}` then

.. math:: \frac1T\sum_{t<T}E\|h(\hat S_t)\|^2 \le \frac{2}{v_{\min}}\Big\{\frac{W(T(\hat S_0))-W_*
          +2\gamma^2L_W\omega_p(1+\omega_p)G_0}{\gamma T} + \gamma L_W(1+4\omega_p)\sigma_\mu^2\Big\}.

*Proof sketch*, G_t = sum mu_i^2 E|V_i - h_i|^2: sampling composed with the channel is one compressor of variance factor
omega_p, so (i) E|H - h|^2 <= omega_p G + (1+omega_p) sigma_mu^2; (ii) E|V_i+ - h_i|^2 <= (1-a)|V_i - h_i|^2 + a sigma_i^2;
(iii) Young's inequality with a/2 and A6 gives a recursion for G; (iv) A5 and P2 one for W; (v) W + cG with
c = 2 gamma^2 L_W omega_p (1+omega_p) decreases.

**P4** (SA-SSMM, full participation, exact uploads): for :math:`\gamma_t\le\min(1, v_{\min}/L_W)`,

.. math:: \sum_t\gamma_{t+1}(v_{\min}-\gamma_{t+1}L_W/2)E\|h(\hat S_t)\|^2
          \le W(T(\hat S_0))-W_*+\frac{L_W\sigma_\mu^2}{2}\sum_t\gamma_{t+1}^2.

These constants are derived and proved here; they are not quoted from a publication.
"""

from __future__ import annotations

from math import inf, sqrt
from typing import Any

from fedmm.arrays import norm2
from fedmm.composition import Composition, missing_fact
from fedmm.types import Promise

__all__ = ["fedmm_bound", "p4_step", "p5_rhs", "p5_step", "stochastic_mm_bound"]

P5_FORMULA = (
    "(1/T) sum_t E|h(s_t)|^2 <= (2/v_min) { [W(T(s_0)) - W* + 2 gamma^2 L_W omega_p (1+omega_p) G_0]/(gamma T)"
    " + gamma L_W (1+4 omega_p) sigma_mu^2 }"
)
P4_FORMULA = "sum_t gamma_t (v_min - gamma_t L_W/2) E|h(s_t)|^2 <= W(T(s_0)) - W* + (L_W sigma_mu^2/2) sum_t gamma_t^2"


def p5_step(v_min: float, L_W: float, omega_p: float, L_mu: float) -> float:
    r"""The largest step of P5: :math:`\min\{v_{\min}/(2L_W), 1/(2\sqrt3(1+\omega_p)\sqrt{\omega_p}L_\mu)\}`."""
    first = v_min / (2 * L_W) if L_W > 0 else inf
    second = 1.0 / (2 * sqrt(3) * (1 + omega_p) * sqrt(omega_p) * L_mu) if omega_p * L_mu > 0 else inf
    return min(first, second)


def p5_rhs(
    T: int, gamma: float, gap: float, v_min: float, L_W: float, omega_p: float, G_0: float = 0.0, sigma_mu2: float = 0.0
) -> float:
    r"""The right-hand side of P5 after `T` rounds, with `gap` = :math:`W(T(\hat S_0)) - W_*`."""
    transient = (gap + 2 * gamma**2 * L_W * omega_p * (1 + omega_p) * G_0) / (gamma * T)
    return (2 / v_min) * (transient + gamma * L_W * (1 + 4 * omega_p) * sigma_mu2)


def p4_step(v_min: float, L_W: float) -> float:
    r"""The largest step of P4: :math:`\min(1, v_{\min}/L_W)`."""
    return min(1.0, v_min / L_W) if L_W > 0 else 1.0


def fedmm_bound(composition: Composition, batch: int | None, start: str, *, exact: bool, variates: bool) -> Promise:
    """P5 for FedMM on this composition, or the first fact it lacks.

    Parameters
    ----------
    composition : Composition
        The parts.
    batch : int or None
        Samples a client draws in a round.
    start : {"mean", "lift"}
        What s_0 is.
    exact : bool
        Whether V_{0,i} = h_i(s_0).
    variates : bool
        Whether the control variates move by a = 1/(1 + omega_p).
    """
    facts = composition.facts
    lacking = missing_fact(composition, "v_min", "composite_smoothness", "field_lipschitz", "unconstrained")
    if not composition.sampling.independent:
        lacking = f"no theorem covers {composition.participation.name}: P5 is for independent (Bernoulli) participation"
    elif composition.downlink.name != "identity":
        lacking = f"no theorem covers a compressed downlink ({composition.downlink.name})"
    elif composition.omega_p is None:
        lacking = f"omega of the channel {composition.channel.name} is unknown"
    elif lacking is None and not facts.unconstrained:
        lacking = f"P5 needs S = R^q, but {composition.problem.name} projects statistics"
    elif lacking is None and not variates and composition.omega_p > 0:
        lacking = "P5 needs control variates with a = 1/(1 + omega_p); set control_variates=True and a='theory'"
    if lacking is not None:
        return Promise(formula=P5_FORMULA, missing=lacking)
    weights, omega_p = composition.federation.weights, composition.omega_p
    v_min, L_W = facts.v_min, facts.composite_smoothness
    assert v_min is not None
    assert L_W is not None
    assert omega_p is not None
    L_mu = sqrt(sum((w * L) ** 2 for w, L in zip(weights, facts.field_lipschitz or (), strict=True)))
    gamma = p5_step(v_min, L_W, omega_p, L_mu)
    if gamma == inf:
        return Promise(step=1.0, formula=P5_FORMULA, missing="W is constant: every point is a solution")
    sigma_mu2 = noise(composition, batch)
    if sigma_mu2 is None:
        return Promise(step=gamma, formula=P5_FORMULA, missing=f"oracle_variance of {composition.problem.name} is unknown")
    gap = start_gap(composition)
    if gap is None:
        return Promise(gamma, P5_FORMULA, missing=f"W* of {composition.problem.name} is unknown, and so is a lower bound")
    G_0 = 0.0 if omega_p == 0 or exact else start_drift(composition, start)
    transient = p5_rhs(1, gamma, gap, v_min, L_W, omega_p, G_0)
    floor = p5_rhs(1, gamma, 0.0, v_min, L_W, omega_p, 0.0, sigma_mu2)
    return Promise(gamma, P5_FORMULA, f"(1/T) sum_t E|h(s_t)|^2 <= {transient:.4g}/T + {floor:.4g} at gamma = {gamma:.4g}")


def stochastic_mm_bound(composition: Composition, batch: int | None) -> Promise:
    """P4 for stochastic MM on this composition, or the first fact it lacks."""
    lacking = missing_fact(composition, "v_min", "composite_smoothness")
    if lacking is None and composition.downlink.name != "identity":
        lacking = f"no theorem covers a compressed downlink ({composition.downlink.name})"
    if lacking is not None:
        return Promise(formula=P4_FORMULA, missing=lacking)
    facts = composition.facts
    assert facts.v_min is not None
    assert facts.composite_smoothness is not None
    gamma = p4_step(facts.v_min, facts.composite_smoothness)
    sigma_mu2, gap = noise(composition, batch), start_gap(composition)
    if sigma_mu2 is None:
        return Promise(step=gamma, formula=P4_FORMULA, missing=f"oracle_variance of {composition.problem.name} is unknown")
    if gap is None:
        return Promise(gamma, P4_FORMULA, missing=f"W* of {composition.problem.name} is unknown, and so is a lower bound")
    factor = gamma * (facts.v_min - gamma * facts.composite_smoothness / 2)
    floor = facts.composite_smoothness * sigma_mu2 * gamma**2 / 2
    return Promise(
        gamma,
        P4_FORMULA,
        f"(1/T) sum_t E|h(s_t)|^2 <= {gap / factor:.4g}/T + {floor / factor:.4g} at gamma = {gamma:.4g}",
    )


def noise(composition: Composition, batch: int | None) -> float | None:
    r""":math:`\sigma_\mu^2` for mini-batches of this size: 0 for full batches, None if unknown."""
    if batch is None:
        return 0.0
    variance = composition.facts.oracle_variance
    if variance is None:
        return None
    return sum(w * w * v / batch for w, v in zip(composition.federation.weights, variance, strict=True))


def start_gap(composition: Composition) -> float | None:
    r""":math:`W(\theta_0) - W_*`, or a bound of it by a certified lower bound of W; None if neither is known."""
    facts = composition.facts
    least = facts.optimum if facts.optimum is not None else facts.lower_bound
    if least is None:
        return None
    return composition.problem.objective(composition.federation, composition.theta0) - least


def start_drift(composition: Composition, start: str) -> float:
    r""":math:`G_0 = \sum_i \mu_i^2\|h_i(\hat S_0)\|^2` for V_{0,i} = 0 and s_0 as `start` says."""
    problem: Any = composition.problem
    federation, theta = composition.federation, composition.theta0
    if start == "mean":
        s = sum(problem.statistic(data, theta)[0] * w for w, data in zip(federation.weights, federation, strict=True))
        theta = problem.minimize(s)
    else:
        s = problem.lift(theta)
    return sum(
        w * w * float(norm2(problem.statistic(data, theta)[0] - s))
        for w, data in zip(federation.weights, federation, strict=True)
    )
