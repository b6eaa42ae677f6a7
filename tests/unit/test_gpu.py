"""The same files on a GPU: skipped, with a reason, where there is none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fedmm import Batched, Bernoulli, FedAvg, Federation, FedMM, FedPM, RandK, Samples, solve
from fedmm.arrays import to_numpy
from fedmm.executors import InProcess
from fedmm.nn import Network
from problems import Dictionary, Logistic

torch = pytest.importorskip("torch", reason="torch is not installed")
DEVICE = "cuda"
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")


def federation() -> Federation:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((6, 20, 5))
    return Federation([Samples(x, np.sign(x[:, 0] + 0.5 * rng.standard_normal(20))) for x in X])


@pytest.mark.parametrize(
    ("problem", "method", "options"),
    [
        (Logistic(ridge=0.1), FedAvg(local_steps=3, step=0.5), {}),
        (Logistic(ridge=0.1), FedPM(), {}),
        (Logistic(ridge=0.1), FedMM(step="theory"), {"participation": Bernoulli(0.5), "channel": RandK(2)}),
        (Dictionary(components=4), FedMM(batch=7), {"participation": Bernoulli(0.5)}),
    ],
    ids=["fedavg", "fedpm", "fedmm", "dictionary"],
)
def test_cuda_follows_numpy(problem: Any, method: Any, options: dict[str, Any]) -> None:
    data = federation()
    want = solve(problem, data, method, rounds=10, **options)
    moved = data.to(lambda x: torch.as_tensor(x, device=DEVICE))
    got = solve(problem, moved, method, rounds=10, executor=Batched(), **options)
    assert got.theta.device.type == DEVICE
    np.testing.assert_allclose(to_numpy(got.theta), want.theta, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(got.trace["objective"], want.trace["objective"], rtol=1e-9)
    assert got.bits_up == want.bits_up


def batch_normalised(input_shape: tuple[int, ...], outputs: int) -> Any:
    return torch.nn.Sequential(torch.nn.Linear(input_shape[0], 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, outputs))


@pytest.mark.parametrize("architecture", ["mlp", "cnn", batch_normalised], ids=["mlp", "cnn", "buffers"])
@pytest.mark.parametrize("executor", [InProcess(), Batched()], ids=["one by one", "whole cohort"])
def test_networks_on_cuda_follow_the_cpu(architecture: Any, executor: Any) -> None:
    rng = np.random.default_rng(1)
    data = Federation([Samples(rng.standard_normal((20, 64)), np.arange(20) % 4 * 1.0) for _ in range(5)])
    problem, method = Network(architecture), FedAvg(local_epochs=2, batch=10, step=0.1)
    want = solve(problem, data, method, rounds=4, participation=Bernoulli(0.7))
    moved = data.to(lambda x: torch.as_tensor(x, device=DEVICE))
    got = solve(problem, moved, method, rounds=4, participation=Bernoulli(0.7), executor=executor)
    assert got.theta.device.type == DEVICE
    np.testing.assert_allclose(to_numpy(got.theta), want.theta, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(got.trace["objective"], want.trace["objective"], rtol=1e-8)
    assert got.bits_up == want.bits_up
    if want.buffers is not None:
        assert got.buffers is not None
        np.testing.assert_allclose(to_numpy(got.buffers.averaged), want.buffers.averaged, rtol=1e-8)
