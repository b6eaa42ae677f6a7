"""Profiles of Hypothesis, the heavy tier, and where the real data sets are.

``pytest -m slow`` runs every property test with the thorough profile, and the tests marked slow.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings

settings.register_profile(
    "ci", max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", max_examples=500, deadline=None, database=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_configure(config: pytest.Config) -> None:
    """The heavy tier draws many examples, and other ones each time."""
    if config.option.markexpr == "slow" and "HYPOTHESIS_PROFILE" not in os.environ:
        settings.load_profile("thorough")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In the heavy tier property tests count as slow."""
    if config.option.markexpr == "slow":
        for item in items:
            if isinstance(item, pytest.Function) and is_hypothesis_test(item.function):
                item.add_marker("slow")


@pytest.fixture
def fedmm_data() -> Callable[[str], Path]:
    """``fedmm_data("libsvm/a9a.xz")``: that file under FEDMM_DATA; the test is skipped, with a reason, without it."""

    def find(name: str) -> Path:
        root = os.environ.get("FEDMM_DATA")
        if not root:
            pytest.skip("FEDMM_DATA is not set: set it to the folder of the real data sets")
        path = Path(root) / name
        if not path.exists():
            pytest.skip(f"there is no {name} under FEDMM_DATA")
        return path

    return find
