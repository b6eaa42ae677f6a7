"""The data sources: shapes, scales, determinism, and the constants the generators prescribe."""

import pickle
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedmm.catalog import entries
from fedmm.errors import SpecError
from fedmm.federation import Federation, Samples
from problems.data import (
    BreastCancer,
    Diabetes,
    DigitPatches,
    Digits,
    ImageColors,
    SyntheticCounts,
    SyntheticDictionary,
    SyntheticLogistic,
    SyntheticQuadratic,
    TestBed,
    federation,
)
from problems.quadratic import Quad

SAMPLES = {
    "breast-cancer": ((569, 30), {-1: 212, 1: 357}),
    "diabetes": ((442, 10), None),
    "digits": ((1797, 64), {-1: 891, 1: 906}),
    "digits-patches": ((3995, 16), None),
    "image-colors": ((2000, 3), None),
    "synthetic-ratings": ((300, 40), {k: 60 for k in range(5)}),
}
FILES = {"cifar-10", "cifar-100", "fashion-mnist", "idx", "kddcup99", "libsvm", "mnist", "movielens", "table", "text"}
GENERATORS = {
    "synthetic-count-mixture": 10,
    "synthetic-counts": 10,
    "synthetic-dictionary": 10,
    "synthetic-logistic": 100,
    "synthetic-quadratic": 10,
    "synthetic-survival": 10,
    "test-bed": 8,
}


def test_every_source_has_a_case():
    assert set(entries("data")) == {*SAMPLES, *GENERATORS, *FILES}


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_bundled_samples(name):
    shape, counts = SAMPLES[name]
    source = entries("data")[name]()
    X, y = source.load(None, 0)
    assert X.shape == shape
    assert y.shape == shape[:1]
    assert {X.dtype, y.dtype} == {np.dtype(np.float64)}
    if counts is not None:
        assert dict(zip(*np.unique(y, return_counts=True), strict=True)) == counts
    again = source.load(7, 1)  # neither clients nor seed change what a data set is
    assert np.array_equal(again.X, X)
    assert np.array_equal(again.y, y)


@pytest.mark.parametrize("name", sorted(GENERATORS))
def test_generators(name):
    source = entries("data")[name]()
    made = source.load(None, 3)
    assert isinstance(made, Federation)
    assert len(made) == GENERATORS[name]
    few = source.load(4, 3)
    assert len(few) == 4
    assert few.digest() == source.load(4, 3).digest()
    assert few.digest() != source.load(4, 2).digest()
    assert abs(sum(made.weights) - 1.0) < 1e-12
    assert len(source.load(1, 3)) == 1


def test_scales():
    for source in (BreastCancer(), Diabetes()):
        X, y = source.load(None, 0)
        assert np.abs(X.mean(axis=0)).max() < 1e-12
        assert np.abs(X.std(axis=0) - 1.0).max() < 1e-12
    assert abs(y.mean()) < 1e-12
    assert abs(y.std() - 1.0) < 1e-12
    X, y = Digits(labels="digit").load(None, 0)
    assert (X.min(), X.max()) == (0.0, 1.0)
    assert np.array_equal(np.unique(y), np.arange(10.0))
    assert np.array_equal(Digits().load(None, 0).y > 0, y % 2 == 1)


def test_digit_patches():
    from sklearn.datasets import load_digits

    bunch = load_digits()
    X, y = DigitPatches(images=20).load(None, 0)
    raw = [
        (image[r : r + 4, c : c + 4].ravel(), digit)
        for image, digit in zip(bunch.images[:20], bunch.target[:20], strict=True)
        for r in (0, 4)
        for c in (0, 4)
    ]
    kept = [(patch - patch.mean(), digit) for patch, digit in raw if np.ptp(patch) > 0]
    expected = np.array([patch for patch, _ in kept])
    scale = np.sqrt((expected**2).mean())
    assert np.abs(X - expected / scale).max() < 1e-14
    assert np.array_equal(y, [digit for _, digit in kept])
    full = DigitPatches().load(None, 0).X
    assert np.abs(full.mean(axis=1)).max() < 1e-14
    assert abs((full**2).mean() - 1.0) < 1e-12
    assert np.abs(full).max(axis=1).min() > 0
    assert DigitPatches(size=3, stride=1, images=1).load(None, 0).X.shape[0] <= 36


def test_image_colors():
    made = federation("image-colors", "dirichlet:0.3", clients=5)
    atoms, masses = made.public["atoms"], made.public["masses"]
    assert atoms.shape == (32, 3)
    assert np.array_equal(masses, np.full(32, 1 / 32))
    assert 0.0 <= atoms.min() < atoms.max() <= 1.0
    X, y = ImageColors().load(None, 0)
    assert np.array_equal(np.unique(y), np.arange(8.0))
    assert X.min() >= 0.0
    assert X.max() <= 1.0
    assert X[y == 0].mean() > X[y == 7].mean() + 0.2  # the sky is lighter than the ground


@pytest.mark.parametrize(("d", "L", "mu"), [(20, 1.0, 0.01), (2, 7.0, 0.5), (1, 3.0, 3.0), (5, 2.0, 2.0), (30, 1e3, 1e-3)])
@pytest.mark.parametrize("heterogeneity", [0.0, 2.5])
def test_quadratics_have_the_prescribed_constants(d, L, mu, heterogeneity):
    made = SyntheticQuadratic(d, L, mu, heterogeneity).load(6, 1)
    minimisers = []
    for A, b in made:
        assert np.array_equal(A, A.T)
        spectrum = np.linalg.eigvalsh(A)
        assert abs(spectrum[0] - mu) <= 1e-14 * d * L
        assert abs(spectrum[-1] - L) <= 1e-14 * d * L
        minimisers.append(np.linalg.solve(A, b))
    spread = np.array(minimisers) - np.mean(minimisers, axis=0)
    distance = np.sqrt(np.mean(np.sum(spread**2, axis=1)))
    assert abs(distance - heterogeneity) <= 1e-13 * d * L / mu
    assert made.weights == (1 / 6,) * 6
    if d > 1 and mu < L:
        assert not np.allclose(made[0].A, made[1].A)


def test_the_test_bed():
    made = TestBed().load(None, 0)
    assert made.sizes() == [10] * 8
    assert all(type(data) is Quad for data in made)
    assert min(np.linalg.eigvalsh(data.A)[0] for data in made) >= 0.2 - 1e-12
    assert len(set(made.weights)) == 8
    many = TestBed(10).load(400, 0)
    # E A = 1.2 I and E |b|^2 = 9 d; the bounds are 7 standard deviations of these means
    assert abs(np.mean([np.trace(data.A) for data in many]) / 10 - 1.2) < 7 * np.sqrt(2 / 10 / 10 / 400)
    assert abs(np.mean([data.b @ data.b for data in many]) / 90 - 1) < 7 * np.sqrt(2 / 10 / 400)


def test_dictionary_data():
    for homogeneous in (True, False):
        source = SyntheticDictionary(homogeneous, noise=0.0)
        made = source.load(None, 2)
        D = source.atoms(2)
        assert np.abs(np.linalg.norm(D, axis=0) - 1.0).max() < 1e-14
        assert {data.X.shape for data in made} == {(250, 15)}
        active = []
        for data in made:
            codes = np.linalg.lstsq(D, data.X.T, rcond=None)[0]
            active.append(np.abs(codes) > 1e-9)
        per_client = [int(codes.any(axis=1).sum()) for codes in active]
        share = np.mean(active)
        if homogeneous:
            assert per_client == [10] * 10
            assert abs(share - 0.3) < 7 * np.sqrt(0.3 * 0.7 / 25_000)  # 7 standard deviations
        else:
            assert per_client == [3] * 10
            assert share == 0.3
            assert len({tuple(codes.any(axis=1)) for codes in active}) > 1
    noisy = SyntheticDictionary(noise=0.5).load(2, 2)
    assert np.linalg.matrix_rank(noisy[0].X - SyntheticDictionary(noise=0.0).load(2, 2)[0].X) == 15


def test_logistic_clients_are_made_when_asked_for():
    source = SyntheticLogistic(d=5, samples=20, keep=3)
    made = source.load(10_000, 0)
    clients = made._clients
    assert len(clients.kept) == 0  # type: ignore[union-attr]
    first = made[9_999]
    for i in range(8):
        assert made[i].X.shape == (20, 5)
    assert list(clients.kept) == [5, 6, 7]  # type: ignore[union-attr]
    assert np.array_equal(made[9_999].X, first.X)
    assert np.array_equal(made[-1].X, first.X)
    assert len(clients[2:5]) == 3
    with pytest.raises(IndexError):
        made[10_000]
    again = pickle.loads(pickle.dumps(made))
    assert len(again._clients.kept) == 0
    assert np.array_equal(again[3].y, made[3].y)
    assert np.array_equal(source.load(5, 0)[3].X, made[3].X)  # client 3 is client 3 in any crowd


def test_logistic_data():
    single = SyntheticLogistic(dtype="float32", d=8, samples=50).load(2, 0)
    double = SyntheticLogistic(d=8, samples=50).load(2, 0)
    assert {single[0].X.dtype, single[0].y.dtype} == {np.dtype(np.float32)}
    assert np.abs(single[1].X - double[1].X).max() < 1e-6
    assert set(np.unique(double[0].y)) == {-1.0, 1.0}
    same = [data.X.mean(axis=0) for data in SyntheticLogistic(d=8, heterogeneity=0.0, samples=500).load(20, 0)]
    shifted = [data.X.mean(axis=0) for data in SyntheticLogistic(d=8, heterogeneity=2.0, samples=500).load(20, 0)]
    assert np.std(same, axis=0).max() < 0.2 < 0.8 < np.std(shifted, axis=0).min()


def test_counts():
    source = SyntheticCounts(d=4, samples=4000, heterogeneity=0.5)
    rates, counts = [], []
    for X, y in source.load(3, 0):
        assert X.min() >= 0.0
        assert np.array_equal(y, np.round(y))
        rates.append(X @ source.theta(0))
        counts.append(y)
    rate, y = np.concatenate(rates), np.concatenate(counts)
    # Given the features, sum (y - rate) and sum ((y - rate)^2 / rate - 1) have mean 0; five standard deviations of each.
    assert abs((y - rate).sum()) < 5 * np.sqrt(rate.sum())
    assert abs(((y - rate) ** 2 / rate - 1.0).sum()) < 5 * np.sqrt((2.0 + 1.0 / rate).sum())


@pytest.mark.parametrize(
    ("cls", "given", "message"),
    [
        (SyntheticQuadratic, {"mu": 0.0}, "0 < mu <= L"),
        (SyntheticQuadratic, {"mu": 2.0}, "0 < mu <= L"),
        (SyntheticQuadratic, {"L": float("nan")}, "0 < mu <= L"),
        (SyntheticQuadratic, {"d": 0}, "synthetic-quadratic.d to be an integer >= 1"),
        (SyntheticQuadratic, {"d": 1}, "one eigenvalue"),
        (SyntheticQuadratic, {"heterogeneity": -1.0}, "heterogeneity >= 0"),
        (TestBed, {"d": 2.0}, "test-bed.d"),
        (SyntheticCounts, {"samples": 0}, "synthetic-counts.samples to be an integer >= 1"),
        (SyntheticCounts, {"rate": 0.0}, "rate > 0 and finite"),
        (SyntheticCounts, {"heterogeneity": -1.0}, "heterogeneity >= 0"),
        (SyntheticDictionary, {"K": 0}, "synthetic-dictionary.K"),
        (SyntheticDictionary, {"noise": float("inf")}, "noise >= 0"),
        (SyntheticLogistic, {"samples": 0}, "synthetic-logistic.samples"),
        (SyntheticLogistic, {"heterogeneity": float("nan")}, "heterogeneity >= 0"),
        (DigitPatches, {"size": 9}, "size to be an integer from 2 to 8"),
        (DigitPatches, {"images": 1798}, "images to be an integer from 1 to 1797"),
        (ImageColors, {"bands": 0}, "bands to be an integer from 1 to 427"),
    ],
)
def test_bad_fields(cls, given, message):
    with pytest.raises(SpecError, match=message):
        cls(**given)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(sorted(GENERATORS)), st.integers(1, 5))
def test_any_seed_makes_sound_data(seed, name, clients):
    cls = entries("data")[name]
    small = {"d": 3, "samples": 4, "p": 3, "K": 4}
    source = cls(**{key: value for key, value in small.items() if key in {field.name for field in fields(cls)}})
    made = source.load(clients, seed)
    Federation([made[i] for i in range(clients)], made.weights)  # the constructor looks at every array
    assert type(made[0]) in (Samples, Quad)
