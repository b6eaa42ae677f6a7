r"""From declared facts to legality, composed facts, admissible steps and promised rates, before round 0.

| argument | symbol |
|---|---|
| omega | :math:`\omega`, the variance factor of the channel on what is compressed |
| omega_p | :math:`\omega_p = (1+\omega)/p_{\min} - 1`, that of the channel composed with participation |
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite
from typing import Any

from fedmm.algorithm import Algorithm
from fedmm.arrays import Array, all_finite, leaves
from fedmm.channels.base import Channel, ChannelFacts
from fedmm.channels.identity import Identity
from fedmm.errors import CompositionError, DataError
from fedmm.federation import Federation
from fedmm.participation.base import Participation, ParticipationFacts
from fedmm.problem import Problem
from fedmm.types import Facts, Promise

__all__ = ["Composition", "check_start", "inverse_smoothness", "missing_fact", "theory_step"]


@dataclass(frozen=True, eq=False)
class Composition:
    """Parts that are to work together, and what follows from their facts.

    Parameters
    ----------
    problem, federation, algorithm, channel, downlink, participation
        The parts; the problem is settled on the federation.
    theta0 : array (d,)
        The start.
    """

    problem: Problem
    federation: Federation
    algorithm: Algorithm
    channel: Channel
    downlink: Channel
    participation: Participation
    theta0: Array

    @cached_property
    def facts(self) -> Facts:
        """The problem's constants on this federation."""
        return self.problem.facts(self.federation)

    @cached_property
    def sampling(self) -> ParticipationFacts:
        """The inclusion probabilities."""
        return self.participation.facts(len(self.federation))

    @cached_property
    def uploads(self) -> dict[str, int]:
        """The length of every part of the upload by name ("" for a plain vector)."""
        return {name: int(part.shape[-1]) for name, part in leaves(self.algorithm.nothing(self.problem, self.first))}

    @cached_property
    def first(self) -> Any:
        """The server's state before anything is exchanged; raises CompositionError where the method cannot start at theta0."""
        try:
            return self.algorithm.init(self.problem, self.theta0)
        except ValueError as error:  # of `lift`, outside the range of T
            raise CompositionError(f"{self.algorithm.name} cannot start {self.problem.name} at theta0: {error}") from error

    @cached_property
    def compressed(self) -> dict[str, ChannelFacts]:
        """The channel's facts on every part it touches."""
        touched = self.algorithm.compresses
        return {name: self.channel.facts(q) for name, q in self.uploads.items() if touched is None or name in touched}

    @cached_property
    def unbiased(self) -> bool:
        """Whether every upload arrives unbiased."""
        return all(facts.unbiased for facts in self.compressed.values())

    @cached_property
    def omega(self) -> float | None:
        """The variance factor of the channel, the largest over the parts it touches; None if unknown."""
        factors = [facts.omega for facts in self.compressed.values()]
        known = [factor for factor in factors if factor is not None]
        return max(known, default=0.0) if len(known) == len(factors) else None

    @cached_property
    def omega_p(self) -> float | None:
        """The variance factor of channel and participation together; None if the channel's is unknown or some p_i is 0."""
        p_min = min(self.sampling.probabilities)
        return None if self.omega is None or p_min <= 0 else (1.0 + self.omega) / p_min - 1.0

    def with_method(self, algorithm: Algorithm) -> Composition:
        """The same parts with another method; the facts of problem and participation, where known, come along."""
        other = replace(self, algorithm=algorithm)
        other.__dict__.update({name: self.__dict__[name] for name in ("facts", "sampling") if name in self.__dict__})
        return other

    def refusal(self) -> str | None:
        """The sentence saying why these parts must not be composed, or None."""
        problem, algorithm, channel = self.problem, self.algorithm, self.channel
        lacking = [oracle.__name__ for oracle in algorithm.requires if oracle not in problem.oracles]
        if lacking:
            has = ", ".join(oracle.__name__ for oracle in problem.oracles) or "none"
            return (
                f"{algorithm.name} needs the oracle {lacking[0]}, which {problem.name} does not offer (it offers {has}); "
                "choose a method that needs only those."
            )
        if problem.penalized and not algorithm.handles_penalty:
            return (
                f"{algorithm.name} minimises f alone, but {problem.name} has a penalty g = {problem.penalized}; "
                "choose a surrogate method (fedmm, mm), or leave the penalty out where it is an option."
            )
        if algorithm.compresses == () and not isinstance(channel, Identity):
            return (
                f"{algorithm.name} needs exact uploads, but the channel {channel.name} changes them; "
                "use the identity channel, or a method that compresses (fedmm)."
            )
        if algorithm.needs_everyone and not self.sampling.everyone:
            return (
                f"{algorithm.name} is defined for full participation, but {self.participation.name} leaves clients out; "
                "use full participation, or fedmm."
            )
        if min(self.sampling.probabilities) <= 0:
            client = self.sampling.probabilities.index(min(self.sampling.probabilities))
            return f"Client {client} is never drawn (p = 0), so its data cannot count; give it a positive probability."
        if algorithm.needs_unbiased:
            for name, facts in self.compressed.items():
                if not facts.unbiased or facts.omega is None:
                    what = "is biased" if not facts.unbiased else "has no known variance factor omega"
                    part = f" on part {name!r}" if name else ""
                    return (
                        f"{algorithm.name} needs an unbiased channel with a known omega, but {channel.name} {what}{part}; "
                        "use rand-k, mask or dither."
                    )
        return None

    def check(self) -> None:
        """Look at the parts before any work.

        Raises
        ------
        DataError
            If the start has the wrong shape or is not finite.
        CompositionError
            With the sentence of `refusal`.
        SpecError
            If the channel cannot carry these vectors, or the participation does not fit the number of clients.
        """
        check_start(self.problem, self.federation, self.theta0)
        self.participation.start(len(self.federation))
        reason = self.refusal()
        if reason is not None:
            raise CompositionError(reason)
        broadcast: Any = self.algorithm.opened(self.first)
        for _, leaf in leaves(broadcast):
            if not isinstance(leaf, (int, float)) and leaf.ndim == 1:
                self.downlink.facts(int(leaf.shape[-1]))


def missing_fact(composition: Composition, *names: str) -> str | None:
    """The sentence naming the first of these facts that the problem does not know, or None."""
    for name in names:
        if getattr(composition.facts, name) is None:
            why = composition.facts.notes.get(name)
            symbol = _SYMBOLS.get(name, name)
            return f"{symbol} of {composition.problem.name} is unknown" + (f" ({why})" if why else "")
    return None


def theory_step(promise: Promise) -> float:
    """The largest admissible step of a promise; raises CompositionError with the missing fact where there is none."""
    if promise.step is None:
        raise CompositionError(f"step='theory' is not possible: {promise.missing}; give a step.")
    return promise.step


def inverse_smoothness(composition: Composition) -> float:
    """1/L; raises CompositionError where L is unknown."""
    lacking = missing_fact(composition, "smoothness")
    return theory_step(Promise(missing=lacking) if lacking else Promise(1.0 / composition.facts.smoothness))  # type: ignore[operator]


_SYMBOLS = {
    "smoothness": "L",
    "strong_convexity": "mu",
    "hessian_lipschitz": "L*",
    "composite_smoothness": "L_W",
    "field_lipschitz": "L_i",
    "oracle_variance": "sigma_i^2",
    "unconstrained": "whether S = R^q",
}


def check_start(problem: Problem, federation: Federation, theta0: Array) -> None:
    """Whether `theta0` can start `problem`; raises DataError otherwise."""
    expected = problem.start(federation)
    if type(theta0) is not type(expected):  # a masked array or a matrix computes otherwise
        raise DataError(f"Expected theta0 as {type(expected).__name__} like the data, got {type(theta0).__name__}; convert it.")
    if tuple(theta0.shape) != tuple(expected.shape):
        raise DataError(
            f"Expected theta0 of shape {tuple(expected.shape)} for {problem.name}, got {tuple(theta0.shape)}; reshape it."
        )
    if theta0.dtype != expected.dtype:
        raise DataError(f"Expected theta0 of dtype {expected.dtype} like the data, got {theta0.dtype}; convert it.")
    if not all_finite(theta0):
        raise DataError("Expected a finite theta0, got NaN or infinite values; mend it.")
    if not isfinite(float(problem.penalty(theta0))):
        raise DataError(
            f"Expected theta0 inside the domain of {problem.name}, got a point outside it; use problem.restrict(theta0)."
        )
