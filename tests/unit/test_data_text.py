"""Text by speaker: the windows, the vocabulary, the speakers, and the sentence for every way a file can be bad."""

import ast
import hashlib
import lzma

import numpy as np
import pytest

from fedmm.build import source_of
from fedmm.errors import DataError, SpecError
from problems.data import SpeakerText, federation, federation_from

PLAY = """ANNA:
abcdefg

BEN:
hi: there
you:
all

ANNA:
xyz

CARL:

BEN:
o
"""


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "play.txt"
    file.write_text(PLAY)
    return str(file)


def decoded(source):
    """Windows and targets as characters again."""
    X, y = source.load(None, 0)
    letters = "".join(sorted(set(PLAY)))
    return ["".join(letters[int(code)] for code in row) for row in X], "".join(letters[int(code)] for code in y)


def test_windows_do_not_cross_speeches(path):
    source = SpeakerText(path, window=3)
    windows, targets = decoded(source)
    assert windows == ["abc", "def", "hi:", " th", "ere", "\nyo", "u:\n"]
    assert targets == "dg e\nua"
    assert source.groups().tolist() == ["ANNA", "ANNA", "BEN", "BEN", "BEN", "BEN", "BEN"]
    assert decoded(SpeakerText(path, window=3, stride=1))[0][:4] == ["abc", "bcd", "cde", "def"]
    assert decoded(SpeakerText(path, window=3, limit=2))[0] == ["abc", "def"]
    assert SpeakerText(path, window=3, limit=3).groups().tolist() == ["ANNA", "ANNA", "BEN"]
    assert set(SpeakerText(path, window=2, speeches=2).groups()) == {"ANNA", "BEN"}
    assert set(SpeakerText(path, window=1, speeches=2).groups()) == {"ANNA", "BEN"}


def test_vocabulary_is_that_of_the_whole_file(path):
    letters = "".join(sorted(set(PLAY)))
    source = SpeakerText(path, window=3)
    assert source.classes() == {float(k): repr(letter) for k, letter in enumerate(letters)}
    codes, y = source.load(None, 0)
    assert codes.dtype == y.dtype == np.float64
    X, _ = SpeakerText(path, window=3, encoding="one-hot").load(None, 0)
    V = len(letters)
    assert X.shape == (7, 3 * V)
    dense = X.toarray().reshape(7, 3, V)
    assert np.array_equal(dense.argmax(axis=2), codes)
    assert np.array_equal(dense.sum(axis=2), np.ones((7, 3)))


def test_records_and_names(tmp_path, monkeypatch, path):
    (tmp_path / "shakespeare").mkdir()
    packed = tmp_path / "shakespeare" / "play.txt.xz"
    packed.write_bytes(lzma.compress(b"\xef\xbb\xbf" + PLAY.replace("\n", "\r\n").encode()))
    monkeypatch.setenv("FEDMM_DATA", str(tmp_path))
    assert source_of("play") == SpeakerText(str(packed))
    made = federation("text:play,window=3", "contiguous:2")
    assert made.digest() == federation(SpeakerText(path, window=3), "contiguous:2").digest()
    assert federation_from(made.origin).digest() == made.digest()
    packed.write_bytes(lzma.compress(PLAY.encode()))
    with pytest.raises(DataError, match="not the file that was recorded"):
        federation_from(made.origin)
    with pytest.raises(DataError, match=r"no text 'plau'. Did you mean 'play'"):
        SpeakerText("plau").load(None, 0)
    with pytest.raises(DataError, match=r"fetch it by `fedmm data get tinyshakespeare`"):
        SpeakerText().load(None, 0)
    with pytest.raises(DataError, match="is a directory"):
        SpeakerText(str(tmp_path)).load(None, 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"A:\n\xff\xfe\n", r"not a text in UTF-8 \(byte 3\)"),
        (b"only words\nand: more\n", "no line NAME: after an empty line"),
        (b"A:\nab\n\nB:\ncd\n", "No speech in .* has more than 20 characters"),
        (lzma.compress(PLAY.encode() * 40)[:-20], "truncated or corrupt"),
    ],
)
def test_bad_texts(tmp_path, content, message):
    path = tmp_path / "text"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        SpeakerText(str(path)).load(None, 0)


@pytest.mark.parametrize("field", ["window", "stride", "speeches", "limit"])
def test_bad_fields(field):
    with pytest.raises(SpecError, match=f"Expected text.{field} to be an integer >= 1, got 0"):
        SpeakerText(**{field: 0})


def test_tiny_shakespeare(fedmm_data):
    path = fedmm_data("shakespeare/tinyshakespeare.txt.xz")
    text = lzma.decompress(path.read_bytes())
    remote = SpeakerText.homes()[0].files[0]
    assert f"sha256:{hashlib.sha256(text).hexdigest()}" == remote.digest
    source = source_of(path)
    assert source == SpeakerText(str(path))
    X, y = source.load(None, 0)
    speakers = source.groups()
    assert X.shape == (len(y), 20)
    assert len(speakers) == len(y)
    letters = [ast.literal_eval(letter) for letter in source.classes().values()]
    assert len(letters) == 65
    assert "".join(letters[int(code)] for code in X[0]) == "Before we proceed an"
    assert (letters[int(y[0])], speakers[0]) == ("y", "First Citizen")
    assert len(np.unique(SpeakerText(str(path), speeches=10).groups())) == 146
