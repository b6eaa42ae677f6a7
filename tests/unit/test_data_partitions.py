"""The law of partitions, every sample exactly once and no empty client, and what each of them promises beside."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedmm.catalog import entries
from fedmm.errors import DataError, SpecError
from fedmm.federation import Federation, Partition, Samples
from problems.data import IID, ByColumn, ByGroup, Contiguous, Dirichlet, FeatureShift, KMeans, Quantity, Shards
from problems.data.partitions import _mended

CLIENTS = st.integers(1, 12)
ALPHAS = st.sampled_from([1e-9, 1e-3, 0.1, 1.0, 1e6, 1e300])

PARTITIONS = {
    "by-column": st.builds(ByColumn, st.integers(0, 2), st.none() | st.integers(1, 5)),
    "by-group": st.builds(ByGroup, st.none() | st.integers(1, 5)),
    "contiguous": st.builds(Contiguous, CLIENTS),
    "dirichlet": st.builds(Dirichlet, ALPHAS, CLIENTS),
    "feature-shift": st.builds(FeatureShift, st.sampled_from([0.0, 0.3, 1.0]), CLIENTS, st.sampled_from([None, 0, 2])),
    "iid": st.builds(IID, CLIENTS),
    "k-means": st.builds(KMeans, CLIENTS),
    "quantity": st.builds(Quantity, ALPHAS, CLIENTS, st.sampled_from(["dirichlet", "power"]), st.integers(1, 3)),
    "shards": st.builds(Shards, st.integers(1, 4), CLIENTS, st.booleans()),
}


def labelled(n: int, classes: int, seed: int = 0) -> Samples:
    """Rows of three small whole numbers, so that some are equal, and labels."""
    generator = np.random.default_rng(seed)
    X = generator.integers(0, 4, (n, 3)).astype(float)
    return Samples(X, generator.integers(0, classes, n).astype(float))


def natural(rule: Partition, samples: Samples, groups: np.ndarray) -> int | None:
    """How many groups or values there are, for the partitions that deal by them."""
    match rule:
        case ByGroup():
            return len(np.unique(groups))
        case ByColumn():
            return len(np.unique(samples.X[:, rule.column]))
    return None


def refusal(rule: Partition, samples: Samples, there: int | None) -> str | None:
    """How an impossible request is refused; None for a possible one."""
    n = len(samples.X)
    match rule:
        case ByColumn() if n < (rule.clients or 1):
            return "Cannot deal"
        case ByColumn() | ByGroup() if there == 1 and rule.clients != 1:
            return "Cannot tell clients apart: (column . holds one value|all samples are of one group); use another partition"
        case ByColumn() | ByGroup():
            return (
                f"Cannot make {rule.clients} clients of {there} (groups|values); ask for" if there < (rule.clients or 1) else None
            )
        case _ if n < rule.clients:  # type: ignore[attr-defined]
            return f"Cannot deal {n} samples out to {rule.clients} clients; ask for at most {n} clients"  # type: ignore[attr-defined]
        case Shards() if n < rule.clients * rule.per_client:
            return f"Cannot cut {n} samples into {rule.clients * rule.per_client} shards"
        case Shards() if rule.within_labels and rule.clients * rule.per_client < len(np.unique(samples.y)):
            return "labels into .* shards of one label each; use more clients"
        case Quantity() if n < rule.clients * rule.minimum:
            return f"with at least {rule.minimum} each; use fewer clients"
        case KMeans() if len(np.unique(samples.X, axis=0)) < rule.clients:
            return f"not {rule.clients}; ask for at most"
        case FeatureShift() if rule.clients > 1:
            X = samples.X if rule.column is None else samples.X[:, [rule.column]]
            return "has nothing to sort by" if (X[0] == X).all() else None
    return None


def test_every_partition_has_a_case():
    assert set(PARTITIONS) == set(entries("partition"))


@pytest.mark.parametrize("name", sorted(PARTITIONS))
@settings(max_examples=60, deadline=None)
@given(data=st.data(), n=st.integers(1, 60), classes=st.integers(1, 4), seed=st.integers(0, 99))
def test_every_sample_exactly_once_and_no_empty_client(name, data, n, classes, seed):
    rule = data.draw(PARTITIONS[name])
    samples = labelled(n, classes, seed)
    groups = np.random.default_rng(seed + 1).choice(["ann", "bob", "cy", "dee"], n)
    told = {"groups": groups} if rule.needs_groups else {}
    there = natural(rule, samples, groups)
    says = refusal(rule, samples, there)
    if says is not None:
        with pytest.raises(DataError, match=says):
            rule.split(samples, np.random.default_rng(seed), **told)
        return
    split = rule.split(samples, np.random.default_rng(seed), **told)
    assert len(split) == (rule.clients or there)
    assert min(len(rows) for rows in split) >= 1
    assert np.array_equal(np.sort(np.concatenate(split)), np.arange(n))
    again = rule.split(samples, np.random.default_rng(seed), **told)
    assert all(np.array_equal(a, b) for a, b in zip(split, again, strict=True))


def test_iid_is_balanced_and_depends_on_the_seed():
    samples = labelled(103, 2)
    split = IID(10).split(samples, np.random.default_rng(0))
    assert sorted(len(rows) for rows in split) == [10] * 7 + [11] * 3
    other = IID(10).split(samples, np.random.default_rng(1))
    assert any(not np.array_equal(a, b) for a, b in zip(split, other, strict=True))


def test_contiguous_keeps_the_order():
    samples = labelled(32561, 2)
    split = Contiguous(80, drop_remainder=True).split(samples, np.random.default_rng(0))
    assert {len(rows) for rows in split} == {407}
    assert np.array_equal(np.concatenate(split), np.arange(80 * 407))
    whole = Contiguous(80).split(samples, np.random.default_rng(0))
    assert np.array_equal(np.concatenate(whole), np.arange(32561))
    assert {len(rows) for rows in whole} == {407, 408}


def test_dirichlet_splits_labels_by_its_fractions():
    """With one label the share of a client is its Dirichlet fraction, to the rounding of a row."""
    n, alpha = 10_000, 0.7
    split = Dirichlet(alpha, 5).split(Samples(np.zeros((n, 1)), np.ones(n)), np.random.default_rng(3))
    generator = np.random.default_rng(3)
    generator.permutation(n)
    fractions = generator.dirichlet(np.full(5, alpha))
    assert np.abs(np.array([len(rows) for rows in split]) / n - fractions).max() <= 1.0 / n


def test_small_alpha_is_heterogeneous_and_large_is_not():
    samples = labelled(5000, 10)

    def skew(alpha: float) -> float:
        """The mean total variation distance of a client's labels from everybody's."""
        shares = [np.bincount(samples.y[rows].astype(int), minlength=10) / len(rows) for rows in
                  Dirichlet(alpha, 10).split(samples, np.random.default_rng(0))]  # fmt: skip
        return float(np.mean([np.abs(share - np.bincount(samples.y.astype(int)) / 5000).sum() / 2 for share in shares]))

    assert skew(1e-3) > 0.8 > 0.5 > skew(1.0) > 0.1 > 0.05 > skew(1e6)


def test_mending_takes_from_the_largest():
    shares = [np.array([], dtype=int), np.array([0, 1]), np.array([2, 3, 4]), np.array([], dtype=int)]
    assert [rows.tolist() for rows in _mended(shares)] == [[4], [0], [2, 3], [1]]
    assert [len(rows) for rows in shares] == [0, 2, 3, 0]


def test_dirichlet_needs_labels():
    with pytest.raises(DataError, match="'dirichlet' needs labels y, the data have none; use 'iid'"):
        Dirichlet(0.5, 2).split(Samples(np.zeros((5, 1))), np.random.default_rng(0))
    with pytest.raises(DataError, match="whole numbers, y holds real values; use 'iid'"):
        Dirichlet(0.5, 2).split(Samples(np.zeros((5, 1)), np.linspace(0, 1, 5)), np.random.default_rng(0))


@pytest.mark.parametrize("cls", [ByGroup, Contiguous, Dirichlet, FeatureShift, IID, KMeans, Quantity, Shards])
@pytest.mark.parametrize("clients", [0, -1, 2.0, True, "3"])
def test_bad_clients(cls, clients):
    with pytest.raises(SpecError, match=rf"{cls.name}.clients to be an integer.*, got {clients!r}"):
        replace(cls(), clients=clients)


@pytest.mark.parametrize("alpha", [0.0, -1.0, float("nan"), float("inf")])
def test_bad_alpha(alpha):
    with pytest.raises(SpecError, match=r"dirichlet.alpha > 0 and finite"):
        Dirichlet(alpha)


def test_a_federation_holds_what_the_partition_dealt():
    samples = labelled(50, 3)
    X = np.arange(50.0)[:, None]
    federation = Federation.from_arrays(X, samples.y, Dirichlet(0.1, 7), seed=4)
    split = Dirichlet(0.1, 7).split(Samples(X, samples.y), np.random.default_rng(4))
    for data, rows in zip(federation, split, strict=True):
        assert np.array_equal(data.X[:, 0], rows)
        assert np.array_equal(data.y, samples.y[rows])
