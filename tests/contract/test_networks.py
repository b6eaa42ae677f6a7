"""Networks obey the laws of problems that can hold without a known L, all but majorisation and descent; with one layer, all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from fedmm import Federation, Samples
from fedmm.nn import CATALOG, Network, mlp, resnet18_gn
from fedmm.testing.cases import Case
from fedmm.testing.problems import LAWS

torch = pytest.importorskip("torch", reason="torch is not installed")
torch.set_num_threads(1)  # for so small networks a second thread only waits

UNCERTIFIED = {"majorises", "descends"}
"""What needs rho <= 1/L, which no one knows for layers upon layers; with one layer L is known, and these laws hold too."""

ROUGH = {*UNCERTIFIED, "gradients", "touches", "curved"}
"""What also needs derivatives everywhere, which max-pooling and ReLU do not have."""


def classes(features: int, sizes: tuple[int, ...] = (7, 9, 7)) -> Federation:
    """Clients of these sizes, three classes, every class at the first client."""
    rng = np.random.default_rng(2)
    clients = [Samples(rng.standard_normal((n, features)), np.arange(n) % 3 * 1.0) for n in sizes]
    return Federation(clients, "samples")


def targets() -> Federation:
    """The same with numbers to predict."""
    return Federation([Samples(X, X[:, 0] * X[:, 1]) for X, _ in classes(4)])


def one_layer(data: Federation) -> float:
    """L of softmax regression with intercepts: half the largest eigenvalue of the mean of (x, 1)(x, 1)' over a client."""
    rows = (np.column_stack([X, np.ones(len(X))]) for X, _ in data)
    return max(0.5 * float(np.linalg.norm(Z, 2)) ** 2 / len(Z) for Z in rows)


smooth = partial(mlp, hidden=(3,), activation="tanh")
CASES: dict[str, tuple[Callable[[], Case], set[str]]] = {
    "mlp": (lambda: Case(Network(smooth, ridge=0.1, rho=0.2), classes(4)), UNCERTIFIED),
    "linear": (lambda: Case(Network(partial(mlp, hidden=()), rho=1.0 / one_layer(classes(3))), classes(3)), set()),
    "squared": (lambda: Case(Network(smooth, "squared", rho=0.2), targets()), UNCERTIFIED),
    "no-surrogate": (lambda: Case(Network(smooth, ridge=0.1), classes(4)), UNCERTIFIED),
    "cnn": (lambda: Case(Network("cnn", rho=0.1), classes(16, (5, 5))), ROUGH),
    "resnet18-gn": (
        lambda: Case(Network(partial(resnet18_gn, width=2), input_shape=(1, 4, 4), rho=0.1), classes(16, (5, 5))),
        {*ROUGH, "batches", "same_on_array_api_strict", "centralises"},  # slow, and the same code as for the others
    ),
}


def test_every_network_has_a_case() -> None:
    assert {type(make().problem) for make, _ in CASES.values()} == set(CATALOG)


@pytest.mark.parametrize("name", CASES)
def test_laws(name: str) -> None:
    make, exempt = CASES[name]
    case = make()
    for law, check in LAWS.items():
        if law not in exempt:
            check(case)


def wrong(**oracles: Any) -> Case:
    return Case(type("Broken", (Network,), oracles)(smooth, ridge=0.1, rho=0.2), classes(4))


BROKEN: list[tuple[str, dict[str, Any]]] = [
    ("gradients", {"gradient": lambda s, d, t, b=None: Network.gradient(s, d, t, b) - s.ridge * t}),
    ("leading_axis", {"gradient": lambda s, d, t, b=None: Network.gradient(s, d, t, b)[..., ::-1] if t.ndim > 1 else t}),
    ("batches", {"gradient": lambda s, d, t, b=None: Network.gradient(s, d, t)}),
    ("minimises", {"statistic": lambda s, d, t, b=None, warm=None: (t + s.rho * s.gradient(d, t, b), None)}),
    ("explains", {"facts": lambda s, f: type(Network.facts(s, f))()}),
]


@pytest.mark.parametrize(("law", "oracles"), BROKEN, ids=[law for law, _ in BROKEN])
def test_laws_refuse_broken_networks(law: str, oracles: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        LAWS[law](wrong(**oracles))
