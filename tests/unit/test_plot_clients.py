"""Who holds what: the picture shows the counts, for few and many clients, labels, real targets, and none."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from matplotlib.figure import Figure

from fedmm import Federation, Samples, SpecError
from fedmm.cli import main
from fedmm.plot import png
from fedmm.plot_clients import clients_png, label_mix
from problems import Quad
from problems.data import IID, Dirichlet, federation


def drawn(data: Federation) -> tuple[Any, Figure]:
    figure = Figure(layout="constrained")
    ax = data.plot(figure.add_subplot())
    png(figure)  # the layout and the tick labels are made here
    return ax, figure


def words(axis: Any) -> list[str]:
    return [label.get_text() for label in axis.get_ticklabels()]


@pytest.fixture(scope="module")
def small() -> Federation:
    one = Samples(np.zeros((4, 1)), np.array([2.0, 2.0, -1.0, 5.0]))
    two = Samples(np.zeros((2, 1)), np.array([5.0, 5.0]))
    return Federation([one, two])


def test_the_bars_are_the_fractions(small: Federation) -> None:
    ax, figure = drawn(small)
    bars = {str(bar.get_label()): [patch.get_width() for patch in bar] for bar in ax.containers}
    assert bars == {"-1": [0.25, 0.0], "2": [0.5, 0.0], "5": [0.25, 1.0]}
    assert [patch.get_x() for patch in ax.containers[-1]] == [0.75, 0.0]
    beside = figure.axes[1]
    assert [patch.get_width() for patch in beside.patches] == [4, 2]
    assert ax.get_ylim() == beside.get_ylim() == (1.5, -0.5)  # client 0 on top
    assert [text.get_text() for text in beside.get_legend().get_texts()] == ["-1", "2", "5"]
    assert ax.get_title(loc="left") == "arrays in memory, 2 clients"


def test_many_labels_are_a_heat_map_in_the_order_of_clients() -> None:
    y = np.arange(60.0) % 30
    ax, _ = drawn(Federation.from_arrays(np.zeros((60, 1)), y, IID(3)))
    image = np.asarray(ax.images[0].get_array())
    assert image.shape == (3, 30)
    mix = label_mix(Federation.from_arrays(np.zeros((60, 1)), y, IID(3)))
    assert mix is not None
    assert np.array_equal(image, mix.counts / 20)
    assert words(ax.xaxis) == [str(k) for k in range(0, 30, 2)]


def test_many_clients_are_ordered_and_their_sizes_with_them() -> None:
    data = federation("digits:digit", Dirichlet(0.1, 60))
    ax, figure = drawn(data)
    image = np.asarray(ax.images[0].get_array())
    assert (np.diff(image.argmax(axis=1)) >= 0).all()
    sizes = np.array([patch.get_width() for patch in figure.axes[1].patches])
    assert np.array_equal(np.sort(sizes), np.sort(data.sizes()))
    assert np.array_equal(
        np.round(image * sizes[:, None]).sum(axis=0), np.bincount(np.concatenate([d.y for d in data]).astype(int))
    )
    assert "order" in ax.get_ylabel()
    assert words(ax.yaxis) == []


@pytest.mark.parametrize("seed", range(5))
def test_intervals_of_a_real_target_hold_equally_many(seed: int) -> None:
    y = np.random.default_rng(seed).standard_normal(800)
    mix = label_mix(Federation.from_arrays(np.zeros((800, 1)), y, IID(4)))
    assert mix is not None
    assert mix.counts.sum(axis=0).tolist() == [100] * 8
    assert mix.names[0] == f"up to {np.sort(y)[99]:.3g}"
    assert len(mix.names) == 8


@pytest.mark.parametrize(
    ("y", "counts"),
    [
        (np.full(10, 0.5), [10]),
        (np.r_[np.zeros(9), 0.5], [9, 1]),
        (np.r_[0.5, np.ones(9)], [10]),
        (np.r_[0.5, np.ones(4)].repeat(2), [2, 8]),
        (np.r_[np.zeros(5), np.linspace(0.1, 0.4, 5)], [5, 2, 1, 1, 1]),
    ],
)
def test_ties_leave_no_interval_empty(y: np.ndarray, counts: list[int]) -> None:
    data = Federation.from_arrays(np.zeros((10, 1)), y)
    mix = label_mix(data)
    assert mix is not None
    assert mix.counts.tolist() == [counts]
    assert len(mix.names) == len(counts)
    drawn(data)


def test_whole_numbers_of_a_wide_range_are_put_in_intervals() -> None:
    mix = label_mix(Federation.from_arrays(np.zeros((1000, 1)), np.arange(1000.0)))
    assert mix is not None
    assert mix.counts.tolist() == [[125] * 8]
    ax, _ = drawn(Federation.from_arrays(np.zeros((1000, 1)), np.arange(1000.0), IID(50)))
    assert words(ax.xaxis)[0] == "124"
    assert len(words(ax.xaxis)) == 7


@pytest.mark.parametrize(
    "data",
    [
        Federation.from_arrays(np.zeros((9, 2)), None, IID(3)),
        Federation([Quad(np.eye(2), np.ones(2))] * 3),
        Federation([Samples(np.zeros((2, 1)), np.ones(2)), Samples(np.zeros((2, 1)))]),
    ],
    ids=["no targets", "not samples", "some have none"],
)
def test_without_targets_the_sizes_are_drawn(data: Federation) -> None:
    ax, figure = drawn(data)
    assert figure.axes == [ax]
    assert [patch.get_width() for patch in ax.patches] == data.sizes()
    assert ax.get_xlabel() == "samples"


def apart(figure: Figure) -> bool:
    """Whether no axes' words touch those of another; titles may reach over to the right."""
    for ax in figure.axes:
        ax.set_title("", loc="left")
    png(figure)
    boxes = [ax.get_tightbbox() for ax in figure.axes]
    return not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])  # type: ignore[union-attr, arg-type]


def test_two_federations_share_a_figure(small: Federation) -> None:
    figure = Figure(layout="constrained", figsize=(12, 4))
    for ax in figure.subplots(1, 2):
        assert small.plot(ax) is ax
    assert apart(figure)


@pytest.mark.parametrize(("partition", "clients"), [("shards:2", 10), ("dirichlet:0.1", 60)])
def test_nothing_overlaps(partition: str, clients: int) -> None:
    _, figure = drawn(federation("digits:digit", partition, clients=clients))
    assert apart(figure)
    figure.set_layout_engine("none")
    figure.axes[1].set_position(figure.axes[0].get_position())
    assert not apart(figure)  # the check sees an overlap


def test_axes_placed_by_hand_are_refused(small: Federation) -> None:
    with pytest.raises(SpecError, match="axes of a grid"):
        small.plot(Figure().add_axes((0, 0, 1, 1)))


def test_without_axes_pyplot_shows_it(small: Federation) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    ax = small.plot()
    assert ax.figure.number in pyplot.get_fignums()  # type: ignore[union-attr]
    pyplot.close(ax.figure)  # type: ignore[arg-type]


def test_the_png_leaves_pyplot_alone() -> None:
    code = """
import sys, numpy as np
from fedmm import Federation
from fedmm.plot import png
from fedmm.plot_clients import clients_png
assert clients_png(Federation([np.eye(2)])).startswith(b"\\x89PNG")
print("matplotlib.pyplot" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_explain_draws_the_clients(tmp_path: Any) -> None:
    path = tmp_path / "clients.png"
    line = ["explain", "logistic", "--data", "digits", "--partition", "shards:1", "--clients", "6"]
    done = CliRunner().invoke(main, [*line, "--plot", str(path)])
    assert done.exit_code == 0, done.output
    assert path.read_bytes() == clients_png(federation("digits", "shards:1", clients=6))
    refused = CliRunner().invoke(main, [*line, "--plot", str(tmp_path / "clients.pdf")])
    assert refused.exit_code == 2
    assert "that ends in .png" in refused.output
