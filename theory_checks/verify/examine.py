"""One claim: its extreme settings first, then drawn ones, shrunk to the smallest counter-example."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, Verbosity, given, settings, target
from hypothesis.errors import HypothesisException

from theory_checks.claim import Claim, Setting
from theory_checks.verdict import Trial, Verdict, plain
from theory_checks.verify.judge import judge, observations, refutation
from theory_checks.verify.trial import measure

__all__ = ["EXAMPLES", "THOROUGH", "examine"]

EXAMPLES = 15
"""Settings drawn for every claim, beside its extremes."""

THOROUGH = 500
"""The same in the thorough profile."""


UNHURRIED = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large, HealthCheck.large_base_example)
"""What Hypothesis is not to complain of: a setting may take a while."""


class _Refuted(AssertionError):
    """A drawn setting refutes the claim: Hypothesis looks for a smaller one."""


class _Examination:
    """The trials of one claim so far; a setting is measured once."""

    def __init__(self, claim: Claim, stop: Callable[[], bool], tick: Callable[[int], object]) -> None:
        self.claim, self.stop, self.tick = claim, stop, tick
        self.trials: dict[str, Trial] = {}
        self.smallest: str | None = None

    def tried(self, setting: Setting) -> bool:
        """Whether the claim survives this setting.

        Raises
        ------
        KeyboardInterrupt
            If asked to stop; what was measured meanwhile is dropped, because an engine's run may have been cut short.
        """
        key = json.dumps(plain(setting), sort_keys=True)
        if key not in self.trials:
            found = measure(self.claim, setting)
            if self.stop():
                raise KeyboardInterrupt
            self.trials[key] = found
            self.tick(1)
        bad = refutation(self.claim, self.trials[key]) is not None
        self.smallest = key if bad else self.smallest
        return not bad

    def draw(self, examples: int) -> str:
        """Try drawn settings; the reason if Hypothesis could not go on, else nothing."""

        @settings(
            max_examples=examples,
            phases=(Phase.generate, Phase.target, Phase.shrink),
            derandomize=True,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            print_blob=False,
            verbosity=Verbosity.quiet,
            suppress_health_check=UNHURRIED,
        )
        @given(self.claim.setting)
        def holds(setting: Setting) -> None:
            if not self.tried(setting):
                raise _Refuted
            key = json.dumps(plain(setting), sort_keys=True)
            ratios = [seen.ratio for seen in observations(self.claim, self.trials[key]) if 0 < seen.ratio < float("inf")]
            if ratios:
                target(-min(ratios), label="nearness to the bound")

        try:
            holds()
        except _Refuted:
            pass
        except HypothesisException as error:
            return f"Its settings could not be drawn: {' '.join(str(error).split())}"
        return ""

    def ordered(self) -> list[Trial]:
        """In the order of trying, the smallest counter-example last."""
        keys = [key for key in self.trials if key != self.smallest]
        return [self.trials[key] for key in (*keys, *([self.smallest] if self.smallest is not None else []))]


def examine(
    claim: Claim,
    examples: int = EXAMPLES,
    *,
    stop: Callable[[], bool] | None = None,
    tick: Callable[[int], object] | None = None,
) -> Verdict:
    """Measure a claim on its extremes and on `examples` drawn settings.

    Parameters
    ----------
    claim : Claim
        What is claimed.
    examples : int
        Settings drawn beside the extremes. The seed is fixed; Hypothesis also draws constants of the modules that are loaded,
        so that the draws repeat as long as the code does.
    stop : callable or None
        Asked after every setting; true ends the examination with what there is.
    tick : callable or None
        Called with 1 after every setting that was measured.
    """
    began = time.perf_counter()
    work = _Examination(claim, stop or _never, tick or _quiet)
    interrupted, trouble = False, ""
    try:
        for setting in claim.extremes:
            work.tried(setting)
        if examples > 0:
            trouble = work.draw(examples)
    except KeyboardInterrupt:
        interrupted = True
    took = time.perf_counter() - began
    return judge(claim, work.ordered(), seconds=took, interrupted=interrupted, trouble=trouble)


def _never() -> bool:
    return False


def _quiet(count: int) -> None:
    return None
