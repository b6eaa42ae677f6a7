"""Curves: what is drawn is what was measured, with words on the axes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from fedmm import Bernoulli, Federation, FedMM, Mask, Naive, SpecError, solve
from fedmm.plot import comparison, png_of, sent
from fedmm.result import Result
from fedmm.trace import Trace
from problems import Quad, Quadratic


@pytest.fixture(scope="module")
def result() -> Result:
    data = Federation([Quad(np.eye(3) * (i + 1.0), np.ones(3)) for i in range(3)])
    return solve(Quadratic(), data, FedMM(step=0.5), rounds=8, participation=Bernoulli(0.5), channel=Mask(0.5))


def with_objective(result: Result, values: list[float]) -> Result:
    rows = [{**row, "objective": value} for row, value in zip(result.trace.rows, values, strict=False)]
    return replace(result, trace=Trace(rows))


def test_the_curve_is_the_trace(result: Result) -> None:
    ax = result.plot("objective", against="bits_up", ax=Figure().add_subplot(), label="mine")
    (line,) = ax.get_lines()
    assert np.array_equal(line.get_xdata(), result.trace["bits_up"])
    assert np.array_equal(line.get_ydata(), result.trace["objective"])
    assert (line.get_label(), ax.get_xlabel()) == ("mine", "bits sent up by all clients")
    assert ax.get_ylabel() == "objective W(θ)"


def test_rounds_without_a_measurement_are_skipped(result: Result) -> None:
    sparse = with_objective(result, [4.0, float("nan"), 2.0, float("nan"), 1.0])
    (line,) = sparse.plot(ax=Figure().add_subplot()).get_lines()
    assert np.array_equal(line.get_xdata(), [0, 2, 4])
    assert np.array_equal(line.get_ydata(), [4.0, 2.0, 1.0])


@pytest.mark.parametrize(
    ("values", "scale"), [([1e3, 1.0, 1e-3], "log"), ([3.0, 2.0, 1.0], "linear"), ([9e9, 1.0, -1.0], "linear")]
)
def test_a_logarithm_where_positive_values_span_decades(result: Result, values: list[float], scale: str) -> None:
    assert with_objective(result, values).plot(ax=Figure().add_subplot()).get_yscale() == scale


def test_two_runs_share_axes(result: Result) -> None:
    ax = Figure().add_subplot()
    assert result.plot(ax=ax) is ax
    assert result.plot(ax=ax) is ax
    assert len(ax.get_lines()) == 2


def test_an_unknown_column_is_refused(result: Result) -> None:
    with pytest.raises(SpecError, match="Did you mean 'objective'"):
        result.plot("objectiv", ax=Figure().add_subplot())


def test_without_axes_pyplot_makes_and_shows_them(result: Result) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    ax = result.plot()
    assert ax.figure.number in pyplot.get_fignums()  # type: ignore[union-attr]
    assert "bernoulli:p=0.5 participation" in ax.get_title() or "bernoulli:0.5 participation" in ax.get_title()
    pyplot.close(ax.figure)  # type: ignore[arg-type]


def test_the_picture_of_a_folder_is_a_png_of_some_size(result: Result) -> None:
    content = png_of(result)
    assert content is not None
    assert content.startswith(b"\x89PNG\r\n")
    width, height = (int.from_bytes(content[at : at + 4], "big") for at in (16, 20))
    assert (width, height) == (1000, 420)
    unmeasured = replace(result, trace=Trace([{k: v for k, v in row.items() if k != "objective"} for row in result.trace.rows]))
    assert png_of(unmeasured) is None


def test_saving_a_picture_leaves_pyplot_alone() -> None:
    code = """
import sys, numpy as np
from fedmm import Federation, FedMM, solve
from fedmm.plot import png_of
from problems import Quad, Quadratic
assert png_of(solve(Quadratic(), Federation([Quad(np.eye(2), np.ones(2))]), FedMM(), rounds=2))
print("matplotlib.pyplot" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_comparison_draws_every_run_against_rounds_and_bits(result: Result) -> None:
    other = solve(Quadratic(), result.federation, Naive(step=0.5), rounds=5)  # type: ignore[arg-type]
    gaps = {"a": np.linspace(1, 0, 9), "b": np.full(6, 0.5)}
    figure = comparison({"a": result, "b": other}, gaps, "the known optimum")
    left, right = figure.axes
    assert [line.get_label() for line in left.get_lines()] == ["a", "b"]
    assert len(left.get_lines()[0].get_xdata()) == 8  # type: ignore[arg-type]  # the gap 0 has no logarithm
    assert np.array_equal(left.get_lines()[1].get_xdata(), np.arange(6))
    assert right.get_xlabel() == "sent up and down, all clients (kbit)"
    assert np.allclose(right.get_lines()[1].get_xdata(), sent(other.trace) / 1e3, rtol=1e-15)  # type: ignore[arg-type]
    assert left.get_lines()[0].get_linestyle() != left.get_lines()[1].get_linestyle()
    assert {ax.get_yscale() for ax in (left, right)} == {"log"}


def test_a_diverging_run_leaves_the_others_readable(result: Result) -> None:
    fine, wild = np.array([4.0, 2.0, 1e-3, 1e-4]), np.array([4.0, 4e3, 4e80, 1e300])
    runs = {name: with_objective(result, [1.0] * 4) for name in ("fine", "wild")}
    figure = comparison(runs, {"fine": fine, "wild": wild}, "known")
    drawn = {str(line.get_label()): line.get_ydata() for line in figure.axes[0].get_lines()}
    assert np.array_equal(drawn["fine"], fine)
    assert np.array_equal(drawn["wild"], [4.0, 4e3])


def test_values_near_the_largest_float_do_not_stop_the_picture(result: Result) -> None:
    content = png_of(with_objective(result, [0.5, 1e66, 1e132, 1e199, 3e265]))
    assert content is not None
    assert content.startswith(b"\x89PNG")
