"""What the catalog finds, and what it makes of broken packages. Packages are made up on the search path."""

import subprocess
import sys
from pathlib import Path

import pytest

from fedmm import catalog
from fedmm.channels.base import Channel
from fedmm.errors import SpecError
from fedmm.federation import Partition, Source
from fedmm.schedules import Constant, Schedule

PART = """
from dataclasses import dataclass
from typing import ClassVar
from fedmm.schedules import Schedule

@dataclass(frozen=True)
class Mine(Schedule):
    name: ClassVar[str] = "{name}"
    def at(self, t): return 1.0

CATALOG = (Mine,)
"""


def install(folder: Path, package: str, source: str, value: str = "CATALOG") -> None:
    """A package with one entry point, as pip would leave it."""
    (folder / f"{package}.py").write_text(source)
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[fedmm.catalog]\nparts = {package}:{value}\n")


@pytest.fixture
def site(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("thirdparty_")]:
        del sys.modules[name]


def test_every_kind_is_found():
    for kind in catalog.KINDS:
        found = catalog.entries(kind)
        assert found, kind
        for name, cls in found.items():
            assert (cls.name, catalog.kind_of(cls)) == (name, kind)
            assert catalog.lookup(kind, name) is cls
        assert list(found) == sorted(found)


def test_kind_is_told_by_the_base():
    assert catalog.kind_of(Constant) == "schedule"
    assert [catalog.kind_of(base) for base in (Channel, Source, Partition, Schedule)] == [
        "channel",
        "data",
        "partition",
        "schedule",
    ]
    assert catalog.kind_of(int) is None
    assert catalog.kind_of("schedule") is None


def test_unknown_names_get_a_suggestion():
    with pytest.raises(SpecError, match=r"Unknown schedule 'inverse-sqr'. Did you mean 'inverse-sqrt'"):
        catalog.lookup("schedule", "inverse-sqr")
    with pytest.raises(SpecError, match=r"Expected a kind of part, got 'chanel'. Did you mean 'channel'"):
        catalog.entries("chanel")


def test_a_third_party_appears(site):
    install(site, "thirdparty_good", PART.format(name="mine"))
    assert catalog.lookup("schedule", "mine").__module__ == "thirdparty_good"
    assert "constant" in catalog.entries("schedule")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import a_module_that_is_not_there", "thirdparty_bad.*cannot be imported: ModuleNotFoundError"),
        ("raise RuntimeError('broken at import')", "thirdparty_bad.*broken at import"),
        ("pass", "thirdparty_bad.*no attribute 'CATALOG'"),
        ("CATALOG = 3", "thirdparty_bad.*tuple of classes, got int"),
        ("CATALOG = (int,)", "thirdparty_bad.*'int'.*not a class with a `name`"),
        ("from fedmm.schedules import Schedule\nclass S(Schedule): pass\nCATALOG = (S,)", "not a class with a `name`"),
    ],
)
def test_a_broken_package_is_named_and_left_out(site, source, message):
    install(site, "thirdparty_bad", source)
    with pytest.warns(UserWarning, match=message):
        found = catalog.entries("schedule")
    assert set(found) >= {"constant", "inverse"}


def test_two_classes_of_one_name_are_an_error(site):
    install(site, "thirdparty_clash", PART.format(name="constant"))
    with pytest.raises(
        SpecError, match=r"Two schedule classes are called 'constant': .*(Constant and .*Mine|Mine and .*Constant);"
    ):
        catalog.entries("schedule")
    assert catalog.entries("channel")  # other kinds are not affected


def test_one_class_enrolled_twice_is_no_clash(site):
    install(site, "thirdparty_again", "from fedmm.schedules import Constant\nCATALOG = (Constant, Constant)")
    assert catalog.lookup("schedule", "constant") is Constant


def test_nothing_is_imported_before_a_kind_is_asked_for():
    code = (
        "import sys, fedmm.catalog, fedmm.spec, fedmm.build\n"
        "assert 'problems' not in sys.modules\n"
        "fedmm.catalog.entries('data')\n"
        "heavy = {'sklearn', 'scipy', 'torch', 'pandas', 'matplotlib', 'cvxpy', 'ot'} & set(sys.modules)\n"
        "assert 'problems.data' in sys.modules and not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
