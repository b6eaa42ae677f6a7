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

__all__ = ["fedmm", "fedmm_psi"]


class State(NamedTuple):
    """The server's statistic and the memories, as errors: s - s* and V_i - V_i*."""

    s: Any
    V: Any


def fedmm(
    world: Any, *, gamma: Any, a: Any, omega: Any, p: Any = 1, S: int | None = None, rho: Any = 1, regularizer: bool = False
) -> Step:
    """The terms of a Lyapunov function: products of s - s* and mean(V - V*), and of deviations of V - V*; target [(s - s*)^2]."""
    before, after = _step(world, gamma, a, omega, p, S, rho, regularizer)
    now, then = (products([state.s, mean(state.V)], [state.V]) for state in (before, after))
    return Step(now, then, norm2(before.s))


def fedmm_psi(
    world: Any,
    *,
    gamma: Any,
    a: Any,
    omega: Any,
    c: Any,
    p: Any = 1,
    S: int | None = None,
    rho: Any = 1,
    regularizer: bool = False,
) -> Any:
    """E Psi+ from any state with Psi <= 1."""
    before, after = _step(world, gamma, a, omega, p, S, rho, regularizer)
    omega_p = (1 + omega) / p - 1 if S is None else (1 + omega) * world.N / S - 1
    M = c * omega_p / (world.N * a)

    def psi(state: State) -> Any:
        return norm2(state.s) + M * gamma * gamma * norm2(state.V)

    world.assume(psi(before) <= 1)
    return psi(after)


def _step(world: Any, gamma: Any, a: Any, omega: Any, p: Any, S: int | None, rho: Any, regularizer: bool) -> tuple[State, State]:
    """The state, and the random one after a round."""
    s, V = world.point("s"), world.clients("V")
    mask = world.participation(p=p) if S is None else world.participation(S=S)
    x = world.prox_regularizer(s, rho) if regularizer else s
    q = mask(world.compress(x - rho * world.grad(x) - s - V, omega))
    g = world.gstar
    s_star, V_star = -rho * mean(g), -rho * (g - mean(g))
    after = State(s + gamma * mean(V + q) - s_star, V + a * q - V_star)
    return State(s - s_star, V - V_star), after
