"""The theory as programs: claims that engines measure, exact worst cases, certificates, and steps tuned by them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from theory_checks.catalog import TheoryChecks

if TYPE_CHECKING:
    from theory_checks.fedmm_step import CertifiedStep, certified, certified_step
    from theory_checks.pep.certificate import Certificate, rebuild
    from theory_checks.pep.certify import certify
    from theory_checks.pep.certify_rate import certify_rate
    from theory_checks.phase import PhaseDiagram, crossover, phase_diagram
    from theory_checks.tuned import Tuned, tune
    from theory_checks.worst_federation import WorstCase, load_worst_case, worst_case

__all__ = [
    "CATALOG",
    "Certificate",
    "CertifiedStep",
    "PhaseDiagram",
    "TheoryChecks",
    "Tuned",
    "WorstCase",
    "certified",
    "certified_step",
    "certify",
    "certify_rate",
    "crossover",
    "load_worst_case",
    "phase_diagram",
    "rebuild",
    "tune",
    "worst_case",
]

CATALOG = (TheoryChecks,)

_HOMES = {
    "Certificate": "theory_checks.pep.certificate",
    "CertifiedStep": "theory_checks.fedmm_step",
    "PhaseDiagram": "theory_checks.phase",
    "Tuned": "theory_checks.tuned",
    "WorstCase": "theory_checks.worst_federation",
    "certified": "theory_checks.fedmm_step",
    "certified_step": "theory_checks.fedmm_step",
    "certify": "theory_checks.pep.certify",
    "certify_rate": "theory_checks.pep.certify_rate",
    "crossover": "theory_checks.phase",
    "load_worst_case": "theory_checks.worst_federation",
    "phase_diagram": "theory_checks.phase",
    "rebuild": "theory_checks.pep.certificate",
    "tune": "theory_checks.tuned",
    "worst_case": "theory_checks.worst_federation",
}


def __getattr__(name: str) -> Any:
    """Names whose modules are imported on first use: the command line reads the catalog and must stay quick."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
