"""Measuring leaves no trace: what is printed meanwhile goes to standard error, and Hypothesis keeps its files elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from tempfile import TemporaryDirectory

from hypothesis.configuration import set_hypothesis_home_dir

__all__ = ["aside"]


@contextmanager
def aside() -> Iterator[None]:
    """Standard output is for the answer alone, whatever a user's file or an engine prints; no folder is left behind."""
    with TemporaryDirectory(prefix="fedmm-") as folder, redirect_stdout(sys.stderr):
        set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            set_hypothesis_home_dir(None)
