"""What the claims are to cover: every topic has its claims, and no claim is without a topic (a new one: a line of `TOPICS`)."""

from __future__ import annotations

import re

import pytest

from theory_checks.claim import Status
from theory_checks.claims import claims

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
    "gradient descent, convex": ("gd-convex-gap",),
    "gradient descent, strongly convex": ("gd-distance", "gd-strongly-convex-gap"),
    "gradient descent, non-convex": ("gd-nonconvex", "gd-nonconvex-exact"),
    "proximal gradient": ("prox-gradient-gap",),
    "stochastic gradient, constant step": ("sgd-constant-step",),
    "stochastic gradient, finite sum": ("sgd-finite-sum",),
    "local gradient descent, one round": ("local-gd-round", "local-gd-drift", "local-gd-round-classical", "local-gd-ball"),
    "local gradient descent, averaged iterate": ("local-gd-averaged-2019", "local-gd-averaged-2020"),
    "local gradient descent, partial participation": (
        "local-gd-sampled-round",
        "local-gd-sampled-round-exact",
        "local-gd-sampled-rounds",
    ),
    "dithering": ("dithering-variance", "dithering-bound", "dithering-quarter"),
    "natural compression, rand-k, top-k": ("natural-compression", "rand-k-variance", "top-k-contraction"),
    "second moments and facts of channels": ("mask-second-moment", "rand-k-second-moment", "channel-facts", "channel-unbiased"),
    "sampling without replacement": ("sampling-without-replacement", "shared-subset-means", "shared-subset-deviations"),
    "independent sampling": ("horvitz-thompson", "bernoulli-variance", "participation-and-compression"),
    "Sinkhorn, Hilbert's metric": ("sinkhorn-contraction",),
    "Sinkhorn, marginal error": ("sinkhorn-marginal-error",),
    "entropic bias": ("entropic-bias", "entropic-bias-refined", "entropic-bias-marginals"),
    "methods to come": (
        "byzantine-bias",
        "byzantine-gradients",
        "byzantine-gradients-exact",
        "ef21-pl",
        "ef21-rate",
        "ef21-smooth",
        "fedlin-round",
        "fedlin-round-exact",
        "fedprox-contraction",
        "fedprox-bias",
        "fedprox-round",
        "proxskip-published",
        "proxskip-factor",
        "proxskip-rate",
    ),
}

BLIND = {"gd-convex-gap": {"batch"}, "prox-gradient-gap": {"batch"}}
"""Quadratic instances stay far from what a Huber function attains."""

NAMES = [name for names in TOPICS.values() for name in names]


@pytest.mark.parametrize("topic", TOPICS)
def test_every_topic_has_its_claims(topic: str) -> None:
    assert TOPICS[topic]
    for name in TOPICS[topic]:
        claim = claims()[name]
        assert claim.extremes
        assert claim.method or topic == "methods to come"
        assert claim.tags


def test_no_claim_is_without_a_topic() -> None:
    assert sorted(NAMES) == sorted(claims())
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize("name", NAMES)
def test_every_engine_refutes_some_mutant(name: str) -> None:
    """An engine that sees no mutant would have no teeth."""
    claim = claims()[name]
    seeing = {engine for mutant in claim.mutants for engine in mutant.seen_by}
    assert seeing == set(claim.engines) - BLIND.get(name, set())


@pytest.mark.parametrize("name", NAMES)
def test_the_source_is_named_as_its_status_says(name: str) -> None:
    """What is ours says "here"; what is published names its year, or that it is nobody's."""
    claim = claims()[name]
    if claim.status in (Status.DERIVED, Status.NUMERIC):
        assert "here" in claim.reference
    else:
        assert re.search(r"\b(19|20)\d\d\b|textbook|folklore|the sources of", claim.reference)
