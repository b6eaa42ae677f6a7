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
from typing import Any

import numpy as np

from fedmm.bounds import p5_rhs, p5_step
from fedmm.channels import Channel, Identity
from fedmm.federation import Federation
from fedmm.types import Facts
from problems.quadratic import Quadratic
from theory_checks.expectation import ExactFedMM

__all__ = ["Setting", "fedmm_bound", "fedmm_terms", "stochastic_mm_bound", "stochastic_mm_rhs", "stochastic_mm_terms"]


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
    exact = setting.exact(1.0 / (1.0 + setting.omega_p))
    V = exact.exact_memories(s) if exact_memories else np.zeros((len(setting.federation), s.shape[0]))
    moments = list(exact.moments(s, V, [gamma] * (T - 1)))
    left = float(np.mean([exact.field2(m) for m in moments]))
    terms = fedmm_terms(setting, s, T, gamma, exact_memories=exact_memories)
    return left, p5_rhs(**(terms if omega_p is None else {**terms, "omega_p": omega_p}))


def fedmm_terms(setting: Setting, s: np.ndarray, T: int, gamma: float, *, exact_memories: bool = False) -> dict[str, Any]:
    """What the bound of P5 is made of: the arguments of `fedmm.bounds.p5_rhs`."""
    facts = setting.facts
    exact = setting.exact(1.0 / (1.0 + setting.omega_p))
    V = exact.exact_memories(s) if exact_memories else np.zeros((len(setting.federation), s.shape[0]))
    first = next(iter(exact.moments(s, V, [])))
    return {
        "T": T,
        "gamma": gamma,
        "gap": exact.objective(first) - (facts.optimum or 0.0),
        "v_min": facts.v_min or 0.0,
        "L_W": facts.composite_smoothness or 0.0,
        "omega_p": setting.omega_p,
        "G_0": exact.drift(first),
        "sigma_mu2": _noise(setting),
    }


def _noise(setting: Setting) -> float:
    return float(np.asarray(setting.federation.weights) ** 2 @ np.asarray(setting.facts.oracle_variance))


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
    left = 0.0
    for m, gamma in zip(moments, gammas, strict=False):
        left += gamma * (v_min - gamma * L_W / 2) * exact.field2(m)
    return left, scale * stochastic_mm_rhs(**stochastic_mm_terms(setting, s, gammas))


def stochastic_mm_terms(setting: Setting, s: np.ndarray, gammas: Sequence[float]) -> dict[str, Any]:
    """What the bound of P4 is made of: the arguments of `stochastic_mm_rhs`."""
    facts, exact = setting.facts, setting.exact(0.0)
    first = next(iter(exact.moments(s, np.zeros((len(setting.federation), s.shape[0])), [])))
    return {
        "gap": exact.objective(first) - (facts.optimum or 0.0),
        "L_W": facts.composite_smoothness or 0.0,
        "sigma_mu2": _noise(setting),
        "gammas": tuple(gammas),
    }


def stochastic_mm_rhs(gap: float, L_W: float, sigma_mu2: float, gammas: Sequence[float]) -> float:
    r""":math:`W(T(\hat S_0))-W_*+\frac{L_W\sigma_\mu^2}2\sum_t\gamma_{t+1}^2`."""
    return gap + 0.5 * L_W * sigma_mu2 * sum(gamma**2 for gamma in gammas)
