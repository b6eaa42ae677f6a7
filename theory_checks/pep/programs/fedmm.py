r"""FedMM with quadratic surrogates: compression, partial participation, control variates, and a regulariser.

    x = T(s)                                            # T(s) = prox_{rho g}(s), or s without a regulariser
    Delta_i = S_i(x) - s - V_i                          # S_i(x) = x - rho grad f_i(x)
    q_i = C(Delta_i)                                    # variance factor omega, independent clients
    s+ = s + gamma (mean(V_i) + mean(m_i q_i))          # m_i = 1{i in A}/p_i: Bernoulli(p), or S of N
    V_i+ = V_i + a m_i q_i

| argument | symbol |
|---|---|
| gamma, rho | :math:`\gamma`, :math:`\rho`; without a regulariser only the step :math:`\gamma\rho` of x matters |
| a | :math:`a=\alpha'`, the effective memory step: :math:`\alpha p` for equal p |
| omega | :math:`\omega`, of the compressor C |
| p, S | participation: a probability, or a number of clients drawn without replacement (one of them; S prevails) |
| regularizer | whether there is a convex g; the world must have been declared with it |
| c | of :math:`M=c\,\omega'/(Na)` with :math:`\omega'=(1+\omega)/p-1` (p = S/N for a subset) |
| Psi | :math:`\Psi=\|s-s^*\|^2+M\gamma^2\frac1N\sum_i\|V_i-V_i^*\|^2` |

At the fixed point x* = 0, :math:`s^*=-\rho\,\bar g^*` and :math:`V_i^*=-\rho(g_i^*-\bar g^*)`. Without a regulariser and with
Bernoulli participation this is DIANA with :math:`\gamma\rho`, omega' and a, where :math:`h_i=-V_i/\rho`.

Source: A. Dieuleveut, G. Fort, M. Hegazy, H.-T. Wai, *Federated Majorize-Minimization: Beyond Parameter Aggregation*,
arXiv 2507.17534; the text is the library's own `fedmm.algorithms.fedmm`, with equal weights.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from theory_checks.pep.programs import Step
from theory_checks.pep.verbs import mean, norm2, products

__all__ = ["FedMM", "fedmm", "fedmm_factor", "fedmm_psi", "fedmm_step"]


class FedMM(NamedTuple):
    """The server's statistic and the memories, as errors: s - s* and V_i - V_i*."""

    s: Any
    V: Any


def fedmm(
    world: Any, *, gamma: Any, a: Any, omega: Any, p: Any = 1, S: int | None = None, rho: Any = 1, regularizer: bool = False
) -> tuple[FedMM, FedMM]:
    """One round: (before, after)."""
    s, V = world.point("s"), world.clients("V")
    mask = world.participation(p=p) if S is None else world.participation(S=S)
    x = world.prox_regularizer(s, rho) if regularizer else s
    q = mask(world.compress(x - rho * world.grad(x) - s - V, omega))
    g = world.gstar
    s_star, V_star = -rho * mean(g), -rho * (g - mean(g))
    return FedMM(s - s_star, V - V_star), FedMM(s + gamma * mean(V + q) - s_star, V + a * q - V_star)


def fedmm_psi(
    world: Any, *, gamma: Any, a: Any, omega: Any, c: Any, p: Any = 1, S: int | None = None, **more: Any
) -> tuple[Any, Any]:
    """Psi before a round, and its expectation after it."""
    omega_p = (1 + omega) / p - 1 if S is None else (1 + omega) * world.N / S - 1
    M = c * omega_p / (world.N * a)
    states = fedmm(world, gamma=gamma, a=a, omega=omega, p=p, S=S, **more)
    before, after = (norm2(state.s) + M * gamma * gamma * norm2(state.V) for state in states)
    return before, after


def fedmm_factor(world: Any, **parameters: Any) -> Any:
    """E Psi+ from Psi <= 1; parameters as for `fedmm_psi`."""
    before, after = fedmm_psi(world, **parameters)
    world.assume(before <= 1)
    return after


def fedmm_step(world: Any, **parameters: Any) -> Step:
    """One round for a searched Lyapunov function: s - s*, mean(V - V*), deviations of V - V*; target |s - s*|^2."""
    states = fedmm(world, **parameters)
    now, after = (products([one.s, mean(one.V)], [one.V]) for one in states)
    return Step(now, after, norm2(states[0].s))
