"""Partitions on the command line: the words of the user count, not the number of clients of a demonstration."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from fedmm import load
from fedmm.cli import main


@pytest.mark.parametrize(
    ("words", "clients"),
    [
        ((), 10),
        (("--clients", "4"), 4),
        (("--partition", "iid"), 10),
        (("--partition", "iid:6"), 6),
        (("--partition", "shards:1,clients=6"), 6),
        (("--partition", "k-means:3", "--clients", "5"), 5),
        (("--partition", "by-column:20"), 17),
        (("--partition", "by-column:20", "--clients", "5"), 5),
    ],
)
def test_the_number_of_clients_is_the_users(words: tuple[str, ...], clients: int, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        main, ["run", "logistic", "--data", "digits", *words, "--rounds", "1", "--out", str(tmp_path / "a")]
    )
    assert done.exit_code == 0, done.output
    result = load(tmp_path / "a")
    assert result.federation is not None  # built again from its record
    assert len(result.federation) == clients


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("shard:2",), "Did you mean 'shards'"),
        (("shards:0",), "shards.per_client to be an integer >= 1, got 0"),
        (("k-means:5000",), "Cannot deal 1797 samples out to 5000 clients"),
        (("by-column:64",), "the data have 64, numbered from 0"),
        (("by-column",), "by-column needs column"),
        (("by-group",), "needs the group of each sample"),
        (("feature-shift:2",), "feature-shift.mixing in [0, 1], got 2.0"),
        (("quantity:1,law=powr",), "Did you mean 'power'"),
    ],
)
def test_refusals_are_one_sentence(words: tuple[str, ...], says: str) -> None:
    done = CliRunner().invoke(main, ["explain", "logistic", "--data", "digits", "--partition", *words])
    assert done.exit_code == 2
    assert says in done.output
    assert "Traceback" not in done.output
