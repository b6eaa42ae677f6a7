"""`explain`: what it says is what a run then does."""

from __future__ import annotations

import re

import numpy as np
import pytest

from fedmm import (
    Bernoulli,
    CompositionError,
    Dither,
    FedAvg,
    Federation,
    FedMM,
    FedPM,
    FixedSize,
    Mask,
    Mean,
    Naive,
    RandK,
    Samples,
    TopK,
    compose,
    solve,
)
from fedmm.explain import explain
from problems import Dictionary, Logistic, Quad, Quadratic

N, D = 4, 5


def quadratics(dtype: str = "float64") -> Federation:
    rng = np.random.default_rng(0)
    A = [(0.5 * np.eye(D) + M @ M.T / D).astype(dtype) for M in rng.standard_normal((N, D, D))]
    return Federation([Quad(a, rng.standard_normal(D).astype(dtype)) for a in A])


def labelled() -> Federation:
    rng = np.random.default_rng(1)
    return Federation([Samples(rng.standard_normal((8, 3)), np.array([1.0, -1.0] * 4)) for _ in range(3)])


def bits_said(text: str, way: str) -> float:
    """The bits of one message, read from the text."""
    rest = text[text.index(f"\n{way}") :]
    number, unit = re.search(r"([\d.]+) (bit|kbit)( instead of [\d.]+ k?bit)? (to|from) each client", rest).groups()[:2]  # type: ignore[union-attr]
    return float(number) * (1e3 if unit == "kbit" else 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("channel", [None, RandK(2), Dither(4), TopK(2)], ids=str)
def test_the_sizes_are_those_a_run_counts(channel, dtype: str) -> None:
    data, method = quadratics(dtype), FedAvg()
    text, refusal = explain(compose(Quadratic(), data, method, channel=channel))
    assert refusal is None
    assert f"through {channel.name}" in text if channel else "through" not in text
    last = solve(Quadratic(), data, method, rounds=1, channel=channel).trace.rows[-1]
    assert bits_said(text, "up") == last["bits_up"] / N
    assert bits_said(text, "down") == last["bits_down"] / N


def test_a_downlink_channel_counts() -> None:
    data = quadratics()
    text = explain(compose(Quadratic(), data, FedAvg(), downlink=RandK(3))).text
    assert bits_said(text, "down") == 3 * 64
    assert bits_said(text, "up") == D * 64


def test_parts_that_go_exactly_are_named() -> None:
    text = explain(compose(Logistic(ridge=0.1), labelled(), FedPM())).text
    assert "P: 6 numbers of 64 bits, exactly" in text
    assert "v: 3 numbers of 64 bits, exactly" in text


def test_composed_facts_and_the_step_are_those_of_the_composition() -> None:
    composition = compose(Quadratic(), quadratics(), FedMM(), channel=RandK(2), participation=Bernoulli(0.25))
    text = explain(composition).text
    assert "unbiased, omega = 1.5" in text
    assert "= 9\n" in text  # (1 + 1.5)/0.25 - 1
    step = composition.algorithm.promise(composition).step
    assert f"theory admits up to {step:.6g}" in text
    assert "sum_t E|h(s_t)|^2 <= (2/v_min)" in text
    assert "1 of 4 clients a round on average, drawn independently" in text


@pytest.mark.parametrize(
    ("method", "aggregator", "words"),
    [
        (FedMM(), None, "Horvitz-Thompson"),
        (FedAvg(), None, "normalised over those who replied"),
        (FedAvg(), Mean("increments"), "Horvitz-Thompson"),
    ],
    ids=str,
)
def test_the_weighting_of_replies_is_told(method, aggregator, words: str) -> None:
    assert words in explain(compose(Quadratic(), quadratics(), method), aggregator).text


def test_a_missing_fact_is_named() -> None:
    text = explain(compose(Dictionary(components=2, iterations=5), labelled(), FedMM())).text
    assert "no bound: v_min of dictionary is unknown" in text
    assert "averaging minimisers has no guarantee" in explain(compose(Quadratic(), quadratics(), Naive())).text


def test_no_theorem_covers_fixed_size_sampling() -> None:
    text = explain(compose(Quadratic(), quadratics(), FedMM(), participation=FixedSize(2))).text
    assert "no bound: no theorem covers fixed" in text
    assert "drawn together (not independently)" in text


@pytest.mark.parametrize(
    ("problem", "method", "how"),
    [
        (Quadratic(ridge=0.1), FedPM(), {"channel": Mask(0.5)}),
        (Quadratic(), FedMM(), {"channel": TopK(2)}),
        (Quadratic(ridge=0.1), FedAvg(), {}),
        (Dictionary(components=2), FedPM(), {}),
        (Dictionary(components=2, iterations=5), FedMM(step="theory"), {}),
    ],
    ids=str,
)
def test_it_refuses_what_solve_refuses_with_the_same_sentence(problem, method, how) -> None:
    data = labelled() if isinstance(problem, Dictionary) else quadratics()
    refusal = explain(compose(problem, data, method, **how)).refusal
    with pytest.raises(CompositionError) as refused:
        solve(problem, data, method, rounds=1, **how)
    assert refusal == str(refused.value)


def test_an_opening_is_announced() -> None:
    assert "an opening" in explain(compose(Quadratic(), quadratics(), FedMM())).text
    assert "an opening" not in explain(compose(Quadratic(), quadratics(), FedMM(start="lift"))).text


def test_a_bound_is_not_promised_for_another_mean() -> None:
    how = compose(Quadratic(), quadratics(), FedMM(), participation=Bernoulli(0.5))
    assert "the bound of fedmm is for a mean of increments" in explain(how, Mean("models")).text
    full = compose(Quadratic(), quadratics(), FedMM())  # everyone replies: both means are the same
    assert "here: " in explain(full, Mean("models")).text


def test_constants_of_the_data_are_told_to_six_digits() -> None:
    (line,) = [line for line in explain(compose(Quadratic(), quadratics(), FedMM())).text.splitlines() if "rho" in line]
    assert re.fullmatch(r"problem    quadratic:rho=\d\.\d{1,6}", line), line
