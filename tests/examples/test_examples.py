"""The examples run, and what their essays say is so."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fedmm import Bernoulli, CompositionError, Federation, FedSGD, RandK, SpecError, compose, solve
from fedmm.catalog import kind_of, lookup
from fedmm.symmetric import unpack
from problems import Logistic, Quadratic
from problems.data import Contiguous, SyntheticQuadratic, federation

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))


def load(monkeypatch: pytest.MonkeyPatch, name: str) -> Any:
    """An example as a module, importable by name so that its classes pickle."""
    spec = spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def space(monkeypatch: pytest.MonkeyPatch) -> Any:
    return load(monkeypatch, "plot_aggregation_space")


@pytest.fixture
def sinkhorn(monkeypatch: pytest.MonkeyPatch) -> Any:
    return load(monkeypatch, "plot_federated_sinkhorn")


@pytest.fixture
def method(monkeypatch: pytest.MonkeyPatch) -> Any:
    return load(monkeypatch, "adding_a_method")


@pytest.fixture
def family(monkeypatch: pytest.MonkeyPatch) -> Any:
    pytest.importorskip("cvxpy", reason="CVXPY is not installed")
    return load(monkeypatch, "custom_family")


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Any:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    torch.set_num_threads(1)  # for so small networks a second thread only waits
    return load(monkeypatch, "plot_network")


@pytest.mark.parametrize("script", SCRIPTS, ids=[script.stem for script in SCRIPTS])
def test_help(script: Path) -> None:
    done = subprocess.run([sys.executable, str(script), "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--quick" in done.stdout


def test_every_example_is_in_the_readme() -> None:
    text = (EXAMPLES / "README.md").read_text()
    assert SCRIPTS
    assert [script.name for script in SCRIPTS if f"`{script.name}`" not in text] == []


# What to average. Runs are reproducible; the margins are at most half of what ten seeds showed, on average.


def test_heterogeneous_clients_need_surrogate_aggregation(space: Any) -> None:
    curves = space.experiment("synthetic, heterogeneous", runs=2, rounds=200, every=50, methods=("FedMM", "naive"))
    fedmm, naive = curves["FedMM"].columns, curves["naive"].columns
    start = fedmm["objective"][:, 0]
    np.testing.assert_allclose(naive["objective"][:, 0], start, rtol=1e-10)
    assert (fedmm["objective"][:, -1] < start - 0.1).all()
    assert (naive["objective"][:, -1] > start + 0.5).all()
    assert (naive["objective"][:, -1] > fedmm["objective"][:, -1] + 0.5).all()
    # small parameter updates are not convergence: the naive method looks ten times the more settled of the two
    assert (naive["parameter_step"][:, -1] < 0.1 * fedmm["parameter_step"][:, -1]).all()
    assert (naive["parameter_step"][:, -1] < 0.1).all()
    assert (np.abs(np.diff(naive["objective"][:, -2:])) < 0.1).all()
    assert (naive["surrogate_step"][:, -1] > 10 * naive["parameter_step"][:, -1]).all()


def test_homogeneous_clients_do_not(space: Any) -> None:
    curves = space.experiment("synthetic, homogeneous", runs=2, rounds=200, every=200, methods=("FedMM", "naive"))
    start, fedmm = curves["FedMM"].columns["objective"].T
    other, naive = curves["naive"].columns["objective"].T
    np.testing.assert_allclose(other, start, rtol=1e-10)
    assert (fedmm < start - 0.1).all()
    assert (np.abs(fedmm - naive) < 0.15).all()


def test_digits_patches_need_it_too(space: Any) -> None:
    curves = space.experiment("digits patches", runs=1, rounds=120, every=120, methods=("FedMM", "naive"))
    start, fedmm = curves["FedMM"].columns["objective"][0]
    other, naive = curves["naive"].columns["objective"][0]
    assert abs(other - start) < 1e-10
    assert fedmm < start - 0.2
    assert naive > start + 0.2


def write_ratings(folder: Path, users: int, films: int) -> None:
    """A file in the format of MovieLens 1M: users of five tastes rate a third of the films."""
    generator = np.random.default_rng(0)
    taste = 1.3 * generator.standard_normal((5, films))[generator.integers(0, 5, users)]
    score = 3 + 0.7 * generator.standard_normal(films) + taste + 0.5 * generator.standard_normal((users, films))
    user, film = np.nonzero(generator.random((users, films)) < 0.35)
    rating = np.clip(np.round(score), 1, 5)[user, film].astype(int)
    folder.mkdir(parents=True)
    lines = (f"{u + 1}::{f + 1}::{r}::978300760\n" for u, f, r in zip(user, film, rating, strict=True))
    (folder / "ratings.dat").write_text("".join(lines))


@pytest.mark.parametrize("folder", ["ml-1m", "movielens"])
def test_users_of_movielens_are_a_row_where_they_are_at_hand(
    space: Any, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEDMM_DATA", str(tmp_path))
    assert space.rows() == ["synthetic, homogeneous", "synthetic, heterogeneous", "digits patches"]
    write_ratings(tmp_path / folder, 200, 110)
    assert space.rows()[3:] == ["MovieLens users"]
    users = space.movielens_users(0)
    assert (len(users), sum(users.sizes()), users[0].X.shape[1]) == (10, 200, 100)
    assert users.origin["partition"] == {"name": "k-means", "clients": 10, "starts": 5}


def test_movielens_needs_surrogate_aggregation_too(space: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On made-up ratings in the format of the set, which cannot be shipped."""
    monkeypatch.setenv("FEDMM_DATA", str(tmp_path))
    write_ratings(tmp_path / "ml-1m", 150, 110)
    curves = space.experiment("MovieLens users", runs=1, rounds=60, every=60, methods=("FedMM", "naive"))
    start, fedmm = curves["FedMM"].columns["objective"][0]
    other, naive = curves["naive"].columns["objective"][0]
    assert abs(other - start) < 1e-9
    assert fedmm < start - 0.5
    assert naive > start + 0.2


@pytest.mark.slow
def test_the_orderings_hold_in_every_one_of_ten_runs(space: Any) -> None:
    apart = space.experiment("synthetic, heterogeneous", runs=10, rounds=200, every=200)
    ends = {name: curve.columns["objective"][:, -1] for name, curve in apart.items()}
    assert (ends["naive"] > ends["FedMM"] + 0.5).all()
    assert (ends["naive, no control variates"] > ends["FedMM"] + 0.5).all()
    assert ends["FedMM"].mean() < ends["FedMM, no control variates"].mean()
    alike = space.experiment("synthetic, homogeneous", runs=10, rounds=200, every=200)
    ends = np.array([curve.columns["objective"][:, -1] for curve in alike.values()])
    assert np.ptp(ends.mean(axis=1)) < 0.15


def test_the_figure_is_drawn(space: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "figure.png"
    results = space.main(["--quick", "--out", str(path)])
    assert path.read_bytes().startswith(b"\x89PNG")
    assert list(results) == space.rows()
    printed = capsys.readouterr().out
    for row, curves in results.items():
        for name, (rounds, columns) in curves.items():
            assert list(rounds) == sorted(set(rounds))
            assert columns["objective"].shape == (2, len(rounds))
            assert f"{row:26}  {name}" in printed
            assert f"{columns['objective'][:, -1].mean():.4f} +-" in printed


def test_the_figure_needs_runs(space: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        space.main(["--runs", "0"])
    assert "--runs >= 1" in capsys.readouterr().err


# Federated Sinkhorn.


def test_federated_sinkhorn_has_no_floor(sinkhorn: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "sinkhorn.png"
    results = sinkhorn.main(["--rounds", "200", "--out", str(path)])
    assert path.read_bytes().startswith(b"\x89PNG")
    assert "<P, C>" in capsys.readouterr().out
    best = results[sinkhorn.CENTRALISED].objective
    central, half, lossy, without, naive = (result.objective - best for result in results.values())
    assert central == 0
    assert abs(half) < 1e-11
    assert abs(lossy) < 2e-6
    assert without > 3 * abs(lossy)
    assert naive > 1e-5
    bits = [result.bits_up for result in results.values()]
    assert 0.4 < bits[1] / bits[0] < 0.6
    assert 0.4 < bits[2] / bits[1] < 0.6


def test_centralised_sinkhorn_is_pots(sinkhorn: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ot", reason="POT is not installed")
    monkeypatch.setattr(sinkhorn, "SETTINGS", {sinkhorn.CENTRALISED: sinkhorn.SETTINGS[sinkhorn.CENTRALISED]})
    result = sinkhorn.experiment(100)[sinkhorn.CENTRALISED]
    assert sinkhorn.transport_cost(result) == pytest.approx(sinkhorn.transport_cost_by_pot(result), rel=1e-10)
    image = np.random.default_rng(0).random((4, 5, 3))
    colours, atoms = sinkhorn.recoloured(result, image), result.problem.atoms
    assert colours.shape == image.shape
    assert (colours >= atoms.min(axis=0)).all()
    assert (colours <= atoms.max(axis=0)).all()


# Ways to be different.


def test_partitions_are_as_the_essay_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    example = load(monkeypatch, "plot_partitions")
    found = example.main(["--out", str(tmp_path / "new" / "partitions.png")])
    assert (tmp_path / "new" / "partitions.png").read_bytes().startswith(b"\x89PNG")
    assert list(found) == list(example.PARTITIONS)
    assert found["iid"].largest - found["iid"].smallest <= 1
    assert found["shards:2"].labels == 2
    assert found["shards:2"].largest < 1.1 * found["shards:2"].smallest
    assert found["quantity:0.5"].largest > 5 * found["quantity:0.5"].smallest
    assert found["quantity:0.5"].distance < 0.5 * found["dirichlet:0.3"].distance
    assert found["feature-shift"].distance > 3 * found["iid"].distance
    assert found["k-means"].distance > 3 * found["iid"].distance
    page = (EXAMPLES.parent / "docs" / "partitions.md").read_text(encoding="utf-8")
    for name, row in found.items():
        printed = f"| `{name}` | {row.smallest} to {row.largest} | {row.labels:.1f} | {row.distance:.3f} |"
        assert printed in page or name == "k-means"  # whose clusters vary with the versions of scikit-learn


def test_the_distance_of_clients_with_one_label_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four labels, equally many: a client's mix is 3/4 away from everybody's."""
    example = load(monkeypatch, "plot_partitions")
    data = Federation.from_arrays(np.zeros((40, 1)), np.arange(40.0) // 10, Contiguous(4))
    assert example.skew(data) == example.Skew(10, 10, 1.0, 0.75)


# A family of one's own.


def test_the_robust_graphical_lasso_is_that_of_the_pooled_data(family: Any, capsys: pytest.CaptureFixture[str]) -> None:
    reference, best, results = family.main(["--quick"])
    printed = capsys.readouterr().out
    torch = find_spec("torch") is not None  # one of the laws is that torch gives the same
    assert f"custom: of 22 laws {14 if torch else 13} hold, 0 fail, {8 if torch else 9} do not apply." in printed
    assert "EM on the pooled data" in printed
    everyone, half, naive = results.values()
    assert abs(everyone.objective - best) < 1e-9
    assert np.abs(unpack(everyone.theta) - reference).max() < 1e-5
    assert abs(half.objective - best) < 1e-4
    assert naive.objective > best + 5e-3  # T is not affine
    assert np.abs(unpack(naive.theta) - reference).max() > 0.05


def test_outliers_do_not_lead_it_astray(family: Any) -> None:
    data = family.laboratories()
    gaussian = family.lasso(np.mean([client.X.T @ client.X / len(client.X) for client in data], axis=0))
    robust = family.pooled(data)
    true = family.edges(family.chain())
    assert true <= family.edges(robust)
    assert len(family.edges(robust) - true) < len(family.edges(gaussian) - true)


# A method in one file.


def test_the_new_method_obeys_the_laws_and_finds_the_minimiser(method: Any) -> None:
    assert method.check() < 1e-12


def test_momentum_is_worth_it(method: Any, capsys: pytest.CaptureFixture[str]) -> None:
    optimum, results = method.main(["--rounds", "150"])
    assert "the laws hold" in capsys.readouterr().out
    plain, heavy, lossy = (result.objective - optimum for result in results.values())
    assert heavy > -1e-14
    assert heavy < 1e-7
    assert plain > 1e-3
    assert lossy < 0.05


def test_without_momentum_it_is_fedsgd(method: Any) -> None:
    data = federation(SyntheticQuadratic(d=6), clients=5, seed=1)
    parts = {"rounds": 20, "participation": Bernoulli(0.5), "channel": RandK(2), "progress": False}
    ours = solve(Quadratic(), data, method.HeavyBall(step=0.1, momentum=0.0), **parts)
    theirs = solve(Quadratic(), data, FedSGD(step=0.1), **parts)
    np.testing.assert_array_equal(ours.theta, theirs.theta)


def test_the_rate_on_quadratics_is_the_promised_one(method: Any) -> None:
    data = federation(SyntheticQuadratic(d=6, L=1.0, mu=0.05), clients=1, seed=0)
    promise = method.HeavyBall().promise(compose(Quadratic(), data, method.HeavyBall()))
    beta = ((1 - 0.05**0.5) / (1 + 0.05**0.5)) ** 2
    assert promise.missing is None
    assert promise.step == pytest.approx(4 / (1 + 0.05**0.5) ** 2)
    assert promise.bound == f"sqrt(beta) = {beta**0.5:.4g}"
    (A, b) = data[0]
    best = np.linalg.solve(A, b)
    errors = [
        np.linalg.norm(solve(Quadratic(), data, method.HeavyBall(), rounds=t, progress=False).theta - best) for t in (20, 60)
    ]
    # at L and mu the iteration has a double root sqrt(beta), whence the factor t: 40 rounds give 3 sqrt(beta)^40 at most
    assert errors[1] / errors[0] <= 3.5 * beta**20
    assert errors[1] / errors[0] >= 0.5 * beta**20


def test_the_new_method_refuses_what_it_cannot_do(method: Any) -> None:
    data = federation("breast-cancer", "iid", clients=3)
    with pytest.raises(CompositionError, match="heavy-ball minimises f alone"):
        solve(Logistic(ridge=0.1, l1=0.1), data, method.HeavyBall(), rounds=1)
    with pytest.raises(CompositionError, match="add a ridge"):
        solve(Logistic(), data, method.HeavyBall(), rounds=1)
    with pytest.raises(SpecError, match=r"heavy-ball\.momentum"):
        method.HeavyBall(momentum=1.0)
    with pytest.raises(SpecError, match=r"heavy-ball\.step"):
        method.HeavyBall(step=0.0)
    promise = method.HeavyBall().promise(compose(Logistic(ridge=0.1), data, method.HeavyBall()))
    assert "quadratics" in promise.missing
    promise = method.HeavyBall().promise(
        compose(Quadratic(), federation(SyntheticQuadratic()), method.HeavyBall(), channel=RandK(2))
    )
    assert "exact uploads" in promise.missing


def test_it_is_enrolled_as_the_essay_says(method: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert [kind_of(cls) for cls in method.CATALOG] == ["method"]
    lines = [line.strip() for line in method.__doc__.splitlines()]
    where = lines.index('[project.entry-points."fedmm.catalog"]')
    package = tmp_path / "heavy_ball-1.0.dist-info"  # what an installer makes of that pyproject.toml
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: heavy-ball\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[fedmm.catalog]\n" + lines[where + 1].replace('"', "") + "\n")
    with pytest.raises(SpecError):
        lookup("method", "heavy-ball")
    monkeypatch.syspath_prepend(tmp_path)
    assert lookup("method", "heavy-ball") is method.HeavyBall


# A network. The digits are always there, and small; Fashion-MNIST is what the essay shows.


def test_more_passes_help_clients_that_are_alike(
    network: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FEDMM_DATA", raising=False)
    path = tmp_path / "network.png"
    results = network.main(["--quick", "--out", str(path)])
    assert path.read_bytes().startswith(b"\x89PNG")
    assert "digits, 4 rounds" in capsys.readouterr().out
    assert list(results) == list(network.SETTINGS)
    assert len({result.bits_up for result in results.values()}) == 1
    alike = {name: setting for name, setting in network.SETTINGS.items() if name.startswith("iid")}
    one, five = (network.measured(result, "accuracy")[1] for result in network.experiment(20, 20, alike).values())
    assert five[-1] > one[-1] + 0.3


@pytest.mark.slow
def test_few_classes_each_cost_accuracy(network: Any, fedmm_data: Any) -> None:
    fedmm_data("fashion-mnist/train-images-idx3-ubyte.gz")
    results = network.experiment(30, 30)
    ends = {name: network.measured(result, "accuracy")[1][-1] for name, result in results.items()}
    assert ends["iid, 5 passes"] > 0.75
    assert ends["iid, 5 passes"] > ends["few classes each, 5 passes"] + 0.03
    assert ends["iid, 1 pass"] > ends["few classes each, 1 pass"] + 0.07
    assert results["few classes each, 5 passes"].objective > results["iid, 5 passes"].objective + 0.1
