r"""The laws of a problem's facts: the constants must hold at random points, and what is unknown must say why.

| fact | what is checked |
|---|---|
| smoothness, strong_convexity, hessian_lipschitz | their inequalities between random points |
| v_min, v_max | v_min |h|^2 <= -<grad (W o T)(s), h> <= v_max |h|^2 (statement P2) |
| composite_smoothness | second differences of W o T |
| field_lipschitz | |h_i(s) - h_i(s')| <= L_i |s - s'| |
| oracle_variance | the exact variance of one sample's statistic |
| optimum, lower_bound | W at random points and after a few steps of MM |
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fedmm.arrays import Array, map_leaves
from fedmm.federation import Samples
from fedmm.symmetric import unpack
from fedmm.testing.cases import NO_SURROGATE, Case, assert_below, slope
from fedmm.types import Facts, HasGradient, HasHessian, HasSurrogate

__all__ = ["LAWS"]


def explains(case: Case) -> str | None:
    """Every fact that is None has a note saying why; per-client facts have one entry a client."""
    facts = case.facts
    silent = [name for name in Facts.__dataclass_fields__ if getattr(facts, name) is None and name not in facts.notes]
    assert not silent, (
        f"facts leaves {', '.join(silent)} at None without a word; say why in Facts(notes={{{silent[0]!r}: 'unknown: ...'}})"
    )
    for name in ("field_lipschitz", "oracle_variance"):
        found = getattr(facts, name)
        assert found is None or len(found) == len(case.clients), f"expected one {name} a client, got {found}"


def smooth(case: Case) -> str | None:
    """The gradients are Lipschitz, f is strongly convex, the Hessians are Lipschitz, with the declared constants."""
    problem, facts = case.problem, case.facts
    constants = ("smoothness", "strong_convexity", "hessian_lipschitz")
    if all(getattr(facts, name) is None for name in constants):
        return "smoothness, strong_convexity and hessian_lipschitz are unknown"
    if HasGradient not in case.oracles and HasHessian not in case.oracles:
        return "the problem offers no gradient to check them with"
    for scale in (0.1, 1.0, 10.0):
        a, b = case.points(2, scale)
        gap = _norm(a - b)
        if HasGradient in case.oracles:
            moves = [problem.gradient(data, a) - problem.gradient(data, b) for data in case.clients]
            for move in moves:
                if facts.smoothness is not None:
                    assert_below("|grad f_i(a) - grad f_i(b)|", _norm(move), facts.smoothness * gap, 1e-9)
            if facts.strong_convexity is not None:
                total = sum(w * move for w, move in zip(case.federation.weights, moves, strict=True))
                assert_below("mu |a - b|^2", facts.strong_convexity * gap**2, float(total @ (a - b)), 1e-9)
        if HasHessian in case.oracles and facts.hessian_lipschitz is not None:
            for data in case.clients:
                move = np.linalg.norm(unpack(problem.hessian(data, a) - problem.hessian(data, b)), 2)
                assert_below("|hess f_i(a) - hess f_i(b)|", float(move), facts.hessian_lipschitz * gap, 1e-9)


def bounded(case: Case) -> str | None:
    """W is nowhere below its declared optimum or lower bound: at random points, and after 50 steps of MM."""
    names = [name for name in ("optimum", "lower_bound") if getattr(case.facts, name) is not None]
    if not names:
        return "neither the optimum nor a lower bound is known"
    thetas = [case.points(1, scale)[0] for scale in (0.01, 0.1, 1.0, 10.0)]
    if HasSurrogate in case.oracles:
        theta, weights = thetas[0], case.federation.weights
        for _ in range(50):
            parts = [w * case.problem.statistic(data, theta)[0] for w, data in zip(weights, case.clients, strict=True)]
            theta = case.problem.minimize(np.sum(parts, axis=0))
        thetas.append(theta)
    lowest = min(case.objective(theta) for theta in thetas)
    for name in names:
        assert_below(name, getattr(case.facts, name), lowest)


def curved(case: Case) -> str | None:
    """B(s) lies between v_min and v_max along h, and W o T is L_W-smooth."""
    if HasSurrogate not in case.oracles:
        return NO_SURROGATE
    if all(getattr(case.facts, name) is None for name in ("v_min", "v_max", "composite_smoothness")):
        return "v_min, v_max and composite_smoothness are unknown"
    problem, facts = case.problem, case.facts

    def WT(s: Array) -> float:
        return case.objective(problem.minimize(s))

    for s in _statistics(case, 4):
        parts = [w * _field(problem, data, s) for w, data in zip(case.federation.weights, case.clients, strict=True)]
        h = np.sum(parts, axis=0)
        if facts.v_min is not None or facts.v_max is not None:
            fall, size = -slope(WT, s, h / _norm(h)) * _norm(h), float(h @ h)
            if facts.v_min is not None:
                assert_below("v_min |h|^2 against -<grad (W o T), h>", facts.v_min * size, fall, 1e-6)
            if facts.v_max is not None:
                assert_below("-<grad (W o T), h> against v_max |h|^2", fall, facts.v_max * size, 1e-6)
        if facts.composite_smoothness is not None:
            v = case.rng.standard_normal(s.shape)
            bend = abs(WT(s + v) - 2.0 * WT(s) + WT(s - v))
            assert_below("second difference of W o T", bend, facts.composite_smoothness * float(v @ v))


def fields(case: Case) -> str | None:
    """The fields h_i are L_i-Lipschitz."""
    if HasSurrogate not in case.oracles:
        return NO_SURROGATE
    if case.facts.field_lipschitz is None:
        return "field_lipschitz is unknown"
    for L, data in zip(case.facts.field_lipschitz, case.clients, strict=True):
        s, t = _statistics(case, 2)
        move = _norm(_field(case.problem, data, s) - _field(case.problem, data, t))
        assert_below("|h_i(s) - h_i(t)|", move, L * _norm(s - t), 1e-9)


def noisy(case: Case) -> str | None:
    r"""The variance of one sample's statistic, over all samples of a client, is at most :math:`\sigma_i^2`."""
    data = case.clients[0]
    if HasSurrogate not in case.oracles:
        return NO_SURROGATE
    if case.facts.oracle_variance is None or not isinstance(data, Samples):
        return "oracle_variance is unknown" if case.facts.oracle_variance is None else "the data are not Samples"
    at = case.points(1)[0]
    each = [case.problem.statistic(map_leaves(lambda x, j=j: x[j : j + 1], data), at)[0] for j in range(data.X.shape[0])]
    errors = np.stack(each) - np.mean(each, axis=0)
    variance = float((errors**2).sum(axis=1).mean())
    assert_below("the variance of one sample's statistic", variance, case.facts.oracle_variance[0], 1e-9)


def _norm(x: Array) -> float:
    return float(np.linalg.norm(x))


def _field(problem: Any, data: Any, s: Array) -> Array:
    """h_i(s) = S_i(T(s)) - s."""
    return problem.statistic(data, problem.minimize(s))[0] - s


def _statistics(case: Case, count: int) -> list[Array]:
    """Statistics of client 0 at random points."""
    return [case.problem.statistic(case.clients[0], at)[0] for at in case.points(count)]


LAWS: dict[str, Callable[[Case], str | None]] = {
    "explains": explains,
    "smooth": smooth,
    "bounded": bounded,
    "curved": curved,
    "fields": fields,
    "noisy": noisy,
}
"""The laws of facts by name."""
