"""Control variates: ProxSkip, DIANA, SCAFFOLD."""

from __future__ import annotations

from theory_checks.ledger.table import NUMERIC, Table, number, rounds
from theory_checks.pep import SymPEP, WorstCaseError
from theory_checks.pep.programs.diana import diana_factor, diana_step
from theory_checks.pep.programs.proxskip import proxskip_factor, proxskip_step
from theory_checks.pep.programs.scaffold import scaffold_step
from theory_checks.pep.radius import proxskip_lower
from theory_checks.tuned import tune

__all__ = ["tables"]

PROXSKIP = ((1.0, 0.1), (1.0, 0.2), (1.0, 0.3), (1.0, 0.5), (0.5, 0.2))
DIANA = ((2, 1.0, 0.1), (10, 3.0, 0.1), (10, 9.0, 0.01), (100, 9.0, 0.01))


def tables() -> list[Table]:
    """The sections."""
    return [_proxskip(), _proxskip_tuned(), _diana(), _scaffold(), _scaffold_sampled()]


def _proxskip() -> Table:
    rows = []
    for gamma, p in PROXSKIP:
        world = SymPEP(L=1.0, mu=0.1, N=2)
        one = world.maximize(proxskip_factor(world, gamma=gamma, p=p)).dual_value
        world = SymPEP(L=1.0, mu=0.1, N=2)
        searched = world.lyapunov(*proxskip_step(world, gamma=gamma, p=p)).rate
        published = 1 - min(gamma * 0.1, p * p)
        lower = proxskip_lower(gamma, p)
        cells = (published, one, searched, lower)
        rows.append(
            [f"{gamma:g}", f"{p:g}", *(number(v) for v in cells), f"{1 - 2 * p**2 + p**3:.5g}", rounds(searched, published)]
        )
    words = (
        "Factors per iteration, L = 1, mu = 0.1, any N: the theorem (Mishchenko et al. 2022), the exact one-step "
        "factor of its own "
        "Lyapunov function, the best quadratic Lyapunov function, and the exact rate on quadratics, which no "
        "certificate can beat. For "
        f"gamma L = 1 and p = 0.1, 0.2 quadratics give 1 - 2p^2 + p^3; at larger p another curvature binds. {NUMERIC}"
    )
    heads = ("gamma", "p", "published", "one step", "searched", "quadratics", "1-2p^2+p^3", "fewer iterations")
    return Table("ProxSkip", words, heads, rows)


def _proxskip_tuned() -> Table:
    rows = []
    for p in (0.1, 0.2, 0.3, 0.5):
        best = tune("proxskip", mu=0.1, p=p)
        published = 1 - min(0.1, p * p)
        lower = proxskip_lower(best.gamma, p)
        rows.append(
            [f"{p:g}", number(published), number(best.gamma, 3), number(best.value), number(lower), rounds(best.value, published)]
        )
    words = (
        "L = 1, mu = 0.1, any N: the theorem's factor per iteration at its longest step gamma = 1/L, the step "
        "with the best quadratic "
        "Lyapunov function, its factor, and the exact rate on quadratics at that step. Where communication is "
        "rare a step of a third of "
        f"1/L is better. {NUMERIC}"
    )
    heads = ("p", "published", "tuned gamma", "certified", "quadratics", "fewer iterations")
    return Table("ProxSkip: tuned steps", words, heads, rows)


def _diana() -> Table:
    rows = []
    for N, omega, mu in DIANA:
        gamma, alpha = 1 / (1 + 6 * omega / N), 1 / (1 + omega)
        world = SymPEP(L=1.0, mu=mu, N=N)
        one = world.maximize(diana_factor(world, gamma=gamma, alpha=alpha, omega=omega, c=4.0)).dual_value
        published = max(1 - gamma * mu, 1 - alpha / 2)
        searched = []
        for multiple in (1.0, 2.0):
            world = SymPEP(L=1.0, mu=mu, N=N)
            try:
                searched.append(world.lyapunov(*diana_step(world, gamma=multiple * gamma, alpha=alpha, omega=omega)).rate)
            except WorstCaseError:
                searched.append(float("nan"))
        rates = (published, one, *searched)
        fewer = (rounds(one, published), rounds(min(searched), published))
        rows.append([str(N), f"{omega:g}", f"{mu:g}", *(number(rate) for rate in rates), *fewer])
    words = (
        "Factors per round, L = 1, alpha = 1/(1+omega): the theorem (Horvath et al. 2019) at its step 1/(L(1+6 "
        "omega/N)), the exact "
        f"one-step factor of its Lyapunov function, the best quadratic one there and at twice the step. {NUMERIC}"
    )
    heads = ("N", "omega", "mu", "published", "one step", "searched", "at 2x the step", "fewer rounds", "at the best of both")
    return Table("DIANA", words, heads, rows)


def _scaffold() -> Table:
    rows = []
    for K in (1, 2, 4):
        values = []
        for total in (0.1, 0.5, 0.81, 1.0, 1.3):
            world = SymPEP(L=1.0, mu=0.1, N=2)
            values.append(world.lyapunov(*scaffold_step(world, gamma=total / K, K=K)).rate)
        rows.append([str(K), *(number(v) for v in values)])
    rows.append(["gradient descent", *(number((1 - 0.1 * total) ** 2) for total in (0.1, 0.5, 0.81, 1.0, 1.3))])
    words = (
        "The best certified factor per round with full participation, L = 1, mu = 0.1, any N, for K gamma = 0.1 "
        "to 1.3. The paper's theorem "
        "admits K gamma <= 1/81: steps about 80 times longer are certified. In the worst case K local steps "
        "equal one step of K gamma up "
        f"to the third digit. {NUMERIC}"
    )
    return Table("SCAFFOLD: steps beyond the theorem's", words, ("K", "0.1", "0.5", "0.81", "1", "1.3"), rows)


def _scaffold_sampled() -> Table:
    rows = []
    for S, total in ((10, 0.5), (10, 0.3), (1, 0.05)):
        world = SymPEP(L=1.0, mu=0.1, N=100)
        rate = world.lyapunov(*scaffold_step(world, gamma=total / 4, K=4, S=S)).rate
        rows.append([str(S), f"{total:g}", number(rate)])
    words = f"S of 100 clients a round, K = 4, L = 1, mu = 0.1: certified factors, upper bounds. {NUMERIC}"
    return Table("SCAFFOLD with partial participation", words, ("S", "K gamma", "factor at most"), rows)
