"""Networks against plain torch: loops written here with torch.nn and autograd, on the same batches and the same start."""

from __future__ import annotations

from math import ceil

import numpy as np
import pytest

from fedmm import FedAvg, Federation, FedMM, FedSGD, FixedSize, Samples, solve
from fedmm.batches import rows
from fedmm.keys import Key
from fedmm.nn import Network
from fedmm.types import Batch

torch = pytest.importorskip("torch", reason="torch is not installed")
torch.set_num_threads(1)  # for so small networks a second thread only waits

ROUNDS, STEP, BATCH, CLIENTS = 3, 0.3, 4, 3
SIZES = (11, 8, 13)
RIDGE = 0.01


def images(dtype: type = np.float64) -> Federation:
    rng = np.random.default_rng(5)
    clients = [Samples(rng.standard_normal((n, 64)).astype(dtype), (np.arange(n) % 3).astype(dtype)) for n in SIZES]
    return Federation(clients, "samples")


def architecture(name: str) -> torch.nn.Module:
    """Written out again, so that a wrong constructor is seen."""
    nn = torch.nn
    if name == "mlp":
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 8, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 72),
        nn.ReLU(),
        nn.Linear(72, 3),
    )


def plain(name: str, theta0: np.ndarray, data: Federation, schedule) -> np.ndarray:
    """FedAvg as one would write it: a copy of the model a client, torch.optim.SGD, an average of state dicts."""
    server = architecture(name).double()
    torch.nn.utils.vector_to_parameters(torch.from_numpy(theta0.copy()), server.parameters())
    for t in range(1, ROUNDS + 1):
        mean = {key: torch.zeros_like(value) for key, value in server.state_dict().items()}
        for i, (X, y) in enumerate(data):
            model = architecture(name).double()
            model.load_state_dict(server.state_dict())
            optimiser = torch.optim.SGD(model.parameters(), lr=STEP, weight_decay=RIDGE)
            for index in schedule(Key(0, t, i), len(X)):
                optimiser.zero_grad()
                torch.nn.CrossEntropyLoss()(model(torch.from_numpy(X[index])), torch.from_numpy(y[index]).long()).backward()
                optimiser.step()
            for key, value in model.state_dict().items():
                mean[key] += data.weights[i] * value
        server.load_state_dict(mean)
    return torch.nn.utils.parameters_to_vector(server.parameters()).detach().numpy()


def near(got: np.ndarray, want: np.ndarray, rtol: float = 1e-12) -> None:
    np.testing.assert_allclose(got, want, rtol=0, atol=rtol * np.abs(want).max())


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_fedavg_is_a_plain_torch_loop(name: str) -> None:
    data, problem = images(), Network(name, ridge=RIDGE)
    result = solve(problem, data, FedAvg(local_steps=4, step=STEP, batch=BATCH), rounds=ROUNDS)

    def fresh(key: Key, n: int) -> list[np.ndarray]:
        return [rows(Batch(BATCH, key.fold(k)), n) for k in range(4)]

    near(result.theta, plain(name, result.theta0, data, fresh))
    assert np.abs(result.theta - result.theta0).max() > 0.05


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_a_local_epoch_is_a_pass_over_shuffled_data(name: str) -> None:
    data, problem = images(), Network(name, ridge=RIDGE)
    result = solve(problem, data, FedAvg(local_epochs=2, step=STEP, batch=BATCH), rounds=ROUNDS)

    def epochs(key: Key, n: int) -> list[np.ndarray]:
        found = []
        for e in range(2):
            parts = [rows(Batch(BATCH, key.fold(e), k), n) for k in range(ceil(n / BATCH))]
            assert sorted(np.concatenate(parts)) == list(range(n))
            found += parts
        return found

    near(result.theta, plain(name, result.theta0, data, epochs))


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_fedsgd_is_gradient_descent_on_pooled_data(name: str) -> None:
    data, problem = images(), Network(name)
    result = solve(problem, data, FedSGD(step=STEP), rounds=ROUNDS)
    X, y = (torch.from_numpy(np.concatenate(parts)) for parts in zip(*data, strict=True))
    model = architecture(name).double()
    torch.nn.utils.vector_to_parameters(torch.from_numpy(result.theta0.copy()), model.parameters())
    optimiser = torch.optim.SGD(model.parameters(), lr=STEP)
    for _ in range(ROUNDS):
        optimiser.zero_grad()
        loss = torch.nn.CrossEntropyLoss()(model(X), y.long())
        loss.backward()
        optimiser.step()
    near(result.theta, torch.nn.utils.parameters_to_vector(model.parameters()).detach().numpy())
    assert result.trace["objective"][ROUNDS - 1] == pytest.approx(float(loss.detach()), rel=1e-12)


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_float32_and_torch_tensors_follow(name: str) -> None:
    method = FedAvg(local_steps=4, step=STEP, batch=BATCH)
    want = solve(Network(name), images(), method, rounds=ROUNDS).theta
    tensors = images().to(torch.as_tensor)
    near(solve(Network(name), tensors, method, rounds=ROUNDS).theta.numpy(), want)
    single = solve(Network(name), images(np.float32), method, rounds=ROUNDS).theta
    assert single.dtype == np.float32
    near(single, want, 1e-5)


def test_the_start_is_torchs_own_and_leaves_its_generator_alone() -> None:
    torch.manual_seed(3)
    before = torch.get_rng_state()
    one, same, other = (solve(Network(init=i), images(), FedSGD(step=1.0), rounds=0).theta for i in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.1
    weights, biases = one[: 64 * 64], one[64 * 64 : 64 * 65]
    assert np.abs(weights).max() <= 1 / 8  # uniform on +-1/sqrt(fan in), torch's default for a linear layer
    assert np.abs(weights).max() > 0.12
    assert np.abs(biases).max() <= 1 / 8


def test_the_module_given_is_the_start_and_comes_back() -> None:
    module = architecture("cnn").double()
    theta0 = torch.cat([p.detach().reshape(-1) for p in module.parameters()]).numpy()
    problem = Network(module, outputs=3)
    result = solve(problem, images(), FedAvg(step=STEP, batch=BATCH), rounds=1)
    np.testing.assert_allclose(result.theta0, theta0, rtol=1e-7)  # torch draws in single precision
    back = result.problem.module(result.theta)
    X, y = images()[0]
    with torch.no_grad():
        outputs = back(torch.from_numpy(X))
    np.testing.assert_array_equal(outputs.argmax(1).numpy(), result.problem.predict(result.theta, X))
    loss = torch.nn.CrossEntropyLoss()(outputs, torch.from_numpy(y).long())
    assert float(result.problem.value(images()[0], result.theta)) == pytest.approx(float(loss), rel=1e-12)
    state = module.state_dict()
    assert torch.equal(torch.cat([state[key].reshape(-1) for key in state]), torch.from_numpy(theta0))  # ours is a copy


def test_fedmm_with_a_small_rho_descends() -> None:
    result = solve(Network(rho=0.2), images(), FedMM(step=0.5), rounds=20, participation=FixedSize(2))
    objective = result.trace["objective"]
    assert objective[-1] < 0.7 * objective[0]
    full = solve(Network(rho=0.05), images(), FedMM(step=0.5), rounds=20).trace["objective"]
    assert (np.diff(full) < 0).all()
