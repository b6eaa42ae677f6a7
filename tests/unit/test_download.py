"""Fetching: nothing without consent, nothing half-done, and a sentence for every way a server can fail. No network."""

import email.message
import hashlib
import http.client
import io
import os
import ssl
import urllib.error
from pathlib import Path

import pytest
from click.testing import CliRunner

from fedmm.catalog import entries
from fedmm.cli import main
from fedmm.cli.data import known_homes
from fedmm.download import Home, Remote, fetch
from fedmm.errors import DataError, SpecError
from problems.data import MNIST

CONTENT = b"some bytes" * 1000
SHA = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


def home(*files):
    return Home("tiny", "tiny", files, "MIT (nobody)", "https://example.org/tiny")


class Response(io.BytesIO):
    """A server's answer: these bytes, with headers, failing where it is told to."""

    def __init__(self, content, headers=None, fails=None):
        super().__init__(content)
        self.headers, self.fails = headers or {}, fails

    def read(self, size=-1):
        block = super().read(size)
        if not block and self.fails is not None:
            raise self.fails
        return block


def answering(response):
    """An opener that gives this response, or raises it."""

    def opener(url, timeout):
        assert timeout > 0
        if isinstance(response, Exception):
            raise response
        return response

    return opener


def test_from_a_local_file(tmp_path):
    there = tmp_path / "there"
    there.write_bytes(CONTENT)
    md5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"
    files = [Remote(there.as_uri(), name, digest) for name, digest in (("a", SHA), ("b", md5), ("c", None))]
    told = []
    paths = fetch(home(*files), tmp_path / "new" / "here", agreed=True, report=told.append)
    assert [path.name for path in paths] == ["a", "b", "c"]
    assert {path.read_bytes() for path in paths} == {CONTENT}
    assert sorted(os.listdir(tmp_path / "new" / "here")) == ["a", "b", "c"]  # nothing else is left behind
    assert "a has 10,000 bytes; its digest is right." in told[0]
    assert f"no digest of it is known, this one has {SHA}" in told[2]
    there.unlink()  # a second time nothing is fetched
    told.clear()
    assert fetch(home(*files), tmp_path / "new" / "here", agreed=True, report=told.append) == paths
    assert "is there already." in told[0]
    assert "is there already; no digest of it is known." in told[2]
    paths[0].write_bytes(b"other")
    with pytest.raises(DataError, match=r"a is there and differs from its home .* move it away first"):
        fetch(home(*files), tmp_path / "new" / "here", agreed=True)
    assert paths[0].read_bytes() == b"other"


def test_nothing_without_consent(tmp_path):
    def never(url, timeout):
        raise AssertionError("the network was used")

    with pytest.raises(
        SpecError, match=r"tiny comes under terms: MIT \(nobody\); read https://example.org/tiny, then pass agreed"
    ):
        fetch(home(Remote("https://example.org/a", "a")), tmp_path / "x", opener=never)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (Response(CONTENT[:-1]), r"a is not the file expected: sha256:[0-9a-f]{64}, not sha256:.*; nothing was kept"),
        (Response(CONTENT[:500], {"Content-Length": "10000"}), "a broke off after 500 of 10,000 bytes"),
        (Response(b""), "gave an empty file"),
        (Response(CONTENT[:9], fails=http.client.IncompleteRead(b"xy")), "broke off after 2 bytes of the last block"),
        (Response(CONTENT[:9], fails=TimeoutError()), "did not answer within 30 seconds"),
        (Response(CONTENT[:9], fails=ConnectionResetError("reset")), r"connection to .* failed \(reset\)"),
        (Response(CONTENT[:9], fails=ssl.SSLError("bad record")), r"connection to .* failed \(.*bad record"),
        (urllib.error.HTTPError("u", 404, "Not Found", email.message.Message(), None), "answered 404 Not Found"),
        (urllib.error.URLError(TimeoutError()), "did not answer within 30 seconds"),
        (urllib.error.URLError(OSError("no such host")), "Cannot reach https://example.org/a: no such host"),
    ],
)
def test_what_fails_leaves_nothing(tmp_path, response, message):
    with pytest.raises(DataError, match=message):
        fetch(home(Remote("https://example.org/a", "a", SHA)), tmp_path, agreed=True, opener=answering(response))
    assert os.listdir(tmp_path) == []


def test_a_file_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr("fedmm.download.MOST", 5000)
    with pytest.raises(DataError, match="gave more than 5,000 bytes"):
        fetch(home(Remote("https://example.org/a", "a")), tmp_path, agreed=True, opener=answering(Response(CONTENT)))
    assert os.listdir(tmp_path) == []


def test_an_interrupt_leaves_nothing(tmp_path):
    opener = answering(Response(CONTENT, fails=KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        fetch(home(Remote("https://example.org/a", "a")), tmp_path, agreed=True, opener=opener)
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="Cannot make the folder"):
        fetch(home(), tmp_path / "file" / "x", agreed=True)


def test_the_homes_are_complete():
    homes = known_homes()
    assert {"mnist", "fashion-mnist", "cifar-10", "cifar-100", "kddcup99", "ml-100k", "ml-1m", "a9a", "tinyshakespeare"} <= set(
        homes
    )
    assert sum(len(cls.homes()) for cls in entries("data").values()) == len(homes)  # type: ignore[attr-defined]
    for each in homes.values():
        assert each.licence
        assert each.page.startswith("https://")
        for remote in each.files:
            assert remote.url.startswith(("https://", "http://kdd.ics.uci.edu/"))
            kind, _, value = (remote.digest or "sha256:" + 64 * "0").partition(":")
            assert len(value) == {"sha256": 64, "md5": 32}[kind]
            assert set(value) <= set("0123456789abcdef")


@pytest.fixture
def served(tmp_path, monkeypatch):
    """The home of MNIST with the files of a folder here."""
    there = tmp_path / "there"
    there.mkdir()
    (there / "a").write_bytes(CONTENT)
    local = Home("mnist", "mnist", (Remote((there / "a").as_uri(), "a", SHA),), "MIT (nobody)", "https://example.org")
    monkeypatch.setattr(MNIST, "homes", classmethod(lambda cls: (local,)))
    monkeypatch.setenv("FEDMM_DATA", str(tmp_path / "data"))
    return tmp_path


def test_get_asks_first(served):
    refused = CliRunner().invoke(main, ["data", "get", "mnist"], input="n\n")
    assert refused.exit_code == 0
    assert "licence    MIT (nobody)" in refused.stdout
    assert SHA in refused.stdout
    assert "nothing was fetched" in refused.stderr
    assert not (served / "data").exists()
    agreed = CliRunner().invoke(main, ["data", "get", "mnist"], input="y\n")
    assert agreed.exit_code == 0, agreed.output
    assert (served / "data" / "mnist" / "a").read_bytes() == CONTENT
    elsewhere = CliRunner().invoke(main, ["data", "get", "mnist", "--yes", "--to", str(served / "else")])
    assert elsewhere.exit_code == 0
    assert (served / "else" / "mnist" / "a").exists()
    assert f"set FEDMM_DATA to {served / 'else'}" in elsewhere.stderr


def test_get_says_what_is_wrong(served, monkeypatch):
    def said(*words):
        result = CliRunner().invoke(main, ["data", "get", *words])
        assert result.exit_code == 2, result.output
        return result.stderr

    assert "No home of a data set 'mnits' is known. Did you mean 'mnist'?" in said("mnits")
    (served / "there" / "a").unlink()
    assert "Cannot reach file:" in said("mnist", "--yes")
    monkeypatch.delenv("FEDMM_DATA")
    assert "Error: FEDMM_DATA does not say where data sets are kept" in said("mnist", "--yes")
    listed = CliRunner().invoke(main, ["data", "get"])
    assert listed.exit_code == 0
    assert "fashion-mnist        MIT (Zalando SE)" in listed.stdout


def test_show(tmp_path, monkeypatch):
    path = tmp_path / "pets.csv"
    path.write_text("size,owner,kind\n1,ann,cat\n2,ben,dog\n3,ann,cat\n")
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(main, ["data", "show", "table:pets.csv,target=kind,client=owner"])
    assert shown.exit_code == 0, shown.output
    lines = dict(line.split(maxsplit=1) for line in shown.stdout.splitlines())
    assert lines["samples"] == "3"
    assert lines["features"] == "1"
    assert lines["labels"] == "-1 = cat: 2; 1 = dog: 1"
    assert lines["groups"] == "2, of 1 to 2 samples: ann (2), ben (1)"
    assert "clients    8, made by the data" in CliRunner().invoke(main, ["data", "show", "test-bed"]).stdout
    assert "labels     numbers from -1.6" in CliRunner().invoke(main, ["data", "show", "diabetes"]).stdout
    unsaid = CliRunner().invoke(main, ["run", "logistic", "--data", "pets.csv", "--clients", "2"])
    assert unsaid.exit_code == 2
    assert "without y; give both. To name the column of y: --set data.target=COLUMN." in unsaid.stderr
    said = ["--set", "data.target=kind", "--clients", "2", "--rounds", "1", "--out", "run"]
    assert CliRunner().invoke(main, ["run", "logistic", "--data", "pets.csv", *said]).exit_code == 0
    missing = CliRunner().invoke(main, ["data", "show", "cats.csv"])
    assert missing.exit_code == 2
    assert "Error: Unknown data 'cats.csv'" in missing.stderr


def test_a_name_without_a_folder_of_data_hints_at_it(tmp_path, monkeypatch):
    monkeypatch.delenv("FEDMM_DATA", raising=False)
    said = CliRunner().invoke(main, ["data", "show", "a9a"]).stderr
    assert "Fetch it by `fedmm data get a9a`. If it is a file of your data folder, set FEDMM_DATA to that folder." in said
    monkeypatch.setenv("FEDMM_DATA", str(Path(tmp_path)))
    assert "FEDMM_DATA" not in CliRunner().invoke(main, ["data", "show", "a9a"]).stderr
