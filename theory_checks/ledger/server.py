"""FedMM with compression and participation, and the value of local steps."""

from __future__ import annotations

from theory_checks.ledger.table import NUMERIC, Table, number
from theory_checks.pep import SymPEP
from theory_checks.pep.programs.byzantine import byzantine_gd
from theory_checks.pep.rates import best_fedmm_step, best_psi_rate, searched_rate, textbook_rate, textbook_step
from theory_checks.phase import phase_diagram

__all__ = ["tables"]

FEDMM = ((2, 1.0, 0.5, 0.1), (10, 3.0, 0.5, 0.1), (10, 3.0, 0.1, 0.1), (100, 9.0, 0.1, 0.01), (10, 3.0, 0.1, 0.001))


def tables() -> list[Table]:
    """The sections."""
    return [_fedmm(), _variants(), _byzantine(), _local()]


def _fedmm() -> Table:
    from math import log

    rows = []
    for N, omega, p, mu in FEDMM:
        gamma, a = textbook_step(1.0, N, omega, p)
        promised = textbook_rate(1.0, mu, N, omega, p)
        one = best_psi_rate(1.0, mu, N, omega, p, gamma, a)
        there = searched_rate(1.0, mu, N, omega, p, gamma, a)
        best = best_fedmm_step(1.0, mu, N, omega, p)
        values = (number(v, 6) for v in (promised, one, there, best.rate, best.lower))
        step = f"{best.gamma:.3g}, {best.alpha:.3g}"
        rows.append([str(N), f"{omega:g}", f"{p:g}", f"{mu:g}", *values, step, f"x {log(best.rate) / log(promised):.3g}"])
    words = (
        "Factors per round of FedMM (without regulariser: DIANA with Bernoulli participation) on L-smooth, "
        "mu-strongly convex clients, L = 1: "
        "the textbook's with omega' = (1+omega)/p - 1, the exact one-step factor of its Lyapunov function at the "
        "best weight, the best "
        "quadratic one at the textbook's step, the certified one at the tuned (gamma, a), and the exact rate of "
        "clients of one curvature "
        f"there, which no certificate can beat. {NUMERIC}"
    )
    heads = ("N", "omega", "p", "mu", "textbook", "one step", "searched", "tuned", "lower bound", "gamma, a", "fewer rounds")
    return Table("FedMM with compression and participation", words, heads, rows)


def _variants() -> Table:
    rows = []
    for N, omega, p, mu in ((10, 3.0, 0.5, 0.1), (10, 1.0, 0.5, 0.1), (2, 1.0, 1.0, 0.1)):
        plain = best_fedmm_step(1.0, mu, N, omega, p)
        with_g = best_fedmm_step(1.0, mu, N, omega, p, regularizer=True)
        subset = best_fedmm_step(1.0, mu, N, omega, p, S=round(p * N))
        cells = [number(found.rate) for found in (plain, with_g, subset)]
        rows.append([str(N), f"{omega:g}", f"{p:g}", f"{mu:g}", *cells])
    words = (
        "The tuned certified factor without and with a convex regulariser (rho = 2/(L + mu)), and with a subset "
        "of pN clients in "
        f"place of Bernoulli(p), L = 1: the regulariser costs next to nothing, the subset helps a little. {NUMERIC}"
    )
    heads = ("N", "omega", "p", "mu", "Bernoulli", "with a regulariser", "subset")
    return Table("FedMM: regulariser and fixed-size participation", words, heads, rows)


def _byzantine() -> Table:
    rows = []
    for kappa in (0.0, 0.05, 0.25, 1.0):
        values = []
        for shared, R in ((True, 1), (False, 0), (False, 1)):
            world = SymPEP(L=1.0, mu=0.1, N=10, shared_optimum=shared)
            values.append(world.maximize(byzantine_gd(world, gamma=0.5, kappa=kappa, R=R, zeta=1)).dual_value)
        rows.append([f"{kappa:g}", *(number(round(value, 10)) for value in values)])
    words = (
        "One gradient step of 1/2 with a (f, kappa)-robust aggregator, L = 1, mu = 0.1: the exact worst |x+ - "
        "x*|^2 where all clients "
        "share their minimiser (R = 1), from x* itself (zeta = 1: gamma^2 kappa zeta^2), and from R = 1 with "
        "zeta = 1. Contraction is lost "
        f"for some kappa between 0.25 and 1. {NUMERIC}"
    )
    return Table("Byzantine clients, one step", words, ("kappa", "zeta = 0", "R = 0", "R = zeta = 1"), rows)


def _local() -> Table:
    diagram = phase_diagram(mu=0.1, zetas=(0.0, 0.01, 0.05, 0.2, 1.0), Ks=(1, 2, 4, 8))
    rows = [
        [f"{zeta:g}", *(f"{v:.4f} ({g:.2f})" for v, g in zip(values, steps, strict=True)), str(best)]
        for zeta, values, steps, best in zip(diagram.zetas, diagram.values, diagram.steps, diagram.best, strict=True)
    ]
    words = (
        "The exact worst |x_1 - x*|^2 after one round of K local steps at the best step (in parentheses), L = R "
        "= 1, mu = 0.1, any N: local "
        f"steps help where clients are alike. {NUMERIC}"
    )
    return Table("The value of local steps", words, ("zeta", "K = 1", "K = 2", "K = 4", "K = 8", "best K"), rows)
