r"""P4 and P5, the bounds on :math:`E\|h(\hat S_t)\|^2`, measured in exact expectation on quadratics.

The right-hand sides are those of `fedmm.bounds`, computed from the problem's facts; the left-hand sides come from
`theory_checks.expectation`.

| argument | symbol |
|---|---|
| gammas, gamma | gamma_t, gamma |
| T | T |
| omega_p | :math:`\omega_p=(1+\omega)/p_{\min}-1` |
| exact memories | :math:`V_{0,i}=h_i(\hat S_0)`, hence :math:`G_0=0`; otherwise :math:`V_{0,i}=0` |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from fedmm.bounds import p5_rhs, p5_step
from fedmm.channels import Channel, Identity
from fedmm.federation import Federation
from fedmm.types import Facts
from problems.quadratic import Quadratic
from theory_checks.expectation import ExactFedMM

__all__ = ["Setting", "fedmm_bound", "stochastic_mm_bound"]


@dataclass(frozen=True, eq=False)
class Setting:
    """FedMM on a quadratic: who takes part, and what uploads go through.

    Parameters
    ----------
    problem : Quadratic
        Settled; its `noise` is sigma, one sample a round.
    federation : Federation
        Of `Quad`.
    probabilities : tuple of float
        p_i.
    channel : Channel
        Of random factors.
    """

    problem: Quadratic
    federation: Federation
    probabilities: tuple[float, ...]
    channel: Channel = Identity()

    @property
    def facts(self) -> Facts:
        """The constants, all exact."""
        return self.problem.facts(self.federation)

    @property
    def omega_p(self) -> float:
        """omega_p."""
        omega = self.channel.facts(self.federation[0].b.shape[0]).omega
        if omega is None:
            raise ValueError(f"Expected a channel with a known omega, got {self.channel}; use rand-k.")
        return (1.0 + omega) / min(self.probabilities) - 1.0

    @property
    def L_mu(self) -> float:
        """L_mu."""
        fields = np.asarray(self.facts.field_lipschitz)
        return float(np.linalg.norm(np.asarray(self.federation.weights) * fields))

    @property
    def largest_step(self) -> float:
        """The largest step that P5 admits."""
        facts = self.facts
        return p5_step(facts.v_min or 0.0, facts.composite_smoothness or inf, self.omega_p, self.L_mu)

    def exact(self, a: float) -> ExactFedMM:
        """The simulator with memory step `a`."""
        return ExactFedMM(self.problem, self.federation, a, self.probabilities, self.channel, self.problem.noise)


def fedmm_bound(
    setting: Setting, s: np.ndarray, T: int, gamma: float, *, omega_p: float | None = None, exact_memories: bool = False
) -> tuple[float, float]:
    r"""P5: (the exact :math:`(1/T)\sum_{t<T}E\|h(\hat S_t)\|^2`, the bound). The left is at most the right for gamma
    up to `Setting.largest_step`.

    Parameters
    ----------
    setting : Setting
        The composition.
    s : array (d,)
        The start.
    T, gamma
        Rounds and step.
    omega_p : float or None
        What the bound believes omega_p to be: None takes the truth, anything else makes a mutant. The method itself always
        runs with :math:`a=1/(1+\omega_p)` at the truth.
    exact_memories : bool
        Whether V_{0,i} = h_i(s) rather than 0.
    """
    facts = setting.facts
    believed = setting.omega_p if omega_p is None else omega_p
    exact = setting.exact(1.0 / (1.0 + setting.omega_p))
    V = exact.exact_memories(s) if exact_memories else np.zeros((len(setting.federation), s.shape[0]))
    moments = list(exact.moments(s, V, [gamma] * (T - 1)))
    left = float(np.mean([exact.field2(m) for m in moments]))
    gap = exact.objective(moments[0]) - (facts.optimum or 0.0)
    sigma_mu2 = float(np.asarray(setting.federation.weights) ** 2 @ np.asarray(facts.oracle_variance))
    right = p5_rhs(
        T,
        gamma,
        gap,
        facts.v_min or 0.0,
        facts.composite_smoothness or 0.0,
        believed,
        exact.drift(moments[0]),
        sigma_mu2,
    )
    return left, right


def stochastic_mm_bound(setting: Setting, s: np.ndarray, gammas: Sequence[float], scale: float = 1.0) -> tuple[float, float]:
    r"""P4: (:math:`\sum_t\gamma_{t+1}(v_{\min}-\gamma_{t+1}L_W/2)E\|h(\hat S_t)\|^2`, the bound), exactly, for SA-SSMM.

    Parameters
    ----------
    setting : Setting
        With p = 1 and the identity channel.
    s : array (d,)
        The start.
    gammas : sequence of float
        gamma_1, ..., gamma_T, each at most min(1, v_min/L_W).
    scale : float
        Multiplies the bound; below 1 it makes a mutant.
    """
    facts = setting.facts
    v_min, L_W = facts.v_min or 0.0, facts.composite_smoothness or 0.0
    exact = setting.exact(0.0)
    moments = exact.moments(s, np.zeros((len(setting.federation), s.shape[0])), gammas)
    left, gap = 0.0, 0.0
    for t, (m, gamma) in enumerate(zip(moments, gammas, strict=False)):
        gap = exact.objective(m) - (facts.optimum or 0.0) if t == 0 else gap
        left += gamma * (v_min - gamma * L_W / 2) * exact.field2(m)
    sigma_mu2 = float(np.asarray(setting.federation.weights) ** 2 @ np.asarray(facts.oracle_variance))
    return left, scale * (gap + 0.5 * L_W * sigma_mu2 * float(np.sum(np.square(gammas))))
