"""Every problem of the catalog can be swept: runs side by side give what separate runs give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from runpy import run_path
from typing import Any

import numpy as np
import pytest

from fedmm import FedMM, FedSGD, solve, solve_many
from fedmm.types import HasSurrogate

EXAMPLES: dict[str, Callable[[], Any]] = {}
for cases in sorted(Path(__file__).parent.glob("problem_cases*.py")):
    EXAMPLES |= run_path(str(cases))["EXAMPLES"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_sweep_gives_what_separate_runs_give(name: str) -> None:
    problem, federation, theta, _ = EXAMPLES[name]()
    surrogate = HasSurrogate in problem.oracles
    method, steps = (FedMM(batch=2), [0.2, 0.9]) if surrogate else (FedSGD(batch=2), [1e-3, 1e-2])
    over = {"step": steps, "seed": [0, 1]}
    many = solve_many(problem, federation, method, theta, over=over, rounds=3, metrics=())
    for found, (step, seed) in zip(many, product(*over.values()), strict=True):
        one = replace(method, step=step)
        own = solve(problem, federation, one, theta, rounds=3, seed=seed, metrics=(), progress=False)
        assert found.status == own.status
        for got, want in ((found.theta, own.theta), *([(found.server.s, own.server.s)] if surrogate else [])):
            allowed = (1e-10 + 3 * problem.accuracy) * (1.0 + np.abs(want).max())
            np.testing.assert_allclose(got, want, rtol=0, atol=allowed)
    first, other = (many[k].server.s if surrogate else many[k].theta for k in (0, 2))
    assert np.abs(first - other).max() > 1e-8  # steps matter: this is not one run twice
