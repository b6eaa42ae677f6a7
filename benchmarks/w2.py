"""W2: FedAvg, a CNN of 60,674 parameters, 28 x 28 images, 100 clients x 100, 10 a round, 1 local epoch, batches of 20, 10 rounds.

    python benchmarks/w2.py

fedmm beside a plain torch loop (torch.optim.SGD, one model whose weights are reloaded for each client) and the same loop written
for speed (channels last, no torch.optim), in turn in one process on one thread; ratios are taken pair by pair and the median
counts. All take the same batches of the same clients; pfl-research, run where it is installed, draws its own. Where there is a
GPU, fedmm's wall time on it is printed too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.util import find_spec
from math import ceil
from statistics import median

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import nn
from workloads import cohorts_of, cpu_seconds, machine

from fedmm import Batched, FedAvg, Federation, FixedSize, Samples, solve
from fedmm.batches import rows
from fedmm.keys import Key
from fedmm.nn import Network
from fedmm.types import Batch

CLIENTS, SAMPLES, COHORT, BATCH, ROUNDS, STEP, REPEATS = 100, 100, 10, 20, 10, 0.05, 7
PROBLEM = Network("cnn")
METHOD = FedAvg(local_epochs=1, batch=BATCH, step=STEP)


def shards() -> Federation:
    """Images made of ten fixed patterns plus noise; each client has its own mixture of classes."""
    rng = np.random.default_rng(11)
    patterns = rng.standard_normal((10, 784), dtype=np.float32)
    clients = []
    for _ in range(CLIENTS):
        y = rng.choice(10, SAMPLES, p=rng.dirichlet(np.full(10, 2.0)))
        X = patterns[y] + rng.standard_normal((SAMPLES, 784), dtype=np.float32)
        clients.append(Samples(X, y.astype(np.float32)))
    return Federation(clients).to(torch.as_tensor)


def network() -> nn.Module:
    """The architecture, as torch users write it."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 28, 28)),
        nn.Conv2d(1, 8, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(784, 72),
        nn.ReLU(),
        nn.Linear(72, 10),
    )


def torch_loop(data: Federation, theta0: torch.Tensor, cohorts: list[list[int]], *, tuned: bool) -> list[torch.Tensor]:
    """The server's parameters after every round, by hand; `tuned`: channels last and no torch.optim."""
    model, loss_of = network().to(theta0.dtype), nn.CrossEntropyLoss()
    if tuned:
        model = model.to(memory_format=torch.channels_last)
    parameters = list(model.parameters())
    server = [part.view(p.shape) for part, p in zip(theta0.split([p.numel() for p in parameters]), parameters, strict=True)]
    found = [theta0]
    for t, cohort in enumerate(cohorts, start=1):
        total = [torch.zeros_like(p) for p in server]
        for i in cohort:
            with torch.no_grad():
                for p, start in zip(parameters, server, strict=True):
                    p.copy_(start)
            optimiser = None if tuned else torch.optim.SGD(parameters, lr=STEP)
            X, y = data[i]
            key = Key(0, t, i).fold(0)
            for k in range(ceil(SAMPLES / BATCH)):
                index = torch.from_numpy(rows(Batch(BATCH, key, k), SAMPLES))
                loss = loss_of(model(X[index]), y[index].long())
                if optimiser is None:
                    gradients = torch.autograd.grad(loss, parameters)
                    with torch.no_grad():
                        for p, g in zip(parameters, gradients, strict=True):
                            p.sub_(g, alpha=STEP)
                else:
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
            with torch.no_grad():
                for sum_, p in zip(total, parameters, strict=True):
                    sum_.add_(p, alpha=1.0 / len(cohort))
        server = total
        found.append(torch.cat([p.reshape(-1) for p in server]))
    return found


def by_pfl(data: Federation, theta0: torch.Tensor) -> torch.Tensor:
    """The parameters after the same rounds by pfl-research, which samples clients and batches itself."""
    from pfl.aggregate.simulate import SimulatedBackend
    from pfl.algorithm.base import NNAlgorithmParams
    from pfl.algorithm.federated_averaging import FederatedAveraging
    from pfl.data.dataset import Dataset
    from pfl.data.federated_dataset import FederatedDataset
    from pfl.data.sampling import get_user_sampler
    from pfl.hyperparam.base import NNTrainHyperParams
    from pfl.model.pytorch import PyTorchModel

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = network()
            nn.utils.vector_to_parameters(theta0.clone(), self.net.parameters())

        def loss(self, X: torch.Tensor, y: torch.Tensor, **_: object) -> torch.Tensor:
            return nn.functional.cross_entropy(self.net(X), y)

        def metrics(self, X: torch.Tensor, y: torch.Tensor, **_: object) -> dict[str, object]:
            return {}

    clients = [(X, y.long()) for X, y in data]
    users = FederatedDataset(lambda i: Dataset(clients[i], user_id=str(i)), get_user_sampler("random", range(CLIENTS)))
    model = Model()
    FederatedAveraging().run(
        NNAlgorithmParams(
            central_num_iterations=ROUNDS, evaluation_frequency=10 * ROUNDS, train_cohort_size=COHORT, val_cohort_size=0
        ),
        SimulatedBackend(users, users),
        PyTorchModel(model, torch.optim.SGD, torch.optim.SGD(model.parameters(), lr=1.0)),
        NNTrainHyperParams(local_batch_size=BATCH, local_num_epochs=1, local_learning_rate=STEP),
        send_metrics_to_platform=False,
    )
    return nn.utils.parameters_to_vector(model.parameters()).detach()


def engine(data: Federation, executor: Batched | None = None) -> torch.Tensor:
    """The same by fedmm."""
    sampling = FixedSize(COHORT)
    return solve(
        PROBLEM, data, METHOD, rounds=ROUNDS, participation=sampling, executor=executor, metrics=(), progress=False
    ).theta


def compare(name: str, ours: Callable[[], object], theirs: Callable[[], object]) -> None:
    """One line: CPU ms a round of both, and their ratio."""
    pairs = [(cpu_seconds(ours), cpu_seconds(theirs)) for _ in range(REPEATS)]
    ratios = [a / b for a, b in pairs]
    a, b = (median(column) / ROUNDS * 1e3 for column in zip(*pairs, strict=True))
    print(f"{name:34} {a:8.1f} {b:8.1f} {median(ratios):7.3f} {min(ratios):7.3f} {max(ratios):7.3f}")


def main() -> None:
    """Print the table."""
    data = shards()
    print(f"W2 on {machine()}; torch {torch.__version__}\nCPU ms a round, median of {REPEATS} pairs\n")
    theta0 = PROBLEM.settle(data, METHOD.requires).start(data)
    cohorts = cohorts_of(CLIENTS, ROUNDS, FixedSize(COHORT))
    print(f"{'':34} {'fedmm':>8} {'theirs':>8} {'ratio':>7} {'least':>7} {'most':>7}")
    compare("plain torch loop, torch.optim.SGD", lambda: engine(data), lambda: torch_loop(data, theta0, cohorts, tuned=False))
    compare("channels last, no torch.optim", lambda: engine(data), lambda: torch_loop(data, theta0, cohorts, tuned=True))
    if find_spec("pfl"):
        compare("pfl-research", lambda: engine(data), lambda: by_pfl(data, theta0))
    else:
        print("pfl-research is not installed: skipped.")
    agree(data, cohorts)
    agree(data.to(lambda x: x.double()), cohorts)
    if torch.cuda.is_available():
        on_gpu(data)
    else:
        print("GPU: none here, skipped")


def agree(data: Federation, cohorts: list[list[int]]) -> None:
    """Both loss curves. In single precision roundings flip ReLUs and maxima of pools, so the last digits part with time."""
    settled = PROBLEM.settle(data, METHOD.requires)
    plain = torch_loop(data, settled.start(data), cohorts, tuned=False)
    curve = solve(PROBLEM, data, METHOD, rounds=ROUNDS, participation=FixedSize(COHORT), progress=False).trace["objective"]
    losses = [settled.objective(data, theta) for theta in plain]
    theta = engine(data)
    error = float((theta - plain[-1]).norm() / plain[-1].norm())
    print(f"\n{theta.dtype}\nloss, fedmm      {' '.join(f'{x:.4f}' for x in curve)}")
    print(f"loss, torch loop {' '.join(f'{x:.4f}' for x in losses)}")
    print(f"|theta - theirs| / |theirs| = {error:.1e}; largest gap of the losses {np.abs(curve - losses).max():.1e}")


def on_gpu(data: Federation) -> None:
    """Wall time a round, the cohort as one block."""
    moved = data.to(lambda x: x.cuda())
    seconds = []
    for _ in range(REPEATS):
        begin = time.perf_counter()
        engine(moved, Batched())
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - begin)
    wall = median(seconds[1:]) / ROUNDS * 1e3
    print(f"GPU ({torch.cuda.get_device_name()}): {wall:.1f} ms a round, wall, the whole cohort at once")


if __name__ == "__main__":
    torch.set_num_threads(1)
    with threadpool_limits(1):
        main()
