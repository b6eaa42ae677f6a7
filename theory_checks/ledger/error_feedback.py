"""Error feedback: EF21 and EF14."""

from __future__ import annotations

from theory_checks.ledger.table import NUMERIC, Table, number, rounds
from theory_checks.pep import SymPEP, WorstCaseError
from theory_checks.pep.programs.ef14 import ef14_step
from theory_checks.pep.programs.ef21 import ef21_factor, ef21_step, published

__all__ = ["tables"]


def tables() -> list[Table]:
    """The sections."""
    return [_ef21(), _ef14()]


def _ef21() -> Table:
    rows = []
    for delta, mu in ((0.1, 0.01), (0.5, 0.1), (0.9, 0.1), (0.3, 0.05)):
        gamma, c, promised = published(delta, mu)
        world = SymPEP(L=1.0, mu=mu, N=2)
        one = world.maximize(ef21_factor(world, gamma=gamma, delta=delta, c=c)).dual_value
        world = SymPEP(L=1.0, mu=mu, N=2)
        searched = world.lyapunov(*ef21_step(world, gamma=gamma, delta=delta)).rate
        cells = [f"{delta:g}", f"{mu:g}", *(number(v, 6) for v in (promised, one, searched))]
        rows.append([*cells, rounds(one, promised), rounds(searched, promised)])
    words = (
        "Factors per round, L = 1, any N, at the published step: the theorem (Richtarik et al. 2021, "
        "Polyak-Lojasiewicz), the exact "
        f"one-step factor of its Lyapunov function, and the best quadratic one. {NUMERIC}"
    )
    heads = ("delta", "mu", "published", "one step", "searched", "one step: fewer rounds", "searched: fewer rounds")
    return Table("EF21", words, heads, rows)


def _ef14() -> Table:
    rows = []
    for delta, gamma in ((0.5, 0.05), (0.5, 0.2), (0.9, 0.3), (0.9, 0.6)):
        values = []
        for program, shared in ((ef21_step, False), (ef14_step, True), (ef14_step, False)):
            world = SymPEP(L=1.0, mu=0.1, N=2, shared_optimum=shared)
            try:
                values.append(number(world.lyapunov(*program(world, gamma=gamma, delta=delta)).rate))
            except WorstCaseError:
                values.append("none")
        rows.append([f"{delta:g}", f"{gamma:g}", *values])
    words = (
        "The best certified factors per round, L = 1, mu = 0.1, any N. Where all clients share their minimiser "
        "the two have the same rate; "
        f"with heterogeneity EF14 has no linear certificate, EF21 has the same. {NUMERIC}"
    )
    heads = ("delta", "gamma", "EF21", "EF14, shared minimiser", "EF14")
    return Table("EF14 beside EF21", words, heads, rows)
