"""Who takes part in a round, with exact inclusion probabilities."""

from fedmm.participation.base import Participation, ParticipationFacts
from fedmm.participation.bernoulli import Bernoulli
from fedmm.participation.fixed import FixedSize
from fedmm.participation.full import Full

__all__ = ["CATALOG", "Bernoulli", "FixedSize", "Full", "Participation", "ParticipationFacts"]

CATALOG: tuple[type[Participation], ...] = (Full, Bernoulli, FixedSize)
"""Every sampling scheme of the library; `fedmm list`, the command line and the laws read it."""
