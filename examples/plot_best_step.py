r"""The best step for local gradient descent
========================================

**The question.** K local steps save communication if clients are alike, and drift apart if they are not. Which step gamma is
best for K of them, and from which heterogeneity on does one step beat many?

**The mathematics.** Clients are L-smooth and mu-strongly convex, and differ at the optimum by
:math:`\frac1N\sum_i\|\nabla f_i(x^*)\|^2\le\zeta^2`. For every gamma the worst :math:`\|x_1-x^*\|^2` after one round from
:math:`\|x_0-x^*\|\le R`, over all federations of any size, is the value of a small semidefinite program
(`theory_checks.pep`): no constant is lost. `theory_checks.tune` minimises it over gamma, `theory_checks.phase_diagram` does so
for every zeta and K.

**What to see.** On the left, every curve has a sharp best step: left of it the round is slow, right of it drift wins. On the
right, what tuned steps achieve: for small zeta more local steps are much better, and lines cross; at zeta = R L one step is the
best. The dashed line is one step, whose worst case does not depend on zeta.

    python examples/plot_best_step.py --out best_step.png
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from theory_checks import PhaseDiagram, phase_diagram, tune
from theory_checks.tuned import fedavg_round

L, MU, R = 1.0, 0.1, 1.0


def curves(zeta: float, Ks: Sequence[int], steps: np.ndarray) -> np.ndarray:
    """The worst squared distance after one round, shape (len(Ks), len(steps))."""
    return np.array([[fedavg_round(float(g), R**2, L=L, mu=MU, N=2, K=K, zeta=zeta) for g in steps] for K in Ks])


def draw(zeta: float, Ks: Sequence[int], diagram: PhaseDiagram, points: int, path: Path, show: bool = False) -> None:
    """Left: the worst case against the step. Right: the tuned worst case against zeta."""
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure

    figure = plt.figure(figsize=(11, 4.2), layout="constrained") if show else Figure(figsize=(11, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = np.linspace(0.02, 1.95, points)
    styles = {K: {"color": f"C{k - 1}"} if K > 1 else {"color": "0.3", "linestyle": "--"} for k, K in enumerate(Ks)}
    for K, values in zip(Ks, curves(zeta, Ks, steps), strict=True):
        left.plot(steps, values, label=f"K = {K}", **styles[K])
        best = tune("fedavg", L=L, mu=MU, K=K, zeta=zeta, R=R)
        left.plot(best.gamma, best.value, "o", color=styles[K]["color"])
    left.set_ylim(0.0, 1.5)
    left.set_xlabel("step gamma")
    left.set_ylabel(r"worst $\|x_1-x^*\|^2$, $R=1$")
    left.set_title(f"zeta = {zeta:g}: dots are the best steps", loc="left", fontsize=11)
    left.legend()
    for k, K in enumerate(diagram.Ks):
        right.plot(diagram.zetas, diagram.values[:, k], label=f"K = {K}", **styles[K])
    right.set_xlabel("heterogeneity zeta")
    right.set_title("tuned steps: when local steps help", loc="left", fontsize=11)
    right.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)
    if show:
        plt.show()


def main(argv: Sequence[str] | None = None) -> PhaseDiagram:
    """Tune, print the table, draw."""
    parser = argparse.ArgumentParser(description="The best step for local gradient descent, in the worst case.")
    parser.add_argument("--zeta", type=float, default=0.1, help="heterogeneity of the left picture (default 0.1)")
    parser.add_argument("--out", type=Path, default=Path("best_step.png"), help="where the picture goes")
    parser.add_argument("--quick", action="store_true", help="fewer points")
    parser.add_argument("--show", action="store_true", help="open a window")
    args = parser.parse_args(argv)
    if not 0 <= args.zeta <= 10:
        parser.error("expected --zeta from 0 to 10")
    Ks = (1, 2, 4) if args.quick else (1, 2, 4, 8)
    zetas = (0.0, 0.1, 1.0) if args.quick else (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
    diagram = phase_diagram(L=L, mu=MU, zetas=zetas, Ks=Ks, R=R)
    draw(args.zeta, Ks, diagram, 15 if args.quick else 60, args.out, args.show)
    print("the worst |x_1 - x*|^2 after one round from |x_0 - x*| <= 1 with the best step (in parentheses), L = 1, mu = 0.1:\n")
    print(diagram)
    print(f"\nthe picture is {args.out}")
    return diagram


if __name__ == "__main__":
    main()
