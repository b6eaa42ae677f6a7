"""What the claims are to cover: every topic has its claims, and no claim of these files is without a topic.

A new topic is a line of `TOPICS`; the file it comes from goes into `FILES`.
"""

from __future__ import annotations

import re

import pytest

from theory_checks.claim import Status
from theory_checks.claims import (
    aggregation,
    claims,
    control_variates,
    fedem,
    fedmm_bounds,
    fedmm_exact_rate,
    fedmm_rate,
    fedmm_special,
    fixed_points,
    incremental_em,
    mean_field,
    mm,
    mm_class,
    online,
    sublinear,
    surrogates,
)

FILES = (
    aggregation,
    control_variates,
    fedem,
    fedmm_bounds,
    fedmm_exact_rate,
    fedmm_rate,
    fedmm_special,
    fixed_points,
    incremental_em,
    mean_field,
    mm,
    mm_class,
    online,
    sublinear,
    surrogates,
)

TOPICS = {
    "descent in the space of statistics": ("surrogate-smoothness", "surrogate-descent"),
    "gradient identity": ("surrogate-gradient", "field-descends", "field-descends-at-most"),
    "certificate of stationarity": ("stationarity-distance", "stationarity-certificate", "fedmm-certifies-itself"),
    "stochastic MM, bound": ("stochastic-mm-mean-field",),
    "FedMM, bound": ("fedmm-mean-field", "fedem-mean-field", "fedmm-moments"),
    "FedMM, linear rate": ("diana-rate", "fedmm-rate", "fedmm-regularizer-rate", "fedmm-exact-rate"),
    "FedMM, rate only": ("fedmm-sublinear-rate",),
    "projected step": ("projected-step",),
    "special cases of FedMM": (
        "fedmm-is-stochastic-mm",
        "fedmm-is-mm",
        "fedmm-full-cohort-noise",
        "fedmm-is-compressed-sgd",
    ),
    "what to aggregate: fixed points": ("naive-affine", "naive-homogeneous", "naive-l1"),
    "control variates": ("fedmm-server-memory", "no-control-variates-plateau", "control-variates-no-plateau"),
    "MM, descent in the metric of a quadratic surrogate": ("mm-quadratic-descent",),
    "MM, linear rate": ("mm-linear-rate", "mm-linear-rate-class", "prox-gradient-strong-gap"),
    "EM, likelihood": ("em-likelihood",),
    "EM, incremental": ("incremental-em",),
    "exact aggregation of surrogates": (
        "fedmm-monotone",
        "fedmm-pooled-rate",
        "naive-rate",
        "fedmm-pooled-precision",
        "naive-precision",
        "naive-precision-excess",
    ),
    "stochastic approximation beyond gradient": ("stochastic-approximation",),
    "online surrogates": ("online-surrogate-above", "online-surrogate-falls"),
}

NAMES = [name for names in TOPICS.values() for name in names]


@pytest.mark.parametrize("topic", TOPICS)
def test_every_topic_has_its_claims(topic: str) -> None:
    assert TOPICS[topic]
    for name in TOPICS[topic]:
        claim = claims()[name]
        assert claim.extremes
        assert claim.method
        assert claim.tags


def test_no_claim_is_without_a_topic() -> None:
    assert sorted(NAMES) == sorted(claim.name for file in FILES for claim in file.CLAIMS)
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize("name", NAMES)
def test_every_engine_refutes_some_mutant(name: str) -> None:
    """An engine that sees no mutant would have no teeth."""
    claim = claims()[name]
    assert {engine for mutant in claim.mutants for engine in mutant.seen_by} == set(claim.engines)


@pytest.mark.parametrize("name", NAMES)
def test_the_source_is_named_as_its_status_says(name: str) -> None:
    """What is ours says "here"; what is published names its year."""
    claim = claims()[name]
    if claim.status in (Status.DERIVED, Status.NUMERIC):
        assert "here" in claim.reference
    else:
        assert re.search(r"\b(19|20)\d\d\b", claim.reference)
