"""Ratings as a matrix, against a plain loop; MovieLens in its two editions, loose and zipped; and bad files."""

import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedmm.build import source_of
from fedmm.errors import DataError, SpecError
from problems.data import MovieLens, SyntheticRatings, federation, federation_from
from problems.data.ratings import Ratings, matrix

TRIPLES = [(1, 10, 5), (1, 20, 3), (2, 10, 4), (2, 30, 1), (2, 20, 1), (3, 10, 2), (5, 40, 5), (3, 30, 4)]
ONE_M = "".join(f"{u}::{f}::{r}::978300760\n" for u, f, r in TRIPLES)
USERS_1M = "1::F::1::10::48067\n2::M::56::16::70072\n3::M::25::0::55117\n5::F::45::20::0\n"
HUNDRED_K = "".join(f"{u}\t{f}\t{r}\t881250949\n" for u, f, r in TRIPLES)
USERS_100K = "1|17|F|student|85711\n2|60|M|executive|94043\n3|34|M|other|T8H1N\n5|49|F|writer|0\n"


def loose(folder, ratings, users, content, about):
    folder.mkdir(parents=True)
    (folder / ratings).write_text(content)
    if users is not None:
        (folder / users).write_text(about)
    return str(folder)


@given(
    st.dictionaries(st.tuples(st.integers(1, 6), st.integers(1, 8)), st.integers(1, 5), min_size=1, max_size=30),
    st.data(),
    st.sampled_from(["user", "global", "none"]),
)
def test_the_matrix_is_what_its_words_say(given_ratings, data, centre):
    films = sorted({film for _, film in given_ratings})
    m = data.draw(st.integers(1, len(films)))
    popular = sorted(films, key=lambda film: (-sum(f == film for _, f in given_ratings), film))[:m]
    everyone = sorted({user for user, film in given_ratings if film in popular})
    expected = np.zeros((len(everyone), m))
    for (user, film), rating in given_ratings.items():
        if film in popular:
            own = [r for (u, _), r in given_ratings.items() if u == user]
            level = {"user": np.mean(own), "global": np.mean(list(given_ratings.values())), "none": 0.0}[centre]
            expected[everyone.index(user), popular.index(film)] = rating - level
    columns = np.array([(u, f, r) for (u, f), r in given_ratings.items()])
    Z, users, kept = matrix(Ratings(columns[:, 0], columns[:, 1], columns[:, 2].astype(float)), m, centre)
    assert (users.tolist(), kept.tolist()) == (everyone, popular)
    assert pytest.approx(expected, abs=1e-12) == Z


def test_both_editions_loose_and_zipped(tmp_path, monkeypatch):
    one = loose(tmp_path / "a", "ratings.dat", "users.dat", ONE_M, USERS_1M)
    hundred = loose(tmp_path / "data" / "ml-100k", "u.data", "u.user", HUNDRED_K, USERS_100K)
    home = tmp_path / "data" / "ml-1m"
    home.mkdir()
    with zipfile.ZipFile(home / "ml-1m.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ml-1m/README", "terms")
        archive.writestr("ml-1m/ratings.dat", ONE_M)
        archive.writestr("ml-1m/users.dat", USERS_1M)
    monkeypatch.setenv("FEDMM_DATA", str(tmp_path / "data"))
    mean = [4.0, 2.0, 3.0]
    expected = [[5 - mean[0], 3 - mean[0], 0], [4 - mean[1], 1 - mean[1], 1 - mean[1]], [2 - mean[2], 0, 4 - mean[2]]]
    for path in (one, f"{one}/ratings.dat", hundred, "ml-1m", "ml-100k", str(home / "ml-1m.zip")):
        source = MovieLens(path, films=3)
        X, y = source.load(None, 0)
        assert np.array_equal(X, expected)
        assert source.groups().tolist() == ["0-17", "56 or more", "25-34"]
        assert y.tolist() == [0, 2, 1]
        assert source.classes() == {0: "0-17", 1: "25-34", 2: "56 or more"}
        made = federation(source, "contiguous:3")
        assert federation_from(made.origin).digest() == made.digest()
    assert MovieLens(one, films=2, groups_by="gender").groups().tolist() == ["F", "M", "M"]
    assert MovieLens(one, films=2, groups_by="occupation").groups().tolist() == ["K-12-student", "self-employed", "other"]
    assert MovieLens(hundred, films=2, groups_by="occupation").groups().tolist() == ["student", "executive", "other"]
    assert MovieLens(one, films=4).load(None, 0).X.shape == (4, 4)  # user 5 rated the fourth film only
    assert source_of(f"{one}/ratings.dat") == MovieLens(f"{one}/ratings.dat")
    assert source_of(str(home / "ml-1m.zip")) == MovieLens(str(home / "ml-1m.zip"))


def test_without_users_there_are_no_groups(tmp_path):
    path = loose(tmp_path / "a", "ratings.dat", None, ONE_M.replace("\n", "\r\n"), "")
    source = MovieLens(path, films=1)
    assert source.load(None, 0).y is None
    assert source.groups() is None
    assert source.classes() == {}
    pinned = source.pin()
    (tmp_path / "a" / "ratings.dat").write_text(ONE_M.replace("::5::", "::4::"))
    with pytest.raises(DataError, match="not the file that was recorded"):
        pinned.load(None, 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\n", "is empty"),
        (ONE_M + "4::10::0::1\n", "line 9: expected a rating from 1 to 5, got 0"),
        (ONE_M + "4::10::6::1\n", "line 9: expected a rating from 1 to 5, got 6"),
        (ONE_M + "4::10::3.5::1\n", "line 9: expected user::film::rating::time in whole numbers, got '4::10::3.5::1'"),
        (ONE_M + "4::10::-3::1\n", "line 9: expected user::film::rating::time"),
        (ONE_M + "4::10::3\n", "line 9: expected user::film::rating::time"),
        (ONE_M + "4::10::3::1::1\n", "line 9: expected user::film::rating::time"),
        ("1::2::3::4\n\n1::3::3::4\n", "line 2: expected user::film::rating::time"),
        (HUNDRED_K, "line 1: expected user::film::rating::time"),
        (ONE_M + "2::10::3::1\n", "line 9: user 2 rates film 10 a second time"),
        (ONE_M[:-14], "line 8: expected user::film::rating::time"),
        ("user::film\n", "line 1: expected user::film::rating::time"),
        ("1::1::1::1\n", "at least 2 films with ratings, got 1"),
    ],
)
def test_bad_ratings(tmp_path, content, message):
    path = loose(tmp_path / "a", "ratings.dat", None, content, "")
    with pytest.raises(DataError, match=message):
        MovieLens(path, films=2).load(None, 0)


@pytest.mark.parametrize(
    ("about", "message"),
    [
        (USERS_1M.replace("::", "|"), "line 1: expected user, gender, age, occupation and zip code"),
        (USERS_1M.replace("::16::", "::21::"), "line 2: expected an occupation from 0 to 20, got '21'"),
        (USERS_1M.replace("F", "X"), "line 1: expected the gender F or M, got 'X'"),
        (USERS_1M.replace("3::M", "4::M"), "says nothing of user 3, who rated films"),
        (USERS_1M.replace("::25::", "::old::"), "line 3: expected user, gender"),
    ],
)
def test_bad_users(tmp_path, about, message):
    path = loose(tmp_path / "a", "ratings.dat", "users.dat", ONE_M, about)
    with pytest.raises(DataError, match=message):
        MovieLens(path, films=2).load(None, 0)


def test_bad_archives_and_places(tmp_path, monkeypatch):
    monkeypatch.delenv("FEDMM_DATA", raising=False)
    with pytest.raises(DataError, match=r"no MovieLens at 'ml-1m', and FEDMM_DATA is not set; .* `fedmm data get ml-1m`"):
        MovieLens().load(None, 0)
    monkeypatch.setenv("FEDMM_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"no MovieLens at 'ml-100k', nor under FEDMM_DATA .* `fedmm data get ml-100k`"):
        MovieLens("ml-100k").load(None, 0)
    with pytest.raises(DataError, match=r"Expected ratings.dat .* it is not there"):
        MovieLens(str(tmp_path)).load(None, 0)
    path = tmp_path / "ml-1m.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ml-1m/ratings.dat", ONE_M * 50)
    whole = path.read_bytes()
    for content in (whole[:-30], b"", b"no archive", whole[:60] + b"\0\0\0\0" + whole[64:]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"ml-1m.zip is truncated or corrupt"):
            MovieLens(str(path)).load(None, 0)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme", "x")
    with pytest.raises(DataError, match=r"neither ratings.dat nor u.data in"):
        MovieLens(str(path)).load(None, 0)
    with pytest.raises(SpecError, match="films to be an integer >= 1, got 0"):
        MovieLens(films=0)


def test_the_stand_in():
    source = SyntheticRatings(users=60, films=12, tastes=3, centre="none")
    Z, y = source.load(None, 0)
    assert Z.shape == (60, 12)
    assert set(np.unique(Z)) <= {0, 1, 2, 3, 4, 5}
    rated = (Z > 0).mean(axis=0)
    assert rated[0] == 1.0
    assert (np.diff(rated) <= 0).all()  # columns by popularity
    assert np.array_equal(y, source.groups())
    centred = SyntheticRatings(users=60, films=12, tastes=3).load(None, 0).X
    assert centred.sum(axis=1) == pytest.approx(np.zeros(60), abs=1e-12)
    for wrong in ({"users": 0}, {"films": 0}, {"tastes": 0}, {"density": 0.0}, {"density": 1.5}):
        with pytest.raises(SpecError, match=f"synthetic-ratings.{next(iter(wrong))}"):
            SyntheticRatings(**wrong)
