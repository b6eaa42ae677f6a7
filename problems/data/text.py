"""Plain text by speaker, as in a play: windows of characters, and the character that comes next.

A speech begins with a line ``NAME:`` at the start of the file or after an empty line, and ends before the next one; what
is said is the lines between, without the empty ones around them. Windows do not cross speeches. The vocabulary is every
character of the whole file in the order of Unicode, and the code of a character is its place there, from 0.

| argument | symbol |
|---|---|
| window | w, the characters in a window |
| | V, the size of the vocabulary |
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple, Self

import numpy as np

from fedmm.arguments import check_fields
from fedmm.download import Home
from fedmm.errors import DataError, SpecError, suggest
from fedmm.federation import Samples, Source
from problems.data.files import SUFFIXES, check_digests, check_limit, digest, head, read_bytes, shelf, unpacked
from problems.data.homes import TEXT_HOME

__all__ = ["SpeakerText"]

FOLDER = "shakespeare"
"""Where under FEDMM_DATA texts are looked for by name."""

NAME = re.compile(r"(?:\A|(?<=\n\n))([^\n:]{1,60}):[ ]*(?:\n|\Z)")
"""The line that begins a speech."""


class Speeches(NamedTuple):
    """The speakers and what they say, speech by speech, and all characters of the file."""

    speakers: list[str]
    said: list[str]
    vocabulary: str


@dataclass(frozen=True)
class SpeakerText(Source):
    """Windows of characters of a text with ``NAME:`` lines; y is the next character, groups are the speakers.

    Parameters
    ----------
    path : str
        The file (UTF-8; plain, gz, bz2 or xz), or the name of one in the folder ``shakespeare`` under ``FEDMM_DATA``.
    window : int
        w, the characters a window holds.
    stride : int or None
        From one window to the next; None takes w, so that windows do not overlap.
    encoding : {"codes", "one-hot"}
        A row of X is the w codes; or w times V zeros and ones, sparse.
    speeches : int
        Speakers with fewer speeches in the file are left out.
    limit : int or None
        Only the first so many windows.
    sha256 : str or None
        The digest the file must have; None accepts any.
    """

    path: str = "tinyshakespeare"
    window: int = 20
    stride: int | None = None
    encoding: Literal["codes", "one-hot"] = "codes"
    speeches: int = 1
    limit: int | None = None
    sha256: str | None = None

    name: ClassVar[str] = "text"

    def __post_init__(self) -> None:
        check_fields(self)
        check_limit(self.name, self.limit)
        for field, value in (("window", self.window), ("stride", self.stride), ("speeches", self.speeches)):
            if value is not None and value < 1:
                raise SpecError(f"Expected text.{field} to be an integer >= 1, got {value}.")

    def load(self, clients: int | None, seed: int) -> Samples:
        codes, _, vocabulary = self._windows()
        X, y = codes[:, :-1], codes[:, -1].astype(np.float64)
        if self.encoding == "codes":
            return Samples(X.astype(np.float64), y)
        from scipy.sparse import csr_matrix

        (n, w), V = X.shape, len(vocabulary)
        columns = X + V * np.arange(w)
        return Samples(csr_matrix((np.ones(n * w), columns.ravel(), np.arange(0, n * w + 1, w)), shape=(n, w * V)), y)

    def groups(self) -> np.ndarray:
        return self._windows()[1]

    def classes(self) -> Mapping[float, str]:
        return {float(k): repr(letter) for k, letter in enumerate(self._speeches().vocabulary)}

    @classmethod
    def homes(cls) -> tuple[Home, ...]:
        return (TEXT_HOME,)

    def pin(self) -> Self:
        path = self._file()
        return replace(self, path=str(path), sha256=self.sha256 or digest(path))

    @classmethod
    def opens(cls, path: Path) -> Self | None:
        text = head(path).decode("utf-8", errors="replace").replace("\r\n", "\n")
        return cls(str(path)) if NAME.match(text) and len(NAME.findall(text)) > 1 else None

    @classmethod
    def files(cls) -> dict[str, Path]:
        found = {}
        for path in shelf(FOLDER):
            stem = path.name.removesuffix(path.suffix) if path.suffix in SUFFIXES else path.name
            if stem.endswith(".txt"):
                found[stem.removesuffix(".txt")] = path
        return found

    def _file(self) -> Path:
        path = Path(self.path).expanduser()
        if path.is_file():
            return path.resolve()
        known = self.files()
        if self.path in known:
            return known[self.path].resolve()
        if path.is_dir():
            raise DataError(f"Expected a text, {self.path!r} is a directory; name a file in it.")
        hint = suggest(self.path, known) if known else " Give its path, or set FEDMM_DATA to the folder above shakespeare/."
        fetch = " Or fetch it by `fedmm data get tinyshakespeare`." if self.path == "tinyshakespeare" else ""
        raise DataError(f"There is no text {self.path!r}.{hint}{fetch}")

    def _speeches(self) -> Speeches:
        path = self._file()
        raw = read_bytes(path)
        check_digests([(path, raw)], [] if self.sha256 is None else [self.sha256])
        try:
            text = unpacked(path, raw).decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            raise DataError(f"{path} is not a text in UTF-8 (byte {error.start}); convert it.") from error
        if not text.strip():
            raise DataError(f"{path} is empty; expected speeches after lines NAME: of their speakers.")
        pieces = NAME.split(text)
        speakers, said = pieces[1::2], [speech.strip("\n") for speech in pieces[2::2]]
        if not speakers:
            raise DataError(f"{path} has no line NAME: after an empty line; expected a text by speakers.")
        return Speeches(speakers, said, "".join(sorted(set(text))))

    def _windows(self) -> tuple[np.ndarray, np.ndarray, str]:
        """Codes of w + 1 characters (n, w + 1), the speakers (n,) and the vocabulary."""
        speakers, said, vocabulary = self._speeches()
        counts = Counter(speakers)
        place = {letter: code for code, letter in enumerate(vocabulary)}
        rows, groups, total = [], [], 0
        for speaker, speech in zip(speakers, said, strict=True):
            if counts[speaker] < self.speeches or len(speech) <= self.window:
                continue
            codes = np.fromiter((place[letter] for letter in speech), dtype=np.int64, count=len(speech))
            rows.append(np.lib.stride_tricks.sliding_window_view(codes, self.window + 1)[:: self.stride or self.window])
            groups += [speaker] * len(rows[-1])
            total += len(rows[-1])
            if self.limit is not None and total >= self.limit:
                break
        if not rows:
            raise DataError(f"No speech in {self._file()} has more than {self.window} characters; take a smaller window.")
        return np.concatenate(rows)[: self.limit], np.asarray(groups)[: self.limit], vocabulary
