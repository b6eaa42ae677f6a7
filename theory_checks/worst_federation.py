r"""Worst cases to run: the federation that attains an exact worst-case value, as a problem and data of the library.

    case = worst_case(local_gd, {"K": 2, "gamma": 0.5, "R": 1.0, "zeta": 1.0}, L=1.0, mu=0.1, N=2)
    result = solve(case.problem, case.federation, FedAvg(local_steps=2, step=0.5), case.theta0, rounds=1)
    norm2(result.theta)        # case.value, to 1e-8

The minimiser is the origin, and f(0) = 0. A regression instance: no other federation of the class makes the method do worse.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from fedmm.algorithm import Algorithm
from fedmm.errors import DataError, SpecError
from fedmm.federation import Federation
from fedmm.problem import Problem
from fedmm.solve import solve
from problems import Quadratic
from problems.quadratic import Quad
from theory_checks.interpolated import Interpolated, Triplets
from theory_checks.pep.checks import check_program, check_scalar
from theory_checks.pep.export import KEPT, realize
from theory_checks.pep.problem import SymPEP
from theory_checks.pep.solve import LADDER, maximize

__all__ = ["WorstCase", "biased", "load_worst_case", "worst_case"]

TIGHT = (("dual", 1e-12), ("dual", 1e-11), ("primal", 1e-11), ("dual", 1e-10), ("primal", 1e-10), ("dual", 1e-9), *LADDER)
"""A worst case to be run is solved as accurately as the solver can."""

FORMAT = "fedmm worst case 1"


@dataclass(frozen=True, eq=False)
class WorstCase:
    """A federation that attains a worst-case value.

    Parameters
    ----------
    problem : Problem
        Its oracles.
    federation : Federation
        Its data: `Triplets` per client.
    theta0 : array (d,)
        Where the method starts.
    value : float
        The exact worst case of what the program measures.
    says : str
        The program and its numbers.
    """

    problem: Problem
    federation: Federation
    theta0: np.ndarray
    value: float
    says: str = ""

    def replay(self, method: Algorithm, rounds: int = 1) -> tuple[float, float]:
        """Run a method of the library: (squared distance to the minimiser, gap of f) after the last round."""
        result = solve(self.problem, self.federation, method, self.theta0, rounds=rounds, progress=False)
        theta = np.asarray(result.theta)
        return float(theta @ theta), result.objective

    def save(self, path: str | Path) -> Path:
        """Write a JSON file; `load_worst_case` reads it, to the last bit.

        Raises
        ------
        DataError
            If it cannot be written.
        """
        path = Path(path).expanduser()
        clients = [{name: np.asarray(part).tolist() for name, part in data._asdict().items()} for data in self.federation]
        data = {"format": FORMAT, "says": self.says, "value": self.value, "theta0": self.theta0.tolist(), "clients": clients}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(data) + "\n", encoding="utf-8")
        except OSError as error:
            raise DataError(f"Cannot write the worst case {path}: {error.strerror}; choose another place.") from error
        return path


def worst_case(
    program: Callable[..., Any], parameters: Mapping[str, Any], *, start: str = "x0", kept: float = KEPT, **world: Any
) -> WorstCase:
    """The federation on which a program does as badly as any federation lets it.

    Parameters
    ----------
    program, parameters, **world
        As in `theory_checks.pep.certify.certify`, with floats or fractions.
    start : str
        The symbol the method starts from; where there is none, it starts at the minimiser.
    kept : float
        Eigenvalues of the Gram matrices below this times the largest are dropped.

    Raises
    ------
    SpecError
        For a step of a Lyapunov function, a regulariser, clients that are not convex, or `kept` outside (0, 1).
    WorstCaseError
        If there is no worst case.
    """
    if isinstance(kept, bool) or not isinstance(kept, Real) or not 0 < kept < 1:
        raise SpecError(f"Expected kept between 0 and 1, got {kept!r}.")
    check_program(program, parameters, world)
    pep = SymPEP(**world)
    measured = program(pep, **parameters)
    check_scalar(measured)
    result = maximize(pep, measured, ladder=TIGHT)
    found = realize(pep, result, kept)
    names = [pep.names[number] for number in pep.means]
    theta0 = found.mean[:, names.index(start)] if start in names else np.zeros(len(found.mean))
    theta0 = np.concatenate([theta0, np.zeros(found.dimension - len(theta0))])
    federation = Federation([found.triplets(i) for i in range(pep.N)])
    numbers = ", ".join(f"{name} = {value}" for name, value in {**world, **parameters}.items())
    return WorstCase(Interpolated(), federation, theta0, result.value, f"{program.__name__} with {numbers}")


def load_worst_case(path: str | Path) -> WorstCase:
    """Read what `WorstCase.save` wrote.

    Raises
    ------
    DataError
        If the file cannot be read, or is not a worst case.
    """
    path = Path(path).expanduser()
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise ValueError(f"its format is {data['format']!r}, not {FORMAT!r}")
        clients = [Triplets(**{name: np.asarray(c[name], dtype=float) for name in Triplets._fields}) for c in data["clients"]]
        theta0, value, says = np.asarray(data["theta0"], dtype=float), float(data["value"]), str(data["says"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        said = f"it has no {error}" if isinstance(error, KeyError) else error
        raise DataError(f"Cannot read a worst case from {path}: {said}.") from error
    problem, federation = Interpolated(), Federation(clients)
    problem.settle(federation, ())
    if theta0.shape != (clients[0].x.shape[1],):
        raise DataError(f"Cannot read a worst case from {path}: theta0 has shape {theta0.shape}, the points are of other width.")
    return WorstCase(problem, federation, theta0, value, says)


def biased(mu: float, L: float, zeta: float) -> WorstCase:
    r"""Two scalar quadratics on which local steps leave the minimiser.

    They are :math:`\frac\mu2x^2+\zeta x` and :math:`\frac L2x^2-\zeta x`, and theta0 = 0 is the minimiser. K local steps
    gamma <= 1/L move the mean by :math:`\frac\zeta2\big|\frac{1-(1-\gamma\mu)^K}\mu-\frac{1-(1-\gamma L)^K}L\big|`, as much
    as on any federation with :math:`\frac1N\sum_i\|\nabla f_i(x^*)\|^2\le\zeta^2`. `value` is 0: it depends on the method.

    Raises
    ------
    SpecError
        Unless 0 <= mu < L and zeta >= 0.
    """
    if not 0 <= mu < L or not zeta >= 0:
        raise SpecError(f"Expected 0 <= mu < L and zeta >= 0, got mu = {mu}, L = {L}, zeta = {zeta}.")
    clients = [Quad(np.array([[mu]]), np.array([-zeta])), Quad(np.array([[L]]), np.array([zeta]))]
    federation = Federation(clients)
    return WorstCase(Quadratic(), federation, np.zeros(1), 0.0, f"two scalar quadratics, mu = {mu}, L = {L}, zeta = {zeta}")
