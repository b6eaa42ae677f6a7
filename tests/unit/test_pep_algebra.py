"""Vectors and scalars of a worst-case problem: the algebra, exact coefficients, and what is refused."""

from __future__ import annotations

from fractions import Fraction
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmm.errors import SpecError
from theory_checks.pep import Scalar, SymPEP, Vector, dev, inner, mean, mix, norm2, products
from theory_checks.pep.algebra import grown

numbers = st.integers(-8, 8).map(float)


def same(s: Scalar, t: Scalar) -> bool:
    """Equal coefficients, exactly."""
    shapes = [tuple(max(pair) for pair in zip(a.shape, b.shape, strict=True)) for a, b in ((s.M, t.M), (s.D, t.D), (s.F, t.F))]
    left, right = ([grown(x, shape) for x, shape in zip((u.M, u.D, u.F), shapes, strict=True)] for u in (s, t))
    return s.const == t.const and all((x == y).all() for x, y in zip(left, right, strict=True))


def vectors(pep: SymPEP, coefficients: list[float]) -> Vector:
    """A combination of a point, a family and the gradients at the point."""
    x, v = pep.point(), pep.clients()
    a, b, c = coefficients
    return a * x + b * v + c * pep.grad(x)


@given(a=st.lists(numbers, min_size=3, max_size=3), b=st.lists(numbers, min_size=3, max_size=3), c=numbers)
def test_inner_products_are_bilinear_and_symmetric(a: list[float], b: list[float], c: float) -> None:
    """Integers, so that equality is exact."""
    pep = SymPEP(L=1.0, mu=0.0, N=5)
    u, w = vectors(pep, a), vectors(pep, b)
    assert same(inner(u, w), inner(w, u))
    assert same(inner(c * u + w, w), c * inner(u, w) + norm2(w))
    assert same(norm2(u - w), norm2(u) - 2 * inner(u, w) + norm2(w))
    assert same(inner(-u, w), -inner(u, w))


@given(a=st.lists(numbers, min_size=3, max_size=3), c=numbers.filter(bool))
def test_a_vector_is_its_mean_and_its_deviation(a: list[float], c: float) -> None:
    pep = SymPEP(L=1.0, mu=0.0, N=5)
    u = vectors(pep, a)
    assert same(norm2(u), norm2(mean(u)) + norm2(dev(u)))
    assert same(inner(mean(u), dev(u)), norm2(pep.origin))
    assert same(norm2(mean(dev(u))), norm2(pep.origin))
    assert same(norm2(mean(mean(u))), norm2(mean(u)))
    assert same(norm2(u * c), norm2(u) * c**2)
    assert same(norm2(u / 2), norm2(u) / 4)


def test_scalars_and_numbers_mix() -> None:
    pep = SymPEP()
    s = norm2(pep.point())
    found = [1 - s, s - 1, 2 + s, (s + 3) / 2, sum([s, s]), (s <= 2).left, (s >= 2).left]
    assert [one.const for one in found] == [1.0, -1.0, 2.0, 1.5, 0.0, -2.0, 2.0]
    assert [one.M[0, 0] for one in found] == [-1.0, 1.0, 1.0, 0.5, 2.0, 1.0, -1.0]


def test_products_and_mix() -> None:
    pep = SymPEP()
    x, v = pep.point(), pep.clients()
    terms = products(means=[x, mean(v)], devs=[v])
    assert len(terms) == 4
    assert all(same(a, b) for a, b in zip(terms, [norm2(x), inner(x, v), norm2(mean(v)), norm2(dev(v))], strict=True))
    assert same(mix(0.25, [norm2(x)], [norm2(v)])[0], 0.25 * norm2(x) + 0.75 * norm2(v))
    with pytest.raises(ValueError, match="zip"):
        mix(0.5, [norm2(x)], [])


def test_the_same_point_has_one_gradient_and_one_value() -> None:
    pep = SymPEP(L=1.0, mu=0.1, N=3)
    x = pep.point()
    g = pep.grad(x)
    assert pep.grad(0.5 * (x + x)) is g
    assert same(pep.gap(x), pep.gap(1.0 * x))
    assert pep.grad(pep.origin) is pep.gstar
    assert pep.gap(pep.origin).F.sum() == 0.0


def test_two_classes_weigh_by_their_clients() -> None:
    """[v.v] = (1/4) of class 0 + (3/4) of class 1; a class of one client has no deviation."""
    pep = SymPEP(L=(1.0, 2.0), mu=0.1, N=(1, 3))
    v = pep.clients("v")
    s = norm2(v)
    own = [pep.names[j] for j in pep.means]
    weights = {name: s.M[k, k] for k, name in enumerate(own)}
    assert weights["mean v[0]"] == 0.25
    assert weights["mean v[1]"] == 0.75
    assert not s.D[0].any()
    assert s.D[1].max() == 0.75
    assert np.abs(norm2(mean(pep.gstar)).M).max() <= 1e-16


def test_noise_has_the_stated_second_moments() -> None:
    """Compression and sampling: E|mean n|^2 and E[dev n.dev n], against outcomes enumerated by hand."""
    N, S, omega = 4, 2, 3.0
    pep = SymPEP(N=N)
    v = pep.clients()
    noise = pep.compress(v, omega) - v
    assert same(norm2(mean(noise)), norm2(v) * (omega / N))
    assert same(norm2(noise), norm2(v) * omega)
    sampled = pep.participation(S=S)(v)
    k = (N - S) / (S * (N - 1))
    assert norm2(mean(sampled)).D[0, 1, 1] == pytest.approx(k, rel=1e-15)
    assert norm2(mean(sampled)).M[0, 0] == 1.0
    assert norm2(sampled).M[0, 0] == pytest.approx(N / S, rel=1e-15)
    assert norm2(sampled).D[0, 1, 1] == pytest.approx(N / S, rel=1e-15)
    everybody = pep.participation(p=1.0)(v)
    assert same(norm2(everybody), norm2(v))


def test_two_draws_are_uncorrelated_and_one_draw_is_not() -> None:
    pep = SymPEP(N=4)
    v, w = pep.clients("v"), pep.clients("w")
    mask, other = pep.participation(p=0.5), pep.participation(p=0.5)
    assert same(inner(mask(v), other(w)), inner(v, w))
    assert same(inner(mask(v), mask(w)), 2.0 * inner(v, w))


def test_exact_problems_keep_fractions_and_refuse_floats() -> None:
    pep = SymPEP(L=1, mu=Fraction(1, 10), N=3, exact=True)
    x = pep.point()
    y = mean(x - Fraction(1, 3) * pep.grad(x))
    coefficients = [*norm2(y).M.ravel(), *norm2(y).D.ravel(), norm2(y).const]
    assert all(isinstance(c, Fraction) for c in coefficients)
    assert Fraction(1, 9) in coefficients
    for wrong in (lambda: 0.5 * x, lambda: norm2(x) + 0.5, lambda: x / 0.5, lambda: SymPEP(L=1.0, mu=0, N=2, exact=True)):
        with pytest.raises(SpecError, match="Expected exact coefficients, got the float"):
            wrong()


@pytest.mark.parametrize("wrong", [nan, inf, -inf])
def test_numbers_that_are_not_finite_are_refused(wrong: float) -> None:
    pep = SymPEP()
    x = pep.point()
    with pytest.raises(SpecError, match="Expected a finite number"):
        _ = wrong * x
    with pytest.raises(SpecError, match="Expected a finite number"):
        _ = norm2(x) <= wrong
    for L, mu in ((wrong, 0.0), (1.0, wrong)):
        with pytest.raises(SpecError, match="Expected a finite number"):
            SymPEP(L=L, mu=mu)


@pytest.mark.parametrize("wrong", ["1", True, None, [1.0], 1j])
def test_what_is_not_a_number_is_refused(wrong: object) -> None:
    x = SymPEP().point()
    with pytest.raises(SpecError, match="Expected a number as a coefficient"):
        _ = x * wrong


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"L": 0.0}, "Expected a smoothness L > 0, got L = 0.0."),
        ({"L": -1.0}, "Expected a smoothness L > 0"),
        ({"mu": 1.0}, "Expected -L <= mu < L, got mu = 1.0"),
        ({"mu": 2.0}, "Expected -L <= mu < L"),
        ({"mu": -1.5}, "Expected -L <= mu < L"),
        ({"N": 0}, "Expected N as an integer from 1 upwards, got 0."),
        ({"N": -3}, "Expected N as an integer from 1"),
        ({"N": 2.0}, "Expected N as an integer from 1"),
        ({"N": True}, "Expected N as an integer from 1"),
        ({"N": (2, 0)}, "Expected N as an integer from 1"),
        ({"L": (1.0, 2.0), "N": (1, 2, 3)}, "for the same classes"),
        ({"L": ()}, "for the same classes"),
        ({"mu": (0.1, -0.1)}, "Expected all classes convex"),
        ({"mu": -1.0, "shared_optimum": True}, "Expected convex functions where x. is used"),
        ({"mu": -1.0, "regularizer": True}, "Expected convex functions where x. is used"),
    ],
)
def test_parameters_out_of_range_are_refused(arguments: dict, words: str) -> None:
    with pytest.raises(SpecError, match=words) as caught:
        SymPEP(**arguments)
    assert str(caught.value).endswith(".")


def test_two_problems_do_not_mix() -> None:
    one, two = SymPEP(N=3), SymPEP(N=3)
    x, y = one.point(), two.point()
    for mixed in (lambda: x + y, lambda: x - y, lambda: inner(x, y), lambda: norm2(x) + norm2(y), lambda: norm2(x) <= norm2(y)):
        with pytest.raises(SpecError, match="Expected vectors and scalars of one problem, got them from two"):
            mixed()


def test_what_is_used_on_another_problem_is_refused() -> None:
    """Points handed to grad, assumptions and objectives, too."""
    one, two = SymPEP(N=3), SymPEP(N=3)
    x = one.point()
    vectors = (lambda: two.grad(x), lambda: two.prox(x, 1.0), lambda: two.compress(x, 1.0), lambda: two.participation(p=0.5)(x))
    s = norm2(x)
    scalars = (lambda: two.assume(s <= 1.0), lambda: two.maximize(s), lambda: two.lyapunov([s], [s], s))
    for use in (*vectors, *scalars):
        with pytest.raises(SpecError, match="of one problem"):
            use()


def test_inequalities_have_no_truth_value() -> None:
    x = SymPEP().point()
    with pytest.raises(SpecError, match="no truth value"):
        assert norm2(x) <= 1.0


def test_only_inequalities_are_assumed() -> None:
    pep = SymPEP()
    x = pep.point()
    for wrong in (norm2(x), True, 1.0, x):
        with pytest.raises(SpecError, match="Expected an inequality such as"):
            pep.assume(wrong)


def test_noise_is_refused_inside_what_is_not_linear() -> None:
    pep = SymPEP(N=3)
    x = pep.point()
    noisy = mean(pep.compress(pep.grad(x), 1.0))
    uses = (lambda: pep.grad(noisy), lambda: pep.gap(noisy), lambda: pep.prox(noisy, 1.0), lambda: pep.contract(noisy, 0.5))
    for use in (*uses, lambda: pep.robust_mean(noisy, 0.1)):
        with pytest.raises(SpecError, match="Expected a point without noise"):
            use()
    assert pep.grad(noisy - noisy) is pep.gstar


@pytest.mark.parametrize(
    ("use", "words"),
    [
        ("S=0", "Expected S as an integer from 1 to 3"),
        ("S=4", "Expected S as an integer from 1 to 3"),
        ("S=1.0", "Expected S as an integer from 1 to 3"),
        ("p=0", "Expected p in"),
        ("p=1.5", "Expected p in"),
        ("", "Expected one of S"),
        ("S=1, p=0.5", "Expected one of S"),
    ],
)
def test_participation_out_of_range_is_refused(use: str, words: str) -> None:
    pep = SymPEP(N=3)
    given_ = {name: float(v) if "." in v else int(v) for name, v in (part.split("=") for part in use.split(", ") if part)}
    with pytest.raises(SpecError, match=words):
        pep.participation(**given_)


def test_other_verbs_refuse_what_is_out_of_range() -> None:
    pep = SymPEP(N=3)
    x = pep.point()
    cases = [
        (lambda: pep.compress(x, -0.1), "omega"),
        (lambda: pep.contract(x, 0.0), "delta"),
        (lambda: pep.contract(x, 1.5), "delta"),
        (lambda: pep.robust_mean(pep.grad(x), -1.0), "kappa"),
        (lambda: pep.prox_regularizer(x, 1.0), "Expected a problem with a regulariser"),
        (lambda: SymPEP(N=(2, 2)).participation(S=1), "one class of clients"),
    ]
    for use, words in cases:
        with pytest.raises(SpecError, match=words):
            use()
