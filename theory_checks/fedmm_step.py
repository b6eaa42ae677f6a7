r"""FedMM with the step and memory step of the best certified rate, for a problem and a federation as they are.

For a gradient surrogate (:math:`\bar S_i(\theta)=\theta-\rho\nabla f_i(\theta)`, :math:`T=\mathrm{prox}_{\rho g}`) FedMM moves
the statistic by :math:`\gamma`, that is theta by :math:`\gamma\rho` where g = 0. Over all federations of N clients with the
same L and mu the engine certifies :math:`E V_{t+1}\le\text{rate}\cdot E V_t` for a quadratic Lyapunov function V, and tunes
(gamma, a) for the least rate.

| name here | symbol |
|---|---|
| gamma, a | :math:`\gamma`, :math:`a=\alpha p`: the step and the memory step of `fedmm.FedMM` |
| omega, p | of the channel; of Bernoulli participation, or S/N |
| textbook | DIANA's step with :math:`\omega_p=(1+\omega)/p-1` and its rate: `theory_checks.pep.rates` |
| lower_bound | the rate of a quadratic federation at the tuned step; None with a regulariser |
"""

from __future__ import annotations

from dataclasses import replace
from math import log
from typing import NamedTuple

from fedmm.algorithms import FedMM
from fedmm.channels import Channel, Identity
from fedmm.composition import Composition
from fedmm.errors import CompositionError
from fedmm.federation import Federation
from fedmm.participation import FixedSize, Participation
from fedmm.problem import Problem
from fedmm.solve import compose
from theory_checks.client_class import client_class
from theory_checks.families import FAMILIES
from theory_checks.families.core import GradientFamily
from theory_checks.pep import WorstCaseError
from theory_checks.pep.rates import best_fedmm_step, textbook_rate, textbook_step

__all__ = ["CertifiedStep", "certified", "certified_step"]


class CertifiedStep(NamedTuple):
    """What is certified for FedMM on a composition.

    Parameters
    ----------
    gamma, a : float
        The tuned step and memory step.
    rate : float
        The certified factor of the Lyapunov function per round.
    lower_bound : float or None
        No certificate at this step can be below it.
    textbook_gamma, textbook_rate : float
        DIANA's step and rate for the same class.
    L, mu, N, omega, p
        The class, and what uploads go through.
    """

    gamma: float
    a: float
    rate: float
    lower_bound: float | None
    textbook_gamma: float
    textbook_rate: float
    L: float
    mu: float
    N: int
    omega: float
    p: float

    @property
    def fewer_rounds(self) -> float:
        """How many times fewer rounds than the textbook's rate promises."""
        return log(self.rate) / log(self.textbook_rate)


def certified(
    algorithm: FedMM,
    problem: Problem,
    federation: Federation,
    *,
    participation: Participation | None = None,
    channel: Channel | None = None,
) -> FedMM:
    """The method with the step and memory step of the best certified rate.

    Parameters
    ----------
    algorithm : FedMM
        Its `step` and `a` are replaced; the rest stays.
    problem, federation, participation, channel
        As for `fedmm.solve`.

    Raises
    ------
    CompositionError
        Naming the fact that is missing: another method or surrogate, mini-batches, no control variates, unequal or dependent
        sampling, a channel without omega, a client that is not strongly convex.
    """
    if not isinstance(algorithm, FedMM):
        raise CompositionError(f"Expected FedMM to certify a step for, got {type(algorithm).__name__}; see theory_checks.tune.")
    step = certified_step(compose(problem, federation, algorithm, channel=channel, participation=participation))
    return replace(algorithm, step=step.gamma, a=step.a)


def certified_step(composition: Composition) -> CertifiedStep:
    """The tuned step for a composition of FedMM, and what is certified for it.

    Raises
    ------
    CompositionError
        As `certified`.
    """
    rho = _surrogate_step(composition)
    omega, p, S = _noise(composition)
    L, mu, N = client_class(composition)
    try:
        best = best_fedmm_step(L, mu, N, omega, p, S=S, regularizer=composition.problem.penalized is not None, rho=rho)
    except WorstCaseError as error:
        raise CompositionError(f"No step of fedmm is certified here: {error}") from error
    textbook, _ = textbook_step(L, N, omega, p)
    lower = None if composition.problem.penalized else best.lower
    promised = textbook_rate(L, mu, N, omega, p)
    return CertifiedStep(best.gamma / rho, best.alpha, best.rate, lower, textbook / rho, promised, L, mu, N, omega, p)


def _surrogate_step(composition: Composition) -> float:
    """rho of the gradient surrogate, once everything else of the composition is in the engine's class."""
    problem, algorithm = composition.problem, composition.algorithm
    if not isinstance(algorithm, FedMM):
        raise CompositionError(f"Expected FedMM, got {algorithm.name}; see theory_checks.tune.")
    family = FAMILIES[type(problem)](problem) if type(problem) in FAMILIES else None
    if not isinstance(family, GradientFamily):
        raise CompositionError(
            f"No step is certified for {problem.name}: the engine knows the gradient surrogate (T is a prox), which this is not; "
            "choose surrogate='gradient' where the problem has it."
        )
    if algorithm.batch is not None:
        raise CompositionError("No step is certified with mini-batches: a variance sigma_i is not in the class; set batch=None.")
    if not algorithm.control_variates:
        raise CompositionError("No linear rate holds without control variates; set control_variates=True.")
    if not isinstance(composition.downlink, Identity):
        raise CompositionError(f"No step is certified with the downlink {composition.downlink.name}; use the identity there.")
    return family.rho


def _noise(composition: Composition) -> tuple[float, float, int | None]:
    """(omega, p, S): S for a subset of fixed size."""
    sampling = composition.sampling
    if composition.omega is None or not composition.unbiased:
        raise CompositionError(
            f"No step is certified with the channel {composition.channel.name}: an unbiased one with a known omega is needed; "
            "use rand-k, mask or dither."
        )
    low, high = min(sampling.probabilities), max(sampling.probabilities)
    if low <= 0 or high - low > 1e-12:
        raise CompositionError(f"No step is certified for unequal probabilities ({low:g} to {high:g}); draw all clients alike.")
    if sampling.everyone or sampling.independent:
        return composition.omega, low, None
    if not isinstance(composition.participation, FixedSize):
        raise CompositionError(
            f"No step is certified for {composition.participation.name}: clients must be drawn independently, or as a subset of "
            "fixed size; use Bernoulli or FixedSize."
        )
    return composition.omega, low, round(low * len(sampling.probabilities))
