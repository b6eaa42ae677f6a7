r"""Your theorem in twenty lines
============================

**The question.** You have proved a bound about a federated method. Is it true? Could its constant be better, and by how much?
One program text, written as in the paper, answers both: the exact worst case over *all* federations of smooth convex clients is
a small semidefinite program, whose size does not depend on the number of clients.

**The mathematics.** Clients that start at the solution and take K local gradient steps drift apart, and their mean drifts
away from it. The usual bound, for L-smooth :math:`f_i`, :math:`\zeta^2=\frac1N\sum_i\|\nabla f_i(x^*)\|^2` and
:math:`\gamma\le1/L`, is

.. math:: \|\bar y^K-x^*\|\le\tfrac12\gamma^2L\zeta K(K-1).

**What to write.** The program below takes a `world`: it asks it for points and gradients, states what it assumes, and returns
what is measured. Around it stand the promise, the grid of parameters, and a *mutant*: a stronger promise that must turn out
false, which shows that the check can fail. Then

    fedmm verify --mine examples/your_theorem.py

says that the theorem holds, and that the promised square is 4 times larger than the worst one wherever the step is small: the
constant 1/2 can be 1/4. Try it: put 4 where the 2 is, and it holds still. Put 8, and the claim is refuted, with the parameters
where it fails and a file that reruns them.

| argument | symbol |
|---|---|
| gamma, K, zeta | :math:`\gamma, K, \zeta`; L = 1 |
| mu, N | strong convexity, clients |

Source of the bound: folklore; see S. P. Karimireddy et al., *SCAFFOLD*, ICML 2020, for drift.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from theory_checks.pep import mean, norm2
from theory_checks.theorem import theorem
from theory_checks.verdict import Verdict
from theory_checks.verify import verify
from theory_checks.verify.table import details, table


def promise(gamma: float, K: int, zeta: float) -> float:
    return (gamma**2 * zeta * K * (K - 1) / 2) ** 2


def too_strong(gamma: float, K: int, zeta: float) -> float:
    return (gamma**2 * zeta * K * (K - 1) / 8) ** 2


@theorem(
    reference="folklore",
    promised=promise,
    mutant=("1/2 -> 1/8", too_strong),
    setting={"gamma": [0.1, 0.2, 0.5, 1.0], "K": [2, 3, 4, 6], "zeta": [1.0, 10.0], "mu": [0.0, 0.1, 0.5], "N": [2, 10, 1000]},
    tags=("drift",),
)
def drift_of_local_steps(world: Any, gamma: float, K: int, zeta: float) -> Any:
    """|mean y^K - x*|^2 <= (gamma^2 L zeta K(K-1)/2)^2 for K local steps from x*, gamma <= 1/L."""
    world.assume(norm2(world.gstar) <= zeta**2)
    y = world.origin
    for _ in range(K):
        y = y - gamma * world.grad(y)
    return norm2(mean(y))


CLAIMS = (drift_of_local_steps,)


def main(argv: Sequence[str] | None = None) -> list[Verdict]:
    parser = argparse.ArgumentParser(description="Verify a theorem of one's own.")
    parser.add_argument("--quick", action="store_true", help="the corners of the grid only")
    options = parser.parse_args(argv)
    verdicts = verify(CLAIMS, 0 if options.quick else None)
    print(table(verdicts))
    print(details(verdicts, {}))
    return verdicts


if __name__ == "__main__":
    main()
