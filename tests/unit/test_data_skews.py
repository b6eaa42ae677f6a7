"""What each partition promises of its clients: shards, quantity skew, feature shift, k-means."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.stats import kstest

from fedmm.errors import DataError, SpecError
from fedmm.federation import Samples
from problems.data import IID, FeatureShift, KMeans, Quantity, Shards, federation
from problems.data.shares import rounded


def draw(rule, samples, seed=0):
    return rule.split(samples, np.random.default_rng(seed))


def strided(X):
    """A sparse matrix whose values are every other number of a longer array, as readers of files make them."""
    matrix = sp.csr_matrix(X)
    matrix.data = np.repeat(matrix.data, 2)[::2]
    assert not matrix.data.flags.c_contiguous
    return matrix


def tensor(X):
    """A torch tensor; the test is skipped, with a reason, without torch."""
    return pytest.importorskip("torch", reason="torch is not installed").as_tensor(X)


GIVEN = {"dense": np.asarray, "sparse": sp.csr_matrix, "strided": strided, "torch": tensor}


def samples_of(n: int, classes: int, d: int = 5, seed: int = 0) -> Samples:
    generator = np.random.default_rng(seed)
    return Samples(generator.standard_normal((n, d)), generator.integers(0, classes, n).astype(float))


@pytest.mark.parametrize("per_client", [1, 2, 3])
def test_a_client_holds_at_most_as_many_labels_as_shards(per_client):
    generator = np.random.default_rng(1)
    y = generator.permutation(np.repeat(np.arange(10.0), generator.integers(20, 200, 10)))
    split = draw(Shards(per_client, 30), Samples(np.zeros((len(y), 1)), y))
    held = [len(np.unique(y[rows])) for rows in split]
    assert max(held) == per_client
    assert len(split) == 30


def test_labels_get_shards_in_proportion():
    """The largest shard is as small as any allotment allows: by brute force over all of them."""
    sizes, shards = [37, 5, 19], 8
    y = np.repeat(np.arange(3.0), sizes)
    split = draw(Shards(1, shards), Samples(np.zeros((61, 1)), y))
    best = min(
        max(-(-size // count) for size, count in zip(sizes, (a, b, shards - a - b), strict=True))
        for a in range(1, shards - 1)
        for b in range(1, shards - a)
    )
    assert max(len(rows) for rows in split) == best


def test_mcmahans_shards():
    """60 000 samples, 200 shards of 300, two a client: equal sizes; a shard is a run of the samples sorted by label."""
    y = np.random.default_rng(0).integers(0, 10, 60_000).astype(float)
    split = draw(Shards(2, 100, within_labels=False), Samples(np.zeros((60_000, 1)), y))
    assert {len(rows) for rows in split} == {600}
    held = [len(np.unique(y[rows])) for rows in split]
    assert max(held) <= 4  # each shard may straddle one border
    assert np.mean(held) < 2.2
    hands = {tuple(np.unique(y[rows])) for rows in split}
    assert len(hands) > 20  # at random: not the same two labels for all


def test_shards_refuse():
    with pytest.raises(DataError, match="'shards' needs labels y, the data have none; use 'iid' or 'contiguous'"):
        draw(Shards(), Samples(np.zeros((30, 1))))
    with pytest.raises(DataError, match="'shards' needs labels that are whole numbers"):
        federation("diabetes", "shards")
    with pytest.raises(SpecError, match=r"shards.per_client to be an integer >= 1, got 0"):
        Shards(0)
    with pytest.raises(DataError, match="Cannot cut 10 labels into 4 shards of one label each"):
        federation("digits:digit", "shards", clients=2)
    with pytest.raises(DataError, match="Cannot cut 20 samples into 30 shards"):
        draw(Shards(3), samples_of(20, 2))


def test_sizes_follow_the_dirichlet_law():
    """A client's fraction under Dir(a, ..., a) of n clients is Beta(a, (n - 1) a): a test of level 1e-6, fixed seeds."""
    n, alpha, N = 4, 0.7, 20_000
    fractions = [len(draw(Quantity(alpha, n), Samples(np.zeros((N, 1))), seed)[0]) / N for seed in range(400)]
    assert kstest(fractions, "beta", args=(alpha, (n - 1) * alpha)).pvalue > 1e-6
    assert kstest(fractions, "beta", args=(5 * alpha, 5 * (n - 1) * alpha)).pvalue < 1e-6


def test_sizes_follow_the_power_law():
    N, n = 10_000, 5
    rule = Quantity(1.5, n, law="power", minimum=100)
    split = draw(rule, Samples(np.zeros((N, 1))))
    q = np.arange(1.0, n + 1) ** -1.5
    expected = 100 + q / q.sum() * (N - 100 * n)
    assert np.abs(np.sort([len(rows) for rows in split])[::-1] - expected).max() <= 1
    largest = {int(np.argmax([len(rows) for rows in draw(rule, Samples(np.zeros((N, 1))), seed)])) for seed in range(40)}
    assert largest == set(range(n))


def test_large_alpha_gives_equal_sizes():
    sizes = [len(rows) for rows in draw(Quantity(1e9, 8), samples_of(800, 2))]
    assert max(sizes) - min(sizes) <= 2


def test_quantity_leaves_the_labels_alone():
    """The largest client's labels are those of a sample without replacement: each count within 5 standard deviations."""
    samples = Samples(np.zeros((20_000, 1)), np.repeat(np.arange(4.0), [2000, 8000, 4000, 6000]))
    rows = max(draw(Quantity(0.5), samples), key=len)
    p = np.array([0.1, 0.4, 0.2, 0.3])
    counts = np.bincount(samples.y[rows].astype(int), minlength=4)
    assert (np.abs(counts - len(rows) * p) < 5 * np.sqrt(len(rows) * p * (1 - p))).all()


def test_fractions_are_rounded_as_they_add_up():
    assert rounded([0.26, 0.26, 0.48], 10).tolist() == [3, 2, 5]
    assert rounded([1.0], 7).tolist() == [7]
    assert rounded([0.0, 1.0, 0.0], 7).tolist() == [0, 7, 0]


def test_quantity_refuses():
    with pytest.raises(SpecError, match=r"quantity.minimum to be an integer >= 1, got 0; no client may be empty"):
        Quantity(minimum=0)
    with pytest.raises(SpecError, match=r"quantity.alpha > 0 and finite, got 0"):
        Quantity(0.0)
    with pytest.raises(SpecError, match=r"quantity.law"):
        Quantity(law="zipf")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="20 samples out to 10 clients with at least 3 each; use fewer clients"):
        draw(Quantity(minimum=3), samples_of(20, 2))


@pytest.mark.parametrize("kind", GIVEN)
def test_feature_shift_sorts_along_the_leading_principal_direction(kind):
    """Against NumPy's singular vectors: clients are intervals of the projection, whatever its sign."""
    generator = np.random.default_rng(2)
    X = generator.standard_normal((200, 6)) * [1, 1, 5, 1, 2, 1] + (1e9 if kind == "dense" else 3.0)
    given = GIVEN[kind](X)
    split = draw(FeatureShift(0.0, 7), Samples(given))
    score = (X - X.mean(axis=0)) @ np.linalg.svd(X - X.mean(axis=0))[2][0]
    score = score if score[split[0]].mean() < score[split[-1]].mean() else -score
    for left, right in pairwise(split):
        assert score[left].max() <= score[right].min()
    assert {len(rows) for rows in split} == {28, 29}


def test_feature_shift_by_a_column_with_mixing():
    """A fraction m of the samples leaves its place: with n clients, 1 - m + m/n of them are where sorting puts them."""
    X = np.random.default_rng(0).standard_normal((10_000, 3))
    home = np.argsort(np.argsort(X[:, 1])) // 2500
    for mixing, there in ((0.0, 1.0), (0.4, 0.7), (1.0, 0.25)):
        split = draw(FeatureShift(mixing, 4, column=1), Samples(X))
        found = sum(int((home[rows] == i).sum()) for i, rows in enumerate(split)) / 10_000
        assert abs(found - there) <= (0 if mixing == 0 else 0.025)  # five standard deviations


def test_feature_shift_alters_no_sample_and_mixed_fully_is_balanced():
    made = federation("breast-cancer", FeatureShift(1.0, 10), seed=3)
    iid = federation("breast-cancer", IID(10), seed=3)
    assert sorted(made.sizes()) == sorted(iid.sizes())
    rows = np.concatenate([np.c_[data.X, data.y] for data in made])
    assert np.array_equal(np.sort(rows, axis=0), np.sort(np.concatenate([np.c_[data.X, data.y] for data in iid]), axis=0))


def test_feature_shift_refuses():
    with pytest.raises(SpecError, match=r"feature-shift.mixing in \[0, 1\], got 1.5"):
        FeatureShift(1.5)
    with pytest.raises(SpecError, match=r"feature-shift.column to be an integer >= 0, got -1"):
        FeatureShift(column=-1)
    with pytest.raises(DataError, match="'feature-shift' needs column 5, the data have 5, numbered from 0"):
        draw(FeatureShift(column=5), samples_of(20, 2))
    for X in (np.ones((20, 3)), sp.csr_matrix((20, 3)), np.ones((20, 1))):
        with pytest.raises(DataError, match="nothing to sort by: the samples do not differ; use 'iid'"):
            draw(FeatureShift(), Samples(X))
    X = np.random.default_rng(0).standard_normal((20, 2)) * [1, 0]
    with pytest.raises(DataError, match="nothing to sort by: column 1 holds one value"):
        draw(FeatureShift(column=1), Samples(X))


@pytest.mark.parametrize("kind", GIVEN)
def test_k_means_finds_clusters_that_are_there(kind):
    generator = np.random.default_rng(0)
    true = generator.integers(0, 4, 300)
    X = 100.0 * np.eye(4)[true] + generator.standard_normal((300, 4))
    given = GIVEN[kind](X)
    split = draw(KMeans(4, starts=5), Samples(given))
    assert sorted(tuple(rows) for rows in split) == sorted(tuple(np.flatnonzero(true == k)) for k in range(4))
    assert [int(rows[0]) for rows in split] == sorted(int(rows[0]) for rows in split)


def test_k_means_is_a_local_optimum_and_depends_on_the_seed():
    """Every sample is nearest to the mean of its own client (scikit-learn stops at a relative tolerance of 1e-4)."""
    samples = samples_of(400, 2)
    split = draw(KMeans(6), samples)
    assert [int(rows[0]) for rows in split] == sorted(int(rows[0]) for rows in split)
    means = np.stack([samples.X[rows].mean(axis=0) for rows in split])
    distance = ((samples.X[:, None, :] - means) ** 2).sum(axis=2)
    own = np.concatenate([distance[rows, i] for i, rows in enumerate(split)])
    nearest = np.concatenate([distance[rows].min(axis=1) for rows in split])
    assert own.sum() <= nearest.sum() * (1 + 1e-2)
    assert any(not np.array_equal(a, b) for a, b in zip(split, draw(KMeans(6), samples, 1), strict=True))


def test_k_means_refuses():
    with pytest.raises(SpecError, match=r"k-means.starts to be an integer >= 1, got 0"):
        KMeans(starts=0)
    X = np.repeat(np.eye(3), 10, axis=0)
    with pytest.raises(DataError, match="found 3 clusters of different samples, not 5; ask for at most 3 clients"):
        draw(KMeans(5), Samples(X))
