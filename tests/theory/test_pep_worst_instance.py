"""The worst case of two local steps, its Gram matrices and its limits, against values computed independently."""

from __future__ import annotations

import numpy as np
import pytest

from theory_checks.pep import SymPEP
from theory_checks.pep.programs.fedprox import fedprox
from theory_checks.pep.programs.local_gd import local_gd


def test_two_local_steps_have_a_worst_case_of_rank_one() -> None:
    """gamma = 1/2, mu = 0.1, L = R = zeta = 1: one eigenvalue each, 1.01176 and 2.61341; so two clients in a plane attain it."""
    pep = SymPEP(L=1.0, mu=0.1, N=2)
    result = pep.maximize(local_gd(pep, K=2, gamma=0.5, R=1.0, zeta=1.0))
    of_M, of_D = np.linalg.eigvalsh(result.M), np.linalg.eigvalsh(result.D[0])
    assert of_M[-1] == pytest.approx(1.01176, abs=5e-6)
    assert of_D[-1] == pytest.approx(2.61341, abs=5e-6)
    assert np.abs(of_M[:-1]).max() < 1e-6
    assert np.abs(of_D[:-1]).max() < 1e-6


@pytest.mark.parametrize(("gamma", "factor"), [(1.0, 1 / 1.1), (5.0, 1 / 1.5), (0.2, 1 / 1.02)])
def test_fedprox_contracts(gamma: float, factor: float) -> None:
    """1/(1 + gamma mu) where all clients share their minimiser."""
    pep = SymPEP(L=1.0, mu=0.1, N=2, shared_optimum=True)
    assert pep.maximize(fedprox(pep, gamma=gamma, R=1.0)).dual_value ** 0.5 == pytest.approx(factor, abs=1e-6)


@pytest.mark.parametrize(("gamma", "bias"), [(1.0, 0.204545), (5.0, 1.25), (0.2, 0.014706)])
def test_fedprox_leaves_the_optimum(gamma: float, bias: float) -> None:
    """(gamma/2)(1/(1 + gamma mu) - 1/(1 + gamma L)) zeta, from x* itself."""
    pep = SymPEP(L=1.0, mu=0.1, N=2)
    assert pep.maximize(fedprox(pep, gamma=gamma, R=0, zeta=1.0)).dual_value ** 0.5 == pytest.approx(bias, abs=2e-6)
