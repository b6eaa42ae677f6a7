"""Clients that the data name themselves: by group and by column."""

import numpy as np
import pytest
import scipy.sparse as sp

from fedmm.errors import DataError, SpecError
from fedmm.federation import Federation, Samples
from problems.data import ByColumn, ByGroup, federation, federation_from
from problems.data.natural import _nearest

X = np.arange(12.0).reshape(6, 2)


def draw(rule, X, seed=0, **told):
    return [rows.tolist() for rows in rule.split(Samples(X), np.random.default_rng(seed), **told)]


@pytest.mark.parametrize("kind", [list, np.array, lambda names: np.array(names, dtype=object)])
def test_one_client_a_group_in_the_order_of_names(kind):
    made = Federation.from_arrays(X, None, ByGroup(), groups=kind(["b", "a", "b", "c", "a", "b"]))
    assert [data.X[:, 0].tolist() for data in made] == [[2.0, 8.0], [0.0, 4.0, 10.0], [6.0]]
    numbers = Federation.from_arrays(X, None, ByGroup(), groups=[10, 9, 10, 11, 9, 10])
    assert numbers.digest() == made.digest()


def test_groups_stay_whole_and_clients_are_balanced():
    """Greedy: two clients differ by no more than the largest group."""
    groups = np.random.default_rng(0).integers(0, 40, 2000)
    split = draw(ByGroup(7), np.zeros((2000, 1)), groups=groups)
    owners = [set(groups[rows]) for rows in split]
    assert sum(len(owner) for owner in owners) == 40
    assert set.union(*owners) == set(range(40))
    sizes = [len(rows) for rows in split]
    assert max(sizes) - min(sizes) <= np.bincount(groups).max()
    assert draw(ByGroup(7), np.zeros((2000, 1)), 1, groups=groups) != split


@pytest.mark.parametrize("given", [np.asarray, sp.csr_matrix])
def test_a_column_makes_a_client_of_each_value(given):
    table = np.array([[0.0, 5.0], [2.0, 5.0], [0.0, 1.0], [1.0, 5.0]])
    assert draw(ByColumn(0), given(table)) == [[0, 2], [3], [1]]
    assert draw(ByColumn(1), given(table)) == [[2], [0, 1, 3]]


def test_values_are_cut_near_equal_shares():
    X = np.repeat([0.0, 1.0, 2.0, 3.0, 4.0], [10, 1, 1, 10, 2])[:, None]
    split = draw(ByColumn(0, 2), X)
    assert [len(rows) for rows in split] == [12, 12]
    assert [len(rows) for rows in draw(ByColumn(0, 4), X)] == [10, 2, 10, 2]  # ends 6, 12, 18 are asked for; 10, 12, 22 are there
    many = np.random.default_rng(0).standard_normal((1000, 1))
    assert [len(rows) for rows in draw(ByColumn(0, 8), many)] == [125] * 8


def test_cuts_leave_something_on_both_sides():
    for ends in ([1, 100, 101, 102], [97, 98, 99, 100], [1, 2, 3, 100]):
        for clients in (2, 3, 4):
            cuts = _nearest(np.array(ends), ends[-1] * np.arange(1, clients) / clients)
            assert sorted(set(cuts)) == cuts
            assert 1 <= cuts[0] <= cuts[-1] <= 3


def test_the_record_rebuilds_it():
    made = federation("digits", "by-column:20", clients=4)
    assert made.origin["partition"] == {"name": "by-column", "column": 20, "clients": 4}
    assert federation_from(made.origin).digest() == made.digest()
    whole = federation("digits", "by-column:20")
    assert len(whole) == 17  # the grey values 0 to 16
    assert [set(data.X[:, 20]) for data in whole] == [{k / 16} for k in range(17)]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ByColumn(-1), SpecError, r"by-column.column to be an integer >= 0, got -1"),
        (lambda: federation("digits", "by-column"), SpecError, r"by-column needs column"),
        (lambda: federation("digits", "by-column:64"), DataError, "needs column 64, the data have 64, numbered from 0"),
        (lambda: federation("digits", "by-column:0"), DataError, "column 0 holds one value; use another partition"),
        (lambda: federation("digits", "by-column:20", clients=18), DataError, "18 clients of 17 values; ask for at most 17"),
        (lambda: federation("digits", "by-group"), DataError, "'by-group' needs the group of each sample .* data name none"),
        (lambda: draw(ByGroup(), X), DataError, "'by-group' needs the group of each sample, the data name none"),
        (lambda: draw(ByGroup(), X, groups=np.zeros(6)), DataError, "all samples are of one group"),
        (lambda: draw(ByGroup(3), X, groups=np.arange(6) % 2), DataError, "3 clients of 2 groups; ask for at most 2"),
        (lambda: draw(ByGroup(), X, groups=np.array([1, 2, np.nan, 1, 1, 1])), DataError, "Sample 2 belongs to no group"),
        (lambda: draw(ByGroup(), X, groups=np.array(["a", None, *"bcde"])), DataError, "Sample 1 belongs to no group"),
        (lambda: draw(ByGroup(), X, groups=np.array(["a", 1, *"bcde"], dtype=object)), DataError, "one kind, numbers or strings"),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=message):
        make()
