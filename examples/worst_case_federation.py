r"""A worst-case federation you can run
====================================

**The question.** A theorem says that a round of FedAvg with K local steps cannot end further from the optimum than so much.
Experiments on random clients never come near it. Is the theorem loose, or are random clients kind? Build the federation on
which FedAvg does exactly as badly as any federation makes it, and run it.

**The mathematics.** Clients are L-smooth and mu-strongly convex, :math:`\|x_0-x^*\|\le R` and
:math:`\frac1N\sum_i\|\nabla f_i(x^*)\|^2\le\zeta^2`. The worst :math:`\|x_1-x^*\|^2` after one round is the value of a small
semidefinite program, whose solution is a Gram matrix of points and gradients. Its factors are vectors: for two clients, points in
the plane. Through the points, gradients and values of each client goes a function of the class,

.. math::
    f_i(x)=\tfrac\mu2\|x\|^2+\min_{\lambda\in\Delta}\ \tfrac{L-\mu}2\Big\|x-\sum_k\lambda_kz_k\Big\|^2+\sum_k\lambda_kh_k,

which is piecewise quadratic, like Huber's. So the worst case is a `Problem` and a `Federation`, and ``solve(..., FedAvg(...))``
runs it as it runs data.

**The proof.** That nothing is worse is proved in fractions: multipliers of the class's inequalities, whose combination is a
positive semidefinite matrix. The certificate is a file, and checking it takes Python and nothing else:

    python -m theory_checks.check_certificate FILE

**What to see.** In the table, FedAvg on the exported federation reaches the exact worst case to 1e-8, and the proved bound is
1e-8 above. One local step is easily as bad as it can be, but from two on a thousand random federations stay 6 to 15 % below: it
is they that are kind. In the picture the two clients walk apart, mirror images of each other. The second table runs the worst
federation of each K with other numbers of local steps: no federation is the worst for two of them.

    python examples/worst_case_federation.py --out worst_case.png
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fedmm import FedAvg, solve
from problems import Quadratic
from theory_checks import WorstCase, certify, worst_case
from theory_checks.check_certificate import main as check
from theory_checks.pep.programs.local_gd import local_gd
from theory_checks.quadratic_clients import scattered

L, MU, GAMMA, R, ZETA = Fraction(1), Fraction(1, 10), Fraction(1, 2), Fraction(1), Fraction(1)
N = 2


class Row(NamedTuple):
    """The squared distance to the optimum after one round of K local steps."""

    K: int
    random: float
    replayed: float
    exact: float
    proved: Fraction


def setting(K: int) -> dict[str, Any]:
    """What the method's text is run with, in fractions: the solver reads floats, the proof does not."""
    return {"K": K, "gamma": GAMMA, "R": R, "zeta": ZETA}


def worst(K: int) -> WorstCase:
    """The worst federation for K local steps."""
    return worst_case(local_gd, setting(K), L=L, mu=MU, N=N)


def worst_of_random(K: int, count: int) -> float:
    """The worst of `count` random federations of quadratics in the class, from random starts."""
    found = []
    for seed in range(count):
        federation = scattered(float(L), float(MU), N, float(ZETA), seed)
        start = np.random.default_rng(seed).standard_normal(3)
        start *= float(R) / np.linalg.norm(start)
        method = FedAvg(local_steps=K, step=float(GAMMA))
        theta = solve(Quadratic(), federation, method, start, rounds=1, metrics=(), progress=False).theta
        found.append(float(theta @ theta))
    return max(found)


def row(K: int, count: int, folder: Path) -> Row:
    """One row of the table; the certificate and the federation are written to `folder`."""
    case, certificate = worst(K), certify(local_gd, setting(K), L=L, mu=MU, N=N)
    case.save(folder / f"worst_case_{K}.json")
    if check([str(certificate.save(folder / f"certificate_{K}.json"))]):
        raise SystemExit(1)
    replayed, _ = case.replay(FedAvg(local_steps=K, step=float(GAMMA)))
    return Row(K, worst_of_random(K, count), replayed, case.value, certificate.bound)


def crossed(Ks: Sequence[int]) -> np.ndarray:
    """The squared distance on the worst federation for the row's K, run with the column's K."""
    cases = [worst(K) for K in Ks]
    return np.array([[case.replay(FedAvg(local_steps=K, step=float(GAMMA)))[0] for K in Ks] for case in cases])


def paths(case: WorstCase, K: int) -> np.ndarray:
    """The clients' local points, shape (N, K + 1, d)."""
    found = []
    for data in case.federation:
        points = [case.theta0]
        for _ in range(K):
            points.append(points[-1] - float(GAMMA) * case.problem.gradient(data, points[-1]))  # type: ignore[attr-defined]
        found.append(points)
    return np.array(found)


def draw(Ks: Sequence[int], path: Path) -> None:
    """The two clients' walks in the plane, for several K."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.4 * len(Ks), 3.4), layout="constrained")
    for ax, K in zip(np.atleast_1d(figure.subplots(1, len(Ks))), Ks, strict=True):
        case = worst(K)
        for i, points in enumerate(paths(case, K)):
            ax.plot(*points[:, :2].T, ".-", label=f"client {i + 1}")
        ends = paths(case, K).mean(axis=0)
        ax.plot(*ends[-1, :2], "s", color="0.2", label="their mean")
        ax.plot(0.0, 0.0, "*", color="0.2", markersize=11, label="optimum")
        ax.set_aspect("equal", adjustable="datalim")
        ax.set_title(f"K = {K}: {float(ends[-1] @ ends[-1]):.4f}", loc="left", fontsize=11)
    figure.axes[0].legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)


def main(argv: Sequence[str] | None = None) -> tuple[list[Row], np.ndarray]:
    """Export, prove, replay, compare, draw."""
    parser = argparse.ArgumentParser(description="The federation on which FedAvg does as badly as any makes it.")
    parser.add_argument("--count", type=int, default=1000, help="random federations to compare with (default 1000)")
    parser.add_argument("--folder", type=Path, default=Path("worst_cases"), help="where certificates and federations go")
    parser.add_argument("--out", type=Path, default=Path("worst_case.png"), help="where the picture goes")
    parser.add_argument("--quick", action="store_true", help="50 random federations, K up to 3")
    args = parser.parse_args(argv)
    if args.count < 1:
        parser.error("expected --count >= 1")
    Ks, count = ((1, 2, 3), 50) if args.quick else ((1, 2, 3, 4, 5), args.count)
    rows = [row(K, count, args.folder) for K in Ks]
    print(f"\n|x_1 - x*|^2 after one round, L = {L}, mu = {MU}, gamma = {GAMMA}, R = {R}, zeta = {ZETA}\n")
    print(
        f"{'K':>2}  {f'worst of {count} random':>21}  {'FedAvg on the worst':>20}  {'exact worst case':>17}  {'proved bound':>13}"
    )
    for one in rows:
        print(f"{one.K:2}  {one.random:21.4f}  {one.replayed:20.8f}  {one.exact:17.8f}  {float(one.proved):13.8f}")
    table = crossed(Ks)
    print("\nthe worst federation for K (rows), run with other numbers of local steps (columns)\n")
    print("    " + "".join(f"{K:9}" for K in Ks))
    for K, values in zip(Ks, table, strict=True):
        print(f"{K:4}" + "".join(f"{value:9.4f}" for value in values))
    draw([K for K in Ks if K > 1], args.out)
    print(f"\nthe picture is {args.out}, the files are in {args.folder}")
    return rows, table


if __name__ == "__main__":
    main()
