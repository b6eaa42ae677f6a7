r"""The rate of exponential lifetimes of which some are only known to exceed the time at which they were last seen.

With t_ij the time seen and y_ij = 1 if the event happened then, 0 if it was still to come (right-censored), and a rate theta > 0,

    f_i(theta) = (1/n_i) sum_j { t_ij theta - y_ij log theta }

is the negative log-likelihood. EM puts for a censored lifetime its expectation at tau, t_ij + 1/tau:

    psi(theta) = -log theta,   phi(theta) = -theta,   S_i(tau) = (1/n_i) sum_j { t_ij + (1 - y_ij) / tau },   T(s) = 1/s

with S = [floor, inf). T is not affine, so averaging rates is not averaging statistics: FedMM tends to the pooled maximum
likelihood, events per time at risk, with weights

    theta* = sum_i w_i ybar_i / sum_i w_i tbar_i,

while the fixed points of the naive baseline solve 1 = sum_i w_i / (theta tbar_i + 1 - ybar_i); where nothing is censored, that
is theta = sum_i w_i / tbar_i, the mean of the clients' rates.

| argument | symbol |
|---|---|
| theta | theta, one number, (1,) |
| data | t_ij in `Samples.X` (n, 1), y_ij in `Samples.y` |
| stat | s, a mean lifetime, (1,) |

Source: the exponential case in A. P. Dempster, N. M. Laird, D. B. Rubin, "Maximum likelihood from incomplete data via the EM
algorithm", JRSS B 39, 1977; derived here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import Any, ClassVar

import numpy as np

from fedmm.arguments import check_fields
from fedmm.arrays import Array, as_like, is_sparse, namespace, to_numpy
from fedmm.errors import DataError, SpecError
from fedmm.federation import Federation, Samples
from fedmm.problem import Problem
from fedmm.types import Batch, Facts
from problems.batches import take
from problems.checks import check_liftable, check_supervised

__all__ = ["CensoredExponential"]


@dataclass(frozen=True)
class CensoredExponential(Problem):
    r""":math:`f_i(\theta)=\frac1{n_i}\sum_j\{t_{ij}\theta-y_{ij}\log\theta\}`, :math:`\theta>0`.

    Data are `Samples` with positive times X (n, 1), dense, and y = 1 for an event, 0 for a censored lifetime.

    Parameters
    ----------
    floor : float
        Least mean lifetime in S, > 0: what `project` lifts statistics to. No time in the data may be below it.

    Raises
    ------
    SpecError
        If floor is not positive and finite.
    """

    floor: float = 1e-9

    name: ClassVar[str] = "censored-exponential"
    demo: ClassVar[Mapping[str, Any]] = {
        "data": "synthetic-survival",
        "clients": 10,
        "method": "fedmm",
        "rounds": 100,
        "participation": "bernoulli:0.5",
        "set": {"method.start": "lift", "method.step": 0.3},
    }

    def __post_init__(self) -> None:
        check_fields(self)
        if not 0 < self.floor < float("inf"):
            raise SpecError(f"Expected censored-exponential.floor > 0 and finite, got {self.floor}.")

    @property
    def penalized(self) -> str:
        """The domain of the rate."""
        return "rate > 0"

    def settle(self, federation: Federation, oracles: tuple[type, ...]) -> CensoredExponential:
        """This problem itself, once the data have been looked at.

        Raises
        ------
        DataError
            If some client's data are not `Samples` with times at least `floor`, (n, 1), dense, and y of zeros and ones; if
            no client of positive weight saw an event, so that the likelihood has no maximum.
        """
        check_supervised(self.name, federation)
        for i, (X, y) in federation.looked_at():
            if is_sparse(X) or X.shape[-1] != 1:
                what = "a sparse X" if is_sparse(X) else f"{X.shape[-1]} columns"
                raise DataError(f"{self.name} expects one dense column of times for client {i}, got {what}; select it.")
            xp = namespace(X)
            least = float(xp.min(X))
            if least < self.floor:
                raise DataError(
                    f"{self.name} expects times >= floor = {self.floor:g}, got {least:g} for client {i}; drop it, or lower floor."
                )
            if not bool(xp.all(y * (1.0 - y) == 0)):
                found = ", ".join(f"{label:g}" for label in np.unique(to_numpy(y))[:5])
                raise DataError(f"{self.name} expects y = 1 (event) or 0 (censored), got {found} for client {i}; map them.")
        if self._pooled(federation)[0] == 0:
            raise DataError(f"{self.name} expects at least one event, got only censored lifetimes; observe longer.")
        return self

    def start(self, federation: Federation) -> Array:
        """1, or 1/floor if that is less, shape (1,)."""
        return as_like(np.array([min(1.0, 1.0 / self.floor)]), federation[0].X)

    def value(self, data: Samples, theta: Array) -> Array:
        r""":math:`f_i(\theta)`, shape (...); +inf for a rate that is not positive."""
        xp = namespace(theta)
        rate = theta[..., 0]
        y: Array = data.y
        total = xp.mean(data.X[..., 0], axis=-1) * rate - xp.mean(y, axis=-1) * xp.log(_safe(rate))
        return xp.where(rate > 0, total, xp.full_like(total, xp.inf))

    def penalty(self, theta: Array) -> Array:
        """0, and +inf for a rate that is not positive; shape (...)."""
        xp, rate = namespace(theta), theta[..., 0]
        return xp.where(rate > 0, xp.zeros_like(rate), xp.full_like(rate, xp.inf))

    def restrict(self, theta: Array) -> Array:
        """The rate, or 1e-9 if that is larger; shape (..., 1)."""
        xp = namespace(theta)
        return xp.maximum(theta, xp.full_like(theta, 1e-9))

    def statistic(self, data: Samples, theta: Array, batch: Batch | None = None, warm: Any = None) -> tuple[Array, None]:
        r""":math:`\frac1{n_i}\sum_j\{t_{ij}+(1-y_{ij})/\tau\}`, shape (..., 1), and None."""
        X, y = take(data, batch)
        xp = namespace(theta)
        return xp.mean(X, axis=-2) + (1.0 - xp.mean(y, axis=-1))[..., None] / theta, None  # type: ignore[arg-type]

    def minimize(self, stat: Array, start: Array | None = None) -> Array:
        """T(s) = 1/s, shape (..., 1), for `stat` in S."""
        return 1.0 / stat

    def lift(self, theta: Array) -> Array:
        """1/theta, shape (..., 1).

        Raises
        ------
        ValueError
            If theta is not one finite number between 0 and 1/floor.
        """
        check_liftable(theta)
        xp = namespace(theta)
        if theta.shape[-1] != 1 or not bool(xp.all((theta > 0) & (theta * self.floor <= 1.0))):
            raise ValueError(
                f"Expected theta of shape (..., 1), a rate in (0, {1.0 / self.floor:g}]; no statistic maps to others."
            )
        return 1.0 / theta

    def project(self, stat: Array) -> Array:
        """max(s, floor), shape (..., 1)."""
        xp = namespace(stat)
        return xp.maximum(stat, xp.full_like(stat, self.floor))

    def majorizer(self, data: Samples, theta: Array, at: Array) -> Array:
        r""":math:`f_i(\tau)-\log(\theta/\tau)+\bar S_i(\tau)(\theta-\tau)`, shape (...)."""
        xp = namespace(theta)
        s, rate = self.statistic(data, at)[0][..., 0], theta[..., 0]
        rise = s * (rate - at[..., 0]) - xp.log(_safe(rate) / at[..., 0])
        return self.value(data, at) + xp.where(rate > 0, rise, xp.full_like(rise, xp.inf))

    def facts(self, federation: Federation) -> Facts:
        r"""The optimum, :math:`\bar y(1-\log\theta_*)`, and :math:`L_i=\bar y_i`: :math:`h_i(s)=\bar t_i-\bar y_is`."""
        events, time = self._pooled(federation)
        best = events * (1.0 - log(events / time))
        return Facts(
            v_max=self.floor**-2,
            field_lipschitz=tuple(float(np.mean(to_numpy(data.y), dtype=float)) for data in federation),
            unconstrained=False,
            optimum=best,
            lower_bound=best,
            notes={
                "v_max": "exact: B(s) = 1/s^2 on s >= floor",
                "v_min": "none: B(s) = 1/s^2 goes to 0 as s grows",
                "composite_smoothness": "not given: W(T(s)) = ybar log s + tbar/s is smooth on S only by the floor",
                "field_lipschitz": "exact: the share of events",
                "oracle_variance": "none: a censored lifetime's statistic t + 1/tau is unbounded",
                "unconstrained": "exact: S = [floor, inf)",
                "optimum": "exact: theta = events per time at risk",
                "lower_bound": "exact: the optimum",
                "smoothness": "none: f'' = ybar/theta^2 is unbounded",
                "strong_convexity": "none: f'' = ybar/theta^2 goes to 0",
                "hessian_lipschitz": "none: the third derivative is unbounded",
            },
        )

    def _pooled(self, federation: Federation) -> tuple[float, float]:
        """sum_i w_i ybar_i and sum_i w_i tbar_i."""
        pairs = list(zip(federation.weights, federation, strict=True))
        events, times = (sum(w * float(np.mean(to_numpy(d[k]), dtype=float)) for w, d in pairs) for k in (1, 0))
        return events, times


def _safe(rate: Array) -> Array:
    """The rate, and 1 where it is not positive."""
    xp = namespace(rate)
    return xp.where(rate > 0, rate, xp.ones_like(rate))
