"""MovieLens 100K and 1M: a user's ratings of the most rated films as a vector, missing = 0, centred.

How the matrix is made is said in `problems.data.ratings`. The files may lie in a folder or in the zip archive that
GroupLens hands out.
Source: F. M. Harper, J. A. Konstan, "The MovieLens datasets: history and context", ACM TiiS 5, 2015.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple, Self

import numpy as np

from fedmm.arguments import check_fields
from fedmm.download import Home
from fedmm.errors import DataError, SpecError
from fedmm.federation import Samples, Source
from problems.data.files import BROKEN, check_digests, data_folder, digest, read_bytes, unpacked
from problems.data.homes import MOVIELENS_HOMES
from problems.data.ratings import Centre, Ratings, matrix

__all__ = ["MovieLens"]

AGES = {1: "0-17", 18: "18-24", 25: "25-34", 35: "35-44", 45: "45-49", 50: "50-55", 56: "56 or more"}
"""The age groups of MovieLens 1M by the age they begin at; the ages of 100K are put into the same ones."""

JOBS = [
    "other",
    "academic/educator",
    "artist",
    "clerical/admin",
    "college/grad-student",
    "customer-service",
    "doctor/health-care",
    "executive",
    "farmer",
    "homemaker",
    "K-12-student",
    "lawyer",
    "programmer",
    "retired",
    "sales/marketing",
    "scientist",
    "self-employed",
    "technician/engineer",
    "tradesman/craftsman",
    "unemployed",
    "writer",
]
"""The occupations of MovieLens 1M, 0 to 20; those of 100K are words in the file."""


class Edition(NamedTuple):
    """How an edition writes its files."""

    ratings: str
    users: str
    between: bytes
    fields: bytes
    columns: Mapping[str, int]


EDITIONS = {
    "ml-1m": Edition("ratings.dat", "users.dat", b"::", b"::", {"gender": 1, "age": 2, "occupation": 3}),
    "ml-100k": Edition("u.data", "u.user", b"\t", b"|", {"age": 1, "gender": 2, "occupation": 3}),
}


class Bundle(NamedTuple):
    """The files of one edition: what they are called in messages, and their contents."""

    edition: Edition
    ratings: tuple[Path, bytes]
    users: tuple[Path, bytes] | None
    sources: list[tuple[Path, bytes]]


@dataclass(frozen=True)
class MovieLens(Source):
    """Users' ratings of the films most rated, centred, missing = 0; y and groups by age, gender or occupation.

    Parameters
    ----------
    path : str
        ``ratings.dat`` (1M) or ``u.data`` (100K), a folder or a zip archive with one of them, or the name of one of these
        under ``FEDMM_DATA``: ``ml-1m`` or ``ml-100k``.
    films : int
        m, the number of films, those with most ratings.
    centre : {"user", "global", "none"}
        What is subtracted from a rating: the mean of all that user's ratings, the mean of all ratings, or nothing.
    groups_by : {"age", "gender", "occupation"}
        What groups users; y is the number of the group. Without ``users.dat`` or ``u.user`` beside the ratings there are
        neither groups nor y.
    sha256 : tuple of str
        The digests that the archive, or else the ratings and users, must have; empty accepts any.
    """

    path: str = "ml-1m"
    films: int = 100
    centre: Centre = "user"
    groups_by: Literal["age", "gender", "occupation"] = "age"
    sha256: tuple[str, ...] = ()

    name: ClassVar[str] = "movielens"

    def __post_init__(self) -> None:
        check_fields(self)
        if self.films < 1:
            raise SpecError(f"Expected movielens.films to be an integer >= 1, got {self.films}.")

    def load(self, clients: int | None, seed: int) -> Samples:
        bundle = self._bundle()
        Z, users, _ = matrix(_ratings(*bundle.ratings, bundle.edition), self.films, self.centre)
        if bundle.users is None:
            return Samples(Z)
        _, codes = np.unique(self._groups(bundle, users), return_inverse=True)
        return Samples(Z, codes.astype(float))

    def groups(self) -> np.ndarray | None:
        bundle = self._bundle()
        if bundle.users is None:
            return None
        _, users, _ = matrix(_ratings(*bundle.ratings, bundle.edition), self.films, self.centre)
        return self._groups(bundle, users)

    def classes(self) -> Mapping[float, str]:
        groups = self.groups()
        return {} if groups is None else {float(k): str(name) for k, name in enumerate(np.unique(groups))}

    @classmethod
    def homes(cls) -> tuple[Home, ...]:
        return MOVIELENS_HOMES

    def pin(self) -> Self:
        path = self._place()
        found = tuple(digest(file) for file, _ in self._bundle().sources)
        return replace(self, path=str(path), sha256=self.sha256 or found)

    @classmethod
    def opens(cls, path: Path) -> Self | None:
        names = {edition.ratings for edition in EDITIONS.values()} | {f"{name}.zip" for name in EDITIONS}
        return cls(str(path)) if path.name in names else None

    def _place(self) -> Path:
        given = Path(self.path).expanduser()
        if given.exists():
            return given.resolve()
        root = data_folder()
        for place in [] if root is None else [root / self.path, root / f"{self.path}.zip", root / self.path / f"{self.path}.zip"]:
            if place.exists():
                return place.resolve()
        known = self.path if self.path in EDITIONS else "ml-1m"
        where = "and FEDMM_DATA is not set" if root is None else f"nor under FEDMM_DATA ({root})"
        raise DataError(
            f"There is no MovieLens at {self.path!r}, {where}; give path=FOLDER, or fetch it by `fedmm data get {known}`."
        )

    def _bundle(self) -> Bundle:
        place = self._place()
        if place.is_file() and place.suffix == ".zip":
            return self._zipped(place)
        for edition in EDITIONS.values():
            path = place if place.is_file() else place / edition.ratings
            if path.is_file() and path.name == edition.ratings:
                beside = path.parent / edition.users
                files = [(file, read_bytes(file)) for file in (path, beside) if file.is_file()]
                check_digests(files, self.sha256)
                texts = [(file, unpacked(file, raw)) for file, raw in files]
                return Bundle(edition, texts[0], texts[1] if len(texts) > 1 else None, files)
        if place.is_dir():
            archive = next((file for name in EDITIONS if (file := place / f"{name}.zip").is_file()), None)
            if archive is not None:
                return self._zipped(archive)
        raise DataError(f"Expected ratings.dat (MovieLens 1M) or u.data (100K) at {place}, it is not there; check the path.")

    def _zipped(self, path: Path) -> Bundle:
        raw = read_bytes(path)
        check_digests([(path, raw)], self.sha256)
        try:
            with zipfile.ZipFile(io.BytesIO(raw)) as archive:
                inside = {Path(name).name: name for name in archive.namelist()}
                for edition in EDITIONS.values():
                    if edition.ratings in inside:
                        ratings = path / edition.ratings, archive.read(inside[edition.ratings])
                        users = None
                        if edition.users in inside:
                            users = path / edition.users, archive.read(inside[edition.users])
                        return Bundle(edition, ratings, users, [(path, raw)])
        except (*BROKEN, zipfile.BadZipFile, NotImplementedError) as error:
            raise DataError(f"{path} is truncated or corrupt ({error}); fetch it again.") from error
        raise DataError(f"There is neither ratings.dat nor u.data in {path}; expected the archive of MovieLens 1M or 100K.")

    def _groups(self, bundle: Bundle, users: np.ndarray) -> np.ndarray:
        """The group of each of these users, as a name."""
        assert bundle.users is not None
        table = _users(*bundle.users, bundle.edition)
        unknown = [user for user in users if int(user) not in table]
        if unknown:
            raise DataError(f"{bundle.users[0]} says nothing of user {unknown[0]}, who rated films; fetch it again.")
        return np.asarray([table[int(user)][self.groups_by] for user in users])


def _ratings(path: Path, content: bytes, edition: Edition) -> Ratings:
    """The ratings of a file: user, film, rating 1 to 5 and a time stamp a line."""
    if not content.strip():
        raise DataError(f"{path} is empty; expected lines of user, film, rating and time.")
    between = re.escape(edition.between)
    line = rb"[ \t]*\d{1,9}" + (between + rb"\d{1,18}") * 3 + rb"[ \t]*\r?"
    if re.fullmatch(rb"(?:%b\n)*(?:%b)?\s*" % (line, line), content) is None:
        raise _fault(path, content, line, edition)
    numbers = np.fromstring(content.replace(b"::", b" "), dtype=np.int64, sep=" ").reshape(-1, 4)
    user, film, rating = numbers[:, 0], numbers[:, 1], numbers[:, 2]
    if (bad := (rating < 1) | (rating > 5)).any():
        at = int(np.argmax(bad))
        raise DataError(f"{path}, line {at + 1}: expected a rating from 1 to 5, got {rating[at]}.")
    order = np.lexsort((film, user))
    same = (np.diff(user[order]) == 0) & (np.diff(film[order]) == 0)
    if same.any():
        at = order[int(np.argmax(same)) + 1]
        raise DataError(f"{path}, line {at + 1}: user {user[at]} rates film {film[at]} a second time; keep one rating.")
    return Ratings(user, film, rating.astype(np.float64))


def _fault(path: Path, content: bytes, line: bytes, edition: Edition) -> DataError:
    form = edition.between.join([b"user", b"film", b"rating", b"time"]).decode().replace("\t", "<tab>")
    for number, text in enumerate(content.split(b"\n"), start=1):
        if re.fullmatch(line, text) is None:
            got = text.decode("utf-8", errors="replace")[:60]
            return DataError(f"{path}, line {number}: expected {form} in whole numbers, got {got!r}.")
    return DataError(f"{path} is not a file of ratings; expected lines {form}.")


def _users(path: Path, content: bytes, edition: Edition) -> dict[int, dict[str, str]]:
    """The groups that each user belongs to."""
    table = {}
    for number, line in enumerate(content.decode("latin-1").splitlines(), start=1):
        words = line.split(edition.fields.decode())
        if len(words) != 5 or not (words[0].isdigit() and words[edition.columns["age"]].isdigit()):
            raise DataError(f"{path}, line {number}: expected user, gender, age, occupation and zip code, got {line[:60]!r}.")
        found = {key: words[column].strip() for key, column in edition.columns.items()}
        age = int(found["age"])
        start = max((bound for bound in AGES if bound <= max(age, 1)), default=1)
        job = found["occupation"]
        if edition is EDITIONS["ml-1m"] and not (job.isdigit() and int(job) < len(JOBS)):
            raise DataError(f"{path}, line {number}: expected an occupation from 0 to {len(JOBS) - 1}, got {job!r}.")
        if found["gender"] not in ("F", "M"):
            raise DataError(f"{path}, line {number}: expected the gender F or M, got {found['gender']!r}.")
        named = JOBS[int(job)] if edition is EDITIONS["ml-1m"] else job
        table[int(words[0])] = {"age": AGES[start], "gender": found["gender"], "occupation": named}
    return table
