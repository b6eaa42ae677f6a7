"""Local steps: drift, averaged iterates, many rounds, FedProx, FedLin."""

from __future__ import annotations

from functools import partial

import numpy as np

from theory_checks.ledger.table import NUMERIC, Table, number, rounds
from theory_checks.pep import SymPEP
from theory_checks.pep.chain import chain
from theory_checks.pep.programs.fedlin import fedlin
from theory_checks.pep.programs.fedprox import fedprox
from theory_checks.pep.programs.local_gd import averaged_iterate, local_gd, sampled_round

__all__ = ["tables"]

DRIFT = ((0.1, 0.5, 2), (0.1, 0.5, 3), (0.1, 1.0, 3), (0.1, 1.0, 5), (0.01, 0.3, 8), (0.3, 0.7, 6), (0.1, 0.5, 12))
AVERAGED = (
    (2, 1, 0.1, 1.0),
    (2, 3, 0.1, 1.0),
    (4, 2, 0.05, 1.0),
    (4, 2, 0.05, 0.0),
    (5, 3, 0.05, 1.0),
    (4, 3, 0.5**4.5, 0.5),
    (8, 1, 1 / 64, 1.0),
)


def tables() -> list[Table]:
    """The sections."""
    return [_drift(), _averaged(), _sampled(), _fedprox(), _fedlin()]


def _drift() -> Table:
    rows = []
    for mu, gamma, K in DRIFT:
        world = SymPEP(L=1.0, mu=mu, N=2)
        exact = world.maximize(local_gd(world, K=K, gamma=gamma, R=0, zeta=1.0)).dual_value ** 0.5
        powers = np.arange(K)
        closed = 0.5 * gamma * float(np.sum((1 - gamma * mu) ** powers - (1 - gamma) ** powers))
        usual = 0.5 * gamma**2 * K * (K - 1)
        rows.append([f"{mu:g}", f"{gamma:g}", str(K), number(usual), number(closed), number(exact), f"x {usual / exact:.3g}"])
    words = (
        "How far one round of K local steps moves x*, L = zeta = 1, any N: the usual estimate gamma^2 L zeta "
        "K(K-1)/2, the closed form "
        "(zeta/2)[(1-(1-gamma mu)^K)/mu - (1-(1-gamma L)^K)/L], and the exact worst case. The closed form is "
        "attained by two scalar "
        f"quadratics; that it is an upper bound for K > 2 is {NUMERIC.lower()}"
    )
    return Table("Local GD: drift", words, ("mu", "gamma", "K", "usual", "closed form", "exact", "usual / exact"), rows)


def _averaged() -> Table:
    rows = []
    for K, T, gamma, zeta in AVERAGED:
        world = SymPEP(L=1.0, mu=0.0, N=2, shared_optimum=zeta == 0)
        exact = world.maximize(averaged_iterate(world, K=K, gamma=gamma, R=1.0, zeta=zeta, rounds=T)).dual_value
        first = 2 / (gamma * K * T) + 24 * gamma**2 * zeta**2 * K**2
        second = 4 / (gamma * K * T) + 16 * gamma**2 * (K - 1) ** 2 * zeta**2
        setting = f"K = {K}, T = {T}, gamma = {gamma:g}, zeta = {zeta:g}"
        rows.append([setting, number(first), number(second), number(exact), f"x {first / exact:.3g}", f"x {second / exact:.3g}"])
    words = (
        "f(averaged iterate) - f*, convex clients, L = R = 1, any N, against two published bounds (Khaled, "
        "Mishchenko and Richtarik 2019 "
        "and 2020; their constants are to be confirmed; of the second one the deterministic part)."
    )
    return Table("Local GD: averaged iterate", words, ("setting", "2019", "2020", "exact", "2019 / exact", "2020 / exact"), rows)


def _sampled() -> Table:
    def one(R2: float) -> float:
        world = SymPEP(L=1.0, mu=0.1, N=10**6)
        return world.maximize(sampled_round(world, K=5, gamma=0.1, R=R2**0.5, zeta=1.0, S=10)).dual_value

    bounds = chain(one, 1.0, 50)
    rows = [[str(t), number(bounds[t])] for t in (1, 5, 20, 50)]
    words = (
        "FedAvg on a million clients, ten of them a round, K = 5, gamma = 0.1, L = R = zeta = 1, mu = 0.1: an upper bound on "
        f"E|x_T - x*|^2 by a chain of exact one-round worst cases. {NUMERIC}"
    )
    return Table("FedAvg with partial participation over many rounds", words, ("T", "E|x_T - x*|^2 at most"), rows)


def _fedprox() -> Table:
    def one(R2: float, gamma: float, a: float) -> float:
        world = SymPEP(L=1.0, mu=0.1, N=2)
        return world.maximize(fedprox(world, gamma=gamma, a=a, R=R2**0.5, zeta=0.1)).dual_value

    def local(R2: float, gamma: float, K: int) -> float:
        world = SymPEP(L=1.0, mu=0.1, N=2)
        return world.maximize(local_gd(world, K=K, gamma=gamma, R=R2**0.5, zeta=0.1)).dual_value

    choices = {
        "FedProx, gamma = 2.8": partial(one, gamma=2.8, a=1.0),
        "FedProx extrapolated, gamma = 0.53, a = 5": partial(one, gamma=0.53, a=5.0),
        "FedSGD, gamma = 2/(L + mu)": partial(local, gamma=2 / 1.1, K=1),
    }
    rows = [[name, number(chain(phi, 1.0, 10)[-1], 3)] for name, phi in choices.items()]
    words = f"|x_10 - x*|^2 after ten rounds, L = R = 1, mu = zeta = 0.1: an upper bound by a chain of exact rounds. {NUMERIC}"
    return Table("FedProx and extrapolation", words, ("method", "|x_10 - x*|^2 at most"), rows)


def _fedlin() -> Table:
    rows = []
    for tau in (1, 2, 4):
        values = []
        for c in (1 / 6, 0.5, 1.0, 1.5):
            world = SymPEP(L=1.0, mu=0.1, N=2)
            values.append(world.maximize(fedlin(world, eta=c / tau, tau=tau)).dual_value)
        published = 1 - 0.1 / 6
        rows.append(
            [
                str(tau),
                number(published),
                *(number(v) for v in values),
                rounds(values[0], published),
                rounds(values[-1], published),
            ]
        )
    words = (
        "The factor of f - f* per round with eta = c/(L tau), L = 1, mu = 0.1, any N. The theorem (Mitra et al. "
        "2021) has c = 1/6; steps "
        f"nine times longer are still certified, with how many times fewer rounds than promised. {NUMERIC}"
    )
    heads = ("tau", "published", "c = 1/6", "c = 1/2", "c = 1", "c = 3/2", "at c = 1/6", "at c = 3/2")
    return Table("FedLin: steps beyond the theorem's", words, heads, rows)
