"""Buffers: statistics of batch normalisation travel beside theta, exactly, and are averaged over those who reply."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fedmm
from fedmm import Batched, Bernoulli, FedAvg, Federation, FedMM, FedSGD, FixedSize, RunError, Samples, TopK, compose, solve
from fedmm.arrays import to_numpy
from fedmm.batches import rows
from fedmm.explain import explain
from fedmm.keys import Key
from fedmm.nn import Network
from fedmm.types import Batch
from problems import Logistic
from problems.data import federation

torch = pytest.importorskip("torch", reason="torch is not installed")
torch.set_num_threads(1)  # for so small networks a second thread only waits

STEP, BATCH, ROUNDS = 0.2, 4, 3
AVERAGED, COPIED = 2 * 5, 1


def normalised(input_shape: tuple[int, ...], outputs: int, momentum: float | None = 0.3) -> Any:
    """A layer, batch normalisation, a layer."""
    nn = torch.nn
    return nn.Sequential(nn.Linear(input_shape[0], 5), nn.BatchNorm1d(5, momentum=momentum), nn.Tanh(), nn.Linear(5, outputs))


def cumulative(input_shape: tuple[int, ...], outputs: int) -> Any:
    """The running mean weighs all batches alike, by `num_batches_tracked`."""
    return normalised(input_shape, outputs, None)


def data(sizes: tuple[int, ...] = (12, 8, 8)) -> Federation:
    rng = np.random.default_rng(4)
    clients = [Samples(rng.standard_normal((n, 6)) * (i + 1) + i, np.arange(n) % 3 * 1.0) for i, n in enumerate(sizes)]
    return Federation(clients, "samples")


def plain(builder: Any, theta0: np.ndarray, clients: Federation) -> dict[str, np.ndarray]:
    """FedAvg of whole state dicts, as one would write it; whole numbers are those of the first client."""
    server = builder((6,), 3).double()
    torch.nn.utils.vector_to_parameters(torch.from_numpy(theta0.copy()), server.parameters())
    for t in range(1, ROUNDS + 1):
        mean = {}
        for i, (X, y) in enumerate(clients):
            model = builder((6,), 3).double()
            model.load_state_dict(server.state_dict())
            optimiser = torch.optim.SGD(model.parameters(), lr=STEP)
            for k in range(3):
                index = rows(Batch(BATCH, Key(0, t, i).fold(k)), len(X))
                optimiser.zero_grad()
                torch.nn.CrossEntropyLoss()(model(torch.from_numpy(X[index])), torch.from_numpy(y[index]).long()).backward()
                optimiser.step()
            for key, value in model.state_dict().items():
                if value.dtype == torch.int64:
                    mean.setdefault(key, value)
                else:
                    mean[key] = mean.get(key, 0.0) + clients.weights[i] * value
        server.load_state_dict(mean)
    return {key: value.numpy() for key, value in server.state_dict().items()}


@pytest.mark.parametrize("builder", [normalised, cumulative])
def test_fedavg_averages_state_dicts(builder: Any) -> None:
    clients = data()
    result = solve(Network(builder), clients, FedAvg(local_steps=3, batch=BATCH, step=STEP), rounds=ROUNDS)
    want = plain(builder, result.theta0, clients)
    assert isinstance(result.problem, Network)
    got = {key: value.numpy() for key, value in result.problem.module(result.theta).state_dict().items()}
    assert list(got) == list(want)
    for key, value in want.items():
        np.testing.assert_allclose(got[key], value, rtol=1e-11, atol=1e-13, err_msg=key)
    assert got["1.num_batches_tracked"] == 3 * ROUNDS
    assert np.abs(got["1.running_mean"]).max() > 0.1
    # the objective is that of the module in evaluation mode
    module = result.problem.module(result.theta)
    losses = [torch.nn.CrossEntropyLoss()(module(torch.from_numpy(X)), torch.from_numpy(y).long()) for X, y in clients]
    mean = sum(w * float(loss.detach()) for w, loss in zip(clients.weights, losses, strict=True))
    assert result.objective == pytest.approx(mean, rel=1e-12)


@pytest.mark.parametrize(
    "method", [FedAvg(local_steps=2, batch=BATCH, step=STEP), FedMM(step=0.5, batch=BATCH)], ids=["fedavg", "fedmm"]
)
@pytest.mark.parametrize("convert", [np.asarray, torch.as_tensor], ids=["numpy", "torch"])
def test_batched_is_the_reference(method: Any, convert: Any) -> None:
    parts = {"rounds": 3, "participation": Bernoulli(0.7)}
    clients = data().to(convert)
    one, block = (solve(Network(normalised, rho=0.1), clients, method, executor=e, **parts) for e in (None, Batched()))
    assert one.buffers is not None
    assert block.buffers is not None
    np.testing.assert_allclose(to_numpy(block.theta), to_numpy(one.theta), rtol=1e-11, atol=1e-13)
    for a, b in zip(one.buffers, block.buffers, strict=True):
        assert type(a) is type(convert(np.zeros(1)))
        np.testing.assert_allclose(to_numpy(b), to_numpy(a), rtol=1e-12)
    assert one.bits_up == block.bits_up


def test_channels_never_touch_them_and_their_bits_count() -> None:
    method = FedAvg(local_steps=1, step=1e-12)
    exact, lossy = (solve(Network(normalised), data(), method, rounds=1, channel=c) for c in (None, TopK(1)))
    assert exact.buffers is not None
    assert lossy.buffers is not None
    np.testing.assert_allclose(lossy.buffers.averaged, exact.buffers.averaged, rtol=1e-9)
    d = len(exact.theta)
    assert exact.bits_up == 3 * 64 * (d + AVERAGED + COPIED)
    assert exact.bits_down == 3 * 64 * (d + AVERAGED + COPIED)
    wire = TopK(1).encode(np.ones(d), Key(0))
    assert lossy.bits_up == 3 * (TopK(1).bits(wire) + 64 * (AVERAGED + COPIED))


def test_explain_counts_them() -> None:
    text = explain(compose(Network(normalised), data(), FedSGD(step=0.1))).text
    assert "beside     buffers, 704 bit each way, exactly" in text  # 64 (2 x 5 + 1)


def test_the_average_is_over_those_who_reply() -> None:
    clients = data((6, 6, 6))
    result = solve(Network(normalised), clients, FedSGD(step=1e-12), rounds=1, participation=FixedSize(2))
    assert result.buffers is not None
    module = normalised((6,), 3).double()
    problem = Network(normalised).settle(clients, ())
    torch.nn.utils.vector_to_parameters(torch.from_numpy(problem.start(clients).copy()), module.parameters())
    means = [0.3 * module[0](torch.from_numpy(X)).detach().numpy().mean(axis=0) for X, _ in clients]
    pairs = [(means[i] + means[j]) / 2 for i, j in ((0, 1), (0, 2), (1, 2))]
    assert min(np.abs(result.buffers.averaged[:5] - pair).max() for pair in pairs) < 1e-12


def test_nobody_replies_and_nothing_changes() -> None:
    result = solve(Network(normalised), data(), FedSGD(step=0.1), rounds=1, participation=Bernoulli(1e-9))
    assert result.trace.last("clients") == 0
    assert result.buffers is not None
    np.testing.assert_array_equal(result.buffers.averaged, [0.0] * 5 + [1.0] * 5)
    assert result.buffers.copied.tolist() == [0]


def test_evaluation_changes_nothing() -> None:
    result = solve(Network(normalised), data(), FedSGD(step=0.1), rounds=2)
    assert result.buffers is not None
    problem: Any = result.problem
    before = result.buffers.averaged.copy()
    first = problem.gradient(data()[0], result.theta)
    np.testing.assert_array_equal(problem.gradient(data()[0], result.theta), first)
    problem.predict(result.theta, data()[0].X)
    problem.value(data()[0], result.theta)
    np.testing.assert_array_equal(result.buffers.averaged, before)
    copy = pickle.loads(pickle.dumps(problem))
    assert float(copy.value(data()[0], result.theta)) == float(problem.value(data()[0], result.theta))
    unbound = Network(normalised).settle(data(), ())
    assert float(unbound.value(data()[0], result.theta)) != float(problem.value(data()[0], result.theta))


def test_a_run_with_buffers_saves_and_goes_on(tmp_path: Path) -> None:
    clients = federation("digits:labels=digit", "iid", clients=3)
    problem = Network(f"{__name__}:normalised")
    method = FedAvg(local_epochs=1, batch=100, step=0.1)
    whole = solve(problem, clients, method, rounds=2)
    half = solve(problem, clients, method, rounds=1)
    loaded = fedmm.load(str(half.save(tmp_path / "run")))
    assert loaded.buffers is not None
    assert half.buffers is not None
    np.testing.assert_array_equal(loaded.buffers.averaged, half.buffers.averaged)
    assert loaded.buffers.copied.dtype == np.int64
    assert loaded.problem.objective(clients, loaded.theta) == half.objective
    again = solve(problem, clients, method, rounds=1, resume=loaded)
    np.testing.assert_array_equal(again.theta, whole.theta)
    assert again.objective == whole.objective


def test_a_batch_of_one_is_a_client_that_cannot_answer() -> None:
    with pytest.raises(RunError, match=r"Client 0 failed in round 1: .*more than 1 value per channel"):
        solve(Network(normalised), data((5, 5)), FedAvg(local_epochs=1, batch=4, step=0.1), rounds=1)


def test_problems_without_buffers_have_none() -> None:
    clients = federation("breast-cancer", "iid", clients=2)
    result = solve(Logistic(), clients, FedSGD(step=0.1), rounds=1)
    assert result.buffers is None
    assert Network().settle(data(), ()).buffers(data()) is None
    with pytest.raises(NotImplementedError, match="logistic keeps no buffers"):
        Logistic().bind(None)  # type: ignore[arg-type]


def test_a_cohort_of_weight_zero_leaves_the_buffers() -> None:
    X, y = data()[0]
    clients = Federation([Samples(X, y), Samples(X + 1.0, y)], (0.0, 1.0))
    result = solve(Network(normalised), clients, FedSGD(step=STEP), rounds=8, participation=FixedSize(1))
    assert result.status.code == "completed"
    assert {1.0} == set(result.trace["clients"][1:])
