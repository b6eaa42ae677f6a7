"""One setting, measured by every engine of a claim. Nothing that goes wrong inside an engine gets out."""

from __future__ import annotations

from math import isnan, nan

from fedmm.errors import FedmmError
from theory_checks.claim import CLASSES, Claim, Setting
from theory_checks.verdict import Trial

__all__ = ["measure"]


def measure(claim: Claim, setting: Setting) -> Trial:
    """What is promised and what every engine measures on one setting.

    An engine that raises, or an engine over the function class whose answer is not a number (a solver that stopped short),
    cannot say: its sentence is kept in `Trial.failed`. An instance engine's NaN is kept as it is: a run that ends in NaN does
    not meet its bound.
    """
    try:
        claim.check(setting)
        promised = float(claim.promised(**setting))
    except Exception as error:
        return Trial(setting, nan, failed={"promised": _sentence(error)})
    if isnan(promised):
        return Trial(setting, nan, failed={"promised": "What is promised is not a number."})
    measured: dict[str, float] = {}
    failed: dict[str, str] = {}
    for name, engine in claim.engines.items():
        try:
            value = float(engine(**setting))
        except Exception as error:
            failed[name] = _sentence(error)
            continue
        if isnan(value) and name in CLASSES:
            failed[name] = "It gave no number."
        else:
            measured[name] = value
    return Trial(setting, promised, measured, failed)


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, FedmmError) and text else f"{type(error).__name__}: {text}".rstrip(": .") + "."
