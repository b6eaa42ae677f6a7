"""Networks: shapes, names, refusals, blocks, recipes."""

from __future__ import annotations

import pickle
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import fedmm
from fedmm import Batched, CompositionError, DataError, FedAvg, Federation, FedMM, FedSGD, Samples, SpecError, solve
from fedmm.arrays import to_numpy
from fedmm.cli import main
from fedmm.nn import Network, cnn, mlp, resnet18_gn
from fedmm.types import HasGradient, HasSurrogate
from problems.data import federation

torch = pytest.importorskip("torch", reason="torch is not installed")
torch.set_num_threads(1)  # for so small networks a second thread only waits


def digits(clients: int = 4, features: int = 16, n: int = 6) -> Federation:
    rng = np.random.default_rng(3)
    return Federation([Samples(rng.standard_normal((n, features)), np.arange(n) % 3 * 1.0) for _ in range(clients)])


def frozen(input_shape: tuple[int, ...], outputs: int) -> Any:
    """A network whose first layer is not trained."""
    net = mlp(input_shape, outputs, (5,), "tanh")
    net[1].requires_grad_(False)
    return net


def with_dropout(input_shape: tuple[int, ...], outputs: int) -> Any:
    return torch.nn.Sequential(torch.nn.Dropout(0.5), mlp(input_shape, outputs))


def numbers(module: Any) -> int:
    return sum(p.numel() for p in module.parameters())


def test_architectures_have_the_sizes_they_say() -> None:
    assert numbers(cnn((1, 28, 28), 10)) == 60_674
    assert numbers(mlp((8, 8), 10)) == 64 * 65 + 10 * 65
    assert numbers(mlp((4,), 2, ())) == 10
    assert numbers(resnet18_gn((3, 32, 32), 10)) == 11_173_962  # as the CIFAR ResNet-18 with BatchNorm: the same affine pairs
    small = resnet18_gn((3, 8, 8), 5, width=4)
    assert small(torch.zeros(2, 3, 8, 8)).shape == (2, 5)
    assert not any("batch" in type(m).__name__.lower() for m in small.modules())


def test_images_are_square_where_nobody_says_otherwise() -> None:
    data = digits(features=64)
    assert Network("cnn").settle(data, ()).input_shape == (1, 8, 8)
    assert Network("mlp").settle(data, ()).input_shape == (64,)
    assert Network("cnn", input_shape=(4, 4, 4)).settle(data, ()).input_shape == (4, 4, 4)
    assert Network("mlp").settle(data, ()).outputs == 3
    assert Network("mlp", outputs=7).settle(data, ()).outputs == 7
    assert Network("mlp", "squared").settle(data, ()).outputs == 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"architecture": "cnm"}, "Unknown architecture 'cnm'.*cnn"),
        ({"architecture": "no_such_package:net"}, "Cannot find architecture 'no_such_package:net'"),
        ({"architecture": "fedmm.nn:no_such"}, "Cannot find architecture"),
        ({"architecture": "fedmm:__version__"}, "to be a function, got str"),
        ({"architecture": 3}, "as a name, a function or a module, got 3"),
        ({"loss": "hinge"}, "Unknown loss 'hinge'"),
        ({"ridge": -1.0}, "network.ridge >= 0"),
        ({"rho": 0.0}, "network.rho > 0"),
        ({"input_shape": ()}, "network.input_shape"),
        ({"input_shape": (0, 4)}, "network.input_shape"),
        ({"outputs": 0}, "network.outputs >= 1"),
        ({"init": -1}, "network.init >= 0"),
        ({"init": 1.5}, "network.init to be an integer"),
    ],
)
def test_bad_configuration_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Network(**given)


def sparse() -> Federation:
    from scipy.sparse import csr_array

    return Federation([Samples(csr_array(X), y) for X, y in digits()])


def changed(change: Any) -> Federation:
    return Federation([Samples(X, change(y)) for X, y in digits()])


@pytest.mark.parametrize(
    ("problem", "data", "message"),
    [
        (Network(), Federation([Samples(np.ones((3, 2)))]), "expects Samples"),
        (Network(), Federation([np.ones((3, 2))]), "expects Samples"),
        (Network(), sparse(), "dense X for client 0"),
        (Network(), changed(lambda y: y - 1), "classes 0, 1, ... in y of client 0, got -1"),
        (Network(), changed(lambda y: y + 0.5), "fractions"),
        (Network(), changed(lambda y: y.astype(np.float32)), "dtype"),
        (Network(outputs=2), digits(), "2 outputs, but client 0 has the class 2"),
        (Network("cnn"), digits(features=10), "images"),
        (Network("cnn", input_shape=(1, 4, 4)), digits(features=10), "input_shape of 10 numbers"),
        (Network("cnn", input_shape=(4, 2, 2)), digits(), "at least 4 x 4"),
        (Network(with_dropout), digits(), "draws random numbers in 0"),
        (Network(lambda shape, outputs: 3), digits(), "to build a torch.nn.Module, got int"),
        (Network(lambda shape, outputs: torch.nn.Linear(5, 3)), digits(), "does not take samples of shape"),
        (Network(lambda shape, outputs: torch.nn.ReLU()), digits(), "trainable parameters"),
        (Network(loss=lambda outputs, y: outputs.sum(-1)), digits(), "one number, the mean"),
        (Network(loss=lambda outputs, y: 3.0), digits(), "a torch tensor, .* got float"),
        (Network(torch.nn.Linear(16, 2)), digits(), "out of bounds.*set input_shape and outputs"),
        (Network(torch.nn.LazyLinear(3)), digits(), "lazy layers"),
        (Network(lambda shape: torch.nn.Linear(16, 3)), digits(), r"cannot be called with \(input_shape, outputs\)"),
        (Network(), Federation([Samples(X, 1e9 * y) for X, y in digits()]), "largest, .* samples; renumber"),
    ],
)
def test_bad_data_and_modules_are_refused_before_round_0(problem: Network, data: Federation, message: str) -> None:
    with pytest.raises((SpecError, DataError), match=message):
        solve(problem, data, FedSGD(step=0.1), rounds=1)


def test_lazy_labels_need_the_number_of_classes() -> None:
    clients = range_like(list(digits()))
    data = Federation(clients, check=False)
    with pytest.raises(SpecError, match=r"network\.outputs"):
        Network().settle(data, ())
    assert Network(outputs=3).settle(data, ()).outputs == 3


class range_like:
    """A lazy sequence of clients."""

    def __init__(self, clients: list[Samples]) -> None:
        self.clients = clients

    def __len__(self) -> int:
        return len(self.clients)

    def __getitem__(self, i: int) -> Samples:
        return self.clients[i]


def test_without_torch_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedmm.nn.network.find_spec", lambda name: None)
    with pytest.raises(SpecError, match=r"pip install 'fedmm\[torch\]'"):
        solve(Network(), digits(), FedSGD(step=0.1), rounds=1)


def test_there_is_a_surrogate_only_with_rho() -> None:
    assert Network().oracles == (HasGradient,)
    assert Network(rho=0.1).oracles == (HasGradient, HasSurrogate)
    with pytest.raises(SpecError, match="set rho"):
        solve(Network(), digits(), FedMM(step=0.5), rounds=1)
    with pytest.raises(CompositionError, match="not certified"):
        solve(Network(rho=0.1), digits(), FedMM(step="theory"), rounds=1)
    with pytest.raises(CompositionError, match="L of network is unknown"):
        solve(Network(), digits(), FedAvg(), rounds=1)


@pytest.mark.parametrize("architecture", ["mlp", "cnn"])
@pytest.mark.parametrize("convert", [np.asarray, torch.as_tensor], ids=["numpy", "torch"])
def test_batched_is_the_reference(architecture: str, convert: Any) -> None:
    data = digits().to(convert)
    for method in (FedAvg(local_steps=2, step=0.1, batch=4), FedAvg(local_epochs=2, step=0.1, batch=4), FedMM(step=0.5, batch=3)):
        problem = Network(architecture, rho=0.1)
        alone, together = (solve(problem, data, method, rounds=2, executor=e) for e in (None, Batched()))
        np.testing.assert_allclose(to_numpy(together.theta), to_numpy(alone.theta), rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(together.trace["objective"], alone.trace["objective"], rtol=1e-12)


@pytest.mark.parametrize("architecture", ["mlp", "cnn", partial(resnet18_gn, width=2)])
def test_vmap_is_the_loop(architecture: Any) -> None:
    """What a GPU runs, run on the CPU."""
    data = digits().to(torch.as_tensor)
    problem = Network(architecture, input_shape=(1, 4, 4)).settle(data, ())
    X, y = (torch.stack(parts) for parts in zip(*data, strict=True))
    thetas = problem.start(data) + 0.1 * torch.randn(4, len(problem.start(data)), generator=torch.Generator().manual_seed(0))
    for theta, block in ((thetas, Samples(X, y)), (thetas[0], Samples(X, y)), (thetas, data[0])):
        loop = problem.gradient(block, theta)
        error = (problem._flat.vmapped(theta, *block) - loop).abs().max()
        assert error <= 1e-10 * loop.abs().max()


def test_predictions_are_labels() -> None:
    data = federation("digits:labels=digit", "iid", clients=3)
    result = solve(Network(), data, FedAvg(local_epochs=2, batch=20, step=0.3), rounds=5, progress=False)
    problem = result.problem
    assert isinstance(problem, Network)
    predicted = problem.predict(result.theta, data[0].X)
    assert set(np.unique(predicted)) <= set(range(10))
    assert problem.score(result.theta, data[0]) == np.mean(predicted == data[0].y) > 0.85
    both = np.stack([result.theta0, result.theta])
    assert problem.predict(both, data[0].X).shape == (2, len(data[0].X))
    np.testing.assert_array_equal(problem.score(both, data[0])[1], problem.score(result.theta, data[0]))
    with pytest.raises(DataError, match="64 numbers a row"):
        problem.predict(result.theta, data[0].X[:, :5])
    with pytest.raises(DataError, match="parameters, got shape"):
        problem.predict(result.theta[:5], data[0].X)
    with pytest.raises(DataError, match="parameters, got shape"):
        problem.module(both)


def test_regression_predicts_numbers() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 3))
    data = Federation([Samples(X, X @ [1.0, -2.0, 0.5] + 3.0)])
    result = solve(Network(partial(mlp, hidden=()), "squared"), data, FedSGD(step=0.5), rounds=100)
    assert isinstance(result.problem, Network)
    np.testing.assert_allclose(result.problem.predict(result.theta, X), data[0].y, atol=1e-6)


def test_frozen_layers_stay_and_are_not_in_theta() -> None:
    result = solve(Network(frozen), digits(), FedSGD(step=0.5), rounds=2)
    assert isinstance(result.problem, Network)
    assert result.theta.shape == (5 * 3 + 3,)
    before = result.problem.module(result.theta0)[1].weight
    assert torch.equal(before, result.problem.module(result.theta)[1].weight)


def test_read_only_data_are_taken() -> None:
    data = digits()
    for X, _ in data:
        X.flags.writeable = False
    solve(Network(), data, FedSGD(step=0.1), rounds=1)


def test_a_network_pickles_without_what_it_built() -> None:
    problem = Network("cnn").settle(digits(), ())
    size = len(pickle.dumps(problem))
    problem.start(digits())
    assert len(pickle.dumps(problem)) == size < 1000
    assert pickle.loads(pickle.dumps(problem)) == problem


def test_a_run_saves_and_reloads(tmp_path: Path) -> None:
    data = federation("digits:labels=digit", "iid", clients=3)
    method = FedAvg(local_epochs=1, batch=50, step=0.1)
    whole = solve(Network("fedmm.nn:cnn", input_shape=(1, 8, 8)), data, method, rounds=2, progress=False)
    half = solve(Network("fedmm.nn:cnn", input_shape=(1, 8, 8)), data, method, rounds=1, progress=False)
    loaded = fedmm.load(str(half.save(tmp_path / "run")))
    again = solve(loaded.parts.problem, data, method, rounds=1, resume=loaded, progress=False)
    np.testing.assert_array_equal(again.theta, whole.theta)
    assert loaded.problem == half.problem
    with pytest.raises(SpecError, match=r"network\.architecture holds"):
        solve(Network(frozen), data, FedSGD(step=0.1), rounds=0).save(tmp_path / "other")


def test_the_command_line_runs_it(tmp_path: Path) -> None:
    words = ["run", "network", "--set", "problem.architecture=cnn", "--rounds", "2", "--out", str(tmp_path / "run")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    again = CliRunner().invoke(main, ["run", str(tmp_path / "run" / "recipe.toml"), "--out", str(tmp_path / "again")])
    assert again.exit_code == 0, again.output
    objectives = [[line for line in out.splitlines() if line.startswith("objective")] for out in (done.output, again.output)]
    assert len(objectives[0]) == 1
    assert objectives[0] == objectives[1]


@pytest.mark.parametrize("given", [{"local_epochs": 0, "batch": 5}, {"local_epochs": 2}])
def test_epochs_need_batches(given: dict[str, int]) -> None:
    with pytest.raises(SpecError, match="local_epochs"):
        FedAvg(**given)


def test_views_that_torch_does_not_take_are_copied() -> None:
    X, y = np.arange(12.0).reshape(4, 3), np.arange(4) % 2 * 1.0
    turned, plain = Federation([Samples(X[::-1], y[::-1])]), Federation([Samples(X[::-1].copy(), y[::-1].copy())])
    one, other = (solve(Network("mlp"), clients, FedSGD(step=0.01), rounds=2) for clients in (turned, plain))
    np.testing.assert_array_equal(one.theta, other.theta)
