"""Run folders: a run read back is the run; a folder is there whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fedmm import (
    MM,
    Batched,
    Bernoulli,
    CompositionError,
    DataError,
    Federation,
    FedMM,
    FedPM,
    Field,
    InProcess,
    Mask,
    Naive,
    Objective,
    RandK,
    Samples,
    SpecError,
    StochasticMM,
    load,
    solve,
)
from fedmm.arrays import leaves, map_leaves
from fedmm.build import federation as named
from fedmm.recipe import read_recipe
from fedmm.storage import ReproductionWarning, save
from problems import Dictionary, LeastSquares, Logistic, Quad, Quadratic, Transport

RNG = np.random.default_rng(7)


def quadratics() -> Federation:
    rng = np.random.default_rng(1)
    A = [0.2 * np.eye(4) + M @ M.T / 4 for M in rng.standard_normal((3, 4, 4))]
    return Federation([Quad(a, b) for a, b in zip(A, rng.standard_normal((3, 4)), strict=True)], (0.5, 0.3, 0.2))


def regression(labels: bool = False) -> Federation:
    rng = np.random.default_rng(2)
    clients = []
    for n in (7, 9, 8):
        X = rng.standard_normal((n, 3))
        y = X @ np.arange(1.0, 4) + rng.standard_normal(n)
        clients.append(Samples(X, np.where(y > 0, 1.0, -1.0) if labels else y))
    return Federation(clients, "samples")


def transported() -> Federation:
    rng = np.random.default_rng(3)
    public = {"atoms": rng.standard_normal((5, 3)), "masses": np.full(5, 0.2)}
    return Federation(list(regression()), "samples", public=public)


RUNS: dict[str, tuple[Any, Any, Any, dict[str, Any]]] = {
    "quadratic-fedmm": (
        quadratics,
        Quadratic(),
        FedMM(step=0.3, memories="exact"),
        {"channel": RandK(2), "participation": Bernoulli(0.5)},
    ),
    "quadratic-naive": (quadratics, Quadratic(), Naive(), {"downlink": Mask(0.5)}),
    "least-squares-stochastic": (regression, LeastSquares(l1=0.1), StochasticMM(batch=3), {}),
    "logistic-fedpm": (lambda: regression(labels=True), Logistic(ridge=0.1), FedPM(), {"participation": Bernoulli(0.5)}),
    "dictionary-fedmm": (
        regression,
        Dictionary(components=2, iterations=5),
        FedMM(),
        {"participation": Bernoulli(0.5), "channel": Mask(0.5)},
    ),
    "dictionary-mm": (regression, Dictionary(components=2, iterations=5), MM(), {}),
    "transport-fedmm": (transported, Transport(epsilon=0.5), FedMM(step=0.2), {"participation": Bernoulli(0.7)}),
}


def run(name: str, rounds: int = 4, **more: Any) -> Any:
    make, problem, method, how = RUNS[name]
    federation = more.pop("federation", None) or make()
    return solve(problem, federation, method, rounds=rounds, seed=3, **how, **more)


def same(a: Any, b: Any) -> bool:
    """Whether two trees agree in structure, types and bits."""
    found, expected = list(leaves(a)), list(leaves(b))
    return (
        type(a) is type(b)
        and [path for path, _ in found] == [path for path, _ in expected]
        and all(
            type(x) is type(y) and np.asarray(x).dtype == np.asarray(y).dtype and np.array_equal(x, y)
            for (_, x), (_, y) in zip(found, expected, strict=True)
        )
    )


def refusal(work: Callable[[], Any]) -> str | None:
    """What `work` complains of, or None."""
    try:
        work()
    except DataError as error:
        return str(error)
    return None


def without_seconds(result: Any) -> list[dict[str, float]]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in result.trace.rows]


@pytest.mark.parametrize("name", RUNS)
def test_a_run_read_back_is_the_run(name: str, tmp_path: Path) -> None:
    result = run(name)
    back = load(str(result.save(tmp_path / "run")), result.federation)
    assert same(back.theta, result.theta)
    assert same(back.theta0, result.theta0)
    assert same(back.server, result.server)
    assert list(back.memories) == list(result.memories)
    assert all(same(back.memories[i], result.memories[i]) for i in result.memories)
    assert back.trace.rows == result.trace.rows
    assert back.status == result.status
    assert repr(back.parts) == repr(result.parts)
    assert repr(back.problem) == repr(result.problem)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_continued_from_disk_equals_one_that_never_stopped(name: str, tmp_path: Path) -> None:
    whole, half = run(name, 8), run(name, 3)
    back = load(str(half.save(tmp_path / "run")))
    assert back.federation is None
    on = run(name, 5, resume=back)
    assert same(on.theta, whole.theta)
    assert without_seconds(on) == without_seconds(whole)
    assert all(same(on.memories[i], whole.memories[i]) for i in whole.memories)


def test_data_in_memory_are_asked_for_and_checked(tmp_path: Path) -> None:
    result = run("quadratic-fedmm")
    folder = result.save(tmp_path / "run")
    back = load(str(folder))
    assert back.federation is None
    assert back.digest == result.digest
    other = quadratics().to(lambda x: x * 2)
    with pytest.raises(CompositionError, match="same data"):
        run("quadratic-fedmm", resume=back, federation=other)
    with pytest.raises(DataError, match="other data"):
        load(str(folder), other)


def test_named_data_are_built_again(tmp_path: Path) -> None:
    data = named("breast-cancer", "dirichlet:0.3", clients=4, seed=5)
    folder = solve(Logistic(ridge=0.1), data, FedPM(), rounds=2).save(tmp_path / "run")
    back = load(str(folder))
    assert back.federation is not None
    assert back.federation.digest() == data.digest()
    assert read_recipe(folder / "recipe.toml").theta0 == "start"


def test_data_that_cannot_be_built_again_warn(tmp_path: Path) -> None:
    data = named("breast-cancer", clients=3)
    data.origin = {**(data.origin or {}), "seed": 9}  # builds another partition
    folder = solve(Logistic(ridge=0.1), data, FedPM(), rounds=1).save(tmp_path / "run")
    with pytest.warns(ReproductionWarning, match="not what the run used"):
        assert load(str(folder)).federation is None


def test_another_environment_warns_and_names_what_differs(tmp_path: Path) -> None:
    result = replace(run("quadratic-fedmm"), environment={"numpy": "1.0"})
    folder = result.save(tmp_path / "run")
    with pytest.warns(ReproductionWarning, match=r"numpy was 1\.0"):
        back = load(str(folder))
    assert back.environment == {"numpy": "1.0"}


def test_a_start_given_as_an_array_is_recorded_by_digest(tmp_path: Path) -> None:
    result = solve(Quadratic(), quadratics(), FedMM(), np.ones(4), rounds=2)
    folder = result.save(tmp_path / "run")
    assert len(read_recipe(folder / "recipe.toml").theta0) == 64
    assert np.array_equal(load(str(folder)).theta0, np.ones(4))


def test_arrays_of_a_problem_travel_with_the_state(tmp_path: Path) -> None:
    public = transported().public
    problem = Transport(epsilon=0.5, atoms=public["atoms"], masses=public["masses"])
    result = solve(problem, regression(), FedMM(step=0.2), rounds=2)
    folder = result.save(tmp_path / "run")
    back = load(str(folder))
    assert np.array_equal(back.parts.problem.atoms, public["atoms"])  # type: ignore[attr-defined]
    on = solve(problem, regression(), FedMM(step=0.2), rounds=2, resume=back)
    assert np.array_equal(on.theta, solve(problem, regression(), FedMM(step=0.2), rounds=4).theta)
    with pytest.raises(SpecError, match="give it again"):
        read_recipe(folder / "recipe.toml")  # on its own, the recipe knows them by digest only


def test_executor_and_metrics_are_recorded(tmp_path: Path) -> None:
    result = replace(run("quadratic-fedmm"), executor=Batched(4096), metrics=(Objective(2), Field()))
    back = load(str(result.save(tmp_path / "run")))
    assert (back.executor, back.metrics) == (Batched(4096), (Objective(2), Field()))
    assert load(str(run("quadratic-fedmm").save(tmp_path / "plain"))).executor == InProcess()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_torch_runs_come_back_as_torch(dtype: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")

    def as_torch(x: np.ndarray) -> Any:
        return torch.asarray(x, dtype=getattr(torch, dtype))

    data = named("diabetes", clients=3).to(as_torch)
    how: dict[str, Any] = {"participation": Bernoulli(0.5), "channel": Mask(0.5)}
    half = solve(LeastSquares(ridge=0.1), data, FedMM(), rounds=3, **how)
    whole = solve(LeastSquares(ridge=0.1), data, FedMM(), rounds=6, **how)
    back = load(str(half.save(tmp_path / "run")))
    assert back.federation is not None
    assert isinstance(back.theta, torch.Tensor)
    assert back.theta.dtype == getattr(torch, dtype)
    on = solve(LeastSquares(ridge=0.1), back.federation, FedMM(), rounds=3, resume=back, **how)
    assert torch.equal(on.theta, whole.theta)


@pytest.mark.parametrize("name", ["recipe.toml", "trace.csv", "theta.safetensors", "state.safetensors", "plot.png"])
def test_a_changed_or_missing_file_is_not_loaded(name: str, tmp_path: Path) -> None:
    folder = run("quadratic-fedmm").save(tmp_path / "run")
    path = folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"{name} was changed: its sha256 is [0-9a-f]{{64}}"):
        load(str(folder))
    path.unlink()
    with pytest.raises(DataError, match=f"{name} is missing"):
        load(str(folder))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"format": 1}', b'{"format": 99, "files": {}}', b'{"format": 1, "files": {}}']
)
def test_a_damaged_manifest_is_not_loaded(content: bytes, tmp_path: Path) -> None:
    folder = run("quadratic-fedmm").save(tmp_path / "run")
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(DataError, match=r"damaged|format|not complete"):
        load(str(folder))


def test_what_is_no_run_is_not_loaded_and_never_replaced(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="There is no run folder"):
        load(str(tmp_path / "nothing"))
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("dear")
    with pytest.raises(DataError, match="no run folder"):
        load(str(tmp_path / "thesis"))
    result = run("quadratic-fedmm")
    for overwrite in (False, True):
        with pytest.raises(DataError, match="no run of fedmm"):
            result.save(tmp_path / "thesis", overwrite=overwrite)
        with pytest.raises(DataError, match="is a file"):
            result.save(tmp_path / "thesis" / "chapter.tex", overwrite=overwrite)
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "dear"
    (tmp_path / "empty").mkdir()
    assert len(load(str(result.save(tmp_path / "empty"))).trace) == 5


def test_a_run_is_replaced_only_on_request(tmp_path: Path) -> None:
    run("quadratic-fedmm", 1).save(tmp_path / "run")
    longer = run("quadratic-fedmm", 6)
    with pytest.raises(DataError, match="already holds a run"):
        longer.save(tmp_path / "run")
    assert load(str(tmp_path / "run")).rounds == 1
    longer.save(tmp_path / "run", overwrite=True)
    assert load(str(tmp_path / "run")).rounds == 6
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_full_disk_leaves_the_old_run(call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("quadratic-fedmm", 1).save(tmp_path / "run")
    result, real = run("quadratic-fedmm", 6), getattr(os, call)
    failures = 0
    for k in range(20):
        calls = iter(range(20))

        def full(*args: Any, calls: Any = calls, k: int = k) -> Any:
            if next(calls) == k:
                raise OSError(28, "No space left on device")
            return real(*args)

        with monkeypatch.context() as patch:
            patch.setattr(os, call, full)
            said = refusal(lambda: save(result, tmp_path / "run", overwrite=True))
        assert [path.name for path in tmp_path.iterdir()] == ["run"]
        if said is None:
            break
        failures += 1
        assert "No space left on device" in said
        assert "the run that was there is unchanged" in said
        assert load(str(tmp_path / "run")).rounds == 1
    assert load(str(tmp_path / "run")).rounds == 6
    assert failures >= 2


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from fedmm import Federation, FedMM, solve
from problems import Quad, Quadratic

data = Federation([Quad(np.eye(2) * (i + 1.0), np.ones(2)) for i in range(2)])
old, new = (solve(Quadratic(), data, FedMM(), rounds=rounds) for rounds in (1, 6))
top = Path(sys.argv[1])
for k in range(30):
    folder = top / f"{k:02}"
    old.save(folder)
    child = os.fork()
    if child == 0:
        calls = iter(range(100))
        for name in ("fsync", "rename"):
            def killed(*args, real=getattr(os, name)):
                if next(calls) == k:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args)
            setattr(os, name, killed)
        new.save(folder, overwrite=True)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        print(k)
        break
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_killed_save_leaves_nothing_half_written_that_loads(tmp_path: Path) -> None:
    script = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path)], capture_output=True, text=True, check=True
    )
    kills = int(script.stdout)
    assert kills >= 8  # six files, their folder, two renames, the folder above
    rounds = []
    for k in range(kills):
        folder = tmp_path / f"{k:02}"
        said = refusal(lambda folder=folder: load(str(folder)))
        if said is not None:  # between the two renames: the message says where the whole run is
            assert "An interrupted save left" in said
            (left,) = tmp_path.glob(f".{k:02}.old-*")
            assert load(str(left)).rounds == 1
        rounds.append(-1 if said else load(str(folder)).rounds)
    assert sorted(set(rounds)) == [-1, 1, 6]
    assert rounds.count(-1) == 1
    halves = [path for path in tmp_path.glob(".*.new-*") if not (path / "manifest.json").exists()]
    assert halves
    for half in halves:
        with pytest.raises(DataError):
            load(str(half))


class Unenrolled(Objective):
    """A metric of somebody's own that is in no catalog."""

    name = "unenrolled"
    columns = ("twice",)

    def measure(self, snapshot: Any) -> dict[str, float]:
        return {"twice": 2.0 * super().measure(snapshot)["objective"]}


def test_a_metric_that_is_not_enrolled_warns_at_loading_and_keeps_its_column(tmp_path: Path) -> None:
    factory, problem, method, options = RUNS["quadratic-fedmm"]
    result = solve(problem, factory(), method, rounds=2, metrics=(Objective(), Unenrolled()), **options)
    folder = result.save(tmp_path / "run")
    with pytest.warns(ReproductionWarning, match="Unknown metric 'unenrolled'"):
        back = load(str(folder), result.federation)
    assert back.metrics == (Objective(),)
    assert back.trace["twice"].tolist() == (2 * back.trace["objective"]).tolist()


def test_memories_stay_apart(tmp_path: Path) -> None:
    result = run("quadratic-fedmm")
    shifted = replace(result, memories={i: map_leaves(lambda x, i=i: x + i, m) for i, m in result.memories.items()})
    back = load(str(shifted.save(tmp_path / "run")))
    assert all(same(back.memories[i], shifted.memories[i]) for i in result.memories)
