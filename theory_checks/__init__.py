"""The theory as programs: claims that engines measure, exact worst cases, certificates, and steps tuned by them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from theory_checks.catalog import TheoryChecks

if TYPE_CHECKING:
    from theory_checks.fedmm_step import CertifiedStep, certified, certified_step
    from theory_checks.phase import PhaseDiagram, crossover, phase_diagram
    from theory_checks.tuned import Tuned, tune

__all__ = [
    "CATALOG",
    "CertifiedStep",
    "PhaseDiagram",
    "TheoryChecks",
    "Tuned",
    "certified",
    "certified_step",
    "crossover",
    "phase_diagram",
    "tune",
]

CATALOG = (TheoryChecks,)

_HOMES = {
    "CertifiedStep": "theory_checks.fedmm_step",
    "PhaseDiagram": "theory_checks.phase",
    "Tuned": "theory_checks.tuned",
    "certified": "theory_checks.fedmm_step",
    "certified_step": "theory_checks.fedmm_step",
    "crossover": "theory_checks.phase",
    "phase_diagram": "theory_checks.phase",
    "tune": "theory_checks.tuned",
}


def __getattr__(name: str) -> Any:
    """Names whose modules are imported on first use: the command line reads the catalog and must stay quick."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
