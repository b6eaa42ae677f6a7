r"""What `fedmm explain` adds about worst cases: published, exact or certified, and lower bound, side by side.

| method | lines |
|---|---|
| FedMM | the textbook's rate, the certified one at the tuned step, and what no step certificate can beat |
| FedSGD | the exact factor of :math:`\|\theta-\theta^*\|^2` per round at its step, and at the best step |
| FedAvg | A and B of :math:`\|\theta^+-\theta^*\|\le A\|\theta-\theta^*\|+B\zeta`, each exact |

over all federations of as many clients with the same L and mu, where zeta^2 is the mean of :math:`\|\nabla f_i(\theta^*)\|^2`.
"""

from __future__ import annotations

from typing import Any

from fedmm.algorithms import FedAvg, FedMM, FedSGD
from fedmm.composition import Composition
from fedmm.errors import CompositionError, FedmmError
from fedmm.schedules import Constant
from theory_checks.client_class import ClientClass, client_class
from theory_checks.fedmm_step import certified_step
from theory_checks.pep.exact_local_gd import exact_drift
from theory_checks.tuned import MOST_STEPS, fedavg_round

__all__ = ["rows"]


def rows(composition: Composition) -> list[tuple[str, str]]:
    """The lines; one with the reason where there is no worst case, none for methods that the engine does not know."""
    algorithm = composition.algorithm
    try:
        if isinstance(algorithm, FedMM):
            return _fedmm(composition)
        if isinstance(algorithm, (FedSGD, FedAvg)):
            return _gradient(composition, algorithm)
    except FedmmError as error:
        return [("worst case", f"unknown: {error}")]
    return []


def _fedmm(composition: Composition) -> list[tuple[str, str]]:
    found = certified_step(composition)
    through = f", omega = {found.omega:.4g}, p = {found.p:.4g}"
    fewer = f"{found.fewer_rounds:.1f} times fewer rounds"
    lines = [
        ("worst case", _class(ClientClass(found.L, found.mu, found.N)) + through + "; factors a round:"),
        ("", f"textbook step {found.textbook_gamma:.4g}: {found.textbook_rate:.6f}"),
        (
            "",
            f"certified step {found.gamma:.4g}, a = {found.a:.4g}: {found.rate:.6f}, {fewer}",
        ),
    ]
    if found.lower_bound is not None:
        lines += [("", f"lower bound at that step: {found.lower_bound:.6f}, by a quadratic federation of the class")]
    return [*lines, ("", "theory_checks.certified returns FedMM with that step; numerically exact, not proved")]


def _gradient(composition: Composition, algorithm: FedSGD | FedAvg) -> list[tuple[str, str]]:
    settled: Any = algorithm.settle(composition)
    K = _local_steps(composition, settled)
    found = client_class(composition)
    gamma = settled.step.value
    exact = fedavg_round(gamma, 1.0, L=found.L, mu=found.mu, N=found.N, K=K, zeta=0.0)
    short, change = gamma * found.L <= 1 + 1e-9, "shrink" if exact < 1 else "may grow"  # what is published asks for gamma <= 1/L
    if isinstance(settled, FedSGD):
        best = 2.0 / (found.L + found.mu)
        least = ((found.L - found.mu) / (found.L + found.mu)) ** 2
        published = f"published {1.0 - gamma * found.mu:.6f}" if short else f"published for steps up to 1/L = {1 / found.L:.4g}"
        return [
            ("worst case", f"{_class(found)}:"),
            ("", f"f - f* and |theta - theta*|^2 {change} by {exact:.6f} a round, exactly; {published}"),
            ("", f"the best step 2/(L + mu) = {best:.4g} has {least:.6f}"),
        ]
    drift = exact_drift(L=found.L, mu=found.mu, N=found.N, K=K, gamma=gamma, zeta=1.0)
    usual = f"{gamma**2 * found.L * K * (K - 1) / 2:.4g} zeta" if short else f"for steps up to 1/L = {1 / found.L:.4g}"
    return [
        ("worst case", f"{_class(found)}, each term exact:"),
        ("", f"|theta+ - theta*| <= {exact**0.5:.6f} |theta - theta*| + {drift:.4g} zeta"),
        ("", f"the usual estimate of the drift, gamma^2 L K(K-1)/2 zeta, is {usual}"),
    ]


def _local_steps(composition: Composition, settled: Any) -> int:
    """K, once the rest of the composition is what the program says."""
    if not isinstance(settled.step, Constant):
        raise CompositionError(f"a constant step is needed, got {settled.step}.")
    if not composition.sampling.everyone or any(facts.omega != 0 for facts in composition.compressed.values()):
        raise CompositionError("it is written for full participation and exact uploads; theory_checks.tune knows FedAvg with p.")
    if isinstance(settled, FedSGD):
        plain, K = settled.batch is None, 1
    else:
        plain, K = settled.batch is None and settled.local_epochs is None and settled.server_step == 1.0, settled.local_steps
    if not plain:
        raise CompositionError("it is written for full local gradients and plain averaging.")
    if K > MOST_STEPS:
        raise CompositionError(f"it is solved for at most {MOST_STEPS} local steps, got {K}.")
    return K


def _class(found: ClientClass) -> str:
    clients = "client" if found.N == 1 else "clients"
    return f"over all federations of {found.N} {clients} with L = {found.L:.4g} and mu = {found.mu:.4g} each"
